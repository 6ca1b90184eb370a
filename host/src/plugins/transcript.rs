//! What a call leaves behind besides its result: what it exchanged, what it
//! said, and what it knew before. For diagnosis and for recordings; bounded by
//! the limits of the call. Nothing of it is scrubbed of more than the site's
//! secrets, so it is for the operator's eyes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::net::Exchange;

/// One call's.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// The instant that the guest was told.
    pub time: Timestamp,
    /// What the site had kept.
    pub before: Before,
    /// Hops in the order in which they began; none where
    /// `plugins.limits.capture` is 0.
    pub exchanges: Vec<Exchange>,
    /// Lines of the log, and what a guest with WASI printed.
    pub log: Vec<Line>,
    /// Pages that the guest kept for diagnosis.
    pub attachments: Vec<Attachment>,
}

/// What a site kept from calls before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Before {
    /// Base64 of each value, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, String>,
    /// URL and `Set-Cookie` line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<(String, String)>,
}

/// A line of a guest's log, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// "trace", "debug", "info", "warn" or "error".
    pub level: String,
    /// With its fields.
    pub message: String,
}

/// A page that a guest kept, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The guest's word for it.
    pub name: String,
    /// As the guest says: never believed.
    pub media_type: String,
    /// Any bytes.
    pub data: Vec<u8>,
}

impl Before {
    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
