//! Site A's steps, and that none of them can be left out.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]

mod client;

use client::{EventPage, Visitor};
use f1_streams_testbed::{Options, Testbed};
use reqwest::RequestBuilder;

async fn start() -> (Testbed, Visitor) {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    let visitor = Visitor::new(&testbed);
    (testbed, visitor)
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_steps_lead_to_the_stream() {
    let (testbed, visitor) = start().await;
    let info = testbed.info();
    let go = visitor.hidden_url("live").await;
    assert!(go.starts_with(&format!("{}/go/", info.go)), "{go}");
    let edge = visitor.redirect(&go).await;
    assert!(edge.starts_with(&format!("{}/e/", info.edge)), "{edge}");
    let master = visitor.redirect(&edge).await;
    assert!(
        master.starts_with(&format!("{}/live/", info.cdn)),
        "{master}"
    );
    assert!(master.ends_with("/master.m3u8"), "{master}");
    assert_eq!(status(visitor.media(&master)).await, 200);
    assert_ne!(
        visitor.find_stream().await,
        master,
        "the randoms are made anew"
    );
}

#[tokio::test]
async fn an_incomplete_player_request_is_refused() {
    let (_testbed, visitor) = start().await;
    let page = visitor.event_page("live").await;
    let other = visitor.event_page("live").await;
    let post = || {
        let url = format!("{}{}", visitor.site, page.endpoint);
        visitor
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
    };
    let body = |event: &str, token: &str| format!("event={event}&_token={token}");
    let whole = body(&page.event, &page.token);
    let ajax = |request: RequestBuilder| request.header("x-requested-with", "XMLHttpRequest");
    let cookie = |request: RequestBuilder, value: &str| request.header("cookie", value);

    let cases = [
        ("no cookie", ajax(post()).body(whole.clone())),
        (
            "another session",
            ajax(cookie(post(), &other.cookie)).body(whole.clone()),
        ),
        (
            "no header",
            cookie(post(), &page.cookie).body(whole.clone()),
        ),
        (
            "another header",
            cookie(post(), &page.cookie)
                .header("x-requested-with", "fetch")
                .body(whole.clone()),
        ),
        (
            "no token",
            ajax(cookie(post(), &page.cookie)).body(format!("event={}", page.event)),
        ),
        (
            "another token",
            ajax(cookie(post(), &page.cookie)).body(body(&page.event, &other.token)),
        ),
        (
            "another event",
            ajax(cookie(post(), &page.cookie)).body(body(&other.event, &page.token)),
        ),
        ("no body", ajax(cookie(post(), &page.cookie))),
        (
            "the cookie as the token",
            ajax(cookie(post(), &page.cookie)).body(body(&page.event, &page.cookie)),
        ),
    ];
    for (case, request) in cases {
        assert_eq!(status(request).await, 403, "{case}");
    }
    // None of them spent the token; the complete request does.
    assert_eq!(status(visitor.ask(&page)).await, 200);
    assert_eq!(status(visitor.ask(&page)).await, 403, "a token works once");
}

#[tokio::test]
async fn a_known_session_is_kept() {
    let (_testbed, visitor) = start().await;
    let page = visitor.event_page("live").await;
    let again = visitor
        .http
        .get(format!("{}/event/live", visitor.site))
        .header("cookie", format!("theme=dark; {}", page.cookie))
        .send()
        .await
        .unwrap();
    assert!(
        again.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .starts_with(&page.cookie)
    );
    let forged = visitor
        .http
        .get(format!("{}/event/live", visitor.site))
        .header("cookie", "session=mine")
        .send()
        .await
        .unwrap();
    assert!(
        !forged.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .starts_with("session=mine")
    );
    // Two open pages of one session do not disturb each other.
    assert_eq!(status(visitor.ask(&page)).await, 200);
}

#[tokio::test]
async fn the_redirects_open_to_their_own_randoms_once() {
    let (testbed, visitor) = start().await;
    let info = testbed.info();
    let go = visitor.hidden_url("live").await;
    let edge = visitor.redirect(&go).await;
    let random = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    for url in [
        go.clone(),
        format!("{}/go/guess", info.go),
        format!("{}/go/{}", info.go, random(&edge)),
        format!("{}/e/{}", info.edge, random(&go)),
        format!("{}/e/guess", info.edge),
    ] {
        assert_eq!(visitor.get(&url).await.status(), 403, "{url}");
    }
    let master = visitor.redirect(&edge).await;
    assert_eq!(visitor.get(&edge).await.status(), 403, "a hop works once");
    assert_eq!(status(visitor.media(&master)).await, 200);
    assert_eq!(
        status(visitor.media(&master)).await,
        200,
        "the stream's random lasts"
    );
}

#[tokio::test]
async fn the_other_event_pages() {
    let (_testbed, visitor) = start().await;
    for (event, url) in [
        ("metadata", "http://169.254.169.254/latest/master.m3u8"),
        ("private", "http://10.0.0.7:8080/live.m3u8"),
        ("loopback", "http://127.0.0.1:8080/x.m3u8"),
    ] {
        assert_eq!(visitor.hidden_url(event).await, url);
    }
    for (path, expected) in [
        ("/event/none", 404),
        ("/event/else", 404),
        ("/", 404),
        ("/event/challenge", 403),
        ("/event/changed", 200),
    ] {
        let answer = visitor.get(&format!("{}{path}", visitor.site)).await;
        assert_eq!(answer.status(), expected, "{path}");
        let html = answer.text().await.unwrap();
        assert!(!html.contains("csrf-token"), "{path}");
        assert_eq!(
            html.contains("Checking your browser"),
            expected == 403,
            "{path}"
        );
    }
}

#[tokio::test]
async fn old_pages_are_forgotten() {
    let (_testbed, visitor) = start().await;
    let first = visitor.event_page("live").await;
    let mut last: Option<EventPage> = None;
    for _ in 0..2_048 {
        last = Some(visitor.event_page("live").await);
    }
    assert_eq!(status(visitor.ask(&first)).await, 403);
    assert_eq!(status(visitor.ask(&last.unwrap())).await, 200);
}

#[tokio::test]
async fn any_host_name_will_do() {
    let (testbed, visitor) = start().await;
    let site = url::Url::parse(&testbed.info().site_a).unwrap();
    let by_address = format!("http://127.0.0.2:{}/event/live", site.port().unwrap());
    assert_eq!(visitor.get(&by_address).await.status(), 200);
}
