//! Whoever can fill the log with one line hides none of the others.

use std::fs;

use futures::stream::{self, StreamExt as _};
use reqwest::{Client, StatusCode};

use crate::guests::{Guest, Image};
use crate::service::Service;

/// How often a guest says it, and a viewer asks.
const MANY: usize = 10_000;

/// A plugin that says `text` `times` times, and that nothing is live.
fn says(key: &'static str, text: &str, times: usize) -> Vec<u8> {
    let mut image = Image::new();
    let (at, length) = image.put(text);
    let guest = Guest {
        key,
        extract: format!(
            "i32.const {times} local.set $i
            loop $l
                i32.const 3 i32.const {at} i32.const {length} i32.const 0 i32.const 0 call $log
                local.get $i i32.const 1 i32.sub local.tee $i br_if $l
            end
            i32.const 512"
        )
        .leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    guest.component()
}

/// Lines with `text` of `target`, and how many more it says were left out.
fn counted(log: &str, target: &str, text: &str) -> (usize, usize) {
    let of = |line: &&str| line.contains(&format!(" {target}: "));
    let lines = || log.lines().filter(of);
    let told = lines().filter_map(|line| {
        let (before, _) = line.split_once(" like it were left out (log.per_second)")?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    });
    let shown = lines().filter(|line| line.contains(text)).count();
    (shown, told.sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_guest_nor_a_viewer_floods_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().join("data/plugins");
    fs::create_dir_all(&plugins).unwrap();
    let loud = says("loud", "noise\r\n2026-11-28T00:00:00Z ERROR forged", MANY);
    fs::write(plugins.join("loud.wasm"), loud).unwrap();
    let extra = format!(
        r#"
        [plugins]
        poll = "300ms"
        settle = "50ms"
        [plugins.limits]
        log_lines = {}
        [log]
        filter = "f1_streams=debug,plugin=debug"
        per_second = 5
        burst = 10
        "#,
        2 * MANY
    );
    let service = Service::start(dir, &extra).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let refused = stream::iter(0..MANY).map(|n| {
        let url = format!("{}/relay/segment.ts?url=AAAA{n}", service.base);
        let request = client.get(url).send();
        async move { request.await.unwrap().status() }
    });
    let mut refused = refused.buffer_unordered(8);
    while let Some(status) = refused.next().await {
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    // Beside them, others are heard.
    fs::write(plugins.join("quiet.wasm"), says("quiet", "a quiet word", 1)).unwrap();
    let log = service
        .until("all to be said or counted", async || {
            let log = service.log();
            let (noise, more_noise) = counted(&log, "plugin", "noise");
            let (links, more_links) = counted(&log, "f1_streams::proxy", "link refused");
            let all = noise + more_noise >= MANY && links + more_links >= MANY;
            (all && log.contains("a quiet word")).then_some(log)
        })
        .await;
    for (target, text) in [("plugin", "noise"), ("f1_streams::proxy", "link refused")] {
        let (shown, left_out) = counted(&log, target, text);
        assert_eq!(shown + left_out, MANY, "{target}");
        assert!((10..MANY / 10).contains(&shown), "{target}: {shown}");
    }
    assert!(
        !log.lines()
            .any(|line| line.starts_with("2026-11-28T00:00:00Z ERROR"))
    );
    let metrics = client.get(&service.metrics).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let limit = "f1_streams_limit_hits_total{limit=\"log.per_second\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(limit));
    let count: usize = count
        .unwrap_or_else(|| panic!("{metrics}"))
        .parse()
        .unwrap();
    assert!(count > MANY, "{count}");
}
