//! Write an f1-streams extractor in Rust.
//!
//! A plugin implements [`Extractor`] and names itself with [`export!`]:
//!
//! ```
//! use f1_streams_plugin::{Error, Extractor, Hint, Info, Site, Stream, get};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     page: String,
//! }
//!
//! struct Example;
//!
//! impl Extractor for Example {
//!     fn info() -> Info {
//!         Info::new("example", "An example", "1.0.0").hosts(["*"])
//!     }
//!
//!     fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
//!         let site = Site::<Settings>::load()?;
//!         let page = get(site.url(&site.settings.page)?).send()?.page();
//!         let url = page.one("video source")?.attr("src")?;
//!         Ok(vec![Stream::hls("main", page.join(url)?)])
//!     }
//! }
//!
//! f1_streams_plugin::export!(Example);
//! ```
//!
//! Everything that can go wrong becomes the right `extract-error` by `?`: a
//! status of the site, trouble on the way, a page without the expected element
//! (`layout-changed`, naming the place), a missing setting (`bad-config`).
//!
//! The crate holds no state and opens nothing: all it can do is what the world
//! imports. What is pure (decoders, pages, statuses, builders) runs natively
//! too; calling an import outside of a host panics.

// The generated code and the export macro name this crate by an absolute path.
extern crate self as f1_streams_plugin;

pub mod decode;
pub mod log;
pub mod m3u;

#[doc(hidden)]
pub mod bindings;
mod error;
mod extractor;
mod id;
mod instance;
mod json;
mod page;
mod pattern;
mod request;
mod site;
mod status;
mod stream;

#[doc(hidden)]
pub use wit_bindgen::rt as __rt;

pub use bindings::f1_streams::extractor::types::{
    BlockReason, ExtractError as Error, Protection, SessionHint as Hint, StreamKind,
};
pub use bindings::f1_streams::extractor::{clock, state};
pub use error::{bad_config, layout_changed};
pub use extractor::{Extractor, Info, distinct, gather, keep_good};
pub use id::{id, opaque_id};
pub use instance::{Instance, Instances, Plain};
pub use json::Json;
pub use page::{Element, Page};
pub use pattern::{Pattern, find};
pub use request::{Request, Response, always_there, basic, destination, get, post, send_all};
pub use site::Site;
pub use stream::Stream;
