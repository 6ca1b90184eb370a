//! The time zone of each circuit. A table, because no source names the zone:
//! an offset alone is wrong across a change of daylight saving between the
//! first practice and the race.
//!
//! Covers the championships of 2020 to 2027. A circuit that is not here has no
//! track time, and everything else about it works.

/// The IANA name of the zone a circuit lies in, by the id that Jolpica (and
/// Ergast before it) gives the circuit.
pub(super) fn time_zone(circuit: &str) -> Option<&'static str> {
    ZONES
        .binary_search_by_key(&circuit, |(id, _)| id)
        .ok()
        .map(|at| ZONES[at].1)
}

/// Sorted by id.
const ZONES: &[(&str, &str)] = &[
    ("albert_park", "Australia/Melbourne"),
    ("americas", "America/Chicago"),
    ("bahrain", "Asia/Bahrain"),
    ("baku", "Asia/Baku"),
    ("catalunya", "Europe/Madrid"),
    ("hungaroring", "Europe/Budapest"),
    ("imola", "Europe/Rome"),
    ("interlagos", "America/Sao_Paulo"),
    ("istanbul", "Europe/Istanbul"),
    ("jeddah", "Asia/Riyadh"),
    ("losail", "Asia/Qatar"),
    ("madring", "Europe/Madrid"),
    ("marina_bay", "Asia/Singapore"),
    ("miami", "America/New_York"),
    ("monaco", "Europe/Monaco"),
    ("monza", "Europe/Rome"),
    ("mugello", "Europe/Rome"),
    ("nurburgring", "Europe/Berlin"),
    ("portimao", "Europe/Lisbon"),
    ("red_bull_ring", "Europe/Vienna"),
    ("ricard", "Europe/Paris"),
    ("rodriguez", "America/Mexico_City"),
    ("sepang", "Asia/Kuala_Lumpur"),
    ("shanghai", "Asia/Shanghai"),
    ("silverstone", "Europe/London"),
    ("sochi", "Europe/Moscow"),
    ("spa", "Europe/Brussels"),
    ("suzuka", "Asia/Tokyo"),
    ("vegas", "America/Los_Angeles"),
    ("villeneuve", "America/Toronto"),
    ("yas_marina", "Asia/Dubai"),
    ("zandvoort", "Europe/Amsterdam"),
];

#[cfg(test)]
#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
mod tests {
    use super::*;

    /// An entry out of order would not be found by the search.
    #[test]
    fn every_circuit_of_the_table_is_found() {
        for (id, zone) in ZONES {
            assert_eq!(time_zone(id), Some(*zone), "{id}");
        }
        assert_eq!(time_zone("nowhere"), None);
        assert_eq!(time_zone(""), None);
    }

    #[test]
    fn every_zone_exists() {
        if jiff::tz::db().is_definitively_empty() {
            eprintln!("no time zone database on this machine: the zone names were not checked");
            return;
        }
        for (id, zone) in ZONES {
            assert!(jiff::tz::TimeZone::get(zone).is_ok(), "{id}: {zone}");
        }
    }

    /// The offsets that made the viewers' clocks wrong before: a zone with
    /// daylight saving, one that gave it up, one that never had it.
    #[test]
    fn track_time_of_known_races() {
        let check = |circuit: &str, utc: &str, local: &str| {
            let zone = time_zone(circuit).expect("in the table");
            let Ok(zone) = jiff::tz::TimeZone::get(zone) else {
                eprintln!("{zone} is unknown to this machine: not checked");
                return;
            };
            let at: jiff::Timestamp = utc.parse().expect("a time");
            assert_eq!(at.to_zoned(zone).datetime().to_string(), local, "{circuit}");
        };
        check("vegas", "2026-11-22T04:00:00Z", "2026-11-21T20:00:00");
        check("rodriguez", "2026-11-01T20:00:00Z", "2026-11-01T14:00:00");
        check("americas", "2026-10-25T20:00:00Z", "2026-10-25T15:00:00");
        check("albert_park", "2026-03-08T04:00:00Z", "2026-03-08T15:00:00");
        check("interlagos", "2026-11-08T17:00:00Z", "2026-11-08T14:00:00");
        check("silverstone", "2026-07-05T14:00:00Z", "2026-07-05T15:00:00");
        check("sepang", "2026-10-04T07:00:00Z", "2026-10-04T15:00:00");
    }
}
