use jiff::civil::date;

use super::super::channels;
use super::*;
use crate::guide::sample::{event, session};
use crate::schedule::Kind;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window(events: &[EventView]) -> Vec<String> {
    let window = (at("2026-11-21T00:00:00Z"), at("2026-11-24T00:00:00Z"));
    let programmes = programmes(events, window);
    assert!(
        programmes
            .first()
            .is_some_and(|first| first.start <= window.0)
    );
    assert!(programmes.last().is_some_and(|last| last.stop >= window.1));
    for pair in programmes.windows(2) {
        assert_eq!(pair[0].stop, pair[1].start, "neither gap nor overlap");
    }
    let line = |programme: &Programme<'_>| {
        assert!(programme.start < programme.stop);
        let what = match programme.what {
            What::Session(_, session) => session.name.clone(),
            What::Nothing(None) => "nothing".to_owned(),
            What::Nothing(Some((_, next))) => format!("before {}", next.name),
        };
        let time = |at: Timestamp| at.strftime("%dT%H:%M").to_string();
        format!("{} {} {what}", time(programme.start), time(programme.stop))
    };
    programmes.iter().map(line).collect()
}

#[test]
fn the_window_is_full() {
    let vegas = event(
        "Vegas",
        vec![
            session(Kind::Qualifying, Some("2026-11-21T04:00:00Z")),
            session(Kind::Race, Some("2026-11-22T04:00:00Z")),
        ],
    );
    assert_eq!(
        window(&[vegas]),
        [
            "21T00:00 21T04:00 before Qualifying",
            "21T04:00 21T05:00 Qualifying",
            "21T05:00 22T00:00 before Race",
            "22T00:00 22T04:00 before Race",
            "22T04:00 22T06:00 Race",
            "22T06:00 23T00:00 nothing",
            "23T00:00 24T00:00 nothing",
        ]
    );
    assert_eq!(window(&[]).len(), 3);
}

#[test]
fn what_overlaps_follows_and_what_is_off_or_without_a_time_is_nothing() {
    let mut long = session(Kind::Day1, Some("2026-11-20T23:00:00Z"));
    long.end = Some(at("2026-11-21T08:00:00Z"));
    let mut off = session(Kind::Sprint, Some("2026-11-22T10:00:00Z"));
    off.status = Status::Cancelled;
    let mut day = session(Kind::Practice1, None);
    day.date = date(2026, 11, 23);
    let mut beyond = session(Kind::Race, Some("2026-11-23T23:30:00Z"));
    beyond.end = Some(at("2026-11-24T01:30:00Z"));
    let two = session(Kind::Day2, Some("2026-11-21T03:00:00Z"));
    assert_eq!(
        window(&[event("Vegas", vec![off, long, beyond, day, two])]),
        [
            "20T23:00 21T03:00 Testing, Day 1",
            "21T03:00 21T04:00 Testing, Day 2",
            "21T04:00 22T00:00 before Race",
            "22T00:00 23T00:00 before Race",
            "23T00:00 23T23:30 before Race",
            "23T23:30 24T01:30 Race",
        ]
    );
}

#[test]
fn it_is_the_same_all_day_and_names_come_out_as_they_are() {
    let race = session(Kind::Race, Some("2026-11-22T04:00:00Z"));
    let vegas = [event("Tom & \"Jerry\" <GP>\u{ffff}", vec![race])];
    let base = Base::new(&"https://tv.example/".parse().expect("a URL"), None);
    let text = |now: &str| listings(&vegas, &channels(2), &base, at(now));
    let morning = text("2026-11-21T00:00:00Z");
    assert_eq!(morning, text("2026-11-21T23:59:59Z"));
    assert_ne!(morning, text("2026-11-22T00:00:00Z"));
    assert_eq!(morning.matches("<channel id=").count(), 2);
    assert!(morning.contains(
        "<programme start=\"20261122040000 +0000\" stop=\"20261122060000 +0000\" channel=\"f1.2\">\n  \
         <title lang=\"en\">Formula 1: Tom &amp; &quot;Jerry&quot; &lt;GP&gt;</title>\n  \
         <sub-title lang=\"en\">Race</sub-title>\n  \
         <desc lang=\"en\">Strip Circuit, Las Vegas, USA</desc>\n  \
         <category lang=\"en\">Sports</category>\n  \
         <icon src=\"https://tv.example/favicon.svg\"/>\n  \
         <url>https://tv.example/watch</url>\n  \
         <episode-num system=\"f1-streams\">2026-vegas-race</episode-num>\n</programme>\n"
    ), "{morning}");
    assert!(morning.contains("start=\"20261120000000 +0000\""));
    assert!(morning.contains("stop=\"20261206000000 +0000\""));
}
