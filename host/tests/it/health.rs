//! What the catalog says of a stream is what a player would find.

use f1_streams_testbed::Faults;
use reqwest::StatusCode;
use serde_json::Value;

use crate::house::{House, site_a_wasm};

/// A house whose testbed is in trouble before the first check.
async fn troubled(faults: Faults) -> (House, Value) {
    let house = House::empty("").await;
    house.testbed.set_faults(faults);
    house.add_site("site-a", "/event/live");
    house.drop_plugin("site-a", &std::fs::read(site_a_wasm()).unwrap());
    let stream = checked(&house, |_| true).await;
    (house, stream)
}

/// The stream, once it is checked and `wanted`.
async fn checked(house: &House, wanted: impl Fn(&Value) -> bool) -> Value {
    house
        .wait("a checked stream", async |house| {
            let list = house.json("/api/streams").await;
            let stream = list["streams"][0].clone();
            (stream["health"]["checked_at"].is_string() && wanted(&stream)).then_some(stream)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_stands_still_is_degraded() {
    let (_house, stream) = troubled(Faults {
        playlist_frozen: true,
        ..Faults::default()
    })
    .await;
    assert_eq!(
        (&stream["state"], &stream["health"]["level"]),
        (&"degraded".into(), &1.into())
    );
    assert!(
        stream["health"]["reason"]
            .as_str()
            .unwrap()
            .contains("advance"),
        "{stream}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_do_not_come_are_degraded_and_mended_by_themselves() {
    let gone = Faults {
        segment_status: Some(StatusCode::NOT_FOUND),
        ..Faults::default()
    };
    let (house, stream) = troubled(gone).await;
    assert_eq!(
        (&stream["state"], &stream["health"]["level"]),
        (&"degraded".into(), &2.into())
    );
    assert!(
        stream["health"]["reason"].as_str().unwrap().contains("404"),
        "{stream}"
    );
    house.testbed.set_faults(Faults::default());
    assert!(house.refresh().await);
    let stream = checked(&house, |stream| stream["state"] == "up").await;
    assert_eq!(stream["health"]["level"], 3);
    assert!(stream["health"]["reason"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_dies_is_down_and_not_offered_until_it_is_back() {
    let house = House::start_with("[health]\ninterval = \"500ms\"", "/event/live").await;
    house.stream().await;
    house.testbed.set_faults(Faults {
        playlist_status: Some(StatusCode::SERVICE_UNAVAILABLE),
        ..Faults::default()
    });
    let stream = checked(&house, |stream| stream["state"] == "down").await;
    assert_eq!(stream["health"]["level"], 0);
    assert_eq!(stream["playable"], false);
    house.testbed.set_faults(Faults::default());
    let stream = checked(&house, |stream| stream["state"] == "up").await;
    assert_eq!(stream["playable"], true);
}
