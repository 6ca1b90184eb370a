//! What no source says of a circuit, or each in its own words: its time zone (an
//! offset alone is wrong across a change of daylight saving between the first
//! practice and the race), where it is, and the number it has at OpenF1.
//!
//! Covers the championships of 2020 to 2027. A circuit that is not here has no track
//! time and no place on a map, and everything else about it works.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

struct Row {
    /// As Jolpica has it, and Ergast before.
    id: &'static str,
    /// IANA.
    zone: &'static str,
    /// OpenF1's `circuit_key`, where it has been there.
    key: Option<u32>,
    /// Degrees north and east.
    position: (f64, f64),
}

/// The IANA name of the zone a circuit lies in.
pub(super) fn time_zone(circuit: &str) -> Option<&'static str> {
    row(circuit).map(|row| row.zone)
}

/// Degrees north and east.
pub(super) fn position(circuit: &str) -> Option<(f64, f64)> {
    row(circuit).map(|row| row.position)
}

/// The circuit with OpenF1's number.
pub(super) fn by_key(key: u32) -> Option<&'static str> {
    let row = CIRCUITS.iter().find(|row| row.key == Some(key))?;
    Some(row.id)
}

/// The day that `at` falls on at the circuit.
pub(super) fn track_date(circuit: &str, at: Timestamp) -> Option<Date> {
    let zone = TimeZone::get(time_zone(circuit)?).ok()?;
    Some(at.to_zoned(zone).date())
}

fn row(circuit: &str) -> Option<&'static Row> {
    let at = CIRCUITS.binary_search_by_key(&circuit, |row| row.id).ok()?;
    Some(&CIRCUITS[at])
}

const fn circuit(
    id: &'static str,
    zone: &'static str,
    key: Option<u32>,
    north: f64,
    east: f64,
) -> Row {
    Row {
        id,
        zone,
        key,
        position: (north, east),
    }
}

/// Sorted by id.
const CIRCUITS: &[Row] = &[
    circuit(
        "albert_park",
        "Australia/Melbourne",
        Some(10),
        -37.8497,
        144.9680,
    ),
    circuit("americas", "America/Chicago", Some(9), 30.1328, -97.6411),
    circuit("bahrain", "Asia/Bahrain", Some(63), 26.0325, 50.5106),
    circuit("baku", "Asia/Baku", Some(144), 40.3725, 49.8533),
    circuit("catalunya", "Europe/Madrid", Some(15), 41.5700, 2.2611),
    circuit("hungaroring", "Europe/Budapest", Some(4), 47.5789, 19.2486),
    circuit("imola", "Europe/Rome", Some(6), 44.3439, 11.7167),
    circuit(
        "interlagos",
        "America/Sao_Paulo",
        Some(14),
        -23.7036,
        -46.6997,
    ),
    circuit("istanbul", "Europe/Istanbul", None, 40.9517, 29.4050),
    circuit("jeddah", "Asia/Riyadh", Some(149), 21.6319, 39.1044),
    circuit("losail", "Asia/Qatar", Some(150), 25.4900, 51.4542),
    circuit("madring", "Europe/Madrid", Some(153), 40.4653, -3.6153),
    circuit("marina_bay", "Asia/Singapore", Some(61), 1.2914, 103.8640),
    circuit("miami", "America/New_York", Some(151), 25.9581, -80.2389),
    circuit("monaco", "Europe/Monaco", Some(22), 43.7347, 7.4206),
    circuit("monza", "Europe/Rome", Some(39), 45.6156, 9.2811),
    circuit("mugello", "Europe/Rome", None, 43.9975, 11.3719),
    circuit("nurburgring", "Europe/Berlin", None, 50.3356, 6.9475),
    circuit("portimao", "Europe/Lisbon", None, 37.2270, -8.6267),
    circuit("red_bull_ring", "Europe/Vienna", Some(19), 47.2197, 14.7647),
    circuit("ricard", "Europe/Paris", None, 43.2506, 5.7917),
    circuit(
        "rodriguez",
        "America/Mexico_City",
        Some(65),
        19.4042,
        -99.0907,
    ),
    circuit("sepang", "Asia/Kuala_Lumpur", Some(12), 2.7608, 101.7380),
    circuit("shanghai", "Asia/Shanghai", Some(49), 31.3389, 121.2200),
    circuit("silverstone", "Europe/London", Some(2), 52.0786, -1.0169),
    circuit("sochi", "Europe/Moscow", None, 43.4057, 39.9578),
    circuit("spa", "Europe/Brussels", Some(7), 50.4372, 5.9714),
    circuit("suzuka", "Asia/Tokyo", Some(46), 34.8431, 136.5410),
    circuit(
        "vegas",
        "America/Los_Angeles",
        Some(152),
        36.1147,
        -115.1730,
    ),
    circuit("villeneuve", "America/Toronto", Some(23), 45.5000, -73.5228),
    circuit("yas_marina", "Asia/Dubai", Some(70), 24.4672, 54.6031),
    circuit("zandvoort", "Europe/Amsterdam", Some(55), 52.3888, 4.5409),
];

#[cfg(test)]
#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
mod tests {
    use super::*;

    /// An entry out of order would not be found by the search.
    #[test]
    fn every_circuit_of_the_table_is_found() {
        for Row { id, zone, key, .. } in CIRCUITS {
            assert_eq!(time_zone(id), Some(*zone), "{id}");
            assert!(key.is_none_or(|key| by_key(key) == Some(*id)), "{id}");
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
        for Row { id, zone, .. } in CIRCUITS {
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
