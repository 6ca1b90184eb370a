//! What a plugin asks for, and what of it it gets.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use url::Url;

use crate::config::HostPattern;

/// The hosts that a plugin asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// `*`: whatever the operator's site file grants.
    pub(super) any: bool,
    /// By name.
    pub(super) hosts: Vec<HostPattern>,
    /// Under explicit grants: which hosts count by name alone.
    approved: ArcSwapOption<Vec<HostPattern>>,
}

impl Asked {
    /// Only what is in `approved` counts by name from now on.
    pub(super) fn limit(&self, approved: Vec<HostPattern>) {
        self.approved.store(Some(Arc::new(approved)));
    }

    pub(super) fn may_name(&self, url: &Url) -> bool {
        let approved = self.approved.load();
        let listed = |approved: &Arc<Vec<HostPattern>>| approved.iter().any(|h| h.matches(url));
        approved.as_ref().is_none_or(listed)
    }

    /// `Err` names the text that is not a pattern.
    pub(super) fn parse(texts: &[String]) -> Result<Self, String> {
        let mut asked = Self::default();
        for text in texts {
            match text.as_str() {
                "*" => asked.any = true,
                host => asked.hosts.push(
                    host.parse()
                        .map_err(|e| format!("allowed-hosts: {host:?}: {e}"))?,
                ),
            }
        }
        Ok(asked)
    }

    /// What of it this site's plugin may reach, for the admin.
    pub(super) fn reach(&self, granted: &[HostPattern]) -> Vec<String> {
        let approved = self.approved.load();
        let named = |host: &HostPattern| {
            let listed = |approved: &Arc<Vec<HostPattern>>| approved.iter().any(|a| a.covers(host));
            approved.as_ref().is_none_or(listed)
        };
        if granted.is_empty() {
            let hosts = self.hosts.iter().filter(|host| named(host));
            return hosts.map(ToString::to_string).collect();
        }
        let asked = |host: &&HostPattern| self.any || self.hosts.iter().any(|a| a.covers(host));
        let narrower = |host: &&HostPattern| granted.iter().any(|g| g != *host && g.covers(host));
        let mut hosts: Vec<String> = granted
            .iter()
            .filter(asked)
            .map(ToString::to_string)
            .collect();
        hosts.extend(self.hosts.iter().filter(narrower).map(ToString::to_string));
        hosts.dedup();
        hosts
    }

    /// As texts again, for the admin.
    pub(super) fn texts(&self) -> Vec<String> {
        let any = self.any.then(|| "*".to_owned());
        any.into_iter()
            .chain(self.hosts.iter().map(ToString::to_string))
            .collect()
    }
}
