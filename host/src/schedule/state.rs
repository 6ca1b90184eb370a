//! Where a session stands at a given instant. A pure function of the session
//! and of `now`: no clock is read here, and nothing about streams is known, so
//! nothing is ever hidden because a clock says "finished".

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::model::{Kind, Session};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is to come, and not soon or at a time that nobody knows.
    Upcoming,
    /// It starts within half an hour.
    Soon,
    /// Between start and end.
    Live,
    /// Past its planned end, and sessions of this kind do run over.
    Overtime,
    /// Over.
    Finished,
}

/// How long before the start a session is "soon".
const SOON: Duration = Duration::from_mins(30);

/// From the midnight that begins a day in UTC until it is over in every zone,
/// and a race that began in its last hours is too.
const EVERYWHERE: Duration = Duration::from_hours(48);

/// The length of a session whose source gives no end.
pub(super) fn usual_length(kind: Kind) -> Duration {
    Duration::from_mins(match kind {
        Kind::Practice1 | Kind::Practice2 | Kind::Practice3 | Kind::Qualifying => 60,
        Kind::SprintQualifying => 45,
        Kind::Sprint => 30,
        // Two hours is the limit of the rules; with a stoppage it may be three.
        Kind::Race => 120,
        Kind::Day1 | Kind::Day2 | Kind::Day3 => 9 * 60,
    })
}

/// How far past its planned end a session may still be running.
fn allowance(kind: Kind) -> Duration {
    Duration::from_mins(match kind {
        Kind::Practice1 | Kind::Practice2 | Kind::Practice3 => 15,
        Kind::Day1 | Kind::Day2 | Kind::Day3 => 15,
        Kind::SprintQualifying | Kind::Sprint | Kind::Qualifying => 30,
        Kind::Race => 60,
    })
}

/// Where `session` stands at `now`.
///
/// A session that is off, or that a source stopped listing, is never counted down to
/// nor live even where a time was known. One whose time is merely doubted is.
pub(super) fn of(session: &Session, now: Timestamp) -> State {
    let is_on = session.status.is_on() && session.missing_since.is_none();
    let (Some(start), Some(end), true) = (session.start, session.end(), is_on) else {
        return if is_past(session, now) {
            State::Finished
        } else {
            State::Upcoming
        };
    };
    let over = after(end, allowance(session.kind));
    if now >= over {
        State::Finished
    } else if now >= end {
        State::Overtime
    } else if now >= start {
        State::Live
    } else if after(now, SOON) >= start {
        State::Soon
    } else {
        State::Upcoming
    }
}

/// Can nothing of this session be going on any more?
pub(super) fn is_past(session: &Session, now: Timestamp) -> bool {
    match session.end() {
        Some(end) => now >= after(end, allowance(session.kind)),
        // Only a day is known, and in which zone it is meant is not.
        None => {
            now >= midnight(session.date)
                .checked_add(EVERYWHERE)
                .unwrap_or(Timestamp::MAX)
        }
    }
}

/// When it starts, or the first instant it could where only the day is known.
pub(super) fn earliest_start(session: &Session) -> Timestamp {
    session.start.unwrap_or_else(|| midnight(session.date))
}

fn midnight(date: jiff::civil::Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MIN, |day| day.timestamp())
}

fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::super::model::Status;
    use super::*;

    fn session(kind: Kind, start: Option<&str>) -> Session {
        let start = start.map(|s| s.parse().expect("a time"));
        Session::new(kind, start, jiff::civil::date(2026, 7, 5))
    }

    fn check(session: &Session, now: &str, expect: State) {
        let now = now.parse().expect("a time");
        assert_eq!(of(session, now), expect, "{:?} at {now}", session.kind);
    }

    #[test]
    fn race_at_every_boundary() {
        let race = session(Kind::Race, Some("2026-07-05T14:00:00Z"));
        check(&race, "2026-07-05T13:29:59.999Z", State::Upcoming);
        check(&race, "2026-07-05T13:30:00Z", State::Soon);
        check(&race, "2026-07-05T13:59:59.999Z", State::Soon);
        check(&race, "2026-07-05T14:00:00Z", State::Live);
        check(&race, "2026-07-05T15:59:59.999Z", State::Live);
        check(&race, "2026-07-05T16:00:00Z", State::Overtime);
        check(&race, "2026-07-05T16:59:59.999Z", State::Overtime);
        check(&race, "2026-07-05T17:00:00Z", State::Finished);
    }

    #[test]
    fn each_kind_has_its_length_and_allowance() {
        for (kind, length, allowance) in [
            (Kind::Practice1, 60, 15),
            (Kind::Practice2, 60, 15),
            (Kind::Practice3, 60, 15),
            (Kind::SprintQualifying, 45, 30),
            (Kind::Sprint, 30, 30),
            (Kind::Qualifying, 60, 30),
            (Kind::Race, 120, 60),
            (Kind::Day2, 540, 15),
        ] {
            let session = session(kind, Some("2026-07-05T10:00:00Z"));
            let start = session.start.expect("given");
            let at = |minutes: i64| start + minutes.minutes();
            assert_eq!(of(&session, at(length - 1)), State::Live, "{kind:?}");
            assert_eq!(of(&session, at(length)), State::Overtime, "{kind:?}");
            assert_eq!(
                of(&session, at(length + allowance - 1)),
                State::Overtime,
                "{kind:?}"
            );
            assert_eq!(
                of(&session, at(length + allowance)),
                State::Finished,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn an_announced_end_wins_over_the_usual_length() {
        let mut sprint = session(Kind::Sprint, Some("2026-07-05T10:00:00Z"));
        sprint.end = Some("2026-07-05T11:00:00Z".parse().expect("a time"));
        check(&sprint, "2026-07-05T10:45:00Z", State::Live);
        check(&sprint, "2026-07-05T11:00:00Z", State::Overtime);
    }

    #[test]
    fn a_day_without_a_time_is_never_live() {
        let race = session(Kind::Race, None);
        check(&race, "2026-07-05T14:00:00Z", State::Upcoming);
        check(&race, "2026-07-06T23:59:59Z", State::Upcoming);
        check(&race, "2026-07-07T00:00:00Z", State::Finished);
    }

    #[test]
    fn what_is_off_is_never_live_and_what_is_doubtful_is() {
        let mut race = session(Kind::Race, Some("2026-07-05T14:00:00Z"));
        race.status = Status::Unconfirmed;
        check(&race, "2026-07-05T14:30:00Z", State::Live);
        race.missing_since = race.start;
        check(&race, "2026-07-05T14:30:00Z", State::Upcoming);
        check(&race, "2026-07-09T14:30:00Z", State::Finished);
        race.missing_since = None;
        for status in [Status::Cancelled, Status::Postponed] {
            race.status = status;
            check(&race, "2026-07-05T13:45:00Z", State::Upcoming);
            check(&race, "2026-07-05T14:30:00Z", State::Upcoming);
        }
    }

    /// The one race whose UTC day is not the day at the track: the clock
    /// decides, not the date.
    #[test]
    fn las_vegas_is_live_on_the_next_utc_day() {
        let mut race = session(Kind::Race, Some("2026-11-22T04:00:00Z"));
        race.date = jiff::civil::date(2026, 11, 22);
        check(&race, "2026-11-21T20:00:00Z", State::Upcoming);
        check(&race, "2026-11-22T03:59:59Z", State::Soon);
        check(&race, "2026-11-22T05:00:00Z", State::Live);
    }
}
