//! One stream as an extraction returns it. The host judges every value again:
//! nothing here validates, it only builds.

use url::Url;

use crate::Protection;
use crate::bindings::f1_streams::extractor::types::{
    HeaderRule, Quality, RequestProfile, StreamInfo, StreamKind,
};

/// A stream being described.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream(StreamInfo);

impl StreamKind {
    /// What an address seems to lead to, by what its path ends with.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let path = Url::parse(url).ok()?.path().to_ascii_lowercase();
        let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
        match ending {
            "m3u8" | "m3u" => Some(Self::Hls),
            "mpd" => Some(Self::Dash),
            "mp4" | "m4v" | "webm" | "ogv" | "mov" | "mkv" | "ts" | "flv" | "mp3" | "m4a"
            | "aac" | "ogg" => Some(Self::Progressive),
            _ => None,
        }
    }

    /// A media type's kind, as `type` attributes and headers have it.
    #[must_use]
    pub fn of_type(media_type: &str) -> Option<Self> {
        let media_type = media_type.split(';').next()?.trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/vnd.apple.mpegurl"
            | "application/x-mpegurl"
            | "audio/mpegurl"
            | "audio/x-mpegurl" => Some(Self::Hls),
            "application/dash+xml" => Some(Self::Dash),
            other if other.starts_with("video/") || other.starts_with("audio/") => {
                Some(Self::Progressive)
            }
            _ => None,
        }
    }

    /// A kind as an operator writes it: `hls`, `dash` or `progressive`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hls" => Some(Self::Hls),
            "dash" => Some(Self::Dash),
            "progressive" => Some(Self::Progressive),
            _ => None,
        }
    }
}

impl Stream {
    /// An HLS stream. `id` must stay the same over extractions of one feed.
    #[must_use]
    pub fn hls(id: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(id, url, StreamKind::Hls)
    }

    /// An MPEG-DASH stream.
    #[must_use]
    pub fn dash(id: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(id, url, StreamKind::Dash)
    }

    /// A single resource that a player reads from beginning to end.
    #[must_use]
    pub fn progressive(id: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(id, url, StreamKind::Progressive)
    }

    /// A stream of a kind that is known only when the plugin runs.
    #[must_use]
    pub fn new(id: impl Into<String>, url: impl Into<String>, kind: StreamKind) -> Self {
        let (id, url) = (id.into(), url.into());
        Self(StreamInfo {
            label: id.clone(),
            id,
            url,
            kind,
            language: None,
            quality: None,
            request: RequestProfile {
                header_rules: Vec::new(),
                use_cookies: false,
            },
            expires_at: None,
            protection: Protection::None,
            rank: 0,
            attributes: Vec::new(),
        })
    }

    /// What viewers read; the id until it is set.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.0.label = label.into();
        self
    }

    /// BCP 47, when known.
    #[must_use]
    pub fn language(mut self, tag: impl Into<Option<String>>) -> Self {
        self.0.language = tag.into();
        self
    }

    /// Lines of the picture, when known.
    #[must_use]
    pub fn height(mut self, height: impl Into<Option<u32>>) -> Self {
        if let Some(height) = height.into() {
            self.quality().height = Some(height);
        }
        self
    }

    /// Bits per second, when known.
    #[must_use]
    pub fn bandwidth(mut self, bandwidth: impl Into<Option<u32>>) -> Self {
        if let Some(bandwidth) = bandwidth.into() {
            self.quality().bandwidth = Some(bandwidth);
        }
        self
    }

    /// The site's own word for the quality.
    #[must_use]
    pub fn quality_label(mut self, label: impl Into<String>) -> Self {
        self.quality().label = Some(label.into());
        self
    }

    /// Headers that every request for this stream's media needs.
    #[must_use]
    pub fn headers<K: ToString, V: ToString>(
        self,
        headers: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.headers_for([], headers)
    }

    /// Headers that requests to some hosts need; no hosts means all of them.
    #[must_use]
    pub fn headers_for<'a, K: ToString, V: ToString>(
        mut self,
        hosts: impl IntoIterator<Item = &'a str>,
        headers: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        if !headers.is_empty() {
            self.0.request.header_rules.push(HeaderRule {
                hosts: hosts.into_iter().map(String::from).collect(),
                headers,
            });
        }
        self
    }

    /// Media requests carry this site's cookies, by ordinary domain matching.
    #[must_use]
    pub fn cookies(mut self) -> Self {
        self.0.request.use_cookies = true;
        self
    }

    /// When the URL is expected to stop working, in milliseconds since 1970.
    #[must_use]
    pub fn expires_at(mut self, at: u64) -> Self {
        self.0.expires_at = Some(at);
        self
    }

    /// Whether the media is protected; what is, is reported and never relayed.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.0.protection = protection;
        self
    }

    /// The plugin's own preference, higher first.
    #[must_use]
    pub fn rank(mut self, rank: i32) -> Self {
        self.0.rank = rank;
        self
    }

    /// Free data that the host shows to operators.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.attributes.push((name.into(), value.into()));
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn with_id(mut self, id: String) -> Self {
        self.0.id = id;
        self
    }

    pub(crate) fn into_info(self) -> StreamInfo {
        self.0
    }

    fn quality(&mut self) -> &mut Quality {
        self.0.quality.get_or_insert(Quality {
            height: None,
            bandwidth: None,
            label: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_stays_absent() {
        let info = Stream::hls("main", "http://c.test/m.m3u8")
            .height(None)
            .language(None)
            .headers([] as [(&str, &str); 0])
            .into_info();
        assert_eq!(
            (info.label.as_str(), info.quality, info.language),
            ("main", None, None)
        );
        assert!(info.request.header_rules.is_empty() && !info.request.use_cookies);
    }

    #[test]
    fn a_kind_by_address_type_and_name() {
        use StreamKind::{Dash, Hls, Progressive};
        for (url, expected) in [
            ("https://c.test/a.m3u8?x=.mpd", Some(Hls)),
            ("https://c.test/a/b.MPD#t", Some(Dash)),
            ("https://c.test/v.mp4", Some(Progressive)),
            ("https://c.mp4/live", None),
            ("https://c.test/a.m3u8/", None),
            ("a.m3u8", None),
        ] {
            assert_eq!(StreamKind::of(url), expected, "{url}");
        }
        assert_eq!(
            StreamKind::of_type("Application/X-mpegURL; charset=utf-8"),
            Some(Hls)
        );
        assert_eq!(StreamKind::of_type("video/mp4"), Some(Progressive));
        assert_eq!(StreamKind::of_type("text/html"), None);
        assert_eq!(StreamKind::named("dash"), Some(Dash));
        assert_eq!(StreamKind::named("DASH"), None);
    }

    #[test]
    fn qualities_and_rules_add_up() {
        let info = Stream::hls("main", "http://c.test/m.m3u8")
            .height(360)
            .quality_label("HD 2")
            .headers([("Referer", "http://s.test/")])
            .headers_for(["*.cdn.test"], [("Origin", "http://s.test")])
            .cookies()
            .into_info();
        let quality = info.quality.expect("a quality");
        assert_eq!(
            (quality.height, quality.label.as_deref()),
            (Some(360), Some("HD 2"))
        );
        let rules = info.request.header_rules;
        assert_eq!(rules[0].hosts, Vec::<String>::new());
        assert_eq!(rules[1].hosts, ["*.cdn.test"]);
        assert_eq!(
            rules[1].headers,
            [("Origin".into(), "http://s.test".into())]
        );
        assert!(info.request.use_cookies);
    }
}
