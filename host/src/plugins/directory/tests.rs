//! What a poll makes of a directory, one poll at a time.

mod mount;
mod names;
mod signatures;

use std::os::unix::ffi::OsStringExt;

use super::disk::{Place, Stamp};
use super::*;
use crate::plugins::trust::{MAX_SIGNATURE, Signature};

const POLL: Duration = Duration::from_millis(50);

struct World<D> {
    dir: tempfile::TempDir,
    poller: Poller<D>,
    events: tokio::sync::mpsc::Receiver<Event>,
    metrics: Metrics,
}

fn world() -> World<Folder> {
    made(config(), Folder::new)
}

/// Where signatures are asked for.
fn signed() -> World<Folder> {
    made(asking(), Folder::new)
}

fn asking() -> config::Plugins {
    let mut config = config();
    config.trust = config::Trust::Signed;
    config
}

fn config() -> config::Plugins {
    let text = "[plugins]\npoll = \"50ms\"\nsettle = \"5ms\"\nmax_file = \"1KiB\"\nmax_files = 3";
    let loaded = config::Config::from_toml(text, std::path::Path::new("/"));
    loaded.expect("configuration").config.plugins
}

fn made<D: Disk>(config: config::Plugins, disk: impl FnOnce(PathBuf) -> D) -> World<D> {
    let dir = tempfile::tempdir().expect("tempdir");
    let (sender, events) = tokio::sync::mpsc::channel(64);
    let (path, clock, metrics) = (dir.path().join("plugins"), Clock::system(), Metrics::new());
    std::fs::create_dir(&path).expect("made");
    let parts = (clock, metrics.clone());
    let poller = Poller::new(disk(path.clone()), path, &config, parts, sender);
    World {
        dir,
        poller,
        events,
        metrics,
    }
}

fn word(event: Event) -> String {
    match event {
        Event::File { key, content, .. } => {
            let signature = match &content.signature {
                Signature::Missing => String::new(),
                Signature::Text(text) => format!("+{text}"),
                Signature::Unusable(why) => format!("!{why}"),
            };
            format!(
                "{key}={}{signature}",
                String::from_utf8_lossy(&content.bytes)
            )
        }
        Event::Unusable { key, .. } => format!("!{key}"),
        Event::Gone { key } => format!("-{key}"),
        Event::Started { .. } => "started".into(),
    }
}

impl<D: Disk> World<D> {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("plugins").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("written");
    }

    /// One poll, as words.
    fn poll(&mut self) -> Vec<String> {
        self.poller.poll().expect("somebody listens");
        let mut seen = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            seen.push(word(event));
        }
        seen
    }

    fn ask_for_all(&mut self) {
        let mut asked = signals::Asked::default();
        asked.reload = true;
        self.poller.ask(asked);
    }

    /// Whether the first poll found a directory.
    fn started(&mut self) -> bool {
        self.poller.started().expect("somebody listens");
        matches!(self.events.try_recv(), Ok(Event::Started { found: true }))
    }

    fn error(&self) -> Option<String> {
        self.poller.status.lock().expect("lock").error.clone()
    }
}

/// What polls see while a slow copy writes sixty bytes, and after it: the file
/// grows at every look.
fn while_it_grows(world: &mut World<Folder>, name: &str) -> Vec<String> {
    let path = world.path(name);
    let writing = std::thread::spawn(move || {
        use std::io::Write;
        let mut file = std::fs::File::create(path).expect("made");
        for _ in 0..60 {
            file.write_all(b"x").expect("written");
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let mut seen = Vec::new();
    while !writing.is_finished() {
        seen.extend(world.poll());
    }
    writing.join().expect("written");
    seen.extend(world.poll());
    seen
}

#[test]
fn each_change_is_handed_on_once() {
    let mut world = world();
    world.write("a.wasm", b"1");
    world.write("note.txt", b"x");
    world.write(".hidden.wasm", b"x");
    assert_eq!(world.poll(), ["a=1"]);
    assert!(world.poll().is_empty(), "unchanged");
    let modified = |path: &PathBuf| path.metadata().and_then(|meta| meta.modified());
    let set_back = |path: &PathBuf, time| {
        let file = std::fs::File::options().write(true).open(path);
        let set = file.and_then(|file| file.set_modified(time));
        set.expect("set");
    };
    // Renamed over, with the size and the time of the old one.
    let time = modified(&world.path("a.wasm")).expect("time");
    world.write("new", b"2");
    set_back(&world.path("new"), time);
    std::fs::rename(world.path("new"), world.path("a.wasm")).expect("renamed");
    assert_eq!(world.poll(), ["a=2"]);
    // Overwritten in place.
    world.write("a.wasm", b"3");
    assert_eq!(world.poll(), ["a=3"]);
    // Overwritten in place, and the time set back.
    std::thread::sleep(Duration::from_millis(20));
    world.write("a.wasm", b"4");
    set_back(&world.path("a.wasm"), time);
    assert_eq!(world.poll(), ["a=4"]);
    let mut asked = signals::Asked::default();
    asked.reload = true;
    world.poller.ask(std::mem::take(&mut asked));
    assert_eq!(world.poll(), ["a=4"], "an operator asked");
    world.write("b.wasm", b"1");
    world.poll();
    asked.again.insert("b.wasm".into(), false);
    world.poller.ask(asked);
    assert_eq!(world.poll(), ["b=1"], "one file alone");
}

#[test]
fn a_file_is_handed_on_when_it_is_whole() {
    let mut world = world();
    // Zero length is a content, too, and being filled is a change.
    world.write("a.wasm", b"");
    assert_eq!(world.poll(), ["a="]);
    world.write("a.wasm", b"whole");
    assert_eq!(world.poll(), ["a=whole"]);
    let seen = while_it_grows(&mut world, "slow.wasm");
    let whole = format!("slow={}", "x".repeat(60));
    assert_eq!(seen.last(), Some(&whole), "{seen:?}");
}

#[test]
fn a_file_is_gone_after_an_interval_and_an_empty_directory_never() {
    let mut world = world();
    world.write("a.wasm", b"1");
    world.write("b.wasm", b"1");
    assert_eq!(world.poll().len(), 2);
    std::fs::remove_file(world.path("a.wasm")).expect("removed");
    assert!(
        world.poll().is_empty() && world.poll().is_empty(),
        "polls at once are one poll"
    );
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert_eq!(world.poll(), ["-a"]);
    std::fs::remove_file(world.path("b.wasm")).expect("removed");
    world.poll();
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert!(
        world.poll().is_empty(),
        "the last one is a mount that went away"
    );
    assert!(world.error().is_some());
    // An operator says that what is there is all.
    world.ask_for_all();
    assert_eq!(world.poll(), ["-b"]);
    assert!(world.poll().is_empty());
    assert_eq!(world.error(), None);
}

#[test]
fn an_empty_directory_in_the_place_of_another_is_never_all() {
    let mut world = world();
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    let path = world.path("");
    std::fs::rename(&path, world.dir.path().join("away")).expect("renamed");
    std::fs::create_dir(&path).expect("made");
    world.ask_for_all();
    for _ in 0..2 {
        assert!(world.poll().is_empty());
        assert!(world.error().is_some());
    }
}

#[test]
fn what_was_removed_while_nobody_watched_is_told() {
    // Some are left, and all of them are others.
    for there in ["a", "x"] {
        let mut world = world();
        world.poller.remember(vec!["a".into(), "b".into()]);
        world.write(&format!("{there}.wasm"), b"1");
        assert_eq!(world.poll(), [format!("{there}=1")]);
        assert!(world.started(), "{there}");
        std::thread::sleep(POLL + Duration::from_millis(10));
        let gone = world.poll();
        assert_eq!(gone.last().map(String::as_str), Some("-b"), "{there}");
        assert_eq!(gone.len(), if there == "a" { 1 } else { 2 });
        assert_eq!(world.error(), None);
    }
    // A mount that is away.
    let mut world = world();
    world.poller.remember(vec!["a".into()]);
    assert!(world.poll().is_empty());
    assert!(!world.started());
    assert!(world.error().is_some());
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    assert_eq!(world.error(), None);
}

#[test]
fn the_only_file_may_be_replaced_by_one_of_another_name() {
    let mut world = world();
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    std::fs::rename(world.path("a.wasm"), world.path("b.wasm")).expect("renamed");
    assert_eq!(world.poll(), ["b=1"]);
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert_eq!(world.poll(), ["-a"]);
    assert_eq!(world.error(), None);
}

#[test]
fn files_that_go_with_their_directory_stay_and_what_is_new_comes() {
    let mut world = world();
    world.write("a.wasm", b"1");
    world.write("b.wasm", b"1");
    assert_eq!(world.poll().len(), 2);
    let path = world.path("");
    std::fs::rename(&path, world.dir.path().join("away")).expect("renamed");
    std::fs::create_dir(&path).expect("made");
    world.write("c.wasm", b"1");
    assert_eq!(world.poll(), ["c=1"]);
    for _ in 0..3 {
        std::thread::sleep(POLL + Duration::from_millis(10));
        assert!(world.poll().is_empty(), "what lay under a mount");
    }
    assert!(world.error().is_some_and(|error| error.contains("2 files")));
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    assert!(world.error().is_some_and(|error| error.contains("1 files")));
    // An operator says that what is there is all.
    world.ask_for_all();
    assert_eq!(world.poll(), ["a=1", "c=1"]);
    assert_eq!(world.error(), None);
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert_eq!(world.poll(), ["-b"]);
    // Said in the very poll that finds another directory.
    std::fs::rename(&path, world.dir.path().join("away too")).expect("renamed");
    std::fs::create_dir(&path).expect("made");
    world.write("d.wasm", b"1");
    world.ask_for_all();
    assert_eq!(world.poll(), ["d=1"]);
    assert_eq!(world.error(), None);
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert_eq!(world.poll(), ["-a", "-c"]);
}

#[test]
fn another_directory_in_its_place_is_read_and_none_changes_nothing() {
    let mut world = world();
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    let (path, away) = (world.path(""), world.dir.path().join("away"));
    std::fs::rename(&path, &away).expect("renamed");
    assert!(world.poll().is_empty());
    assert!(world.error().is_some(), "it is not there");
    std::fs::create_dir(&path).expect("made");
    world.write("a.wasm", b"2");
    // What lies in the old one is no longer looked at.
    std::fs::write(away.join("b.wasm"), b"1").expect("written");
    assert_eq!(world.poll(), ["a=2"]);
    assert_eq!(world.error(), None);
    // One that may only be read is read.
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o555);
    std::fs::set_permissions(&path, read_only).expect("set");
    assert!(world.poll().is_empty() && world.error().is_none());
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, all).expect("set");
}
