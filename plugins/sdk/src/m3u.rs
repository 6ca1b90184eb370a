//! Lists of channels as IPTV applications read them: M3U with `#EXTINF`
//! attributes, `#EXTGRP`, `#EXTVLCOPT`, `#KODIPROP` and `url|Header=value`.
//! There is no standard; this takes what is in use and passes over the rest.
//!
//! Entries come one at a time, so that a list of any length fits into memory.

mod info;

use crate::decode::percent;
use crate::{Error, Protection, StreamKind, layout_changed};

/// Longer lines are passed over: an entry with its attributes has some 500.
const MAX_LINE: usize = 16 * 1024;

/// Headers of one entry; what is more is passed over.
const MAX_HEADERS: usize = 16;

/// Headers that no player takes from a list: the host decides on them, and
/// would refuse the stream that named one.
const NEVER: [&str; 8] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "range",
    "te",
    "transfer-encoding",
];

/// One channel of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The address as it stands in the list, without the headers behind it.
    pub url: String,
    /// What stands behind the comma of `#EXTINF`.
    pub title: String,
    /// Seconds; none where the list says 0 or less, as it does of live ones.
    pub duration: Option<f64>,
    /// `tvg-id`: the channel in a guide.
    pub id: Option<String>,
    /// `tvg-name`.
    pub name: Option<String>,
    /// `tvg-logo`.
    pub logo: Option<String>,
    /// `tvg-language` where it is a BCP 47 tag, not a name.
    pub language: Option<String>,
    /// `group-title`, or else `#EXTGRP`.
    pub group: Option<String>,
    /// Headers that its requests need, each name once.
    pub headers: Vec<(String, String)>,
    /// By what the list says, or else by the address.
    pub kind: Option<StreamKind>,
    /// Whether the list names a licence.
    pub protection: Option<Protection>,
}

/// The entries of a list, in order.
///
/// # Errors
/// `layout-changed` where the text is no such list: nothing of it is there, or
/// it is a stream's own HLS playlist.
pub fn entries(text: &str) -> Result<impl Iterator<Item = Entry>, Error> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.lines().take(100).any(is_playlist) {
        return Err(layout_changed("M3U list: it is a stream's own playlist"));
    }
    let head = text.starts_with("#EXTM3U");
    if !head
        && !text
            .lines()
            .take(100)
            .any(|line| line.starts_with("#EXTINF:"))
    {
        return Err(layout_changed("M3U list: neither #EXTM3U nor #EXTINF"));
    }
    let mut next = Entry::default();
    Ok(text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.is_empty() || line.len() > MAX_LINE {
            return None;
        }
        if line.starts_with('#') {
            next.directive(line);
            return None;
        }
        let mut entry = std::mem::take(&mut next);
        entry.address(line);
        Some(entry)
    }))
}

fn is_playlist(line: &str) -> bool {
    ["#EXT-X-TARGETDURATION", "#EXT-X-STREAM-INF", "#EXT-X-MEDIA"]
        .iter()
        .any(|tag| line.trim_start().starts_with(tag))
}

impl Entry {
    /// The best name for people, if the list has any.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        let title = Some(self.title.as_str()).filter(|title| !title.is_empty());
        title.or(self.name.as_deref()).or(self.id.as_deref())
    }

    fn directive(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("#EXTINF:") {
            self.info(rest);
        } else if let Some(group) = line.strip_prefix("#EXTGRP:") {
            self.group.get_or_insert_with(|| group.trim().to_owned());
        } else if let Some(option) = line.strip_prefix("#EXTVLCOPT:") {
            self.vlc(option);
        } else if let Some(property) = line.strip_prefix("#KODIPROP:") {
            self.kodi(property);
        }
    }

    fn info(&mut self, rest: &str) {
        let info = info::read(rest);
        self.duration = info.duration;
        self.title = info.title.to_owned();
        for (name, value) in info.attributes {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let place = match name.to_ascii_lowercase().as_str() {
                "tvg-id" => &mut self.id,
                "tvg-name" => &mut self.name,
                "tvg-logo" => &mut self.logo,
                "group-title" => &mut self.group,
                "tvg-language" | "tvg-lang" if is_tag(value) => &mut self.language,
                "user-agent" | "http-user-agent" => {
                    self.header("User-Agent", value);
                    continue;
                }
                "referrer" | "referer" | "http-referrer" => {
                    self.header("Referer", value);
                    continue;
                }
                _ => continue,
            };
            *place = Some(value.to_owned());
        }
    }

    fn vlc(&mut self, option: &str) {
        let Some((name, value)) = option.split_once('=') else {
            return;
        };
        let name = match name.trim() {
            "http-referrer" | "http-referer" => "Referer",
            "http-user-agent" => "User-Agent",
            "http-origin" => "Origin",
            "http-cookie" => "Cookie",
            _ => return,
        };
        self.header(name, value);
    }

    fn kodi(&mut self, property: &str) {
        let Some((name, value)) = property.split_once('=') else {
            return;
        };
        let value = value.trim();
        match name.trim().trim_start_matches("inputstream.adaptive.") {
            "manifest_type" => {
                let kind = match value {
                    "mpd" => Some(StreamKind::Dash),
                    "hls" => Some(StreamKind::Hls),
                    _ => None,
                };
                self.kind = kind.or(self.kind);
            }
            "stream_headers" | "manifest_headers" | "common_headers" => self.headers_of(value),
            "license_type" | "drm_legacy" | "drm" => {
                let clear = value.contains("clearkey");
                let found = if clear {
                    Protection::ClearKey
                } else {
                    Protection::Drm
                };
                self.protection = Some(found);
            }
            _ => {}
        }
    }

    fn address(&mut self, line: &str) {
        let (url, headers) = line.split_once('|').unwrap_or((line, ""));
        self.url = url.trim().to_owned();
        self.headers_of(headers);
        self.kind = self.kind.or_else(|| StreamKind::of(&self.url));
    }

    /// `Name=value&Name=value`, percent-encoded.
    fn headers_of(&mut self, text: &str) {
        for pair in text.split('&') {
            if let Some((name, value)) = pair.split_once('=') {
                self.header(&percent(name), &percent(value));
            }
        }
    }

    fn header(&mut self, name: &str, value: &str) {
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        let named = |known: &str| known.eq_ignore_ascii_case(name);
        let token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = !name.is_empty() && name.chars().all(token) && !value.contains(char::is_control);
        if !fits || NEVER.iter().any(|never| named(never)) {
            return;
        }
        // The later one is the nearer one.
        self.headers.retain(|(known, _)| !named(known));
        if self.headers.len() < MAX_HEADERS {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// `de`, `pt-BR`; lists have names of languages there, too.
fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric());
    (2..=3).contains(&first.len())
        && first.chars().all(|c| c.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && plain(part))
}

#[cfg(test)]
mod tests;
