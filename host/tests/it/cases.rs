//! Recorded calls: made from life, and played back with the site gone.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use f1_streams_testbed::{Options, Testbed};

use crate::guests::{EMPTY, Guest, Image, NOT_FOUND, TRAP};
use crate::house::site_a_wasm;

const PASSWORD: &str = "correct horse/battery";
const KEY: &str = "k3y-of-the-operator";

/// The binary, off the runtime; whether it succeeded, and what it said.
pub(crate) async fn f1_streams(dir: &Path, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_f1-streams"));
    command.args(args).current_dir(dir).env_clear();
    let Output {
        status,
        stdout,
        stderr,
    } = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.success(), text)
}

pub(crate) async fn test_plugin(dir: &Path, wasm: &Path, more: &[&str]) -> (bool, String) {
    let wasm = wasm.to_str().unwrap();
    f1_streams(
        dir,
        &[&["test-plugin", wasm, "--cases", "cases"], more].concat(),
    )
    .await
}

/// Records the case `live` of site A, as `cases/live` in a directory of its own.
async fn recorded() -> (tempfile::TempDir, Testbed) {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let info = testbed.info();
    let hosts = info
        .hosts
        .iter()
        .map(|(name, ip)| format!("\"{name}\" = \"{ip}\"\n"));
    let hosts: String = hosts.collect();
    let config = format!("[net]\nports = []\n[net.hosts]\n{hosts}");
    std::fs::write(dir.path().join("f1-streams.toml"), config).unwrap();
    let site = format!(
        r#"
            # Of {PASSWORD}.
            plugin = "site-a"
            base_url = "{base}"
            allow_hosts = ["{go}", "{edge}", "{cdn}"]
            allow_addresses = ["127.0.0.2/32"]
            [headers]
            X-Requested-With = "XMLHttpRequest"
            X-Key = "{KEY}"
            [settings]
            event_path = "/event/live"
            [settings.media_headers]
            Referer = "{base}/"
            Origin = "{base}"
            [secrets]
            password = "{PASSWORD}"
        "#,
        base = info.site_a,
        go = info.go,
        edge = info.edge,
        cdn = info.cdn,
    );
    std::fs::write(dir.path().join("site-a.toml"), site).unwrap();
    let wasm = site_a_wasm();
    let args = [
        "record",
        wasm.to_str().unwrap(),
        "cases/live",
        "--site",
        "site-a.toml",
    ];
    let (done, said) = f1_streams(dir.path(), &args).await;
    assert!(done, "{said}");
    (dir, testbed)
}

fn texts(dir: &Path) -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_from_life_plays_back_with_the_site_gone_and_holds_no_secret() {
    let (dir, testbed) = recorded().await;
    let sent = testbed.log();
    drop(testbed);
    let (passed, said) = test_plugin(dir.path(), &site_a_wasm(), &[]).await;
    assert!(passed, "{said}");
    assert!(
        said.contains("✓ live") && said.contains("changed answers"),
        "{said}"
    );

    let cookies = sent.iter().flat_map(|request| &request.headers);
    let mut cookies = cookies.filter(|(name, _)| name == "cookie");
    let session = cookies
        .next_back()
        .unwrap()
        .1
        .trim_start_matches("session=")
        .to_owned();
    assert!(session.len() > 16, "{session}");
    let mut placeholders = String::new();
    for (path, text) in texts(&dir.path().join("cases/live")) {
        for secret in [PASSWORD, KEY, &session] {
            assert!(!text.contains(secret), "{secret} is in {}", path.display());
        }
        placeholders.push_str(&text);
    }
    for placeholder in ["secret-password", "header-x-key", "session=cookie-1"] {
        assert!(placeholders.contains(placeholder), "{placeholder}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_page_or_setting_fails_the_case_and_says_where() {
    let (dir, _) = recorded().await;
    let page = dir.path().join("cases/live/01.html");
    let was = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, was.replace("csrf-token", "xsrf-token")).unwrap();
    let (passed, said) = test_plugin(dir.path(), &site_a_wasm(), &[]).await;
    assert!(!passed);
    for expect in [
        "✗ live",
        "layout_changed",
        "never asked for: exchange 2 (POST ",
    ] {
        assert!(said.contains(expect), "{expect}: {said}");
    }
    std::fs::write(&page, was).unwrap();

    let site = dir.path().join("cases/live/site.toml");
    let was = std::fs::read_to_string(&site).unwrap();
    std::fs::write(&site, was.replace("/event/live", "/event/other")).unwrap();
    let (passed, said) = test_plugin(dir.path(), &site_a_wasm(), &[]).await;
    assert!(!passed);
    for expect in [
        "not in the recording: GET ",
        "/event/other\n",
        "nearest: exchange 1 (GET ",
    ] {
        assert!(said.contains(expect), "{expect}: {said}");
    }

    // What came of it is no outcome to accept.
    let expected = dir.path().join("cases/live/expected.json");
    let before = std::fs::read_to_string(&expected).unwrap();
    let (passed, said) = test_plugin(dir.path(), &site_a_wasm(), &["--update"]).await;
    assert!(!passed && said.contains("not in the recording"), "{said}");
    assert_eq!(std::fs::read_to_string(&expected).unwrap(), before);

    // What the operator does not grant, a recording does not either.
    let closed = was.lines().filter(|line| !line.starts_with("allow_hosts"));
    std::fs::write(&site, closed.collect::<Vec<_>>().join("\n")).unwrap();
    let (passed, said) = test_plugin(dir.path(), &site_a_wasm(), &[]).await;
    assert!(
        !passed && said.contains("never asked for: exchange 3"),
        "{said}"
    );
}

/// A case of `guest` that asks for the `exchanges` and is not found.
fn guest_case(guest: &Guest, exchanges: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("cases/one");
    std::fs::create_dir_all(&case).unwrap();
    let wasm = dir.path().join("site-a.wasm");
    std::fs::write(&wasm, guest.component()).unwrap();
    std::fs::write(case.join("case.toml"), "time = \"2026-11-22T12:00:00Z\"\n").unwrap();
    std::fs::write(
        case.join("site.toml"),
        "base_url = \"http://site.example\"\n",
    )
    .unwrap();
    std::fs::write(case.join("exchanges.json"), exchanges).unwrap();
    (dir, wasm)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_plugin_may_do_fails_a_case_and_is_never_accepted() {
    for (extract, expect) in [(EMPTY, "an empty list"), (TRAP, "trap: ")] {
        let guest = Guest {
            extract,
            ..Guest::default()
        };
        let (dir, wasm) = guest_case(&guest, "[]");
        let (passed, said) = test_plugin(dir.path(), &wasm, &["--update"]).await;
        assert!(!passed && said.contains(expect), "{said}");
        assert!(!dir.path().join("cases/one/expected.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_on_another_answer_fails_the_case() {
    let mut image = Image::new();
    let send = image.get("http://site.example/", 65536);
    // Traps where there is no response at all.
    let extract = format!("{send} i32.const 65536 i32.load8_u if unreachable end {NOT_FOUND}");
    let guest = Guest {
        extract: extract.leak(),
        data: image.bytes().to_vec(),
        pages: 16,
        hosts: vec!["http://site.example".into()],
        ..Guest::default()
    };
    let exchanges = r#"[{"request": {"method": "GET", "url": "http://site.example/"},
        "response": {"status": 200, "headers": [["content-type", "text/html"]], "body": "<p>"}}]"#;
    let (dir, wasm) = guest_case(&guest, exchanges);
    let (passed, said) = test_plugin(dir.path(), &wasm, &["--update", "--no-mutations"]).await;
    assert!(passed, "{said}");
    let expected = std::fs::read_to_string(dir.path().join("cases/one/expected.json")).unwrap();
    assert!(expected.contains("not_found"), "{expected}");
    let (passed, said) = test_plugin(dir.path(), &wasm, &[]).await;
    assert!(!passed, "{said}");
    let expect = "with a timeout for exchange 1 (GET http://site.example/): trap: ";
    assert!(said.contains(expect), "{said}");
    // The host refuses that body before the guest sees it.
    assert!(said.contains("with a page of 10 MB"), "{said}");
    assert!(
        !said.contains("status 403"),
        "a response is a response: {said}"
    );
}
