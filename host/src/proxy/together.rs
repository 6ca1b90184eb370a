//! One piece of work for all who want its result at the same time, and what an
//! upstream refused a moment ago.
//!
//! Whoever waits drives the work: it goes on when the one who began it leaves,
//! and ends with the last one who waits.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::answer::Failure;
use crate::metrics::Metrics;
use crate::net::FetchError;

/// What is under way, by what it brings.
pub(super) struct Together<K: Eq + Hash, T: Clone>(Arc<Running<K, T>>);

/// Work that others may wait for.
pub(super) type Work<T> = BoxFuture<'static, Result<T, Failure>>;

struct Running<K: Eq + Hash, T: Clone> {
    work: DashMap<K, (u64, WeakShared<Work<T>>)>,
    next: AtomicU64,
    /// Refusals, and until when they hold.
    refused: moka::sync::Cache<K, (Instant, Failure)>,
    /// `relay.refused`.
    refusal: Duration,
    /// Where answers are counted by where they came from.
    metrics: Option<Metrics>,
}

/// Takes the work out of the list when it is done, or given up.
struct Done<K: Eq + Hash, T: Clone> {
    running: Arc<Running<K, T>>,
    key: K,
    number: u64,
}

/// Refusals that are remembered. More only cost more requests.
const MOST: u64 = 1024;
/// An upstream that says when to come back is not asked before, but it is not
/// believed for longer.
const LONGEST: Duration = Duration::from_secs(30);
/// What fails without a word is asked again soon, though not by everybody.
const BRIEFLY: Duration = Duration::from_millis(250);

impl<K: Eq + Hash, T: Clone> std::fmt::Debug for Together<K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Together({} under way)", self.0.work.len())
    }
}

impl<K, T> Together<K, T>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(super) fn new(refusal: Duration, metrics: Option<Metrics>) -> Self {
        Self(Arc::new(Running {
            work: DashMap::new(),
            next: AtomicU64::new(0),
            refused: moka::sync::Cache::builder()
                .max_capacity(MOST)
                .time_to_live(LONGEST)
                .build(),
            refusal,
            metrics,
        }))
    }

    /// What `look` finds, what was refused just now, what comes of the work for
    /// `key` that is under way, or of that which `begin` begins.
    pub(super) async fn get(
        &self,
        key: &K,
        look: impl Fn() -> Option<(T, &'static str)>,
        begin: impl FnOnce() -> Work<T>,
    ) -> Result<T, Failure> {
        let there = || {
            let found = look().map(|(found, from)| (Ok(found), from));
            found.or_else(|| Some((Err(self.refused(key)?), "refused")))
        };
        if let Some((result, from)) = there() {
            self.served(from);
            return result;
        }
        let (work, joined) = self.join(key, || {
            // What ended just now is there.
            match there() {
                Some((result, _)) => futures::future::ready(result).boxed(),
                None => self.noted(key.clone(), begin()),
            }
        });
        let from = if joined { "joined" } else { "fetched" };
        self.served(from);
        work.await
    }

    fn served(&self, from: &'static str) {
        if let Some(metrics) = &self.0.metrics {
            metrics.served(from);
        }
    }

    /// The work for `key` that is under way, or what `begin` begins; `true`
    /// where it was under way. Nothing for the same key ends while `begin`
    /// runs, which must not come back here.
    fn join(&self, key: &K, begin: impl FnOnce() -> Work<T>) -> (Shared<Work<T>>, bool) {
        let entry = self.0.work.entry(key.clone());
        if let Entry::Occupied(known) = &entry
            && let Some(work) = known.get().1.upgrade()
        {
            return (work, true);
        }
        let done = Done {
            running: self.0.clone(),
            key: key.clone(),
            number: self.0.next.fetch_add(1, Relaxed),
        };
        let (number, work) = (done.number, begin());
        let work = async move {
            let _done = done;
            work.await
        };
        let work = work.boxed().shared();
        if let Some(weak) = work.downgrade() {
            entry.insert((number, weak));
        }
        (work, false)
    }

    fn refused(&self, key: &K) -> Option<Failure> {
        let (until, mut failure) = self.0.refused.get(key)?;
        let left = until.checked_duration_since(Instant::now())?;
        if failure.retry_after.is_some() {
            failure.retry_after = Some(left.as_secs() + 1);
        }
        Some(failure)
    }

    /// The work, with its refusal remembered before anybody hears of it.
    fn noted(&self, key: K, work: Work<T>) -> Work<T> {
        let running = self.0.clone();
        let noted = async move {
            let result = work.await;
            if let Err(failure) = &result {
                let until = Instant::now() + holds(failure, running.refusal);
                running.refused.insert(key, (until, failure.clone()));
            }
            result
        };
        noted.boxed()
    }
}

/// How long a refusal holds for others.
fn holds(failure: &Failure, refusal: Duration) -> Duration {
    match failure.retry_after {
        // Nobody was asked: a place may be free in a moment, and who leaves an origin
        // alone knows best for how long.
        _ if is_ours(failure) => Duration::ZERO,
        Some(seconds) => Duration::from_secs(seconds).clamp(BRIEFLY, LONGEST),
        None if failure.status.is_client_error() => refusal,
        None => refusal.min(BRIEFLY),
    }
}

/// What no upstream said.
fn is_ours(failure: &Failure) -> bool {
    let ours = [FetchError::Busy, FetchError::Down(Duration::ZERO)];
    ours.iter().any(|error| error.code() == failure.code)
}

impl<K: Eq + Hash, T: Clone> Drop for Done<K, T> {
    fn drop(&mut self) {
        let work = &self.running.work;
        work.remove_if(&self.key, |_, (number, _)| *number == self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;
    use tokio::task::JoinSet;

    use super::*;

    fn together() -> Together<u8, usize> {
        Together::new(Duration::from_secs(1), None)
    }

    #[tokio::test]
    async fn a_refusal_holds_for_everybody_as_long_as_it_should() {
        let refusal = |status: u16, retry_after| {
            let status = http::StatusCode::from_u16(status).expect("a status");
            let mut failure = Failure::new(status, "refused", "");
            failure.retry_after = retry_after;
            failure
        };
        let together = together();
        let ask = async |key: u8, failure: &Failure| {
            let failure = failure.clone();
            let begin = || futures::future::ready(Err(failure)).boxed();
            let answer = together.get(&key, || None, begin).await;
            answer.expect_err("refused")
        };
        let (busy, gone) = (refusal(503, Some(5)), refusal(404, None));
        for (key, failure) in [(1, &busy), (2, &gone)] {
            assert_eq!(ask(key, failure).await, *failure);
            assert_eq!(ask(key, &refusal(500, None)).await, *failure);
        }
        assert_eq!(holds(&busy, Duration::from_secs(1)), Duration::from_secs(5));
        let long = refusal(429, Some(3600));
        assert_eq!(holds(&long, Duration::from_secs(1)), LONGEST);
        assert_eq!(holds(&gone, Duration::from_secs(1)), Duration::from_secs(1));
        let mut ours = busy.clone();
        for error in [FetchError::Busy, FetchError::Down(LONGEST)] {
            ours.code = error.code();
            assert_eq!(holds(&ours, Duration::from_secs(1)), Duration::ZERO);
        }
        let broken = refusal(502, None);
        assert_eq!(holds(&broken, Duration::from_secs(1)), BRIEFLY);
        assert_eq!(holds(&broken, Duration::ZERO), Duration::ZERO);
    }

    #[tokio::test]
    async fn work_goes_on_when_the_one_who_began_it_leaves() {
        let together = together();
        let begun = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Notify::new());
        let join = || {
            let (begun, gate) = (begun.clone(), gate.clone());
            together.join(&1, || {
                async move {
                    let number = begun.fetch_add(1, Relaxed);
                    gate.notified().await;
                    Ok(number)
                }
                .boxed()
            })
        };
        let (leader, joined) = join();
        assert!(!joined);
        let mut tasks = JoinSet::new();
        let leader = tasks.spawn(leader);
        while begun.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let (follower, joined) = join();
        assert!(joined);
        tasks.spawn(follower);
        tokio::task::yield_now().await;
        leader.abort();
        assert!(tasks.join_next().await.is_some_and(|left| left.is_err()));
        gate.notify_one();
        let followed = tasks.join_next().await.expect("the follower");
        assert_eq!(followed.expect("not aborted"), Ok(0));
        assert!(together.0.work.is_empty());

        // Nobody waits any more: the next one begins anew.
        drop(join());
        assert!(together.0.work.is_empty());
        gate.notify_one();
        let (next, joined) = join();
        assert!(!joined);
        assert_eq!(next.await, Ok(1));
    }
}
