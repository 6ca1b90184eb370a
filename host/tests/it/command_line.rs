//! The binary's own words.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::guests::Guest;
use crate::house::{House, site_a_wasm};

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_f1-streams"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn bad_configuration_ends_with_64_before_anything_is_bound() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("f1-streams.toml"),
        "[server]\nlisen = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let output = run(dir.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        stderr(&output).contains("server.listen"),
        "names the nearest key: {}",
        stderr(&output)
    );
    assert!(!dir.path().join("data").exists(), "nothing was made");
}

#[test]
fn config_prints_every_value_with_its_origin_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("f1-streams.toml"),
        "[extraction]\ninterval = \"90s\"\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_f1-streams"))
        .arg("config")
        .current_dir(dir.path())
        .env_clear()
        .env("F1_STREAMS__SERVER__LISTEN", "127.0.0.1:9999")
        .output()
        .unwrap();
    let text = stdout(&output);
    let line = |key: &str| {
        text.lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_else(|| panic!("{key}: {text}"))
    };
    assert!(
        line("extraction.interval").contains("f1-streams.toml"),
        "{text}"
    );
    assert!(
        line("server.listen").contains("F1_STREAMS__SERVER__LISTEN"),
        "{text}"
    );
    assert!(line("plugins.poll").contains("default"), "{text}");
}

#[test]
fn links_sealed_by_hand_open_again() {
    let dir = tempfile::tempdir().unwrap();
    let url = "https://media.example.org/live/seg1.m4s?token=a&b=c";
    let sealed = run(dir.path(), &["link", "--kind", "relay", url]);
    let path = stdout(&sealed);
    assert!(
        path.starts_with("/relay/segment.m4s?url="),
        "{path} {}",
        stderr(&sealed)
    );
    let opened: Value =
        serde_json::from_str(&stdout(&run(dir.path(), &["link", "--open", path.trim()]))).unwrap();
    assert_eq!(opened["url"], url);
    let playlist = stdout(&run(
        dir.path(),
        &["link", "https://media.example.org/live.m3u8"],
    ));
    assert!(
        playlist.starts_with("/proxy/playlist.m3u8?url="),
        "{playlist}"
    );
    let refused = run(dir.path(), &["link", "http://169.254.169.254/x.m3u8"]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("link-local"),
        "{}",
        stderr(&refused)
    );
    let forged = run(dir.path(), &["link", "--open", "AAAA"]);
    assert!(!forged.status.success());
}

#[test]
fn check_plugin_says_what_it_thinks() {
    let dir = tempfile::tempdir().unwrap();
    let good = run(
        dir.path(),
        &["check-plugin", site_a_wasm().to_str().unwrap()],
    );
    let verdict: Value = serde_json::from_str(&stdout(&good)).unwrap();
    assert!(good.status.success(), "{}", stderr(&good));
    assert_eq!(verdict["verdict"], "accepted");
    assert_eq!(verdict["plugin"]["key"], "site-a");
    let exports = verdict["component"]["exports"].as_array().unwrap();
    assert!(exports.contains(&"f1-streams:extractor/extraction@1.0.0".into()));
    let wrong_name = dir.path().join("renamed.wasm");
    std::fs::write(&wrong_name, Guest::default().component()).unwrap();
    let bad = run(dir.path(), &["check-plugin", wrong_name.to_str().unwrap()]);
    let verdict: Value = serde_json::from_str(&stdout(&bad)).unwrap();
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(verdict["error"]["code"], "key");
    assert!(
        verdict["error"]["message"]
            .as_str()
            .unwrap()
            .contains("site-a.wasm")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn extract_runs_one_site_and_prints_what_it_found() {
    let house = House::start().await;
    let config = house.dir.path().join("f1-streams.toml");
    std::fs::write(&config, house.config_text()).unwrap();
    let dir = house.dir.path().to_owned();
    let args = ["extract", "site-a", "--config", config.to_str().unwrap()].map(str::to_owned);
    let output =
        tokio::task::spawn_blocking(move || run(&dir, &args.each_ref().map(String::as_str)))
            .await
            .unwrap();
    let found: Value =
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    assert_eq!(found["streams"][0]["id"], "site-a.main");
    assert!(
        found["streams"][0]["url"]
            .as_str()
            .unwrap()
            .starts_with(&house.testbed.info().cdn)
    );
    assert!(
        !stdout(&output).contains(&format!("{}/", house.testbed.info().site_a)),
        "no header value"
    );
}

#[test]
fn extract_of_a_site_that_is_not_there_says_where_it_looked() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["extract", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for place in ["sites/nobody.toml", "plugins/nobody.wasm"] {
        assert!(said.contains(place), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_link_says_what_it_means_now() {
    let house = House::start().await;
    let (variant, _) = house.variant().await;
    let config = house.dir.path().join("f1-streams.toml");
    std::fs::write(&config, house.config_text()).unwrap();
    let dir = house.dir.path().to_owned();
    let args = [
        "link",
        "--open",
        &variant,
        "--config",
        config.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let output =
        tokio::task::spawn_blocking(move || run(&dir, &args.each_ref().map(String::as_str)))
            .await
            .unwrap();
    let held: Value =
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    assert_eq!(held["stream"], "site-a.main");
    assert!(
        held["url"]
            .as_str()
            .unwrap()
            .starts_with(&house.testbed.info().cdn),
        "{held}"
    );
}
