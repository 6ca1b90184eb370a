//! What is kept of a failure, and what becomes of it: from the alert to a
//! failing case.

use f1_streams_testbed::Faults;
use http::StatusCode;
use reqwest::Method;
use serde_json::Value;

use crate::cases::{f1_streams, test_plugin};
use crate::guests::{Guest, Image, NOT_FOUND};
use crate::house::{House, site_a_wasm};
use crate::schedule::polled;

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_site_writes_its_own_test() {
    let house = House::start_with(
        "[extraction]\ninterval = \"1s\"\nrefresh_cooldown = \"0\"",
        "/event/live",
    )
    .await;
    house.stream().await;
    let schedule = polled(&house).await;
    let site = async |house: &House| house.plugin_status("site-a").await["sites"][0].clone();
    assert_eq!(site(&house).await["bundle"], Value::Null);
    house.testbed.set_faults(Faults {
        site_status: Some(StatusCode::FORBIDDEN),
        ..Faults::default()
    });
    let broken = house
        .wait("a bundle", async |house| {
            let site = site(house).await;
            (!site["bundle"].is_null()).then_some(site)
        })
        .await;
    assert!(
        broken["failing_since"].is_string() && broken["last_ok_at"].is_string(),
        "{broken}"
    );
    let name = broken["bundle"]["name"].as_str().unwrap();
    let list = house.admin(Method::GET, "/api/admin/diagnostics").await;
    assert_eq!(list["bundles"][0]["name"], name);
    assert_eq!(
        list["bundles"].as_array().unwrap().len(),
        1,
        "one for all failures: {list}"
    );
    let path = format!("/api/admin/diagnostics/{name}");
    let anybody = house.get(&path).await;
    assert_eq!(anybody.status(), StatusCode::UNAUTHORIZED);
    let bundle = house.admin(Method::GET, &path).await;
    assert_eq!(bundle["outcome"]["code"], "blocked");
    assert_eq!(bundle["exchanges"][0]["response"]["status"], 403);
    // What the schedule says is on, or next, was passed to it.
    let events = schedule["events"].as_array().unwrap().iter();
    let sessions = events.flat_map(|event| {
        let sessions = event["sessions"].as_array().unwrap().iter();
        sessions.map(move |session| (&event["name"], session))
    });
    let hint = &bundle["hint"];
    let mut sessions = sessions.filter(|(_, session)| session["id"] == hint["session"]);
    let (event, session) = sessions.next().unwrap_or_else(|| panic!("{hint}"));
    assert_eq!(
        [&hint["event_name"], &hint["session_name"]],
        [event, &session["name"]]
    );
    assert_eq!(
        [&hint["starts_at"], &hint["ends_at"]],
        [&session["start"], &session["end"]]
    );
    // The session of the runs before, and nothing of it but a placeholder.
    assert_eq!(
        bundle["before"]["cookies"][0][1], "session=cookie-1; Path=/",
        "{bundle:#}"
    );
    let sent = house.testbed.log();
    let cookies = sent.iter().flat_map(|request| &request.headers);
    for (_, value) in cookies.filter(|(name, _)| name == "cookie") {
        let session = value.trim_start_matches("session=");
        assert!(!bundle.to_string().contains(session), "{session}");
    }

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bundle.json"), bundle.to_string()).unwrap();
    let wasm = site_a_wasm();
    let args = [
        "record",
        wasm.to_str().unwrap(),
        "cases/forbidden",
        "--from",
        "bundle.json",
    ];
    let (done, said) = f1_streams(dir.path(), &args).await;
    assert!(done, "{said}");
    let (passed, said) = test_plugin(dir.path(), &wasm, &[]).await;
    assert!(
        !passed && said.contains("no expected.json: fix the plugin"),
        "{said}"
    );
    let (passed, said) = test_plugin(dir.path(), &wasm, &["--update"]).await;
    assert!(passed, "{said}");
    let (passed, said) = test_plugin(dir.path(), &wasm, &[]).await;
    assert!(passed, "{said}");

    // And when it works again, it is no longer failing.
    house.testbed.set_faults(Faults::default());
    house
        .wait("the end of it", async |house| {
            house.refresh().await;
            site(house).await["failing_since"].is_null().then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_attached_is_for_the_admin_and_never_a_page() {
    let house = House::empty("").await;
    let mut image = Image::new();
    let page = "<script>alert(1)</script>";
    let slices = ["page <1>.html", "text/html", page].map(|text| image.put(text));
    let arguments = slices.map(|(at, length)| format!("i32.const {at} i32.const {length} "));
    let guest = Guest {
        extract: format!("{} call $attach {NOT_FOUND}", arguments.concat()).leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    house.drop_plugin("site-a", &guest.component());
    let attachments = house
        .wait("an attachment", async |house| {
            let status = house.plugin_status("site-a").await;
            let attachments = status["sites"][0]["attachments"].clone();
            (!attachments[0].is_null()).then_some(attachments)
        })
        .await;
    let expect = serde_json::json!(
        [{ "name": "page <1>.html", "media_type": "text/html", "bytes": page.len() }]
    );
    assert_eq!(attachments, expect);
    let path = "/api/admin/sites/site-a/attachments/0";
    assert_eq!(house.get(path).await.status(), StatusCode::UNAUTHORIZED);
    let request = house.client.get(format!("{}{path}", house.base));
    let response = request.bearer_auth(&house.token).send().await.unwrap();
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"page__1_.html\""
    );
    assert_eq!(response.text().await.unwrap(), page);
    // Nothing is live: that is no failure, and nothing is kept of it.
    let list = house.admin(Method::GET, "/api/admin/diagnostics").await;
    assert_eq!(list["bundles"], serde_json::json!([]));
}
