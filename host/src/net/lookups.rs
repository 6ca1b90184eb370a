//! Names to addresses, one question for all who ask at the same time.
//!
//! The system's resolver holds a thread for as long as it likes, also when nobody
//! waits any more. So few questions are open at once (`net.lookups`, a quarter of
//! them of one domain), each keeps its place until it is answered, and whoever asks
//! for a name meanwhile waits for the same answer. It is remembered for
//! `net.dns_ttl`. Nothing is judged here:
//! every policy judges for itself.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::config;
use crate::metrics::Metrics;

/// Who knows the addresses of names.
pub trait Names: Debug + Send + Sync {
    /// All addresses of an absolute name; blocks.
    fn addresses(&self, absolute: &str) -> io::Result<Vec<IpAddr>>;
}

/// As the machine is set up.
#[derive(Clone, Copy, Debug)]
pub struct SystemNames;

/// `None`: no address.
type Answer = Option<Arc<[IpAddr]>>;

/// Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Lookups(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    names: Arc<dyn Names>,
    places: Arc<Semaphore>,
    /// Of those, as many as the names of one domain may have.
    of_one: usize,
    domains: DashMap<String, Arc<Semaphore>>,
    /// `None` where nothing is to be remembered.
    answers: Option<moka::sync::Cache<String, Arc<[IpAddr]>>>,
    /// `None` until there is an answer.
    open: DashMap<String, watch::Receiver<Option<Answer>>>,
    metrics: Metrics,
}

/// An open question: as long as it lives, others join it.
struct Question {
    lookups: Lookups,
    name: String,
    _places: [OwnedSemaphorePermit; 2],
}

/// Names remembered: a few for each stream that plays.
const REMEMBERED: u64 = 1024;
/// Beyond so many, domains are forgotten of which nobody asks.
const DOMAINS: usize = 1024;
/// Whose name server is silent has so much of all places.
const SHARE: usize = 4;

// === impl Lookups ===

impl Lookups {
    pub(super) fn new(names: Arc<dyn Names>, config: &config::Net, metrics: Metrics) -> Self {
        let remember = || {
            moka::sync::Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(config.dns_ttl)
                .build()
        };
        Self(Arc::new(Inner {
            names,
            places: Arc::new(Semaphore::new(config.lookups)),
            of_one: (config.lookups / SHARE).max(1),
            domains: DashMap::new(),
            answers: (!config.dns_ttl.is_zero()).then(remember),
            open: DashMap::new(),
            metrics,
        }))
    }

    /// What is known of `name`, or will be. Who stops waiting ends nothing.
    pub(super) async fn find(&self, name: &str) -> Answer {
        if let Some(known) = self.known(name) {
            return Some(known);
        }
        let open = self.0.open.get(name).map(|open| open.clone());
        let mut open = match open {
            Some(open) => open,
            None => self.ask(name).await?,
        };
        // An error: who asked has gone without a word.
        open.wait_for(Option::is_some).await.ok()?.clone()?
    }

    fn known(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        self.0.answers.as_ref()?.get(name)
    }

    async fn place(&self, places: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if places.available_permits() == 0 {
            self.0.metrics.limit("net.lookups");
        }
        places.acquire_owned().await.ok()
    }

    /// The places of the domain that somebody registered, more or less: its last two
    /// labels.
    fn of_domain(&self, name: &str) -> Arc<Semaphore> {
        let name = name.trim_end_matches('.');
        let mut dots = name.rmatch_indices('.').skip(1).map(|(at, _)| at + 1);
        let domain = &name[dots.next().unwrap_or(0)..];
        if self.0.domains.len() >= DOMAINS {
            let domains = &self.0.domains;
            domains.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.0.of_one));
        let domain = self.0.domains.entry(domain.to_owned());
        domain.or_insert_with(new).clone()
    }

    async fn ask(&self, name: &str) -> Option<watch::Receiver<Option<Answer>>> {
        let of_domain = self.place(self.of_domain(name)).await?;
        let place = self.place(self.0.places.clone()).await?;
        let vacant = match self.0.open.entry(name.to_owned()) {
            Entry::Occupied(open) => return Some(open.get().clone()),
            Entry::Vacant(vacant) => vacant,
        };
        // Answered while this one waited for a place.
        if let Some(known) = self.known(name) {
            return Some(watch::channel(Some(Some(known))).1);
        }
        let (told, open) = watch::channel(None);
        vacant.insert(open.clone());
        let question = Question {
            lookups: self.clone(),
            name: name.to_owned(),
            _places: [of_domain, place],
        };
        // Nobody can end it, so nobody owns it: its place is what bounds it.
        tokio::task::spawn_blocking(move || told.send_replace(Some(question.answer())));
        Some(open)
    }
}

// === impl Question ===

impl Question {
    fn answer(self) -> Answer {
        let inner = &self.lookups.0;
        let found = inner.names.addresses(&self.name).ok()?;
        let found: Arc<[IpAddr]> = Some(found).filter(|found| !found.is_empty())?.into();
        if let Some(answers) = &inner.answers {
            answers.insert(self.name.clone(), found.clone());
        }
        Some(found)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.lookups.0.open.remove(&self.name);
    }
}

impl Names for SystemNames {
    fn addresses(&self, absolute: &str) -> io::Result<Vec<IpAddr>> {
        let found = (absolute, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use futures::future::join_all;
    use tokio::time::timeout;

    use super::*;
    use crate::config::Config;

    const MOMENT: Duration = Duration::from_millis(200);

    pub(crate) fn config(text: &str) -> config::Net {
        let text = format!("[net]\n{text}");
        let loaded = Config::from_toml(&text, Path::new("/")).expect("a configuration");
        loaded.config.net
    }

    /// Answers each question once the test says so; one name is unknown, and one
    /// brings it down.
    #[derive(Debug)]
    struct Slow {
        asked: Mutex<Vec<String>>,
        go: Mutex<Receiver<()>>,
    }

    impl Names for Slow {
        fn addresses(&self, absolute: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.lock().expect("asked").push(absolute.to_owned());
            self.go.lock().expect("go").recv().expect("the test");
            match absolute {
                "unknown.test." => Err(io::ErrorKind::NotFound.into()),
                "panic.test." => panic!("as a test wants it"),
                _ => Ok(vec![[192, 0, 2, 1].into()]),
            }
        }
    }

    fn slow(text: &str) -> (Lookups, Arc<Slow>, Sender<()>, Metrics) {
        let (go, wait) = channel();
        let slow = Arc::new(Slow {
            asked: Mutex::default(),
            go: Mutex::new(wait),
        });
        let metrics = Metrics::new();
        let lookups = Lookups::new(slow.clone(), &config(text), metrics.clone());
        (lookups, slow, go, metrics)
    }

    async fn found(lookups: &Lookups, name: &str) -> bool {
        let found = timeout(25 * MOMENT, lookups.find(name)).await;
        found.expect("an answer").is_some()
    }

    impl Slow {
        fn asked(&self) -> usize {
            self.asked.lock().expect("asked").len()
        }
    }

    #[tokio::test]
    async fn a_name_is_asked_for_once_and_remembered_for_a_while() {
        let (lookups, slow, go, _) = slow("dns_ttl = \"1s\"\n");
        for round in 1..=2 {
            go.send(()).expect("it waits");
            let all = join_all((0..20).map(|_| found(&lookups, "a.test.")));
            assert!(all.await.iter().all(|found| *found));
            assert!(found(&lookups, "a.test.").await);
            assert_eq!(slow.asked(), round);
            tokio::time::sleep(6 * MOMENT).await;
        }
    }

    #[tokio::test]
    async fn no_answer_is_not_remembered_and_neither_is_any_where_nothing_shall_be() {
        let (lookups, slow, go, _) = slow("dns_ttl = \"0\"\n");
        for (n, name) in (1..).zip(["unknown.test.", "unknown.test.", "a.test.", "a.test."]) {
            go.send(()).expect("it waits");
            assert_eq!(found(&lookups, name).await, name == "a.test.");
            assert_eq!(slow.asked(), n);
        }
    }

    #[tokio::test]
    async fn few_are_asked_for_at_once_and_each_keeps_its_place() {
        let (lookups, slow, go, metrics) = slow("lookups = 2\n");
        let names: Vec<String> = (0..5).map(|n| format!("{n}.test.")).collect();
        for _ in 0..2 {
            let all = join_all(names.iter().map(|name| timeout(MOMENT, lookups.find(name))));
            assert!(all.await.iter().all(Result::is_err), "nobody answers");
            // Who stopped waiting gave no place back, and asks no second time.
            assert_eq!(slow.asked(), 2);
        }
        assert!(metrics.limit_hits("net.lookups") >= 3);
        for _ in 0..5 {
            go.send(()).expect("it waits");
        }
        let all = join_all(names.iter().map(|name| found(&lookups, name)));
        assert!(all.await.iter().all(|found| *found));
        assert_eq!(slow.asked(), 5);
    }

    #[tokio::test]
    async fn one_domain_whose_names_nobody_answers_keeps_no_other_from_an_answer() {
        let (lookups, slow, go, _) = slow("lookups = 8\n");
        let silent: Vec<String> = (0..20).map(|n| format!("{n}.a.evil.test.")).collect();
        let all = join_all(
            silent
                .iter()
                .map(|name| timeout(MOMENT, lookups.find(name))),
        );
        assert!(all.await.iter().all(Result::is_err), "nobody answers");
        assert_eq!(slow.asked(), 2, "a quarter");
        let others = ["good.test.", "a.good.test.", "evil.test.example."];
        let asked = join_all(others.map(|name| timeout(MOMENT, lookups.find(name))));
        assert!(asked.await.iter().all(Result::is_err));
        assert_eq!(slow.asked(), 5, "the others are asked for at once");
        for _ in 0..30 {
            go.send(()).expect("it waits");
        }
        assert!(found(&lookups, "good.test.").await);
    }

    #[tokio::test]
    async fn a_question_that_breaks_down_can_be_asked_again() {
        let (lookups, slow, go, _) = slow("lookups = 1\n");
        for round in 1..=2 {
            go.send(()).expect("it waits");
            assert!(!found(&lookups, "panic.test.").await);
            assert_eq!(slow.asked(), round);
        }
    }
}
