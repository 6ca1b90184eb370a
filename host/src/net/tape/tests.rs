//! Hops from a recording, below a guard that does not know.

use std::path::Path;

use super::*;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::net::{Egress, Net, Plain, Policy, Response};

fn egress(exchanges: Vec<Exchange>) -> (Egress, Replay) {
    let config = Config::from_toml("", Path::new("/"))
        .expect("defaults")
        .config;
    let net = Net::new(config.net, Metrics::new());
    let replay = Replay::new(exchanges.into());
    let policy = Policy {
        ports: Vec::new(),
        hosts: [("inside.example".to_owned(), [10, 0, 0, 1].into())].into(),
        ..net.policy(&[])
    };
    (net.replay(policy, replay.clone()), replay)
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = http::HeaderValue::from_static(value);
        (http::HeaderName::from_static(name), value)
    });
    pairs.collect()
}

fn exchange(
    url: &str,
    status: u16,
    answered: &[(&'static str, &'static str)],
    body: &str,
) -> Exchange {
    Exchange {
        method: Method::GET,
        url: url.parse().expect("a URL"),
        headers: headers(&[("accept-encoding", "identity")]),
        body: Bytes::new(),
        answer: Answer::Response {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers(answered),
            body: body.to_owned().into(),
            cut: false,
        },
    }
}

async fn get(egress: &Egress, url: &str) -> Result<Response, FetchError> {
    let request = egress.get(url.parse().expect("a URL"));
    egress.send(request, &Plain, "test").await
}

#[tokio::test]
async fn what_is_played_back_can_be_recorded_again() {
    let exchanges = vec![
        exchange(
            "http://a.example:81/x",
            302,
            &[("location", "http://b.example/y")],
            "",
        ),
        exchange(
            "http://b.example/y",
            200,
            &[("content-length", "4")],
            "page",
        ),
    ];
    let (egress, replay) = egress(exchanges.clone());
    let tape = Tape::new(ByteSize::kib(1));
    let response = get(
        &egress.recording(tape.clone()),
        "http://a.example:81/x#part",
    )
    .await;
    let response = response.expect("both hops");
    assert_eq!(response.url.as_str(), "http://b.example/y");
    assert_eq!(response.collect(10).await.expect("a body"), "page");
    assert_eq!(tape.take(), exchanges);
    assert!(replay.unused().is_empty() && replay.missed().is_empty());
}

#[tokio::test]
async fn each_exchange_answers_once_and_only_what_it_was_asked() {
    let mut asked = exchange("http://a.example/", 200, &[], "");
    asked.headers = headers(&[("cookie", "b=2; a=1"), ("x-key", "k")]);
    let (egress, replay) = egress(vec![asked]);
    let send = async |pairs: &[(&'static str, &'static str)]| {
        let mut request = egress.get("http://a.example/".parse().expect("a URL"));
        request.headers = headers(pairs);
        egress.send(request, &Plain, "test").await.map(|r| r.status)
    };
    assert!(
        send(&[("cookie", "a=1; b=2")]).await.is_err(),
        "lacks x-key"
    );
    assert_eq!(replay.unused(), [0]);
    let all = [("cookie", "a=1; b=2"), ("x-key", "k"), ("x-more", "m")];
    assert_eq!(send(&all).await, Ok(StatusCode::OK));
    assert!(send(&all).await.is_err(), "used up");
    assert_eq!(replay.missed().len(), 2);
    assert!(replay.unused().is_empty());
}

#[tokio::test]
async fn the_guard_judges_what_is_played_back() {
    let target = "http://169.254.169.254/";
    let hops = vec![
        exchange("http://a.example/", 302, &[("location", target)], ""),
        exchange(target, 200, &[], "keys"),
    ];
    let (egress, replay) = egress(hops);
    let denied = get(&egress, "http://a.example/").await.err();
    assert_eq!(denied.map(|e| e.code()), Some("address_denied"));
    assert_eq!(replay.unused(), [1]);
    // Names are not looked up, not even among the fixed ones.
    let url = "http://inside.example/".parse().expect("a URL");
    assert_eq!(egress.judge(&url).await, Ok(()));
}

#[tokio::test]
async fn a_tape_is_bounded_and_what_was_cut_is_no_whole_answer() {
    let played = exchange("http://a.example/", 200, &[], &"x".repeat(100));
    let (first, _) = egress(vec![played]);
    let tape = Tape::new(ByteSize::b(50));
    let response = get(&first.recording(tape.clone()), "http://a.example/").await;
    let body = response
        .expect("a response")
        .collect(1000)
        .await
        .expect("a body");
    assert_eq!(body.len(), 100, "the reader gets all of it");
    let cut = tape.take();
    assert!(cut[0].is_cut());
    let Answer::Response { body, .. } = &cut[0].answer else {
        panic!("{cut:?}");
    };
    assert!(body.len() < 50);
    let (again, _) = egress(vec![cut[0].clone()]);
    let response = get(&again, "http://a.example/").await.expect("a head");
    let broken = response.collect(1000).await.err();
    assert_eq!(broken.map(|e| e.code()), Some("upstream_broken"));
}

#[tokio::test]
async fn failures_come_again_at_once_and_a_wait_given_up_is_a_timeout() {
    for (failure, code) in [
        (Failure::Dns, "upstream_dns"),
        (Failure::Connect, "upstream_connect"),
        (Failure::Tls, "upstream_tls"),
        (Failure::Timeout, "upstream_timeout"),
        (Failure::Protocol, "upstream_broken"),
    ] {
        assert_eq!(failure.code().parse(), Ok(failure));
        let mut failed = exchange("http://a.example/", 200, &[], "");
        failed.answer = Answer::Failed(failure);
        let (egress, _) = egress(vec![failed.clone()]);
        let tape = Tape::new(ByteSize::kib(1));
        let error = get(&egress.recording(tape.clone()), "http://a.example/")
            .await
            .err();
        assert_eq!(error.map(|e| e.code()), Some(code));
        assert_eq!(tape.take(), [failed]);
    }
    let (egress, _) = egress(vec![exchange("http://a.example/", 200, &[], "x")]);
    let tape = Tape::new(ByteSize::kib(1));
    let request = egress.get("http://a.example/".parse().expect("a URL"));
    let note = tape.note(&request, &HeaderMap::new());
    note.answered(StatusCode::OK, &HeaderMap::new());
    note.reading();
    assert_eq!(tape.take()[0].answer, Answer::Failed(Failure::Timeout));
}
