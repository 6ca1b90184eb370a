//! The plugin host: WebAssembly components behind the contract in `wit/`.
//!
//! A guest reaches nothing but the imports of its world, and an empty WASI
//! ([`wasi`]) for what other tool chains link in. Every call runs in a fresh
//! store with its own budgets ([`call`], [`meters`]) and ends by a trap when it
//! uses them up; what it returns passes one validating door ([`validate`]), what
//! it says one journal ([`journal`]). This
//! room does not know what a playlist is, when a site runs, or who watches.
//!
//! Files become generations in one pipeline ([`mod@load`]) whether they come from
//! the watched directory or the command line; [`registry`] swaps generations
//! and takes back one that fails its probation.

mod asked;
mod bindings;
mod call;
mod capabilities;
mod compile;
mod copies;
mod decisions;
mod directory;
mod engine;
mod journal;
mod lifecycle;
mod load;
mod loader;
mod meters;
mod outcome;
mod registry;
mod scrub;
mod site;
mod state;
mod stream;
mod text;
mod transcript;
mod trust;
mod validate;
mod wasi;

pub use call::{Hint, Host};
pub use compile::{CompileError, compile_standard_input};
pub use directory::{Directory, DirectoryStatus};
pub use lifecycle::{Act, Impossible, Kept, Kind, PluginError, Quarantined};
pub use load::{Generation, Info, LoadError, load};
pub use loader::{Loader, UploadError};
pub use outcome::{Block, CallError, Ended, ExtractError, RunError, Used};
pub use registry::{Brake, Event, HeldStatus, Notice, PluginState, PluginStatus, Registry};
pub use site::{Site, Sites};
pub use stream::{Extraction, Protection, Quality, Refused, Stream, StreamKind};
pub use transcript::{Attachment, Before, Line, Transcript};
pub use trust::{Content, Distrust, Signature};
pub(crate) use trust::{MAX_SIGNATURE, SIGNATURE};
