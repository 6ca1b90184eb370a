//! Ranges of bytes (RFC 9110, section 14): what a viewer asks for, and which
//! part of a resource that is.

use http::header::RANGE;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::answer::Failure;

/// No resource is larger: sums of two such numbers stay numbers.
const MOST: u64 = 1 << 62;

/// One range, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    /// `first-last`, both included; `first-` without an end.
    From { first: u64, last: Option<u64> },
    /// `-length`: the last bytes.
    Suffix(u64),
}

/// The part of a resource that is answered; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    /// Included.
    pub(super) last: u64,
}

/// `Content-Range` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) span: Span,
    /// `None` where the origin does not know it.
    pub(super) total: Option<u64>,
}

impl Asked {
    /// What the viewer asks for. A unit that is none, or what is not a range,
    /// is ignored, as if nothing were asked; several ranges at once are not
    /// served.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(text) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let Some(ranges) = text.trim().strip_prefix("bytes=") else {
            return Ok(None);
        };
        if ranges.contains(',') {
            return Err(Failure::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range",
                "one range of bytes at a time",
            ));
        }
        Ok(Self::parse(ranges.trim()))
    }

    fn parse(range: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(MOST).min(MOST))
        };
        match range.split_once('-')? {
            ("", length) => Some(Self::Suffix(number(length)?)),
            (first, "") => Some(Self::From {
                first: number(first)?,
                last: None,
            }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                let last = Some(last);
                (last >= Some(first)).then_some(Self::From { first, last })
            }
        }
    }

    /// All of it, from the first byte.
    pub(super) fn is_whole(self) -> bool {
        self == Self::From {
            first: 0,
            last: None,
        }
    }

    /// Whether all that was asked for is in the first `length` bytes.
    pub(super) fn is_within(self, length: u64) -> bool {
        match self {
            Self::From { first, last } => last.unwrap_or(first) < length,
            Self::Suffix(_) => true,
        }
    }

    /// Which part of `length` bytes that is; `None` where it has none of them.
    pub(super) fn of_length(self, length: u64) -> Option<Span> {
        let end = length.checked_sub(1)?;
        let (first, last) = match self {
            Self::From { first, last } => (first, last.map_or(end, |last| last.min(end))),
            Self::Suffix(0) => return None,
            Self::Suffix(bytes) => (length.saturating_sub(bytes), end),
        };
        (first <= last).then_some(Span { first, last })
    }

    /// Whether `got` is an answer to this: it begins where it should, and has
    /// nothing beyond.
    pub(super) fn is_answered_by(self, got: ContentRange) -> bool {
        let ContentRange { span, total } = got;
        match (self, total) {
            (_, Some(total)) => self.of_length(total).is_some_and(|asked| {
                // An origin may give less than was asked for.
                span.first == asked.first && span.last <= asked.last
            }),
            (Self::From { first, last }, None) => {
                span.first == first && last.is_none_or(|last| span.last <= last)
            }
            (Self::Suffix(_), None) => false,
        }
    }

    /// Whether `got` is all of it, now and later: a file may grow at its end.
    pub(super) fn is_all_of(self, got: ContentRange) -> bool {
        let Self::From { first, last } = self else {
            return false;
        };
        (got.span.first, Some(got.span.last)) == (first, last)
    }

    /// For an upstream.
    pub(super) fn header(self) -> HeaderValue {
        let text = match self {
            Self::From {
                first,
                last: Some(last),
            } => format!("bytes={first}-{last}"),
            Self::From { first, last: None } => format!("bytes={first}-"),
            Self::Suffix(length) => format!("bytes=-{length}"),
        };
        HeaderValue::from_str(&text).expect("digits and signs")
    }
}

impl Span {
    pub(super) fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

impl ContentRange {
    /// Of an upstream's answer.
    pub(super) fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?.trim().strip_prefix("bytes ")?;
        let (span, total) = text.split_once('/')?;
        let (first, last) = span.split_once('-')?;
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let sound = first <= last && last < total.unwrap_or(MOST).min(MOST);
        sound.then_some(Self {
            span: Span { first, last },
            total,
        })
    }

    pub(super) fn header(self) -> HeaderValue {
        let Span { first, last } = self.span;
        let text = match self.total {
            Some(total) => format!("bytes {first}-{last}/{total}"),
            None => format!("bytes {first}-{last}/*"),
        };
        HeaderValue::from_str(&text).expect("digits and signs")
    }
}

/// 416, with the length where it is known.
pub(super) fn unsatisfiable(length: Option<u64>) -> Failure {
    let mut failure = Failure::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "range",
        "the resource has no such bytes",
    );
    failure.length = length;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Asked> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, text.parse().expect("a value"));
        Asked::of(&headers).expect("not several")
    }

    fn span(text: &str, length: u64) -> Option<(u64, u64)> {
        let span = asked(text).expect("a range").of_length(length)?;
        Some((span.first, span.last))
    }

    #[test]
    fn a_range_is_a_part_of_a_length() {
        assert_eq!(span("bytes=188-751", 10_000), Some((188, 751)));
        assert_eq!(span("bytes=188-", 1000), Some((188, 999)));
        assert_eq!(span("bytes=-100", 1000), Some((900, 999)));
        assert_eq!(span("bytes=-2000", 1000), Some((0, 999)));
        assert_eq!(span("bytes=0-99999999999999999999999", 10), Some((0, 9)));
        for none in ["bytes=1000-", "bytes=1000-1001", "bytes=-0"] {
            assert_eq!(span(none, 1000), None, "{none}");
        }
        assert_eq!(span("bytes=0-", 0), None);
        // What nobody can have overflows nothing.
        let most = asked("bytes=0-18446744073709551615").expect("a range");
        let Asked::From { first, last } = most else {
            panic!("{most:?}");
        };
        let last = last.expect("an end");
        assert!(Span { first, last }.length() > 1 << 60);
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for text in [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=+1-2",
            "bytes=1 - 2",
            "lines=1-2",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_is_one_to_what_was_asked() {
        let got = |text: &str| ContentRange::parse(&text.parse().expect("a value"));
        let middle = asked("bytes=188-751").expect("a range");
        for (text, fits) in [
            ("bytes 188-751/10000", true),
            ("bytes 188-751/*", true),
            ("bytes 188-500/10000", true),
            ("bytes 188-499/500", true),
            ("bytes 0-563/10000", false),
            ("bytes 188-752/10000", false),
            ("bytes 189-751/*", false),
        ] {
            let got = got(text).expect("a range");
            assert_eq!(middle.is_answered_by(got), fits, "{text}");
            assert_eq!(got.header(), text);
        }
        let end = asked("bytes=-100").expect("a range");
        assert!(end.is_answered_by(got("bytes 900-999/1000").expect("a range")));
        assert!(!end.is_answered_by(got("bytes 900-999/*").expect("a range")));
        for none in [
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes */10",
            "bytes 0-18446744073709551615/*",
            "0-1/2",
            "",
        ] {
            assert_eq!(got(none), None, "{none}");
        }
    }
}
