//! What recent segments hold in memory: those that are whole, in a window
//! bounded in bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use moka::policy::EvictionPolicy;

use super::fetch::Body;
use super::links::Kind;
use super::range::Asked;
use crate::config;
use crate::metrics::Metrics;

/// Pieces smaller than this on average are put together when they are kept: a
/// piece costs a turn whatever its size, and may hold a larger buffer alive.
const SMALL: usize = 64 << 10;
/// As large as this. What a viewer was handed stays in memory until it is sent,
/// whatever becomes of the segment.
const BLOCK: usize = 256 << 10;

/// What stands for one resource: what is fetched with the same profile from
/// the same URL is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) kind: Kind,
    /// The catalog's id, which stands for the profile; empty for links sealed by
    /// hand.
    pub(super) stream: String,
    pub(super) url: String,
}

/// The same in few bytes: playlists list many, and they are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 16]);

/// What of a resource: `None` is all of it.
pub(super) type Part = (Address, Option<Asked>);
type Key = (Digest, Option<Asked>);

/// Whole segments, and whole parts, the one that was asked for longest ago going
/// first.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// `None` with `relay.window = 0`.
    segments: Option<moka::sync::Cache<Key, Arc<Segment>>>,
    /// `relay.window`.
    bytes: u64,
    metrics: Metrics,
}

/// A whole segment, or a whole part.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) body: Body,
    /// `None` once the window has let go of it: whoever reads it then has to look
    /// elsewhere, and holds nothing in memory by standing still.
    pieces: ArcSwapOption<Vec<Bytes>>,
    /// In bytes.
    pub(super) length: u64,
}

/// What a reader finds at a place in a segment.
#[derive(Debug)]
pub(super) enum There {
    Piece(Bytes),
    End,
    Gone,
}

/// A place in the window for a segment that is on its way.
#[derive(Debug)]
pub(super) struct Kept {
    window: Window,
    key: Key,
    body: Body,
}

impl Digest {
    /// Of an [`Address`].
    pub(super) fn of(kind: Kind, stream: &str, url: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[kind as u8]);
        context.update(&stream.len().to_le_bytes());
        context.update(stream.as_bytes());
        context.update(url.as_bytes());
        let digest = context.finish();
        let half = digest.as_ref().first_chunk();
        Self(*half.expect("SHA-256 has 32 bytes"))
    }
}

fn key((address, asked): &Part) -> Key {
    let digest = Digest::of(address.kind, &address.stream, &address.url);
    (digest, *asked)
}

impl Window {
    pub(super) fn new(config: &config::Relay, metrics: Metrics) -> Self {
        let bytes = config.window.as_u64();
        let segments = (bytes > 0).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(bytes)
                .weigher(|_: &Key, segment: &Arc<Segment>| {
                    u32::try_from(segment.length + 512).unwrap_or(u32::MAX)
                })
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(config.idle)
                .time_to_live(config.keep)
                .eviction_listener(|_, segment: Arc<Segment>, _| segment.pieces.store(None))
                .build()
        });
        Self {
            segments,
            bytes,
            metrics,
        }
    }

    pub(super) fn get(&self, part: &Part) -> Option<Arc<Segment>> {
        self.segments.as_ref()?.get(&key(part))
    }

    /// These have left their playlist. Parts of them go by their age.
    pub(super) fn forget<'a>(&self, digests: impl Iterator<Item = &'a Digest>) {
        if let Some(segments) = &self.segments {
            digests.for_each(|digest| segments.invalidate(&(*digest, None)));
        }
    }

    /// Where a segment will be kept.
    pub(super) fn place(&self, part: &Part, body: &Body) -> Option<Kept> {
        self.segments.as_ref()?;
        if body.span().1.is_some_and(|length| length > self.bytes) {
            self.metrics.limit("relay.window");
            return None;
        }
        Some(Kept {
            window: self.clone(),
            key: key(part),
            body: body.clone(),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.segments.is_some()
    }
}

impl Kept {
    /// All of it is there; `None` where it is not kept.
    pub(super) fn put(&self, pieces: &VecDeque<Bytes>, length: u64) -> Option<Arc<Segment>> {
        let segments = self.window.segments.as_ref()?;
        if length > self.window.bytes {
            self.window.metrics.limit("relay.window");
            return None;
        }
        let few = usize::try_from(length).unwrap_or(usize::MAX) / SMALL;
        let pieces = match pieces.len() > few + 1 {
            true => blocks(pieces),
            false => pieces.iter().cloned().collect(),
        };
        let segment = Arc::new(Segment {
            body: self.body.clone(),
            pieces: ArcSwapOption::from_pointee(pieces),
            length,
        });
        segments.insert(self.key, segment.clone());
        // What has to go for it goes now: entries are large.
        segments.run_pending_tasks();
        self.window.metrics.window(segments.weighted_size());
        Some(segment)
    }
}

impl Segment {
    pub(super) fn piece(&self, number: usize) -> There {
        match &*self.pieces.load() {
            None => There::Gone,
            Some(pieces) => pieces.get(number).cloned().map_or(There::End, There::Piece),
        }
    }
}

/// The same bytes in few pieces.
fn blocks(pieces: &VecDeque<Bytes>) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    let mut block = BytesMut::new();
    for piece in pieces {
        if !block.is_empty() && block.len() + piece.len() > BLOCK {
            blocks.push(block.split().freeze());
        }
        block.extend_from_slice(piece);
    }
    blocks.push(block.freeze());
    blocks
}
