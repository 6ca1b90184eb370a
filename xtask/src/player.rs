//! A player as far as the network sees one: entry, rendition, segments as they
//! appear. It decodes nothing, and looks at every byte's place instead: what
//! the relay passes must still be whole MPEG-TS packets.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use url::Url;

use crate::viewer::Viewer;

/// The first extraction and health check follow the start.
const PLAYABLE: Duration = Duration::from_secs(60);

/// Behind the live edge, as the HLS specification asks of a player that starts.
const BEHIND: usize = 3;

const PACKET: usize = 188;
const SYNC: u8 = 0x47;

/// A stream as `/api/streams` lists it, as far as a player cares.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stream {
    pub(crate) id: String,
    label: String,
    state: String,
    playable: bool,
    pub(crate) play_url: String,
}

#[derive(Deserialize)]
struct Streams {
    streams: Vec<Stream>,
}

/// What was played.
#[derive(Debug, Default)]
pub(crate) struct Played {
    playlists: usize,
    segments: BTreeMap<u64, usize>,
    took: Duration,
}

/// Waits for the first stream that can be played.
pub(crate) fn wait_for_stream(viewer: &Viewer) -> anyhow::Result<Stream> {
    let begun = Instant::now();
    loop {
        let text = viewer.ok("/api/streams")?.text();
        let listed: Streams = serde_json::from_str(&text).context("reading /api/streams")?;
        if let Some(stream) = listed.streams.iter().find(|stream| stream.playable) {
            return Ok(stream.clone());
        }
        ensure!(
            begun.elapsed() < PLAYABLE,
            "no stream became playable; /api/streams: {text}"
        );
        sleep(Duration::from_millis(200));
    }
}

/// Plays a stream for at least that long, and until it has moved on.
pub(crate) fn play(viewer: &Viewer, stream: &Stream, at_least: Duration) -> anyhow::Result<Played> {
    let begun = Instant::now();
    let entry = viewer.ok(&stream.play_url).context("the playback entry")?;
    let (mut from, mut text) = (entry.url.clone(), entry.text());
    if let Some(variant) = first_variant(&text) {
        let rendition = viewer
            .get(&entry.url, &variant)?
            .ok()
            .context("the rendition")?;
        (from, text) = (rendition.url.clone(), rendition.text());
    }
    let mut played = Played {
        playlists: 1,
        ..Played::default()
    };
    let mut newest_at_start = None;
    loop {
        let playlist = MediaPlaylist::parse(&text)?;
        let newest = playlist.first + playlist.segments.len() as u64;
        let start = *newest_at_start.get_or_insert(newest);
        let oldest_wanted = match played.segments.last_key_value() {
            Some((last, _)) => last + 1,
            None => newest.saturating_sub(BEHIND as u64),
        };
        ensure!(
            playlist.first <= oldest_wanted,
            "the playlist went from segment {oldest_wanted} to {} without it",
            playlist.first
        );
        for (number, link) in (playlist.first..).zip(&playlist.segments) {
            if number >= oldest_wanted {
                played
                    .segments
                    .insert(number, segment(viewer, &from, link)?);
            }
        }
        played.took = begun.elapsed();
        if played.took >= at_least && newest > start {
            return Ok(played);
        }
        ensure!(
            played.took < at_least * 3,
            "the playlist does not move on from segment {newest}"
        );
        sleep(playlist.target.div_f64(2.0).min(Duration::from_secs(2)));
        let again = viewer
            .get(&from, from.as_str())?
            .ok()
            .context("the rendition again")?;
        text = again.text();
        played.playlists += 1;
    }
}

fn segment(viewer: &Viewer, from: &Url, link: &str) -> anyhow::Result<usize> {
    let segment = viewer.get(from, link)?.ok().context("a segment")?;
    check_packets(&segment.body)
        .with_context(|| format!("{} ({})", segment.url.path(), segment.content_type))?;
    Ok(segment.body.len())
}

fn check_packets(body: &[u8]) -> anyhow::Result<()> {
    ensure!(!body.is_empty(), "it is empty");
    ensure!(
        body.len().is_multiple_of(PACKET),
        "{} bytes are no whole MPEG-TS packets",
        body.len()
    );
    match body.chunks(PACKET).position(|packet| packet[0] != SYNC) {
        Some(bad) => bail!("packet {bad} does not begin with the sync byte"),
        None => Ok(()),
    }
}

fn first_variant(text: &str) -> Option<String> {
    let mut lines = text.lines();
    lines.find(|line| line.starts_with("#EXT-X-STREAM-INF:"))?;
    lines
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .map(String::from)
}

#[derive(Debug, PartialEq)]
struct MediaPlaylist {
    first: u64,
    target: Duration,
    segments: Vec<String>,
}

impl MediaPlaylist {
    fn parse(text: &str) -> anyhow::Result<Self> {
        ensure!(text.starts_with("#EXTM3U"), "not a playlist: {:.80}", text);
        let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
        let target: u64 = value("#EXT-X-TARGETDURATION:")
            .context("the playlist has no target duration")?
            .trim()
            .parse()?;
        let first =
            value("#EXT-X-MEDIA-SEQUENCE:").map_or(Ok(0), |number| number.trim().parse())?;
        let segments = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let segments: Vec<_> = segments.map(String::from).collect();
        ensure!(!segments.is_empty(), "the playlist has no segments");
        Ok(Self {
            first,
            target: Duration::from_secs(target),
            segments,
        })
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {})", self.id, self.label, self.state)
    }
}

impl std::fmt::Display for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: usize = self.segments.values().sum();
        write!(
            f,
            "{} segments, {bytes} bytes of whole MPEG-TS packets, over {} playlists in {:.1} s",
            self.segments.len(),
            self.playlists,
            self.took.as_secs_f64()
        )?;
        match (
            self.segments.first_key_value(),
            self.segments.last_key_value(),
        ) {
            (Some((first, _)), Some((last, _))) => write!(f, " (sequence {first} to {last})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playlists_are_read_as_players_read_them() {
        let multivariant = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\n#c\nlow.m3u8\nhigh.m3u8\n";
        assert_eq!(first_variant(multivariant).as_deref(), Some("low.m3u8"));
        let media = "#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n#EXTINF:2,\r\na.ts\r\n#EXTINF:2,\r\nb.ts\r\n";
        assert_eq!(first_variant(media), None);
        assert_eq!(
            MediaPlaylist::parse(media).expect("a playlist"),
            MediaPlaylist {
                first: 7,
                target: Duration::from_secs(2),
                segments: vec!["a.ts".into(), "b.ts".into()],
            }
        );
        for bad in [
            "",
            "<html>",
            "#EXTM3U\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n",
        ] {
            assert!(MediaPlaylist::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_whole_packets_pass() {
        let mut two = [0; 2 * PACKET];
        (two[0], two[PACKET]) = (SYNC, SYNC);
        assert!(check_packets(&two).is_ok());
        assert!(check_packets(&two[..PACKET + 1]).is_err());
        assert!(check_packets(&[]).is_err());
        two[PACKET] = 0;
        assert!(check_packets(&two).is_err());
    }
}
