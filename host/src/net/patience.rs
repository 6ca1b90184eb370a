//! How long a body may bring nothing. The timer is set once and looked at when
//! it rings: a body that flows costs none of its turns.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    /// Of the first wait of a row.
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            timer: None,
        }
    }

    /// Something came.
    pub(super) fn rewarded(&mut self) {
        self.since = None;
    }

    /// Nothing came: ready once that has lasted for the limit.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.since.get_or_insert_with(Instant::now) + self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_wait_in_one_piece_counts() {
        let limit = Duration::from_secs(1);
        let mut patience = Patience::new(limit);
        let began = Instant::now();
        while began.elapsed() < limit * 3 / 2 {
            let wait = std::future::poll_fn(|cx| patience.poll(cx));
            let waited = tokio::time::timeout(limit / 10, wait).await;
            assert!(waited.is_err(), "a piece comes now and then");
            patience.rewarded();
        }
        let last = Instant::now();
        std::future::poll_fn(|cx| patience.poll(cx)).await;
        assert!(last.elapsed() >= limit);
    }
}
