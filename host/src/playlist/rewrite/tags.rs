//! Tags: which of their values are URIs, and what is put in their place.

use std::borrow::Cow;

use super::super::child::{ByteRange, ChildKind, HintKind};
use super::super::facts::without_directives;
use super::super::problem::Problem;
use super::super::tokenise::{Line, Tag};
use super::{Rewriter, Stands, UNUSABLE};

/// URIs in one tag. The tags that there are have at most two; each is looked at
/// with the whole tag, so that many would take more than linear time.
const MOST_URIS: usize = 8;

// === impl Rewriter ===

impl Rewriter<'_> {
    pub(super) fn tag(&mut self, line: Line<'_>, tag: &Tag<'_>) {
        if tag.is("EXTINF") {
            self.describe_next(self.segment(), b"");
            // A title is no list of attributes, and holds no references.
            self.keep(line.text);
            self.out.extend_from_slice(line.ending);
            return;
        }
        // What can't be filled in stays: its URIs are looked at one by one below,
        // and elsewhere a reference names nobody.
        let (value, filled) = match self.so_far.fill(tag.value, &mut self.budget) {
            Ok(value) => (value, true),
            Err(_) => {
                self.problems.add(Problem::UndefinedVariable);
                (Cow::Borrowed(tag.value), false)
            }
        };
        let tag = Tag {
            value: &value,
            ..*tag
        };
        self.facts.read(&tag);
        if !self.context.directives && tag.is("EXT-X-SERVER-CONTROL") {
            return self.server_control(line, &tag);
        }
        if tag.is("EXT-X-STREAM-INF") {
            self.describe_next(ChildKind::Variant, &value);
        } else if tag.is("EXT-X-BYTERANGE") {
            self.range = ByteRange::parse(&value);
        } else if tag.is("EXT-X-SKIP") {
            self.skip();
        }
        let start = self.out.len();
        self.keep(&line.text[..tag.value_at]);
        if self.value(&tag, filled) {
            self.out.extend_from_slice(line.ending);
        } else {
            self.out.truncate(start);
        }
    }

    fn server_control(&mut self, line: Line<'_>, tag: &Tag<'_>) {
        if let Some(value) = without_directives(tag.value) {
            self.keep(&line.text[..tag.value_at]);
            self.keep(&value);
            self.out.extend_from_slice(line.ending);
        }
    }

    /// Writes a tag's value; `false` if the tag is to be dropped. Variables are
    /// filled in, or some of them can't be.
    fn value(&mut self, tag: &Tag<'_>, filled: bool) -> bool {
        let value = tag.value;
        if let Some(kind) = bare_url(tag) {
            let Stands::Link(link) = self.stands_for(kind, value, value, None, None) else {
                return false;
            };
            self.out.extend_from_slice(link.as_bytes());
            return filled;
        }
        let mut done = 0;
        let mut uris = 0;
        let mut rendition = None;
        for attribute in tag.attributes() {
            if attribute.open {
                self.problems.add(Problem::OpenQuote);
            }
            let Some(kind) = ChildKind::of(tag, attribute.name) else {
                // A URL in it ends with it, where it did not begin before.
                let before = &value[done..attribute.span.start];
                if attribute.value.contains(&b'/') && !before.contains(&b'/') {
                    self.keep(before);
                    self.keep(attribute.value);
                    done = attribute.span.end;
                }
                continue;
            };
            uris += 1;
            if uris > MOST_URIS {
                self.problems.add(Problem::ManyUris);
                return false;
            }
            if rendition.is_none() {
                rendition = self.name(kind, value);
            }
            self.keep(&value[done..attribute.span.start]);
            done = attribute.span.end;
            let range = kind
                .has_range()
                .then(|| ByteRange::of(&tag.attributes()))
                .flatten();
            let uri = match filled {
                true => Ok(Cow::Borrowed(attribute.value)),
                false => self.so_far.fill(attribute.value, &mut self.budget),
            };
            let stands = match &uri {
                Ok(uri) => self.stands_for(kind, uri, value, range, rendition.as_ref()),
                Err(_) => Stands::Nothing,
            };
            match stands {
                Stands::Link(link) => self.out.extend_from_slice(link.as_bytes()),
                Stands::Itself => self.put(&uri.unwrap_or_default()),
                Stands::Nothing if kind.is_optional() => return false,
                Stands::Nothing => self.out.extend_from_slice(UNUSABLE.as_bytes()),
            }
        }
        self.keep(&value[done..]);
        true
    }
}

/// Some tags have a URL for their value, such as `EXT-X-PREFETCH`.
fn bare_url(tag: &Tag<'_>) -> Option<ChildKind> {
    let value = tag.value.trim_ascii();
    let starts = |start: &[u8]| {
        let head = value.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    if !starts(b"http://") && !starts(b"https://") && !starts(b"//") {
        return None;
    }
    match tag.name.ends_with(b"PREFETCH") {
        true => Some(ChildKind::Hint(HintKind::Part)),
        false => Some(ChildKind::Unknown),
    }
}
