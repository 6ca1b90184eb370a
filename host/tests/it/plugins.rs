//! Files become generations; broken ones hurt nobody.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use f1_streams_testbed::Faults;

use crate::guests::{ALLOCATE, EMPTY, Guest, LOOP_FOREVER, NOT_FOUND, REFUSED, TRAP};
use crate::house::{House, POLL, site_a_wasm, uri_lines};

/// `plugins.poll` as it ships: two of them are the promise.
const DEFAULT_POLL: Duration = Duration::from_secs(5);

/// The plugin's last error, once it has the code.
async fn error(house: &House, key: &str, code: &str) -> Value {
    house
        .wait(&format!("{key} to fail with {code}"), async |house| {
            let status = house.plugin_status(key).await;
            (status["error"]["code"] == code).then_some(status)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_file_is_live_within_two_polls_and_a_player_plays_on() {
    let house = House::start().await;
    let (variant, _) = house.variant().await;
    let before = house.plugin_status("site-a").await;
    assert_eq!(before["state"], "live");

    // A custom section at the end: the same plugin with another digest.
    let mut bytes = std::fs::read(site_a_wasm()).unwrap();
    bytes.extend([0, 5, 1, b'x', 1, 2, 3]);
    house.drop_plugin("site-a", &bytes);
    let dropped = Instant::now();
    let mut longest = Duration::ZERO;
    let after = house
        .wait("the new generation", async |house| {
            let asked = Instant::now();
            let playlist = house.text(&variant).await;
            let segment = uri_lines(&playlist).pop().unwrap();
            assert!(house.get(&segment).await.bytes().await.unwrap().len() > 1000);
            longest = longest.max(asked.elapsed());
            let status = house.plugin_status("site-a").await;
            (status["digest"] != before["digest"]).then_some((status, dropped.elapsed()))
        })
        .await;
    let (status, took) = after;
    assert!(took < 2 * DEFAULT_POLL, "{took:?}");
    assert!(status["generation"].as_u64() > before["generation"].as_u64());
    assert!(
        longest < Duration::from_secs(2),
        "a player waited {longest:?}"
    );
    house
        .wait("the new generation to prove itself", async |house| {
            (house.plugin_status("site-a").await["state"] == "live").then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_broken_file_is_a_typed_error_and_the_last_good_version_serves_on() {
    let house = House::start().await;
    house.stream().await;
    let good = house.plugin_status("site-a").await["digest"].clone();
    let guest = |guest: Guest| guest.component();
    let core_module = wat::parse_str("(module)").unwrap();
    let unknown_import =
        wat::parse_str(r#"(component (import "wasi:nn/graph@0.2.0" (instance)))"#).unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "format",
            (0..4096u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
                .collect(),
        ),
        ("format", Vec::new()),
        ("format", core_module),
        (
            "compile",
            std::fs::read(site_a_wasm()).unwrap()[..20_000].to_vec(),
        ),
        ("contract", unknown_import),
        (
            "key",
            guest(Guest {
                key: "other",
                ..Guest::default()
            }),
        ),
        (
            "impure",
            guest(Guest {
                describe: "call $now drop",
                ..Guest::default()
            }),
        ),
        (
            "deadline",
            guest(Guest {
                describe: LOOP_FOREVER,
                ..Guest::default()
            }),
        ),
        (
            "trap",
            guest(Guest {
                probe: TRAP,
                ..Guest::default()
            }),
        ),
        (
            "deadline",
            guest(Guest {
                extract: LOOP_FOREVER,
                ..Guest::default()
            }),
        ),
        (
            "memory",
            guest(Guest {
                extract: ALLOCATE,
                ..Guest::default()
            }),
        ),
        (
            "trap",
            guest(Guest {
                extract: TRAP,
                ..Guest::default()
            }),
        ),
    ];
    for (code, bytes) in cases {
        house.drop_plugin("site-a", &bytes);
        let status = error(&house, "site-a", code).await;
        house
            .wait("the last good version", async |house| {
                let status = house.plugin_status("site-a").await;
                (status["digest"] == good && status["state"] == "live").then_some(())
            })
            .await;
        assert!(!status["error"]["message"].as_str().unwrap().is_empty());
        let list = house.json("/api/streams").await;
        assert_eq!(
            list["streams"][0]["id"], "site-a.main",
            "{code}: the stream is still listed"
        );
        // Clears the error, so that the next case is seen by itself.
        house.drop_plugin("site-a", &std::fs::read(site_a_wasm()).unwrap());
        house
            .wait("the error to be over", async |house| {
                house.plugin_status("site-a").await["error"]
                    .is_null()
                    .then_some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_finds_nothing_usable_proves_nothing_and_loses_nothing() {
    let house = House::start().await;
    house.stream().await;
    let good = house.plugin_status("site-a").await["digest"].clone();
    for (extract, outcome, why) in [
        (EMPTY, "not_found", ""),
        (REFUSED, "invalid_output", "for one: "),
    ] {
        let guest = Guest {
            extract,
            ..Guest::default()
        };
        house.drop_plugin("site-a", &guest.component());
        let status = house
            .wait("its run", async |house| {
                let status = house.plugin_status("site-a").await;
                (status["sites"][0]["last_run"]["outcome"] == outcome).then_some(status)
            })
            .await;
        assert_eq!(status["state"], "probation", "{outcome}");
        let message = &status["sites"][0]["last_run"]["message"];
        assert!(
            message.as_str().unwrap_or_default().contains(why),
            "{message}"
        );
        let list = house.json("/api/streams").await;
        assert_eq!(
            list["streams"][0]["id"], "site-a.main",
            "{outcome}: the stream is still listed"
        );
    }
    // What is kept for a bad day is still the version that was proven.
    house.drop_plugin("site-a", b"not a component");
    let copy = std::fs::read(house.dir.path().join("cache/plugins/site-a.wasm")).unwrap();
    assert_eq!(copy, std::fs::read(site_a_wasm()).unwrap());
    assert!(good.is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_while_the_site_is_down_keeps_a_proven_plugin() {
    let house = House::start().await;
    house.stream().await;
    let house = house
        .restart_with(Faults {
            site_delay_ms: 60_000,
            ..Faults::default()
        })
        .await;
    let status = house
        .wait("the plugin", async |house| {
            let status = house.plugin_status("site-a").await;
            status["generation"].is_u64().then_some(status)
        })
        .await;
    assert_eq!(status["state"], "live");
    // A site that does not answer is the site's trouble.
    let outcome = house
        .wait("a run", async |house| {
            let status = house.plugin_status("site-a").await;
            status["sites"][0]["last_run"]["outcome"]
                .as_str()
                .map(str::to_owned)
        })
        .await;
    assert_eq!(outcome, "network");
    assert_eq!(house.plugin_status("site-a").await["faults"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sites_that_do_not_answer_hold_a_version_back_for_two_calls_at_most() {
    let house = House::empty("").await;
    house.testbed.set_faults(Faults {
        site_delay_ms: 60_000,
        ..Faults::default()
    });
    for n in 0..20 {
        house.add_site(&format!("site-{n}"), "/event/live");
    }
    // The sites are read.
    tokio::time::sleep(3 * POLL).await;
    let dropped = Instant::now();
    std::fs::copy(site_a_wasm(), house.plugin("site-a")).unwrap();
    house
        .wait("it to serve", async |house| {
            house.plugin_status("site-a").await["generation"].as_u64()
        })
        .await;
    // Twice the wall time of 3 s, and the loading.
    assert!(dropped.elapsed() < Duration::from_secs(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_plugin_disturbs_no_other() {
    let house = House::start().await;
    house.drop_plugin(
        "looper",
        &Guest {
            key: "looper",
            extract: LOOP_FOREVER,
            ..Guest::default()
        }
        .component(),
    );
    house.drop_plugin(
        "eater",
        &Guest {
            key: "eater",
            extract: ALLOCATE,
            ..Guest::default()
        }
        .component(),
    );
    house.drop_plugin(
        "absent",
        &Guest {
            key: "absent",
            extract: NOT_FOUND,
            ..Guest::default()
        }
        .component(),
    );
    house
        .wait("the looper", async |h| {
            h.plugin_status("looper").await["generation"].as_u64()
        })
        .await;
    // Its call is under way for three seconds from now: the API answers.
    for _ in 0..20 {
        let asked = Instant::now();
        house.get("/healthz").await;
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        house.plugin_status("looper").await["error"].is_null(),
        "it was still looping"
    );
    error(&house, "looper", "deadline").await;
    error(&house, "eater", "memory").await;
    house.stream().await;
    let absent = house
        .wait("the third to run", async |house| {
            let status = house.plugin_status("absent").await;
            status["sites"][0]["last_run"]["outcome"]
                .as_str()
                .map(str::to_owned)
        })
        .await;
    assert_eq!(absent, "not_found");
    assert_eq!(house.plugin_status("site-a").await["faults"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_serves_after_a_restart_with_a_broken_file() {
    let house = House::start().await;
    house.stream().await;
    let good = house.plugin_status("site-a").await["digest"].clone();
    house.drop_plugin("site-a", b"not a component");
    error(&house, "site-a", "format").await;
    let house = house.restart().await;
    let status = error(&house, "site-a", "format").await;
    assert_eq!(status["digest"], good);
    house.stream().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_could_not_be_made_is_made_later() {
    let house = House::empty("").await;
    house.add_site("site-a", "/event/live");
    // Where the copy goes, something else is.
    let copy = house.dir.path().join("cache/plugins/site-a.wasm");
    std::fs::create_dir_all(copy.join("x")).unwrap();
    std::fs::copy(site_a_wasm(), house.plugin("site-a")).unwrap();
    house.stream().await;
    assert!(copy.is_dir());
    std::fs::remove_dir_all(&copy).unwrap();
    house
        .wait("the copy", async |house| {
            let path = "/api/admin/sites/site-a/run";
            house.send(Method::POST, path, Vec::new()).await;
            copy.is_file().then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_directory_unloads_nothing_and_a_removed_file_does() {
    let house = House::start().await;
    house.stream().await;
    house.drop_plugin(
        "second",
        &Guest {
            key: "second",
            ..Guest::default()
        }
        .component(),
    );
    house
        .wait("the second plugin", async |h| {
            h.plugin_status("second").await["generation"].as_u64()
        })
        .await;
    let before = house.plugin_status("second").await["generation"].as_u64();
    let plugins = house.dir.path().join("data/plugins");
    let away = house.dir.path().join("data/away");
    std::fs::rename(&plugins, &away).unwrap();
    house
        .wait("the poll to say so", async |house| {
            let all = house.admin(Method::GET, "/api/admin/plugins").await;
            all["directory"]["error"].as_str().map(str::to_owned)
        })
        .await;
    tokio::time::sleep(3 * POLL).await;
    assert!(house.plugin_status("site-a").await["generation"].is_u64());
    assert!(house.plugin_status("second").await["generation"].is_u64());
    std::fs::rename(&away, &plugins).unwrap();
    std::fs::remove_file(house.plugin("second")).unwrap();
    house
        .wait("the removed plugin to go", async |house| {
            house.plugin_status("second").await.is_null().then_some(())
        })
        .await;
    house.stream().await;
    // What comes back by that name is not taken for what it was.
    let again = Guest {
        key: "second",
        version: "2.0.0",
        ..Guest::default()
    };
    house.drop_plugin("second", &again.component());
    let number = house
        .wait("it to come back", async |h| {
            h.plugin_status("second").await["generation"].as_u64()
        })
        .await;
    assert!(Some(number) > before, "{number} after {before:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_by_the_admin_makes_a_new_generation() {
    let house = House::start().await;
    house.stream().await;
    let before = house.plugin_status("site-a").await["generation"]
        .as_u64()
        .unwrap();
    house.admin(Method::POST, "/api/admin/plugins/reload").await;
    house
        .wait("the next generation", async |house| {
            let now = house.plugin_status("site-a").await["generation"].as_u64();
            (now > Some(before)).then_some(())
        })
        .await;
}
