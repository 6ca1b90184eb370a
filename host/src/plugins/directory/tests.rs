//! What a poll makes of a directory, one poll at a time.

use std::time::Duration;

use super::*;

struct World {
    dir: tempfile::TempDir,
    poller: Poller,
    events: tokio::sync::mpsc::Receiver<Event>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let text =
            "[plugins]\npoll = \"50ms\"\nsettle = \"5ms\"\nmax_file = \"1KiB\"\nmax_files = 3";
        let config = config::Config::from_toml(text, dir.path())
            .expect("configuration")
            .config;
        let (sender, events) = tokio::sync::mpsc::channel(64);
        let (path, clock) = (dir.path().join("plugins"), Clock::system());
        std::fs::create_dir(&path).expect("made");
        let poller = Poller::new(path, &config.plugins, clock, Metrics::new(), sender);
        Self {
            dir,
            poller,
            events,
        }
    }

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
            seen.push(match event {
                Event::File { key, bytes, .. } => {
                    format!("{key}={}", String::from_utf8_lossy(&bytes))
                }
                Event::Unusable { file, .. } => format!("!{file}"),
                Event::Gone { key } => format!("-{key}"),
                Event::Started { .. } => "started".into(),
            });
        }
        seen
    }
}

#[test]
fn each_change_is_handed_on_once() {
    let mut world = World::new();
    world.write("a.wasm", b"1");
    world.write("note.txt", b"x");
    world.write(".hidden.wasm", b"x");
    assert_eq!(world.poll(), ["a=1"]);
    assert!(world.poll().is_empty(), "unchanged");
    // Renamed over, with the size and the time of the old one.
    let modified = world
        .path("a.wasm")
        .metadata()
        .and_then(|meta| meta.modified())
        .expect("time");
    world.write("new", b"2");
    let file = std::fs::File::options()
        .write(true)
        .open(world.path("new"))
        .expect("opened");
    file.set_modified(modified).expect("set");
    std::fs::rename(world.path("new"), world.path("a.wasm")).expect("renamed");
    assert_eq!(world.poll(), ["a=2"]);
    // Overwritten in place.
    world.write("a.wasm", b"3");
    assert_eq!(world.poll(), ["a=3"]);
    world.poller.forced = true;
    assert_eq!(world.poll(), ["a=3"], "an operator asked");
}

#[test]
fn what_is_no_plugin_file_is_told_and_never_followed() {
    let mut world = World::new();
    world.write("x.wasm.wasm", b"1");
    world.write("big.wasm", &[0; 2000]);
    std::os::unix::fs::symlink("/etc/passwd", world.path("link.wasm")).expect("linked");
    let mut seen = world.poll();
    seen.sort();
    assert_eq!(seen, ["!big.wasm", "!link.wasm", "!x.wasm.wasm"]);
    assert!(world.poll().is_empty(), "told once");
}

#[test]
fn a_file_is_gone_after_an_interval_and_an_empty_directory_never() {
    let mut world = World::new();
    world.write("a.wasm", b"1");
    world.write("b.wasm", b"1");
    assert_eq!(world.poll().len(), 2);
    std::fs::remove_file(world.path("a.wasm")).expect("removed");
    assert!(
        world.poll().is_empty() && world.poll().is_empty(),
        "polls at once are one poll"
    );
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(world.poll(), ["-a"]);
    std::fs::remove_file(world.path("b.wasm")).expect("removed");
    world.poll();
    std::thread::sleep(Duration::from_millis(60));
    assert!(
        world.poll().is_empty(),
        "the last one is a mount that went away"
    );
    assert!(world.poller.status.lock().expect("lock").error.is_some());
}

#[test]
fn beyond_the_count_nothing_is_forgotten() {
    let mut world = World::new();
    for name in ["a.wasm", "b.wasm", "c.wasm"] {
        world.write(name, b"1");
    }
    assert_eq!(world.poll().len(), 3);
    world.write("d.wasm", b"1");
    for _ in 0..3 {
        assert!(world.poll().iter().all(|event| !event.starts_with('-')));
        std::thread::sleep(Duration::from_millis(60));
    }
    assert!(world.poller.metrics.limit_hits("plugins.max_files") > 0);
}
