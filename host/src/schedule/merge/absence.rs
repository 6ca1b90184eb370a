//! Whether a session takes place at all, by what sources say and what they no longer
//! say.

use jiff::{SignedDuration, Timestamp};

use super::super::model::{Session, Status};
use super::super::report::{Off, Said, Source};
use super::super::state;
use super::Desk;

/// What one source alone takes away has to be away in two answers this far apart.
const GONE_FOR_GOOD: SignedDuration = SignedDuration::from_hours(6);

/// What a source says against a session taking place.
pub(super) enum Absence {
    None,
    /// The calendar never had it.
    Alone,
    Since {
        since: Timestamp,
        /// The other source agrees, or it was away for long enough.
        is_sure: bool,
        off: Status,
    },
}

impl Desk<'_, '_> {
    /// Whether a source says that it is not on, by a word or by its silence.
    pub(super) fn absence(
        &self,
        jolpica: Option<&Said>,
        openf1: Option<&Said>,
        known: Option<&Session>,
    ) -> Absence {
        let lacks = |source, said: Option<&Said>| {
            let report = self.sources.of(source);
            said.is_none() && report.is_some_and(|report| report.complete)
        };
        let had = |by: fn(&Session) -> bool| known.is_some_and(by);
        let is_testing = self.group.is_testing;
        let not_in_calendar = !is_testing && lacks(Source::Jolpica, jolpica);
        let was_in_calendar = had(|known| known.in_calendar);
        // Silence is a word of who had it only.
        let left_timetable = lacks(Source::OpenF1, openf1) && had(|known| known.in_timetable);
        let was_alone = is_testing || !was_in_calendar && jolpica.is_none();
        let off = openf1.and_then(|said| said.off);
        let (source, agreed) = if off.is_some() {
            (Source::OpenF1, is_testing || not_in_calendar)
        } else if known.is_some_and(|known| has_begun(known, self.now)) {
            // Absence does not stop what is under way, nor undo the past.
            return Absence::None;
        } else if not_in_calendar && was_in_calendar {
            (Source::Jolpica, left_timetable)
        } else if was_alone && left_timetable {
            (Source::OpenF1, false)
        } else if not_in_calendar && self.group.jolpica.is_none() && openf1.is_some() {
            return Absence::Alone;
        } else {
            return Absence::None;
        };
        let report = self.sources.of(source);
        let fetched_at = report.map_or(self.now, |report| report.fetched_at);
        let since = known.and_then(|known| known.missing_since);
        let since = since.unwrap_or(fetched_at);
        Absence::Since {
            since,
            is_sure: agreed || fetched_at.duration_since(since) >= GONE_FOR_GOOD,
            off: match off {
                Some(Off::Postponed) => Status::Postponed,
                _ => Status::Cancelled,
            },
        }
    }
}

/// What was missed before it began did not begin.
fn has_begun(session: &Session, now: Timestamp) -> bool {
    let is_on = session.status.is_on() && session.missing_since.is_none();
    is_on && state::earliest_start(session) <= now
}
