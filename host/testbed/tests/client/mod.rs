//! A client of the testbed that resolves its names, follows nothing by itself
//! and does the site's steps as a page would.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::disallowed_methods, reason = "the test's own client and clock")]

pub(crate) mod unpack;

use std::net::SocketAddr;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use f1_streams_testbed::Testbed;
use reqwest::{Client, RequestBuilder, Response, redirect};

pub(crate) struct Visitor {
    pub(crate) http: Client,
    pub(crate) site: String,
}

/// What the event page carries.
pub(crate) struct EventPage {
    pub(crate) cookie: String,
    pub(crate) token: String,
    pub(crate) event: String,
    pub(crate) endpoint: String,
}

impl Visitor {
    pub(crate) fn new(testbed: &Testbed) -> Self {
        let info = testbed.info();
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none());
        for (name, address) in &info.hosts {
            builder = builder.resolve(name, SocketAddr::new(*address, 0));
        }
        Self {
            http: builder.build().unwrap(),
            site: info.site_a.clone(),
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Response {
        self.http.get(url).send().await.unwrap()
    }

    /// With the headers that the CDN asks for.
    pub(crate) fn media(&self, url: &str) -> RequestBuilder {
        self.http
            .get(url)
            .header("referer", format!("{}/", self.site))
            .header("origin", &self.site)
    }

    pub(crate) async fn event_page(&self, name: &str) -> EventPage {
        let answer = self.get(&format!("{}/event/{name}", self.site)).await;
        assert_eq!(answer.status(), 200);
        let set_cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        let cookie = set_cookie
            .strip_suffix("; Path=/; HttpOnly")
            .unwrap()
            .to_owned();
        assert!(cookie.starts_with("session="), "{cookie}");
        let html = answer.text().await.unwrap();
        let between = |start: &str| {
            let tail = html
                .split_once(start)
                .unwrap_or_else(|| panic!("no {start} in {html}"))
                .1;
            tail.split_once('"').unwrap().0.to_owned()
        };
        EventPage {
            cookie,
            token: between(r#"<meta name="csrf-token" content=""#),
            event: between(r#"<div id="player" class="player" data-event=""#),
            endpoint: between(r#"data-endpoint=""#),
        }
    }

    /// The player request, complete.
    pub(crate) fn ask(&self, page: &EventPage) -> RequestBuilder {
        self.http
            .post(format!("{}{}", self.site, page.endpoint))
            .header("cookie", &page.cookie)
            .header("x-requested-with", "XMLHttpRequest")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("event={}&_token={}", page.event, page.token))
    }

    /// The URL that an event's script hides.
    pub(crate) async fn hidden_url(&self, event: &str) -> String {
        let page = self.event_page(event).await;
        let answer = self.ask(&page).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "ok");
        let stream = &answer["streams"][0];
        assert_eq!(
            (&stream["id"], &stream["height"]),
            (&"main".into(), &360.into())
        );
        let script = unpack::unpack(stream["config"].as_str().unwrap());
        let encoded = script
            .split_once("atob(\"")
            .unwrap()
            .1
            .split_once('"')
            .unwrap()
            .0;
        String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
    }

    pub(crate) async fn redirect(&self, url: &str) -> String {
        let answer = self.get(url).await;
        assert_eq!(answer.status(), 302);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// All steps: the multivariant playlist's URL.
    pub(crate) async fn find_stream(&self) -> String {
        let go = self.hidden_url("live").await;
        let edge = self.redirect(&go).await;
        self.redirect(&edge).await
    }

    pub(crate) async fn text(&self, url: &str) -> String {
        let answer = self.media(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        answer.text().await.unwrap()
    }

    /// A media playlist and its URL, of a variant by place.
    pub(crate) async fn media_playlist(&self, master: &str, place: usize) -> (String, String) {
        let text = self.text(master).await;
        let uris: Vec<&str> = uris(&text).collect();
        let url = url::Url::parse(master)
            .unwrap()
            .join(uris[place])
            .unwrap()
            .to_string();
        let text = self.text(&url).await;
        (url, text)
    }

    /// The newest segment's URL.
    pub(crate) async fn newest_segment(&self, master: &str) -> String {
        let (base, text) = self.media_playlist(master, 0).await;
        let last = uris(&text).last().unwrap();
        url::Url::parse(&base)
            .unwrap()
            .join(last)
            .unwrap()
            .to_string()
    }
}

pub(crate) fn uris(playlist: &str) -> impl Iterator<Item = &str> {
    playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}
