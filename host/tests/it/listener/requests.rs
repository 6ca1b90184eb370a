//! S26, S31 and S36: what is no request, or two of them. Each is answered once, and
//! where it is not clear where it ends, nothing behind it is read.

use reqwest::StatusCode;

use super::{Client, Stand, statuses};

/// What would be read if the one before it ended somewhere else.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// `<h>` is the host's name, `<s>` the smuggled request, `<n>` its length.
async fn answers(stand: &Stand, shape: &str) -> Vec<u16> {
    let shape = shape
        .replace("<h>", &stand.host())
        .replace("<n>", &SMUGGLED.len().to_string())
        .replace("<s>", SMUGGLED);
    let host = stand.host();
    let probe = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut client = stand.connect().await;
    // It may be closed before all of it is taken.
    let all = shape + &probe;
    let _ = tokio::io::AsyncWriteExt::write_all(&mut client.0, all.as_bytes()).await;
    statuses(&client.rest().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_in_one_place_or_nothing_behind_it_is_read() {
    let stand = Stand::new(|_| ()).await;
    let mut wrong = String::new();
    for (shape, expect) in [
        // The positive control: one request, then the probe.
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\n\r\n",
            &[200, 200][..],
        ),
        (
            "GET http://<h>/healthz HTTP/1.1\r\nHost: <h>\r\n\r\n",
            &[200, 200],
        ),
        // Two lengths.
        (
            "POST /api/streams/refresh HTTP/1.1\r\nHost: <h>\r\nContent-Length: <n>\r\n\
          Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n<s>",
            &[411],
        ),
        (
            "POST /api/streams/refresh HTTP/1.1\r\nHost: <h>\r\nTransfer-Encoding: chunked\r\n\
          Content-Length: <n>\r\n\r\n0\r\n\r\n<s>",
            &[411],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: 0\r\nContent-Length: <n>\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: <n>\r\nContent-Length: 0\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: 0, <n>\r\n\r\n<s>",
            &[400],
        ),
        // Lengths that are none.
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: +<n>\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: -1\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: 0x10\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: 1 0\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: 18446744073709551616\r\n\r\n<s>",
            &[400],
        ),
        // Codings.
        (
            "POST / HTTP/1.0\r\nHost: <h>\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<s>",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: <h>\r\nTransfer-Encoding: identity\r\n\r\n<s>",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: <h>\r\nTransfer-Encoding: xchunked\r\n\r\n<s>",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: <h>\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n<s>",
            &[400],
        ),
        (
            "POST /healthz HTTP/1.1\r\nHost: <h>\r\nTransfer-Encoding: chunked\r\n\
          Transfer-Encoding: identity\r\n\r\n0\r\n\r\n<s>",
            &[400],
        ),
        // Lines.
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nX: a\r\n b: c\r\n\r\n",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length : 5\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\n Content-Length: 5\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nX: a\rContent-Length: 5\r\n\r\n<s>",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nX: a\0b\r\n\r\n",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nno colon\r\n\r\n",
            &[400],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\n: nameless\r\n\r\n",
            &[400],
        ),
        ("GET /health\tz HTTP/1.1\r\nHost: <h>\r\n\r\n", &[400]),
        ("GET  /healthz HTTP/1.1\r\nHost: <h>\r\n\r\n", &[400]),
        // Versions.
        ("GET /healthz\r\n\r\n", &[400]),
        ("GET /healthz HTTP/1.2\r\nHost: <h>\r\n\r\n", &[400]),
        ("GET /healthz HTTP/9.9\r\nHost: <h>\r\n\r\n", &[400]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
        // Whom it is for.
        ("GET /api/streams HTTP/1.1\r\n\r\n", &[421, 200]),
        (
            "GET /api/streams HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            &[421, 200],
        ),
        (
            "GET /api/streams HTTP/1.1\r\nHost: <h>\r\nHost: evil.example\r\n\r\n",
            &[421, 200],
        ),
        (
            "GET http://evil.example/api/streams HTTP/1.1\r\nHost: <h>\r\n\r\n",
            &[400, 200],
        ),
        (
            "GET http://<h>/api/streams HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            &[421, 200],
        ),
        // Nothing is tunnelled, and nothing becomes another protocol.
        (
            "CONNECT 10.0.0.7:22 HTTP/1.1\r\nHost: <h>\r\n\r\n",
            &[400, 200],
        ),
        ("CONNECT <h> HTTP/1.1\r\nHost: <h>\r\n\r\n", &[404, 200]),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            &[200, 200],
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nConnection: Upgrade, HTTP2-Settings\r\n\
          Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            &[200, 200],
        ),
        // A body that nobody reads does not become a request.
        (
            "GET /healthz HTTP/1.1\r\nHost: <h>\r\nContent-Length: <n>\r\n\r\n<s>",
            &[200, 200],
        ),
        (
            "POST /api/nothing HTTP/1.1\r\nHost: <h>\r\nContent-Length: <n>\r\n\r\n<s>",
            &[404, 200],
        ),
        (
            "POST /api/streams/refresh HTTP/1.1\r\nHost: <h>\r\nContent-Length: <n>\r\n\
          Expect: 100-continue\r\n\r\n<s>",
            &[202, 200],
        ),
    ] {
        let got = answers(&stand, shape).await;
        if got != expect {
            wrong += &format!("{got:?}, not {expect:?}: {shape:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    stand.assert_plays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_much_is_refused() {
    let stand = Stand::new(|_| ()).await;
    let field = |name: &str, length: usize| format!("{name}: {}\r\n", "a".repeat(length));
    let many: String = (0..63).map(|n| field(&format!("X-{n}"), 10)).collect();
    let endless: String = (0..10_000).map(|n| field(&format!("X-{n}"), 10)).collect();
    let start = "GET /healthz HTTP/1.1\r\nHost: <h>\r\n";
    let attack = async {
        for (what, shape, expect) in [
            (
                "63 more fields",
                format!("{start}{many}\r\n"),
                &[200, 200][..],
            ),
            (
                "64 more fields",
                format!("{start}{many}X: y\r\n\r\n"),
                &[431],
            ),
            ("10,000 fields", format!("{start}{endless}\r\n"), &[431]),
            (
                "a field of 20 KiB",
                format!("{start}{}\r\n", field("X", 20 << 10)),
                &[200, 200],
            ),
            (
                "a field of 64 KiB",
                format!("{start}{}\r\n", field("X", 64 << 10)),
                &[431],
            ),
            (
                "a name of 64 KiB",
                format!("{start}{}: x\r\n\r\n", "a".repeat(64 << 10)),
                &[431],
            ),
            (
                "a path of 16 KiB",
                format!(
                    "GET /{} HTTP/1.1\r\nHost: <h>\r\n\r\n",
                    "a".repeat(16 << 10)
                ),
                &[404, 200],
            ),
            (
                "a path of 64 KiB",
                format!(
                    "GET /{} HTTP/1.1\r\nHost: <h>\r\n\r\n",
                    "a".repeat(64 << 10)
                ),
                &[431],
            ),
            (
                "a method of 64 KiB",
                format!("{} / HTTP/1.1\r\nHost: <h>\r\n\r\n", "A".repeat(64 << 10)),
                &[431],
            ),
        ] {
            let got = answers(&stand, &shape).await;
            // Who is closed while it still sends may not see why.
            let is_refused = got.is_empty() && expect == [431];
            assert!(got == expect || is_refused, "{what}: {got:?}");
        }
    };
    tokio::join!(attack, stand.assert_plays());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_do_nothing() {
    let stand = Stand::new(|_| ()).await;
    let list = &stand.list;
    for method in [
        "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "POST", "get", "X",
    ] {
        for path in ["/api/streams", list, "/relay?url=x"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: <h>\r\n\r\n");
            let got = answers(&stand, &request).await;
            assert_eq!(got, [405, 200], "{method} {path}");
        }
    }
    let asked = stand.origin.asked();
    assert_eq!(asked, 0, "nothing of it was fetched");
    let head = format!("HEAD {list} HTTP/1.1\r\nHost: <h>\r\n\r\n");
    assert_eq!(answers(&stand, &head).await, [200, 200], "without a body");
    let options = format!("OPTIONS {list} HTTP/1.1\r\nHost: <h>\r\n\r\n");
    assert_eq!(answers(&stand, &options).await, [204, 200]);
    let all = "OPTIONS * HTTP/1.1\r\nHost: <h>\r\n\r\n";
    assert_eq!(answers(&stand, all).await, [204, 200]);
    // What a request carries is not sent back.
    let mut client = Client::new(stand.address(), None).await;
    let host = stand.host();
    let trace =
        format!("TRACE / HTTP/1.1\r\nHost: {host}\r\nCookie: secret\r\nConnection: close\r\n\r\n");
    client.send(trace).await;
    let answer = client.rest().await;
    assert!(!answer.contains("secret"), "{answer}");
    let get = stand.house.get(list).await;
    assert_eq!(get.status(), StatusCode::OK, "the positive control");
}
