//! What a player asks of a playlist's server: delivery directives (RFC 8216bis,
//! section 6.2.5), and what it says of itself to interstitials and steering.

use url::Url;

use crate::answer::Failure;

/// In the order of their names, each once: one resource has one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Directives(Vec<(String, String)>);

/// All that are known; with how long a value may be.
const KNOWN: [(&str, usize); 8] = [
    ("_HLS_msn", 16),
    ("_HLS_part", 16),
    ("_HLS_skip", 16),
    ("_HLS_pathway", 256),
    ("_HLS_primary_id", 256),
    ("_HLS_report", 256),
    ("_HLS_start_offset", 32),
    ("_HLS_throughput", 32),
];

impl Directives {
    /// One more; unknown and repeated ones are refused.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let is = |known: &&(&str, usize)| known.0 == name && value.len() <= known.1;
        KNOWN.iter().find(is).ok_or_else(Failure::link)?;
        let counts = matches!(name, "_HLS_msn" | "_HLS_part");
        if counts && value.parse::<u32>().is_err() {
            return Err(Failure::link());
        }
        let place = self.0.binary_search_by(|(other, _)| (**other).cmp(name));
        match place {
            Ok(_) => Err(Failure::link()),
            Err(at) => {
                self.0.insert(at, (name.to_owned(), value.to_owned()));
                Ok(())
            }
        }
    }

    /// Without those that the playlist's server does not promise to follow: each
    /// would be a fetch of its own, for the same text.
    pub(super) fn followed(mut self, can_block: bool, can_skip: bool) -> Self {
        self.0.retain(|(name, _)| match name.as_str() {
            "_HLS_msn" | "_HLS_part" => can_block,
            "_HLS_skip" => can_skip,
            _ => true,
        });
        self
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether the server may hold the answer.
    pub(super) fn hold(&self) -> bool {
        self.has("_HLS_msn")
    }

    /// Merged into the query of `url`, whose other bytes stay: it may be signed.
    pub(super) fn on(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if self.are_none() {
            return url;
        }
        let ours = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            !self.has(name)
        };
        if let Some(query) = url.query() {
            let kept: Vec<&str> = query.split('&').filter(ours).collect();
            let kept = kept.join("&");
            url.set_query(Some(&kept).filter(|kept| !kept.is_empty()).map(|k| &**k));
        }
        url.query_pairs_mut().extend_pairs(&self.0);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_merged_into_the_query() {
        let mut directives = Directives::default();
        for (name, value) in [("_HLS_part", "0"), ("_HLS_msn", "0"), ("_HLS_skip", "YES")] {
            assert!(directives.add(name, value).is_ok());
        }
        assert!(directives.add("_HLS_msn", "1").is_err(), "once");
        assert!(directives.add("_HLS_other", "1").is_err(), "unknown");
        let mut none = Directives::default();
        for value in ["", "x1", "-1", "1.5", "99999999999"] {
            assert!(
                none.add("_HLS_msn", value).is_err(),
                "{value:?} is no number"
            );
        }
        let long = "x".repeat(300);
        assert!(directives.add("_HLS_pathway", &long).is_err(), "long");
        for (url, expect) in [
            (
                "http://a.test/p?sig=%7e+a%2F&t=1",
                "sig=%7e+a%2F&t=1&_HLS_msn=0&_HLS_part=0&_HLS_skip=YES",
            ),
            (
                "http://a.test/p?_HLS_msn=7&x",
                "x&_HLS_msn=0&_HLS_part=0&_HLS_skip=YES",
            ),
            ("http://a.test/p", "_HLS_msn=0&_HLS_part=0&_HLS_skip=YES"),
        ] {
            let url = url.parse().expect("a URL");
            assert_eq!(directives.on(&url).query(), Some(expect));
        }
    }
}
