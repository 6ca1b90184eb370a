//! What apps subscribe to, over HTTP.

use std::io::Read as _;

use f1_streams::config::{Config, Viewers};
use reqwest::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    LAST_MODIFIED, RETRY_AFTER, VARY,
};
use reqwest::{Method, Response, StatusCode};

use crate::house::{House, uri_lines};

const FEEDS: [(&str, &str); 3] = [
    ("/schedule.ics", "text/calendar; charset=utf-8"),
    ("/playlist.m3u", "audio/x-mpegurl"),
    ("/epg.xml", "application/xml; charset=utf-8"),
];

async fn ask(house: &House, method: Method, path: &str, fields: &[(&str, &str)]) -> Response {
    let mut request = house
        .client
        .request(method, format!("{}{path}", house.base));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_feed_already_is_told_so() {
    let house = House::empty("").await;
    super::polled(&house).await;
    for (path, kind) in FEEDS {
        let first = ask(&house, Method::GET, path, &[]).await;
        assert_eq!(first.status(), StatusCode::OK, "{path}");
        assert_eq!(first.headers()[CONTENT_TYPE], kind);
        let age = first.headers()[CACHE_CONTROL].to_str().unwrap();
        let is_list = path == "/playlist.m3u";
        assert_eq!(age, if is_list { "no-cache" } else { "max-age=3600" });
        assert_eq!(
            first.headers().contains_key(LAST_MODIFIED),
            path == "/schedule.ics"
        );
        let etag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let length = first.text().await.unwrap().len();
        let weak = format!("\"x\", W/{etag}");
        for known in [&etag, &weak] {
            let again = ask(
                &house,
                Method::GET,
                path,
                &[(IF_NONE_MATCH.as_str(), known)],
            )
            .await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path} {known}");
            assert_eq!(again.headers()[ETAG], etag);
        }
        let other = ask(
            &house,
            Method::GET,
            path,
            &[(IF_NONE_MATCH.as_str(), "\"x\"")],
        )
        .await;
        assert_eq!(other.status(), StatusCode::OK, "{path}");
        let head = ask(&house, Method::HEAD, path, &[]).await;
        assert_eq!(
            (head.status(), &head.headers()[ETAG]),
            (StatusCode::OK, &etag.parse().unwrap())
        );
        assert!(length > 100 && head.bytes().await.unwrap().is_empty());
    }
    let guide = ask(&house, Method::GET, "/epg.xml", &[]).await;
    let vary = guide.headers().get_all(VARY);
    assert!(vary.iter().any(|vary| vary == "accept-encoding"));
    let plain = guide.text().await.unwrap();
    for (takes, is_packed) in [("br, gzip;q=0.5", true), ("gzip;q=0", false), ("br", false)] {
        let packed = ask(
            &house,
            Method::GET,
            "/epg.xml",
            &[(ACCEPT_ENCODING.as_str(), takes)],
        )
        .await;
        assert_eq!(
            packed.headers().contains_key(CONTENT_ENCODING),
            is_packed,
            "{takes}"
        );
        let bytes = packed.bytes().await.unwrap();
        let mut text = String::new();
        match is_packed {
            true => drop(
                flate2::read::GzDecoder::new(&*bytes)
                    .read_to_string(&mut text)
                    .unwrap(),
            ),
            false => text = String::from_utf8(bytes.into()).unwrap(),
        }
        assert!(text == plain, "{takes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_there_is_not_is_refused() {
    let house = House::empty("").await;
    super::polled(&house).await;
    for query in [
        "sessions=races",
        "sessions=",
        "sessions=race,,fp",
        "alarm=10",
        "alarm=",
    ] {
        let answer = ask(&house, Method::GET, &format!("/schedule.ics?{query}"), &[]).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let all = house.text("/schedule.ics?alarm=0&utm_source=x").await;
    let races = house.text("/schedule.ics?sessions=race,sq&alarm=30").await;
    let uids = |text: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("UID:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let chosen = uids(&races);
    let is_chosen = |uid: &String| uid.contains("-race@") || uid.contains("-sprint_qualifying@");
    assert!(!chosen.is_empty() && chosen.iter().all(is_chosen));
    let of_all: Vec<String> = uids(&all).into_iter().filter(is_chosen).collect();
    assert_eq!(chosen, of_all, "what is chosen changes no UID");
    assert!(!all.contains("VALARM") && races.contains("TRIGGER:-PT30M"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_begin_where_viewers_are_with_prefix_and_token() {
    let edit = |config: &mut Config| {
        config.server.public_url = Some("https://tv.example/f1/".parse().unwrap());
        config.auth.viewers = Viewers::Token;
    };
    let house = House::edited(edit).await;
    let tokens = std::fs::read_to_string(house.dir.path().join("data/viewers.tokens")).unwrap();
    let token = tokens.split_whitespace().last().unwrap();
    for (path, _) in FEEDS {
        let refused = ask(&house, Method::GET, path, &[]).await;
        assert_eq!(
            refused.status(),
            StatusCode::UNAUTHORIZED,
            "{path}: never a login"
        );
        let refused = ask(&house, Method::GET, &format!("/t/{token}x{path}"), &[]).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
        let answer = ask(&house, Method::GET, &format!("/t/{token}{path}"), &[]).await;
        let age = answer.headers()[CACHE_CONTROL].to_str().unwrap().to_owned();
        assert!(age.starts_with("private, "), "{path}: {age}");
        let text = answer.text().await.unwrap().replace("\r\n ", "");
        let links: Vec<&str> = text.split("https://").skip(1).collect();
        assert!(!links.is_empty() && !text.contains("http://"), "{path}");
        for link in links {
            let is_page = ["watch", "favicon.svg"]
                .iter()
                .any(|page| link.starts_with(&format!("tv.example/f1/{page}")));
            assert!(
                is_page || link.starts_with(&format!("tv.example/f1/t/{token}/")),
                "{link}"
            );
        }
        assert_eq!(text.contains(token), path == "/playlist.m3u");
    }
    // With a bearer it is the same without the token's place.
    let bearer = format!("Bearer {token}");
    let list = ask(
        &house,
        Method::GET,
        "/playlist.m3u",
        &[("authorization", &bearer)],
    )
    .await;
    assert!(
        list.text()
            .await
            .unwrap()
            .contains("\nhttps://tv.example/f1/channels/best/master.m3u8\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_plays_the_best_stream_and_says_when_it_is_off() {
    let house = House::empty("").await;
    let list = house.text("/playlist.m3u").await;
    let channels = uri_lines(&list);
    assert_eq!(channels.len(), 4);
    assert!(
        channels[0].starts_with(&house.base),
        "where it was asked for: {}",
        channels[0]
    );
    for url in &channels {
        let off = house.client.get(url).send().await.unwrap();
        assert_eq!(off.status(), StatusCode::SERVICE_UNAVAILABLE, "{url}");
        assert_eq!(off.headers()[RETRY_AFTER], "30");
        assert_eq!(off.headers()[CACHE_CONTROL], "no-store");
    }
    for slot in ["1", "5", "0", "best2", "-1", "02x"] {
        let none = house.get(&format!("/channels/{slot}/master.m3u8")).await;
        assert_eq!(none.status(), StatusCode::NOT_FOUND, "{slot}");
    }
    let house = House::start().await;
    let stream = house.stream().await;
    let best = house.text("/channels/best/master.m3u8").await;
    assert_eq!(uri_lines(&best).len(), 2, "{best}");
    let entry = house.text(stream["play_url"].as_str().unwrap()).await;
    assert_eq!(best, entry);
    let second = house.get("/channels/2/master.m3u8").await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
}
