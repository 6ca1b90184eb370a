use std::fs;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::super::*;

fn site(text: &str) -> Result<Site, SiteError> {
    load_site(Path::new("/sites/cam-1.toml"), text)
}

fn wrong(text: &str) -> Vec<String> {
    match site(text) {
        Ok(_) => Vec::new(),
        Err(SiteError::Invalid(problems)) => problems,
        Err(other) => vec![other.to_string()],
    }
}

/// One line of a site file, and what must be said of it; empty: it is accepted.
#[track_caller]
fn check(line: &str, expect: &str) {
    let found = wrong(line);
    if expect.is_empty() {
        assert_eq!(found, Vec::<String>::new(), "{line}");
        return;
    }
    assert_eq!(found.len(), 1, "{line}: {found:?}");
    assert!(found[0].contains(expect), "{line}: {found:?}");
}

#[test]
fn a_whole_site_file() {
    let site = site(
        r#"
        plugin = "site-a"
        base_url = "http://site-a.test:8123"
        interval = "90s"
        allow_hosts = ["http://go.test:8124", "https://*.cdn.test"]
        allow_addresses = ["127.0.0.2"]
        [headers]
        X-Requested-With = "XMLHttpRequest"
        [settings]
        event_path = "/event/live"
        numbers = [1, 2.5, true, 2026-11-22]
        [settings.media_headers]
        Referer = "http://site-a.test/"
        [secrets]
        password = "hunter2"
        "#,
    )
    .unwrap();
    assert_eq!(site.key.as_str(), "cam-1");
    let config = &site.config;
    assert_eq!(config.plugin.as_str(), "site-a");
    assert!(config.enabled);
    assert_eq!(config.interval, Some(Duration::from_secs(90)));
    assert_eq!(config.headers["x-requested-with"], "XMLHttpRequest");
    assert_eq!(config.secrets["password"].reveal(), "hunter2");
    assert_eq!(config.allow_addresses[0].to_string(), "127.0.0.2/32");
    let grants: Vec<_> = config.grants().iter().map(ToString::to_string).collect();
    assert_eq!(
        grants,
        [
            "http://site-a.test:8123",
            "http://go.test:8124",
            "https://*.cdn.test"
        ]
    );
    assert_eq!(
        config.document(),
        serde_json::json!({
            "base_url": "http://site-a.test:8123",
            "event_path": "/event/live",
            "numbers": [1, 2.5, true, "2026-11-22"],
            "media_headers": { "Referer": "http://site-a.test/" },
        })
    );
    let shown = format!("{site:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("XMLHttp"),
        "{shown}"
    );
}

#[test]
fn an_empty_file_is_a_site_of_the_plugin_of_its_name() {
    let site = site("").unwrap();
    assert_eq!(site, Site::assumed(&"cam-1".parse().unwrap()));
    assert_eq!(site.config.document(), serde_json::json!({}));
    assert!(site.config.grants().is_empty());
}

#[test]
fn lines_of_a_site_file() {
    check("enabled = false", "");
    check("enabled = \"no\"", "invalid type");
    check("plugin = \"Site A\"", "a key is");
    check("base_url = \"\"", "");
    check("base_url = \"ftp://a.test/\"", "http:// or https://");
    check(
        "base_url = \"http://me:hunter2@a.test/\"",
        "must not hold a user name",
    );
    check("interval = \"0s\"", "above zero");
    check("interval = \"1s\"", "");
    check("interval = 30", "needs a unit");
    check("allow_hosts = [\"a.test\"]", "not an origin");
    check("allow_hosts = [\"http://a.test/path\"]", "not an origin");
    check("allow_hosts = [\"*\"]", "not an origin");
    check("allow_addresses = [\"a.test\"]", "not an address");
    check("ca_file = \"ca.pem\"", "ca_file: ca.pem: No such file");
    check("ca_file = \"\"", "");
    check("proxy = \"http://p.test:3128\"", "");
    check("proxy = \"https://me:hunter2@p.test/\"", "");
    check("proxy = \"\"", "");
    check("proxy = \"p.test:3128\"", "http:// or https://");
    check("proxy = \"socks5://p.test\"", "http:// or https://");
    check("proxy = \"http://p.test/x\"", "behind its host and port");
    check("proxy = \"http://p.test?x\"", "behind its host and port");
    check("proxy = \"http://a%3ab:c@p.test\"", "cannot be sent");
    check("proxy = \"http://a:b%0ac@p.test\"", "cannot be sent");
    check(
        "headers = { Host = \"a.test\" }",
        "the client makes it itself",
    );
    check("headers = { via = \"a\" }", "the client makes it itself");
    check("headers = { \"a b\" = \"c\" }", "not a header's name");
    check("headers = { a = \"b\\nc\" }", "not a header's value");
    check("headers = { a = 1 }", "not a header's value");
    check("headers = { a = \"1\", A = \"2\" }", "stands twice");
    check("settings = 1", "invalid type");
    check("settings = { a = inf }", "can't be passed");
    check("secrets = { a = 1 }", "must be a text");
    check("secrets = { a = { file = \"/none/such\" } }", "/none/such");
    check("secrets = { a = { fil = \"x\" } }", "`file`");
    check("base_ur = 1", "the nearest is base_url");
    check("[setings]\na = 1", "the nearest is settings");
    check("x = ", "line 1: ");
}

#[test]
fn all_problems_of_a_site_file_are_named_with_their_lines() {
    let found = wrong("plugin = 1\nenabled = 2\nx = 3\n");
    assert_eq!(found.len(), 3, "{found:?}");
    for (problem, start) in found
        .iter()
        .zip(["line 1: plugin", "line 2: enabled", "line 3: x"])
    {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn the_file_name_is_the_key() {
    let longest = "a".repeat(63);
    for good in ["a", "0", "a-b-1", "a-", &longest] {
        load_site(Path::new(&format!("/s/{good}.toml")), "").unwrap();
    }
    let long = "a".repeat(64);
    for bad in ["", "-a", "A", "a.b", "a_b", "ä", &long] {
        let result = load_site(Path::new(&format!("/s/{bad}.toml")), "");
        assert!(matches!(result, Err(SiteError::BadName(_))), "{bad}");
    }
}

#[test]
fn one_bad_file_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("b.toml", b"");
    write("a.toml", b"[secrets]\nx = { file = \"x.secret\" }\n");
    write("x.secret", b"hunter2\n");
    write("Bad.toml", b"");
    write("broken.toml", b"plugin = ");
    write("bytes.toml", b"\xff");
    write("large.toml", &vec![b'#'; 256 * 1024 + 1]);
    write("largest.toml", &vec![b'#'; 256 * 1024]);
    write(".hidden.toml", b"plugin = ");
    write("notes.txt", b"plugin = ");
    fs::create_dir(dir.path().join("dir.toml")).unwrap();

    let (sites, errors) = load_sites(dir.path());
    let keys: Vec<_> = sites.iter().map(|site| site.key.as_str()).collect();
    assert_eq!(keys, ["a", "b", "largest"]);
    assert_eq!(sites[0].config.secrets["x"].reveal(), "hunter2");
    let bad: Vec<_> = errors
        .iter()
        .map(|(path, _)| path.file_name().unwrap())
        .collect();
    assert_eq!(
        bad,
        [
            "Bad.toml",
            "broken.toml",
            "bytes.toml",
            "dir.toml",
            "large.toml"
        ]
    );
}

#[test]
fn a_directory_that_is_not_there_is_not_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let (sites, errors) = load_sites(dir.path());
    assert!(sites.is_empty() && errors.is_empty());
    let (_, errors) = load_sites(&dir.path().join("none"));
    assert!(matches!(errors[..], [(_, SiteError::Directory(_))]));
}

#[test]
fn no_more_than_256_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..2000 {
        fs::write(dir.path().join(format!("s{i:04}.toml")), "").unwrap();
    }
    let (sites, errors) = load_sites(dir.path());
    assert_eq!(sites.len(), 256);
    let [(first, SiteError::TooMany)] = &errors[..] else {
        panic!("said once: {errors:?}");
    };
    assert!(first.ends_with("s0256.toml"), "{first:?}");
}

#[test]
fn a_fifo_does_not_stop_the_reader() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let (sites, errors) = load_sites(dir.path());
    assert!(sites.is_empty());
    assert!(matches!(errors[..], [(_, SiteError::Unreadable(_))]));
}

#[test]
fn patterns_match_whole_origins() {
    for (pattern, url, expect) in [
        ("https://a.test", "https://a.test/x?y", true),
        ("https://A.test:443/", "https://a.test/", true),
        ("https://a.test", "http://a.test/", false),
        ("https://a.test", "http://a.test:443/", false),
        ("https://a.test", "https://a.test:444/", false),
        ("https://a.test", "https://b.a.test/", false),
        ("https://*.a.test", "https://b.a.test/", true),
        ("https://*.a.test", "https://c.b.a.test/", true),
        ("https://*.a.test", "https://a.test/", false),
        ("https://*.a.test", "https://xa.test/", false),
        ("https://*.a.test", "https://.a.test/", false),
        ("http://10.0.0.7:8080", "http://10.0.0.7:8080/", true),
        ("http://10.0.0.7", "http://0xa000007/", true),
        ("http://[::1]:80", "http://[::1]/", true),
        ("http://a.test", "ftp://a.test:80/", false),
        ("https://*.a.test", "https://%2A.a.test/", false),
    ] {
        let parsed: HostPattern = pattern.parse().unwrap();
        let url = Url::parse(url).unwrap();
        assert_eq!(parsed.matches(&url), expect, "{pattern} {url}");
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{pattern}");
    }
    for bad in [
        "a.test",
        "ftp://a.test",
        "http://",
        "http://*",
        "http://*.10.0.0.7",
        "http://*.*.a",
        "http://u@a.test",
        "http://a.test/x",
        "http://a.test?x",
        "http://a.test:99999",
        "*",
        // What a URL's parser makes a `*` or another host of.
        "https://%2A.a.test",
        "https://\u{ff0a}.a.test",
        "https:*.a.test/x://b.test",
        "https:a.test/x://b.test",
    ] {
        assert_eq!(bad.parse::<HostPattern>(), Err(BadPattern), "{bad}");
    }
}
