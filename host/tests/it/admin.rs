//! What operators do to plugins, over the API that the admin page uses.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::guests::{Guest, LOOP_FOREVER, NOT_FOUND};
use crate::house::{House, site_a_wasm};

/// Site A's plugin with a custom section: the same with another digest.
fn variant(mark: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(site_a_wasm()).unwrap();
    bytes.extend([0, 3, 1, b'x', mark]);
    bytes
}

async fn put(house: &House, key: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
    house
        .send(Method::PUT, &format!("/api/admin/plugins/{key}"), bytes)
        .await
}

async fn post(house: &House, key: &str, action: &str) -> (StatusCode, Value) {
    let path = format!("/api/admin/plugins/{key}/{action}");
    house.send(Method::POST, &path, Vec::new()).await
}

async fn settled(house: &House, key: &str, digest: &Value) {
    house
        .wait("it to settle", async |house| {
            let status = house.plugin_status(key).await;
            (status["state"] == "live" && status["digest"] == *digest).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_judged_before_it_is_written() {
    let house = House::start().await;
    house.stream().await;
    for (key, bytes, status, code) in [
        ("site-a", b"not a component".to_vec(), 422, "format"),
        ("another", variant(1), 422, "key"),
        (
            "looper",
            Guest {
                key: "looper",
                describe: LOOP_FOREVER,
                ..Guest::default()
            }
            .component(),
            422,
            "deadline",
        ),
        ("big", vec![0; 33 << 20], 413, "too_large"),
        ("Bad..Key", variant(1), 404, "no_such_plugin"),
    ] {
        let (answered, body) = put(&house, key, bytes).await;
        assert_eq!(answered, status, "{key}: {body}");
        assert_eq!(body["error"]["code"], code, "{key}");
        let file = house.plugin(key);
        let untouched = key == "site-a" || !file.exists();
        assert!(untouched, "{key}: written all the same");
    }
    assert_eq!(house.plugin_status("site-a").await["error"], Value::Null);

    let (status, taken) = put(&house, "site-a", variant(1)).await;
    assert_eq!(status, StatusCode::OK, "{taken}");
    assert_eq!(taken["size"], variant(1).len());
    settled(&house, "site-a", &taken["digest"]).await;
    assert_eq!(std::fs::read(house.plugin("site-a")).unwrap(), variant(1));

    // A directory that is away is not made anew: one file in it would be all.
    let plugins = house.dir.path().join("data/plugins");
    std::fs::rename(&plugins, house.dir.path().join("data/away")).unwrap();
    let (status, body) = put(&house, "site-a", variant(2)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert!(!plugins.exists());
    // One that is there again, and empty: as where a mount was.
    std::fs::create_dir(&plugins).unwrap();
    house
        .wait("the poll to say so", async |house| {
            let all = house.admin(Method::GET, "/api/admin/plugins").await;
            let error = all["directory"]["error"].as_str()?;
            error.contains("empty").then_some(())
        })
        .await;
    let (status, body) = put(&house, "site-a", variant(2)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(body["error"]["code"], "directory_unwritable");
    assert!(!house.plugin("site-a").exists());
    // One that takes no files.
    std::fs::remove_dir(&plugins).unwrap();
    std::os::unix::fs::symlink("/proc/self", &plugins).unwrap();
    let (status, body) = put(&house, "site-a", variant(2)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(body["error"]["code"], "directory_unwritable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_plugin_stays_so_over_a_restart() {
    let house = House::start().await;
    house.stream().await;
    let (_, body) = post(&house, "site-a", "enable").await;
    assert_eq!(body["error"]["code"], "not_disabled");
    let (status, body) = post(&house, "site-a", "disable").await;
    assert_eq!(
        (status, &body["plugin"]["state"]),
        (StatusCode::OK, &json!("disabled"))
    );
    let (status, body) = post(&house, "site-a", "disable").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(body["error"]["code"], "already_disabled");
    let (status, body) = post(&house, "nobody", "disable").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["error"]["code"], "no_such_plugin");
    let empty = async |house: &House| {
        let list = house.json("/api/streams").await;
        list["streams"].as_array().unwrap().is_empty().then_some(())
    };
    house.wait("the streams to go", empty).await;
    let record = house.dir.path().join("data/state/plugins/site-a.json");
    house
        .wait("the decision on disk", async |_| {
            let text = std::fs::read_to_string(&record).unwrap_or_default();
            text.contains("\"disabled\": true").then_some(())
        })
        .await;

    let house = house.restart().await;
    house
        .wait("the plugin to be seen", async |house| {
            (house.plugin_status("site-a").await["state"] == "disabled").then_some(())
        })
        .await;
    let (status, _) = post(&house, "site-a", "enable").await;
    assert_eq!(status, StatusCode::OK);
    house.stream().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_plugin_stays_so_where_the_decision_cannot_be_read() {
    let house = House::start().await;
    house.stream().await;
    let (_, body) = post(&house, "site-a", "disable").await;
    assert_eq!(body["saved"], true);
    // Something that is not read, and not written over.
    let record = house.dir.path().join("data/state/plugins/site-a.json");
    std::fs::remove_file(&record).unwrap();
    std::fs::create_dir(&record).unwrap();
    let house = house.restart().await;
    let state = async |house: &House, state: &str| {
        house
            .wait(state, async |house| {
                (house.plugin_status("site-a").await["state"] == state).then_some(())
            })
            .await;
    };
    state(&house, "disabled").await;
    std::fs::write(record.join("x"), "").unwrap();
    let (status, body) = post(&house, "site-a", "reload").await;
    assert_eq!((status, &body["saved"]), (StatusCode::OK, &json!(true)));
    // Another replica's decision counts once it can be read.
    std::fs::remove_dir_all(&record).unwrap();
    std::fs::write(&record, "{\"disabled\":false}").unwrap();
    house.stream().await;
    let house = house.restart().await;
    house.stream().await;
    std::fs::remove_file(&record).unwrap();
    std::fs::create_dir_all(record.join("x")).unwrap();
    let (status, body) = post(&house, "site-a", "disable").await;
    assert_eq!((status, &body["saved"]), (StatusCode::OK, &json!(false)));
    assert!(record.join("x").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_by_hand_leads_back_also_after_a_restart_and_a_reload_forward() {
    let house = House::start().await;
    house.stream().await;
    let first = house.plugin_status("site-a").await["digest"].clone();
    let (status, body) = post(&house, "site-a", "rollback").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(body["error"]["code"], "nothing_to_roll_back");

    let (_, taken) = put(&house, "site-a", variant(1)).await;
    let second = taken["digest"].clone();
    settled(&house, "site-a", &second).await;
    let status = house.plugin_status("site-a").await;
    assert_eq!(status["previous"]["digest"], first);

    // The copy of the version before outlives the process.
    let house = house.restart().await;
    settled(&house, "site-a", &second).await;
    // Also while it is disabled.
    post(&house, "site-a", "disable").await;
    let (status, body) = post(&house, "site-a", "rollback").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["plugin"]["state"], "disabled");
    let (_, body) = post(&house, "site-a", "enable").await;
    let plugin = &body["plugin"];
    assert_eq!(
        (&plugin["digest"], &plugin["state"]),
        (&first, &json!("live"))
    );
    assert_eq!(plugin["quarantined"]["digest"], second);
    assert_eq!(plugin["previous"], Value::Null);
    house.stream().await;

    // The file is still the second's: it does not come back by itself.
    let house = house.restart().await;
    settled(&house, "site-a", &first).await;
    // Only what has run here is something to go back to.
    house.stream().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let status = house.plugin_status("site-a").await;
    assert_eq!(
        (&status["digest"], &status["quarantined"]["digest"]),
        (&first, &second)
    );

    let (status, _) = post(&house, "site-a", "reload").await;
    assert_eq!(status, StatusCode::OK);
    settled(&house, "site-a", &second).await;
    assert_eq!(
        house.plugin_status("site-a").await["quarantined"],
        Value::Null
    );

    // Nor does it when it is uploaded again: that is on purpose, too.
    let (status, body) = post(&house, "site-a", "rollback").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    settled(&house, "site-a", &first).await;
    let (status, _) = put(
        &house,
        "site-a",
        std::fs::read(house.plugin("site-a")).unwrap(),
    )
    .await;
    assert!(status.is_success());
    settled(&house, "site-a", &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_as_a_list_and_as_a_stream() {
    let house = House::start().await;
    house.stream().await;
    let mut stream = house
        .client
        .get(format!("{}/api/admin/events", house.base))
        .bearer_auth(&house.token)
        .send()
        .await
        .unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let open = house.get("/api/admin/events").await;
    assert_eq!(open.status(), StatusCode::UNAUTHORIZED);

    let broken = Guest {
        key: "site-a",
        extract: "unreachable",
        ..Guest::default()
    };
    house.drop_plugin("site-a", &broken.component());
    let kinds = house
        .wait("the rollback", async |house| {
            let told = house
                .admin(Method::GET, "/api/admin/plugins/site-a/events")
                .await;
            let events = told["events"].as_array().unwrap().clone();
            let kinds: Vec<_> = events
                .iter()
                .map(|e| e["kind"].as_str().unwrap().to_owned())
                .collect();
            kinds.contains(&"rolled_back".to_owned()).then_some(kinds)
        })
        .await;
    // Newest first.
    let story = [
        "live",
        "quarantined",
        "rolled_back",
        "live",
        "seen",
        "settled",
        "live",
        "seen",
    ];
    assert_eq!(kinds, story);

    let mut text = String::new();
    while !(text.contains("event: plugins\n")
        && text.contains("\"key\":\"site-a\"")
        && text.contains("event: sites\n"))
    {
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await;
        text += &String::from_utf8_lossy(&chunk.expect("news").unwrap().expect("more"));
    }
    assert!(
        text.contains("\"outcome\":\"trap\"") || text.contains("\"outcome\":\"ok\""),
        "{text}"
    );
    for told in ["\"message\":\"", "\"digest\":\"", "\"version\":\""] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let (status, _) = house
        .send(Method::GET, "/api/admin/plugins/nobody/events", Vec::new())
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_runs_when_an_operator_says_so() {
    let house = House::start().await;
    house.stream().await;
    let absent = Guest {
        key: "absent",
        extract: NOT_FOUND,
        ..Guest::default()
    };
    house.drop_plugin("absent", &absent.component());
    let run = async |house: &House| {
        let sites = house.admin(Method::GET, "/api/admin/sites").await;
        let sites = sites["sites"].as_array().unwrap().clone();
        let site = sites.into_iter().find(|site| site["key"] == "absent")?;
        assert_eq!(site["plugin"], "absent");
        site["last_run"]["started_at"].as_str().map(str::to_owned)
    };
    let before = house.wait("its first run", run).await;
    let (status, _) = house
        .send(Method::POST, "/api/admin/sites/absent/run", Vec::new())
        .await;
    assert_eq!(status, StatusCode::ACCEPTED);
    house
        .wait("another run", async |house| {
            (run(house).await? != before).then_some(())
        })
        .await;
    let (status, body) = house
        .send(Method::POST, "/api/admin/sites/nobody/run", Vec::new())
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["error"]["code"], "no_such_site");
    // What a plugin may reach for a site: here what the site file grants.
    let status = house.plugin_status("site-a").await;
    let granted = status["sites"][0]["granted"].as_array().unwrap();
    assert!(granted.len() >= 2, "{granted:?}");
}
