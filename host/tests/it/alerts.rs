//! The webhook: what arrives, what is tried again, and what is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use f1_streams::alerts::{Alerts, Kind, News};
use f1_streams::config::Config;
use f1_streams::metrics::Metrics;
use f1_streams::net::Net;
use f1_streams_testbed::Faults;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::guests::{Guest, TRAP};
use crate::house::House;

/// A server that takes messages, all but the first `refused` of them.
struct Server {
    url: String,
    messages: mpsc::UnboundedReceiver<(HeaderMap, Value)>,
    attempts: Arc<AtomicUsize>,
}

impl Server {
    async fn start(refused: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, messages) = mpsc::unbounded_channel();
        let attempts = Arc::new(AtomicUsize::new(0));
        let counted = attempts.clone();
        let take = async move |State(sender): State<mpsc::UnboundedSender<_>>,
                               headers: HeaderMap,
                               body: String| {
            if counted.fetch_add(1, SeqCst) < refused {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            sender
                .send((headers, serde_json::from_str(&body).unwrap()))
                .unwrap();
            StatusCode::OK
        };
        let app = Router::new().route("/", post(take)).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            messages,
            attempts,
        }
    }

    async fn next(&mut self) -> (HeaderMap, Value) {
        let next = tokio::time::timeout(Duration::from_secs(20), self.messages.recv());
        next.await.expect("a message in time").unwrap()
    }
}

fn alerts(toml: &str) -> (Alerts, Option<f1_streams::alerts::Sender>, Metrics) {
    let config = Config::from_toml(toml, std::path::Path::new("/"))
        .unwrap()
        .config;
    let metrics = Metrics::new();
    let net = Net::new(config.net.clone(), metrics.clone());
    let (alerts, sender) = Alerts::new(&config.webhook, &net, metrics.clone()).unwrap();
    (alerts, sender, metrics)
}

fn news(site: &str) -> News {
    News {
        kind: Kind::Broken,
        site: Some(site.into()),
        plugin: "site-a".into(),
        digest: None,
        reason: "the page has changed".into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        since: None,
        bundle: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_breaks_and_comes_back_is_told_of_once_each() {
    let mut server = Server::start(0).await;
    let extra = format!(
        r#"
            [extraction]
            interval = "1s"
            refresh_cooldown = "0"
            [webhook]
            url = "{}"
            topic = "f1"
            interval = "0"
            allow_addresses = ["127.0.0.1/32"]
        "#,
        server.url
    );
    let house = House::start_with(&extra, "/event/live").await;
    house.stream().await;
    house.testbed.set_faults(Faults {
        site_status: Some(StatusCode::FORBIDDEN),
        ..Faults::default()
    });
    let (headers, broken) = server.next().await;
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(broken["topic"], "f1");
    assert_eq!(
        (&broken["kind"], &broken["site"]),
        (&"broken".into(), &"site-a".into())
    );
    let bundle = broken["bundle"].as_str().unwrap();
    assert!(
        broken["message"].as_str().unwrap().contains(bundle),
        "{broken}"
    );
    assert!(
        house
            .dir
            .path()
            .join("data/diagnostics")
            .join(bundle)
            .exists()
    );
    house.testbed.set_faults(Faults::default());
    house.refresh().await;
    let (_, back) = server.next().await;
    assert_eq!(
        (&back["kind"], &back["since"]),
        (&"back".into(), &broken["since"])
    );
    assert_eq!(server.attempts.load(SeqCst), 2, "one for each change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_told_with_the_version_that_failed() {
    let mut server = Server::start(0).await;
    let extra = format!(
        "[webhook]\nurl = \"{}\"\nallow_addresses = [\"127.0.0.1\"]\n",
        server.url
    );
    let house = House::start_with(&extra, "/event/live").await;
    house.stream().await;
    let trap = Guest {
        extract: TRAP,
        ..Guest::default()
    };
    house.drop_plugin("site-a", &trap.component());
    let told = loop {
        let (_, told) = server.next().await;
        if told["kind"] == "rolled_back" {
            break told;
        }
    };
    assert_eq!(told["plugin"], "site-a");
    let status = house.plugin_status("site-a").await;
    assert_ne!(told["digest"], status["digest"], "another serves");
    assert!(told["message"].as_str().unwrap().contains("trap"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_for_a_moment_misses_nothing() {
    let mut server = Server::start(1).await;
    let toml = format!(
        "[webhook]\nurl = \"{}\"\nallow_addresses = [\"127.0.0.1\"]\n",
        server.url.replace("http://", "http://me:secret@")
    );
    let (alerts, sender, _) = alerts(&toml);
    let stop = CancellationToken::new();
    tokio::spawn(sender.unwrap().run(stop.clone()));
    alerts.tell(news("a"));
    let (headers, message) = server.next().await;
    assert_eq!(message["title"], "a stopped working");
    assert_eq!(headers["authorization"], "Basic bWU6c2VjcmV0");
    assert_eq!(server.attempts.load(SeqCst), 2);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_refuses_what_was_not_allowed_and_a_full_queue_drops() {
    let server = Server::start(0).await;
    let toml = format!("[webhook]\nurl = \"{}\"\nqueue = 2\n", server.url);
    let (alerts, sender, metrics) = alerts(&toml);
    for site in ["a", "b", "c", "d"] {
        alerts.tell(news(site));
    }
    assert_eq!(metrics.limit_hits("webhook.queue"), 2);
    let stop = CancellationToken::new();
    let task = tokio::spawn(sender.unwrap().run(stop.clone()));
    for _ in 0..200 {
        if metrics.limit_hits("webhook.retries") == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(metrics.limit_hits("webhook.retries"), 2, "given up at once");
    assert_eq!(server.attempts.load(SeqCst), 0);
    stop.cancel();
    task.await.unwrap();
}
