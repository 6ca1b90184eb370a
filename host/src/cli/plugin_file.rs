//! Reading a plugin's file for the one-shot commands.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::files;
use crate::plugins::{Generation, Host, load};

/// A plugin's file through the service's own pipeline.
pub(super) async fn load_file(host: &Host, path: &Path, max: u64) -> Result<Generation> {
    let key = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("the file has no name")?;
    let bytes: Arc<[u8]> = files::read(path, max)
        .with_context(|| path.display().to_string())?
        .into();
    Ok(load(host, key, bytes).await?)
}
