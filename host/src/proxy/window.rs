//! What recent segments hold in memory: those that are whole, in a window
//! bounded in bytes, and those on their way, within a budget.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use moka::policy::EvictionPolicy;

use super::fetch::Body;
use super::head::Head;
use super::links::Kind;
use crate::config;
use crate::metrics::Metrics;

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

/// Whole segments, the one that was asked for longest ago going first.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// `None` with `relay.window = 0`.
    segments: Option<moka::sync::Cache<Address, Arc<Segment>>>,
    /// `relay.window`.
    bytes: u64,
    metrics: Metrics,
}

/// A whole segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    pub(super) pieces: Vec<Bytes>,
    pub(super) length: u64,
    /// It came with a picture in front.
    pub(super) is_cleaned: bool,
}

/// A place in the window for a segment that is on its way.
#[derive(Debug)]
pub(super) struct Kept {
    window: Window,
    address: Address,
    head: Head,
    is_cleaned: bool,
}

/// `relay.in_flight`: bytes of all flights together.
#[derive(Debug)]
pub(super) struct Budget {
    held: AtomicU64,
    most: u64,
    metrics: Metrics,
}

impl Window {
    pub(super) fn new(config: &config::Relay, metrics: Metrics) -> Self {
        let bytes = config.window.as_u64();
        let segments = (bytes > 0).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(bytes)
                .weigher(|address: &Address, segment: &Arc<Segment>| {
                    let about = address.stream.len() + address.url.len() + 256;
                    u32::try_from(segment.length + about as u64).unwrap_or(u32::MAX)
                })
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(config.idle)
                .build()
        });
        Self {
            segments,
            bytes,
            metrics,
        }
    }

    pub(super) fn get(&self, address: &Address) -> Option<Arc<Segment>> {
        self.segments.as_ref()?.get(address)
    }

    /// These have left their playlist.
    pub(super) fn forget<'a>(&self, addresses: impl Iterator<Item = &'a Address>) {
        if let Some(segments) = &self.segments {
            addresses.for_each(|address| segments.invalidate(address));
        }
    }

    /// Where a segment will be kept.
    pub(super) fn place(&self, address: &Address, body: &Body) -> Option<Kept> {
        self.segments.as_ref()?;
        if body.length.is_some_and(|length| length > self.bytes) {
            self.metrics.limit("relay.window");
            return None;
        }
        Some(Kept {
            window: self.clone(),
            address: address.clone(),
            head: body.head.clone(),
            is_cleaned: body.skipped > 0,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.segments.is_some()
    }
}

impl Kept {
    /// A whole segment; `small` pieces are put together.
    pub(super) fn put(&self, pieces: &VecDeque<Bytes>, length: u64, small: usize) {
        if length > self.window.bytes {
            return self.window.metrics.limit("relay.window");
        }
        let few = usize::try_from(length).unwrap_or(usize::MAX) / small;
        let pieces = if pieces.len() > few + 1 {
            vec![together(pieces)]
        } else {
            pieces.iter().cloned().collect()
        };
        let segment = Arc::new(Segment {
            head: self.head.clone(),
            pieces,
            length,
            is_cleaned: self.is_cleaned,
        });
        if let Some(segments) = &self.window.segments {
            segments.insert(self.address.clone(), segment);
            self.window.metrics.window(segments.weighted_size());
        }
    }
}

fn together(pieces: &VecDeque<Bytes>) -> Bytes {
    let length = pieces.iter().map(Bytes::len).sum();
    let mut whole = BytesMut::with_capacity(length);
    for piece in pieces {
        whole.extend_from_slice(piece);
    }
    whole.freeze()
}

impl Budget {
    pub(super) fn new(config: &config::Relay, metrics: Metrics) -> Self {
        Self {
            held: AtomicU64::new(0),
            most: config.in_flight.as_u64(),
            metrics,
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn take(&self, bytes: u64) {
        self.held.fetch_add(bytes, Relaxed);
        self.metrics
            .in_flight(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Relaxed);
        self.metrics
            .in_flight(-i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(super) fn is_over(&self) -> bool {
        self.held.load(Relaxed) > self.most
    }
}
