//! What connects rooms that do not know each other, and runs beside them.

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::alerts::{self, Alerts, News};
use crate::clock::Clock;
use crate::config::Config;
use crate::files;
use crate::net::{Net, Plain};
use crate::plugins::{self, Hint, Notice};
use crate::schedule::{Fetched, Schedule};

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
            event_name: Some(session.event),
            starts_at: millis(session.start),
            ends_at: millis(session.end),
        },
    }
}

pub(super) async fn poll_schedule(
    schedule: Schedule,
    net: Net,
    max_body: u64,
    stop: CancellationToken,
) {
    let egress = match net.egress(net.policy(&[])) {
        Ok(egress) => egress,
        Err(error) => return tracing::error!(%error, "the schedule has no way out"),
    };
    loop {
        let wait = schedule.next_poll_in();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let polled = schedule.poll(|url| {
            let egress = egress.clone();
            async move {
                let response = egress
                    .send(egress.get(url), &Plain, "schedule")
                    .await
                    .map_err(|e| e.to_string())?;
                let status = response.status.as_u16();
                let body = response
                    .collect(max_body)
                    .await
                    .map_err(|e| e.to_string())?;
                Ok(Fetched { status, body })
            }
        });
        // A source that drips must not hold the service's end.
        let polled = tokio::select! {
            () = stop.cancelled() => return,
            polled = polled => polled,
        };
        if polled.error.is_none() {
            tracing::info!(changed = polled.changed, "schedule polled");
        }
    }
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
