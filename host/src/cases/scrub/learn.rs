//! What is learned: the operator's values from the site's file, and from what
//! was recorded what a site gave out for nobody else.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHENTICATE, SET_COOKIE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::known::Known;
use super::named;
use super::needles::Needles;
use super::values::{SHORTEST, basic, is_credential, is_origin, is_random, tells, word};
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
    for text in site
        .config
        .proxy
        .iter()
        .flat_map(config::Proxy::secret_texts)
    {
        known.add(text, "proxy");
    }
    for (name, value) in &site.config.headers {
        if is_harmless(name.as_str()) || matches!(*name, COOKIE | AUTHORIZATION) {
            continue;
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        known.add(&text, &format!("header-{name}"));
    }
    for (name, value) in &site.config.settings {
        setting(&mut known, name, value);
    }
    let urls = exchanges.iter().map(|hop| &hop.url);
    let urls = urls.chain(&site.config.base_url);
    let mut learner = Learner {
        written: Needles::new(&known)?,
        hosts: urls.filter_map(Url::host_str).map(str::to_owned).collect(),
        known,
        cookies: 0,
        tokens: 0,
    };
    learner.headers(&site.config.headers);
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

fn is_harmless(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HARMLESS.contains(&&*name) || name.starts_with("sec-")
}

/// What an operator wrote under a telling name, whatever it looks like, also in
/// a URL; the user in one, and all headers.
fn setting(known: &mut Known, name: &str, value: &Value) {
    let add = |known: &mut Known, name: &str, text: &str| {
        if text.len() >= SHORTEST && !is_origin(text) {
            known.add(text, &format!("setting-{}", word(name)));
        }
    };
    let mut told = |name: &str, text: &str| {
        if tells(name) {
            add(known, name, text);
        }
    };
    match value {
        Value::String(text) => {
            told(name, text);
            named::pairs_in(text, &mut told);
            if let Ok(url) = Url::parse(text) {
                let user = url.password().unwrap_or(url.username());
                told("password", user);
                let pair = format!("password={}", user.replace('&', "%26"));
                named::pairs(&pair, &mut told);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| setting(known, name, item)),
        Value::Object(table) => table.iter().for_each(|(n, item)| match item {
            Value::String(text) if name == "headers" && !is_harmless(n) => add(known, n, text),
            item => setting(known, n, item),
        }),
        _ => {}
    }
}

struct Learner {
    known: Known,
    /// What the site's file holds: what is made of it stays so in a replay.
    written: Needles,
    /// Who was asked is what a bundle is for, and no secret.
    hosts: HashSet<String>,
    cookies: usize,
    tokens: usize,
}

impl Learner {
    fn exchange(&mut self, exchange: &Exchange) {
        self.headers(&exchange.headers);
        self.pairs_in(exchange.url.as_str());
        self.body(&exchange.headers, &exchange.body);
        if let Answer::Response { headers, body, .. } = &exchange.answer {
            self.headers(headers);
            self.body(headers, body);
        }
    }

    fn pairs_in(&mut self, text: &str) {
        named::pairs_in(text, &mut |name, value| self.named(name, value));
    }

    fn body(&mut self, headers: &HeaderMap, body: &[u8]) {
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let text = String::from_utf8_lossy(body);
        if kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
            named::pairs(&text, &mut |name, value| self.named(name, value));
        } else {
            named::json(body, &mut |name, value| self.named(name, value));
            self.pairs_in(&text);
        }
    }

    /// A value that has a name in what went over the wire; it may be a URL.
    fn named(&mut self, name: &str, value: &str) {
        self.credential(name, value);
        named::pairs_in(value, &mut |name, value| self.credential(name, value));
    }

    fn credential(&mut self, name: &str, value: &str) {
        if !self.known.overfull && is_credential(name, value) && self.is_new(value) {
            self.token("token", value);
        }
    }

    fn headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            self.header(name, &String::from_utf8_lossy(value.as_bytes()));
        }
    }

    fn header(&mut self, name: &HeaderName, text: &str) {
        // A challenge's words are no answer to it.
        let challenge = matches!(*name, WWW_AUTHENTICATE | PROXY_AUTHENTICATE);
        let telling = tells(name.as_str()) && is_random(text) && !challenge;
        if *name == COOKIE {
            text.split(';').for_each(|pair| self.cookie(pair));
        } else if *name == SET_COOKIE {
            self.cookie(text);
        } else if *name == AUTHORIZATION {
            let (scheme, token) = text.split_once(' ').unwrap_or(("", text));
            if self.is_new(text) {
                let password = basic(scheme, token);
                self.token("authorization", password.as_deref().unwrap_or(token));
            }
        } else if (telling || is_credential(name.as_str(), text)) && self.is_new(text) {
            self.token(name.as_str(), text);
        }
        self.pairs_in(text);
    }

    /// Nothing in `text` is replaced so far.
    fn is_new(&self, text: &str) -> bool {
        !self.known.is_in(text) && self.written.text(text) == text
    }

    fn token(&mut self, name: &str, value: &str) {
        if !self.known.knows(value) {
            self.tokens += 1;
            let placeholder = format!("{name}-{}", self.tokens);
            self.learn(value, &placeholder);
        }
    }

    fn learn(&mut self, value: &str, placeholder: &str) {
        if !self.hosts.contains(value) && !is_origin(value) {
            self.known.learn(value, placeholder);
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
            self.learn(value, &placeholder);
        }
    }
}
