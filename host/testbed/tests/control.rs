//! The log and the faults, over the control port and in the process.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]

mod client;

use client::Visitor;
use f1_streams_testbed::{Faults, Info, Options, Request, Role, Testbed};
use serde_json::{Value, json};

async fn start() -> (Testbed, Visitor) {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    let visitor = Visitor::new(&testbed);
    (testbed, visitor)
}

impl Visitor {
    async fn json(&self, url: &str) -> Value {
        let answer = self.get(url).await;
        assert_eq!(answer.status(), 200, "{url}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn the_log_tells_what_reached_whom() {
    let (testbed, visitor) = start().await;
    let info = testbed.info().clone();
    let master = visitor.find_stream().await;
    visitor
        .http
        .get(&master)
        .header("x-one", "1")
        .send()
        .await
        .unwrap();
    visitor
        .get(&format!("{}current.json?limit=3", info.jolpica))
        .await;

    let log: Vec<Request> =
        serde_json::from_value(visitor.json(&format!("{}/log", info.control)).await).unwrap();
    let seen: Vec<(Role, &str, Option<u16>)> = log
        .iter()
        .map(|one| (one.role, one.method.as_str(), one.status))
        .collect();
    assert_eq!(
        seen,
        [
            (Role::SiteA, "GET", Some(200)),
            (Role::SiteA, "POST", Some(200)),
            (Role::Go, "GET", Some(302)),
            (Role::Edge, "GET", Some(302)),
            (Role::Cdn, "GET", Some(403)),
            (Role::Schedule, "GET", Some(200)),
        ]
    );
    assert_eq!(log[0].path, "/event/live");
    assert_eq!(log[0].host.as_deref(), info.site_a.strip_prefix("http://"));
    assert_eq!(log[1].header("x-requested-with"), Some("XMLHttpRequest"));
    assert_eq!(log[4].header("x-one"), Some("1"));
    assert_eq!(log[5].path, "/ergast/f1/current.json?limit=3");
    assert!(log.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(testbed.log_len(), 6, "the control port is in the log");

    let count = format!("{}/log/count", info.control);
    assert_eq!(
        visitor.json(&count).await,
        json!({ "count": 6, "dropped": 0 })
    );
    assert_eq!(
        visitor.json(&format!("{count}?role=site-a")).await["count"],
        2
    );
    let deleted = visitor
        .http
        .delete(format!("{}/log", info.control))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(visitor.json(&count).await["count"], 0);
    assert_eq!(testbed.log_len(), 0);
}

#[tokio::test]
async fn faults_come_and_go_over_the_control_port() {
    let (testbed, visitor) = start().await;
    let faults = format!("{}/faults", testbed.info().control);
    let post = async |body: &str| {
        let request = visitor
            .http
            .post(&faults)
            .header("content-type", "application/json");
        request
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(
        post(r#"{"site_status": 503, "segment_duration_ms": 5}"#).await,
        200
    );
    assert_eq!(post(r#"{"playlist_frozen": true}"#).await, 200);
    let shown = visitor.json(&faults).await;
    assert_eq!(
        (&shown["site_status"], &shown["playlist_frozen"]),
        (&json!(503), &json!(true))
    );
    assert_eq!(
        testbed.faults().segment_duration_ms,
        5,
        "an unnamed fault was changed"
    );

    for wrong in [
        r#"{"site_state": 1}"#,
        r#"{"site_status": 99}"#,
        r#"{"site_status": 1000}"#,
    ] {
        assert_eq!(post(wrong).await, 400, "{wrong}");
    }
    assert_eq!(
        testbed.faults().site_status.unwrap().as_u16(),
        503,
        "a refused change had an effect"
    );
    assert_eq!(post(r#"{"site_status": null}"#).await, 200);
    assert_eq!(testbed.faults().site_status, None);
    assert_eq!(
        visitor.http.delete(&faults).send().await.unwrap().status(),
        204
    );
    assert_eq!(testbed.faults(), Faults::default());
}

#[tokio::test]
async fn faults_hit_the_party_they_name() {
    let (testbed, visitor) = start().await;
    let info = testbed.info().clone();
    let urls = [
        format!("{}/event/live", info.site_a),
        format!("{}/go/x", info.go),
        format!("{}/e/x", info.edge),
        format!("{}current/races/", info.jolpica),
        format!("{}sessions", info.openf1),
    ];
    let statuses = async || {
        let mut statuses = Vec::new();
        for url in &urls {
            statuses.push(visitor.get(url).await.status().as_u16());
        }
        statuses
    };
    let status = |code: u16| Some(code.try_into().unwrap());
    assert_eq!(statuses().await, [200, 403, 403, 200, 200]);
    testbed.set_faults(Faults {
        site_status: status(500),
        ..Faults::default()
    });
    assert_eq!(statuses().await, [500, 500, 500, 200, 200]);
    testbed.set_faults(Faults {
        schedule_status: status(429),
        ..Faults::default()
    });
    assert_eq!(statuses().await, [200, 403, 403, 429, 429]);
    testbed.set_faults(Faults {
        openf1_status: status(401),
        ..Faults::default()
    });
    assert_eq!(statuses().await, [200, 403, 403, 200, 401]);
    testbed.set_faults(Faults {
        site_delay_ms: 300,
        ..Faults::default()
    });
    let asked = std::time::Instant::now();
    visitor.get(&urls[0]).await;
    assert!(asked.elapsed() >= std::time::Duration::from_millis(300));
}

#[tokio::test]
async fn the_schedule_apis_answer_at_their_paths() {
    let (testbed, visitor) = start().await;
    let info = testbed.info().clone();
    let current = visitor.json(&format!("{}current.json", info.jolpica)).await;
    let year = current["MRData"]["RaceTable"]["season"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(current["MRData"]["total"], "10");
    for path in [
        format!("{year}.json"),
        format!("{year}/"),
        format!("{year}/races/"),
        format!("{year}/races.json"),
        "current/".to_owned(),
        "current/races/?limit=100&offset=0".to_owned(),
    ] {
        let answer = visitor.json(&format!("{}{path}", info.jolpica)).await;
        assert_eq!(
            answer["MRData"]["RaceTable"], current["MRData"]["RaceTable"],
            "{path}"
        );
    }
    for path in ["", "drivers/", "2026", "12/races/", "abc.json"] {
        let answer = visitor.get(&format!("{}{path}", info.jolpica)).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    let of_year = async |what: &str, year: &str| {
        let answer = visitor
            .json(&format!("{}{what}?year={year}", info.openf1))
            .await;
        answer.as_array().unwrap().len()
    };
    assert_eq!(of_year("sessions", &year).await, 45);
    assert_eq!(of_year("meetings", &year).await, 9);
    assert_eq!(of_year("meetings", "1999").await, 0);
}

#[tokio::test]
async fn the_info_is_one_document() {
    let (testbed, visitor) = start().await;
    let shown = visitor
        .json(&format!("{}/info", testbed.info().control))
        .await;
    assert_eq!(shown, serde_json::to_value(testbed.info()).unwrap());
    let info: Info = serde_json::from_value(shown).unwrap();
    assert_eq!(info.hosts["schedule.test"].to_string(), "127.0.0.3");
    assert_eq!(info.hosts["cdn.test"].to_string(), "127.0.0.2");
    assert!(
        info.control.starts_with("http://127.0.0.2:"),
        "{}",
        info.control
    );
    for origin in [
        &info.site_a,
        &info.go,
        &info.edge,
        &info.cdn,
        &info.jolpica,
        &info.control,
    ] {
        let port = url::Url::parse(origin).unwrap().port().unwrap();
        assert!(info.ports.contains(&port), "{origin}");
    }
}
