//! What an operator knows better, while he says so and when he no longer does.

use super::two_sources::Meeting;
use super::*;

impl World {
    /// The operator's file becomes `text`; whether that is news.
    pub(super) async fn says(&self, text: &str) -> bool {
        std::fs::write(self.overrides(), text).expect("written");
        self.schedule.follow().await
    }

    fn overrides(&self) -> std::path::PathBuf {
        self.dir.path().join("schedule.overrides.toml")
    }
}

/// Neither source was right about São Paulo in 2024.
#[tokio::test]
async fn an_operator_s_word_wins_and_what_is_wrong_with_it_is_told() {
    let world = World::at("2026-10-01T00:00:00Z");
    let races = [
        race("interlagos", "2026-11-08T17:00:00Z"),
        race("vegas", "2026-11-22T04:00:00Z"),
    ];
    let meetings = [Meeting::race(1, 14, "2026-11-08T17:00:00Z")];
    world.poll_both(Some(&races), Some(&meetings)).await;
    let text = r#"
        [sessions."2026-interlagos-race"]
        start = 2026-11-08T15:30:00Z
        [events."2026-vegas"]
        status = "postponed"
        [events."2026-nowhere"]
        status = "cancelled"
        [sessions."2026-vegas"]
        status = "cancelled"
        [events."2026-vegas-race"]
        status = "cancelled"
    "#;
    world.clock.set("2026-11-07T20:00:00Z");
    assert!(world.says(text).await);
    assert!(!world.schedule.follow().await);
    let expect = [
        "2026-interlagos-race 2026-11-08T15:30:00Z Changed",
        "2026-vegas-race 2026-11-22T04:00:00Z Postponed",
    ];
    assert_eq!(world.lines(), expect);
    let race = world.session("2026-interlagos-race");
    assert_eq!(
        (race.end, race.sequence),
        (Some(ts("2026-11-08T17:30:00Z")), 1)
    );
    world.poll_both(Some(&races), Some(&meetings)).await;
    let world = world.restarted();
    assert_eq!(world.lines(), expect);
    assert_eq!(world.session("2026-interlagos-race").sequence, 1);
    let sources = world.schedule.document().sources;
    assert_eq!(sources[2].name, "overrides");
    let told = sources[2].error.as_deref().unwrap_or_default();
    for wrong in [
        "\"2026-nowhere\": is no event",
        "\"2026-vegas\": is an event: [events.…]",
        "\"2026-vegas-race\": is a session: [sessions.…]",
    ] {
        assert!(told.contains(wrong), "{told}");
    }

    // Taken back, what the sources say counts again.
    std::fs::remove_file(world.overrides()).expect("removed");
    assert!(world.schedule.follow().await);
    assert_eq!(
        world.lines(),
        [
            "2026-interlagos-race 2026-11-08T17:00:00Z Scheduled",
            "2026-vegas-race 2026-11-22T04:00:00Z Scheduled",
        ]
    );
    let changes = world.schedule.operator_view().changes;
    assert_eq!(changes.len(), 4);
    assert_eq!(
        changes[0].after,
        (Some(ts("2026-11-08T15:30:00Z")), Status::Changed)
    );
}

#[tokio::test]
async fn what_an_operator_says_is_on_is_on() {
    let world = World::at("2026-07-19T13:30:00Z");
    let text = "[events.\"2026-spa\"]\nstatus = \"scheduled\"";
    world.says(text).await;
    let world = world.restarted();
    let off = Meeting {
        is_cancelled: true,
        ..Meeting::race(1, 7, "2026-07-19T13:00:00Z")
    };
    let monza = [race("monza", "2026-09-06T13:00:00Z")];
    world.poll_both(Some(&monza), Some(&[off])).await;
    let spa = world.session("2026-spa-race");
    assert_eq!((spa.status, spa.state), (Status::Scheduled, State::Live));
    assert_eq!(
        world.schedule.current().expect("it is on").id,
        "2026-spa-race"
    );
}

/// Whatever the operator says of whatever the sources say, what they say next is
/// judged as if he had said nothing.
#[tokio::test]
async fn a_word_that_is_taken_back_leaves_no_trace() {
    let says = [
        "[sessions.\"2026-spa-race\"]\nstart = 2026-07-18T12:00:00Z\nend = 2026-07-18T15:00:00Z",
        // By then it has begun.
        "[sessions.\"2026-spa-race\"]\nstart = 2026-06-01T06:00:00Z",
        "[sessions.\"2026-spa-race\"]\nend = 2026-07-19T14:10:00Z",
        "[events.\"2026-spa\"]\nstatus = \"cancelled\"",
        "[sessions.\"2026-spa-race\"]\nstart = 2026-07-19T12:00:00Z\nstatus = \"postponed\"",
    ];
    let monza = || race("monza", "2026-09-06T13:00:00Z");
    let at = |start| vec![race("spa", start), monza()];
    let (first, day) = ("2026-07-19T13:00:00Z", "2026-07-19");
    // What the calendar says before, while and after.
    let stories = [
        [at(first), at(first), at(first)],
        [at(day), at(day), at(day)],
        [at(first), at(day), at(day)],
        [at(day), at(first), at(day)],
        [at(first), at("2026-07-19T14:00:00Z"), at(day)],
        [at(first), vec![monza()], vec![monza()]],
        [at(first), vec![monza()], at(first)],
    ];
    let spa = |world: &World| {
        let race = world.session("2026-spa-race");
        let shown = (race.start, race.end, race.date, race.status);
        (shown, (race.previous_start, race.changed_at), race.sequence)
    };
    for (n, [first, then @ ..]) in stories.iter().enumerate() {
        let mut unsaid = Vec::new();
        // Taken back never, as nothing is said, or after so many polls.
        let cases = says
            .iter()
            .flat_map(|says| [(Some(*says), 1), (Some(*says), 2)]);
        for (text, held) in [(None, 0)].into_iter().chain(cases) {
            let mut world = World::at("2026-06-01T00:00:00Z");
            world.poll_both(Some(first), None).await;
            if let Some(text) = text {
                assert!(world.says(text).await);
            }
            for (polls, answer) in (1..).zip(then) {
                world
                    .clock
                    .set(["2026-06-01T07:00:00Z", "2026-06-01T14:00:00Z"][polls - 1]);
                world.poll_both(Some(answer), None).await;
                if polls == held {
                    world = world.restarted();
                    let said = spa(&world);
                    assert!(world.says("").await);
                    let is_other = spa(&world).0 != said.0;
                    let is_heard = spa(&world).2 > said.2;
                    assert_eq!(is_heard, is_other, "{n} {text:?}: subscribers hear of it");
                }
                let (shown, previous_start, _) = spa(&world);
                if text.is_none() {
                    unsaid.push((shown, previous_start));
                } else if polls >= held {
                    assert_eq!((shown, previous_start), unsaid[polls - 1], "{n} {text:?}");
                }
            }
        }
    }
}

/// Editors take a file away, or empty it, before they write it anew.
#[tokio::test]
async fn a_file_that_is_written_anew_takes_nothing_back_meanwhile() {
    let world = World::at("2026-06-01T00:00:00Z");
    let text = "[events.\"2026-spa\"]\nstatus = \"cancelled\"";
    assert!(world.says(text).await);
    let slow = |config: &mut Config| config.settle = Duration::from_millis(500);
    let schedule = open_with(&world.dir, &world.clock, slow);
    let world = World { schedule, ..world };
    let file = world.overrides();
    for begin in [
        |file| std::fs::remove_file(file),
        |file| std::fs::write(file, ""),
    ] {
        begin(&file).expect("begun");
        let end = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            std::fs::write(&file, text).expect("written");
        };
        let (is_news, ()) = tokio::join!(world.schedule.follow(), end);
        assert!(!is_news);
        assert_eq!(world.session("2026-spa-race").status, Status::Cancelled);
    }
}

/// Nor by a start in the middle of it.
#[tokio::test]
async fn a_file_that_cannot_be_read_takes_nothing_back_by_a_restart() {
    let world = World::at("2026-06-01T00:00:00Z");
    let races = [
        race("spa", "2026-07-19T13:00:00Z"),
        race("monza", "2026-09-06T13:00:00Z"),
        race("baku", "2026-09-26T11:00:00Z"),
    ];
    world.poll_both(Some(&races), None).await;
    let text = r#"
        [sessions."2026-spa-race"]
        start = 2026-07-19T12:00:00Z
        end = 2026-07-19T15:00:00Z
        [events."2026-monza"]
        status = "postponed"
        [sessions."2026-baku-race"]
        end = 2026-09-26T12:00:00Z
    "#;
    assert!(world.says(text).await);
    let shown = world.schedule.document().events;
    std::fs::write(world.overrides(), "[sessions").expect("written");
    let world = world.restarted();
    assert_eq!(world.schedule.document().events, shown);
    assert_eq!(world.schedule.document().sources[2].name, "overrides");
    world.says(text).await;
    assert_eq!(world.schedule.document().events, shown);
    assert!(world.says("").await);
    assert_eq!(
        world.lines()[0],
        "2026-spa-race 2026-07-19T13:00:00Z Scheduled"
    );
}
