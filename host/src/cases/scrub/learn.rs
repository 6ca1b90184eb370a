//! What is learned: the operator's values from the site's file, and from what
//! was recorded what a site gave out for nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::known::Known;
use super::named;
use super::needles::Needles;
use super::values::{SHORTEST, basic, is_credential, is_random, tells, word};
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

/// Everything that a recording of `site` must not hold.
pub(super) fn known(
    site: &config::Site,
    before: &Before,
    exchanges: &[Exchange],
    learned: usize,
) -> Result<Known, String> {
    let mut known = Known::new(learned);
    for (name, secret) in &site.config.secrets {
        let placeholder = format!("secret-{}", word(name));
        known.add(secret.reveal(), &placeholder);
    }
    for (name, value) in &site.config.headers {
        let harmless = HARMLESS.contains(&name.as_str()) || name.as_str().starts_with("sec-");
        if harmless || matches!(*name, COOKIE | AUTHORIZATION) {
            continue;
        }
        if let Ok(text) = value.to_str() {
            known.add(text, &format!("header-{name}"));
        }
    }
    for (name, value) in &site.config.settings {
        setting(&mut known, name, value);
    }
    let mut learner = Learner {
        written: Needles::new(&known)?,
        known,
        cookies: 0,
        tokens: 0,
    };
    for (name, value) in &site.config.headers {
        if matches!(*name, COOKIE | AUTHORIZATION) {
            learner.header(name, value);
        }
    }
    for (_, line) in &before.cookies {
        learner.cookie(line);
    }
    for (key, value) in &before.state {
        if let Ok(value) = STANDARD.decode(value) {
            let text = String::from_utf8_lossy(&value);
            learner.named(key, &text);
            named::json(&value, &mut |name, text| learner.named(name, text));
        }
    }
    for exchange in exchanges {
        learner.exchange(exchange);
    }
    Ok(learner.known)
}

/// What an operator wrote under a telling name, whatever it looks like.
fn setting(known: &mut Known, name: &str, value: &Value) {
    match value {
        Value::String(text) if tells(name) && text.len() >= SHORTEST => {
            known.add(text, &format!("setting-{}", word(name)));
        }
        Value::Array(items) => items.iter().for_each(|item| setting(known, name, item)),
        Value::Object(table) => table.iter().for_each(|(n, item)| setting(known, n, item)),
        _ => {}
    }
}

struct Learner {
    known: Known,
    /// What the site's file holds: what is made of it stays so in a replay.
    written: Needles,
    cookies: usize,
    tokens: usize,
}

impl Learner {
    fn exchange(&mut self, exchange: &Exchange) {
        for (name, value) in &exchange.headers {
            self.header(name, value);
        }
        self.url(exchange.url.as_str());
        self.body(&exchange.headers, &exchange.body);
        if let Answer::Response { headers, body, .. } = &exchange.answer {
            for value in headers.get_all(SET_COOKIE) {
                self.cookie(&String::from_utf8_lossy(value.as_bytes()));
            }
            for value in headers.get_all(LOCATION) {
                self.url(&String::from_utf8_lossy(value.as_bytes()));
            }
            self.body(headers, body);
        }
    }

    /// The pairs of its query and its fragment.
    fn url(&mut self, url: &str) {
        for part in url.split(['?', '#']).skip(1) {
            named::pairs(part, &mut |name, value| self.named(name, value));
        }
    }

    fn body(&mut self, headers: &HeaderMap, body: &[u8]) {
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
            let text = String::from_utf8_lossy(body);
            named::pairs(&text, &mut |name, value| self.named(name, value));
        } else {
            named::json(body, &mut |name, value| self.named(name, value));
        }
    }

    /// A value that has a name in what went over the wire.
    fn named(&mut self, name: &str, value: &str) {
        if !self.known.overfull && is_credential(name, value) && self.is_new(value) {
            self.token("token", value);
        }
    }

    /// A request's header.
    fn header(&mut self, name: &HeaderName, value: &HeaderValue) {
        let Ok(text) = value.to_str() else {
            return;
        };
        if *name == COOKIE {
            text.split(';').for_each(|pair| self.cookie(pair));
        } else if *name == AUTHORIZATION {
            let (scheme, token) = text.split_once(' ').unwrap_or(("", text));
            if self.is_new(text) {
                let password = basic(scheme, token);
                self.token("authorization", password.as_deref().unwrap_or(token));
            }
        } else if tells(name.as_str()) && is_random(text) && self.is_new(text) {
            self.token(name.as_str(), text);
        }
    }

    /// Nothing in `text` is replaced so far.
    fn is_new(&self, text: &str) -> bool {
        !self.known.is_in(text) && self.written.text(text) == text
    }

    fn token(&mut self, name: &str, value: &str) {
        if !self.known.knows(value) {
            self.tokens += 1;
            let placeholder = format!("{name}-{}", self.tokens);
            self.known.learn(value, &placeholder);
        }
    }

    /// Learns from `name=value; …`.
    fn cookie(&mut self, line: &str) {
        let pair = line.split(';').next().unwrap_or_default();
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        let value = value.trim().trim_matches('"');
        if is_random(value) && !self.known.knows(value) {
            self.cookies += 1;
            let placeholder = format!("cookie-{}", self.cookies);
            self.known.learn(value, &placeholder);
        }
    }
}
