//! The loop's pictures and sounds one by one, as an MP4 wants them.
//!
//! Pictures lose their start codes, delimiters and parameter sets and get a
//! length instead; sounds lose their ADTS headers. Both tracks last exactly the
//! loop's minute, so that sample `i` of the endless stream is sample `i mod n`
//! of the file and stands at `i` times its duration.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

use super::{Loop, PACKET, Packet, SEGMENT_SECONDS, SEGMENTS, STAMP_MASK, TICKS, read_stamp};

/// 15 pictures a second, in ticks of 1/90,000 s.
const PICTURE: u32 = 6_000;
/// An AAC frame, in samples.
const FRAME: u32 = 1_024;
const RATES: [u32; 9] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000,
];

/// One minute of pictures or of sound.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) format: Format,
    /// Ticks a second.
    pub(crate) timescale: u32,
    /// Of each sample, in ticks.
    pub(crate) duration: u32,
    /// Added to every sample's time, in ticks: sound does not begin with the
    /// picture to the tick.
    pub(crate) offset: i64,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_key: bool,
}

/// What a decoder has to know first.
#[derive(Debug)]
pub(crate) enum Format {
    Avc { sps: Vec<u8>, pps: Vec<u8> },
    Aac { config: [u8; 2], channels: u16 },
}

impl Track {
    /// The numbers of the endless stream's samples that begin within a time, in
    /// milliseconds since 1970.
    pub(crate) fn between(&self, from: u64, to: u64) -> std::ops::Range<u64> {
        let number = |millis: u64| {
            let ticks = u128::from(millis) * u128::from(self.timescale);
            ticks.div_ceil(u128::from(self.duration) * 1_000) as u64
        };
        number(from)..number(to)
    }

    pub(crate) fn sample(&self, number: u64) -> &Sample {
        &self.samples[(number % self.samples.len() as u64) as usize]
    }

    /// Where a sample stands, in ticks since 1970.
    pub(crate) fn time(&self, number: u64) -> u64 {
        (number * u64::from(self.duration)).saturating_add_signed(self.offset)
    }

    /// AAC frames with their headers, one after the other.
    pub(crate) fn adts(bytes: &[u8]) -> anyhow::Result<Self> {
        let (frames, format, rate) = frames(bytes)?;
        let track = Self {
            format,
            timescale: rate,
            duration: FRAME,
            offset: 0,
            samples: frames,
        };
        track.check()
    }

    fn check(self) -> anyhow::Result<Self> {
        let ticks = self.samples.len() as u64 * u64::from(self.duration);
        let minute = SEGMENTS * SEGMENT_SECONDS * u64::from(self.timescale);
        ensure!(ticks == minute, "a track of {ticks} ticks, not {minute}");
        Ok(self)
    }
}

impl Loop {
    /// Pictures and sound.
    pub(crate) fn tracks(&self) -> anyhow::Result<(Track, Track)> {
        let units = self.units()?;
        let of = |ids: std::ops::RangeInclusive<u8>| {
            let mut units = units.values();
            units.find(|units| units.first().is_some_and(|unit| ids.contains(&unit[3])))
        };
        let video = video(of(0xe0..=0xef).context("no pictures")?)?;
        let sounds = of(0xc0..=0xdf).context("no sound")?;
        let mut audio = Track::adts(
            &sounds
                .iter()
                .flat_map(|unit| payload(unit))
                .copied()
                .collect::<Vec<_>>(),
        )?;
        let apart = read_stamp(&sounds[0][9..]).wrapping_sub(self.first_stamp) & STAMP_MASK;
        // Sign-extended from 33 bits.
        let apart = (apart as i64) << 31 >> 31;
        audio.offset = apart * i64::from(audio.timescale) / TICKS as i64;
        ensure!(
            audio.offset.unsigned_abs() < u64::from(audio.timescale) / 4,
            "sound begins {} ticks after the picture",
            audio.offset
        );
        Ok((video, audio))
    }

    /// Packetised units by PID, put together from the packets.
    fn units(&self) -> anyhow::Result<BTreeMap<u16, Vec<Vec<u8>>>> {
        let mut units: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        for bytes in self.media.chunks_exact(PACKET) {
            let packet = Packet::parse(bytes)?;
            if !packet.has_payload {
                continue;
            }
            let units = units.entry(packet.pid).or_default();
            if packet.starts_unit {
                units.push(Vec::new());
            }
            if let Some(unit) = units.last_mut() {
                unit.extend_from_slice(&bytes[packet.payload..]);
            }
        }
        // Tables have no start code.
        let is_media = |units: &[Vec<u8>]| {
            units
                .iter()
                .all(|unit| unit.len() > 14 && unit.starts_with(&[0, 0, 1]))
        };
        units.retain(|_, units| is_media(units));
        Ok(units)
    }
}

/// What stands behind a unit's header.
fn payload(unit: &[u8]) -> &[u8] {
    &unit[9 + usize::from(unit[8])..]
}

fn video(units: &[Vec<u8>]) -> anyhow::Result<Track> {
    let (mut sps, mut pps) = (None, None);
    let mut samples = Vec::with_capacity(units.len());
    for unit in units {
        let mut sample = Sample {
            bytes: Vec::new(),
            is_key: false,
        };
        for nal in nals(payload(unit)) {
            match nal[0] & 0x1f {
                7 => _ = sps.get_or_insert_with(|| nal.to_vec()),
                8 => _ = pps.get_or_insert_with(|| nal.to_vec()),
                // What the encoder says of itself, and delimiters.
                6 | 9 => {}
                kind => {
                    sample.is_key |= kind == 5;
                    sample.bytes.extend((nal.len() as u32).to_be_bytes());
                    sample.bytes.extend(nal);
                }
            }
        }
        samples.push(sample);
    }
    let track = Track {
        format: Format::Avc {
            sps: sps.context("no sequence parameters")?,
            pps: pps.context("no picture parameters")?,
        },
        timescale: TICKS as u32,
        duration: PICTURE,
        offset: 0,
        samples,
    };
    track.check()
}

/// The units between start codes.
fn nals(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(3))
        .filter(|at| bytes[*at..].starts_with(&[0, 0, 1]))
        .collect();
    let mut ends: Vec<usize> = starts.iter().skip(1).copied().collect();
    ends.push(bytes.len());
    let pairs = starts.into_iter().zip(ends);
    pairs.filter_map(move |(start, end)| {
        let nal = &bytes[start + 3..end];
        // A start code may have a zero more, which belongs to nobody.
        let length = nal.iter().rposition(|byte| *byte != 0)? + 1;
        Some(&nal[..length])
    })
}

fn frames(mut bytes: &[u8]) -> anyhow::Result<(Vec<Sample>, Format, u32)> {
    let first = bytes.first_chunk::<7>().context("no sound")?;
    let profile = first[2] >> 6;
    let rate = first[2] >> 2 & 0x0f;
    let channels = (first[2] & 1) << 2 | first[3] >> 6;
    let config = [
        (profile + 1) << 3 | rate >> 1,
        (rate & 1) << 7 | channels << 3,
    ];
    let format = Format::Aac {
        config,
        channels: channels.into(),
    };
    let rate = *RATES.get(usize::from(rate)).context("an unknown rate")?;
    let mut samples = Vec::new();
    while let Some(head) = bytes.first_chunk::<7>() {
        ensure!(
            head[0] == 0xff && head[1] & 0xf0 == 0xf0,
            "no frame of sound"
        );
        let header = if head[1] & 1 == 1 { 7 } else { 9 };
        let length =
            usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        ensure!(
            length > header && length <= bytes.len(),
            "a cut frame of sound"
        );
        samples.push(Sample {
            bytes: bytes[header..length].to_vec(),
            is_key: true,
        });
        bytes = &bytes[length..];
    }
    ensure!(bytes.is_empty(), "the sound ends within a header");
    Ok((samples, format, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_come_with_three_bytes_and_with_four() {
        let bytes = [
            0, 0, 0, 1, 9, 16, 0, 0, 1, 0x65, 1, 0, 0, 3, 0, 0, 0, 1, 0x41, 2,
        ];
        let found: Vec<&[u8]> = nals(&bytes).collect();
        assert_eq!(found, [&[9, 16][..], &[0x65, 1, 0, 0, 3], &[0x41, 2]]);
        assert_eq!(nals(&[]).count(), 0);
    }

    #[test]
    fn the_minute_holds_every_picture_and_every_frame_of_sound() {
        for media in [
            include_bytes!("../../media/360p.ts").as_slice(),
            include_bytes!("../../media/180p.ts"),
        ] {
            let (video, audio) = Loop::parse(media).unwrap().tracks().unwrap();
            assert_eq!((video.samples.len(), audio.samples.len()), (900, 1_875));
            let keys: Vec<usize> = (0..900).filter(|at| video.samples[*at].is_key).collect();
            assert_eq!(keys, (0..900).step_by(30).collect::<Vec<_>>());
            assert!(matches!(
                audio.format,
                Format::Aac {
                    config: [0x12, 0x88],
                    channels: 1
                }
            ));
        }
    }

    #[test]
    fn samples_fall_into_the_time_they_begin_in() {
        let (video, audio) = Loop::parse(include_bytes!("../../media/180p.ts"))
            .unwrap()
            .tracks()
            .unwrap();
        let second = 1_800_000_000_000;
        assert_eq!(
            video.between(second, second + 400),
            27_000_000_000..27_000_000_006
        );
        assert_eq!(audio.between(0, 2_000), 0..63);
        assert_eq!(audio.between(2_000, 4_000), 63..125);
        assert_eq!(video.time(27_000_000_000), 1_800_000_000 * 90_000);
        // Nothing is lost or told twice between two neighbours.
        let parts =
            (0..10).map(|part| audio.between(second + part * 400, second + part * 400 + 400));
        let whole = audio.between(second, second + 4_000);
        assert_eq!(
            parts.flatten().collect::<Vec<_>>(),
            whole.collect::<Vec<_>>()
        );
    }
}
