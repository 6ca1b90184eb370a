//! What pages use to hide an address: packed scripts, base64, escaped string
//! literals. Pure functions over hostile text: every one is bounded in time
//! and output, and answers with an error, never a panic.

mod base64;
mod literal;
mod packed;

pub use base64::{atob, base64};
pub use literal::{js_string, js_string_after};
pub use packed::unpack;

/// Why a text could not be decoded. Becomes `layout-changed` by `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No `eval(function(p,a,c,k,e,…){…}(…))` in it.
    #[error("packed script: not found")]
    NotPacked,
    /// A packed script whose arguments are not as expected.
    #[error("packed script: {0}")]
    Packed(&'static str),
    /// More output than [`MAX_OUTPUT`].
    #[error("decoded text is larger than {MAX_OUTPUT} bytes")]
    TooLarge,
    /// Not base64.
    #[error("base64: {0}")]
    Base64(&'static str),
    /// No string literal where one was expected.
    #[error("string literal: {0}")]
    Literal(&'static str),
}

/// Player scripts have some ten kilobytes; a packed one can grow by the length
/// of its longest word per input byte, which is what this ends.
pub const MAX_OUTPUT: usize = 4 * 1024 * 1024;
