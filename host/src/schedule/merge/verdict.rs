//! When a session is, by what both sources say of it and by what was known.

use std::time::Duration;

use jiff::{Timestamp, civil::Date};

use super::super::circuits;
use super::super::model::{Kind, Session, Status, utc_date};
use super::super::report::{Said, Time};
use super::absence::Absence;
use super::{About, Desk};

/// Up to here two sources mean the same session, and the timetable knows better when
/// it is. A day is in it: Jolpica listed Las Vegas by the track's date and the time
/// in UTC, which is a day early.
const SAME: Duration = Duration::from_hours(24);

/// What is decided about one session.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) date: Date,
    pub(super) status: Status,
    pub(super) missing_since: Option<Timestamp>,
}

impl Desk<'_, '_> {
    /// What `kind` becomes, and about what the sources differ.
    pub(super) fn verdict(&self, kind: Kind) -> (Verdict, Option<About>) {
        let (jolpica, openf1) = self.said(kind);
        let known = self.known(kind);
        let (mut verdict, differs) = self.time(jolpica, openf1, known);
        let absence = self.absence(jolpica, openf1, known);
        match absence {
            Absence::None => (verdict, differs),
            Absence::Alone => {
                verdict.status = Status::Unconfirmed;
                (verdict, Some(About::Listed))
            }
            Absence::Since {
                since,
                is_sure,
                off,
            } => {
                verdict.missing_since = Some(since);
                verdict.status = if is_sure { off } else { Status::Unconfirmed };
                // Both agree that it is off: nothing to be looked at.
                let disagree = jolpica.is_some() || openf1.is_some_and(|said| said.off.is_none());
                (verdict, disagree.then_some(About::Listed))
            }
        }
    }

    /// When it is, by what is said of its time.
    fn time(
        &self,
        jolpica: Option<&Said>,
        openf1: Option<&Said>,
        known: Option<&Session>,
    ) -> (Verdict, Option<About>) {
        let start = |said: Option<&Said>| said.and_then(|said| said.time.start());
        let end = openf1.and_then(|said| said.end);
        let at = |start: Timestamp, end: Option<Timestamp>, status| Verdict {
            start: Some(start),
            end: end.or_else(|| {
                let known = known.filter(|known| known.start == Some(start));
                known.and_then(|known| known.end)
            }),
            date: utc_date(start),
            status,
            missing_since: None,
        };
        match (start(jolpica), start(openf1)) {
            (Some(one), Some(other)) => {
                let apart = one.duration_since(other).unsigned_abs();
                let differs = (one != other).then_some(About::Start);
                if apart <= SAME {
                    return (at(other, end, Status::Scheduled), differs);
                }
                let before = known.and_then(|known| known.start);
                let used = before.filter(|before| [one, other].contains(before));
                let used = used.unwrap_or(one);
                let end = end.filter(|_| used == other);
                (at(used, end, Status::Unconfirmed), differs)
            }
            (None, Some(start)) => (at(start, end, Status::Scheduled), None),
            (Some(start), None) => {
                // What half an answer lacks takes away no time that it brought before.
                let is_half = self.sources.openf1.is_some_and(|report| !report.complete);
                let before = known.filter(|known| is_half && known.in_timetable);
                let before = before.and_then(|known| known.start);
                let before =
                    before.filter(|before| start.duration_since(*before).unsigned_abs() <= SAME);
                let start = before.unwrap_or(start);
                (at(start, None, Status::Scheduled), None)
            }
            (None, None) => (self.without_a_time(jolpica.or(openf1), known), None),
        }
    }

    /// Nobody names a time that can be.
    fn without_a_time(&self, said: Option<&Said>, known: Option<&Session>) -> Verdict {
        let keep = |known: &Session, status| Verdict {
            start: known.start,
            end: known.end,
            date: known.date,
            status,
            missing_since: None,
        };
        let day = |date| Verdict {
            start: None,
            end: None,
            date,
            status: Status::Unconfirmed,
            missing_since: None,
        };
        match (said.map(|said| said.time), known) {
            // Nobody says anything, which is another question than when it is.
            (None, Some(known)) => Verdict {
                missing_since: known.missing_since,
                ..keep(known, known.status)
            },
            // Its day is the same and its time got lost, or what the source says
            // can't be: the known time is the better guess, and no more than that.
            (Some(Time::Doubtful(_)), Some(known)) if self.is_fetched => {
                keep(known, Status::Unconfirmed)
            }
            (Some(Time::On(date)), Some(known))
                if self.is_fetched && self.is_day_of(known, date) =>
            {
                keep(known, Status::Unconfirmed)
            }
            (Some(time), _) => day(time.date()),
            (None, None) => day(self.group.day),
        }
    }

    /// In UTC or at the track: sources write either.
    fn is_day_of(&self, known: &Session, date: Date) -> bool {
        let at_track = known
            .start
            .and_then(|start| circuits::track_date(&self.group.circuit.id, start));
        known.date == date || at_track == Some(date)
    }
}
