//! Which files may become code, and which may not although they lie there.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use f1_streams::config::{Config, Trust};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::house::{House, site_a_wasm};
use crate::service::program;
use crate::signer::Signer;

/// One signer for all tests, so that it can be configured without a capture.
fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(Signer::new)
}

fn signed(config: &mut Config) {
    config.plugins.trust = Trust::Signed;
    let key = signer().public();
    config.plugins.signers = vec![minisign_verify::PublicKey::from_base64(&key).unwrap()];
}

fn signature(bytes: &[u8]) -> String {
    signer().sign(bytes, "timestamp:1\tfile:site-a.wasm\thashed")
}

/// Site A's plugin, of another digest for each `n`.
fn version(n: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(site_a_wasm()).unwrap();
    // A custom section.
    bytes.extend([0, 3, 1, b'x', n]);
    bytes
}

fn write_signature(house: &House, text: &str) {
    std::fs::write(house.plugin("site-a").with_extension("wasm.minisig"), text).unwrap();
}

/// The digest that serves, proven.
async fn live(house: &House, not: &Value) -> Value {
    house
        .wait("a proven version", async |house| {
            let status = house.plugin_status("site-a").await;
            let is = status["state"] == "live" && status["digest"] != *not;
            is.then(|| status["digest"].clone())
        })
        .await
}

async fn refused(house: &House, code: &str) -> Value {
    house
        .wait(code, async |house| {
            let status = house.plugin_status("site-a").await;
            (status["error"]["code"] == code).then_some(status)
        })
        .await
}

/// As when the mount is not there at the start.
fn take_away(house: &House) {
    let plugins = house.plugin("site-a");
    let plugins = plugins.parent().unwrap();
    std::fs::rename(plugins, plugins.with_file_name("away")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_for_its_signature_and_a_changed_one_changes_nothing() {
    let house = House::edited(signed).await;
    house.add_site("site-a", "/event/live");
    house.drop_plugin("site-a", &version(1));
    let status = refused(&house, "unsigned").await;
    assert_eq!(status["state"], "refused");
    let message = status["error"]["message"].as_str().unwrap();
    assert!(message.contains("minisign -Sm site-a.wasm"), "{message}");
    assert_eq!(house.metrics.limit_hits("plugins.limits.wall"), 0);
    // The signature is dropped later, as any two files are.
    write_signature(&house, &signature(&version(1)));
    let first = live(&house, &Value::Null).await;

    // A newer file, with the older one's signature.
    house.drop_plugin("site-a", &version(2));
    let status = refused(&house, "signature").await;
    assert_eq!(status["digest"], first, "the good one serves on");
    let stranger = Signer::new();
    for (text, says) in [
        (stranger.sign(&version(2), "file:site-a.wasm"), "none of"),
        (signer().sign(&version(2), "file:site-b.wasm"), "name"),
        (
            signer().sign_legacy(&version(2), "file:site-a.wasm"),
            "legacy format",
        ),
        (
            signer().claiming().sign(&version(2), "file:site-a.wasm"),
            "not of this file",
        ),
        ("nonsense".to_owned(), "no minisign signature"),
    ] {
        write_signature(&house, &text);
        house
            .wait(says, async |house| {
                let status = house.plugin_status("site-a").await;
                let message = status["error"]["message"].as_str()?;
                message.contains(says).then_some(())
            })
            .await;
        assert_eq!(house.plugin_status("site-a").await["digest"], first);
    }
    write_signature(&house, &signature(&version(2)));
    live(&house, &first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_brings_its_signature_along() {
    let house = House::edited(signed).await;
    house.add_site("site-a", "/event/live");
    let url = format!("{}/api/admin/plugins/site-a", house.base);
    let put = async |signature: Option<String>| {
        let mut request = house.client.put(&url).bearer_auth(&house.token);
        if let Some(signature) = signature {
            request = request.header("Minisign-Signature", signature);
        }
        let response = request.body(version(1)).send().await.unwrap();
        let status = response.status();
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        (status, body)
    };
    let stranger = Signer::new();
    let foreign = stranger.sign(&version(1), "file:site-a.wasm");
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    for (header, status, code) in [
        (None, unprocessable, "unsigned"),
        (Some(STANDARD.encode(foreign)), unprocessable, "signature"),
        (Some("%".to_owned()), StatusCode::BAD_REQUEST, "signature"),
        (
            Some(STANDARD.encode(vec![b'x'; 11 << 10])),
            StatusCode::BAD_REQUEST,
            "signature",
        ),
    ] {
        let (came, body) = put(header).await;
        assert_eq!(
            (came, &body["error"]["code"]),
            (status, &code.into()),
            "{body}"
        );
        assert!(!house.plugin("site-a").exists(), "nothing was written");
    }
    let text = signature(&version(1));
    let (came, body) = put(Some(STANDARD.encode(&text))).await;
    assert_eq!(came, StatusCode::OK, "{body}");
    let beside = house.plugin("site-a").with_extension("wasm.minisig");
    assert_eq!(std::fs::read_to_string(beside).unwrap(), text);
    live(&house, &Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_rule_holds_for_the_copies_too() {
    let house = House::start().await;
    let digest = live(&house, &Value::Null).await;
    let copy = house.dir.path().join("cache/plugins/site-a.wasm");
    house
        .wait("a copy", async |_| copy.exists().then_some(()))
        .await;
    take_away(&house);
    // Without a rule the copy serves.
    let house = house.restart().await;
    assert_eq!(live(&house, &Value::Null).await, digest);
    let house = house.restart_edited(signed).await;
    let status = refused(&house, "unsigned").await;
    assert_eq!(
        (&status["digest"], &status["state"]),
        (&Value::Null, &"refused".into())
    );
    let none_pinned = |config: &mut Config| {
        config.plugins.trust = Trust::Pinned;
        config.plugins.pins = vec!["0".repeat(64)];
    };
    let house = house.restart_edited(none_pinned).await;
    let status = refused(&house, "unpinned").await;
    let message = status["error"]["message"].as_str().unwrap();
    assert!(message.contains(digest.as_str().unwrap()), "{message}");
    assert_eq!(status["digest"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_stays_so_without_its_directory_and_on_the_way_back() {
    let house = House::edited(signed).await;
    house.add_site("site-a", "/event/live");
    let mut digests = vec![Value::Null];
    for n in [1, 2] {
        write_signature(&house, &signature(&version(n)));
        house.drop_plugin("site-a", &version(n));
        digests.push(live(&house, digests.last().unwrap()).await);
    }
    let [_, first, second] = <[Value; 3]>::try_from(digests).unwrap();
    house
        .wait("both copies", async |house| {
            let copies = house.dir.path().join("cache/plugins");
            let names = std::fs::read_dir(copies).unwrap().flatten();
            let signatures = names.filter(|e| e.path().extension().is_some_and(|e| e == "minisig"));
            (signatures.count() == 2).then_some(())
        })
        .await;
    // The file lost its signature; then there is no file at all.
    let beside = house.plugin("site-a").with_extension("wasm.minisig");
    std::fs::remove_file(beside).unwrap();
    let house = house.restart().await;
    assert_eq!(live(&house, &Value::Null).await, second);
    take_away(&house);
    let house = house.restart().await;
    assert_eq!(live(&house, &Value::Null).await, second);
    let back = "/api/admin/plugins/site-a/rollback";
    let (status, body) = house.send(Method::POST, back, Vec::new()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(house.plugin_status("site-a").await["digest"], first);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_pinned_loads_and_no_rollback_leads_past_the_list() {
    static PINS: OnceLock<Vec<String>> = OnceLock::new();
    let pinned = |config: &mut Config| {
        config.plugins.trust = Trust::Pinned;
        config.plugins.pins = PINS.get().unwrap().clone();
    };
    let house = House::empty("").await;
    house.add_site("site-a", "/event/live");
    house.drop_plugin("site-a", &version(1));
    let first = live(&house, &Value::Null).await;
    house.drop_plugin("site-a", &version(2));
    let second = live(&house, &first).await;
    house
        .wait("the way back", async |house| {
            let status = house.plugin_status("site-a").await;
            (status["previous"]["digest"] == first).then_some(())
        })
        .await;
    let pin = second.as_str().unwrap().to_owned();
    PINS.set(vec![pin]).unwrap();
    let house = house.restart_edited(pinned).await;
    assert_eq!(live(&house, &Value::Null).await, second);
    let back = "/api/admin/plugins/site-a/rollback";
    let (status, body) = house.send(Method::POST, back, Vec::new()).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    house.drop_plugin("site-a", &version(3));
    refused(&house, "unpinned").await;
    assert_eq!(house.plugin_status("site-a").await["digest"], second);
}

#[tokio::test]
async fn check_plugin_says_what_the_rule_would() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "[plugins]\ntrust = \"signed\"\nsigners = [\"{}\"]\n",
        signer().public()
    );
    std::fs::write(dir.path().join("f1-streams.toml"), config).unwrap();
    std::fs::write(dir.path().join("site-a.wasm"), version(1)).unwrap();
    let checked = async |expect: bool| -> Value {
        let mut command = program(dir.path());
        command.args(["check-plugin", "site-a.wasm"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        assert_eq!(output.status.success(), expect);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let verdict = checked(false).await;
    assert_eq!(verdict["error"]["code"], "unsigned", "{verdict}");
    assert_eq!(verdict["trust"], "signed");
    let beside = dir.path().join("site-a.wasm.minisig");
    std::fs::write(&beside, signature(&version(1))).unwrap();
    assert_eq!(checked(true).await["trust"], "signed");
    std::fs::write(&beside, signature(&version(2))).unwrap();
    assert_eq!(checked(false).await["error"]["code"], "signature");
    // An author's own commands come before the signature.
    let mut command = program(dir.path());
    command.args(["test-plugin", "site-a.wasm", "--cases", "none"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let said = String::from_utf8(output.await.unwrap().stderr).unwrap();
    assert!(!said.contains("signature"), "{said}");
}
