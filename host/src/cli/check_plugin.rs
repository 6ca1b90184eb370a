//! `check-plugin`: the load pipeline's verdict on one file.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::plugin_file::load_file;
use crate::app::foundation;
use crate::config::{Config, Trust};

pub(super) async fn run(config: Config, file: &Path) -> Result<ExitCode> {
    let parts = foundation(&config)?;
    let trust = match config.plugins.trust {
        Trust::Any => "any",
        Trust::Pinned => "pinned",
        Trust::Signed => "signed",
    };
    let (code, verdict) = match load_file(&parts.host, file, config.plugins.max_file.as_u64()).await
    {
        Ok(generation) => (
            ExitCode::SUCCESS,
            serde_json::json!({
                "verdict": "accepted",
                "trust": trust,
                "plugin": generation.info,
                "component": generation.surface(),
            }),
        ),
        Err(error) => {
            let code = error
                .downcast_ref::<crate::plugins::LoadError>()
                .map_or("file", |e| e.code());
            let error = serde_json::json!({ "code": code, "message": format!("{error:#}") });
            (
                ExitCode::FAILURE,
                serde_json::json!({ "verdict": "refused", "trust": trust, "error": error }),
            )
        }
    };
    super::print(&serde_json::to_string_pretty(&verdict)?);
    Ok(code)
}
