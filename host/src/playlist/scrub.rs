//! What is left of an upstream in text that is no URI: comments, titles,
//! attributes that we have no word for. It is taken out, because nothing that a
//! viewer is handed may name an upstream; all other bytes stay. The bare name of
//! a host other than the playlist's own can't be told from any other word.

use std::borrow::Cow;

use super::problem::{Problem, Problems};

/// What stands in the place of what was taken out.
const GONE: &[u8] = b"(removed)";

/// A host's name as it is looked for in text. A name without a dot is not: it
/// may be any word.
#[derive(Debug, Clone)]
pub(super) struct HostName(Option<Name>);

#[derive(Debug, Clone)]
struct Name {
    text: Vec<u8>,
    /// Its first dot (or colon), by which it is looked for: letters are far more
    /// common in playlists, and may be capitals.
    mark: usize,
}

// === impl HostName ===

impl HostName {
    pub(super) fn of(base: &url::Url) -> Self {
        let host = base.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mark = host.find(['.', ':']);
        Self(mark.map(|mark| Name {
            text: host.as_bytes().to_ascii_lowercase(),
            mark,
        }))
    }

    /// Whether it may be somewhere in a text. Mostly it is not, nor anything like
    /// it: this is all that is asked of most lines.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let Some(Name { text: host, mark }) = &self.0 else {
            return false;
        };
        memchr::memchr_iter(host[*mark], text).any(|at| {
            let start = at.checked_sub(*mark);
            start
                .and_then(|start| text.get(start..start + host.len()))
                .is_some_and(|found| found.eq_ignore_ascii_case(host))
        })
    }

    fn at(&self, text: &[u8]) -> Option<usize> {
        let host = &*self.0.as_ref()?.text;
        let found = text.get(..host.len())?.eq_ignore_ascii_case(host);
        let ends = text.get(host.len()).is_none_or(|b| !is_label(*b));
        (found && ends).then_some(host.len())
    }
}

/// The text without URLs and without the host's name.
pub(super) fn scrub<'t>(text: &'t [u8], host: &HostName, problems: &mut Problems) -> Cow<'t, [u8]> {
    let slashes = memchr::memchr_iter(b'/', text).any(|at| text.get(at + 1) == Some(&b'/'));
    if !slashes && !host.may_be_in(text) {
        return Cow::Borrowed(text);
    }
    let mut out: Option<Vec<u8>> = None;
    let mut kept = 0;
    let mut i = 0;
    while i < text.len() {
        let Some(found) = found_at(text, i, kept, host) else {
            i += 1;
            continue;
        };
        let out = out.get_or_insert_default();
        out.extend_from_slice(&text[kept..found.start]);
        out.extend_from_slice(GONE);
        kept = found.end;
        i = found.end.max(i + 1);
        problems.add(Problem::Scrubbed);
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.extend_from_slice(&text[kept..]);
            Cow::Owned(out)
        }
    }
}

/// Something to take out that is recognised at `i`; it begins at `from` at the
/// earliest.
fn found_at(text: &[u8], i: usize, from: usize, host: &HostName) -> Option<std::ops::Range<usize>> {
    let before = if i == from { None } else { Some(text[i - 1]) };
    if text[i] == b'/' && text.get(i + 1) == Some(&b'/') {
        let start = match before {
            Some(b':') => scheme_start(text, i - 1, from),
            Some(b) if is_label(b) || b == b'/' => None,
            // Without a scheme, it must look like a host: two slashes are common.
            _ => is_host(&text[i + 2..]).then_some(i),
        };
        return start.map(|start| start..url_end(text, i));
    }
    // Only where a name can begin: each place is compared once.
    if before.is_some_and(is_label) || !is_label(text[i]) && text[i] != b':' {
        return None;
    }
    host.at(&text[i..]).map(|length| i..i + length)
}

/// Where the scheme begins that ends before `colon`. Bounded, so that a long
/// line of letters is not gone through again and again.
fn scheme_start(text: &[u8], colon: usize, from: usize) -> Option<usize> {
    const LONGEST_SCHEME: usize = 16;
    let from = from.max(colon.saturating_sub(LONGEST_SCHEME));
    let letters = text[from..colon]
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric());
    let length = letters.count();
    (length > 0).then_some(colon - length)
}

fn is_host(text: &[u8]) -> bool {
    let ends = |b: &u8| matches!(b, b'/' | b'?' | b'#' | b'"' | b',') || b.is_ascii_whitespace();
    let authority = text.split(ends).next().unwrap_or_default();
    authority
        .first()
        .is_some_and(|b| is_label(*b) || *b == b'[')
        && authority.iter().any(|b| matches!(b, b'.' | b':'))
}

fn url_end(text: &[u8], start: usize) -> usize {
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'<' | b'>');
    let rest = &text[start..];
    start + rest.iter().position(ends).unwrap_or(rest.len())
}

fn is_label(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}
