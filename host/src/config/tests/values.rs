//! Single values, their least and most, and pairs that contradict each other.

use super::*;

#[test]
fn zero_one_and_the_most() {
    for key in [
        "server.max_connections",
        "plugins.limits.requests",
        "health.concurrency",
    ] {
        check(key, "0", "must be above zero");
        check(key, "1", "");
        check(key, "1000000", "");
        check(key, "1000001", "up to 1000000");
        check(key, "9223372036854775807", "up to 1000000");
        check(key, "-1", "whole number");
        check(key, "1.5", "invalid type");
        check(key, "\"1\"", "invalid type");
    }
    check("net.redirects", "0", "");
    for key in [
        "server.drain",
        "plugins.settle",
        "extraction.refresh_cooldown",
    ] {
        check(key, "\"0\"", "");
        check(key, "0", "");
        check(key, "\"0s\"", "");
    }
    check("plugins.poll", "\"0s\"", "must be above zero");
    check("plugins.poll", "0", "must be above zero");
    check("plugins.poll", "\"1ns\"", "");
    check("plugins.poll", "\"8784h\"", "");
    check("plugins.poll", "\"8785h\"", "at most 366 days");
    check(
        "plugins.poll",
        "\"99999999999999999999h\"",
        "not a duration",
    );
    check("relay.playlist", "\"0\"", "must be above zero");
    check("relay.playlist", "1", "");
    check("relay.playlist", "\"1TiB\"", "");
    check("relay.playlist", "\"2TiB\"", "at most 1TiB");
    check(
        "relay.playlist",
        "\"99999999999999999999PiB\"",
        "at most 1TiB",
    );
    check("relay.window", "0", "");
    check("relay.min_rate", "\"0\"", "");
    check("net.ports", "[]", "");
    check("net.ports", "[1, 65535]", "");
    check("net.ports", "[0]", "not a port");
    check("net.ports", "[65536]", "not a port");
    check("extraction.jitter", "0", "");
    check("extraction.jitter", "1.0", "");
    check("extraction.jitter", "1.01", "between 0 and 1");
    check("extraction.jitter", "nan", "between 0 and 1");
}

#[test]
fn values_that_mean_nothing_are_named() {
    check("plugins.poll", "5", "needs a unit, such as \"5s\"");
    check("plugins.poll", "\"-5s\"", "not a duration");
    check("plugins.poll", "\"5s ago\"", "not a duration");
    check("plugins.poll", "\"\"", "not a duration");
    check("plugins.poll", "true", "expected a text such as");
    check("plugins.poll", "\"1h 30m\"", "");
    check("relay.playlist", "-1", "not a size");
    check("relay.playlist", "\"-1\"", "not a size");
    check("relay.playlist", "\"nan\"", "not a size");
    check("relay.playlist", "\"2 parsecs\"", "not a size");
    check(
        "server.listen",
        "\"localhost:8080\"",
        "IP address with a port",
    );
    check("server.listen", "\"127.0.0.1\"", "IP address with a port");
    check("server.listen", "\"[::1]:0\"", "");
    check("server.listen", "8080", "invalid type");
    check("metrics.listen", "\"127.0.0.1:9090\"", "");
    check("metrics.listen", "\"\"", "");
    check("server.public_url", "\"https://tv.example/f1\"", "");
    check("server.public_url", "\"https://tv.example/?a=1\"", "query");
    check("server.public_url", "\"https://tv.example/#a\"", "fragment");
    check(
        "server.public_url",
        "\"ftp://tv.example/\"",
        "http:// or https://",
    );
    check("server.public_url", "\"tv.example\"", "not a URL");
    for odd in [
        "http:/a.test",
        "http:///a.test",
        "http://@a.test",
        "http://a.test/\\tb",
    ] {
        check(
            "server.public_url",
            &format!("\"{odd}\""),
            "must be written as",
        );
    }
    check(
        "server.public_url",
        "\"https://me:pw@tv.example/\"",
        "password",
    );
    check(
        "server.hosts",
        "[\"TV.example.\", \"10.0.0.7\", \"[::1]\"]",
        "",
    );
    check(
        "server.hosts",
        "[\"tv.example:8080\"]",
        "without scheme, port",
    );
    check(
        "server.hosts",
        "[\"http://tv.example\"]",
        "without scheme, port",
    );
    check("server.hosts", "[\"*\"]", "not a host name");
    check("server.hosts", "[\"\"]", "not a host name");
    check(
        "net.allow_addresses",
        "[\"10.0.0.0/33\"]",
        "not an address or network",
    );
    check(
        "net.allow_addresses",
        "[\"example.org\"]",
        "not an address or network",
    );
    check(
        "net.hosts",
        "{ \"a.test\" = \"b.test\" }",
        "not an IP address",
    );
    check(
        "net.hosts",
        "{ \"a.test\" = \"10.0.0.1\", \"A.test\" = \"10.0.0.2\" }",
        "twice",
    );
    check("net.user_agent", "\"a\\nb\"", "printable ASCII");
    check("auth.forward_header", "\"a b\"", "not a header's name");
    check(
        "auth.viewers",
        "\"all\"",
        "none of \"loopback\", \"token\", \"forward\" and \"open\"",
    );
    check("plugins.grants", "\"explicit\"", "");
    check("plugins.grants", "\"none\"", "neither");
    check(
        "redis.url",
        "\"redis://h\"",
        "not available in this version",
    );
    check("log.filter", "\"info,f1_streams::plugins=debug\"", "");
    check("log.filter", "\"f1_streams=loud\"", "loud");
    check("log.format", "\"xml\"", "neither");
    check("data_dir", "\"\"", "must be a path");
}

#[test]
fn values_that_contradict_each_other_are_named() {
    check(
        "server.listen",
        "\"0.0.0.0:8080\"",
        "set auth.viewers = \"token\"",
    );
    check("auth.viewers", "\"forward\"", "needs auth.forward_proxies");
    check("auth.forward_proxies", "[\"0.0.0.0/0\"]", "everybody");
    for name in ["Authorization", "cookie", "X-Forwarded-For"] {
        let value = format!("\"{name}\"");
        check("auth.forward_header", &value, "everybody sends");
    }
    check("auth.forward_header", "\"X-Forwarded-User\"", "");
    check(
        "server.public_media_url",
        "\"https://media.test\"",
        "needs server.public_url",
    );
    check(
        "metrics.listen",
        "\"127.0.0.1:8080\"",
        "a port of their own",
    );
    check("links.bucket", "\"7h\"", "longer than links.lifetime");
    check("links.lifetime", "\"1m\"", "longer than links.lifetime");
    check("links.bucket", "\"6h\"", "");
    check(
        "schedule.interval",
        "\"30m\"",
        "longer than schedule.interval",
    );
    check(
        "plugins.limits.body",
        "\"64MiB\"",
        "more than plugins.limits.bytes",
    );
    check("cache_dir", "\"data\"", "a directory of its own");
    let open = "[auth]\nviewers = \"open\"\n[server]\nlisten = \"0.0.0.0:80\"\n";
    assert_eq!(problems(from_file(open)), Vec::<String>::new());
    // Port 0 is a port of its own.
    let free = "[metrics]\nlisten = \"127.0.0.1:0\"\n[server]\nlisten = \"127.0.0.1:0\"\n";
    assert_eq!(problems(from_file(free)), Vec::<String>::new());
}

#[test]
fn a_plugin_has_the_limits_of_its_own_table_and_the_others_from_all() {
    let text = "[plugins.override.big-one]\nmemory = \"1GiB\"\nrequests = 7\n\
                [plugins.limits]\nwall = \"9s\"\n[plugins]\nmax_calls = 3\n";
    let plugins = from_file(text).unwrap().config.plugins;
    let own = plugins.limits_of("big-one");
    assert_eq!(own.memory.as_u64(), 1 << 30);
    assert_eq!(own.requests, 7);
    assert_eq!(own.wall, Duration::from_secs(9));
    assert_eq!(plugins.limits_of("other"), plugins.limits);
    assert_eq!(plugins.max_calls, 3);
    let env = [(
        "F1_STREAMS__PLUGINS__OVERRIDE",
        "{big-one = {wall = \"5s\"}}",
    )];
    let plugins = from_env(&env).unwrap().config.plugins;
    assert_eq!(plugins.limits_of("big-one").wall, Duration::from_secs(5));
}

#[test]
fn a_bad_limit_of_a_plugin_is_named_with_the_plugin() {
    let bad = |line: &str, expect: &str| {
        let found = problems(from_file(&format!("[plugins.override.a]\n{line}\n")));
        assert_eq!(found.len(), 1, "{found:?}");
        let start = "test.toml:1: plugins.override: a";
        assert!(found[0].starts_with(start), "{}", found[0]);
        assert!(found[0].contains(expect), "{} lacks {expect:?}", found[0]);
    };
    bad("memry = 1", "a.memry: no such limit; the nearest is memory");
    bad("wall = 5", "a.wall: needs a unit");
    bad("tables = 0", "a.tables: must be above zero");
    bad("body = \"1GiB\"", "body must not be more than bytes");
    let found = problems(from_file("[plugins]\noverride = {B = {}}\n"));
    assert!(found[0].contains("a key is"), "{found:?}");
    let found = problems(from_file("[plugins.override]\nwall = \"1s\"\n"));
    assert!(found[0].contains("[plugins.override.wall]"), "{found:?}");
}

#[test]
fn a_rule_of_trust_without_what_it_trusts_and_a_list_without_a_rule_are_wrong() {
    let pin = "\"0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789\"";
    let signer = "\"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"";
    check("plugins.trust", "\"some\"", "neither");
    check("plugins.trust", "\"pinned\"", "plugins.pins is empty");
    check("plugins.trust", "\"signed\"", "plugins.signers is empty");
    check("plugins.pins", &format!("[{pin}]"), "only where");
    check("plugins.signers", &format!("[{signer}]"), "only where");
    check("plugins.pins", "[\"0123\"]", "not a SHA-256");
    check(
        "plugins.signers",
        "[\"untrusted comment: x\"]",
        "second line",
    );
    for (rule, list, values) in [("pinned", "pins", pin), ("signed", "signers", signer)] {
        let text = format!("[plugins]\ntrust = \"{rule}\"\n{list} = [{values}]\n");
        let config = from_file(&text).unwrap().config.plugins;
        assert_eq!(config.pins.len() + config.signers.len(), 1);
        assert!(config.pins.iter().all(|pin| pin.to_lowercase() == *pin));
    }
    let pins = format!("{0},{0}", pin.replace('"', ""));
    let env = [
        ("F1_STREAMS__PLUGINS__TRUST", "pinned"),
        ("F1_STREAMS__PLUGINS__PINS", pins.as_str()),
    ];
    assert_eq!(from_env(&env).unwrap().config.plugins.pins.len(), 2);
}
