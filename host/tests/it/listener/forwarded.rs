//! S34: whom the limits of one client are for, behind a reverse proxy.

use f1_streams::config::{Config, Viewers};
use f1_streams::proxy::Kind;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use crate::house::House;
use crate::origin::{Gate, Origin, Step, ok, packets, sealed};

/// A house that is asked through a proxy at 127.0.0.1.
fn proxied(config: &mut Config) {
    config.auth.viewers = Viewers::Open;
    config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    config.server.requests_per_client = 3;
    config.server.max_connections_per_client = 3;
}

async fn ask(house: &House, path: &str, field: (&str, &str)) -> Response {
    let request = house.client.get(format!("{}{path}", house.base));
    request.header(field.0, field.1).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_proxy_takes_nobody_elses_requests() {
    let house = House::edited(proxied).await;
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::new(move |_| {
        let mut steps = ok(&packets(20));
        steps.insert(1, Step::Gate(held.clone()));
        steps
    })
    .await;
    let one = ("x-forwarded-for", "192.0.2.1");
    let mut open = Vec::new();
    for n in 0..3 {
        let link = sealed(
            &house,
            Kind::SealedSegment,
            &origin.url(&format!("/{n}.ts")),
        );
        let url = format!("{}{link}", house.base);
        let request = house.client.get(url).header(one.0, one.1);
        open.push(tokio::spawn(request.send()));
    }
    house
        .wait("three requests of one client", async |_| {
            (origin.asked() == 3).then_some(())
        })
        .await;
    for spoofed in [
        one,
        // What it says of itself does not count, only what the proxy appended.
        ("x-forwarded-for", "192.0.2.7, 192.0.2.1"),
        ("x-forwarded-for", "127.0.0.1,127.0.0.1, 192.0.2.1"),
        ("x-forwarded-for", "::ffff:192.0.2.1"),
        ("forwarded", "for=192.0.2.7, for=\"192.0.2.1:4711\""),
    ] {
        let refused = ask(&house, "/healthz", spoofed).await;
        assert_eq!(
            refused.status(),
            StatusCode::TOO_MANY_REQUESTS,
            "{spoofed:?}"
        );
        assert_eq!(refused.headers()[RETRY_AFTER], "1");
        assert_eq!(refused.headers()["x-content-type-options"], "nosniff");
    }
    assert_eq!(house.metrics.limit_hits("server.requests_per_client"), 5);
    // The proxy itself has as many connections as it likes.
    for other in ["192.0.2.2", "192.0.2.1, 192.0.2.3", "2001:db8::1"] {
        let fine = ask(&house, "/healthz", ("x-forwarded-for", other)).await;
        assert_eq!(fine.status(), StatusCode::OK, "{other}");
    }
    assert_eq!(
        house
            .metrics
            .limit_hits("server.max_connections_per_client"),
        0
    );
    gate.open();
    for answer in open {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.bytes().await.unwrap().len(), 20 * 188);
    }
    // Its requests are over, and it asks again.
    house
        .wait("a place", async |house| {
            let answer = ask(house, "/healthz", one).await;
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
}
