//! What the directory brings, in order.

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::effects::Seen;
use super::lanes::{Lanes, Next};
use super::{Loader, PATIENCE, blocking, digest};
use crate::config;
use crate::plugins::directory::{Directory, Event};
use crate::plugins::lifecycle::{Effect, Input};

impl Loader {
    /// Starts watching the directory; the task returned loads until `stop`.
    pub fn watch(
        &self,
        stop: CancellationToken,
    ) -> std::io::Result<(Directory, impl Future<Output = ()> + Send + 'static)> {
        let inner = &self.0;
        // One that waits is enough: each may hold a whole file.
        let (sender, events) = mpsc::channel(1);
        let (clock, metrics) = (inner.host.clock.clone(), inner.host.metrics.clone());
        let directory = Directory::watch(
            inner.directory.clone(),
            inner.copies.keys(),
            &inner.config,
            inner.signals.clone(),
            (clock, metrics),
            sender,
        )?;
        let this = self.clone();
        // Watched once.
        let _ = inner.stop.set(stop.clone());
        let task = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = this.run(events) => {}
            }
        };
        Ok((directory, task))
    }

    /// One task a plugin, so that a slow or broken one delays no other; what
    /// comes for one, one after the other.
    async fn run(self, mut events: mpsc::Receiver<Event>) {
        let copies = self.0.copies.clone();
        blocking(move || copies.sweep()).await;
        // Grants and probes look at the sites.
        let (sites, keys) = (self.0.sites.clone(), self.0.registry.keys());
        let read = blocking(move || sites.reload(&keys));
        if tokio::time::timeout(PATIENCE, read).await.is_err() {
            tracing::warn!("the sites directory does not answer");
        }
        let lanes = Lanes::new(self.0.config.max_file.as_u64());
        let mut first = true;
        loop {
            let event = if std::mem::take(&mut first) {
                match tokio::time::timeout(PATIENCE, events.recv()).await {
                    Ok(event) => event,
                    // The mount hangs: what was proven before serves meanwhile.
                    Err(_) => Some(Event::Started { found: false }),
                }
            } else {
                events.recv().await
            };
            let Some(event) = event else {
                return;
            };
            let Some(event) = lanes.enter(event) else {
                continue;
            };
            let key = event.key().to_owned();
            let (event, full) = match lanes.room(&event) {
                Ok(room) => (Some((event, room)), None),
                Err(kib) => {
                    // It comes again: its content does not wait.
                    lanes.enter(event);
                    (None, Some(kib))
                }
            };
            let work = self.clone().work(lanes.clone(), key, event, full);
            self.0.tasks.spawn(work);
        }
    }

    /// Does `event`, or waits for the room that it needs, and does what came
    /// meanwhile for the same plugin.
    async fn work(
        self,
        lanes: Lanes,
        key: String,
        mut event: Option<(Event, Option<OwnedSemaphorePermit>)>,
        full: Option<u32>,
    ) {
        let mut promised = match full {
            Some(kib) => lanes.wait(kib).await,
            None => None,
        };
        loop {
            if let Some((now, room)) = event.take() {
                let this = self.clone();
                let task = self
                    .0
                    .tasks
                    .spawn(async move { this.handle(now, room).await });
                // However it ended: what comes now is newer. A panic in it is
                // logged there.
                let _ = task.await;
            }
            match lanes.next(&key) {
                Next::Handle(next) => event = Some((next, None)),
                Next::LookAgain { forced } => {
                    if let Some(room) = promised.take() {
                        lanes.promise(&key, room);
                    }
                    return self.0.signals.look_again(&key, forced);
                }
                Next::Rest => return,
            }
        }
    }

    async fn handle(&self, event: Event, room: Option<OwnedSemaphorePermit>) {
        match event {
            Event::File {
                key,
                content,
                forced,
            } => {
                self.open(&key).await;
                let digest = digest(&content.bytes);
                let effects = self.step(&key, Input::Seen { digest, forced });
                let file = Seen {
                    content,
                    _room: room,
                };
                self.drive(&key, effects, Some(file)).await;
            }
            Event::Unusable { key, why } => {
                let key = key.as_str();
                self.open(key).await;
                let input = Input::Unusable {
                    code: "file",
                    message: format!("the file cannot be used: {why}"),
                };
                let effects = self.step(key, input);
                self.drive(key, effects, None).await;
            }
            Event::Gone { key } => {
                // It may have gone while nobody watched.
                self.open(&key).await;
                let effects = self.step(&key, Input::Gone);
                self.drive(&key, effects, None).await;
            }
            Event::Started { found: true } => {}
            // A mount that is not there yet: what was proven before serves.
            Event::Started { found: false } => {
                let copies = self.0.copies.clone();
                let keys = blocking(move || copies.keys()).await;
                let keys = keys.unwrap_or_default();
                let restored = keys.iter().map(|key| self.restore(key));
                futures::future::join_all(restored).await;
            }
        }
    }

    async fn restore(&self, key: &str) {
        self.open(key).await;
        if key.parse::<config::Key>().is_ok() && self.0.registry.current(key).is_none() {
            let effects = vec![Effect::Restore { except: None }];
            self.drive(key, effects, None).await;
        }
    }
}
