//! One run of one site: extract → health → one write into the catalog.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Parts;
use super::pause::{After, pause};
use crate::catalog::{Entry, Health};
use crate::config;
use crate::plugins::{
    CallError, ExtractError, Extraction, Generation, Hint, Refused, RunError, Site, Transcript,
};

/// A run that ended, for the admin.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LastRun {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, health checks included, in milliseconds.
    pub duration_ms: u64,
    /// `ok` or a stable code.
    pub outcome: &'static str,
    /// What went wrong.
    pub message: Option<String>,
    /// How many streams are listed now.
    pub streams: usize,
    /// Records that the host refused.
    pub refused: Vec<Refused>,
    /// The plugin's generation that ran.
    pub generation: u64,
}

/// A run's outcome and what it means for the next one.
pub(super) struct Run {
    pub(super) last: LastRun,
    pub(super) error: Option<CallError>,
    pub(super) transcript: Transcript,
    after: After,
    /// The earliest expiry among the streams found.
    expires: Option<Timestamp>,
}

/// New URLs are looked for this long before the old ones expire: an
/// extraction, a health check and a player's reload fit in.
const AHEAD: Duration = Duration::from_secs(45);
/// However soon URLs expire, a site is not run more often than this.
const MIN_INTERVAL: Duration = Duration::from_secs(15);

pub(super) async fn once(
    parts: &Parts,
    places: &Semaphore,
    site: &Arc<Site>,
    generation: &Generation,
    number: u64,
    hint: &Hint,
) -> Run {
    let started_at = parts.clock.now();
    let clock = Instant::now();
    if let Err(until) = parts.registry.admit(&site.plugin, number) {
        return Run::skipped(parts, site, number, until);
    }
    if places.available_permits() == 0 {
        parts.metrics.limit("extraction.concurrency");
    }
    // A place is for the extraction alone: checks have limits of their own.
    let place = places.acquire().await;
    let ended = generation.extract_in_full(&parts.host, site, hint).await;
    let (result, transcript) = (ended.result, ended.transcript);
    drop(place);
    let usable = result.as_ref().map(|found| found.streams.len());
    parts.loader.report(site, hint, number, usable).await;
    let mut refused = Vec::new();
    let mut expires = None;
    let error = match result {
        Ok(found) => {
            refused.clone_from(&found.refused);
            expires = found
                .streams
                .iter()
                .filter_map(|stream| stream.expires_at)
                .min();
            match (found.streams.is_empty(), found.refused.first()) {
                // Nothing is live: an answer, as if the guest had said so.
                (true, None) => Some(ExtractError::NotFound.into()),
                // Nothing of it can be used: what is listed stays.
                (true, Some(first)) => Some(nothing_usable(first).into()),
                (false, _) => {
                    publish(parts, site, found).await;
                    None
                }
            }
        }
        Err(error) => Some(error),
    };
    // The site works and has nothing: that is an answer, not a failure. From a
    // version that has found nothing yet it may be its own mistake.
    let nothing = matches!(error, Some(CallError::Guest(ExtractError::NotFound)));
    if nothing && parts.registry.is_proven(&site.plugin, number) {
        parts.catalog.publish(&site.key, Vec::new());
    }
    for record in &refused {
        tracing::warn!(
            site = site.key,
            stream = record.id,
            code = record.code,
            "stream refused: {}",
            record.message
        );
    }
    let last = LastRun {
        started_at,
        duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        outcome: error.as_ref().map_or("ok", CallError::code),
        message: error.as_ref().map(ToString::to_string),
        streams: parts.catalog.snapshot().of_site(&site.key).len(),
        refused,
        generation: number,
    };
    last.tell(site, matches!(error, Some(CallError::Run(_))));
    Run {
        last,
        after: After::of(error.as_ref()),
        error,
        transcript,
        expires,
    }
}

impl LastRun {
    /// Its one line in the log; a warning where the plugin itself failed.
    fn tell(&self, site: &Site, fault: bool) {
        let (site, plugin, why) = (&site.key, &site.plugin, self.message.as_deref());
        let Self {
            outcome,
            generation,
            streams,
            duration_ms,
            ..
        } = self;
        if fault {
            tracing::warn!(
                site,
                plugin,
                generation,
                outcome,
                why,
                streams,
                duration_ms,
                "extraction"
            );
        } else {
            tracing::info!(site, outcome, why, streams, duration_ms, "extraction");
        }
    }
}

fn nothing_usable(first: &Refused) -> RunError {
    let Refused { id, message, .. } = first;
    RunError::InvalidOutput(format!(
        "every stream was refused, {id:?} for one: {message}"
    ))
}

async fn publish(parts: &Parts, site: &Arc<Site>, found: Extraction) {
    let before = parts.catalog.snapshot();
    let found_at = parts.clock.now();
    let entries = found.streams.into_iter().map(|stream| {
        let mut entry = Entry::new(site, stream, found_at);
        // What was seen before tells whether the playlist advances.
        if let Some(known) = before.get(&entry.id) {
            entry.health.clone_from(&known.health);
        }
        Arc::new(entry)
    });
    let checked: Vec<(Arc<Entry>, Health)> = parts.checker.check_all(entries.collect()).await;
    let entries = checked.into_iter().map(|(entry, health)| Entry {
        health,
        ..Entry::clone(&entry)
    });
    parts.catalog.publish(&site.key, entries.collect());
}

impl Run {
    /// The plugin failed so often that it is left alone.
    fn skipped(parts: &Parts, site: &Site, generation: u64, until: Instant) -> Self {
        let left = until.saturating_duration_since(Instant::now());
        let last = LastRun {
            started_at: parts.clock.now(),
            duration_ms: 0,
            outcome: "breaker_open",
            message: Some(format!(
                "the plugin failed too often in a row; tried again in {} s",
                left.as_secs() + 1
            )),
            streams: parts.catalog.snapshot().of_site(&site.key).len(),
            refused: Vec::new(),
            generation,
        };
        Self {
            last,
            after: After::BreakerOpen(left),
            error: None,
            transcript: Transcript::default(),
            expires: None,
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.after != After::Answer
    }

    /// A site that said when to come back is not asked before.
    pub(super) fn not_before(&self) -> Option<Instant> {
        match self.after {
            After::RateLimited(Some(wait)) => Some(Instant::now() + wait),
            _ => None,
        }
    }

    /// How long until the next run.
    pub(super) fn wait(
        &self,
        site: &Site,
        failures: u32,
        config: &config::Extraction,
        now: Timestamp,
    ) -> Duration {
        let interval = site.interval.unwrap_or(config.interval);
        let mut wait = pause(self.after, failures, interval, config.backoff_max);
        match self.after {
            // Not a moment earlier than they said.
            After::RateLimited(_) | After::BreakerOpen(_) => {}
            _ => wait = wait.mul_f64(1.0 + config.jitter * (2.0 * rand::random::<f64>() - 1.0)),
        }
        if let Some(expires) = self.expires {
            let left = Duration::try_from(expires.duration_since(now)).unwrap_or_default();
            wait = wait.min(left.saturating_sub(AHEAD).max(MIN_INTERVAL.min(interval)));
        }
        wait
    }
}
