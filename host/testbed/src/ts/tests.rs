//! Reads what is served with a reader of its own, and looks for the seam.

use super::*;
use crate::cdn::VARIANTS;

/// Stamps and counters of a run of segments, per PID.
#[derive(Default)]
struct Seen {
    /// The PTS of each picture.
    pictures: Vec<u64>,
    /// The PTS of each sound unit and the number of AAC frames in it.
    sounds: Vec<(u64, u64)>,
    pcrs: Vec<u64>,
    counters: BTreeMap<u16, Vec<u8>>,
}

fn stamp(b: &[u8]) -> u64 {
    let b: Vec<u64> = b.iter().map(|byte| u64::from(*byte)).collect();
    assert_eq!(
        (b[0] & 1, b[2] & 1, b[4] & 1),
        (1, 1, 1),
        "a marker bit is gone"
    );
    (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
}

fn read(looped: &Loop, numbers: Range<u64>) -> Seen {
    let mut seen = Seen::default();
    let mut sound: Vec<u8> = Vec::new();
    for number in numbers {
        for packet in looped.segment(number).chunks(188) {
            let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
            seen.counters.entry(pid).or_default().push(packet[3] & 15);
            assert_ne!(
                packet[3] & 0x10,
                0,
                "a packet without payload: count it otherwise"
            );
            let mut payload = &packet[4..];
            if packet[3] & 0x20 != 0 {
                let length = usize::from(packet[4]);
                if length > 0 && packet[5] & 0x10 != 0 {
                    let base =
                        u64::from_be_bytes(packet[4..12].try_into().unwrap()) >> 15 & STAMP_MASK;
                    seen.pcrs.push(base);
                }
                payload = &packet[5 + length..];
            }
            let starts = packet[1] & 0x40 != 0;
            match pid {
                0x100 if starts => seen.pictures.push(stamp(&payload[9..14])),
                0x101 => {
                    if starts {
                        finish_sound(&mut sound, &mut seen);
                    }
                    sound.extend(payload);
                }
                _ => {}
            }
        }
    }
    finish_sound(&mut sound, &mut seen);
    seen
}

fn finish_sound(unit: &mut Vec<u8>, seen: &mut Seen) {
    if unit.is_empty() {
        return;
    }
    let mut data = &unit[9 + usize::from(unit[8])..];
    let mut frames = 0;
    while !data.is_empty() {
        assert_eq!(
            (data[0], data[1] & 0xf0),
            (0xff, 0xf0),
            "an AAC frame is cut"
        );
        let length =
            usize::from(data[3] & 3) << 11 | usize::from(data[4]) << 3 | usize::from(data[5] >> 5);
        data = &data[length..];
        frames += 1;
    }
    seen.sounds.push((stamp(&unit[9..14]), frames));
    unit.clear();
}

fn after(earlier: u64, later: u64) -> u64 {
    later.wrapping_sub(earlier) & STAMP_MASK
}

/// Every picture, sound frame and packet follows the one before it.
fn check_seamless(numbers: Range<u64>) {
    for variant in &VARIANTS {
        let looped = Loop::parse(variant.media).unwrap();
        let count = numbers.end - numbers.start;
        let seen = read(&looped, numbers.clone());
        assert_eq!(
            seen.pictures[0],
            (numbers.start * 180_000) & STAMP_MASK,
            "not the wall clock"
        );
        assert_eq!(seen.pictures.len() as u64, count * 30);
        for pair in seen.pictures.windows(2) {
            assert_eq!(after(pair[0], pair[1]), 6_000);
        }
        for pair in seen.sounds.windows(2) {
            // 1024 samples at 32 kHz are 2880 ticks.
            assert_eq!(after(pair[0].0, pair[1].0), pair[0].1 * 2_880);
        }
        assert!(
            after(seen.sounds[0].0, seen.pictures[0]).wrapping_add(2_880) & STAMP_MASK <= 5_760
        );
        for pair in seen.pcrs.windows(2) {
            assert!(
                (1..=9_000).contains(&after(pair[0], pair[1])),
                "PCR {pair:?}"
            );
        }
        // The clock reference runs ahead of what is to be shown, by under 1 s.
        assert!((1..90_000).contains(&after(seen.pcrs[0], seen.pictures[0])));
        assert_eq!(seen.counters.len(), 5, "SDT, PAT, PMT, picture, sound");
        for (pid, counters) in &seen.counters {
            for pair in counters.windows(2) {
                assert_eq!(pair[1], (pair[0] + 1) & 15, "counter of PID {pid:#x}");
            }
        }
    }
}

#[test]
fn the_wrap_of_the_loop_is_seamless() {
    let wrap = 29_900_000 * SEGMENTS;
    check_seamless(wrap - 31..wrap + 31);
}

#[test]
fn the_overflow_of_the_stamps_is_seamless() {
    // 2^33 ticks are 47721.86 segments; the 18 800th overflow is about now.
    let overflow = (18_800 * (STAMP_MASK + 1)) / (SEGMENT_SECONDS * TICKS);
    check_seamless(overflow - 3..overflow + 3);
}

#[test]
fn every_segment_stands_alone() {
    for variant in &VARIANTS {
        let looped = Loop::parse(variant.media).unwrap();
        for number in 0..SEGMENTS {
            let segment = looped.segment(number);
            let pids: Vec<u16> = segment
                .chunks(188)
                .take(4)
                .map(|packet| u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]))
                .collect();
            assert_eq!(pids, [0x11, 0, 0x1000, 0x100]);
            let picture = &segment[3 * 188..];
            assert_eq!(
                picture[5] & 0x40,
                0x40,
                "segment {number} begins without a key frame"
            );
        }
    }
}

#[test]
fn the_codecs_are_those_of_the_pictures() {
    for variant in &VARIANTS {
        // The sequence parameters begin with profile, constraints and level.
        let at = variant
            .media
            .windows(4)
            .position(|bytes| bytes == [0, 0, 1, 0x67])
            .unwrap();
        let parameters = &variant.media[at + 4..at + 7];
        let codec: String = parameters
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(variant.codecs, format!("avc1.{codec},mp4a.40.2"));
    }
}

#[test]
fn broken_media_are_refused() {
    let whole = VARIANTS[0].media;
    assert!(
        Loop::parse(&whole[..whole.len() - 1]).is_err(),
        "a cut packet"
    );
    assert!(
        Loop::parse(&whole[188..]).is_err(),
        "no service description first"
    );
    assert!(
        Loop::parse(&whole[..whole.len() / 2]).is_err(),
        "too few segments"
    );
    assert!(Loop::parse(&[]).is_err(), "nothing");
}
