//! The one door through which what a guest returned becomes ours.
//!
//! A record that breaks a rule is refused alone and shown with its reason; a
//! list that is too long is refused whole. Text loses control characters and
//! bidirectional overrides, so that no page, log line or header meets them.

use futures::future::join_all;
use jiff::Timestamp;
use url::Url;

use super::bindings::exports::f1_streams::extractor::metadata::PluginInfo;
use super::bindings::f1_streams::extractor::types as wit;
use super::site::{Asked, Site};
use crate::config::{Key, PluginLimits};
use crate::metrics::Metrics;
use crate::net::{Denied, HeaderRule, check_header};

/// What one extraction found.
#[derive(Clone, Debug, Default)]
pub struct Extraction {
    /// In the extractor's order, best first.
    pub streams: Vec<Stream>,
    /// Records that broke a rule.
    pub refused: Vec<Refused>,
}

/// One playable thing, checked.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `[A-Za-z0-9_-]{1,64}`, unique within its site.
    pub id: String,
    /// Judged by the site's policy when it was returned.
    pub url: Url,
    /// What the URL leads to.
    pub kind: StreamKind,
    /// For people.
    pub label: String,
    /// BCP 47, when known.
    pub language: Option<String>,
    /// As the site says.
    pub quality: Quality,
    /// What the relay must send.
    pub rules: Vec<HeaderRule>,
    /// Send the site's cookies too.
    pub use_cookies: bool,
    /// The URL is expected to stop working then.
    pub expires_at: Option<Timestamp>,
    /// As the site says.
    pub protection: Protection,
    /// The extractor's preference, higher first.
    pub rank: i32,
}

/// What a stream's URL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// An HLS multivariant or media playlist.
    Hls,
    /// An MPEG-DASH manifest.
    Dash,
    /// One progressive resource.
    Progressive,
}

/// Whether the media is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// In the clear.
    None,
    /// HLS AES-128 with a key that any player would fetch.
    ClearKey,
    /// A DRM system: reported, never relayed.
    Drm,
    /// The site does not say.
    Unknown,
}

/// The site's word for a stream's quality.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Quality {
    /// Lines.
    pub height: Option<u32>,
    /// Bits per second.
    pub bandwidth: Option<u32>,
    /// The site's own word.
    pub label: Option<String>,
}

/// A record that was refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// The record's id as far as it is printable.
    pub id: String,
    /// Stable code.
    pub code: &'static str,
    /// What was wrong, for the operator.
    pub message: String,
}

/// Why an extractor found nothing usable; see `extract-error` in the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The site works but has no such event, or it is not live yet.
    #[error("nothing is live on the site")]
    NotFound,
    /// The page has another shape than the plugin expects: it needs a fix.
    #[error("the page has changed: {0}")]
    LayoutChanged(String),
    /// The site refuses.
    #[error("the site refuses: {0}")]
    Blocked(Block),
    /// Come back later.
    #[error("the site asks to come back later")]
    RateLimited(Option<std::time::Duration>),
    /// Transport trouble.
    #[error("network: {0}")]
    Network(String),
    /// The site file is missing something or wrong.
    #[error("the site's configuration: {0}")]
    BadConfig(String),
    /// Only protected media.
    #[error("only protected media was found")]
    Protected,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// How a site refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Block {
    /// A bot check.
    #[error("bot check")]
    Challenge,
    /// 403 or the like.
    #[error("forbidden")]
    Forbidden,
    /// By region.
    #[error("not available in this region")]
    Geo,
    /// A log-in is needed.
    #[error("log-in required")]
    LoginRequired,
}

impl ExtractError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::LayoutChanged(_) => "layout_changed",
            Self::Blocked(_) => "blocked",
            Self::RateLimited(_) => "rate_limited",
            Self::Network(_) => "network",
            Self::BadConfig(_) => "bad_config",
            Self::Protected => "protected",
            Self::Other(_) => "other",
        }
    }
}

/// What `describe` said, checked.
pub(super) struct Described {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) hosts: Asked,
    pub(super) secrets: Vec<String>,
}

/// Checks what `describe` returned.
pub(super) fn described(info: PluginInfo, limits: &PluginLimits) -> Result<Described, String> {
    if info.key.parse::<Key>().is_err() {
        return Err(format!(
            "key {:?} is not [a-z0-9][a-z0-9-]{{0,62}}",
            clean(&info.key, 64)
        ));
    }
    if info.allowed_hosts.len() > 64 || info.secrets.len() > 64 {
        return Err("more than 64 allowed-hosts or secrets".into());
    }
    let hosts = Asked::parse(&info.allowed_hosts)?;
    let max = text_limit(limits);
    Ok(Described {
        key: info.key,
        name: clean(&info.name, max),
        version: clean(&info.version, 64),
        hosts,
        secrets: info.secrets,
    })
}

/// Checks what `extract` returned. `Err`: the list itself is unusable.
pub(super) async fn extraction(
    records: Vec<wit::StreamInfo>,
    site: &Site,
    limits: &PluginLimits,
    metrics: &Metrics,
) -> Result<Extraction, String> {
    if records.len() > limits.streams {
        metrics.limit("plugins.limits.streams");
        return Err(format!(
            "{} streams, more than plugins.limits.streams = {}",
            records.len(),
            limits.streams
        ));
    }
    let mut found = Extraction::default();
    // At once: each may wait for a name server, none waits for another.
    let checked = join_all(records.into_iter().map(|record| async {
        let id = clean(&record.id, 64);
        (id, stream(record, site, limits).await)
    }));
    for (id, result) in checked.await {
        match result {
            Ok(stream) if found.streams.iter().any(|other| other.id == stream.id) => {
                found.refused.push(Refused {
                    id,
                    code: "duplicate_id",
                    message: "another stream has this id".into(),
                });
            }
            Ok(stream) => found.streams.push(stream),
            Err((code, message)) => found.refused.push(Refused { id, code, message }),
        }
    }
    Ok(found)
}

async fn stream(
    record: wit::StreamInfo,
    site: &Site,
    limits: &PluginLimits,
) -> Result<Stream, (&'static str, String)> {
    let invalid = |message: &str| ("invalid_record", message.to_owned());
    let id_ok = (1..=64).contains(&record.id.len())
        && record
            .id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !id_ok {
        return Err(invalid("an id is 1 to 64 letters, digits, - and _"));
    }
    let denied = |denied: Denied| (denied.code(), denied.to_string());
    let url = site.egress.policy().parse(&record.url).map_err(denied)?;
    site.egress.judge(&url).await.map_err(denied)?;
    if record.request.header_rules.len() > 16 {
        return Err(invalid("more than 16 header rules"));
    }
    let max = text_limit(limits);
    let mut rules = Vec::new();
    for rule in record.request.header_rules {
        if rule.headers.len() > 32 || rule.hosts.len() > 32 {
            return Err(invalid("more than 32 headers or hosts in a rule"));
        }
        let hosts = rule
            .hosts
            .iter()
            .map(|host| {
                host.parse()
                    .map_err(|e| invalid(&format!("a rule's host: {e}")))
            })
            .collect::<Result<_, _>>()?;
        let headers = rule
            .headers
            .iter()
            .map(|(name, value)| {
                if value.len() > max {
                    return Err(invalid("a header value is longer than plugins.limits.text"));
                }
                check_header(name, value).map_err(|e| ("header_denied", e.to_string()))
            })
            .collect::<Result<_, _>>()?;
        rules.push(HeaderRule { hosts, headers });
    }
    let label = clean(&record.label, max);
    Ok(Stream {
        label: if label.is_empty() {
            record.id.clone()
        } else {
            label
        },
        id: record.id,
        url,
        kind: match record.kind {
            wit::StreamKind::Hls => StreamKind::Hls,
            wit::StreamKind::Dash => StreamKind::Dash,
            wit::StreamKind::Progressive => StreamKind::Progressive,
        },
        language: record
            .language
            .map(|l| clean(&l, 35))
            .filter(|l| !l.is_empty()),
        quality: record
            .quality
            .map(|q| Quality {
                height: q.height,
                bandwidth: q.bandwidth,
                label: q.label.map(|l| clean(&l, 64)),
            })
            .unwrap_or_default(),
        rules,
        use_cookies: record.request.use_cookies,
        expires_at: record
            .expires_at
            .and_then(|ms| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()),
        protection: match record.protection {
            wit::Protection::None => Protection::None,
            wit::Protection::ClearKey => Protection::ClearKey,
            wit::Protection::Drm => Protection::Drm,
            wit::Protection::Unknown => Protection::Unknown,
        },
        rank: record.rank,
    })
}

/// Checks an `extract-error`.
pub(super) fn error(error: wit::ExtractError, limits: &PluginLimits) -> ExtractError {
    let max = text_limit(limits);
    match error {
        wit::ExtractError::NotFound => ExtractError::NotFound,
        wit::ExtractError::LayoutChanged(at) => ExtractError::LayoutChanged(clean(&at, max)),
        wit::ExtractError::Blocked(reason) => ExtractError::Blocked(match reason {
            wit::BlockReason::Challenge => Block::Challenge,
            wit::BlockReason::Forbidden => Block::Forbidden,
            wit::BlockReason::Geo => Block::Geo,
            wit::BlockReason::LoginRequired => Block::LoginRequired,
        }),
        wit::ExtractError::RateLimited(wait) => {
            ExtractError::RateLimited(wait.map(|ms| std::time::Duration::from_millis(ms.into())))
        }
        wit::ExtractError::Network(text) => ExtractError::Network(clean(&text, max)),
        wit::ExtractError::BadConfig(text) => ExtractError::BadConfig(clean(&text, max)),
        wit::ExtractError::Protected => ExtractError::Protected,
        wit::ExtractError::Other(text) => ExtractError::Other(clean(&text, max)),
    }
}

fn text_limit(limits: &PluginLimits) -> usize {
    usize::try_from(limits.text.as_u64()).unwrap_or(usize::MAX)
}

/// Text without control characters and bidirectional controls, at most `max`
/// bytes, cut at a character.
pub(super) fn clean(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if hidden {
            continue;
        }
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_loses_what_could_forge_a_line_or_turn_it_around() {
        for (dirty, expect) in [
            ("plain", "plain"),
            ("a\r\nb\0c\u{1b}[31m", "abc[31m"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("  Zandvoort – été  ", "Zandvoort – été"),
        ] {
            assert_eq!(clean(dirty, 100), expect);
        }
        assert_eq!(clean("äää", 5), "ää", "cut at a character");
    }
}
