//! How a site has been doing, and what a change of that sets off: a bundle for
//! the diagnosis when it begins to fail, a word to the operator.

use std::sync::Arc;

use jiff::Timestamp;

use super::Parts;
use super::run::Run;
use crate::alerts::{Kind, News};
use crate::cases::{Failure, Pending};
use crate::plugins::{Attachment, Generation, Hint, Site};

/// A site's runs so far, since the start of the service.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The first of the failures that have not ended; "nothing is live" is none.
    pub failing_since: Option<Timestamp>,
    /// The last run that did not fail.
    pub last_ok_at: Option<Timestamp>,
    /// What was kept when it last began to fail.
    pub bundle: Pending,
    /// Pages that the last run's plugin kept for diagnosis.
    pub attachments: Arc<[Attachment]>,
}

/// What a run changed.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    None,
    /// It fails; whether it was seen to work before.
    Broke {
        worked: bool,
    },
    Back {
        since: Timestamp,
    },
}

impl Standing {
    fn note(&mut self, failed: bool, at: Timestamp) -> Change {
        if failed {
            if self.failing_since.is_some() {
                return Change::None;
            }
            self.failing_since = Some(at);
            return Change::Broke {
                worked: self.last_ok_at.is_some(),
            };
        }
        self.last_ok_at = Some(at);
        match self.failing_since.take() {
            Some(since) => Change::Back { since },
            None => Change::None,
        }
    }

    /// A run ended.
    pub(super) async fn follow(
        &mut self,
        parts: &Parts,
        site: &Arc<Site>,
        generation: &Generation,
        hint: &Hint,
        run: &mut Run,
    ) {
        let at = run.last.started_at;
        let change = self.note(run.failed(), at);
        if matches!(change, Change::Broke { .. }) {
            let kept = keep(parts, site, generation, hint, run).await;
            self.bundle = kept.unwrap_or_default();
        }
        self.attachments = std::mem::take(&mut run.transcript.attachments).into();
        let (kind, reason, since, bundle) = match change {
            // At a start nobody knows since when: no alarm for each restart.
            Change::None | Change::Broke { worked: false } => return,
            Change::Broke { worked: true } => {
                let reason = run.last.message.clone().unwrap_or_default();
                let bundle = self.bundle.get().map(|bundle| bundle.name.clone());
                (Kind::Broken, reason, at, bundle)
            }
            Change::Back { since } => {
                let streams = run.last.streams;
                (
                    Kind::Back,
                    format!("{streams} streams are listed"),
                    since,
                    None,
                )
            }
        };
        parts.alerts.tell(News {
            kind,
            site: Some(site.key.clone()),
            plugin: site.plugin.clone(),
            digest: None,
            reason,
            at: parts.clock.now(),
            since: Some(since),
            bundle,
        });
    }
}

async fn keep(
    parts: &Parts,
    site: &Arc<Site>,
    generation: &Generation,
    hint: &Hint,
    run: &Run,
) -> Option<Pending> {
    let failure = Failure {
        site: site.clone(),
        plugin: generation.info.clone(),
        hint: hint.clone(),
        error: run.error.clone()?,
        transcript: run.transcript.clone(),
    };
    Some(parts.diagnostics.keep(failure).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_changes() {
        let at = |s| Timestamp::from_second(s).expect("a time");
        let mut standing = Standing::default();
        assert_eq!(standing.note(true, at(1)), Change::Broke { worked: false });
        assert_eq!(standing.note(true, at(2)), Change::None);
        assert_eq!(standing.failing_since, Some(at(1)));
        assert_eq!(standing.note(false, at(3)), Change::Back { since: at(1) });
        assert_eq!(standing.note(false, at(4)), Change::None);
        assert_eq!(standing.last_ok_at, Some(at(4)));
        assert_eq!(standing.note(true, at(5)), Change::Broke { worked: true });
        assert_eq!(standing.last_ok_at, Some(at(4)));
    }
}
