//! One message for each change, and of a site that comes and goes no more than
//! one per interval: what it is at the interval's end is told then, if that is
//! something else than was told last.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::message::{Kind, News};

#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    ready: VecDeque<News>,
    told: BTreeMap<String, Told>,
}

/// What was told last of one site or plugin.
#[derive(Debug)]
struct Told {
    at: Instant,
    kind: Kind,
    waiting: Option<News>,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            ready: VecDeque::new(),
            told: BTreeMap::new(),
        }
    }

    /// News to be told now or later, or never.
    pub(super) fn add(&mut self, news: News, now: Instant) {
        let interval = self.interval;
        let over = |told: &Told| told.at + interval <= now;
        // Sites come and go in the long run.
        self.told
            .retain(|_, told| told.waiting.is_some() || told.kind == Kind::Broken || !over(told));
        let subject = news.subject();
        match self.told.get_mut(&subject) {
            // As it was told: what came between is over before anybody knew.
            Some(told) if told.kind == news.kind => {
                told.waiting = None;
            }
            Some(told) if !over(told) => told.waiting = Some(news),
            _ => self.tell(subject, news, now),
        }
    }

    /// When something that waits is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.told.values().filter(|told| told.waiting.is_some());
        waiting.map(|told| told.at + self.interval).min()
    }

    /// What is to be told now.
    pub(super) fn next(&mut self, now: Instant) -> Option<News> {
        let due = self
            .told
            .iter_mut()
            .filter(|(_, told)| told.at + self.interval <= now);
        let due: Vec<_> = due
            .filter_map(|(subject, told)| Some((subject.clone(), told.waiting.take()?)))
            .collect();
        for (subject, news) in due {
            self.tell(subject, news, now);
        }
        self.ready.pop_front()
    }

    fn tell(&mut self, subject: String, news: News, at: Instant) {
        let kind = news.kind;
        let waiting = None;
        self.told.insert(subject, Told { at, kind, waiting });
        self.ready.push_back(news);
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::news;
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    fn told(pace: &mut Pace, now: Instant) -> Vec<(Kind, String)> {
        let all = std::iter::from_fn(|| pace.next(now));
        all.map(|news| (news.kind, news.site.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_change_is_told_at_once_and_a_flapping_site_once_an_interval() {
        let (mut pace, now) = (Pace::new(INTERVAL), Instant::now());
        pace.add(news(Kind::Broken, "a"), now);
        pace.add(news(Kind::Broken, "b"), now);
        let both = [(Kind::Broken, "a".into()), (Kind::Broken, "b".into())];
        assert_eq!(told(&mut pace, now), both);
        for _ in 0..5 {
            pace.add(news(Kind::Back, "a"), now);
            pace.add(news(Kind::Broken, "a"), now);
        }
        pace.add(news(Kind::Back, "a"), now);
        assert_eq!(told(&mut pace, now), [], "not so soon");
        assert_eq!(pace.due(), Some(now + INTERVAL));
        assert_eq!(told(&mut pace, now + INTERVAL), [(Kind::Back, "a".into())]);
        assert_eq!(pace.due(), None);
    }

    #[test]
    fn what_is_as_it_was_told_is_not_told_again() {
        let (mut pace, now) = (Pace::new(INTERVAL), Instant::now());
        pace.add(news(Kind::Broken, "a"), now);
        pace.add(news(Kind::Back, "a"), now);
        pace.add(news(Kind::Broken, "a"), now);
        assert_eq!(told(&mut pace, now).len(), 1);
        let later = now + INTERVAL * 2;
        assert_eq!(told(&mut pace, later), []);
        pace.add(news(Kind::Back, "a"), later);
        assert_eq!(told(&mut pace, later), [(Kind::Back, "a".into())]);
    }
}
