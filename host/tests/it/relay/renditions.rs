//! Where a rendition is, when that changes.

use std::time::{Duration, Instant};

use f1_streams::config::Config;

use crate::house::{House, plugin_wasm, uri_lines};
use crate::origin::{Ask, Gate, Origin, Step, ok, packets, playlist};

/// A multivariant playlist whose one variant is at `variant`.
fn master(variant: &str) -> Vec<Step> {
    playlist(&format!(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360\n{variant}\n"
    ))
}

fn live(number: usize) -> Vec<Step> {
    playlist(&format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{number}\n\
         #EXTINF:1,\n{number}.ts\n"
    ))
}

fn answers(ask: &Ask, variant: &str) -> Vec<Step> {
    match ask.path() {
        "/master.m3u8" => master(variant),
        "/v.m3u8" => live(ask.number),
        _ => ok(&packets(10)),
    }
}

/// A stream whose extractor says what its site file says.
fn says(house: &House, url: &str) {
    let site =
        format!("plugin = \"direct\"\n[[settings.streams]]\nid = \"one\"\nurl = \"{url}\"\n");
    house.write_site_file("site", &site);
}

async fn is(house: &House, state: &str) {
    house
        .wait(state, async |house| {
            let list = house.json("/api/streams").await;
            (list["streams"][0]["state"] == state).then_some(())
        })
        .await;
}

async fn house_of(url: &str) -> (House, String) {
    let house = House::edited(|config: &mut Config| {
        config.health.timeout = Duration::from_secs(3);
        config.health.interval = Duration::from_millis(500);
    })
    .await;
    says(&house, url);
    house.drop_plugin("direct", &std::fs::read(plugin_wasm("direct")).unwrap());
    is(&house, "up").await;
    let text = house.text("/streams/site.one/master.m3u8").await;
    let rendition = uri_lines(&text)[0].clone();
    house.text(&rendition).await;
    (house, rendition)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_plays_goes_on_when_the_streams_new_url_is_silent() {
    let origin = Origin::new(|ask| answers(ask, "v.m3u8")).await;
    let (house, rendition) = house_of(&origin.url("/master.m3u8")).await;
    let gate = Gate::new();
    let held = gate.clone();
    let silent = Origin::new(move |_| vec![Step::Gate(held.clone())]).await;
    says(&house, &silent.url("/master.m3u8"));
    assert!(house.refresh().await);
    is(&house, "down").await;
    for _ in 0..3 {
        let began = Instant::now();
        assert!(house.text(&rendition).await.contains("#EXTINF"));
        assert!(began.elapsed() < Duration::from_secs(2), "nobody waits");
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert!(silent.asked() > 0, "what the new one says is asked for");
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_whose_server_is_gone_is_looked_for_again() {
    let gone = Gate::new();
    let is_gone = gone.clone();
    let first = Origin::new(move |ask| match is_gone.is_open() {
        true => vec![Step::Reset],
        false => answers(ask, ""),
    })
    .await;
    let second = Origin::new(|ask| answers(ask, "")).await;
    let (old, new) = (first.url("/v.m3u8"), second.url("/v.m3u8"));
    let moved = gone.clone();
    let origin =
        Origin::new(move |ask| answers(ask, if moved.is_open() { &new } else { &old })).await;
    let (house, rendition) = house_of(&origin.url("/master.m3u8")).await;
    gone.open();
    house
        .wait("the variant elsewhere", async |house| {
            let answer = house.get(&rendition).await;
            (answer.status().is_success() && second.asked() > 0).then_some(())
        })
        .await;
    assert!(house.text(&rendition).await.contains("#EXTINF"));
}
