//! One lane a plugin: what the directory brings for it while it is busy.
//!
//! Of a file that comes again and again only the newest counts, so no content
//! waits: a file that came meanwhile is asked for again when its plugin is
//! done, or when there is room: the contents that are being worked on have a
//! bound in bytes, and nobody else waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::plugins::directory::Event;

#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// Of the plugins that are busy.
    busy: Arc<Mutex<HashMap<String, Lane>>>,
    room: Arc<Semaphore>,
    /// Of the files that were asked for again when there was room.
    promised: Arc<Mutex<HashMap<String, OwnedSemaphorePermit>>>,
    /// In units of a KiB.
    rooms: u32,
}

/// What came meanwhile, in this order.
#[derive(Debug, Default)]
struct Lane {
    gone: bool,
    unusable: Option<String>,
    /// A file; `true`: by an operator's wish.
    file: Option<bool>,
}

/// What a plugin does when it is done with an event.
#[derive(Debug)]
pub(super) enum Next {
    Handle(Event),
    /// Its lane is free, and the directory is to hand its file over again.
    LookAgain {
        forced: bool,
    },
    /// Its lane is free.
    Rest,
}

/// Files of the largest size that are worked on at once.
const FILES: u64 = 4;

impl Lanes {
    pub(super) fn new(max_file: u64) -> Self {
        let kib = (FILES * max_file).div_ceil(1024);
        let rooms = u32::try_from(kib).unwrap_or(u32::MAX).max(1);
        let most = Semaphore::MAX_PERMITS.min(rooms as usize);
        Self {
            busy: Arc::default(),
            room: Arc::new(Semaphore::new(most)),
            promised: Arc::default(),
            rooms,
        }
    }

    /// Room for what `event` carries, taken until the permit is dropped.
    /// Waits for nothing: `Err` is what [`Lanes::wait`] waits for.
    pub(super) fn room(&self, event: &Event) -> Result<Option<OwnedSemaphorePermit>, u32> {
        let promised = self.promised().remove(event.key());
        let Event::File { content, .. } = event else {
            return Ok(None);
        };
        if promised.is_some() {
            return Ok(promised);
        }
        let kib = u32::try_from(content.bytes.len().div_ceil(1024)).unwrap_or(u32::MAX);
        let kib = kib.min(self.rooms);
        let room = self.room.clone().try_acquire_many_owned(kib);
        room.map(Some).map_err(|_| kib)
    }

    pub(super) async fn wait(&self, kib: u32) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        self.room.clone().acquire_many_owned(kib).await.ok()
    }

    /// Room for the next that comes of this plugin.
    pub(super) fn promise(&self, key: &str, room: OwnedSemaphorePermit) {
        self.promised().insert(key.to_owned(), room);
    }

    /// `Some`: the lane was free and is this event's until [`Lanes::next`]
    /// says so.
    pub(super) fn enter(&self, event: Event) -> Option<Event> {
        let mut busy = self.busy();
        let Some(lane) = busy.get_mut(event.key()) else {
            busy.insert(event.key().to_owned(), Lane::default());
            return Some(event);
        };
        match event {
            Event::File { forced, .. } => {
                lane.unusable = None;
                lane.file = Some(forced || lane.file == Some(true));
            }
            Event::Unusable { why, .. } => {
                lane.file = None;
                lane.unusable = Some(why);
            }
            Event::Gone { .. } => {
                *lane = Lane {
                    gone: true,
                    ..Lane::default()
                };
            }
            // Comes once.
            Event::Started { .. } => return Some(event),
        }
        None
    }

    pub(super) fn next(&self, key: &str) -> Next {
        let mut busy = self.busy();
        let lane = busy.get_mut(key);
        let key_again = || key.to_owned();
        if let Some(lane) = lane {
            if std::mem::take(&mut lane.gone) {
                return Next::Handle(Event::Gone { key: key_again() });
            }
            if let Some(why) = lane.unusable.take() {
                let key = key_again();
                return Next::Handle(Event::Unusable { key, why });
            }
        }
        match busy.remove(key).and_then(|lane| lane.file) {
            Some(forced) => Next::LookAgain { forced },
            None => Next::Rest,
        }
    }

    fn promised(&self) -> MutexGuard<'_, HashMap<String, OwnedSemaphorePermit>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn file(bytes: &Arc<[u8]>, forced: bool) -> Event {
        Event::File {
            key: "a".into(),
            content: bytes.clone().into(),
            forced,
        }
    }

    fn gone() -> Event {
        Event::Gone { key: "a".into() }
    }

    #[test]
    fn a_file_that_comes_again_and_again_waits_once_and_holds_nothing() {
        let lanes = Lanes::new(1 << 20);
        let bytes: Arc<[u8]> = vec![0; 1024].into();
        let first = lanes.enter(file(&bytes, false));
        assert!(matches!(first, Some(Event::File { .. })));
        drop(first);
        for n in 0..240 {
            assert!(lanes.enter(file(&bytes, n == 7)).is_none());
        }
        assert_eq!(Arc::strong_count(&bytes), 1, "no content waits");
        assert!(matches!(lanes.next("a"), Next::LookAgain { forced: true }));
        assert!(lanes.enter(file(&bytes, false)).is_some(), "free again");
    }

    #[test]
    fn what_came_last_counts_and_a_file_that_went_is_told() {
        let lanes = Lanes::new(1 << 20);
        let bytes: Arc<[u8]> = vec![0; 8].into();
        let unusable = || Event::Unusable {
            key: "a".into(),
            why: "a link".into(),
        };
        assert!(lanes.enter(gone()).is_some());
        for event in [file(&bytes, true), gone(), file(&bytes, false)] {
            assert!(lanes.enter(event).is_none());
        }
        assert!(matches!(lanes.next("a"), Next::Handle(Event::Gone { .. })));
        assert!(lanes.enter(unusable()).is_none());
        assert!(matches!(
            lanes.next("a"),
            Next::Handle(Event::Unusable { .. })
        ));
        assert!(matches!(lanes.next("a"), Next::Rest));
    }

    #[tokio::test]
    async fn contents_in_work_have_a_bound_and_small_ones_pass() {
        let lanes = Lanes::new(64 << 10);
        let (big, small): (Arc<[u8]>, Arc<[u8]>) = (vec![0; 64 << 10].into(), vec![0; 10].into());
        let mut held = Vec::new();
        for _ in 1..FILES {
            held.push(lanes.room(&file(&big, false)).expect("room"));
        }
        let last = lanes.room(&file(&small, false)).expect("room");
        assert!(last.is_some());
        let kib = lanes.room(&file(&big, false)).expect_err("no room");
        assert!(lanes.room(&gone()).expect("carries nothing").is_none());
        let waits = tokio::time::timeout(Duration::from_millis(20), lanes.wait(kib));
        assert!(waits.await.is_err(), "no room yet");
        held.pop();
        let room = lanes.wait(kib).await.expect("room");
        lanes.promise("a", room);
        assert!(lanes.room(&file(&big, false)).is_ok(), "it was promised");
        assert!(lanes.room(&file(&big, false)).is_ok(), "and given back");
        let room = lanes.wait(kib).await.expect("room");
        lanes.promise("a", room);
        let _ = lanes.room(&gone());
        assert!(lanes.wait(kib).await.is_some(), "who is gone needs none");
    }
}
