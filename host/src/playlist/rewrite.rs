//! The same playlist with every URI in it replaced by a link.
//!
//! A line whose URI can't be resolved, has no link or refers to a variable
//! without a value never keeps it: a tag that players do without is dropped
//! whole, and elsewhere [`UNUSABLE`] stands in its place, so that numbering,
//! groups and encryption around it stay true. A segment lost so is marked as a
//! gap.

mod long;
mod tags;

use std::borrow::Cow;
use std::time::Duration;

use super::child::{ByteRange, Child, ChildKind, Linker};
use super::decode::{as_utf8, normalise};
use super::facts::Facts;
use super::problem::{Problem, Problems};
use super::protection::Protection;
use super::rendition::{Names, RenditionKey};
use super::resolve::{Meaning, resolve};
use super::scan::{Context, Kind, budget, scan};
use super::scrub::{HostName, scrub};
use super::tokenise::{Line, Token, lines};
use super::variables::{Budget, Variables};
use super::wraps::Wraps;

/// Stands where no link can: a URI that is valid, names nobody and holds nothing.
pub const UNUSABLE: &str = "data:,";

/// A playlist as viewers get it.
#[derive(Debug, Clone)]
pub struct Rewritten {
    /// The text.
    pub body: Vec<u8>,
    /// What it names.
    pub kind: Kind,
    /// Links put in.
    pub links: usize,
    /// What was odd. With [`Problem::Truncated`] or [`Problem::Overflow`], its
    /// end is missing.
    pub problems: Problems,
    /// What it defines, in all.
    pub variables: Variables,
    /// The worst of its keys.
    pub protection: Protection,
    /// `EXT-X-TARGETDURATION`
    pub target: Option<Duration>,
    /// `PART-TARGET`
    pub part_target: Option<Duration>,
    /// Whether it stays as it is: it says so, or is a multivariant one.
    pub ended: bool,
    /// Whether its server holds reloads that ask for what is not there yet;
    /// also where that is not handed on.
    pub can_block: bool,
    /// Whether it leaves out what was there before for those who ask so.
    pub can_skip: bool,
    /// Whether it leaves out what was there before.
    pub is_update: bool,
    /// What its segments are wrapped in, also those that it leaves out.
    pub wraps: Wraps,
}

/// Puts a link from `linker` in the place of every URI.
pub fn rewrite(body: &[u8], context: &Context<'_>, linker: &mut dyn Linker) -> Rewritten {
    rewrite_update(body, context, &Wraps::default(), linker)
}

/// The same of a text that may leave out what was there before, which `before`
/// has from an earlier one: a segment must be the same in both.
pub fn rewrite_update(
    body: &[u8],
    context: &Context<'_>,
    before: &Wraps,
    linker: &mut dyn Linker,
) -> Rewritten {
    let text = normalise(body);
    let (kind, defined) = scan(&text, context);
    let (travelling, heavy) = defined.within(context.limits.variables);
    let mut rewriter = Rewriter {
        context,
        kind,
        linker,
        travelling: &travelling,
        host: HostName::of(context.base),
        so_far: Variables::default(),
        budget: budget(&context.limits),
        names: Names::default(),
        pending: None,
        pending_tag: Vec::new(),
        range: None,
        out: Vec::with_capacity(text.len() * 2),
        links: 0,
        named: 0,
        problems: Problems::default(),
        facts: Facts::default(),
        before,
        is_update: false,
        wraps: Wraps::default(),
        latin1: false,
    };
    let utf8 = std::str::from_utf8(&text).is_ok();
    for _ in 0..heavy {
        rewriter.problems.add(Problem::HeavyVariables);
    }
    for (i, line) in lines(&text).enumerate() {
        if i >= context.limits.lines {
            rewriter.problems.add(Problem::Truncated);
            break;
        }
        if rewriter.out.len().max(rewriter.named) as u64 > context.limits.output {
            rewriter.problems.add(Problem::Overflow);
            break;
        }
        rewriter.latin1 = !utf8 && std::str::from_utf8(line.text).is_err();
        rewriter.line(line);
    }
    let Rewriter {
        out,
        links,
        problems,
        facts,
        is_update,
        wraps,
        ..
    } = rewriter;
    Rewritten {
        body: out,
        kind,
        links,
        problems,
        variables: defined,
        protection: facts.protection,
        target: facts.target,
        part_target: facts.part_target,
        ended: facts.ended || kind == Kind::Multivariant,
        can_block: facts.can_block,
        can_skip: facts.can_skip,
        is_update,
        wraps,
    }
}

struct Rewriter<'a> {
    context: &'a Context<'a>,
    kind: Kind,
    linker: &'a mut dyn Linker,
    travelling: &'a Variables,
    host: HostName,
    /// What is defined above the line.
    so_far: Variables,
    budget: Budget,
    names: Names,
    /// What the next URI is, and the value of the tag that said so; the latter's
    /// memory is kept for the next.
    pending: Option<ChildKind>,
    pending_tag: Vec<u8>,
    range: Option<ByteRange>,
    out: Vec<u8>,
    links: usize,
    /// Bytes of the URLs behind them, which not every link holds.
    named: usize,
    problems: Problems,
    facts: Facts,
    before: &'a Wraps,
    is_update: bool,
    wraps: Wraps,
    /// Whether the line is not UTF-8.
    latin1: bool,
}

/// What stands in a URI's place.
enum Stands {
    Link(String),
    Itself,
    Nothing,
}

// === impl Rewriter ===

impl Rewriter<'_> {
    fn line(&mut self, line: Line<'_>) {
        let token = line.token();
        if line.text.len() as u64 > self.context.limits.line {
            self.problems.add(Problem::LongLine);
            return self.long_line(&token, line.ending);
        }
        match token {
            Token::Blank | Token::Comment => {
                self.keep(line.text);
                self.out.extend_from_slice(line.ending);
            }
            Token::Tag(tag) if tag.is("EXT-X-DEFINE") => {
                let Context { parent, base, .. } = *self.context;
                if !self.so_far.define(&tag, parent, base, &mut self.budget) {
                    self.problems.add(Problem::BadDefine);
                }
            }
            Token::Tag(tag) => self.tag(line, &tag),
            Token::Uri(uri) => self.uri(line, uri),
        }
    }

    fn uri(&mut self, line: Line<'_>, uri: &[u8]) {
        let kind = self.next_kind();
        let tag = std::mem::take(&mut self.pending_tag);
        let range = self.range.take();
        let rendition = self.name(kind, &tag);
        let filled = self.so_far.fill(uri, &mut self.budget);
        let stands = match &filled {
            // It was something before it was filled in.
            Ok(uri) if uri.trim_ascii().is_empty() => {
                self.problems.add(Problem::Unresolvable);
                Stands::Nothing
            }
            Ok(uri) => self.stands_for(kind, uri, &tag, range, rendition.as_ref()),
            Err(_) => {
                self.problems.add(Problem::UndefinedVariable);
                Stands::Nothing
            }
        };
        self.pending_tag = tag;
        match (stands, filled) {
            (Stands::Link(link), _) => self.out.extend_from_slice(link.as_bytes()),
            (Stands::Itself, Ok(Cow::Owned(uri))) => self.put(&uri),
            (Stands::Itself, _) => self.put(line.text),
            (Stands::Nothing, _) => return self.unusable_line(kind, line.ending),
        }
        self.out.extend_from_slice(line.ending);
    }

    /// Before anything can fail: what one rendition is called must not depend on
    /// whether another one can be resolved.
    fn name(&mut self, kind: ChildKind, tag: &[u8]) -> Option<RenditionKey> {
        kind.is_rendition().then(|| self.names.name(kind, tag))
    }

    fn next_kind(&mut self) -> ChildKind {
        let by_playlist = match self.kind {
            Kind::Multivariant => ChildKind::Variant,
            Kind::Media => self.segment(),
        };
        let kind = self.pending.take().unwrap_or_else(|| {
            self.pending_tag.clear();
            by_playlist
        });
        if matches!(kind, ChildKind::Segment | ChildKind::Picture) {
            self.wraps.note(self.facts.next, self.facts.wrap);
            self.facts.next = self.facts.next.saturating_add(1);
        }
        kind
    }

    /// What was skipped is as it was.
    fn skip(&mut self) {
        self.is_update = true;
        (self.wraps, self.facts.wrap) = self.before.before(self.facts.next);
    }

    fn segment(&self) -> ChildKind {
        match self.facts.wrap.pictures {
            true => ChildKind::Picture,
            false => ChildKind::Segment,
        }
    }

    fn describe_next(&mut self, kind: ChildKind, tag: &[u8]) {
        self.pending = Some(kind);
        self.pending_tag.clear();
        self.pending_tag.extend_from_slice(tag);
    }

    fn unusable_line(&mut self, kind: ChildKind, ending: &[u8]) {
        if matches!(kind, ChildKind::Segment | ChildKind::Picture) {
            self.out.extend_from_slice(b"#EXT-X-GAP");
            let ending = if ending.is_empty() { b"\n" } else { ending };
            self.out.extend_from_slice(ending);
        }
        self.out.extend_from_slice(UNUSABLE.as_bytes());
        self.out.extend_from_slice(ending);
    }

    /// The URI's variables are filled in.
    fn stands_for(
        &mut self,
        kind: ChildKind,
        uri: &[u8],
        tag: &[u8],
        range: Option<ByteRange>,
        rendition: Option<&RenditionKey>,
    ) -> Stands {
        let url = match resolve(self.context.base, kind, uri) {
            Meaning::Fetch(url) => url,
            Meaning::Keep if self.names_upstream(kind, uri) => {
                self.problems.add(Problem::ForeignScheme);
                return Stands::Nothing;
            }
            Meaning::Keep => return Stands::Itself,
            Meaning::Bad(problem) => {
                self.problems.add(problem);
                return Stands::Nothing;
            }
        };
        self.named += url.as_str().len();
        let child = Child {
            kind,
            url: &url,
            rendition,
            range,
            tag,
            variables: self.travelling,
            encrypted: self.facts.wrap.encrypted,
            mapped: self.facts.wrap.mapped,
        };
        match self.linker.link(&child) {
            Some(link) if fits(&link) => {
                self.links += 1;
                Stands::Link(link)
            }
            _ => {
                self.problems.add(Problem::Refused);
                Stands::Nothing
            }
        }
    }

    /// Whether what would stay names the upstream, though in no way that a player
    /// could ask it by. What a DRM system calls a key may be anything.
    fn names_upstream(&self, kind: ChildKind, uri: &[u8]) -> bool {
        let data = uri.trim_ascii().get(..5);
        let data = data.is_some_and(|start| start.eq_ignore_ascii_case(b"data:"));
        kind != ChildKind::Key && !data && self.host.may_be_in(uri)
    }

    fn keep(&mut self, text: &[u8]) {
        let text = scrub(text, &self.host, &mut self.problems);
        self.put(&text);
    }

    fn put(&mut self, text: &[u8]) {
        if self.latin1 {
            self.out.extend_from_slice(as_utf8(text).as_bytes());
        } else {
            self.out.extend_from_slice(text);
        }
    }
}

/// Whether a link can stand wherever a URI can. One that can't is a mistake of
/// the linker's, and taken as none.
pub(super) fn fits(link: &str) -> bool {
    // All of them, without a way out on the first that is bad: so it takes sixteen
    // at a time, and every link comes through here.
    let bad = link.bytes().fold(0, |bad, b| {
        bad | u8::from(b < b'!')
            | u8::from(b > b'~')
            | u8::from(b == b'"')
            | u8::from(b == b',')
            | u8::from(b == b'{')
            | u8::from(b == b'\\')
    });
    let fits = !link.is_empty() && bad == 0;
    debug_assert!(fits, "a link that can't stand in a playlist: {link:?}");
    fits
}
