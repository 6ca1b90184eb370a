//! How often one origin is checked: a plugin that lists a hundred streams of
//! somebody must not make us ask them a hundred times over and over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

const WINDOW: Duration = Duration::from_secs(60);
/// Origins remembered; those whose minute is over are dropped beyond it.
const MAX_ORIGINS: usize = 1024;

/// Checks of the current minute, by origin.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<String, (Instant, usize)>>);

impl Pace {
    /// Whether one more check of this URL's origin is within `limit` a minute.
    pub(super) fn allows(&self, url: &Url, limit: usize, now: Instant) -> bool {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() >= MAX_ORIGINS {
            origins.retain(|_, (began, _)| now - *began < WINDOW);
        }
        let origin = url.origin().ascii_serialization();
        let (began, count) = origins.entry(origin).or_insert((now, 0));
        if now - *began >= WINDOW {
            (*began, *count) = (now, 0);
        }
        *count += 1;
        *count <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_so_many_checks_a_minute_and_disturbs_no_other() {
        let pace = Pace::default();
        let url = |text| Url::parse(text).expect("url");
        let (one, other) = (url("https://a.example/x"), url("https://b.example/"));
        let now = Instant::now();
        let allowed = (0..10).filter(|_| pace.allows(&one, 3, now)).count();
        assert_eq!(allowed, 3);
        assert!(!pace.allows(&url("https://a.example/y"), 3, now));
        assert!(pace.allows(&other, 3, now));
        assert!(pace.allows(&one, 3, now + WINDOW));
    }
}
