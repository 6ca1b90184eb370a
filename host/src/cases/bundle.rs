//! A failed call as one JSON document: what a diagnosis needs, and what a case
//! is made of.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::case::{CallKind, Case, WrittenHint};
use super::exchanges::Written;
use super::record::{Recorded, name};
use super::replay::Stage;
use crate::config;
use crate::plugins::{Before, Line};

/// The only form of bundles there is.
pub(super) const FORMAT: u32 = 1;

/// The document. Everything in it was scrubbed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bundle {
    pub(super) format: u32,
    pub(super) site: String,
    pub(super) plugin: String,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) call: CallKind,
    pub(super) time: Timestamp,
    #[serde(default)]
    pub(super) hint: WrittenHint,
    #[serde(default)]
    pub(super) before: Before,
    /// TOML.
    pub(super) site_file: String,
    pub(super) outcome: Ended,
    pub(super) exchanges: Vec<Written>,
    #[serde(default)]
    pub(super) log: Vec<Line>,
    #[serde(default)]
    pub(super) attachments: Vec<Attached>,
}

/// How the call ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) code: String,
    pub(super) message: String,
}

/// What the plugin attached.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) data_base64: String,
}

impl Stage {
    /// Makes a case of the bundle in `text`. It expects nothing yet, so it
    /// fails until an author accepts an outcome.
    pub async fn record_from(&self, text: &[u8], dir: &Path) -> anyhow::Result<Recorded> {
        let bundle: Bundle = serde_json::from_slice(text).context("not a bundle")?;
        ensure!(
            bundle.format == FORMAT,
            "a bundle of format {}: this version reads {FORMAT}",
            bundle.format
        );
        let key = self.key();
        if bundle.plugin != key.as_str() {
            bail!("the bundle is of the plugin {:?}", bundle.plugin);
        }
        let site = config::load_site(&dir.join(format!("{key}.toml")), &bundle.site_file)
            .context("its site file")?;
        let exchanges = bundle.exchanges.into_iter().map(|hop| hop.read(None));
        let exchanges: Result<Vec<_>, String> = exchanges.collect();
        let case = Case {
            name: name(dir),
            dir: dir.to_owned(),
            call: bundle.call,
            time: bundle.time,
            hint: bundle.hint.into(),
            before: bundle.before,
            site,
            exchanges: exchanges.map_err(anyhow::Error::msg)?.into(),
            expected: None,
        };
        let Ended { code, message } = bundle.outcome;
        let mut recorded = Recorded {
            case,
            outcome: Ok(serde_json::json!({ "error": { "code": code, "message": message } })),
            problems: Vec::new(),
            now: None,
        };
        self.keep(&mut recorded, &bundle.site_file, false).await?;
        Ok(recorded)
    }
}
