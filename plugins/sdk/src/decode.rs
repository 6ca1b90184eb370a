//! What pages use to hide an address: packed scripts, base64, escapes, strings
//! put together at run time, data in scripts and attributes. Pure functions
//! over hostile text: every one takes time in proportion to the text, is
//! bounded in its output, and answers with an error, never a panic.

mod base64;
mod embedded;
mod escapes;
mod expression;
mod hex;
mod literal;
mod media;
mod packed;

pub use base64::{atob, base64};
pub use embedded::{json_after, json_assigned};
pub use escapes::{entities, percent, unescape};
pub use expression::{js_value, js_value_after, js_values};
pub use hex::hex;
pub use literal::{js_string, js_string_after};
pub use media::media_links;
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
    /// Not hexadecimal.
    #[error("hex: {0}")]
    Hex(&'static str),
    /// No string literal where one was expected.
    #[error("string literal: {0}")]
    Literal(&'static str),
    /// No expression of constant strings where one was expected.
    #[error("string expression: {0}")]
    Expression(&'static str),
    /// No JSON where it was expected.
    #[error("embedded JSON: {0}")]
    Embedded(&'static str),
}

/// Player scripts have some ten kilobytes; a packed one can grow by the length
/// of its longest word per input byte, which is what this ends.
pub const MAX_OUTPUT: usize = 4 * 1024 * 1024;

/// Bytes as text: UTF-8 where they are that, otherwise one character per byte,
/// as `atob` gives them.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

#[cfg(test)]
mod tests;
