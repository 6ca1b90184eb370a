//! A loop of MPEG-TS that plays on for ever: cuts the embedded minute into its
//! segments and moves each one on the time line when it is served.
//!
//! The file is what `media/make-media.sh` writes: 30 segments of 2 s, each
//! beginning with a service description, PAT and PMT. Segment `n` of the
//! stream is file segment `n mod 30`; PTS, DTS and PCR are moved so that the
//! time stamps count seconds since 1970 modulo 2³³, and continuity counters
//! count on over the wrap. A player thus sees one uninterrupted stream. The
//! picture's PTS at the start of segment `n` is `n × 2 s` exactly.
//!
//! Pure: no I/O, no time. Memory: the indices, and one segment per call.

mod tracks;

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context as _, bail, ensure};

pub(crate) use tracks::{Format, Track};

/// Segments in the loop.
pub(crate) const SEGMENTS: u64 = 30;

/// Seconds in a segment.
pub(crate) const SEGMENT_SECONDS: u64 = 2;

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// The service description's PID: the first packet of each segment.
const FIRST_PID: u16 = 0x11;
const TICKS: u64 = 90_000;
/// Time stamps have 33 bits.
const STAMP_MASK: u64 = (1 << 33) - 1;

/// One minute of one variant.
#[derive(Debug)]
pub(crate) struct Loop {
    media: &'static [u8],
    segments: Vec<Segment>,
    /// Packets with payload in the whole minute, per PID.
    totals: BTreeMap<u16, u64>,
    /// The first picture's time stamp in the file.
    first_stamp: u64,
}

#[derive(Debug)]
struct Segment {
    bytes: Range<usize>,
    /// Packets with payload before this segment, per PID.
    before: BTreeMap<u16, u64>,
}

/// What the header of one transport packet says.
struct Packet {
    pid: u16,
    starts_unit: bool,
    has_payload: bool,
    /// Where the PCR stands, if there is one.
    pcr: Option<usize>,
    payload: usize,
}

impl Loop {
    /// Reads the structure of the embedded file.
    pub(crate) fn parse(media: &'static [u8]) -> anyhow::Result<Self> {
        ensure!(
            media.len().is_multiple_of(PACKET),
            "the media end within a packet"
        );
        let mut segments: Vec<Segment> = Vec::new();
        let mut totals = BTreeMap::new();
        let mut first_stamp = None;
        for start in (0..media.len()).step_by(PACKET) {
            let packet = Packet::parse(&media[start..start + PACKET])
                .with_context(|| format!("packet at byte {start}"))?;
            if packet.pid == FIRST_PID {
                segments.push(Segment {
                    bytes: start..start,
                    before: totals.clone(),
                });
            }
            let segment = segments
                .last_mut()
                .context("no service description at the start")?;
            segment.bytes.end = start + PACKET;
            if packet.has_payload {
                *totals.entry(packet.pid).or_default() += 1;
            }
            let bytes = &media[start..start + PACKET];
            if first_stamp.is_none() && packet.is_video_unit(bytes) {
                let at = packet
                    .stamps(bytes)
                    .next()
                    .context("a picture without a time stamp")?;
                first_stamp = Some(read_stamp(&bytes[at..]));
            }
        }
        ensure!(
            segments.len() as u64 == SEGMENTS,
            "{} segments, not {SEGMENTS}",
            segments.len()
        );
        let first_stamp = first_stamp.context("no picture")?;
        Ok(Self {
            media,
            segments,
            totals,
            first_stamp,
        })
    }

    /// Segment `number` of the endless stream.
    pub(crate) fn segment(&self, number: u64) -> Vec<u8> {
        let (round, place) = (number / SEGMENTS, (number % SEGMENTS) as usize);
        let segment = &self.segments[place];
        let round_starts = round.wrapping_mul(SEGMENTS * SEGMENT_SECONDS * TICKS);
        let shift = round_starts.wrapping_sub(self.first_stamp) & STAMP_MASK;

        let mut counters: BTreeMap<u16, u64> = self
            .totals
            .iter()
            .map(|(pid, total)| {
                let before = segment.before.get(pid).copied().unwrap_or_default();
                (*pid, round.wrapping_mul(*total).wrapping_add(before))
            })
            .collect();

        let mut bytes = self.media[segment.bytes.clone()].to_vec();
        for packet_bytes in bytes.chunks_exact_mut(PACKET) {
            let packet = Packet::parse(packet_bytes).expect("the file was read when it was opened");
            let counter = counters.entry(packet.pid).or_default();
            // A packet without payload repeats the last counter.
            let shown = if packet.has_payload {
                *counter
            } else {
                counter.wrapping_sub(1)
            };
            packet_bytes[3] = packet_bytes[3] & 0xf0 | (shown & 0x0f) as u8;
            *counter = counter.wrapping_add(u64::from(packet.has_payload));

            if let Some(at) = packet.pcr {
                move_pcr(&mut packet_bytes[at..at + 6], shift);
            }
            let stamps: Vec<usize> = packet.stamps(packet_bytes).collect();
            for at in stamps {
                move_stamp(&mut packet_bytes[at..at + 5], shift);
            }
        }
        bytes
    }

    /// The largest segment's and the mean bit rate.
    pub(crate) fn bit_rates(&self) -> (u64, u64) {
        let rate = |bytes: usize, seconds: u64| bytes as u64 * 8 / seconds;
        let largest = self
            .segments
            .iter()
            .map(|segment| segment.bytes.len())
            .max()
            .unwrap_or_default();
        (
            rate(largest, SEGMENT_SECONDS),
            rate(self.media.len(), SEGMENTS * SEGMENT_SECONDS),
        )
    }
}

impl Packet {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        ensure!(bytes[0] == SYNC, "no sync byte");
        let has_adaptation = bytes[3] & 0x20 != 0;
        let adaptation = if has_adaptation {
            1 + usize::from(bytes[4])
        } else {
            0
        };
        let payload = 4 + adaptation;
        if payload > PACKET {
            bail!("an adaptation field longer than its packet");
        }
        let has_pcr = adaptation >= 8 && bytes[5] & 0x10 != 0;
        Ok(Self {
            pid: u16::from_be_bytes([bytes[1] & 0x1f, bytes[2]]),
            starts_unit: bytes[1] & 0x40 != 0,
            has_payload: bytes[3] & 0x10 != 0,
            pcr: has_pcr.then_some(6),
            payload,
        })
    }

    fn is_video_unit(&self, bytes: &[u8]) -> bool {
        self.starts_unit && bytes[self.payload..].starts_with(&[0, 0, 1, 0xe0])
    }

    /// Where the time stamps of the unit that begins here stand: PTS, then DTS.
    fn stamps(&self, bytes: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let header = &bytes[self.payload.min(PACKET)..];
        // Sound is 0xC0–0xDF, pictures 0xE0–0xEF; tables have no start code.
        let is_media = header.len() >= 19
            && header.starts_with(&[0, 0, 1])
            && (0xc0..=0xef).contains(&header[3]);
        let count = match is_media && self.starts_unit {
            true => match header[7] >> 6 {
                0b10 => 1,
                0b11 => 2,
                _ => 0,
            },
            false => 0,
        };
        let first = self.payload + 9;
        (0..count).map(move |index| first + index * 5)
    }
}

/// 33 bits over 5 bytes: 4 prefix bits, 3, marker, 15, marker, 15, marker.
fn read_stamp(bytes: &[u8]) -> u64 {
    u64::from(bytes[0] >> 1 & 0x07) << 30
        | u64::from(bytes[1]) << 22
        | u64::from(bytes[2] >> 1) << 15
        | u64::from(bytes[3]) << 7
        | u64::from(bytes[4] >> 1)
}

fn move_stamp(bytes: &mut [u8], shift: u64) {
    let stamp = (read_stamp(bytes) + shift) & STAMP_MASK;
    bytes[0] = bytes[0] & 0xf1 | ((stamp >> 30) as u8 & 0x07) << 1;
    bytes[1] = (stamp >> 22) as u8;
    bytes[2] = (stamp >> 14) as u8 | 1;
    bytes[3] = (stamp >> 7) as u8;
    bytes[4] = ((stamp << 1) as u8) | 1;
}

/// The base is the first 33 bits; the rest is a finer clock that stays.
fn move_pcr(bytes: &mut [u8], shift: u64) {
    let base = u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) << 1
        | u64::from(bytes[4] >> 7);
    let base = (base + shift) & STAMP_MASK;
    bytes[..4].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
    bytes[4] = bytes[4] & 0x7f | ((base & 1) as u8) << 7;
}

#[cfg(test)]
mod tests;
