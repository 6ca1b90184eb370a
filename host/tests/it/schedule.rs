//! The schedule: polled, kept, served without the network.

mod feeds;
mod readers;
mod trouble;

use f1_streams_testbed::{Faults, Role};
use reqwest::StatusCode;
use serde_json::Value;

use crate::house::House;

/// Until both sources have answered.
pub(crate) async fn polled(house: &House) -> Value {
    house
        .wait("the first poll", async |house| {
            let now = house.json("/api/schedule").await;
            let mut sources = now["sources"].as_array().unwrap().iter();
            let all = sources.all(|source| source["fetched_at"].is_string());
            all.then_some(now)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_is_there_before_the_first_poll_and_replaced_by_it() {
    let house = House::empty("").await;
    let first = house.json("/api/schedule").await;
    assert!(
        !first["events"].as_array().unwrap().is_empty(),
        "the bundled season"
    );
    let polled = polled(&house).await;
    assert_eq!(polled["stale"], false);
    let events = polled["events"].as_array().unwrap();
    let states = events
        .iter()
        .flat_map(|event| event["sessions"].as_array().unwrap())
        .map(|s| &s["state"]);
    assert!(
        states.into_iter().any(|state| state == "live"),
        "the testbed has a session live now"
    );
    assert!(
        house
            .testbed
            .log()
            .iter()
            .any(|request| request.role == Role::Schedule)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_survives_a_restart_and_a_source_that_is_down() {
    let house = House::empty("").await;
    let polled = polled(&house).await;
    let file = house.dir.path().join("data/schedule.json");
    house
        .wait("the file", async |_| file.exists().then_some(()))
        .await;
    let house = house.restart().await;
    house.testbed.set_faults(Faults {
        schedule_status: Some(StatusCode::UNAUTHORIZED),
        ..Faults::default()
    });
    let again = house.json("/api/schedule").await;
    assert_eq!(again["season"], polled["season"]);
    assert_eq!(
        again["events"].as_array().unwrap().len(),
        polled["events"].as_array().unwrap().len(),
        "from disk"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_schedule_asks_no_source() {
    let house = House::empty("").await;
    polled(&house).await;
    house.testbed.clear_log();
    for _ in 0..50 {
        house.json("/api/schedule").await;
    }
    assert_eq!(house.testbed.log_len(), 0);
}
