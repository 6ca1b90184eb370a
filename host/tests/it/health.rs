//! What the catalog says of a stream is what a player would find.

use f1_streams_testbed::wires::{Content, Encoding, On, Prefix};
use f1_streams_testbed::{Faults, Wire};
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

async fn troubled_on_the_wire(wire: Wire) -> Value {
    let faults = Faults {
        wire: vec![wire],
        ..Faults::default()
    };
    troubled(faults).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_player_is_handed_decoded_is_up() {
    for encoding_unsaid in [false, true] {
        let stream = troubled_on_the_wire(Wire {
            // The extractor reads the other one.
            on: On::Media,
            encoding: Some(Encoding::Gzip),
            encoding_unsaid,
            ..Wire::default()
        });
        let stream = stream.await;
        assert_eq!(stream["state"], "up", "{stream}");
        assert_eq!(stream["health"]["level"], 3, "{stream}");
    }
    let behind_a_picture = troubled_on_the_wire(Wire {
        on: On::Segment,
        prefix: Some(Prefix::Png),
        ..Wire::default()
    });
    let stream = behind_a_picture.await;
    assert_eq!(stream["state"], "up", "{stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quality_is_what_the_playlist_offers() {
    let house = crate::clients::house_of(&["ts"]).await;
    let list = house.json("/api/streams").await;
    let quality = &list["streams"][0]["quality"];
    assert_eq!(quality["height"], 360, "{list}");
    assert!(quality["bandwidth"].as_u64() > Some(50_000), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_playlist_or_no_media_is_not_up() {
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82".to_vec();
    for (on, content, level, state) in [
        (On::Media, Content::Empty, 0, "down"),
        (On::Media, Content::Html, 0, "down"),
        (On::Media, Content::Json, 0, "down"),
        (On::Segment, Content::Empty, 2, "degraded"),
        (On::Segment, Content::Html, 2, "degraded"),
        (
            On::Segment,
            Content::Text("Geo-blocked".into()),
            2,
            "degraded",
        ),
        (On::Segment, Content::Bytes(picture), 2, "degraded"),
    ] {
        let wire = Wire {
            on,
            content: Some(content),
            ..Wire::default()
        };
        let said = format!("{wire:?}");
        let stream = troubled_on_the_wire(wire).await;
        assert_eq!(stream["state"], state, "{said}: {stream}");
        assert_eq!(stream["health"]["level"], level, "{said}: {stream}");
        assert!(stream["health"]["reason"].is_string(), "{said}: {stream}");
    }
}
