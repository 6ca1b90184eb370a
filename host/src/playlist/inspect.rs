//! What a media playlist says about its media now: how far it has come, what is
//! newest, whether it can be played.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::child::{ByteRange, ChildKind};
use super::decode::normalise;
use super::facts::{parse, seconds};
use super::protection::Protection;
use super::resolve::{Meaning, resolve};
use super::scan::{Context, budget};
use super::tokenise::{Tag, Token, lines};
use super::variables::{Budget, Variables};

/// Ways of encryption that are remembered; a playlist has one or two.
const MOST_ENCRYPTIONS: usize = 16;

/// What a media playlist says about its media.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MediaState {
    /// The number of its first segment.
    pub media_sequence: u64,
    /// The number of discontinuities before it.
    pub discontinuity_sequence: u64,
    /// The longest segment, rounded.
    pub target_duration: Option<Duration>,
    /// Whether nothing will follow.
    pub ended: bool,
    /// Segments listed, gaps among them.
    pub segments: u64,
    /// Segments that a delta update leaves out.
    pub skipped: u64,
    /// Of all segments listed.
    pub duration: Duration,
    /// Discontinuities listed.
    pub discontinuities: u64,
    /// The last segment that is no gap and can be resolved.
    pub newest: Option<Newest>,
    /// The last `EXT-X-PROGRAM-DATE-TIME`.
    pub program_date_time: Option<Timestamp>,
    /// When the last segment ends, where the playlist has dates.
    pub live_edge: Option<Timestamp>,
    /// The worst of its keys.
    pub protection: Protection,
    /// `METHOD` and `KEYFORMAT` of every key but `NONE`.
    pub encryption: BTreeSet<(String, String)>,
    /// Partial segments listed: whether it is a low-latency playlist.
    pub parts: u64,
}

/// The newest segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Where it is.
    pub url: Url,
    /// Which part of it; its offset is always known.
    pub range: Option<ByteRange>,
    /// Its number.
    pub sequence: u64,
    /// Its length.
    pub duration: Duration,
    /// Whether its bytes are encrypted.
    pub encrypted: bool,
    /// Its initialisation section.
    pub init: Option<(Url, Option<ByteRange>)>,
}

/// Reads a media playlist, of which nothing needs to be right.
pub fn media_state(body: &[u8], context: &Context<'_>) -> MediaState {
    let text = normalise(body);
    let mut reader = Reader {
        context,
        variables: Variables::default(),
        budget: budget(&context.limits),
        state: MediaState::default(),
        segment: Segment::default(),
        encrypted: false,
        init: None,
        last_range: None,
    };
    for line in lines(&text).take(context.limits.lines) {
        let is_long = line.text.len() as u64 > context.limits.line;
        match line.token() {
            // As the rewriter takes them: it lets no more of them through.
            Token::Tag(tag) if is_long && tag.is("EXT-X-KEY") => reader.key(&tag),
            Token::Tag(tag) if is_long && tag.is("EXT-X-MAP") => reader.init = None,
            Token::Tag(tag) if !is_long || tag.is("EXTINF") => reader.tag(&tag),
            Token::Uri(uri) => reader.uri(Some(uri).filter(|_| !is_long)),
            Token::Tag(_) | Token::Blank | Token::Comment => {}
        }
    }
    reader.state
}

struct Reader<'a> {
    context: &'a Context<'a>,
    variables: Variables,
    budget: Budget,
    state: MediaState,
    segment: Segment,
    encrypted: bool,
    init: Option<(Url, Option<ByteRange>)>,
    /// Of the segment before: its URI and where its range ends.
    last_range: Option<(Url, u64)>,
}

/// What tags have said about the next segment.
#[derive(Default)]
struct Segment {
    duration: Duration,
    range: Option<ByteRange>,
    gap: bool,
}

// === impl Reader ===

impl Reader<'_> {
    fn tag(&mut self, tag: &Tag<'_>) {
        if tag.is("EXT-X-DEFINE") {
            let Context { parent, base, .. } = *self.context;
            self.variables.define(tag, parent, base, &mut self.budget);
            return;
        }
        if tag.is("EXTINF") {
            // A title holds no references.
            let length = tag.value.split(|b| *b == b',').next().unwrap_or_default();
            self.segment.duration = seconds(length).unwrap_or_default();
            return;
        }
        // What can't be filled in is read as it stands.
        let value = self.variables.fill(tag.value, &mut self.budget);
        let tag = Tag {
            value: value.as_deref().unwrap_or(tag.value),
            ..*tag
        };
        let number = || parse::<u64>(tag.value).unwrap_or_default();
        let state = &mut self.state;
        match tag.name {
            b"EXT-X-BYTERANGE" => self.segment.range = ByteRange::parse(tag.value),
            b"EXT-X-GAP" => self.segment.gap = true,
            b"EXT-X-MEDIA-SEQUENCE" => state.media_sequence = number(),
            b"EXT-X-DISCONTINUITY-SEQUENCE" => state.discontinuity_sequence = number(),
            b"EXT-X-TARGETDURATION" => state.target_duration = seconds(tag.value),
            b"EXT-X-DISCONTINUITY" => state.discontinuities += 1,
            b"EXT-X-ENDLIST" => state.ended = true,
            b"EXT-X-PART" => state.parts += 1,
            b"EXT-X-SKIP" => {
                state.skipped = tag
                    .attributes()
                    .number("SKIPPED-SEGMENTS")
                    .unwrap_or_default();
            }
            b"EXT-X-PROGRAM-DATE-TIME" => {
                state.program_date_time = date(tag.value);
                state.live_edge = state.program_date_time;
            }
            b"EXT-X-KEY" => self.key(&tag),
            b"EXT-X-SESSION-KEY" => state.protection = state.protection.max(Protection::of(&tag)),
            b"EXT-X-MAP" => {
                let uri = tag.attributes().get("URI").unwrap_or_default();
                let range = ByteRange::of(&tag.attributes()).map(|range| ByteRange {
                    offset: range.offset.or(Some(0)),
                    ..range
                });
                self.init = match resolve(self.context.base, ChildKind::Init, uri) {
                    Meaning::Fetch(url) => Some((url, range)),
                    _ => None,
                };
            }
            _ => {}
        }
    }

    fn key(&mut self, tag: &Tag<'_>) {
        let protection = Protection::of(tag);
        self.encrypted = protection != Protection::None;
        self.state.protection = self.state.protection.max(protection);
        if self.encrypted && self.state.encryption.len() < MOST_ENCRYPTIONS {
            let attributes = tag.attributes();
            let method = attributes.text("METHOD").unwrap_or_default();
            let format = attributes.text("KEYFORMAT");
            let format = format.unwrap_or_else(|| "identity".to_owned());
            self.state.encryption.insert((method, format));
        }
    }

    /// `None` for one that is too long.
    fn uri(&mut self, uri: Option<&[u8]>) {
        let segment = std::mem::take(&mut self.segment);
        let state = &mut self.state;
        let first = state.media_sequence.saturating_add(state.skipped);
        let sequence = first.saturating_add(state.segments);
        state.segments += 1;
        state.duration = state.duration.saturating_add(segment.duration);
        state.live_edge = state
            .live_edge
            .and_then(|edge| edge.checked_add(segment.duration).ok());

        let filled = uri.map(|uri| self.variables.fill(uri, &mut self.budget));
        let Some(Ok(uri)) = filled else {
            return;
        };
        let Meaning::Fetch(url) = resolve(self.context.base, ChildKind::Segment, &uri) else {
            return;
        };
        let range = segment.range.map(|range| {
            let follows = match &self.last_range {
                Some((last, end)) if *last == url => *end,
                _ => 0,
            };
            let offset = range.offset.unwrap_or(follows);
            self.last_range = Some((url.clone(), offset.saturating_add(range.length)));
            ByteRange {
                offset: Some(offset),
                ..range
            }
        });
        if !segment.gap {
            state.newest = Some(Newest {
                url,
                range,
                sequence,
                duration: segment.duration,
                encrypted: self.encrypted,
                init: self.init.clone(),
            });
        }
    }
}

/// A date without an offset is taken as UTC: some encoders write none.
fn date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    local
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}
