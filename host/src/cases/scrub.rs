//! What a recording must not hold, and what stands in its place: the site's
//! secrets, the values of its headers, credentials and session cookies that
//! came along. Each value has one placeholder everywhere, so that a replay
//! with the placeholders asks for exactly what was recorded.
//!
//! Cookies and tokens that do not look random ("theme=dark") stay: they tell
//! nobody anything, and they are part of ordinary words. So does what nothing
//! tells from any other word of a page: a session in a path, a short value
//! without a telling name.

mod known;
mod learn;
mod named;
mod needles;
mod values;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SET_COOKIE, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use known::Known;
use needles::Needles;
use values::by_age;

use crate::config;
use crate::net::{Answer, Exchange};
use crate::plugins::Before;

/// Fields with words of ours or base64, the site file's among them.
const OURS: &[&str] = &[
    "body_base64",
    "data_base64",
    "error",
    "level",
    "method",
    "plugin",
    "state",
];

/// In place of a URL that cannot be made clean otherwise.
const NOWHERE: &str = "https://scrubbed.invalid/scrubbed";

/// Replaces what one recording must not hold.
#[derive(Clone, Debug)]
pub(super) struct Scrubber {
    known: Known,
    needles: Needles,
    bare: bool,
}

impl Scrubber {
    /// Knows what the site's file holds, and learns from what was recorded, at
    /// most `learned` values.
    pub(super) fn new(
        site: &config::Site,
        before: &Before,
        exchanges: &[Exchange],
        learned: usize,
    ) -> Result<Self, String> {
        let known = learn::known(site, before, exchanges, learned)?;
        let needles = Needles::new(&known)?;
        Ok(Self {
            bare: known.overfull,
            known,
            needles,
        })
    }

    /// There was more to learn than is learned: what was recorded cannot be
    /// made clean, so [`Self::exchange`] leaves everything of it away that a
    /// credential may be in, and the rest must not be kept.
    pub(super) fn is_bare(&self) -> bool {
        self.bare
    }

    /// There was more to learn than is learned.
    pub(super) fn is_overfull(&self) -> bool {
        self.known.overfull
    }

    /// As if there had been too much to learn.
    pub(super) fn into_bare(self) -> Self {
        Self { bare: true, ..self }
    }

    // === replacing ===

    pub(super) fn text(&self, text: &str) -> String {
        self.needles.text(text)
    }

    /// As [`Self::text`], and clean whatever a site gave out: a value may come to
    /// be where another is replaced.
    pub(super) fn clean(&self, text: &str) -> String {
        let text = self.text(text);
        match self.known.left_in(&text) {
            None => text,
            Some(_) => "scrubbed".into(),
        }
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.needles.bytes(bytes)
    }

    /// `Err` names the placeholder of a value that is still in one of the texts
    /// of `written`: nothing of it is to be kept then. The names of its fields
    /// are ours, and so is a base64 that spells a value by chance.
    pub(super) fn check(&self, written: &impl Serialize) -> Result<(), String> {
        let value = serde_json::to_value(written).map_err(|error| error.to_string())?;
        match self.left_in(&value) {
            None => Ok(()),
            Some(placeholder) => Err(format!(
                "a value that {placeholder} should stand for is still in the recording"
            )),
        }
    }

    fn left_in(&self, value: &Value) -> Option<&str> {
        match value {
            Value::String(text) => self.known.left_in(text),
            Value::Array(items) => items.iter().find_map(|item| self.left_in(item)),
            Value::Object(fields) => {
                let theirs = fields
                    .iter()
                    .filter(|(name, _)| !OURS.contains(&name.as_str()));
                theirs.into_iter().find_map(|(_, item)| self.left_in(item))
            }
            _ => None,
        }
    }

    /// `time` is when it was recorded: cookies are kept by their age, which is
    /// as good in a year.
    pub(super) fn exchange(&self, exchange: &Exchange, time: Timestamp) -> Exchange {
        if self.bare {
            return self.bare(exchange);
        }
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
                let name = HeaderName::try_from(self.needles.name(name.as_str()));
                // A placeholder has nothing in it that a name has not.
                if let Ok(name) = name {
                    scrubbed.append(name, value);
                }
            }
        }
        scrubbed
    }

    /// Short values are not looked for in the names of a query's pairs.
    pub(super) fn url(&self, url: &Url) -> Url {
        let (before, query) = match url.as_str().split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (url.as_str(), None),
        };
        let mut text = self.text(before);
        if let Some(query) = query {
            text = format!("{text}?{}", self.needles.pairs(query));
        }
        let parsed = text.parse().ok();
        let clean = parsed.filter(|url: &Url| self.known.left_in(url.as_str()).is_none());
        clean.unwrap_or_else(|| self.no_path(url))
    }

    fn no_path(&self, url: &Url) -> Url {
        let mut bare = url.clone();
        bare.set_path("/scrubbed");
        bare.set_query(None);
        bare.set_fragment(None);
        // Neither fails for http and https.
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        match self.known.left_in(bare.as_str()) {
            None => bare,
            Some(_) => NOWHERE.parse().expect("a URL"),
        }
    }

    /// What is certainly base64, short values in it included.
    fn base64(&self, value: &str) -> String {
        match STANDARD.decode(value) {
            Ok(bytes) => STANDARD.encode(self.bytes(&bytes)),
            Err(_) => self.text(value),
        }
    }

    pub(super) fn before(&self, before: &Before, time: Timestamp) -> Before {
        let state = before.state.iter();
        let cookies = before.cookies.iter();
        Before {
            state: state
                .map(|(key, value)| (self.text(key), self.base64(value)))
                .collect(),
            cookies: cookies
                .map(|(url, line)| (self.text(url), self.text(&by_age(line, time))))
                .collect(),
        }
    }

    /// Who was asked, and how that ended.
    fn bare(&self, exchange: &Exchange) -> Exchange {
        let answer = match &exchange.answer {
            Answer::Response { status, .. } => Answer::Response {
                status: *status,
                headers: HeaderMap::new(),
                body: Bytes::new(),
                cut: true,
            },
            failed => failed.clone(),
        };
        Exchange {
            method: exchange.method.clone(),
            url: self.no_path(&exchange.url),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            answer,
        }
    }
}
