//! Which event of one source is which of the other, and which of those is known.

use super::model::{Circuit, Event};
use super::report::{Listed, Report};
use jiff::civil::Date;

/// Two sources' events at one circuit are one event up to so many days apart: a
/// weekend may move by one or two, and the next one there may be a week later.
const SAME_EVENT: i32 = 6;

/// What both sources say of one event.
pub(super) struct Group<'r> {
    pub(super) is_testing: bool,
    pub(super) name: String,
    pub(super) round: Option<u16>,
    pub(super) circuit: Circuit,
    pub(super) day: Date,
    pub(super) jolpica: Option<&'r Listed>,
    pub(super) openf1: Option<&'r Listed>,
}

// === impl Group ===

impl<'r> Group<'r> {
    fn new(listed: &Listed) -> Self {
        Self {
            is_testing: listed.is_testing(),
            name: listed.name.clone(),
            round: listed.round,
            circuit: listed.circuit.clone(),
            day: listed.day,
            jolpica: None,
            openf1: None,
        }
    }

    /// Nobody lists it any more.
    pub(super) fn of_known(event: &Event) -> Group<'r> {
        Group {
            is_testing: event.is_testing(),
            name: event.name.clone(),
            round: event.round,
            circuit: event.circuit.clone(),
            day: event.day().unwrap_or_default(),
            jolpica: None,
            openf1: None,
        }
    }
}

/// The events of both, and the names of those whose circuit nobody knows. Names,
/// places and rounds are the calendar's where it has the event.
pub(super) fn groups<'r>(
    jolpica: Option<&'r Report>,
    openf1: Option<&'r Report>,
) -> (Vec<Group<'r>>, Vec<String>) {
    let listed = |report: Option<&'r Report>| report.into_iter().flat_map(|report| &report.events);
    let mut groups: Vec<Group<'r>> = listed(jolpica)
        .map(|listed| Group {
            jolpica: Some(listed),
            ..Group::new(listed)
        })
        .collect();
    let timetable: Vec<&Listed> = listed(openf1).collect();
    let mut distances = Vec::new();
    for (n, event) in timetable.iter().enumerate() {
        for (at, group) in groups.iter().enumerate() {
            let days = (group.day - event.day).get_days().abs();
            if is_same(group, event, days) {
                distances.push((days, at, n));
            }
        }
    }
    // Closest first: of two events at one circuit each finds its own.
    distances.sort_unstable();
    let mut is_taken = vec![false; timetable.len()];
    for (_, at, n) in distances {
        if groups[at].openf1.is_none() && !is_taken[n] {
            groups[at].openf1 = Some(timetable[n]);
            is_taken[n] = true;
        }
    }
    let mut unmatched = Vec::new();
    for (event, _) in timetable.iter().zip(is_taken).filter(|(_, taken)| !taken) {
        if event.circuit.id.is_empty() {
            unmatched.push(format!("{}, {}", event.name, event.day));
        } else {
            groups.push(Group {
                openf1: Some(event),
                ..Group::new(event)
            });
        }
    }
    (groups, unmatched)
}

fn is_same(group: &Group<'_>, event: &Listed, days: i32) -> bool {
    if group.is_testing != event.is_testing() {
        return false;
    }
    if event.circuit.id.is_empty() {
        return days <= 1 && has_a_name_of(&group.circuit, &event.circuit);
    }
    group.circuit.id == event.circuit.id && days <= SAME_EVENT
}

/// Whether the two have a name or a town in common.
fn has_a_name_of(one: &Circuit, other: &Circuit) -> bool {
    let names = |circuit: &Circuit| {
        let names = [&circuit.name, &circuit.locality].map(|name| folded(name));
        names.into_iter().filter(|name| !name.is_empty())
    };
    names(one).any(|name| names(other).any(|other| name.contains(&other) || other.contains(&name)))
}

/// Letters alone, small, and without what stands on them: sources differ in that.
fn folded(text: &str) -> String {
    let plain = |c: char| match c {
        'á' | 'à' | 'ã' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'í' => 'i',
        'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ü' => 'u',
        'ç' => 'c',
        c => c,
    };
    let letters = text.chars().flat_map(char::to_lowercase).map(plain);
    letters.filter(|c| c.is_alphanumeric()).collect()
}

/// Finds for each event the known one that it is: same circuit, nearest day. Closest
/// pairs first, so that of two events at one circuit the one that went does not take
/// the other's identity. The found ones leave `known`.
pub(super) fn pair<'r>(
    groups: Vec<Group<'r>>,
    known: &mut Vec<Event>,
) -> Vec<(Group<'r>, Option<Event>)> {
    let mut distances = Vec::new();
    for (at, new) in groups.iter().enumerate() {
        let same =
            |old: &&Event| old.circuit.id == new.circuit.id && old.is_testing() == new.is_testing;
        for old in known.iter().filter(same) {
            let days = old
                .day()
                .map_or(i32::MAX, |day| (day - new.day).get_days().abs());
            distances.push((days, at, old.id.clone()));
        }
    }
    distances.sort();
    let mut pairs: Vec<(Group<'r>, Option<Event>)> =
        groups.into_iter().map(|new| (new, None)).collect();
    for (_, at, id) in distances {
        if pairs[at].1.is_none()
            && let Some(place) = known.iter().position(|old| old.id == id)
        {
            pairs[at].1 = Some(known.swap_remove(place));
        }
    }
    pairs
}
