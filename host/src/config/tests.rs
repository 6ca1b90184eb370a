//! Each case is one line of a file or one variable, and what must be said of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

mod sites;
mod values;

fn from_env(pairs: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let env = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    layers::resolve(Path::new("/run"), None, env)
}

fn from_file(text: &str) -> Result<Loaded, ConfigError> {
    let file = Some((Path::new("test.toml"), text));
    layers::resolve(Path::new("/run"), file, std::iter::empty())
}

fn problems<T>(result: Result<T, ConfigError>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
    }
}

/// `key = value` in a file must give one problem, at its line, with `expect`
/// somewhere in it; an empty `expect`: it must be accepted.
#[track_caller]
fn check(key: &str, value: &str, expect: &str) {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let text = match section {
        "" => format!("\n{name} = {value}\n"),
        _ => format!("[{section}]\n{name} = {value}\n"),
    };
    let problems = problems(from_file(&text));
    if expect.is_empty() {
        assert_eq!(problems, Vec::<String>::new(), "{key} = {value}");
        return;
    }
    assert_eq!(problems.len(), 1, "{key} = {value}: {problems:?}");
    let start = format!("test.toml:2: {key}: ");
    assert!(problems[0].starts_with(&start), "{}", problems[0]);
    assert!(
        problems[0].contains(expect),
        "{} lacks {expect:?}",
        problems[0]
    );
}

#[test]
fn defaults_resolve_to_what_the_documentation_promises() {
    let config = from_env(&[]).unwrap().config;
    assert_eq!(config.data_dir, Path::new("/run/data"));
    assert_eq!(config.plugins_dir(), Path::new("/run/data/plugins"));
    assert_eq!(config.links.key_file, Path::new("/run/data/links.key"));
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, None);
    assert_eq!(config.metrics.listen, "127.0.0.1:9090".parse().ok());
    assert_eq!(config.auth.viewers, Viewers::Loopback);
    assert_eq!(config.net.ports, [80, 443, 8080, 8443]);
    assert_eq!(config.net.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.plugins.settle, Duration::from_millis(500));
    assert_eq!(config.plugins.limits.memory.as_u64(), 128 * 1024 * 1024);
    assert_eq!(config.extraction.interval, Duration::from_secs(120));
    assert!(config.net.user_agent.starts_with("f1-streams/"));
    assert_eq!(config.redis.url, None);
}

#[test]
fn every_key_has_a_comment_of_its_own() {
    let mut above = "";
    for line in DEFAULTS.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(above.starts_with("# "), "{line} has no comment above it");
        }
        above = line;
    }
}

#[test]
fn unknown_keys_name_the_nearest() {
    check("server.lisen", "1", "the nearest is server.listen");
    check("listen", "1", "listen");
    check("sever.listen", "1", "the nearest is server.listen");
    check(
        "server.connect_timeout",
        "1",
        "the nearest is net.connect_timeout",
    );
    let below = problems(from_file("[server.max_connections]\nx = 1\n"));
    assert_eq!(
        below,
        ["test.toml:1: server.max_connections: invalid type: map, expected i64"]
    );
    let dotted = problems(from_file("\"server.listen\" = \"127.0.0.1:1\"\n"));
    assert!(dotted[0].contains("no such key"), "{dotted:?}");
    assert_eq!(
        problems(from_file("[net.hosts]\n[server]\n")),
        Vec::<String>::new()
    );
    assert_eq!(problems(from_file("[sever]\n")).len(), 1);
}

#[test]
fn all_problems_are_reported_each_with_its_place() {
    let text =
        "data_dir = 1\nserver = 2\n[plugins]\npol = \"1s\"\npoll = 3\n[relay]\nwindow = \"x\"\n";
    let env = [
        ("F1_STREAMS__HEALTH__TIMEOUT", "soon"),
        ("F1_STREAMS__HELTH__TIMEOUT", "1s"),
    ];
    let env = env.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let file = Some((Path::new("a.toml"), text));
    let found = problems(layers::resolve(Path::new("/"), file, env.into_iter()));
    let starts = [
        "a.toml:2: server: is a section",
        "a.toml:4: plugins.pol: no such key; the nearest is plugins.poll",
        "F1_STREAMS__HELTH__TIMEOUT: no such key; the nearest is F1_STREAMS__HEALTH__TIMEOUT",
        "a.toml:1: data_dir: ",
        "a.toml:5: plugins.poll: needs a unit",
        "F1_STREAMS__HEALTH__TIMEOUT: health.timeout: \"soon\" is not a duration",
        "a.toml:7: relay.window: not a size",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for start in starts {
        assert!(
            found.iter().any(|f| f.starts_with(start)),
            "{start}: {found:#?}"
        );
    }
}

#[test]
fn a_broken_value_causes_no_second_problem() {
    let text = "[links]\nlifetime = \"x\"\nbucket = \"7h\"\n";
    assert_eq!(problems(from_file(text)).len(), 1);
}

#[test]
fn a_syntax_error_shows_its_line_and_no_content() {
    let found = problems(from_file("[redis]\n\nurl = \"redis://:hunter2@h\n"));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("test.toml:3: "), "{}", found[0]);
    assert!(!found[0].contains("hunter2"));
}

#[test]
fn the_environment_is_typed_by_the_defaults() {
    let loaded = from_env(&[
        ("F1_STREAMS__DATA_DIR", "/srv/f1"),
        ("F1_STREAMS__SERVER__HOSTS", "a.test, B.test"),
        ("F1_STREAMS__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("F1_STREAMS__NET__PORTS", "80,8081"),
        (
            "F1_STREAMS__NET__ALLOW_ADDRESSES",
            "10.0.0.7,fd00::7,10.1.2.3/8",
        ),
        ("F1_STREAMS__NET__HOSTS", "a.test=10.0.0.1, B.test=::1"),
        ("F1_STREAMS__NET__DENY_ADDRESSES", ""),
        ("F1_STREAMS__PLUGINS__LIMITS__WALL", "90s"),
        ("F1_STREAMS__PLUGINS__LIMITS__STREAMS", " 7 "),
        ("F1_STREAMS__EXTRACTION__JITTER", "0.5"),
        ("F1_STREAMS__AUTH__ADMIN_TOKEN_FILE", ""),
        ("F1_STREAMS_PORT", "tcp://10.0.0.1:80"),
        ("F1_STREAMS_SERVICE_HOST", "10.0.0.1"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    let config = loaded.config;
    assert_eq!(config.data_dir, Path::new("/srv/f1"));
    assert_eq!(config.links.key_file, Path::new("/srv/f1/links.key"));
    assert_eq!(config.server.hosts, ["a.test", "b.test"]);
    assert_eq!(config.net.ports, [80, 8081]);
    let nets: Vec<_> = config
        .net
        .allow_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(nets, ["10.0.0.7/32", "fd00::7/128", "10.0.0.0/8"]);
    assert_eq!(config.server.trusted_proxies.len(), 1);
    assert_eq!(config.net.hosts["b.test"].to_string(), "::1");
    assert!(config.net.deny_addresses.is_empty());
    assert_eq!(config.plugins.limits.wall, Duration::from_secs(90));
    assert_eq!(config.plugins.limits.streams, 7);
    assert!((config.extraction.jitter - 0.5).abs() < 1e-9);
    assert_eq!(config.auth.admin_token_file, None);
    let from = Origin::Env {
        name: "F1_STREAMS__NET__PORTS".to_owned(),
    };
    assert_eq!(loaded.origins.of("net.ports"), Some(&from));
    assert_eq!(loaded.origins.of("net.redirects"), Some(&Origin::Default));
}

#[test]
fn environment_values_that_have_not_their_type() {
    for (name, value, expect) in [
        ("F1_STREAMS__NET__PORTS", "80,http", "not a whole number"),
        ("F1_STREAMS__NET__PORTS", "[80", "not TOML"),
        ("F1_STREAMS__NET__HOSTS", "a.test", "name=value"),
        ("F1_STREAMS__EXTRACTION__JITTER", "much", "not a number"),
        ("F1_STREAMS__NET__REDIRECTS", "", "not a whole number"),
        ("F1_STREAMS__SERVER", "x", "nearest"),
        ("F1_STREAMS__", "x", "nearest"),
    ] {
        let found = problems(from_env(&[(name, value)]));
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        assert!(
            found[0].starts_with(name) && found[0].contains(expect),
            "{found:?}"
        );
    }
}

#[test]
fn a_file_variable_holds_the_value_and_excludes_the_direct_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("filter");
    fs::write(&path, "debug\r\n").unwrap();
    let path = path.to_str().unwrap();
    let loaded = from_env(&[("F1_STREAMS__LOG__FILTER_FILE", path)]).unwrap();
    assert_eq!(loaded.config.log.filter, "debug");

    let both = [
        ("F1_STREAMS__LOG__FILTER_FILE", path),
        ("F1_STREAMS__LOG__FILTER", "info"),
    ];
    assert!(problems(from_env(&both))[0].contains("F1_STREAMS__LOG__FILTER is set as well"));

    let missing = [("F1_STREAMS__LOG__FILTER_FILE", "/none/such")];
    assert!(problems(from_env(&missing))[0].contains("/none/such"));

    let directory = [("F1_STREAMS__LOG__FILTER_FILE", dir.path().to_str().unwrap())];
    assert!(problems(from_env(&directory))[0].contains("not a regular file"));
}

#[test]
fn files_are_found_and_overridden_by_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let none = || std::iter::empty();
    let load = |file: Option<&str>| Config::load_in(dir.path(), file.map(Path::new), none());
    assert_eq!(load(None).unwrap().config.extraction.concurrency, 4);

    fs::write(
        dir.path().join(DEFAULT_FILE),
        "[extraction]\nconcurrency = 9\n",
    )
    .unwrap();
    fs::write(dir.path().join("b.toml"), "[extraction]\nconcurrency = 5\n").unwrap();
    assert_eq!(load(None).unwrap().config.extraction.concurrency, 9);
    assert_eq!(
        load(Some("b.toml")).unwrap().config.extraction.concurrency,
        5
    );
    assert!(problems(load(Some("c.toml")))[0].contains("c.toml"));

    let env = [(
        "F1_STREAMS__EXTRACTION__CONCURRENCY".to_owned(),
        "6".to_owned(),
    )];
    let loaded = Config::load_in(dir.path(), None, env.into_iter()).unwrap();
    assert_eq!(loaded.config.extraction.concurrency, 6);

    fs::write(dir.path().join(DEFAULT_FILE), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(problems(load(None))[0].contains("larger than"));
    fs::write(dir.path().join(DEFAULT_FILE), b"a = \"\xff\"").unwrap();
    assert!(problems(load(None))[0].contains("not UTF-8"));
}

#[test]
fn what_is_printed_is_read_back_as_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = \"127.0.0.1:9\"\n[net.hosts]\n\"a.test\" = \"10.0.0.1\"\n";
    let first = Config::from_toml(text, dir.path()).unwrap().print();
    assert!(first.contains("server.listen = \"127.0.0.1:9\""), "{first}");
    assert!(
        first
            .lines()
            .any(|l| l.starts_with("net.redirects = 5 ") && l.ends_with("# default"))
    );
    assert!(
        first
            .lines()
            .any(|l| l.starts_with("net.hosts = ") && l.ends_with("(text):3")),
        "{first}"
    );
    let again = Config::from_toml(&first, Path::new("/elsewhere"))
        .unwrap()
        .print();
    let values = |text: &str| -> Vec<String> {
        let value = |line: &str| line.rsplit_once("   # ").unwrap().0.trim_end().to_owned();
        text.lines().map(value).collect()
    };
    assert_eq!(values(&first), values(&again));
}

#[test]
fn secrets_are_not_shown() {
    let leaf = origin::Leaf {
        key: "redis.url".to_owned(),
        value: toml::Value::String("redis://:hunter2@h".to_owned()),
        origin: Origin::Default,
    };
    assert!(!format!("{leaf:?}").contains("hunter2"));
    let config = from_env(&[]).unwrap().config;
    let printed = Origins::new(vec![leaf]).print(&config);
    assert!(printed.starts_with("redis.url = \"(hidden)\""), "{printed}");
    for value in [
        "\"redis://:hunter2@h\"",
        "[\"hunter2\"]",
        "12345678",
        "{ hunter2 = 1 }",
    ] {
        let found = problems(from_file(&format!("redis.url = {value}\n")));
        assert!(
            !found.is_empty() && !found[0].contains("hunter2") && !found[0].contains("12345678"),
            "{found:?}"
        );
    }
    assert_eq!(
        format!("{:?}", Secret::new("hunter2".to_owned())),
        "(hidden)"
    );
}
