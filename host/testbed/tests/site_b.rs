//! Site B's steps, and that none of them can be left out.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]

mod client;

use std::time::Duration;

use client::Visitor;
use f1_streams_testbed::site_b::{PASSWORD, USER};
use f1_streams_testbed::{Options, Testbed};
use reqwest::Response;
use serde_json::Value;

async fn start_with(options: Options) -> (Testbed, Visitor) {
    let testbed = Testbed::start(options).await.unwrap();
    let visitor = Visitor::new(&testbed);
    (testbed, visitor)
}

async fn start() -> (Testbed, Visitor) {
    start_with(Options::default()).await
}

/// The visitor's cookie and the form's token.
async fn form(testbed: &Testbed, visitor: &Visitor) -> (String, String) {
    let answer = visitor
        .get(&format!("{}/login", testbed.info().site_b))
        .await;
    let cookie = set_cookie(&answer).unwrap();
    let page = answer.text().await.unwrap();
    let (_, token) = page.split_once(r#"name="_csrf" value=""#).unwrap();
    (cookie, token.split_once('"').unwrap().0.to_owned())
}

fn set_cookie(answer: &Response) -> Option<String> {
    let value = answer.headers().get("set-cookie")?.to_str().unwrap();
    Some(value.split_once(';').unwrap().0.to_owned())
}

async fn post(testbed: &Testbed, visitor: &Visitor, cookie: &str, fields: [&str; 3]) -> Response {
    let names = ["_csrf", "user", "password"];
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(names.into_iter().zip(fields))
        .finish();
    let url = format!("{}/login", testbed.info().site_b);
    let post = visitor.http.post(url).header("cookie", cookie).body(body);
    post.send().await.unwrap()
}

/// A member's cookie.
async fn log_in(testbed: &Testbed, visitor: &Visitor) -> String {
    let (visit, token) = form(testbed, visitor).await;
    let answer = post(testbed, visitor, &visit, [&token, USER, PASSWORD]).await;
    assert_eq!(answer.status(), 303);
    set_cookie(&answer).unwrap()
}

async fn page(testbed: &Testbed, visitor: &Visitor, path: &str, cookie: &str) -> (u16, Value) {
    let url = format!("{}{path}", testbed.info().site_b);
    let answer = visitor
        .http
        .get(url)
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap(),
    )
}

async fn media(testbed: &Testbed, visitor: &Visitor, url: &str) -> u16 {
    let site = &testbed.info().site_b;
    let request = visitor.http.get(url).header("referer", format!("{site}/"));
    request
        .header("origin", site)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn a_member_sees_every_page_and_its_addresses_open() {
    let (testbed, visitor) = start().await;
    let member = log_in(&testbed, &visitor).await;
    let mut path = "/api/streams?page=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let (status, body) = page(&testbed, &visitor, &path, &member).await;
        assert_eq!(status, 200);
        seen.extend(body["streams"].as_array().unwrap().clone());
        match body["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    let ids: Vec<_> = seen.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["world", "soon", "onboard", "monde"]);
    assert!(seen[1]["url"].is_null() && seen[1]["live"] == false);
    let url = seen[0]["url"].as_str().unwrap();
    assert_eq!(media(&testbed, &visitor, url).await, 200);
    // Site A's headers are another site's.
    assert_eq!(visitor.media(url).send().await.unwrap().status(), 403);
    let forged = url.replacen("/live/", "/live/9", 1);
    assert_eq!(media(&testbed, &visitor, &forged).await, 403);
}

#[tokio::test]
async fn an_incomplete_log_in_is_refused() {
    let (testbed, visitor) = start().await;
    let (visit, token) = form(&testbed, &visitor).await;
    let (other, _) = form(&testbed, &visitor).await;
    for (case, cookie, fields) in [
        ("no cookie", "", [&*token, USER, PASSWORD]),
        ("another visitor's", &*other, [&*token, USER, PASSWORD]),
        ("no token", &*visit, ["", USER, PASSWORD]),
    ] {
        let answer = post(&testbed, &visitor, cookie, fields).await;
        assert_eq!(answer.status(), 403, "{case}");
        assert_eq!(set_cookie(&answer), None, "{case}");
    }
    let wrong = post(&testbed, &visitor, &visit, [&token, USER, "guess"]).await;
    assert_eq!(wrong.status(), 200);
    assert!(set_cookie(&wrong).unwrap().starts_with("visit="));
    assert!(
        wrong
            .text()
            .await
            .unwrap()
            .contains("Wrong user or password")
    );
    let spent = post(&testbed, &visitor, &visit, [&token, USER, PASSWORD]).await;
    assert_eq!(spent.status(), 403, "a form works once");
}

#[tokio::test]
async fn strangers_get_401_and_so_do_members_whose_session_ended() {
    let (testbed, visitor) = start().await;
    let path = "/api/streams?page=1";
    for cookie in ["", "member=mine"] {
        assert_eq!(page(&testbed, &visitor, path, cookie).await.0, 401);
    }
    let member = log_in(&testbed, &visitor).await;
    assert_eq!(page(&testbed, &visitor, path, &member).await.0, 200);
    testbed.end_sessions();
    assert_eq!(page(&testbed, &visitor, path, &member).await.0, 401);
}

#[tokio::test]
async fn an_address_opens_until_the_second_it_names() {
    let (testbed, visitor) = start_with(Options {
        signed_for: Duration::from_secs(2),
        ..Options::default()
    })
    .await;
    let member = log_in(&testbed, &visitor).await;
    let (_, body) = page(&testbed, &visitor, "/api/streams", &member).await;
    let url = body["streams"][0]["url"].as_str().unwrap().to_owned();
    let expires = body["streams"][0]["expires"].as_u64().unwrap();
    assert!(url.contains(&format!("/live/{expires}-")), "{url}");
    assert_eq!(media(&testbed, &visitor, &url).await, 200);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(media(&testbed, &visitor, &url).await, 403);
}
