//! What a recording must not hold, and what stands in its place: the site's
//! secrets, the values of its headers, credentials and session cookies that
//! came along. Each value has one placeholder everywhere, so that a replay
//! with the placeholders asks for exactly what was recorded.
//!
//! Cookies and tokens that do not look random ("theme=dark") stay: they tell
//! nobody anything, and they are part of ordinary words.

mod needles;
mod values;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, SET_COOKIE,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use url::Url;

use needles::Needles;
use values::{basic, by_age, is_random, tells, word};

use crate::config;
use crate::net::{Answer, Exchange};
use crate::plugins::Before;

/// Headers of a site that every browser sends: nothing secret in them.
const HARMLESS: &[&str] = &[
    "accept",
    "accept-language",
    "cache-control",
    "content-type",
    "origin",
    "pragma",
    "range",
    "referer",
    "user-agent",
    "x-requested-with",
];

/// Replaces what one recording must not hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrubber {
    needles: Needles,
    cookies: usize,
    tokens: usize,
}

impl Scrubber {
    /// Knows what the site's file holds, and learns from what was recorded.
    pub(super) fn new(site: &config::Site, before: &Before, exchanges: &[Exchange]) -> Self {
        let mut this = Self::default();
        for (name, secret) in &site.config.secrets {
            let placeholder = format!("secret-{}", word(name));
            this.needles.add(secret.reveal(), &placeholder);
        }
        for (name, value) in &site.config.headers {
            let harmless = HARMLESS.contains(&name.as_str()) || name.as_str().starts_with("sec-");
            if harmless {
                continue;
            }
            if matches!(*name, COOKIE | AUTHORIZATION) {
                this.credentials(name, value);
            } else if let Ok(text) = value.to_str() {
                this.needles.add(text, &format!("header-{name}"));
            }
        }
        for (name, value) in &site.config.settings {
            if let (true, Some(text)) = (tells(name), value.as_str().filter(|v| is_random(v))) {
                this.needles.add(text, &format!("setting-{}", word(name)));
            }
        }
        for (_, line) in &before.cookies {
            this.cookie(line);
        }
        for exchange in exchanges {
            for (name, value) in &exchange.headers {
                this.credentials(name, value);
            }
            if let Answer::Response { headers, .. } = &exchange.answer {
                for value in headers.get_all(SET_COOKIE) {
                    this.cookie(&String::from_utf8_lossy(value.as_bytes()));
                }
            }
        }
        this
    }

    /// Learns from a request's header; whether it is one of credentials.
    fn credentials(&mut self, name: &HeaderName, value: &HeaderValue) -> bool {
        let Ok(text) = value.to_str() else {
            return false;
        };
        if *name == COOKIE {
            text.split(';').for_each(|pair| self.cookie(pair));
            return true;
        }
        if *name == AUTHORIZATION {
            let (scheme, token) = text.split_once(' ').unwrap_or(("", text));
            // What is made of a known secret stays so in the replay.
            if self.needles.text(text) == text {
                let password = basic(scheme, token);
                self.token("authorization", password.as_deref().unwrap_or(token));
            }
            return true;
        }
        if tells(name.as_str()) && is_random(text) && self.needles.text(text) == text {
            self.token(name.as_str(), text);
            return true;
        }
        false
    }

    fn token(&mut self, name: &str, value: &str) {
        if !self.needles.knows(value) {
            self.tokens += 1;
            self.needles.add(value, &format!("{name}-{}", self.tokens));
        }
    }

    /// Learns from `name=value; …`.
    fn cookie(&mut self, line: &str) {
        let pair = line.split(';').next().unwrap_or_default();
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        let value = value.trim().trim_matches('"');
        if is_random(value) && !self.needles.knows(value) {
            self.cookies += 1;
            self.needles.add(value, &format!("cookie-{}", self.cookies));
        }
    }

    // === replacing ===

    pub(super) fn text(&self, text: &str) -> String {
        self.needles.text(text)
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.needles.bytes(bytes)
    }

    /// `Err` names the placeholder of a value that is still there: nothing is
    /// written then.
    pub(super) fn check(&self, written: &str) -> Result<(), String> {
        match self.needles.left_in(written) {
            None => Ok(()),
            Some(placeholder) => Err(format!(
                "a value that {placeholder} should stand for is still in the recording"
            )),
        }
    }

    /// `time` is when it was recorded: cookies are kept by their age, which is
    /// as good in a year.
    pub(super) fn exchange(&self, exchange: &Exchange, time: Timestamp) -> Exchange {
        let mut headers = self.headers(&exchange.headers, time);
        // The client's own; they say nothing of the plugin.
        for name in ["accept-encoding", CONTENT_LENGTH.as_str()] {
            headers.remove(name);
        }
        if headers
            .get(USER_AGENT)
            .is_some_and(|v| v.as_bytes().starts_with(b"f1-streams/"))
        {
            headers.remove(USER_AGENT);
        }
        let form = exchange.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        let body = match std::str::from_utf8(&exchange.body) {
            Ok(text) if form => self.needles.pairs(text).into(),
            _ => Bytes::from(self.bytes(&exchange.body)),
        };
        Exchange {
            method: exchange.method.clone(),
            url: self.url(&exchange.url),
            headers,
            body,
            answer: self.answer(&exchange.answer, time),
        }
    }

    fn answer(&self, answer: &Answer, time: Timestamp) -> Answer {
        let Answer::Response {
            status,
            headers,
            body,
            cut,
        } = answer
        else {
            return answer.clone();
        };
        let scrubbed = Bytes::from(self.bytes(body));
        let mut kept = self.headers(headers, time);
        for name in [CONNECTION, TRANSFER_ENCODING] {
            kept.remove(name);
        }
        let was = HeaderValue::from(body.len());
        if headers.get(CONTENT_LENGTH) == Some(&was) {
            kept.insert(CONTENT_LENGTH, HeaderValue::from(scrubbed.len()));
        }
        Answer::Response {
            status: *status,
            headers: kept,
            body: scrubbed,
            cut: *cut,
        }
    }

    fn headers(&self, headers: &HeaderMap, time: Timestamp) -> HeaderMap {
        let mut scrubbed = HeaderMap::new();
        for (name, value) in headers {
            let mut text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if *name == SET_COOKIE {
                text = by_age(&text, time);
            }
            if let Ok(value) = HeaderValue::from_str(&self.text(&text)) {
                scrubbed.append(name.clone(), value);
            }
        }
        scrubbed
    }

    /// The names of a query's pairs stay.
    pub(super) fn url(&self, url: &Url) -> Url {
        let (before, query) = match url.as_str().split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (url.as_str(), None),
        };
        let mut text = self.text(before);
        if let Some(query) = query {
            text = format!("{text}?{}", self.needles.pairs(query));
        }
        // Placeholders are letters, digits and hyphens: it stays a URL.
        text.parse().unwrap_or_else(|_| {
            let mut bare = url.clone();
            bare.set_path("/scrubbed");
            bare.set_query(None);
            bare
        })
    }

    pub(super) fn before(&self, before: &Before, time: Timestamp) -> Before {
        let state = before.state.iter();
        let cookies = before.cookies.iter();
        Before {
            state: state
                .map(|(key, value)| (self.text(key), self.text(value)))
                .collect(),
            cookies: cookies
                .map(|(url, line)| (self.text(url), self.text(&by_age(line, time))))
                .collect(),
        }
    }
}
