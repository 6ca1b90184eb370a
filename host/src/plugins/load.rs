//! From bytes to a generation: the verdict on one file.
//!
//! Refuses, with the reason, whatever is not trusted ([`super::trust`]), and
//! whatever is not a component of our world: core
//! modules, precompiled artefacts (deserialising them would run their code),
//! unknown imports. Never looks at where the bytes came from.

use std::sync::Arc;

use super::asked::Asked;
use super::bindings::ExtractorPre;
use super::call::{Call, Host, RunError};
use super::compile::CompileError;
use super::site::Site;
use super::trust::{Content, Distrust};
use crate::metrics::Version;

/// One loaded version of a plugin, ready to be called.
pub struct Generation {
    /// What it says it is.
    pub info: Info,
    pub(super) pre: ExtractorPre<Call>,
    pub(super) asked: Arc<Asked>,
    pub(super) secrets: Arc<[String]>,
    /// Counts it among those in memory.
    _counted: Version,
}

impl Generation {
    /// What it may reach for `site`, for the admin.
    pub fn reach(&self, site: &Site) -> Vec<String> {
        self.asked.reach(&site.granted)
    }
}

/// What is known of a loaded plugin.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Info {
    /// Identity; the file's stem.
    pub key: String,
    /// For people.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The hosts it asks for.
    pub hosts: Vec<String>,
    /// The secrets it asks for.
    pub secrets: Vec<String>,
}

/// The names that a component imports and exports.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Surface {
    /// Interfaces it calls.
    pub imports: Vec<String>,
    /// Interfaces it can be called by.
    pub exports: Vec<String>,
}

impl Generation {
    /// What it imports and exports.
    pub fn surface(&self) -> Surface {
        let pre = self.pre.instance_pre();
        let component = pre.component().component_type();
        let (imports, exports) = (
            component.imports(pre.engine()),
            component.exports(pre.engine()),
        );
        Surface {
            imports: imports.map(|(name, _)| name.to_owned()).collect(),
            exports: exports.map(|(name, _)| name.to_owned()).collect(),
        }
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Generation").field(&self.info).finish()
    }
}

/// Why a file is not a usable plugin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read, is too large or is not a regular file.
    #[error("the file cannot be used: {0}")]
    File(String),
    /// `plugins.trust` does not let it in.
    #[error(transparent)]
    Trust(#[from] Distrust),
    /// Not a WebAssembly component.
    #[error("not a WebAssembly component: {0}")]
    Format(&'static str),
    /// The component has no compiled form.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It does not fit the contract.
    #[error("it does not fit the contract f1-streams:extractor@1: {0}")]
    Contract(String),
    /// `describe` failed.
    #[error("describe: {0}")]
    Describe(RunError),
    /// The key it describes is not the file's stem.
    #[error(
        "it says its key is {described:?}, so its file must be named {described}.wasm, not {file}.wasm"
    )]
    Key {
        /// The file's stem.
        file: String,
        /// What `describe` said.
        described: String,
    },
    /// The trial call failed.
    #[error("probe of site {site}: {error}")]
    Probe {
        /// The site's key.
        site: String,
        /// What the trial call ended with.
        error: super::CallError,
    },
}

impl LoadError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Trust(why) => why.code(),
            Self::Format(_) => "format",
            Self::Compile(error) => error.code(),
            Self::Contract(_) => "contract",
            Self::Describe(error) => error.code(),
            Self::Key { .. } => "key",
            Self::Probe { error, .. } => error.code(),
        }
    }
}

/// SHA-256, hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Judges, compiles, type-checks and describes the content of `<key>.wasm`.
pub async fn load(
    host: &Host,
    key: &str,
    content: impl Into<Content>,
) -> Result<Generation, LoadError> {
    let content = content.into();
    let digest = digest(&content.bytes);
    host.trust.judge(key, &digest, &content).await?;
    let bytes = content.bytes;
    check_format(&bytes)?;
    let size = bytes.len() as u64;
    let world = host.world(key);
    let component = host
        .compiler
        .component(&world.wasm, &digest, &bytes)
        .await?;
    let pre = world
        .linker
        .instantiate_pre(&component)
        .and_then(ExtractorPre::new)
        .map_err(|e| LoadError::Contract(text(&e)))?;
    let described = host
        .describe(&pre, key)
        .await
        .map_err(LoadError::Describe)?;
    if described.key != key {
        return Err(LoadError::Key {
            file: key.to_owned(),
            described: described.key,
        });
    }
    let info = Info {
        key: described.key,
        name: described.name,
        version: described.version,
        digest,
        size,
        hosts: described.hosts.texts(),
        secrets: described.secrets.clone(),
    };
    Ok(Generation {
        _counted: host.metrics.generation(key),
        info,
        pre,
        asked: Arc::new(described.hosts),
        secrets: described.secrets.into(),
    })
}

/// The first eight bytes tell a component from everything else
/// (component-model binary format: layer 1).
fn check_format(bytes: &[u8]) -> Result<(), LoadError> {
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(LoadError::Format("precompiled artefacts are never loaded"));
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::Format(
            "this is a core module; encode it as a component",
        )),
        _ => Err(LoadError::Format("the file does not begin like one")),
    }
}

fn text(error: &wasmtime::Error) -> String {
    super::validate::clean(&format!("{error:#}"), 2048)
}
