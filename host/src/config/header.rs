//! Headers that nobody but the host sets.

use http::HeaderName;

/// Whether a header frames, routes or forwards a request, or is one that the
/// client itself decides on: neither an operator nor a plugin sets these.
pub fn is_reserved_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    let framing = [
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    framing.contains(&name) || name.starts_with("proxy-") || name.starts_with("x-forwarded-")
}
