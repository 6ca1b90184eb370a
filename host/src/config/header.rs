//! Headers that nobody but the host sets.

use http::HeaderName;

/// Whether a header frames, routes or forwards a request, or is one that the
/// client itself decides on: neither an operator nor a plugin sets these.
pub fn is_reserved_header(name: &HeaderName) -> bool {
    // What is behind a server may read either as the other (RFC 3875, section 4.1.18).
    let name = &*name.as_str().replace('_', "-");
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
