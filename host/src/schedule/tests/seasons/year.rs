//! What was on, and how the sources tell it.
//!
//! In `{year}.txt` `@ circuit "Name"` begins an event, and `kind start` is a session of
//! it, or `kind date` where nobody names a time. What a source says instead follows as
//! `J:` (Jolpica) or `O:` (OpenF1); `-` is nothing. `off`: OpenF1 says that it is called
//! off. `by-hand`: no source is right, and the operator's file is.

use jiff::civil::Date;

use super::super::two_sources::Meeting;
use super::*;

/// Of each year what was on, and when that is in five zones.
pub(super) const SEASONS: [(i16, &str, &str); 6] = [
    (
        2021,
        include_str!("2021.txt"),
        include_str!("2021.zones.txt"),
    ),
    (
        2022,
        include_str!("2022.txt"),
        include_str!("2022.zones.txt"),
    ),
    (
        2023,
        include_str!("2023.txt"),
        include_str!("2023.zones.txt"),
    ),
    (
        2024,
        include_str!("2024.txt"),
        include_str!("2024.zones.txt"),
    ),
    (
        2025,
        include_str!("2025.txt"),
        include_str!("2025.zones.txt"),
    ),
    (
        2026,
        include_str!("2026.txt"),
        include_str!("2026.zones.txt"),
    ),
];

/// OpenF1 has nothing older.
const TIMETABLES_SINCE: i16 = 2023;

/// A season as both sources list it.
#[derive(Clone)]
pub(super) struct Year {
    year: i16,
    pub(super) weekends: Vec<Weekend>,
    pub(super) words: Words,
}

/// What Jolpica calls the qualifying of a sprint; what OpenF1 calls it and the sprint.
pub(super) type Words = (&'static str, [&'static str; 2]);

#[derive(Clone)]
pub(super) struct Weekend {
    pub(super) circuit: &'static str,
    name: &'static str,
    pub(super) is_in_calendar: bool,
    pub(super) is_off: bool,
    rows: Vec<Row>,
}

#[derive(Clone)]
pub(super) struct Row {
    kind: Kind,
    right: When,
    pub(super) jolpica: When,
    pub(super) openf1: When,
    pub(super) is_by_hand: bool,
}

#[derive(Clone, Copy)]
pub(super) enum When {
    At(Timestamp),
    On(Date),
    Never,
}

// === impl Year ===

impl Year {
    pub(super) fn of(year: i16) -> Self {
        let mut seasons = SEASONS.into_iter();
        let (_, text, _) = seasons.find(|(of, ..)| *of == year).expect("a season");
        let mut weekends: Vec<Weekend> = Vec::new();
        for line in text.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(event) = line.strip_prefix("@ ") {
                weekends.push(Weekend::read(event));
            } else {
                let weekend = weekends.last_mut().expect("an event before its sessions");
                weekend.rows.push(Row::read(line));
            }
        }
        let words = match year {
            2023 => ("SprintShootout", ["Sprint Shootout", "Sprint Qualifying"]),
            _ => ("SprintQualifying", ["Sprint Qualifying", "Sprint"]),
        };
        Self {
            year,
            weekends,
            words,
        }
    }

    pub(super) fn row(&mut self, circuit: &str, kind: Kind) -> &mut Row {
        let mut weekends = self.weekends.iter_mut();
        let weekend = weekends.find(|weekend| weekend.circuit == circuit);
        let mut rows = weekend.expect("the event").rows.iter_mut();
        rows.find(|row| row.kind == kind).expect("the session")
    }

    /// As Jolpica lists it: every scalar is a string.
    fn calendar(&self) -> Vec<Value> {
        let (sprint_qualifying, _) = self.words;
        let entry = |kind: Kind| match kind {
            Kind::Practice1 => "FirstPractice",
            Kind::Practice2 => "SecondPractice",
            Kind::Practice3 => "ThirdPractice",
            Kind::SprintQualifying => sprint_qualifying,
            Kind::Sprint => "Sprint",
            _ => "Qualifying",
        };
        let listed = self
            .weekends
            .iter()
            .filter(|weekend| weekend.is_in_calendar);
        let races = listed.zip(1..).map(|(weekend, round)| {
            let mut rows = weekend.rows.iter();
            let race = rows.find(|row| row.kind == Kind::Race).expect("a race");
            let mut listed = race.jolpica.in_calendar().expect("a day");
            for row in weekend.rows.iter().filter(|row| row.kind != Kind::Race) {
                if let Some(when) = row.jolpica.in_calendar() {
                    listed[entry(row.kind)] = when;
                }
            }
            let place = json!({ "lat": "1.5", "long": "-2.5", "locality": "L", "country": "C" });
            for (key, value) in [
                ("season", json!(self.year.to_string())),
                ("round", json!(round.to_string())),
                ("url", json!("https://example.test/race")),
                ("raceName", json!(weekend.name)),
                (
                    "Circuit",
                    json!({
                        "circuitId": weekend.circuit, "url": "https://example.test/circuit",
                        "circuitName": weekend.circuit, "Location": place,
                    }),
                ),
            ] {
                listed[key] = value;
            }
            listed
        });
        races.collect()
    }

    fn timetable(&self) -> Vec<Meeting> {
        let meetings = self.weekends.iter().zip(1..).map(|(weekend, n)| {
            let session = |row: &Row| match row.openf1 {
                When::At(start) => Some((
                    self.openf1_name(row.kind),
                    start.to_string(),
                    minutes(row.kind),
                )),
                When::On(_) | When::Never => None,
            };
            let key = (0..200).find(|key| circuits::by_key(*key) == Some(weekend.circuit));
            // Before there was a field for it the official name alone told.
            let has_field = self.year >= 2026;
            let official = match weekend.is_off && !has_field {
                true => "CALLED OFF: FORMULA 1 GRAND PRIX",
                false => "FORMULA 1 GRAND PRIX",
            };
            Meeting {
                name: weekend.name,
                official,
                is_cancelled: weekend.is_off && has_field,
                sessions: weekend.rows.iter().filter_map(session).collect(),
                ..Meeting::race(n, key.expect("a circuit that OpenF1 knows"), "")
            }
        });
        meetings.collect()
    }

    fn openf1_name(&self, kind: Kind) -> &'static str {
        let (_, [sprint_qualifying, sprint]) = self.words;
        match kind {
            Kind::SprintQualifying => sprint_qualifying,
            Kind::Sprint => sprint,
            kind => kind.title().trim_start_matches("Testing, "),
        }
    }

    /// The operator's file.
    fn overrides(&self) -> String {
        let of = |weekend: &Weekend| {
            let circuit = weekend.circuit;
            let rows = weekend.rows.iter().filter(|row| row.is_by_hand);
            let entries = rows.map(|row| {
                let When::At(start) = row.right else {
                    panic!("{circuit} has one by hand and without a time");
                };
                let id = format!("{}-{circuit}-{}", self.year, row.kind.slug());
                format!("[sessions.{id:?}]\nstart = {start}\n")
            });
            entries.collect::<String>()
        };
        self.weekends.iter().map(of).collect()
    }

    /// After its first poll, before its first race.
    pub(super) async fn polled(&self) -> World {
        let world = World::at(&format!("{}-03-01T00:00:00Z", self.year));
        let file = world.dir.path().join("schedule.overrides.toml");
        std::fs::write(file, self.overrides()).expect("written");
        world.schedule.follow().await;
        self.poll(&world).await;
        world
    }

    pub(super) async fn poll(&self, world: &World) {
        let timetable = (self.year >= TIMETABLES_SINCE).then(|| self.timetable());
        world
            .poll_both(Some(&self.calendar()), timetable.as_deref())
            .await;
    }

    /// What is served of it: the bundled season stands beside one of another year.
    pub(super) fn events(&self, world: &World) -> Vec<EventView> {
        let prefix = format!("{}-", self.year);
        let events = world.schedule.events().into_iter();
        events
            .filter(|event| event.id.starts_with(&prefix))
            .collect()
    }
}

// === impl Weekend ===

impl Weekend {
    fn read(line: &'static str) -> Self {
        let mut parts = line.split('"').map(str::trim);
        let mut part = || parts.next().expect("circuit, name and marks");
        let (circuit, name, marks) = (part(), part(), part());
        Self {
            circuit,
            name,
            is_in_calendar: !marks.contains("J:-"),
            is_off: marks.contains("off"),
            rows: Vec::new(),
        }
    }
}

// === impl Row ===

impl Row {
    fn read(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let kind = words.next().expect("a kind");
        let right = When::read(words.next().expect("a time"));
        let mut row = Self {
            kind: serde_json::from_value(json!(kind)).expect("a kind"),
            right,
            jolpica: right,
            openf1: right,
            is_by_hand: false,
        };
        for word in words {
            match word.split_once(':') {
                Some(("J", said)) => row.jolpica = When::read(said),
                Some(("O", said)) => row.openf1 = When::read(said),
                _ => {
                    assert_eq!(word, "by-hand", "{line}");
                    row.is_by_hand = true;
                }
            }
        }
        row
    }
}

// === impl When ===

impl When {
    fn read(text: &str) -> Self {
        match text {
            "-" => Self::Never,
            text if text.contains('T') => Self::At(ts(text)),
            text => Self::On(text.parse().expect("a date")),
        }
    }

    fn in_calendar(self) -> Option<Value> {
        match self {
            Self::At(start) => {
                let text = start.to_string();
                let (date, time) = text.split_once('T').expect("a time");
                Some(json!({ "date": date, "time": time }))
            }
            Self::On(date) => Some(json!({ "date": date.to_string() })),
            Self::Never => None,
        }
    }
}

fn minutes(kind: Kind) -> i64 {
    match kind {
        Kind::SprintQualifying => 44,
        Kind::Race => 120,
        Kind::Day1 | Kind::Day2 | Kind::Day3 => 540,
        _ => 60,
    }
}
