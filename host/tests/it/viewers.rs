//! What viewers may do, and what their requests may cause.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use f1_streams_testbed::Role;
use reqwest::{Method, StatusCode};

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn reading_streams_reaches_no_site_and_takes_no_time() {
    let house = House::start().await;
    house.stream().await;
    house.testbed.clear_log();
    // Health checks go on by themselves every 30 s; this takes far less. A busy
    // machine may be slow once; an answer that waits for anything always is.
    let mut best = std::time::Duration::MAX;
    for _ in 0..3 {
        let mut times = Vec::new();
        for _ in 0..200 {
            let asked = Instant::now();
            house.text("/api/streams").await;
            times.push(asked.elapsed());
        }
        times.sort();
        best = best.min(times[100]);
    }
    let mut log = house.testbed.log();
    // The schedule is polled when it is.
    log.retain(|request| request.role != Role::Schedule);
    assert!(log.is_empty(), "{log:?}");
    assert!(best.as_millis() < 5, "the median answer took {best:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_runs_the_site_in_the_background_and_is_rate_limited() {
    let house = House::start().await;
    house.stream().await;
    let runs = |house: &House| {
        let log = house.testbed.log();
        log.iter()
            .filter(|request| request.path.starts_with("/event/live"))
            .count()
    };
    let before = runs(&house);
    let mut queued = 0;
    for _ in 0..20 {
        queued += u32::from(house.refresh().await);
    }
    assert_eq!(queued, 1, "one within the cooldown");
    house
        .wait("the run", async |house| {
            (runs(house) > before).then_some(())
        })
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(runs(&house), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_handed_out_opens() {
    let house = House::start().await;
    let (variant, _) = house.variant().await;
    let segment = house.segments().await.pop().unwrap();
    for good in [&variant, &segment] {
        assert_eq!(
            house.get(good).await.status(),
            StatusCode::OK,
            "the positive control"
        );
    }
    let (path, token) = segment.split_once("?url=").unwrap();
    let (variant_path, variant_token) = variant.split_once("?url=").unwrap();
    // Without the name in the path a link opens, too.
    assert_eq!(
        house.get(&format!("/relay?url={token}")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        house
            .get(&format!("/proxy?url={variant_token}"))
            .await
            .status(),
        StatusCode::OK
    );

    let flipped = |at: usize| {
        let mut text = token.as_bytes().to_vec();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).unwrap()
    };
    let raw = format!("{}/live/x/seg.ts", house.testbed.info().cdn);
    let escaped: String = url::form_urlencoded::byte_serialize(raw.as_bytes()).collect();
    let mut bad = vec![
        format!("{path}?url={}", &token[..token.len() - 1]),
        format!("{path}?url={}", &token[..20]),
        format!("{path}?url="),
        path.to_owned(),
        format!("/proxy/segment.ts?url={token}"),
        format!("/proxy/playlist.m3u8?url={token}"),
        format!("/proxy?url={token}"),
        format!("/relay?url={variant_token}"),
        format!("/relay/other.ts?url={token}"),
        format!("/proxy/other.m3u8?url={variant_token}"),
        format!("/relay/%ff?url={token}"),
        format!("{path}?url={token}&x=1"),
        format!("{path}?url={token}&url={token}"),
        format!("{path}?url={token}%20"),
        format!("{variant_path}?url={variant_token}&_HLS_msn=1&_HLS_msn=2"),
        format!("/relay?url={escaped}"),
        format!("/proxy?url={escaped}"),
        format!("/relay?url={}", URL_SAFE_NO_PAD.encode(&raw)),
        format!("/proxy?url={}", URL_SAFE_NO_PAD.encode(&raw)),
    ];
    // Every part of the token: version, key id, nonce, content, tag.
    for at in [0, 2, 5, 12, 30, token.len() / 2, token.len() - 2] {
        bad.push(format!("{path}?url={}", flipped(at)));
    }
    let mut bodies = std::collections::BTreeSet::new();
    house.testbed.clear_log();
    for path in &bad {
        let response = house.get(path).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        bodies.insert(response.text().await.unwrap());
    }
    assert_eq!(bodies.len(), 1, "every refusal looks the same: {bodies:?}");
    assert_eq!(
        house.testbed.log_len(),
        0,
        "nothing was fetched for any of them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_the_guard_denies_is_refused_and_seen_by_the_admin() {
    for (event, host) in [
        ("/event/metadata", "169.254.169.254"),
        ("/event/private", "10.0.0.7"),
        ("/event/loopback", "127.0.0.1"),
    ] {
        let house = House::start_with("", event).await;
        let refused = house
            .wait("the refusal", async |house| {
                let status = house.plugin_status("site-a").await;
                status["sites"][0]["last_run"]["refused"]
                    .as_array()
                    .filter(|r| !r.is_empty())
                    .cloned()
            })
            .await;
        assert_eq!(refused[0]["code"], "address_denied");
        assert!(
            refused[0]["message"].as_str().unwrap().contains(host),
            "{refused:?}"
        );
        let list = house.json("/api/streams").await;
        assert_eq!(list["streams"].as_array().unwrap().len(), 0, "never listed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sites_trouble_has_a_name() {
    for (event, outcome) in [
        ("/event/none", "not_found"),
        ("/event/changed", "layout_changed"),
        ("/event/challenge", "blocked"),
    ] {
        let house = House::start_with("", event).await;
        let last = house
            .wait("a run", async |house| {
                let status = house.plugin_status("site-a").await;
                let last = status["sites"][0]["last_run"].clone();
                (!last.is_null()).then_some(last)
            })
            .await;
        assert_eq!(last["outcome"], outcome, "{last}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_site_keeps_its_last_good_list() {
    let house = House::start().await;
    house.stream().await;
    let faults = f1_streams_testbed::Faults {
        site_status: Some(StatusCode::INTERNAL_SERVER_ERROR),
        ..Default::default()
    };
    house.testbed.set_faults(faults);
    assert!(house.refresh().await);
    house
        .wait("the failed run", async |house| {
            let status = house.plugin_status("site-a").await;
            (status["sites"][0]["last_run"]["outcome"] != "ok").then_some(())
        })
        .await;
    assert_eq!(
        house.json("/api/streams").await["streams"][0]["id"],
        "site-a.main"
    );
    house.segments().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_needs_the_token_and_nothing_else_opens_it() {
    let house = House::empty("").await;
    let url = format!("{}/api/admin/plugins", house.base);
    for token in [None, Some(""), Some("wrong"), Some(&house.token[1..])] {
        let request = house.client.get(&url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let in_query = house
        .client
        .get(format!("{url}?token={}", house.token))
        .send()
        .await
        .unwrap();
    assert_eq!(in_query.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        house
            .client
            .get(&url)
            .bearer_auth(&house.token)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );

    let off = House::empty("[auth]\nadmin_token_file = \"\"").await;
    let absent = off
        .client
        .get(format!("{}/api/admin/plugins", off.base))
        .bearer_auth(&house.token);
    assert_eq!(absent.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_and_other_sites_pages_are_refused() {
    // What helps is said, and it is not the same for both.
    for (config, says) in [
        ("", "auth.viewers"),
        ("[auth]\nviewers = \"open\"", "server.hosts"),
    ] {
        let house = House::empty(config).await;
        let url = format!("{}/api/streams", house.base);
        let rebound = house.client.get(&url).header("host", "evil.example");
        let rebound = rebound.send().await.unwrap();
        assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);
        let error = rebound.text().await.unwrap();
        assert!(error.contains(says), "{error}");
    }
    let house = House::empty("").await;
    let refresh = format!("{}/api/streams/refresh", house.base);
    let cross = house
        .client
        .post(&refresh)
        .header("origin", "http://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(cross.status(), StatusCode::FORBIDDEN);
    let fetched = house
        .client
        .post(&refresh)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(fetched.status(), StatusCode::FORBIDDEN);
    let own = house
        .client
        .post(&refresh)
        .header("origin", &house.base)
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_keep_a_browser_safe() {
    let house = House::start().await;
    let segment = house.segments().await.remove(0);
    for path in [
        "/",
        "/api/streams",
        "/nothing.js",
        "/api/nothing",
        &segment,
        "/relay?url=x",
    ] {
        let response = house.get(path).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(
            !headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
    assert_eq!(
        house.get("/api/nothing").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house.get("/nothing.js").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_in_the_binary() {
    let house = House::empty("").await;
    for path in ["/", "/watch", "/admin"] {
        let response = house.get(path).await;
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "{path}: was the frontend built?"
        );
        assert!(
            response.text().await.unwrap().contains("_app/immutable/"),
            "{path}"
        );
    }
    let unknown = house.get("/nowhere").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert!(
        unknown.text().await.unwrap().contains("_app/immutable/"),
        "the page says it to people"
    );
    let page = house.get("/watch").await;
    let again = house
        .client
        .get(format!("{}/watch", house.base))
        .header("if-none-match", &page.headers()["etag"]);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let policy = "content-security-policy";
    assert_eq!(
        again.headers()[policy],
        page.headers()[policy],
        "a browser keeps the newest headers"
    );
    let post = house
        .client
        .request(Method::POST, format!("{}/watch", house.base))
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), StatusCode::NOT_FOUND);
}
