//! Playlists: read leniently, rewritten line by line, inspected. Bytes in, bytes
//! out: no I/O, no clock, no other area of the service.
//!
//! Owns: what a line is, which of its parts name other resources and what those
//! are, variables, the keys of renditions, and what a playlist says about its
//! media. It does not know what a link looks like: a [`Linker`] puts that in.
//!
//! Playlists are not parsed and written back: that loses what a parser does not
//! know. What need not change keeps its bytes; nothing a playlist contains makes
//! reading it fail, and every oddity is counted as a [`Problem`].
//!
//! Bounds: [`Limits`]. One pass over the lines after a scan for variables, time
//! linear in the input; output at most `Limits::output` and one line.

mod assets;
mod child;
mod decode;
mod decompress;
mod facts;
mod harmless;
mod inspect;
mod json;
mod multivariant;
mod problem;
mod protection;
mod rendition;
mod resolve;
mod rewrite;
mod scan;
mod scrub;
mod steering;
#[cfg(test)]
mod tests;
mod tokenise;
mod variables;
mod wraps;

pub use assets::asset_list;
pub use child::{ByteRange, Child, ChildKind, HintKind, Linker, MediaKind};
pub use decode::{is_playlist, normalise};
pub use decompress::{DecodeError, Encoding, decompress, encoding_of};
pub use harmless::harmless;
pub use inspect::{MediaState, Newest, media_state};
pub use json::{BadJson, RewrittenJson};
pub use multivariant::{Multivariant, Named, Variant, multivariant};
pub use problem::{Limits, Problem, Problems};
pub use protection::Protection;
pub use rendition::{BadRenditionKey, RenditionKey};
pub use rewrite::{Rewritten, UNUSABLE, rewrite, rewrite_update};
pub use scan::{Context, Kind};
pub use steering::steering;
pub use tokenise::{Attribute, Attributes, Line, Tag, Token, lines};
pub use variables::Variables;
pub use wraps::Wraps;
