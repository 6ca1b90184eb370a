//! Telling the operator: one outgoing webhook.
//!
//! Whoever has news hands them over and goes on; one task sends them, each
//! site at its pace ([`pace`]). Nothing here blocks, and what cannot be told in
//! the end is dropped and counted. It goes out through the guard, with
//! addresses of its own that it may reach.

mod message;
mod pace;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use message::{Kind, News};

use self::pace::Pace;
use crate::config;
use crate::metrics::Metrics;
use crate::net::{Egress, FetchError, Net, Plain, Policy, Request};

/// Where news are handed over; cheap to clone.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// `None`: nobody wants to know.
    queue: Option<mpsc::Sender<News>>,
    metrics: Metrics,
}

/// What sends them.
#[derive(Debug)]
pub struct Sender {
    queue: mpsc::Receiver<News>,
    pace: Pace,
    hook: Hook,
}

#[derive(Debug)]
struct Hook {
    egress: Egress,
    url: Url,
    headers: HeaderMap,
    config: config::Webhook,
    metrics: Metrics,
}

/// Before the second attempt; each wait is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Why an attempt failed, and whether another makes sense.
type Failed = (String, bool);

impl Alerts {
    /// No [`Sender`] where no webhook is configured.
    pub fn new(
        config: &config::Webhook,
        net: &Net,
        metrics: Metrics,
    ) -> Result<(Self, Option<Sender>), FetchError> {
        let Some(url) = &config.url else {
            let queue = None;
            return Ok((Self { queue, metrics }, None));
        };
        let (url, headers) = target(url.reveal());
        let policy = Policy {
            // The operator wrote the URL, port and all.
            ports: Vec::new(),
            ..net.policy(&config.allow_addresses)
        };
        let (queue, news) = mpsc::channel(config.queue);
        let sender = Sender {
            queue: news,
            pace: Pace::new(config.interval),
            hook: Hook {
                egress: net.egress(policy)?,
                url,
                headers,
                config: config.clone(),
                metrics: metrics.clone(),
            },
        };
        let queue = Some(queue);
        Ok((Self { queue, metrics }, Some(sender)))
    }

    /// Hands over; never waits.
    pub fn tell(&self, news: News) {
        let Some(queue) = &self.queue else { return };
        if let Err(error) = queue.try_send(news) {
            let news = error.into_inner();
            self.metrics.limit("webhook.queue");
            tracing::warn!(site = news.site, plugin = news.plugin, kind = ?news.kind, "webhook: dropped");
        }
    }
}

impl Sender {
    /// Sends until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let due = self.pace.due();
            let due = async move {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                news = self.queue.recv() => match news {
                    Some(news) => self.pace.add(news, Instant::now()),
                    None => return,
                },
                () = due => {}
            }
            while let Some(news) = self.pace.next(Instant::now()) {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.hook.deliver(&news) => {}
                }
            }
        }
    }
}

impl Hook {
    async fn deliver(&self, news: &News) {
        let body = news.document(&self.config.topic).to_string();
        let (site, plugin, kind) = (&news.site, &news.plugin, news.kind);
        let mut wait = FIRST_WAIT;
        let mut left = self.config.retries;
        loop {
            let (why, again) = match self.post(&body).await {
                Ok(()) => return tracing::info!(site, plugin, ?kind, "webhook: told"),
                Err(failed) => failed,
            };
            if !again || left == 0 {
                self.metrics.limit("webhook.retries");
                return tracing::warn!(site, plugin, ?kind, why, "webhook: dropped");
            }
            left -= 1;
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
    }

    async fn post(&self, body: &str) -> Result<(), Failed> {
        let request = Request {
            method: Method::POST,
            headers: self.headers.clone(),
            body: body.to_owned().into(),
            redirects: 0,
            ..self.egress.get(self.url.clone())
        };
        let sent = self.egress.send(request, &Plain, "webhook");
        match tokio::time::timeout(self.config.timeout, sent).await {
            Err(_) => Err(("no answer within webhook.timeout".into(), true)),
            // What the guard refuses once, it refuses always.
            Ok(Err(error)) => Err((error.to_string(), !matches!(error, FetchError::Denied(_)))),
            Ok(Ok(response)) if response.status.is_success() => Ok(()),
            Ok(Ok(response)) => {
                let status = response.status;
                let later = status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT;
                Err((format!("it answered {}", status.as_u16()), later))
            }
        }
    }
}

/// The URL as it is fetched: a user and password in it become a header.
fn target(text: &str) -> (Url, HeaderMap) {
    let mut url: Url = text.parse().expect("the configuration checked it");
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
    if !url.username().is_empty() || url.password().is_some() {
        let decode = |text: &str| {
            let pairs = format!("x={}", text.replace('+', "%2B"));
            let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
            pairs
                .next()
                .map(|(_, v)| v.into_owned())
                .unwrap_or_default()
        };
        let (user, password) = (decode(url.username()), decode(url.password().unwrap_or("")));
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        if let Ok(mut value) = HeaderValue::from_str(&basic) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // Neither fails for http and https.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    (url, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_url_become_a_header() {
        let (url, headers) = target("https://me:p%40ss+1@push.example/t?token=x");
        assert_eq!(url.as_str(), "https://push.example/t?token=x");
        let expect = format!("Basic {}", STANDARD.encode("me:p@ss+1"));
        assert_eq!(headers[AUTHORIZATION], expect.as_str());
        let (_, headers) = target("https://push.example/");
        assert!(!headers.contains_key(AUTHORIZATION));
    }
}
