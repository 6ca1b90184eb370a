//! The exports of the world, each called with what it needs around it.

use std::sync::Arc;

use crate::net::{Exchange, Tape};

use super::{Call, CallError, Caller, Host, RunError, Running};
use crate::plugins::bindings::ExtractorPre;
use crate::plugins::bindings::f1_streams::extractor::types as wit;
use crate::plugins::load::Generation;
use crate::plugins::outcome::Ended;
use crate::plugins::site::Site;
use crate::plugins::stream::Extraction;
use crate::plugins::transcript::Before;
use crate::plugins::validate::Described;

/// The session the host is interested in.
#[derive(Clone, Debug, Default)]
pub struct Hint {
    /// Id in the schedule.
    pub session: Option<String>,
    /// As people write it: `Race`.
    pub session_name: Option<String>,
    /// As people write it.
    pub event_name: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub starts_at: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub ends_at: Option<u64>,
}

impl Host {
    /// `describe` of a component that is being loaded.
    pub(in crate::plugins) async fn describe(
        &self,
        pre: &ExtractorPre<Call>,
        plugin: &str,
    ) -> Result<Described, RunError> {
        let caller = Caller {
            plugin: plugin.to_owned(),
            site: None,
            asked: Arc::default(),
            secrets: Arc::default(),
            tape: None,
        };
        let pre = pre.clone();
        let ended = self
            .run(caller, |mut running| async move {
                let guest = running.instantiate(&pre).await?;
                let info = guest
                    .f1_streams_extractor_metadata()
                    .call_describe(&mut running.store)
                    .await;
                let info = running.answer(info)?;
                running
                    .store
                    .data()
                    .door()
                    .described(info)
                    .map_err(RunError::InvalidOutput)
            })
            .await;
        ended.0
    }
}

impl Generation {
    /// The live streams that this plugin finds on `site`.
    pub async fn extract(
        &self,
        host: &Host,
        site: &Arc<Site>,
        hint: &Hint,
    ) -> Result<Extraction, CallError> {
        self.extract_in_full(host, site, hint).await.result
    }

    /// As [`Generation::extract`], with what the call used and said.
    pub async fn extract_in_full(
        &self,
        host: &Host,
        site: &Arc<Site>,
        hint: &Hint,
    ) -> Ended<Extraction> {
        let (pre, site, hint) = (self.pre.clone(), site.clone(), wit::SessionHint::from(hint));
        let work = |mut running: Running| {
            let site = site.clone();
            async move {
                let guest = running.instantiate(&pre).await?;
                let answer = guest
                    .f1_streams_extractor_extraction()
                    .call_extract(&mut running.store, &hint)
                    .await;
                let answer = running.answer(answer);
                // Neither the guest's memory nor its place is needed to check
                // what it returned, and checking may wait for name servers.
                let call = running.end(&site.state).await;
                let door = call.door();
                let records = answer?.map_err(|error| door.error(error))?;
                let checked = door.extraction(records, &site).await;
                Ok(checked.map_err(RunError::InvalidOutput)?)
            }
        };
        self.ended(host, &site, work).await
    }

    /// Is `site` reachable and shaped as this plugin expects?
    pub async fn probe(&self, host: &Host, site: &Arc<Site>) -> Result<(), CallError> {
        self.probe_in_full(host, site).await.result
    }

    /// As [`Generation::probe`], with what the call used and said.
    pub async fn probe_in_full(&self, host: &Host, site: &Arc<Site>) -> Ended<()> {
        let (pre, state) = (self.pre.clone(), site.state.clone());
        let work = |mut running: Running| async move {
            let guest = running.instantiate(&pre).await?;
            let answer = guest
                .f1_streams_extractor_extraction()
                .call_probe(&mut running.store)
                .await;
            let answer = running.answer(answer);
            let call = running.end(&state).await;
            Ok(answer?.map_err(|error| call.door().error(error))?)
        };
        self.ended(host, site, work).await
    }

    async fn ended<T, F>(
        &self,
        host: &Host,
        site: &Arc<Site>,
        work: impl FnOnce(Running) -> F,
    ) -> Ended<T>
    where
        F: Future<Output = Result<T, CallError>> + Send + 'static,
        T: Send + 'static,
    {
        let capture = host.config.limits_of(&self.info.key).capture;
        let (tape, before) = if capture.as_u64() > 0 {
            (Some(Tape::new(capture)), site.before(host.clock.now()))
        } else {
            (None, Before::default())
        };
        let caller = Caller {
            plugin: self.info.key.clone(),
            site: Some(site.clone()),
            asked: self.asked.clone(),
            secrets: self.secrets.clone(),
            tape: tape.clone(),
        };
        let (result, used, mut transcript) = host.run(caller, work).await;
        if let Some(tape) = tape {
            transcript.before = before;
            transcript.exchanges = tape.take();
            if transcript.exchanges.iter().any(Exchange::is_cut) {
                host.metrics.limit("plugins.limits.capture");
            }
        }
        let outcome = result.as_ref().map_or_else(CallError::code, |_| "ok");
        host.metrics.called(&self.info.key, outcome);
        tracing::debug!(
            target: "plugin",
            site = site.key,
            plugin = self.info.key,
            outcome,
            wall_ms = used.wall.as_millis(),
            cpu_ms = used.cpu.as_millis(),
            memory = used.memory,
            requests = used.requests,
            bytes = used.bytes,
            "call"
        );
        Ended {
            result,
            used,
            transcript,
        }
    }
}

impl From<&Hint> for wit::SessionHint {
    fn from(hint: &Hint) -> Self {
        Self {
            session: hint.session.clone(),
            event_name: hint.event_name.clone(),
            starts_at: hint.starts_at,
            ends_at: hint.ends_at,
            languages: Vec::new(),
            extra: hint
                .session_name
                .iter()
                .map(|name| ("session-name".to_owned(), name.clone()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_s_name_is_an_extra_argument() {
        let named = Hint {
            session_name: Some("Race".to_owned()),
            ..Hint::default()
        };
        let extra = |hint: &Hint| wit::SessionHint::from(hint).extra;
        assert_eq!(
            extra(&named),
            [("session-name".to_owned(), "Race".to_owned())]
        );
        assert_eq!(extra(&Hint::default()), []);
    }
}
