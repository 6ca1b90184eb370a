//! P34: a newer version that asks for more.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use f1_streams::config::Grants;

use crate::guests::{Guest, NOT_FOUND};
use crate::house::House;

fn asking(version: &'static str, hosts: &[&str], secrets: &'static [&'static str]) -> Vec<u8> {
    Guest {
        key: "asker",
        version,
        extract: NOT_FOUND,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        secrets,
        ..Guest::default()
    }
    .component()
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";

async fn version(house: &House, state: &str, version: &str) -> Value {
    house
        .wait(&format!("version {version} to be {state}"), async |house| {
            let status = house.plugin_status("asker").await;
            let held = state == "held" && status["held"]["version"] == version;
            (held || status["state"] == state && status["version"] == version).then_some(status)
        })
        .await
}

/// What is held now.
async fn approve(house: &House) -> (StatusCode, Value) {
    let status = house.plugin_status("asker").await;
    approve_what(house, status["held"]["digest"].as_str().unwrap_or("none")).await
}

async fn approve_what(house: &House, digest: &str) -> (StatusCode, Value) {
    let path = format!("/api/admin/plugins/asker/approve?digest={digest}");
    house.send(Method::POST, &path, Vec::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn p34_under_explicit_grants_a_wider_version_is_held_while_the_old_one_serves() {
    let house = House::edited(|config| config.plugins.grants = Grants::Explicit).await;
    house.drop_plugin("asker", &asking("1.0.0", &[A], &[]));
    let status = version(&house, "held", "1.0.0").await;
    assert_eq!(
        (&status["state"], &status["generation"]),
        (&json!("held"), &Value::Null)
    );
    assert_eq!(status["held"]["hosts"], json!([A]));
    // What the operator did not see is not approved.
    let (answered, body) = approve_what(&house, "another").await;
    assert_eq!(answered, StatusCode::CONFLICT, "{body}");
    assert_eq!(body["error"]["code"], "changed");
    let path = "/api/admin/plugins/asker/approve";
    let (answered, _) = house.send(Method::POST, path, Vec::new()).await;
    assert_eq!(answered, StatusCode::BAD_REQUEST);
    assert_eq!(house.plugin_status("asker").await["state"], "held");
    let (answered, body) = approve(&house).await;
    assert_eq!(answered, StatusCode::OK, "{body}");
    assert_eq!(body["saved"], true);
    assert_eq!(body["plugin"]["version"], "1.0.0");
    let (answered, body) = approve(&house).await;
    assert_eq!(answered, StatusCode::CONFLICT);
    assert_eq!(body["error"]["code"], "nothing_held");

    // More hosts, or a secret: held, and 1.0.0 serves on.
    for (wider, hosts, secrets) in [
        ("1.1.0", &[A, B][..], &[][..]),
        ("1.2.0", &[A][..], &["password"][..]),
    ] {
        house.drop_plugin("asker", &asking(wider, hosts, secrets));
        let status = version(&house, "held", wider).await;
        assert_eq!(status["version"], "1.0.0", "it serves on");
        let wants = &status["held"];
        let expect = if secrets.is_empty() {
            (json!([B]), json!([]))
        } else {
            (json!([]), json!(["password"]))
        };
        assert_eq!((wants["hosts"].clone(), wants["secrets"].clone()), expect);
    }
    // Less or as much needs nobody; the decision outlives the process.
    house.drop_plugin("asker", &asking("1.3.0", &[], &[]));
    version(&house, "probation", "1.3.0").await;
    let house = house.restart().await;
    house.drop_plugin("asker", &asking("1.4.0", &[A], &[]));
    version(&house, "probation", "1.4.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p34_under_explicit_grants_what_the_site_file_grants_needs_no_approval() {
    let house = House::edited(|config| config.plugins.grants = Grants::Explicit).await;
    let site = format!("plugin = \"asker\"\nbase_url = \"{A}\"\n");
    std::fs::write(house.dir.path().join("data/sites/asker.toml"), site).unwrap();
    let house = house.restart().await;
    house.drop_plugin("asker", &asking("1.0.0", &[A], &[]));
    let status = version(&house, "held", "1.0.0").await;
    assert_eq!(status["held"]["hosts"], json!([]), "the file names them");
    approve(&house).await;
    // What it asks for beyond the site file reaches nothing anyway.
    house.drop_plugin("asker", &asking("1.1.0", &[A, B], &[]));
    let status = version(&house, "probation", "1.1.0").await;
    assert_eq!(status["sites"][0]["granted"], json!([A]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p34_where_dropping_is_the_grant_widening_is_shown() {
    let house = House::empty("").await;
    house.drop_plugin("asker", &asking("1.0.0", &[A], &[]));
    version(&house, "probation", "1.0.0").await;
    house.drop_plugin("asker", &asking("1.1.0", &[A, B], &["password"]));
    version(&house, "probation", "1.1.0").await;
    let told = house
        .admin(Method::GET, "/api/admin/plugins/asker/events")
        .await;
    let events = told["events"].as_array().unwrap();
    let widened: Vec<_> = events.iter().filter(|e| e["kind"] == "widened").collect();
    assert_eq!(widened.len(), 1, "{events:?}");
    let message = widened[0]["message"].as_str().unwrap();
    assert!(
        message.contains(B) && message.contains("password"),
        "{message}"
    );
    assert!(!message.contains(A), "{message}");
}
