//! What segments are wrapped in, by their numbers. A delta update leaves out the
//! tags that say so of its first segments (`EXT-X-SKIP`): they are known from the
//! texts before it.

/// Changes that are remembered: a playlist has one or two, or some at each break.
const MOST: usize = 64;

/// What a segment is wrapped in, by the tags above it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wrap {
    /// Whether the last key is one.
    pub(super) encrypted: bool,
    /// Whether there is an initialisation section.
    pub(super) mapped: bool,
    /// Whether it is a picture.
    pub(super) pictures: bool,
}

/// What the segments of a playlist are wrapped in, as far as its texts have told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wraps(Vec<(u64, Wrap)>);

// === impl Wraps ===

impl Wraps {
    /// What is known of the segments before that one, and what the last of them
    /// is wrapped in.
    pub(super) fn before(&self, number: u64) -> (Self, Wrap) {
        let earlier = self.0.iter().filter(|(from, _)| *from < number);
        let earlier = Self(earlier.copied().collect());
        let last = earlier.0.last().or(self.0.first());
        let last = last.map_or_else(Wrap::default, |(_, wrap)| *wrap);
        (earlier, last)
    }

    pub(super) fn note(&mut self, number: u64, wrap: Wrap) {
        if self.0.last().is_some_and(|(_, last)| *last == wrap) {
            return;
        }
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push((number, wrap));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
