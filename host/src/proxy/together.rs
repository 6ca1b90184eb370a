//! One piece of work for all who want its result at the same time.
//!
//! Whoever waits drives it: it goes on when the one who began it leaves, and
//! ends with the last one who waits.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};

/// What is under way, by what it brings.
#[derive(Debug)]
pub(super) struct Together<K: Eq + Hash, V: Clone>(Arc<Running<K, V>>);

#[derive(Debug)]
struct Running<K: Eq + Hash, V: Clone> {
    work: DashMap<K, (u64, WeakShared<BoxFuture<'static, V>>)>,
    next: AtomicU64,
}

/// Takes the work out of the list when it is done, or given up.
struct Done<K: Eq + Hash, V: Clone> {
    running: Arc<Running<K, V>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, V: Clone> Default for Together<K, V> {
    fn default() -> Self {
        Self(Arc::new(Running {
            work: DashMap::new(),
            next: AtomicU64::new(0),
        }))
    }
}

impl<K, V> Together<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The work for `key` that is under way, or what `begin` begins; `true`
    /// where it was under way. Nothing for the same key ends while `begin`
    /// runs, which must not come back here.
    pub(super) fn join(
        &self,
        key: &K,
        begin: impl FnOnce() -> BoxFuture<'static, V>,
    ) -> (Shared<BoxFuture<'static, V>>, bool) {
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
}

impl<K: Eq + Hash, V: Clone> Drop for Done<K, V> {
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

    #[tokio::test]
    async fn work_goes_on_when_the_one_who_began_it_leaves() {
        let together = Together::<u8, usize>::default();
        let begun = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Notify::new());
        let join = || {
            let (begun, gate) = (begun.clone(), gate.clone());
            together.join(&1, || {
                async move {
                    let number = begun.fetch_add(1, Relaxed);
                    gate.notified().await;
                    number
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
        assert_eq!(followed.expect("not aborted"), 0);
        assert!(together.0.work.is_empty());

        // Nobody waits any more: the next one begins anew.
        drop(join());
        assert!(together.0.work.is_empty());
        gate.notify_one();
        let (next, joined) = join();
        assert!(!joined);
        assert_eq!(next.await, 1);
    }
}
