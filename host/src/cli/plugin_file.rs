//! Reading a plugin's file for the one-shot commands.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::files;
use crate::plugins::{Content, Generation, Host, MAX_SIGNATURE, SIGNATURE, Signature, load};

/// A plugin's file through the service's own pipeline.
pub(super) async fn load_file(host: &Host, path: &Path, max: u64) -> Result<Generation> {
    let key = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("the file has no name")?;
    let bytes = files::read(path, max)
        .with_context(|| path.display().to_string())?
        .into();
    let mut beside = path.as_os_str().to_owned();
    beside.push(SIGNATURE);
    let signature = match files::read(beside.as_ref(), MAX_SIGNATURE) {
        Ok(text) => Signature::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Signature::Missing,
        Err(error) => Signature::Unusable(error.to_string()),
    };
    Ok(load(host, key, Content { bytes, signature }).await?)
}
