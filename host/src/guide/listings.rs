//! The programme guide: XMLTV, as its DTD has it. Each channel has the same
//! programmes, one after the other and none missing: where nothing is on, the guide
//! says what is next. Only what is on today moves the window, so the text is the
//! same all day where the schedule is.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Base;
use super::channels::Channel;
use crate::schedule::{EventView, SessionView, Status};

/// Days shown before the one that `now` falls in, and from it on.
const BEFORE: i64 = 1;
const FROM: i64 = 15;

/// From here to there, on every channel.
#[derive(Debug, PartialEq)]
struct Programme<'s> {
    start: Timestamp,
    stop: Timestamp,
    what: What<'s>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What<'s> {
    Session(&'s EventView, &'s SessionView),
    /// Nothing, until this if anything is known to come.
    Nothing(Option<(&'s EventView, &'s SessionView)>),
}

/// The guide to `channels` from a day before `now` to two weeks after it.
pub fn listings(events: &[EventView], channels: &[Channel], base: &Base, now: Timestamp) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tv generator-info-name=\"f1-streams\">\n",
    );
    let logo = escaped(&base.page("favicon.svg"));
    for Channel { id, name, .. } in channels {
        let _ = writeln!(
            out,
            "<channel id=\"{id}\"><display-name>{name}</display-name><icon src=\"{logo}\"/></channel>"
        );
    }
    let today = midnight(now);
    let window = (days(today, -BEFORE), days(today, FROM));
    let programmes = programmes(events, window);
    for channel in channels {
        for programme in &programmes {
            put(&mut out, programme, &channel.id, &logo, base);
        }
    }
    out.push_str("</tv>\n");
    out
}

/// What fills the window, without gap or overlap.
fn programmes<'s>(
    events: &'s [EventView],
    (from, to): (Timestamp, Timestamp),
) -> Vec<Programme<'s>> {
    let all = events.iter();
    let all = all.flat_map(|event| event.sessions.iter().map(move |session| (event, session)));
    let is_on =
        |session: &SessionView| !matches!(session.status, Status::Cancelled | Status::Postponed);
    let mut timed: Vec<_> = all
        .filter(|(_, session)| is_on(session))
        .filter_map(|(event, session)| Some((session.start?, session.end?, event, session)))
        .collect();
    timed.sort_by(|a, b| (a.0, &a.3.id).cmp(&(b.0, &b.3.id)));
    let next_after = |at: Timestamp| {
        let next = timed.iter().find(|(start, ..)| *start >= at);
        next.map(|(_, _, event, session)| (*event, *session))
    };
    let mut programmes = Vec::new();
    let mut at = from;
    for (n, (start, end, event, session)) in timed.iter().enumerate() {
        // One that begins while another is on ends that.
        let next = timed.get(n + 1).map(|(start, ..)| *start);
        let stop = next.map_or(*end, |next| next.min(*end));
        if stop <= from.max(*start) || *start >= to {
            continue;
        }
        fill(&mut programmes, at, *start, next_after(*start));
        programmes.push(Programme {
            start: *start,
            stop,
            what: What::Session(event, session),
        });
        at = stop;
    }
    fill(&mut programmes, at, to, next_after(at));
    programmes
}

/// Nothing from `at` to `until`, a day at a time.
fn fill<'s>(
    programmes: &mut Vec<Programme<'s>>,
    mut at: Timestamp,
    until: Timestamp,
    next: Option<(&'s EventView, &'s SessionView)>,
) {
    while at < until {
        let stop = days(midnight(at), 1).min(until);
        programmes.push(Programme {
            start: at,
            stop,
            what: What::Nothing(next),
        });
        at = stop;
    }
}

fn put(out: &mut String, programme: &Programme<'_>, channel: &str, logo: &str, base: &Base) {
    let (start, stop) = (instant(programme.start), instant(programme.stop));
    let _ = writeln!(
        out,
        "<programme start=\"{start}\" stop=\"{stop}\" channel=\"{channel}\">"
    );
    match programme.what {
        What::Nothing(next) => {
            let title = next.map_or_else(
                || "Off air".to_owned(),
                |(event, session)| format!("Off air, next: {}, {}", event.name, session.name),
            );
            let _ = writeln!(out, "  <title lang=\"en\">{}</title>", escaped(&title));
            if let Some((
                _,
                SessionView {
                    start: Some(start), ..
                },
            )) = next
            {
                let at = start.strftime("%A %-d %B %Y, %H:%M UTC");
                let _ = writeln!(out, "  <desc lang=\"en\">{at}</desc>");
            }
        }
        What::Session(event, session) => {
            let circuit = &event.circuit;
            let place = [&circuit.name, &circuit.locality, &circuit.country];
            let place = place.into_iter().filter(|part| !part.is_empty());
            let place: Vec<&str> = place.map(String::as_str).collect();
            let (event_name, name) = (escaped(&event.name), escaped(&session.name));
            let _ = writeln!(out, "  <title lang=\"en\">Formula 1: {event_name}</title>");
            let _ = writeln!(out, "  <sub-title lang=\"en\">{name}</sub-title>");
            if !place.is_empty() {
                let place = escaped(&place.join(", "));
                let _ = writeln!(out, "  <desc lang=\"en\">{place}</desc>");
            }
            let _ = writeln!(out, "  <category lang=\"en\">Sports</category>");
            let _ = writeln!(out, "  <icon src=\"{logo}\"/>");
            let watch = escaped(&base.page("watch"));
            let _ = writeln!(out, "  <url>{watch}</url>");
            // Not by round: that changes when an event goes or comes.
            let id = escaped(&session.id);
            let _ = writeln!(
                out,
                "  <episode-num system=\"f1-streams\">{id}</episode-num>"
            );
        }
    }
    out.push_str("</programme>\n");
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S +0000").to_string()
}

fn midnight(at: Timestamp) -> Timestamp {
    let day = at.to_zoned(TimeZone::UTC).start_of_day();
    day.map_or(at, |day| day.timestamp())
}

fn days(at: Timestamp, count: i64) -> Timestamp {
    at.checked_add((24 * count).hours()).unwrap_or(at)
}

/// Text and attribute values of XML 1.0, without what no document may hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
