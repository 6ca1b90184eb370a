//! S31 and S32: bodies that are brought or taken slowly.

use std::time::Duration;

use f1_streams::proxy::Kind;
use futures::future::join_all;
use tokio::io::AsyncReadExt as _;

use super::{Client, LONG, Stand, statuses};
use crate::origin::sealed;

const SHORT: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_ends_with_the_handlers_time() {
    let stand = Stand::new(|config| config.server.handler_timeout = SHORT).await;
    let (host, token) = (stand.host(), &stand.house.token);
    // Of a route that reads it, and of one that does not.
    let attack = join_all((0..40).map(async |n| {
        let path = [
            "/login",
            "/api/admin/plugins/reload",
            "/api/streams/refresh",
        ][n % 3];
        let mut client = stand.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nf1-streams-page: 1\r\n\
             Content-Length: 1000\r\n\r\n"
        );
        client.send(head).await;
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        let dripping = async {
            loop {
                tokio::select! {
                    read = client.0.read(&mut buffer) => match read {
                        Ok(read @ 1..) => got.extend_from_slice(&buffer[..read]),
                        _ => return,
                    },
                    () = tokio::time::sleep(SHORT / 5) => {}
                }
                let drop = tokio::io::AsyncWriteExt::write_all(&mut client.0, b" ");
                if drop.await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(LONG, dripping).await.expect("it ends");
        String::from_utf8_lossy(&got).into_owned()
    }));
    let (answers, ()) = tokio::join!(attack, stand.assert_plays());
    for answer in answers {
        let status = statuses(&answer);
        assert!(status.len() == 1, "answered once: {answer}");
        assert!([200, 202, 503].contains(&status[0]), "{answer}");
    }
    // Those that were read, and no other.
    let cut = stand.house.metrics.limit_hits("server.handler_timeout");
    assert_eq!(cut, 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_not_read() {
    let stand = Stand::new(|config| config.server.max_body = bytesize::ByteSize(1000)).await;
    let (host, token) = (stand.host(), &stand.house.token);
    for (length, sent, expect) in [
        (1000, 1000, 202),
        (1001, 1001, 413),
        (1_u64 << 40, 10_000, 413),
    ] {
        let mut client = stand.connect().await;
        let head = format!(
            "POST /api/streams/refresh HTTP/1.1\r\nHost: {host}\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
        );
        client.send(head + &" ".repeat(sent)).await;
        let head = client.head().await;
        assert_eq!(statuses(&head), [expect], "{length}");
    }
    assert_eq!(stand.house.metrics.limit_hits("server.max_body"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_is_cut_and_its_upstream_let_go() {
    let stand = Stand::new(|config| config.server.write_timeout = SHORT).await;
    let host = stand.host();
    let attack = join_all((0..20).map(async |n| {
        // Each another resource: nobody else's reading helps.
        let url = stand.origin.url(&format!("/endless.ts?{n}"));
        let link = sealed(&stand.house, Kind::Segment, &url);
        let mut client = Client::new(stand.address(), Some(4096)).await;
        client
            .send(format!("GET {link} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        client
    }));
    let (clients, ()) = tokio::join!(attack, stand.assert_plays());
    stand.counts("server.write_timeout", 20).await;
    stand
        .house
        .wait("all relays to end", async |house| {
            let text = house.metrics.encode();
            text.contains("f1_streams_relays_open 0\n").then_some(())
        })
        .await;
    drop(clients);
}
