//! So many events a second of each place in the code.
//!
//! What viewers, origins and guests can cause they can cause at will; a log that
//! is full of it hides the rest and fills a disk. Each place that logs has a
//! bucket of its own, and where an event names its site or plugin, each of these:
//! one that floods takes no line from another. What is left out is counted under
//! `log.per_second`, and told a second later in one line of the same level and
//! target.
//!
//! Bounded: sites and plugins have [`APART`] buckets in all; what comes
//! beyond shares its place's.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Value, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::config;
use crate::metrics::Metrics;

/// Four times `plugins.max_files` as it ships.
const APART: usize = 1024;
/// From the first event that is left out until it is told.
const TELL: Duration = Duration::from_secs(1);
/// Fields whose values count apart.
const NAMES: [&str; 2] = ["site", "plugin"];

thread_local! {
    /// What is told of the limit is not under it.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// The limit; clones share it.
#[derive(Clone)]
pub struct Limit(Arc<Inner>);

struct Inner {
    now: Now,
    /// 0: there is none.
    per_second: f64,
    burst: f64,
    metrics: Metrics,
    buckets: Mutex<HashMap<Key, Bucket>>,
    /// Something was left out.
    left_out: Condvar,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Identifier,
    /// Of a site or plugin.
    of: Option<(&'static str, String)>,
}

#[derive(Debug)]
struct Bucket {
    metadata: &'static Metadata<'static>,
    left: f64,
    at: Instant,
    left_out: u64,
    /// Since when.
    since: Instant,
}

/// How the time passes; tests let it.
pub(super) type Now = Box<dyn Fn() -> Instant + Send + Sync>;

/// One line that stands for many.
struct Told {
    metadata: &'static Metadata<'static>,
    of: Option<(&'static str, String)>,
    left_out: u64,
}

impl Limit {
    pub(super) fn new(config: &config::Log, metrics: Metrics, now: Now) -> Self {
        Self(Arc::new(Inner {
            now,
            per_second: config.per_second as f64,
            burst: config.burst as f64,
            metrics,
            buckets: Mutex::default(),
            left_out: Condvar::new(),
        }))
    }

    /// Tells what was left out, all of it: before the end.
    pub fn finish(&self) {
        self.tell(self.0.told(None));
    }

    pub(super) fn run(&self) {
        loop {
            let buckets = self.0.buckets();
            let nothing = |buckets: &mut HashMap<Key, Bucket>| {
                buckets.values().all(|bucket| bucket.left_out == 0)
            };
            drop(self.0.left_out.wait_while(buckets, nothing));
            std::thread::sleep(TELL);
            self.tell_due();
        }
    }

    fn tell_due(&self) {
        self.tell(self.0.told(Some((self.0.now)())));
    }

    fn tell(&self, told: Vec<Told>) {
        TELLING.set(true);
        for told in told {
            told.dispatch();
        }
        TELLING.set(false);
    }
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let inner = &self.0;
        if inner.per_second == 0.0 || TELLING.get() {
            return true;
        }
        let metadata = event.metadata();
        let mut named = Named(None);
        if NAMES
            .iter()
            .any(|name| metadata.fields().field(name).is_some())
        {
            event.record(&mut named);
        }
        inner.takes(metadata, named.0)
    }
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limit")
    }
}

impl Inner {
    fn takes(
        &self,
        metadata: &'static Metadata<'static>,
        of: Option<(&'static str, String)>,
    ) -> bool {
        let now = (self.now)();
        let mut buckets = self.buckets();
        let place = metadata.callsite();
        let mut key = Key { place, of };
        if key.of.is_some() && buckets.len() >= APART && !buckets.contains_key(&key) {
            key.of = None;
        }
        let bucket = buckets.entry(key).or_insert_with(|| Bucket {
            metadata,
            left: self.burst,
            at: now,
            left_out: 0,
            since: now,
        });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * self.per_second).min(self.burst);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return true;
        }
        if bucket.left_out == 0 {
            bucket.since = now;
        }
        bucket.left_out += 1;
        drop(buckets);
        self.metrics.limit("log.per_second");
        self.left_out.notify_one();
        false
    }

    /// What was left out for long enough, or anything.
    fn told(&self, now: Option<Instant>) -> Vec<Told> {
        let mut buckets = self.buckets();
        let due = |bucket: &Bucket| {
            let waited = now.map(|now| now.saturating_duration_since(bucket.since));
            bucket.left_out > 0 && waited.is_none_or(|waited| waited >= TELL)
        };
        let due = buckets.iter_mut().filter(|(_, bucket)| due(bucket));
        due.map(|(key, bucket)| Told {
            metadata: bucket.metadata,
            of: key.of.clone(),
            left_out: std::mem::take(&mut bucket.left_out),
        })
        .collect()
    }

    fn buckets(&self) -> MutexGuard<'_, HashMap<Key, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// As an event of the place that it stands for: what shows one shows the
    /// other.
    fn dispatch(&self) {
        let fields = self.metadata.fields();
        let Some(message) = fields.field("message").or_else(|| fields.iter().next()) else {
            return;
        };
        let text = format!("{} like it were left out (log.per_second)", self.left_out);
        let text: &dyn Value = &text.as_str();
        let of = self.of.as_ref();
        let of = of.and_then(|(name, value)| Some((fields.field(name)?, value.as_str())));
        match of {
            Some((field, value)) => {
                let value: &dyn Value = &value;
                let values = [(&message, Some(text)), (&field, Some(value))];
                Event::dispatch(self.metadata, &fields.value_set(&values));
            }
            None => Event::dispatch(self.metadata, &fields.value_set(&[(&message, Some(text))])),
        }
    }
}

/// The site or plugin that an event names.
struct Named(Option<(&'static str, String)>);

impl Visit for Named {
    fn record_str(&mut self, field: &Field, value: &str) {
        let name = NAMES.iter().find(|name| **name == field.name());
        if let (Some(name), None) = (name, &self.0) {
            self.0 = Some((name, value.to_owned()));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use tracing::{info, warn};

    use super::*;
    use crate::log::tests::started;

    const FEW: &str = "[log]\nper_second = 2\nburst = 3";

    fn count(text: &str, of: &str) -> usize {
        text.lines().filter(|line| line.contains(of)).count()
    }

    #[test]
    fn a_place_that_floods_has_its_share_and_one_line_for_the_rest() {
        let (lines, limit, time, _guard) = started(FEW);
        let flood = |n: usize| (0..n).for_each(|n| warn!(n, "flood"));
        flood(1000);
        info!("another place");
        assert_eq!(count(&lines.text(), "flood"), 3);
        assert_eq!(count(&lines.text(), "another place"), 1);
        limit.tell_due();
        assert_eq!(count(&lines.text(), "left out"), 0, "not yet");
        time.pass(TELL);
        limit.tell_due();
        limit.tell_due();
        let text = lines.text();
        assert_eq!(count(&text, "997 like it were left out"), 1, "{text}");
        assert_eq!(count(&text, "left out"), 1, "told once");
        let told = text.lines().last().expect("a line");
        assert!(told.contains("WARN f1_streams::log::limit"), "{told}");
        assert_eq!(limit.0.metrics.limit_hits("log.per_second"), 997);
        // A second brought two.
        flood(5);
        assert_eq!(count(&lines.text(), "flood"), 5);
        limit.finish();
        assert_eq!(count(&lines.text(), "3 like it were left out"), 1);
    }

    #[test]
    fn sites_and_plugins_count_apart_and_their_number_is_bounded() {
        let (lines, limit, _, _guard) = started(FEW);
        let says = |site: &str, n: usize| (0..n).for_each(|_| warn!(site, "says"));
        says("loud", 100);
        says("quiet", 1);
        assert_eq!(count(&lines.text(), "\"loud\""), 3);
        assert_eq!(count(&lines.text(), "\"quiet\""), 1);
        limit.finish();
        let text = lines.text();
        let told = text.lines().last().expect("a line");
        assert!(told.contains("97 like") && told.contains("loud"), "{told}");
        (0..2 * APART).for_each(|n| says(&n.to_string(), 1));
        assert!(limit.0.buckets().len() <= APART + 1);
    }

    #[test]
    fn zero_leaves_nothing_out() {
        let (lines, limit, _, _guard) = started("[log]\nper_second = 0\nburst = 1");
        (0..1000).for_each(|_| warn!("flood"));
        assert_eq!(count(&lines.text(), "flood"), 1000);
        assert_eq!(limit.0.metrics.limit_hits("log.per_second"), 0);
    }
}
