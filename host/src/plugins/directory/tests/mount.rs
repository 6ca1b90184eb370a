//! A directory that hangs and lies.

use std::io;
use std::sync::mpsc;

use super::*;

/// A mount in trouble: each call takes the next of what is scripted.
struct Mount {
    inner: Folder,
    trouble: mpsc::Receiver<Trouble>,
}

pub(super) enum Trouble {
    None,
    Listing(rustix::io::Errno),
    Reading(rustix::io::Errno),
    /// Until the other end is dropped.
    Hang(mpsc::Receiver<()>),
    /// Another file system is in the place.
    OtherDevice,
    /// The file looks as it did although it changed.
    Stamp(Stamp),
    /// What somebody else does as soon as a file has been read.
    Behind(Box<dyn Fn() + Send>),
}

impl Mount {
    fn next(&mut self) -> Trouble {
        self.trouble.try_recv().unwrap_or(Trouble::None)
    }
}

/// What the whole of one poll gets.
pub(super) struct Scripted {
    mount: Mount,
    now: Trouble,
}

impl Disk for Scripted {
    fn names(&mut self, most: usize) -> io::Result<(std::collections::BTreeSet<String>, bool)> {
        self.now = self.mount.next();
        match &self.now {
            Trouble::Listing(errno) => return Err((*errno).into()),
            Trouble::Hang(until) => drop(until.recv()),
            _ => {}
        }
        self.mount.inner.names(most)
    }

    fn look(&mut self, name: &str) -> io::Result<Stamp> {
        match &self.now {
            Trouble::Stamp(stamp) => Ok(*stamp),
            _ => self.mount.inner.look(name),
        }
    }

    fn read(&mut self, name: &str, stamp: Stamp, max: u64) -> io::Result<Option<Vec<u8>>> {
        match &self.now {
            Trouble::Reading(errno) => Err((*errno).into()),
            Trouble::Stamp(_) => {
                let real = self.mount.inner.look(name)?;
                self.mount.inner.read(name, real, max)
            }
            Trouble::Behind(happens) => {
                let read = self.mount.inner.read(name, stamp, max);
                happens();
                read
            }
            _ => self.mount.inner.read(name, stamp, max),
        }
    }

    fn moved(&mut self) -> bool {
        self.mount.inner.moved()
    }

    fn place(&self) -> Option<Place> {
        let mut place = self.mount.inner.place()?;
        if matches!(self.now, Trouble::OtherDevice) {
            place.device = u64::MAX;
        }
        Some(place)
    }
}

fn mounted() -> (World<Scripted>, mpsc::Sender<Trouble>) {
    mounted_with(config())
}

pub(super) fn mounted_with(config: config::Plugins) -> (World<Scripted>, mpsc::Sender<Trouble>) {
    let (sender, trouble) = mpsc::channel();
    let world = made(config, |path| Scripted {
        mount: Mount {
            inner: Folder::new(path),
            trouble,
        },
        now: Trouble::None,
    });
    (world, sender)
}

#[test]
fn a_mount_in_trouble_keeps_everything_and_what_was_missed_comes_later() {
    use rustix::io::Errno;
    let (mut world, trouble) = mounted();
    let now = |trouble_now| trouble.send(trouble_now).expect("taken");
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    for errno in [Errno::STALE, Errno::IO, Errno::NOTCONN] {
        now(Trouble::Listing(errno));
        assert!(world.poll().is_empty());
        assert!(world.error().is_some());
        std::thread::sleep(POLL);
    }
    assert!(world.poll().is_empty());
    assert_eq!(world.error(), None);
    for (content, errno) in [("2", Errno::STALE), ("3", Errno::IO)] {
        world.write("a.wasm", content.as_bytes());
        now(Trouble::Reading(errno));
        assert!(world.poll().is_empty(), "not the file's fault");
        assert_eq!(world.poll(), [format!("a={content}")]);
    }
}

#[test]
fn what_another_mount_does_not_have_stays() {
    let (mut world, trouble) = mounted();
    world.write("a.wasm", b"1");
    world.write("b.wasm", b"1");
    assert_eq!(world.poll().len(), 2);
    std::fs::remove_file(world.path("b.wasm")).expect("removed");
    trouble.send(Trouble::OtherDevice).expect("taken");
    for _ in 0..3 {
        assert!(world.poll().is_empty());
        std::thread::sleep(POLL + Duration::from_millis(10));
    }
    assert!(world.error().is_some());
}

#[test]
fn a_wish_stays_until_the_mount_can_do_it() {
    let (mut world, trouble) = mounted();
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    for forced in [false, true] {
        let mut asked = signals::Asked::default();
        asked.again.insert("a.wasm".into(), forced);
        world.poller.ask(asked);
        let errno = rustix::io::Errno::IO;
        trouble.send(Trouble::Reading(errno)).expect("taken");
        assert!(world.poll().is_empty());
        assert_eq!(world.poll(), ["a=1"], "forced: {forced}");
        assert!(world.poll().is_empty());
    }
}

#[test]
fn a_file_that_looks_the_same_is_read_once_more() {
    let (mut world, trouble) = mounted();
    world.poller.coarse = Duration::from_millis(30);
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1"]);
    let known = world.path("a.wasm").metadata().expect("looked at");
    let stamp = Stamp::from(&known);
    // Overwritten within one tick of the file system's clock.
    world.write("a.wasm", b"2");
    std::thread::sleep(Duration::from_millis(40));
    trouble.send(Trouble::Stamp(stamp)).expect("taken");
    assert_eq!(world.poll(), ["a=2"]);
}

#[test]
fn a_mount_that_hangs_holds_nobody_but_the_poller_and_is_seen() {
    let (world, trouble) = mounted();
    world.write("a.wasm", b"1");
    let (release, hang) = mpsc::channel();
    trouble.send(Trouble::Hang(hang)).expect("taken");
    let World {
        dir,
        poller,
        mut events,
        ..
    } = world;
    let patience = Duration::from_millis(100);
    let directory = Directory::start(poller, Arc::default(), patience).expect("a thread");
    std::thread::sleep(2 * patience);
    let error = directory.status().error.expect("it is seen");
    assert!(error.contains("does not answer since"), "{error}");
    // Nothing else waits for it.
    let asked = std::time::Instant::now();
    directory.reload();
    directory.signals.look_again("a", true);
    assert!(directory.status().checked_at.is_none());
    assert!(asked.elapsed() < patience);
    assert!(events.try_recv().is_err());
    drop(release);
    let first = events.blocking_recv().map(word);
    assert_eq!(first.as_deref(), Some("a=1"), "it goes on by itself");
    std::thread::sleep(patience);
    assert_eq!(directory.status().error, None);
    drop((directory, dir));
}
