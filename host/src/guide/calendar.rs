//! The calendar (RFC 5545, RFC 7986): one event for each session, for ever under
//! the same UID. What is in it depends on the schedule and on what was chosen, never
//! on when it is asked for, so that nothing new is nothing new to whoever subscribed.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Base;
use super::line::{put, put_text};
use crate::schedule::{EventView, Kind, SessionView, Status};

/// Behind the `@` of every UID: whichever name the service is reached by, an event
/// stays the same one.
const DOMAIN: &str = "f1-streams";
/// How often a calendar may ask again, as the sources are asked.
const REFRESH: &str = "PT6H";

/// Which sessions, and when to be reminded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// `None`: all.
    kinds: Option<Vec<Kind>>,
    /// Minutes before the start.
    alarm: Option<u8>,
}

/// A choice that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChoice {
    /// A word of `sessions` that is none.
    #[error("sessions is a list of race, quali, sprint, sq, fp and test, with commas")]
    Sessions,
    /// A number of minutes that is not offered.
    #[error("alarm is 0, 15, 30 or 60 minutes before the start")]
    Alarm,
}

// === impl Choice ===

impl Choice {
    /// Reads `sessions=race,quali&alarm=15`; parameters of other names are nobody's.
    pub fn parse(query: &str) -> Result<Self, BadChoice> {
        let mut choice = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "sessions" => {
                    let kinds = value.split(',').map(kinds).collect::<Option<Vec<_>>>();
                    choice.kinds = Some(kinds.ok_or(BadChoice::Sessions)?.concat());
                }
                "alarm" => {
                    choice.alarm = match &*value {
                        "0" => None,
                        "15" => Some(15),
                        "30" => Some(30),
                        "60" => Some(60),
                        _ => return Err(BadChoice::Alarm),
                    }
                }
                _ => {}
            }
        }
        Ok(choice)
    }

    fn has(&self, kind: Kind) -> bool {
        self.kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind))
    }
}

fn kinds(word: &str) -> Option<&'static [Kind]> {
    Some(match word {
        "race" => &[Kind::Race],
        "quali" => &[Kind::Qualifying],
        "sprint" => &[Kind::Sprint],
        "sq" => &[Kind::SprintQualifying],
        "fp" => &[Kind::Practice1, Kind::Practice2, Kind::Practice3],
        "test" => &[Kind::Day1, Kind::Day2, Kind::Day3],
        _ => return None,
    })
}

/// The calendar of what was chosen of `events`.
pub fn calendar(events: &[EventView], choice: &Choice, base: &Base) -> String {
    let mut out = String::new();
    for (name, value) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//f1-streams//schedule//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("NAME", "Formula 1"),
        ("X-WR-CALNAME", "Formula 1"),
        ("X-WR-TIMEZONE", "UTC"),
        ("REFRESH-INTERVAL;VALUE=DURATION", REFRESH),
        // Outlook's.
        ("X-PUBLISHED-TTL", REFRESH),
        ("COLOR", "red"),
    ] {
        put(&mut out, name, value);
    }
    for event in events {
        for session in &event.sessions {
            if choice.has(session.kind) {
                put_event(&mut out, event, session, choice, base);
            }
        }
    }
    put(&mut out, "END", "VCALENDAR");
    out
}

fn put_event(
    out: &mut String,
    event: &EventView,
    session: &SessionView,
    choice: &Choice,
    base: &Base,
) {
    let watch = base.page("watch");
    let (status, prefix) = match session.status {
        Status::Scheduled | Status::Changed => ("CONFIRMED", ""),
        Status::Unconfirmed => ("TENTATIVE", ""),
        // Many show no status: the title says it, too.
        Status::Cancelled => ("CANCELLED", "Cancelled: "),
        Status::Postponed => ("CANCELLED", "Postponed: "),
    };
    let is_on = status != "CANCELLED";
    put(out, "BEGIN", "VEVENT");
    put(out, "UID", &format!("{}@{DOMAIN}", session.id));
    let stamp = instant(session.updated_at);
    put(out, "DTSTAMP", &stamp);
    put(out, "LAST-MODIFIED", &stamp);
    put(out, "SEQUENCE", &session.sequence.to_string());
    match (session.start, session.end) {
        (Some(start), Some(end)) => {
            put(out, "DTSTART", &instant(start));
            put(out, "DTEND", &instant(end));
        }
        _ => put(out, "DTSTART;VALUE=DATE", &day(session.date)),
    }
    let title = format!("{prefix}F1 {}: {}", session.name, event.name);
    put_text(out, "SUMMARY", &title);
    put(out, "STATUS", status);
    let said = match (is_on, session.start) {
        (false, _) => String::new(),
        (true, None) => format!("The time is to be confirmed.\nWatch: {watch}"),
        (true, Some(_)) => format!("Watch: {watch}"),
    };
    if !said.is_empty() {
        put_text(out, "DESCRIPTION", &said);
    }
    let circuit = &event.circuit;
    let place = [&circuit.name, &circuit.locality, &circuit.country];
    let place = place.into_iter().filter(|part| !part.is_empty());
    let place: Vec<&str> = place.map(String::as_str).collect();
    if !place.is_empty() {
        put_text(out, "LOCATION", &place.join(", "));
    }
    if let Some((latitude, longitude)) = circuit.position {
        put(out, "GEO", &format!("{latitude:.4};{longitude:.4}"));
    }
    put_text(out, "CATEGORIES", "Formula 1");
    put(out, "URL", &watch);
    put(out, "TRANSP", "TRANSPARENT");
    // Who publishes has to say who he is (RFC 5546, section 3.2.1).
    put(
        out,
        "ORGANIZER;CN=f1-streams",
        "mailto:noreply@f1-streams.invalid",
    );
    if let (Some(minutes), true, Some(_)) = (choice.alarm, is_on, session.start) {
        put(out, "BEGIN", "VALARM");
        put(out, "ACTION", "DISPLAY");
        put(out, "TRIGGER", &format!("-PT{minutes}M"));
        put_text(out, "DESCRIPTION", &title);
        put(out, "END", "VALARM");
    }
    put(out, "END", "VEVENT");
}

/// Form 2 of a date with time (section 3.3.5).
fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn day(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

#[cfg(test)]
mod tests;
