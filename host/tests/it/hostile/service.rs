//! All of them at once in a running service, beside a site that works and a
//! player that plays.

use std::time::{Duration, Instant};

use crate::guests::{Guest, Image, LOOP_FOREVER, Record};
use crate::house::{House, uri_lines};

/// Calls end sooner here, so that every plugin has its turn often.
const EXTRA: &str = r#"
    [extraction]
    interval = "1s"
    backoff_max = "1s"
    concurrency = 8
"#;

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// The slowest first byte but one in a hundred, of `n` playlists and segments.
async fn first_byte(house: &House, n: usize) -> Duration {
    let (variant, _) = house.variant().await;
    let mut times = Vec::new();
    while times.len() < n {
        let asked = Instant::now();
        let playlist = house.text(&variant).await;
        times.push(asked.elapsed());
        let segment = uri_lines(&playlist).pop().unwrap();
        let asked = Instant::now();
        let mut response = house.get(&segment).await;
        response.chunk().await.unwrap().unwrap();
        times.push(asked.elapsed());
        // The rest is taken: what is measured is the first byte.
        response.bytes().await.unwrap();
    }
    times.sort();
    times[n - 1 - n / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_full_of_them_plays_on_refreshes_and_forgets_them() {
    let overrides = |key: &str| {
        format!("[plugins.override.{key}]\nwall = \"1s\"\ndescribe = \"2s\"\ncpu = \"300ms\"\n")
    };
    let rows = super::rows();
    let keys: Vec<&'static str> = (0..rows.len())
        .map(|i| &*format!("hostile-{i}").leak())
        .collect();
    let own: String = keys.iter().map(|key| overrides(key)).collect();
    let house = House::start_with(&format!("{EXTRA}{own}"), "/event/live").await;
    house.stream().await;
    let quiet = first_byte(&house, 200).await;
    let before = resident();

    for (row, key) in rows.iter().zip(&keys) {
        let guest = Guest {
            key,
            ..row.guest.clone()
        };
        house.drop_plugin(key, &guest.component());
    }
    for (row, key) in rows.iter().zip(&keys) {
        // What takes long in the lab is stopped here, most by its CPU time.
        let long = row.expect == "deadline" || row.id.starts_with("P16");
        let expect = if long { "cpu" } else { row.expect };
        house
            .wait(&format!("{} to end with {expect}", row.id), async |house| {
                let status = house.plugin_status(key).await;
                let run = status["sites"][0]["last_run"]["outcome"].as_str();
                let error = status["error"]["code"].as_str();
                let seen = |code| run == Some(code) || error == Some(code);
                (seen(row.expect) || seen(expect)).then_some(())
            })
            .await;
    }
    // All of them go on being called, and some compute all the time.
    let spinners = ["spin-1", "spin-2", "spin-3", "spin-4", "spin-5", "spin-6"];
    for key in spinners {
        let guest = Guest {
            key,
            extract: LOOP_FOREVER,
            ..Guest::default()
        };
        house.drop_plugin(key, &guest.component());
    }
    house
        .wait("the last of them to run", async |house| {
            let status = house.plugin_status("spin-6").await;
            status["generation"].as_u64()
        })
        .await;
    let found = house.json("/api/streams").await["streams"][0]["found_at"].clone();
    // A busy machine may be late by itself; a relay that guests hold up is always.
    let floor = Duration::from_millis(20);
    let mut busy = first_byte(&house, 200).await;
    for _ in 0..2 {
        if busy >= 2 * quiet.max(floor) {
            busy = first_byte(&house, 200).await;
        }
    }
    assert!(
        busy < 2 * quiet.max(floor),
        "first byte: {quiet:?} alone, {busy:?} beside hostile plugins"
    );
    house
        .wait("the site that works to be run again", async |house| {
            let now = house.json("/api/streams").await["streams"][0]["found_at"].clone();
            (now != found).then_some(())
        })
        .await;
    assert_eq!(house.plugin_status("site-a").await["faults"], 0);

    for key in keys.iter().chain(&spinners) {
        std::fs::remove_file(house.plugin(key)).unwrap();
    }
    house
        .wait("them to be gone and forgotten", async |house| {
            let gone = house.plugin_status(keys[keys.len() - 1]).await.is_null();
            let allowed = before + before / 10 + (48 << 20);
            (gone && resident() < allowed).then_some(())
        })
        .await;
}

/// P35 and P36: as many streams of one victim as an answer may hold, and none,
/// in turns.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_comes_and_goes_is_one_list_and_no_storm_of_checks() {
    let house = House::start_with(EXTRA, "/event/live").await;
    house.stream().await;
    let victim = house.testbed.info().cdn.clone();
    let mut image = Image::new();
    let (key, _) = image.put("n");
    let record = |i| Record::new(&format!("s{i}"), &format!("{victim}/nothing/{i}.m3u8"));
    let records: Vec<_> = (0..100).map(record).collect();
    let streams = image.streams(&records);
    // Keeps one byte that is another after each call: lists, then finds nothing.
    let extract = format!(
        "i32.const {key} i32.const 1 i32.const 65536 call $state_get
        i32.const 65536 i32.load8_u
        if i32.const 65536 i32.load offset=4 i32.load8_u local.set $i end
        i32.const 65600 local.get $i i32.eqz i32.store8
        i32.const {key} i32.const 1 i32.const 65600 i32.const 1
        i32.const 0 i32.const 0 i32.const 65536 call $state_set
        local.get $i if i32.const 512 return end
        i32.const {streams}"
    );
    let guest = Guest {
        key: "flood",
        extract: extract.leak(),
        data: image.bytes().to_vec(),
        hosts: vec![victim.clone()],
        ..Guest::default()
    };
    let site = format!(
        "plugin = \"flood\"\nallow_hosts = [\"{victim}\"]\nallow_addresses = [\"127.0.0.2/32\"]\n"
    );
    std::fs::write(house.dir.path().join("data/sites/flood.toml"), site).unwrap();
    house.testbed.clear_log();
    house.drop_plugin("flood", &guest.component());
    let mut seen = Vec::new();
    house
        .wait("the list to come and go", async |house| {
            let list = house.json("/api/streams").await;
            let streams = list["streams"].as_array().unwrap();
            let listed = streams
                .iter()
                .filter(|s| s["id"].as_str().unwrap().starts_with("flood."))
                .count();
            if seen.last() != Some(&listed) {
                seen.push(listed);
            }
            (seen.len() > 4).then_some(())
        })
        .await;
    let others = seen.iter().filter(|n| !matches!(n, 0 | 100)).count();
    assert_eq!(others, 0, "{seen:?}");
    // The second time they are listed, the victim has had its minute's checks.
    let log = house.testbed.log();
    let asked = log
        .iter()
        .filter(|r| r.path.starts_with("/nothing/"))
        .count();
    assert!((1..=120).contains(&asked), "{asked} requests");
    assert_eq!(house.plugin_status("site-a").await["faults"], 0);
}
