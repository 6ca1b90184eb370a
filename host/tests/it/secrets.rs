//! A marker in every place where a secret can be: what needs it gets it, and
//! nobody else sees it, in whatever the service says.
//!
//! `[settings]` is none of these places: that document is the plugin's to show.
//! Nor is what a plugin holds itself: it stands in its file, and a recording of a
//! call that went well says what it answered.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::Value;

use crate::guests::{Guest, Image, Record, TRAP};
use crate::house::uri_lines;
use crate::origin::{Ask, Origin, Step, head, ok, packets, playlist, whole};
use crate::service::{Service, program};

/// What all markers begin with: it stays as it is in JSON and percent-encoding.
const CORE: &str = "m4rk3r";
/// Where answers of imports go.
const ANSWER: u32 = 1 << 17;

/// A secret of its own for each place, with what has to be escaped in it.
fn marker(place: &str) -> String {
    format!("{CORE}-{place}/+\"q\\z={place}")
}

/// Every form of the core that is looked for.
fn needles() -> Vec<Vec<u8>> {
    let encoded: String = CORE.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let mut forms = vec![CORE.to_owned(), encoded.to_uppercase(), encoded];
    forms.push(CORE.bytes().map(|byte| format!("\\u{byte:04x}")).collect());
    forms.push(CORE.bytes().map(|byte| format!("{byte:02x}")).collect());
    // Wherever in base64 it begins: the letters that hang on nothing else.
    for before in 0..3 {
        let text = STANDARD.encode(["x".repeat(before), CORE.to_owned()].concat());
        let (from, to) = ((before * 4).div_ceil(3), (before + CORE.len()) * 4 / 3);
        forms.push(text[from..to].to_owned());
    }
    forms.into_iter().map(String::into_bytes).collect()
}

/// Where a marker shows, and a piece of what stands around it.
fn leaks(seen: &[(String, Vec<u8>)]) -> Vec<String> {
    let needles = needles();
    let mut found = Vec::new();
    for (name, bytes) in seen {
        for needle in &needles {
            let at = bytes
                .windows(needle.len())
                .position(|window| window == needle);
            if let Some(at) = at {
                let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
                found.push(format!("{name}: {}", String::from_utf8_lossy(around)));
            }
        }
    }
    found
}

/// What a command says.
async fn said(dir: PathBuf, args: &'static [&'static str]) -> (String, Vec<u8>) {
    let work = move || program(&dir).args(args).output().unwrap();
    let output = tokio::task::spawn_blocking(work).await.unwrap();
    (args.join(" "), [output.stdout, output.stderr].concat())
}

/// Asks with what it has, says and attaches it, and ends as told.
fn guest(key: &'static str, origin: &Origin, end: impl FnOnce(&mut Image) -> String) -> Vec<u8> {
    let secret = marker("secret");
    let mut image = Image::new();
    let held = "_".repeat(secret.len());
    let headers = image.fields(&[
        ("Authorization".into(), format!("Bearer {}", marker("auth"))),
        ("X-Secret".into(), held.clone()),
        ("X-From-File".into(), "-".repeat(marker("file").len())),
    ]);
    let mut take = |name: &str, place: &str, length: usize| {
        let at = image.find(place);
        let name = image.put(name);
        format!(
            "i32.const {} i32.const {} i32.const {ANSWER} call $secret
            i32.const {ANSWER} i32.load8_u i32.eqz if unreachable end
            i32.const {at} i32.const {ANSWER} i32.load offset=4 i32.const {length} memory.copy ",
            name.0, name.1
        )
    };
    let takes = [
        take("password", &held, secret.len()),
        take(
            "from-file",
            &"-".repeat(marker("file").len()),
            marker("file").len(),
        ),
    ]
    .concat();
    let (at, length) = (image.find(&held), secret.len());
    let (name, kind) = (image.put("page.html"), image.put("text/html"));
    let send = image.send(&origin.url("/page"), headers, (0, 0, 0), ANSWER);
    let ends = end(&mut image);
    let guest = Guest {
        key,
        extract: format!(
            "{takes} {send}
            i32.const 3 i32.const {at} i32.const {length} i32.const 0 i32.const 0 call $log
            i32.const {} i32.const {} i32.const {} i32.const {} i32.const {at} i32.const {length}
            call $attach
            {ends}",
            name.0, name.1, kind.0, kind.1
        )
        .leak(),
        data: image.bytes().to_vec(),
        hosts: vec!["*".into()],
        secrets: &["password", "from-file"],
        pages: 16,
        ..Guest::default()
    };
    guest.component()
}

fn answer(ask: &Ask) -> Vec<Step> {
    match ask.path() {
        "/page" => {
            let cookie = format!("sid={CORE}-cookie; Path=/");
            whole(
                "200 OK",
                &[("Set-Cookie", cookie.as_str())],
                b"<p>a page</p>",
            )
        }
        "/live.m3u8" => playlist(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ngone.ts\n#EXTINF:2,\nseg.ts\n\
             #EXT-X-ENDLIST\n",
        ),
        "/seg.ts" => ok(&packets(100)),
        "/hook" => ok(b"{}"),
        _ => vec![Step::Send(head(
            "403 Forbidden",
            &[("Content-Length", "0")],
        ))],
    }
}

fn site(origin: &Origin) -> String {
    format!(
        r#"
        base_url = "{}"
        allow_addresses = ["127.0.0.3/32"]
        [headers]
        X-Key = '{}'
        [secrets]
        password = '{}'
        from-file = {{ file = "{CORE}.txt" }}
        "#,
        origin.url(""),
        marker("header"),
        marker("secret")
    )
}

async fn nothing_is_said(format: &str) {
    let origin = Origin::new(answer).await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for sub in ["plugins", "sites"] {
        fs::create_dir_all(data.join(sub)).unwrap();
    }
    let token = format!("{CORE}-admin-token-of-enough-letters");
    fs::write(data.join("admin.token"), &token).unwrap();
    let mut key = CORE.as_bytes().to_vec();
    key.resize(32, b'k');
    fs::write(data.join("links.key"), STANDARD.encode(key)).unwrap();
    fs::write(data.join(format!("sites/{CORE}.txt")), marker("file")).unwrap();

    let record = Record {
        headers: vec![("X-Media".into(), marker("media"))],
        cookies: true,
        ..Record::new("main", &origin.url("/live.m3u8"))
    };
    let works = guest("works", &origin, |image| {
        format!("i32.const {}", image.streams(std::slice::from_ref(&record)))
    });
    let text = marker("secret");
    // What the plugin was given, not what it holds.
    let error = |case: u32| {
        move |image: &mut Image| {
            let length = marker("secret").len();
            let text = (
                image.find(&"_".repeat(length)),
                u32::try_from(length).unwrap(),
            );
            format!("i32.const {}", image.error(case, text))
        }
    };
    let mended = guest("other", &origin, |image| {
        format!("i32.const {}", image.streams(&[record]))
    });
    let broken_again = guest("other", &origin, error(7));
    for (key, component) in [
        ("works", works),
        ("traps", guest("traps", &origin, |_| TRAP.to_owned())),
        ("changed", guest("changed", &origin, error(1))),
        ("other", guest("other", &origin, error(7))),
        (
            "blocked",
            guest("blocked", &origin, |image| {
                format!("i32.const {}", image.error(2, (0, 0)))
            }),
        ),
    ] {
        fs::write(data.join(format!("plugins/{key}.wasm")), component).unwrap();
        fs::write(data.join(format!("sites/{key}.toml")), site(&origin)).unwrap();
    }
    let proxy = format!("proxy = 'http://me:{CORE}-proxy@127.0.0.3:9'");
    let proxied = format!("plugin = \"works\"\n{proxy}\n{}", site(&origin));
    fs::write(data.join("sites/proxied.toml"), proxied).unwrap();
    // Nor does one who writes it wrong find it in what is said of it.
    let broken = format!("plugin = \"works\"\n[secrets]\npassword = '{text}\n");
    fs::write(data.join("sites/broken.toml"), broken).unwrap();
    let wrong = format!("plugin = \"works\"\n[headers]\nX-Key = [ '{text}' ]\n");
    fs::write(data.join("sites/wrong.toml"), wrong).unwrap();

    let hook = format!("{}?token={CORE}-hook", origin.url("/hook"));
    let text = format!(
        r#"
        [health]
        interval = "1s"
        [webhook]
        url = '{hook}'
        allow_addresses = ["127.0.0.3/32"]
        interval = "0"
        [plugins]
        poll = "300ms"
        settle = "50ms"
        [extraction]
        interval = "1s"
        [log]
        filter = "f1_streams=trace,plugin=trace"
        format = "{format}"
        per_second = 0
        "#
    );
    let service = Service::start(dir, &text).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let mut seen = Vec::new();
    let get = async |url: String, bearer: Option<&str>| {
        let request = client.get(&url);
        let request = match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.unwrap();
        let said = format!("{} {:?}", response.status(), response.headers());
        let body = response.bytes().await.unwrap();
        (
            format!("GET {url}"),
            [said.as_bytes(), &body].concat(),
            body,
        )
    };
    let json = async |path: &str| -> Value {
        let (_, _, body) = get(format!("{}{path}", service.base), Some(&token)).await;
        serde_json::from_slice(&body).unwrap_or_default()
    };

    // Every way in which a run ends, and what is kept of it.
    let play_url = service
        .until("a stream that is up", async || {
            let list = json("/api/streams").await;
            let stream = &list["streams"][0];
            (stream["state"] == "up").then(|| stream["play_url"].as_str().unwrap().to_owned())
        })
        .await;
    let fails = ["traps", "changed", "other", "blocked"];
    service
        .until("every other site to fail", async || {
            let bundles = json("/api/admin/diagnostics").await.to_string();
            let kept = |key: &&str| bundles.contains(&format!("\"{key}-"));
            fails.iter().all(kept).then_some(())
        })
        .await;
    // One works and fails again, of which the webhook tells.
    let hooks = || {
        origin
            .asks()
            .iter()
            .filter(|ask| ask.path() == "/hook")
            .count()
    };
    let place = service.dir.path().join("data/plugins/other.wasm");
    for (told, component) in [(1, mended), (2, broken_again)] {
        let beside = place.with_extension("tmp");
        fs::write(&beside, component).unwrap();
        fs::rename(beside, &place).unwrap();
        service
            .until("the webhook to be told", async || {
                (hooks() >= told).then_some(())
            })
            .await;
    }

    // What viewers and operators ask for.
    let mut paths = vec![
        play_url.clone(),
        "/api/streams".into(),
        "/api/schedule".into(),
        "/healthz".into(),
        "/api/admin/plugins".into(),
        "/api/admin/sites".into(),
        "/api/admin/diagnostics".into(),
        "/api/admin/nothing".into(),
        "/proxy?url=AAAA".into(),
        "/relay/segment.ts?url=AAAA".into(),
        "/streams/works.none/master.m3u8".into(),
    ];
    for key in ["works", "traps", "changed", "other", "blocked"] {
        paths.push(format!("/api/admin/plugins/{key}/events"));
        paths.push(format!("/api/admin/sites/{key}/attachments/0"));
    }
    let bundles = json("/api/admin/diagnostics").await;
    for bundle in bundles["bundles"].as_array().unwrap() {
        paths.push(format!(
            "/api/admin/diagnostics/{}",
            bundle["name"].as_str().unwrap()
        ));
    }
    let (_, _, text) = get(format!("{}{play_url}", service.base), None).await;
    let mut links = uri_lines(std::str::from_utf8(&text).unwrap());
    assert_eq!(links.len(), 2, "two segments: {text:?}");
    paths.append(&mut links);
    for path in paths {
        for bearer in [Some(token.as_str()), None] {
            let (name, bytes, _) = get(format!("{}{path}", service.base), bearer).await;
            seen.push((name, bytes));
        }
    }
    let (_, played, _) = get(format!("{}{}", service.base, play_url), None).await;
    assert!(
        String::from_utf8_lossy(&played).starts_with("200"),
        "it plays"
    );
    let (name, bytes, _) = get(service.metrics.clone(), None).await;
    assert!(bytes.windows(10).any(|w| w == b"limit_hits"), "metrics");
    seen.push((name, bytes));
    let wrong = format!("{token}x");
    let (name, bytes, _) = get(format!("{}/api/admin/sites", service.base), Some(&wrong)).await;
    seen.push((name, bytes));

    // What the commands say, and a recording.
    let path = service.dir.path().to_owned();
    let record: &[&str] = &[
        "record",
        "data/plugins/changed.wasm",
        "cases/changed",
        "--site",
        "data/sites/changed.toml",
    ];
    let commands: [&'static [&'static str]; 6] = [
        &["config"],
        &["extract", "works"],
        &["extract", "other"],
        &["extract", "traps"],
        &["extract", "broken"],
        &["check-plugin", "data/plugins/works.wasm"],
    ];
    for args in commands
        .into_iter()
        .chain([record.to_vec().leak() as &'static [_]])
    {
        seen.push(said(path.clone(), args).await);
    }
    let case = fs::read_dir(path.join("cases/changed")).unwrap().flatten();
    for entry in case {
        let name = entry.path().display().to_string();
        seen.push((name, fs::read(entry.path()).unwrap()));
    }
    assert!(
        seen.iter()
            .any(|(name, _)| name.ends_with("exchanges.json"))
    );
    let mut command = program(&path);
    command
        .arg("serve")
        .env("F1_STREAMS__WEBHOOK__URL", marker("no-url"));
    let refused = command.output().unwrap();
    assert_eq!(refused.status.code(), Some(64));
    seen.push(("a wrong webhook.url".into(), refused.stderr));
    let log = fs::read(path.join("log")).unwrap();
    assert!(log.windows(5).any(|w| w == b"TRACE") || log.windows(5).any(|w| w == b"DEBUG"));
    // Where nothing answers, it says whose that is and which proxy it went through.
    let text = String::from_utf8_lossy(&log);
    let mut lines = text.lines().filter(|l| l.contains("no usable answer"));
    let told = |l: &str| l.contains("proxied") && l.contains("http://127.0.0.3:9/");
    assert!(lines.any(told), "{text}");
    seen.push(("the log".into(), log));

    let found = leaks(&seen);
    assert!(found.is_empty(), "{format}: {found:#?}");
    // And all of it was there, and went where it is meant to go.
    let asks = origin.asks();
    let got = |path: &str, name: &str, value: &str| {
        let mut asks = asks.iter().filter(|ask| ask.path() == path);
        asks.any(|ask| ask.header(name).is_some_and(|is| is.contains(value)))
    };
    for (path, name, value) in [
        ("/page", "x-key", marker("header")),
        ("/page", "x-secret", marker("secret")),
        ("/page", "x-from-file", marker("file")),
        (
            "/page",
            "authorization",
            format!("bearer {}", marker("auth")),
        ),
        ("/page", "cookie", format!("sid={CORE}-cookie")),
        ("/live.m3u8", "x-media", marker("media")),
        ("/seg.ts", "x-media", marker("media")),
        ("/seg.ts", "cookie", format!("sid={CORE}-cookie")),
    ] {
        assert!(got(path, name, &value), "{path} {name}: {value}");
    }
    let hooked = asks.iter().filter(|ask| ask.path() == "/hook");
    assert!(hooked.clone().all(|ask| ask.target.contains(CORE)) && hooked.count() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_shows_in_nothing_that_is_said_and_the_log_is_text() {
    nothing_is_said("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_shows_in_nothing_that_is_said_and_the_log_is_json() {
    nothing_is_said("json").await;
}

#[test]
fn a_marker_is_found_in_every_form() {
    let secret = marker("x");
    let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for shown in [
        secret.clone(),
        encoded,
        serde_json::to_string(&secret).unwrap(),
        STANDARD.encode(&secret),
        STANDARD.encode(format!("a{secret}")),
        STANDARD.encode(format!("ab:{secret}b")),
        STANDARD.encode(format!("ab{secret}b")),
    ] {
        let seen = [("it".to_owned(), format!("… {shown} …").into_bytes())];
        assert!(!leaks(&seen).is_empty(), "{shown}");
    }
    assert!(leaks(&[("it".to_owned(), b"nothing".to_vec())]).is_empty());
}
