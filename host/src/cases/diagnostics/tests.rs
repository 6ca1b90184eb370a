mod credentials;
mod hostile;

use std::time::Duration;

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::*;
use crate::metrics::Metrics;
use crate::net::{Answer, Exchange, Net, Replay};
use crate::plugins::RunError;

#[test]
fn only_names_of_bundles_are_names() {
    let found = info("site-a-20261122T120102Z.json".into(), 7).expect("a bundle");
    assert_eq!(found.site, "site-a");
    assert_eq!(found.at.to_string(), "2026-11-22T12:01:02Z");
    for name in [
        "../site-a-20261122T120102Z.json",
        "a/b-20261122T120102Z.json",
        "site-a-20261122.json",
        "20261122T120102Z.json",
        "site-a-20261122T120102Z.json.tmp",
        "",
    ] {
        assert!(info(name.into(), 0).is_none(), "{name}");
    }
}

#[test]
fn the_oldest_go_first_of_a_site_then_of_all() {
    let dir = tempfile::tempdir().expect("tempdir");
    let config = config::Diagnostics {
        count: 4,
        per_site: 2,
        ..defaults()
    };
    let diagnostics = Diagnostics::new(dir.path(), config, Metrics::new());
    let path = dir.path().join("diagnostics");
    fs::create_dir_all(&path).expect("made");
    for (site, second) in [("a", 1), ("a", 2), ("a", 3), ("b", 0), ("c", 5), ("d", 6)] {
        let name = format!("{site}-20261122T12000{second}Z.json");
        fs::write(path.join(name), "{}").expect("written");
    }
    fs::write(path.join("notes.txt"), "mine").expect("written");
    diagnostics.files.take_away("");
    let left: Vec<_> = diagnostics
        .list()
        .into_iter()
        .map(|b| b.name[..1].to_owned())
        .collect();
    assert_eq!(left, ["d", "c", "a", "a"], "newest first");
    assert!(path.join("notes.txt").exists(), "not ours");
}

#[test]
fn a_link_among_the_bundles_is_none() {
    let dir = tempfile::tempdir().expect("tempdir");
    let diagnostics = Diagnostics::new(dir.path(), defaults(), Metrics::new());
    let (path, name) = (dir.path().join("diagnostics"), "a-20261122T120001Z.json");
    fs::create_dir_all(&path).expect("made");
    fs::write(dir.path().join("links.key"), "secret").expect("written");
    std::os::unix::fs::symlink("../links.key", path.join(name)).expect("linked");
    assert!(diagnostics.list().is_empty());
    assert!(diagnostics.read(name).is_err());
    fs::remove_file(path.join(name)).expect("removed");
    fs::write(path.join(name), "{}").expect("written");
    assert_eq!(
        diagnostics.read(name).expect("read").as_deref(),
        Some(&b"{}"[..])
    );
}

#[test]
fn a_clock_that_went_back_takes_nothing_away_that_was_just_written() {
    let dir = tempfile::tempdir().expect("tempdir");
    let config = config::Diagnostics {
        per_site: 1,
        ..defaults()
    };
    let diagnostics = Diagnostics::new(dir.path(), config, Metrics::new());
    let path = dir.path().join("diagnostics");
    // Of before the clock went back.
    fs::create_dir_all(&path).expect("made");
    let later = path.join("site-a-20261122T120000Z.json");
    fs::write(later, "{}").expect("written");
    let failure = failure("", &Transcript::default());
    let written = diagnostics.files.write(&failure).expect("written");
    assert_eq!(diagnostics.list(), [written]);
}

fn defaults() -> config::Diagnostics {
    let config = config::Config::from_toml("", Path::new("/"));
    config.expect("defaults").config.plugins.diagnostics
}

/// A call on a site with `settings` that exchanged what is in `transcript`.
fn failure(settings: &str, transcript: &Transcript) -> Failure {
    let config = config::Config::from_toml("", Path::new("/"))
        .expect("defaults")
        .config;
    let net = Net::new(config.net, Metrics::new());
    let path = Path::new("site-a.toml");
    let text = format!("plugin = \"site-a\"\n{settings}");
    let site = config::load_site(path, &text).expect("a site");
    let egress = net.replay(net.policy(&[]), Replay::new([].into()));
    Failure {
        site: Arc::new(Site::apart(&site, egress, &Before::default())),
        plugin: Info {
            key: "site-a".into(),
            name: "Site A".into(),
            version: "1.0.0".into(),
            digest: "sha256-of-it-1".into(),
            size: 1,
            hosts: Vec::new(),
            secrets: Vec::new(),
        },
        hint: Hint::default(),
        error: CallError::Run(RunError::Deadline(Duration::from_secs(1))),
        transcript: transcript.clone(),
    }
}

fn bundle(settings: &str, transcript: &Transcript) -> String {
    let failure = failure(settings, transcript);
    document(&failure, &defaults(), &Metrics::new()).expect("a bundle")
}

#[tokio::test]
async fn a_directory_that_hangs_makes_no_site_wait_and_the_bundle_comes_late() {
    let dir = tempfile::tempdir().expect("tempdir");
    let config = config::Diagnostics {
        wait: Duration::from_millis(50),
        queue: 1,
        ..defaults()
    };
    let metrics = Metrics::new();
    let diagnostics = Diagnostics::new(dir.path(), config, metrics.clone());
    let failure = || failure("", &Transcript::default());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = std::sync::mpsc::channel::<()>();
    let hangs = Box::new(move || {
        begun.send(()).expect("heard");
        wait.recv().expect("told");
    });
    assert!(diagnostics.writer.hand_over(hangs));
    begins.recv().expect("begun");
    let late = diagnostics.keep(failure()).await;
    assert_eq!(late.get(), None);
    assert_eq!(metrics.limit_hits("plugins.diagnostics.wait"), 1);
    let dropped = diagnostics.keep(failure()).await;
    assert_eq!(metrics.limit_hits("plugins.diagnostics.queue"), 1);
    go.send(()).expect("waiting");
    while late.get().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(diagnostics.list().len(), 1);
    assert_eq!(dropped.get(), None);
    let next = diagnostics.keep(failure()).await;
    while next.get().is_none() {
        tokio::task::yield_now().await;
    }
}

/// A hop in which the site sets `cookies` and says `body`.
fn hop(url: &str, cookies: &[String], body: &str) -> Exchange {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie.parse().expect("a value"));
    }
    Exchange {
        method: Method::GET,
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        answer: Answer::Response {
            status: StatusCode::FORBIDDEN,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
            cut: false,
        },
    }
}

#[test]
fn of_more_sessions_than_are_learned_only_who_was_asked_is_kept() {
    let cookies: Vec<_> = (0..300).map(|n| format!("s{n}=session-of-{n}")).collect();
    let url = "https://site.example/session-of-299/page?s=session-of-299";
    let transcript = Transcript {
        exchanges: vec![hop(url, &cookies, "session-of-299")],
        log: vec![Line {
            level: "info".into(),
            message: "session-of-299".into(),
        }],
        ..Transcript::default()
    };
    let text = bundle("", &transcript);
    assert!(!text.contains("session-of"), "{text}");
    let bundle: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(bundle["exchanges"][0]["response"]["status"], 403);
    let request = &bundle["exchanges"][0]["request"];
    assert_eq!(request["url"], "https://site.example/scrubbed");
}

#[test]
fn a_site_cannot_keep_a_bundle_from_being_written() {
    let url = "https://site.example/?session_token1=x";
    // Names of ours, of a header, of a pair, the plugin's digest.
    let words = [
        "body_base64",
        "strict-transport-security",
        "session_token1",
        "sha256-of-it-1",
    ];
    let mut cookies: Vec<_> = words.iter().map(|word| format!("a={word}")).collect();
    let mut exchange = hop(url, &cookies, "the page");
    if let Answer::Response { headers, .. } = &mut exchange.answer {
        headers.insert("strict-transport-security", HeaderValue::from_static("a"));
    }
    let transcript = |hop| Transcript {
        exchanges: vec![hop],
        ..Transcript::default()
    };
    let text = bundle("", &transcript(exchange));
    assert!(
        text.contains("the page") && text.contains("sha256-of-it-1"),
        "{text}"
    );
    for word in ["strict-transport-security", "session_token1"] {
        assert!(!text.contains(word), "{text}");
    }
    // A value that comes to be when another is replaced: not the page, then.
    cookies = vec!["a=abcdefgh1".into(), "b=x-cookie-1-y".into()];
    let text = bundle("", &transcript(hop(url, &cookies, "x-abcdefgh1-y")));
    assert!(
        text.contains("/scrubbed") && !text.contains("x-cookie-1-y"),
        "{text}"
    );
}

#[test]
fn a_token_of_any_log_in_and_a_telling_setting_are_taken_out() {
    let body = r#"{"user":{"access_token":"t0k3n-of-json","session":"Practice 1"}}"#;
    let mut transcript = Transcript {
        exchanges: vec![
            hop("https://site.example/login", &[], body),
            hop(
                "https://site.example/live?token=t0k3n-of-json&sig=s1/g",
                &[],
                "s1%2Fg",
            ),
        ],
        ..Transcript::default()
    };
    for (key, value) in [
        ("jwt", "k3pt-by-key"),
        ("login", r#"{"sid":"k3pt-in-json"}"#),
    ] {
        let value = STANDARD.encode(value);
        transcript.before.state.insert(key.into(), value);
    }
    let settings = "[settings]\npassword = \"rose\"\n[[settings.servers]]\nkey = \"tulip\"";
    transcript.exchanges[1].body = Bytes::from_static(b"pass=rose&other=tulip");
    let text = bundle(settings, &transcript);
    let state: Vec<_> = ["k3pt-by-key", "k3pt-in-json"]
        .map(|v| STANDARD.encode(v))
        .into();
    for gone in [
        "t0k3n", "s1/g", "s1%2Fg", "rose", "tulip", &state[0], &state[1],
    ] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    for kept in [
        "Practice 1",
        "/live?token=token-",
        "setting-password",
        "setting-key",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}
