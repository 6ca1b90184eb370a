//! Who may watch and who may change something, from outside.

use std::time::Duration;

use f1_streams::config::Config;
use reqwest::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::house::{House, uri_lines};

const PAGE: &str = "f1-streams-page";

/// With site A, and the token that its first start made.
async fn house(auth: &str) -> (House, String) {
    let auth = format!("[auth]\npoll = \"50ms\"\n{auth}");
    let house = House::start_with(&auth, "/event/live").await;
    let tokens = std::fs::read_to_string(house.dir.path().join("data/viewers.tokens"));
    let token = tokens
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap()
        .to_owned();
    (house, token)
}

/// As an editor does that writes beside and renames.
fn write_tokens(house: &House, text: &str) {
    let path = house.dir.path().join("data/viewers.tokens");
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

async fn log_in(house: &House, token: &str) -> Response {
    let request = house.client.post(format!("{}/login", house.base));
    let body = json!({ "token": token }).to_string();
    request.header(PAGE, "1").body(body).send().await.unwrap()
}

/// What a browser keeps of an answer's cookie.
fn kept(answer: &Response) -> String {
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.split("; ").any(|has| has == part), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

async fn ask(
    house: &House,
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
) -> (StatusCode, String) {
    let mut request = house
        .client
        .request(method, format!("{}{path}", house.base));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_nothing_to_see_and_with_one_there_is() {
    let (house, token) = house("viewers = \"token\"").await;
    let cookie = kept(&log_in(&house, &token).await);
    let anna = [("cookie", &*cookie)];
    let entry = {
        let listed = async |house: &House| {
            let request = house.client.get(format!("{}/api/streams", house.base));
            let list = request.header(COOKIE, &cookie).send().await.unwrap();
            let list: Value = serde_json::from_slice(&list.bytes().await.unwrap()).unwrap();
            let up = list["streams"]
                .as_array()?
                .iter()
                .find(|s| s["state"] == "up")?;
            Some(up["play_url"].as_str()?.to_owned())
        };
        house.wait("a stream that is up", listed).await
    };
    for path in ["/api/schedule", "/api/streams", &entry] {
        let nobody = ask(&house, Method::GET, path, &[]).await;
        assert_eq!(
            nobody,
            (StatusCode::UNAUTHORIZED, "login_needed".into()),
            "{path}"
        );
        assert_eq!(
            ask(&house, Method::GET, path, &anna).await.0,
            StatusCode::OK,
            "{path}"
        );
        let query = format!("{path}?token={token}");
        assert_eq!(
            ask(&house, Method::GET, &query, &[]).await.0,
            StatusCode::UNAUTHORIZED
        );
        // Spellings of the same path are other paths.
        for other in [
            format!("/{path}"),
            path.replacen('s', "%73", 1),
            path.to_uppercase(),
        ] {
            let (status, _) = ask(&house, Method::GET, &other, &[]).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{other}");
        }
    }
    // The page itself is no secret, and neither is that the service is there.
    for path in [
        "/",
        "/watch",
        "/admin",
        "/healthz",
        "/readyz",
        "/api/session",
    ] {
        assert_eq!(house.get(path).await.status(), StatusCode::OK, "{path}");
    }
    // What was handed out to a viewer is for whoever has it.
    let app = format!("/t/{token}{entry}");
    let master = house.text(&app).await;
    assert!(!master.contains(&token), "{master}");
    let media = house.text(&uri_lines(&master)[0]).await;
    let segment = house.get(&uri_lines(&media)[0]).await;
    assert_eq!(segment.status(), StatusCode::OK);
    // An answer for one viewer is not for a cache that others share.
    for (path, fields) in [(&*entry, &anna[..]), (&app, &[])] {
        let mut request = house.client.get(format!("{}{path}", house.base));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(
            answer.headers()[CACHE_CONTROL],
            "private, no-cache",
            "{path}"
        );
    }
    // An app's address is for apps, to be read.
    for path in [
        "api/streams",
        "api/admin/plugins",
        "api/session",
        "login",
        "",
    ] {
        let path = format!("/t/{token}/{path}");
        assert_eq!(
            house.get(&path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let refused = (StatusCode::FORBIDDEN, "token_invalid".to_owned());
    let (admin, wrong) = (
        app.replace(&token, &house.token),
        app.replace(&token, "wrong"),
    );
    for (method, path) in [
        (Method::POST, &app),
        (Method::GET, &admin),
        (Method::GET, &wrong),
    ] {
        assert_eq!(ask(&house, method, path, &[]).await, refused, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_deleted_ends_its_logins_and_addresses() {
    let (house, token) = house("viewers = \"token\"").await;
    write_tokens(&house, &format!("anna {token}\nben ben-0123456789abcdef\n"));
    let added = async |house: &House| {
        let answer = log_in(house, "ben-0123456789abcdef").await;
        (answer.status() == StatusCode::OK).then(|| kept(&answer))
    };
    let ben = house.wait("Ben's token", added).await;
    let anna = kept(&log_in(&house, &token).await);
    let list = async |house: &House, cookie: &str| {
        ask(house, Method::GET, "/api/streams", &[("cookie", cookie)])
            .await
            .0
    };
    assert_eq!(list(&house, &anna).await, StatusCode::OK);
    // A file that is none changes nothing.
    write_tokens(&house, "anna\n");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(list(&house, &anna).await, StatusCode::OK);
    write_tokens(&house, "ben ben-0123456789abcdef\n");
    let ended = async |house: &House| {
        let status = list(house, &anna).await;
        (status == StatusCode::UNAUTHORIZED).then_some(())
    };
    house.wait("the end of Anna's login", ended).await;
    let app = ask(
        &house,
        Method::GET,
        &format!("/t/{token}/playlist.m3u"),
        &[],
    )
    .await;
    assert_eq!(app, (StatusCode::FORBIDDEN, "token_invalid".into()));
    assert_eq!(list(&house, &ben).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_login_changes_come_from_our_page_alone() {
    let (house, token) = house("viewers = \"token\"").await;
    let (viewer, admin) = (
        kept(&log_in(&house, &token).await),
        kept(&log_in(&house, &house.token).await),
    );
    let not_ours = (StatusCode::FORBIDDEN, "not_our_page".to_owned());
    for (cookie, path) in [
        (&viewer, "/api/streams/refresh"),
        (&admin, "/api/streams/refresh"),
        (&admin, "/api/admin/plugins/reload"),
    ] {
        let alone = [("cookie", &**cookie)];
        assert_eq!(
            ask(&house, Method::POST, path, &alone).await,
            not_ours,
            "{path}"
        );
        let page = [alone[0], (PAGE, "1")];
        let (status, _) = ask(&house, Method::POST, path, &page).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{path}");
        let elsewhere = [page[0], page[1], ("origin", "https://evil.example")];
        let (status, code) = ask(&house, Method::POST, path, &elsewhere).await;
        assert_eq!(
            (status, &*code),
            (StatusCode::FORBIDDEN, "cross_site"),
            "{path}"
        );
    }
    let viewer_page = [("cookie", &*viewer), (PAGE, "1")];
    for (method, path) in [
        (Method::GET, "/api/admin/plugins"),
        (Method::POST, "/api/admin/plugins/reload"),
    ] {
        let (status, _) = ask(&house, method, path, &viewer_page).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let read = ask(
        &house,
        Method::GET,
        "/api/admin/plugins",
        &[("cookie", &admin)],
    )
    .await;
    assert_eq!(read.0, StatusCode::OK);
    // Nobody is logged in or out by another site.
    for path in ["/login", "/logout"] {
        assert_eq!(
            ask(&house, Method::POST, path, &[]).await,
            not_ours,
            "{path}"
        );
    }
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain; charset=utf-8",
        "Multipart/Form-Data",
    ] {
        let fields = [("content-type", kind), (PAGE, "1")];
        let (status, code) = ask(&house, Method::POST, "/login", &fields).await;
        assert_eq!(
            (status, &*code),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "form"),
            "{kind}"
        );
    }
    // A page of another origin would ask first whether it may send the header.
    let asked = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", PAGE),
    ];
    let mut request = house
        .client
        .request(Method::OPTIONS, format!("{}/login", house.base));
    for (name, value) in asked {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    let allowed = answer
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("access-control"));
    assert_eq!(allowed.count(), 0, "{:?}", answer.headers());

    let out = house
        .client
        .post(format!("{}/logout", house.base))
        .header(PAGE, "1");
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    let gone = out.headers()[SET_COOKIE].to_str().unwrap();
    assert!(
        gone.contains("f1_streams_login=;") && gone.contains("Max-Age=0"),
        "{gone}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_refused_before_it_gets_anywhere() {
    let (house, token) = house("viewers = \"token\"\nattempts = 5").await;
    let cookie = kept(&log_in(&house, &token).await);
    // An app whose token was taken back is no guesser.
    for _ in 0..20 {
        let (status, _) = ask(&house, Method::GET, "/t/old/playlist.m3u", &[]).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    // Nor is somebody's visitor, whose page asks for what it makes up.
    for n in 0..20 {
        let elsewhere = [("sec-fetch-site", "cross-site")];
        let path = format!("/t/{n}/playlist.m3u");
        let (_, code) = ask(&house, Method::GET, &path, &elsewhere).await;
        assert_eq!(code, "cross_site");
    }
    let mut refused = Vec::new();
    for n in 0..8 {
        let bearer = format!("Bearer wrong{n}");
        let (path, bearer) = match n % 3 {
            0 => ("/api/admin/plugins".to_owned(), Some(&*bearer)),
            1 => (format!("/t/wrong{n}/playlist.m3u"), None),
            _ => ("/api/streams".to_owned(), Some(&*bearer)),
        };
        let field = bearer.map(|bearer| ("authorization", bearer));
        let (status, _) = ask(&house, Method::GET, &path, field.as_slice()).await;
        refused.push(status.as_u16());
    }
    assert_eq!(refused, [401, 403, 401, 401, 429, 429, 429, 429]);
    let right = format!("Bearer {}", house.token);
    let (status, code) = ask(
        &house,
        Method::GET,
        "/api/admin/plugins",
        &[("authorization", &right)],
    )
    .await;
    assert_eq!(
        (status, &*code),
        (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts")
    );
    assert_eq!(
        log_in(&house, &token).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    let known = ask(&house, Method::GET, "/api/streams", &[("cookie", &cookie)]).await;
    assert_eq!(known.0, StatusCode::OK, "who is logged in watches on");
    assert_eq!(house.metrics.limit_hits("auth.attempts"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_tls_is_for_tls_alone_and_nobody_is_logged_in_by_a_wrong_token() {
    let (house, token) = house("viewers = \"token\"").await;
    let secure = async |origin: &str| {
        let request = house.client.post(format!("{}/login", house.base));
        let request = request.header(PAGE, "1").header("origin", origin);
        let answer = request
            .body(json!({ "token": token }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{origin}");
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        cookie.contains("; Secure")
    };
    assert!(!secure(&house.base).await);
    assert!(secure(&house.base.replace("http:", "https:")).await);
    for body in ["{\"token\":\"wrong\"}", "{\"token\":\"\"}"] {
        let request = house
            .client
            .post(format!("{}/login", house.base))
            .header(PAGE, "1");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{body}");
        assert!(!answer.headers().contains_key(SET_COOKIE), "{body}");
    }
    for body in ["", "{}", "[]", "{\"token\":1}", "{\"token\":\"a\",\"x\":1}"] {
        let request = house
            .client
            .post(format!("{}/login", house.base))
            .header(PAGE, "1");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let session = house.json("/api/session").await;
    let expect = json!({ "viewers": "token", "viewer": false, "admin": false, "name": null, "has_admin": true });
    assert_eq!(session, expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_front_says_who_watches() {
    let forward = "[auth]\nviewers = \"forward\"\nforward_proxies = [\"127.0.0.1\"]";
    let house = House::empty(forward).await;
    let list =
        async |fields: &[(&str, &str)]| ask(&house, Method::GET, "/api/streams", fields).await;
    assert_eq!(list(&[("remote-user", "anna")]).await.0, StatusCode::OK);
    assert_eq!(
        list(&[]).await,
        (StatusCode::UNAUTHORIZED, "login_needed".into())
    );
    let elsewhere =
        House::empty("[auth]\nviewers = \"forward\"\nforward_proxies = [\"127.0.0.9\"]").await;
    let forged = ask(
        &elsewhere,
        Method::GET,
        "/api/streams",
        &[("remote-user", "anna")],
    )
    .await;
    assert_eq!(forged, (StatusCode::UNAUTHORIZED, "login_needed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_under_a_name_of_its_own_is_there_alone() {
    fn apart(config: &mut Config) {
        let url = |text: &str| Some(text.parse().unwrap());
        config.server.public_url = url("http://tv.test/");
        config.server.public_media_url = url("http://media.test:8081/below/");
        config.server.hosts = vec!["tv.home".to_owned()];
        config.auth.viewers = f1_streams::config::Viewers::Open;
    }
    let house = House::edited(apart).await;
    house.add_site("site-a", "/event/live");
    std::fs::copy(crate::house::site_a_wasm(), house.plugin("site-a")).unwrap();
    let entry = house.stream().await["play_url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(entry.starts_with("/streams/"), "{entry}");
    let master = house.text(&entry).await;
    let link = uri_lines(&master)[0].clone();
    let link = link.strip_prefix("http://media.test:8081/below").unwrap();
    let ask = async |path: &str, host: &str| {
        let request = house.client.get(format!("{}{path}", house.base));
        let request = request
            .header("host", host)
            .header("origin", "http://tv.test");
        request.send().await.unwrap()
    };
    let media = ask(link, "media.test:8081").await;
    assert_eq!(media.status(), StatusCode::OK);
    assert_eq!(
        media.headers()["access-control-allow-origin"],
        "http://tv.test"
    );
    assert_eq!(
        media.headers()["cross-origin-resource-policy"],
        "cross-origin"
    );
    // Also from the page under its other names, and from no other page.
    for (origin, own) in [
        ("http://tv.home:8080", true),
        ("http://evil.test", false),
        ("http://media.test:8081", false),
    ] {
        let request = house.client.get(format!("{}{link}", house.base));
        let request = request.header("host", "media.test:8081");
        let answer = request.header("origin", origin).send().await.unwrap();
        let allowed = answer.headers().get("access-control-allow-origin");
        assert_eq!(allowed.is_some(), own, "{origin}");
    }
    assert_eq!(ask(link, "tv.test").await.status(), StatusCode::NOT_FOUND);
    for path in ["/", "/watch", "/api/streams", "/api/session", &entry] {
        assert_eq!(
            ask(path, "tv.test").await.status(),
            StatusCode::OK,
            "{path}"
        );
        let there = ask(path, "media.test").await;
        assert_eq!(there.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let page = ask("/watch", "tv.test").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    for list in [
        "media-src 'self' blob: http://media.test:8081;",
        "connect-src 'self' http://media.test:8081;",
    ] {
        assert!(policy.contains(list), "{policy}");
    }
}
