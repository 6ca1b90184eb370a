//! What connects rooms that do not know each other, and runs beside them.

use std::time::Duration;

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::alerts::{self, Alerts, News};
use crate::clock::Clock;
use crate::config::Config;
use crate::files;
use crate::metrics::Metrics;
use crate::net::{self, Egress, FetchError, Net, Plain};
use crate::plugins::{self, Hint, Notice};
use crate::schedule::{Ask, FetchFailure, Fetched, Schedule, Validators};

/// A version that took itself back is news for whoever dropped it.
pub(super) async fn tell_rollbacks(
    mut notices: broadcast::Receiver<Notice>,
    alerts: Alerts,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        let notice = tokio::select! {
            () = stop.cancelled() => return,
            notice = notices.recv() => notice,
        };
        match notice {
            Ok(notice) if notice.kind == plugins::Kind::RolledBack => alerts.tell(News {
                kind: alerts::Kind::RolledBack,
                site: None,
                plugin: notice.key,
                digest: notice.digest,
                reason: notice.message,
                at: clock.now(),
                since: None,
                bundle: None,
            }),
            // Missed ones are in the plugin's story.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

pub(super) fn hint(schedule: &Schedule) -> Hint {
    let millis = |at: jiff::Timestamp| u64::try_from(at.as_millisecond()).ok();
    match schedule.current() {
        None => Hint::default(),
        Some(session) => Hint {
            session: Some(session.id),
            session_name: Some(session.kind.title().to_owned()),
            event_name: Some(session.event),
            starts_at: millis(session.start),
            ends_at: millis(session.end),
        },
    }
}

/// How often the schedule's files are looked at: the operator's overrides, and what
/// another instance has heard.
const FOLLOW: Duration = Duration::from_secs(30);

pub(super) async fn poll_schedule(
    schedule: Schedule,
    net: Net,
    max_body: u64,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let egress = match net.egress(net.policy(&[])) {
        Ok(egress) => egress,
        Err(error) => return tracing::error!(%error, "the schedule has no way out"),
    };
    loop {
        let wait = schedule.next_poll_in().min(FOLLOW);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let turn = async {
            schedule.follow().await;
            if schedule.next_poll_in().is_zero() {
                let polled = schedule
                    .poll_due(|ask| fetch(&egress, ask, max_body, &metrics))
                    .await;
                if polled.errors.is_empty() {
                    tracing::info!(changed = polled.changed, "schedule polled");
                }
            }
        };
        // A source that drips must not hold the service's end.
        tokio::select! {
            () = stop.cancelled() => return,
            () = turn => {}
        }
    }
}

async fn fetch(
    egress: &Egress,
    ask: Ask,
    max_body: u64,
    metrics: &Metrics,
) -> Result<Fetched, FetchFailure> {
    let mut request = egress.get(ask.url);
    for (name, value) in [
        (IF_NONE_MATCH, ask.validators.etag),
        (IF_MODIFIED_SINCE, ask.validators.last_modified),
    ] {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            request.headers.insert(name, value);
        }
    }
    let failed = |error: FetchError| match error {
        FetchError::BodyTooLarge(_) => {
            metrics.limit("schedule.max_body");
            FetchFailure::TooLarge
        }
        error => FetchFailure::Unreachable(error.to_string()),
    };
    let response = egress.send(request, &Plain, "schedule").await;
    let response = response.map_err(failed)?;
    let text = |name| Some(response.headers.get(name)?.to_str().ok()?.to_owned());
    let retry_after = net::retry_after(&response.headers);
    let validators = Validators {
        etag: text(ETAG),
        last_modified: text(LAST_MODIFIED),
    };
    let (status, is_encoded) = (response.status.as_u16(), response.is_encoded());
    let body = response.collect(max_body).await.map_err(failed)?;
    if is_encoded && status == 200 {
        let why = "it is encoded, which was not asked for".to_owned();
        return Err(FetchFailure::Unreachable(why));
    }
    Ok(Fetched {
        status,
        body,
        validators,
        retry_after,
    })
}

/// Takes away what a crash left half-written, wherever the service writes; the
/// rooms of `cache_dir` do so themselves. On a thread that nobody waits for:
/// `data_dir` may be a mount that hangs.
pub(super) fn sweep(config: &Config) {
    let data = &config.data_dir;
    let dirs = ["", "plugins", "state", "state/plugins", "diagnostics"].map(|dir| data.join(dir));
    tokio::task::spawn_blocking(move || {
        for dir in dirs {
            files::sweep(&dir, files::WRITING);
        }
    });
}
