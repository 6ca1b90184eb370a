//! `extract`: one extraction of one site, through the service's own pipeline,
//! for whoever writes a plugin or a site file.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::plugin_file::load_file;
use crate::app::{Foundation, foundation};
use crate::config::Config;
use crate::plugins::{Generation, Hint, Site};

pub(super) async fn run(config: Config, key: &str) -> Result<ExitCode> {
    let parts = foundation(&config)?;
    let (site, plugin) = site_and_plugin(&config, &parts, key).await?;
    let (code, document) = match plugin.extract(&parts.host, &site, &Hint::default()).await {
        Ok(found) => {
            let streams: Vec<_> = found
                .streams
                .iter()
                .map(|stream| describe(&site, stream))
                .collect();
            (
                ExitCode::SUCCESS,
                json!({ "site": key, "streams": streams, "refused": found.refused }),
            )
        }
        Err(error) => (
            ExitCode::FAILURE,
            json!({ "site": key, "error": { "code": error.code(), "message": error.to_string() } }),
        ),
    };
    super::print(&serde_json::to_string_pretty(&document)?);
    Ok(code)
}

/// A site as configured, and its plugin as it lies in the directory.
pub(super) async fn site_and_plugin(
    config: &Config,
    parts: &Foundation,
    key: &str,
) -> Result<(Arc<Site>, Generation)> {
    let (sites, assumed) = (parts.sites.clone(), key.to_owned());
    tokio::task::spawn_blocking(move || sites.reload(&[assumed])).await?;
    let Some(site) = parts.sites.get(key) else {
        match parts.sites.errors().get(key) {
            Some(error) => bail!("sites/{key}.toml: {error}"),
            None => bail!(
                "there is no site {key:?}: expected {}",
                config.sites_dir().join(format!("{key}.toml")).display()
            ),
        }
    };
    let file = config.plugins_dir().join(format!("{}.wasm", site.plugin));
    let site_file = config.sites_dir().join(format!("{key}.toml"));
    ensure!(
        file.exists() || site_file.exists(),
        "there is no site {key:?}: neither {} nor a plugin of its name, {}",
        site_file.display(),
        file.display()
    );
    let plugin = load_file(&parts.host, &file, config.plugins.max_file.as_u64())
        .await
        .with_context(|| format!("the plugin {:?} of the site {key:?}", site.plugin))?;
    Ok((site, plugin))
}

/// For the operator's own eyes: with the upstream's URL, without header
/// values, which may be secrets.
fn describe(site: &Arc<Site>, stream: &crate::plugins::Stream) -> serde_json::Value {
    let headers: Vec<_> = stream
        .rules
        .iter()
        .flat_map(|rule| rule.headers.iter().map(|(name, _)| name.as_str()))
        .collect();
    json!({
        "id": format!("{}.{}", site.key, stream.id),
        "url": stream.url,
        "kind": stream.kind,
        "label": stream.label,
        "language": stream.language,
        "quality": stream.quality,
        "headers": headers,
        "use_cookies": stream.use_cookies,
        "expires_at": stream.expires_at,
        "protection": stream.protection,
        "rank": stream.rank,
    })
}
