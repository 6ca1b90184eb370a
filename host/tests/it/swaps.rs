//! A hundred swaps under players: nothing mixes, nothing stalls, nothing stays.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::guests::{Guest, Image, Record};
use crate::house::{House, site_a_wasm, uri_lines};

const SWAPS: usize = 100;
/// What a player has buffered, and some less.
const STALL: Duration = Duration::from_secs(3);

/// Site A's plugin, twice: the same with another digest.
fn players_plugin(mark: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(site_a_wasm()).unwrap();
    bytes.extend([0, 3, 1, b'x', mark]);
    bytes
}

/// A plugin whose answer says in several places which version gave it.
fn telling(house: &House, version: &'static str) -> Vec<u8> {
    let url = format!("{}/nothing/{version}.m3u8", house.testbed.info().cdn);
    let record = |id: &str| Record {
        label: version.into(),
        ..Record::new(id, &url)
    };
    let mut image = Image::new();
    let streams = image.streams(&[record("a"), record("b"), record("c")]);
    Guest {
        key: "teller",
        version,
        extract: format!("i32.const {streams}").leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    }
    .component()
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Plays until `stop`; the longest that one answer took, and the longest
/// without a new segment.
async fn play(
    client: reqwest::Client,
    base: String,
    variant: String,
    stop: CancellationToken,
) -> (Duration, Duration) {
    let (mut slowest, mut longest) = (Duration::ZERO, Duration::ZERO);
    let (mut newest, mut since) = (String::new(), Instant::now());
    while !stop.is_cancelled() {
        let asked = Instant::now();
        let playlist = client.get(format!("{base}{variant}")).send().await.unwrap();
        assert!(playlist.status().is_success(), "{}", playlist.status());
        let segment = uri_lines(&playlist.text().await.unwrap()).pop().unwrap();
        slowest = slowest.max(asked.elapsed());
        if segment != newest {
            let asked = Instant::now();
            let bytes = client.get(format!("{base}{segment}")).send().await.unwrap();
            assert!(bytes.status().is_success(), "{}", bytes.status());
            assert!(bytes.bytes().await.unwrap().len() > 1000);
            slowest = slowest.max(asked.elapsed());
            (newest, since) = (segment, Instant::now());
        }
        longest = longest.max(since.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (slowest, longest)
}

async fn serves(house: &House, key: &str, before: Option<u64>) -> u64 {
    let began = Instant::now();
    loop {
        let status = house.plugin_status(key).await;
        let number = status["generation"].as_u64();
        if number > before {
            return number.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{status:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_swaps_under_players_mix_nothing_stall_nothing_and_leave_nothing() {
    let house = House::edited(|config| {
        config.plugins.poll = Duration::from_millis(100);
        config.plugins.settle = Duration::from_millis(5);
        config.extraction.interval = Duration::from_millis(250);
        config.extraction.jitter = 0.0;
    })
    .await;
    house.add_site("site-a", "/event/live");
    let site = "plugin = \"teller\"\nallow_addresses = [\"127.0.0.0/8\"]\n";
    std::fs::write(house.dir.path().join("data/sites/teller.toml"), site).unwrap();
    let players = [players_plugin(1), players_plugin(2)];
    let tellers = [telling(&house, "1.0.0"), telling(&house, "2.0.0")];
    house.drop_plugin("site-a", &players[0]);
    house.drop_plugin("teller", &tellers[0]);
    let (variant, _) = house.variant().await;
    let stop = CancellationToken::new();
    let mut playing = JoinSet::new();
    for _ in 0..3 {
        playing.spawn(play(
            house.client.clone(),
            house.base.clone(),
            variant.clone(),
            stop.clone(),
        ));
    }

    let mut numbers = (None, None);
    let mut seen = BTreeSet::new();
    let mut tenth = 0;
    for swap in 0..=SWAPS {
        if swap > 0 {
            house.drop_plugin("site-a", &players[swap % 2]);
            house.drop_plugin("teller", &tellers[swap % 2]);
        }
        let new = (
            serves(&house, "site-a", numbers.0).await,
            serves(&house, "teller", numbers.1).await,
        );
        numbers = (Some(new.0), Some(new.1));
        // Whatever version was running: one answer has one author.
        let list = house.json("/api/streams").await;
        let streams = list["streams"].as_array().unwrap();
        let told = streams.iter().filter(|stream| stream["site"] == "teller");
        let labels: Vec<&Value> = told.map(|stream| &stream["label"]).collect();
        assert!(labels.windows(2).all(|two| two[0] == two[1]), "{labels:?}");
        assert!(labels.is_empty() || labels.len() == 3, "{labels:?}");
        seen.extend(labels.first().map(ToString::to_string));
        // The one that serves, the one to go back to, and one that ends.
        let alive = house.metrics.generations();
        assert!(alive <= 6, "{alive} versions in memory after {swap} swaps");
        if swap == 10 {
            tenth = resident();
        }
    }
    stop.cancel();
    let last = resident();
    let played: Vec<_> = playing.join_all().await;
    for (slowest, longest) in played {
        assert!(slowest < STALL, "an answer took {slowest:?}");
        assert!(longest < 3 * STALL, "no new segment for {longest:?}");
    }
    assert_eq!(seen.len(), 2, "both versions ran: {seen:?}");
    assert!(numbers.0 >= Some(SWAPS as u64) && numbers.1 >= Some(SWAPS as u64));
    let grown = last.saturating_sub(tenth);
    assert!(
        grown < tenth / 10 + (32 << 20),
        "{tenth} after ten swaps, {last} after {SWAPS}"
    );
}
