//! The one door through which what a guest returned becomes ours.
//!
//! A record that breaks a rule is refused alone and shown with its reason; a
//! list that is too long is refused whole. Text loses control characters,
//! bidirectional overrides and the site's secrets, so that no page, log line or
//! header meets them.

use futures::future::join_all;
use jiff::Timestamp;

use super::asked::Asked;
use super::bindings::exports::f1_streams::extractor::metadata::PluginInfo;
use super::bindings::f1_streams::extractor::types as wit;
use super::outcome::Block;
pub(super) use super::outcome::ExtractError;
use super::scrub::Scrubber;
use super::site::Site;
use super::stream::{Extraction, Protection, Quality, Refused, Stream, StreamKind};
pub(super) use super::text::clean;
use crate::config::{Key, PluginLimits};
use crate::metrics::Metrics;
use crate::net::{Denied, HeaderRule, check_header};

/// What `describe` said, checked.
pub(super) struct Described {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) hosts: Asked,
    pub(super) secrets: Vec<String>,
}

/// What the checks of one call go by.
pub(super) struct Door<'a> {
    pub(super) limits: &'a PluginLimits,
    pub(super) metrics: &'a Metrics,
    pub(super) scrubber: &'a Scrubber,
}

/// A record's code and message.
type Refusal = (&'static str, String);

const NAME: usize = 64;
/// Longest tag that RFC 5646, section 4.4.1 asks everybody to take.
const LANGUAGE: usize = 35;

fn invalid(message: impl Into<String>) -> Refusal {
    ("invalid_record", message.into())
}

impl Door<'_> {
    /// Checks what `describe` returned.
    pub(super) fn described(&self, info: PluginInfo) -> Result<Described, String> {
        let limits = self.limits;
        if info.key.parse::<Key>().is_err() {
            return Err(format!(
                "key {:?} is not [a-z0-9][a-z0-9-]{{0,62}}",
                clean(&info.key, NAME)
            ));
        }
        if info.allowed_hosts.len() > limits.asked || info.secrets.len() > limits.asked {
            self.metrics.limit("plugins.limits.asked");
            return Err("more allowed-hosts or secrets than plugins.limits.asked".into());
        }
        let named = |name: &&String| name.is_empty() || clean(name, NAME) != **name;
        if let Some(name) = info.secrets.iter().find(named) {
            let name = clean(name, NAME);
            return Err(format!("the name of the secret {name:?} is not printable"));
        }
        let hosts = Asked::parse(&info.allowed_hosts).map_err(|error| clean(&error, 512))?;
        Ok(Described {
            key: info.key,
            name: self.text(&info.name),
            version: clean(&info.version, NAME),
            hosts,
            secrets: info.secrets,
        })
    }

    /// Checks what `extract` returned. `Err`: the list itself is unusable.
    pub(super) async fn extraction(
        &self,
        records: Vec<wit::StreamInfo>,
        site: &Site,
    ) -> Result<Extraction, String> {
        let most = self.limits.streams;
        if records.len() > most {
            self.metrics.limit("plugins.limits.streams");
            return Err(format!(
                "{} streams, more than plugins.limits.streams = {most}",
                records.len()
            ));
        }
        let mut found = Extraction::default();
        // At once: each may wait for a name server, none waits for another.
        let checked = join_all(records.into_iter().map(|record| async {
            let id = self.short(&record.id, NAME);
            (id, self.stream(record, site).await)
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
                Err((code, message)) => found.refused.push(Refused {
                    id,
                    code,
                    message: self.short(&message, 512),
                }),
            }
        }
        Ok(found)
    }

    async fn stream(&self, record: wit::StreamInfo, site: &Site) -> Result<Stream, Refusal> {
        let id_ok = (1..=64).contains(&record.id.len())
            && record
                .id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !id_ok {
            return Err(invalid("an id is 1 to 64 letters, digits, - and _"));
        }
        if self.scrubber.finds(&record.id) {
            return Err(invalid("the id holds a secret of the site"));
        }
        let denied = |denied: Denied| (denied.code(), denied.to_string());
        let url = site.egress.policy().parse(&record.url).map_err(denied)?;
        site.egress.judge(&url).await.map_err(denied)?;
        let rules = self.rules(record.request.header_rules)?;
        let label = self.text(&record.label);
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
                .map(|language| self.short(&language, LANGUAGE))
                .filter(|language| !language.is_empty()),
            quality: record
                .quality
                .map(|quality| Quality {
                    height: quality.height,
                    bandwidth: quality.bandwidth,
                    label: quality.label.map(|label| self.short(&label, NAME)),
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

    fn rules(&self, rules: Vec<wit::HeaderRule>) -> Result<Vec<HeaderRule>, Refusal> {
        let limits = self.limits;
        if rules.len() > limits.stream_rules {
            self.metrics.limit("plugins.limits.stream_rules");
            return Err(invalid(
                "more header rules than plugins.limits.stream_rules",
            ));
        }
        if rules.iter().map(|rule| rule.headers.len()).sum::<usize>() > limits.stream_headers {
            self.metrics.limit("plugins.limits.stream_headers");
            return Err(invalid("more headers than plugins.limits.stream_headers"));
        }
        let rule = |rule: wit::HeaderRule| {
            if rule.hosts.len() > limits.stream_hosts {
                self.metrics.limit("plugins.limits.stream_hosts");
                return Err(invalid(
                    "more hosts in a rule than plugins.limits.stream_hosts",
                ));
            }
            let host = |host: &String| {
                let bad = |error| invalid(format!("a rule's host: {error}"));
                host.parse().map_err(bad)
            };
            Ok(HeaderRule {
                hosts: rule.hosts.iter().map(host).collect::<Result<_, _>>()?,
                headers: rule
                    .headers
                    .iter()
                    .map(|(name, value)| {
                        if name.len().max(value.len()) > self.text_limit() {
                            self.metrics.limit("plugins.limits.text");
                            return Err(invalid("a header is longer than plugins.limits.text"));
                        }
                        check_header(name, value).map_err(|e| ("header_denied", e.to_string()))
                    })
                    .collect::<Result<_, _>>()?,
            })
        };
        rules.into_iter().map(rule).collect()
    }

    /// Checks an `extract-error`.
    pub(super) fn error(&self, error: wit::ExtractError) -> ExtractError {
        match error {
            wit::ExtractError::NotFound => ExtractError::NotFound,
            wit::ExtractError::LayoutChanged(at) => ExtractError::LayoutChanged(self.text(&at)),
            wit::ExtractError::Blocked(reason) => ExtractError::Blocked(match reason {
                wit::BlockReason::Challenge => Block::Challenge,
                wit::BlockReason::Forbidden => Block::Forbidden,
                wit::BlockReason::Geo => Block::Geo,
                wit::BlockReason::LoginRequired => Block::LoginRequired,
            }),
            wit::ExtractError::RateLimited(wait) => ExtractError::RateLimited(
                wait.map(|ms| std::time::Duration::from_millis(ms.into())),
            ),
            wit::ExtractError::Network(text) => ExtractError::Network(self.text(&text)),
            wit::ExtractError::BadConfig(text) => ExtractError::BadConfig(self.text(&text)),
            wit::ExtractError::Protected => ExtractError::Protected,
            wit::ExtractError::Other(text) => ExtractError::Other(self.text(&text)),
        }
    }

    /// A text of the guest's: clean, without secrets, cut at the limit.
    fn text(&self, raw: &str) -> String {
        let max = self.text_limit();
        if raw.len() > max {
            self.metrics.limit("plugins.limits.text");
        }
        self.short(raw, max)
    }

    fn short(&self, raw: &str, max: usize) -> String {
        self.scrubber.cut(raw, max)
    }

    fn text_limit(&self) -> usize {
        usize::try_from(self.limits.text.as_u64()).unwrap_or(usize::MAX)
    }
}
