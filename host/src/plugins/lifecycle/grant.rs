//! What a plugin may reach, as a set that can be compared.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::config::{self, HostPattern};

/// Hosts and names of secrets, as the plugin writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::plugins) struct Grant {
    pub(in crate::plugins) hosts: BTreeSet<String>,
    pub(in crate::plugins) secrets: BTreeSet<String>,
}

/// What an operator, or under `declared` the file itself, has approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugins) enum Approved {
    /// No version of this plugin.
    Never,
    /// The record cannot be read now: what proved itself here may go on.
    Unknown,
    This(Grant),
}

impl Grant {
    pub(in crate::plugins) fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.secrets.is_empty()
    }

    /// What of it `approved` does not cover. `*` asks for nothing by name: it
    /// is limited to what site files grant.
    pub(super) fn beyond(&self, approved: &Self, by_name: bool) -> Self {
        let new_host = |host: &&String| {
            by_name && *host != "*" && !approved.hosts.iter().any(|known| covers(known, host))
        };
        Self {
            hosts: self.hosts.iter().filter(new_host).cloned().collect(),
            secrets: self
                .secrets
                .difference(&approved.secrets)
                .cloned()
                .collect(),
        }
    }

    pub(in crate::plugins) fn and(mut self, more: &Self) -> Self {
        self.hosts.extend(more.hosts.iter().cloned());
        self.secrets.extend(more.secrets.iter().cloned());
        self
    }
}

impl Approved {
    /// `Some`: this version needs an operator's approval, and for what.
    pub(super) fn missing(
        &self,
        asked: &Grant,
        proven: bool,
        by_name: bool,
        grants: config::Grants,
    ) -> Option<Grant> {
        match (grants, self) {
            (config::Grants::Declared, _) => None,
            (_, Self::This(approved)) => {
                Some(asked.beyond(approved, by_name)).filter(|wants| !wants.is_empty())
            }
            // Served here before, on this very disk: a mount that is away
            // takes nothing down.
            (_, Self::Unknown) if proven => None,
            (_, Self::Never | Self::Unknown) => Some(asked.beyond(&Grant::default(), by_name)),
        }
    }

    /// With `more` approved, too.
    pub(super) fn with(&self, more: &Grant) -> Self {
        match self {
            Self::This(approved) => Self::This(approved.clone().and(more)),
            Self::Never | Self::Unknown => Self::This(more.clone()),
        }
    }
}

/// Whether everything that `wanted` means is in `known`.
fn covers(known: &str, wanted: &str) -> bool {
    if known == wanted {
        return true;
    }
    match (known.parse::<HostPattern>(), wanted.parse::<HostPattern>()) {
        (Ok(known), Ok(wanted)) => known.covers(&wanted),
        _ => false,
    }
}
