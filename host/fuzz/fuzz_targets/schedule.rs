//! What the schedule's sources answer: whatever it is, what is served holds together,
//! and asking again brings nothing new.
//!
//! The calendar's body, the timetable's meetings and its sessions, with a byte 0xff
//! between.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

#[path = "../../src/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "../../src/guide/mod.rs"]
#[allow(dead_code, unused_imports)]
mod guide;
#[path = "../../src/schedule/mod.rs"]
#[allow(dead_code, unused_imports)]
mod schedule;

use schedule::{Ask, Config, FetchFailure, Fetched, Schedule};

const NOW: &str = "2026-06-01T00:00:00Z";

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime"),
    );
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let (calendar, meetings, sessions) = (part(), part(), part());
    let base = |path: &str| format!("http://schedule.test{path}").parse().expect("a URL");
    let config = Config {
        jolpica_url: base("/ergast/f1/"),
        openf1_url: base("/v1/"),
        interval: Duration::from_secs(3600),
        interval_near: Duration::from_secs(3600),
        between_requests: Duration::ZERO,
        settle: Duration::ZERO,
    };
    // Nothing can be written there: the disk is another question.
    let nowhere = Path::new("/nonexistent/f1-streams");
    let schedule = Schedule::open(config, nowhere, || NOW.parse().expect("a time"));
    let get = |ask: Ask| {
        let body = match ask.url.path() {
            "/v1/meetings" => meetings,
            "/v1/sessions" => sessions,
            _ => calendar,
        };
        std::future::ready(Ok::<_, FetchFailure>(Fetched {
            status: 200,
            body: body.to_vec().into(),
            ..Fetched::default()
        }))
    };
    RUNTIME.with_borrow(|runtime| {
        runtime.block_on(async {
            schedule.poll(get).await;
            holds_together(&schedule);
            let before = schedule.events();
            schedule.poll(get).await;
            assert_eq!(schedule.events(), before, "asking again is no news");
        });
    });
});

fn holds_together(schedule: &Schedule) {
    let events = schedule.events();
    let mut ids = BTreeSet::new();
    for event in &events {
        assert!(ids.insert(event.id.clone()), "{} twice", event.id);
        for session in &event.sessions {
            assert!(ids.insert(session.id.clone()), "{} twice", session.id);
            assert!(session.end.is_none_or(|end| Some(end) > session.start));
        }
    }
    let root = "https://tv.example/".parse().expect("a URL");
    let base = guide::Base::new(&root, Some("token"));
    let calendar = guide::calendar(&events, &guide::Choice::default(), &base);
    for line in calendar.split("\r\n") {
        assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
    }
    let now = NOW.parse().expect("a time");
    let listings = guide::listings(&events, &guide::channels(1), &base, now);
    assert!(!listings.contains(|c: char| c.is_control() && c != '\n'));
}
