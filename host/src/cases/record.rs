//! Making a case: from life, through the real guard, or from the bundle of a
//! call that failed.

use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use serde_json::Value;

use super::case::{CallKind, Case};
use super::exchanges::Written;
use super::outcome;
use super::replay::Stage;
use super::scrub::Scrubber;
use super::site_file;
use crate::clock::Clock;
use crate::config;
use crate::plugins::{Before, Hint, Site};

/// A case that was made.
#[derive(Debug)]
pub struct Recorded {
    /// As it can be played back.
    pub case: Case,
    /// What the call brought, without secrets; `Err` is what no plugin may do.
    pub outcome: Result<Value, String>,
    /// What is wrong with the recording; it was written all the same.
    pub problems: Vec<String>,
    /// Of a bundle: what the plugin makes of it now.
    pub now: Option<Result<Value, String>>,
}

impl Stage {
    /// Calls the plugin on `site` and writes what went over the wire to `dir`.
    /// What came is expected from then on, unless the plugin itself failed.
    pub async fn record(
        &self,
        site: &config::Site,
        call: CallKind,
        dir: &Path,
    ) -> anyhow::Result<Recorded> {
        let policy = self.net.site_policy(site);
        let before = Before::default();
        let live = Site::apart(site, self.net.egress(policy)?, &before);
        // It stands still, as it will when this is played back.
        let (time, hint) = (Clock::system().now(), Hint::default());
        let (outcome, transcript) = self.call(call, &Arc::new(live), &hint, time).await;
        let hops = transcript.exchanges;
        let scrubber = Scrubber::new(site, &before, &hops, self.learned);
        let scrubber = scrubber.map_err(anyhow::Error::msg)?;
        ensure!(
            !scrubber.is_bare(),
            "the site gives out more than plugins.diagnostics.learned = {} cookies and tokens, \
             which are taken out of a recording",
            self.learned
        );
        let exchanges: Vec<_> = hops
            .iter()
            .map(|hop| scrubber.exchange(hop, time))
            .collect();
        let outcome = match outcome {
            Ok(value) => Ok(serde_json::from_str(&scrubber.text(&value.to_string()))?),
            Err(fault) => Err(scrubber.text(&fault)),
        };
        let text = site_file::text(site, &scrubber).map_err(anyhow::Error::msg)?;
        let written: Vec<_> = exchanges.iter().map(Written::inline).collect();
        let clean = scrubber.check(&(site_file::parsed(&text), written));
        clean.map_err(anyhow::Error::msg)?;
        let case = Case {
            name: name(dir),
            dir: dir.to_owned(),
            call,
            time,
            hint,
            before,
            site: config::load_site(&dir.join(format!("{}.toml", self.key())), &text)?,
            exchanges: exchanges.into(),
            expected: None,
        };
        let mut recorded = Recorded {
            case,
            outcome,
            problems: Vec::new(),
            now: None,
        };
        self.keep(&mut recorded, &text, true).await?;
        Ok(recorded)
    }

    /// Writes a recorded case and plays it back. A recording that brings
    /// something else than life did is no ground for a test, and says so.
    pub(super) async fn keep(
        &self,
        recorded: &mut Recorded,
        site: &str,
        expect: bool,
    ) -> anyhow::Result<()> {
        let Recorded {
            case,
            outcome,
            problems,
            now,
        } = recorded;
        clear(&case.dir)?;
        case.write(site)?;
        let played = self.play(case, case.exchanges.clone()).await;
        if !expect {
            *now = Some(played.outcome);
            return Ok(());
        }
        problems.extend(super::report::wire_problems(case, &played));
        match (&played.outcome, &*outcome) {
            (Ok(came), Ok(live)) => {
                let differences = outcome::differences(live, came);
                problems.extend(
                    differences
                        .into_iter()
                        .map(|line| format!("played back, {line}")),
                );
                if problems.is_empty() {
                    case.expect(came)?;
                }
            }
            (Err(fault), Ok(_)) => problems.push(format!("played back, {fault}")),
            // Nothing to expect of it before it is fixed.
            (_, Err(_)) => {}
        }
        Ok(())
    }
}

pub(super) fn name(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Takes away what an earlier recording left: nothing else in the directory.
fn clear(dir: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = name(&path);
        let body = name.len() > 3
            && name.bytes().take(2).all(|b| b.is_ascii_digit())
            && name.as_bytes()[2] == b'.';
        if body || name == "expected.json" {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
