//! What a URI in a playlist means.

use std::borrow::Cow;

use url::Url;

use super::child::ChildKind;
use super::problem::Problem;

/// What a URI means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A URL to fetch.
    Fetch(Url),
    /// Something that names no host (`data:`, `urn:`), or a DRM system's name for a
    /// key (`skd:`): it stays as it is. So does an empty one.
    Keep,
    /// Nothing that can be handed on.
    Bad(Problem),
}

pub(super) fn resolve(base: &Url, kind: ChildKind, uri: &[u8]) -> Meaning {
    let uri = uri.trim_ascii();
    if uri.is_empty() {
        return Meaning::Keep;
    }
    if let Some((scheme, rest)) = scheme(uri)
        && !scheme.eq_ignore_ascii_case(b"http")
        && !scheme.eq_ignore_ascii_case(b"https")
    {
        if scheme.eq_ignore_ascii_case(b"data") && kind.names_others() {
            return Meaning::Bad(Problem::Inline);
        }
        // Also one inside another, as in `blob:http://…`; in `data:`, it is data.
        let names_host =
            !scheme.eq_ignore_ascii_case(b"data") && rest.windows(2).any(|pair| pair == b"//");
        let foreign = match kind {
            // A DRM system's name for a key may have slashes in it.
            ChildKind::Key => is_fetched(scheme),
            _ => names_host,
        };
        return match foreign {
            true => Meaning::Bad(Problem::ForeignScheme),
            false => Meaning::Keep,
        };
    }
    if misleads(uri) {
        return Meaning::Bad(Problem::Unresolvable);
    }
    match base.join(&as_text(uri)) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Meaning::Fetch(plain(url))
        }
        _ => Meaning::Bad(Problem::Unresolvable),
    }
}

/// Whether a reference of http leads where not everybody reads that it does: `url`
/// drops controls, turns `\` around, and finds a host in `http:host` and `///host`;
/// what stands before an `@` is taken for the host by who reads in haste.
fn misleads(uri: &[u8]) -> bool {
    let rest = scheme(uri).map_or(uri, |(_, rest)| rest);
    let slashes = rest.iter().take_while(|b| b"/\\".contains(b)).count();
    let hides_host = match slashes {
        0 | 1 => rest.len() < uri.len(),
        2 => {
            let ends = |b: &u8| b"/?#".contains(b);
            let authority = rest[2..].split(ends).next().unwrap_or_default();
            let is_odd = authority.iter().any(|b| b"@\\".contains(b));
            !rest.starts_with(b"//") || authority.is_empty() || is_odd
        }
        _ => true,
    };
    hides_host || uri.iter().any(u8::is_ascii_control)
}

/// `url` leaves a `\` in a query as it is, and whoever fetches takes none.
fn plain(mut url: Url) -> Url {
    let encoded = |part: &str| part.replace('\\', "%5C");
    if url.as_str().contains('\\') {
        let (query, fragment) = (url.query().map(encoded), url.fragment().map(encoded));
        url.set_query(query.as_deref());
        url.set_fragment(fragment.as_deref());
    }
    url
}

/// Whether what follows the scheme is where something is, not what it is called.
fn is_fetched(scheme: &[u8]) -> bool {
    let known = [
        "blob", "file", "ftp", "ftps", "mms", "rtmp", "rtmps", "rtmpt", "rtp", "rtsp", "rtsps",
        "srt", "tcp", "udp", "ws", "wss",
    ];
    known
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()))
}

/// The scheme and what follows its colon.
fn scheme(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = uri.iter().position(|b| *b == b':')?;
    let (scheme, rest) = (&uri[..colon], &uri[colon + 1..]);
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let good = scheme.first()?.is_ascii_alphabetic() && scheme.iter().all(allowed);
    good.then_some((scheme, rest))
}

/// What is not UTF-8 is percent-encoded byte by byte: the file on the server is
/// named by the bytes, in whatever encoding they are.
fn as_text(uri: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(uri) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => uri
            .iter()
            .map(|b| match b {
                0..0x80 => char::from(*b).to_string(),
                _ => format!("%{b:02X}"),
            })
            .collect::<String>()
            .into(),
    }
}
