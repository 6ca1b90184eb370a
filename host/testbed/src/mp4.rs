//! Fragmented MP4: the init section of some tracks, and fragments of them.
//!
//! As little as players ask for: no edit lists, no indices; time stamps count
//! from 1970 in every fragment's `tfdt`. Pure.

use crate::ts::{Format, Track};

/// The first box of a file that is a segment.
pub(crate) const SEGMENT_TYPE: &[u8] = b"\0\0\0\x18stypmsdh\0\0\0\0msdhmsix";

/// A track in a file.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) track: &'a Track,
    /// Of pictures; (0, 0) for sound.
    pub(crate) size: (u16, u16),
    /// ISO 639-2.
    pub(crate) language: [u8; 3],
}

const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// A picture that needs no other, one that does; sound is always the first.
const KEY: u32 = 0x0200_0000;
const NO_KEY: u32 = 0x0101_0000;

/// `ftyp` and `moov`.
pub(crate) fn init(parts: &[Part<'_>]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend([0, 0, 1_000, 0, 0x1_0000].map(u32::to_be_bytes).concat());
    header.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.extend(MATRIX.map(u32::to_be_bytes).concat());
    header.extend([0; 24]);
    header.extend((parts.len() as u32 + 1).to_be_bytes());

    let mut inside = full(b"mvhd", 0, &header);
    let mut extends = Vec::new();
    for (id, part) in (1..).zip(parts) {
        inside.extend(track(id, part));
        let defaults = [id, 1, 0, 0, 0].map(u32::to_be_bytes).concat();
        extends.extend(full(b"trex", 0, &defaults));
    }
    inside.extend(boxed(b"mvex", &extends));
    [
        boxed(b"ftyp", b"iso6\0\0\0\x01iso6mp41dash"),
        boxed(b"moov", &inside),
    ]
    .concat()
}

/// `moof` and `mdat` with the samples that begin within a time, in milliseconds
/// since 1970.
pub(crate) fn fragment(parts: &[Part<'_>], from: u64, to: u64) -> Vec<u8> {
    let mut data = Vec::new();
    let mut starts = Vec::new();
    for part in parts {
        starts.push(data.len());
        for number in part.track.between(from, to) {
            data.extend(&part.track.sample(number).bytes);
        }
    }
    // Offsets count from the `moof`, whose length does not depend on them.
    let length = movie_fragment(parts, from, to, &starts).len() + 8;
    let starts: Vec<usize> = starts.iter().map(|start| start + length).collect();
    [
        movie_fragment(parts, from, to, &starts),
        boxed(b"mdat", &data),
    ]
    .concat()
}

fn movie_fragment(parts: &[Part<'_>], from: u64, to: u64, starts: &[usize]) -> Vec<u8> {
    // Fragments are made on demand; their order is that of time.
    let sequence = (from / 100) as u32;
    let mut inside = full(b"mfhd", 0, &sequence.to_be_bytes());
    for ((id, part), start) in (1_u32..).zip(parts).zip(starts) {
        let numbers = part.track.between(from, to);
        let time = part.track.time(numbers.start);
        // Offsets count from this box; samples have one duration.
        let header = [id, part.track.duration].map(u32::to_be_bytes).concat();
        let mut run = Vec::new();
        run.extend(((numbers.end - numbers.start) as u32).to_be_bytes());
        run.extend((*start as u32).to_be_bytes());
        for number in numbers {
            let sample = part.track.sample(number);
            run.extend((sample.bytes.len() as u32).to_be_bytes());
            run.extend(if sample.is_key { KEY } else { NO_KEY }.to_be_bytes());
        }
        let traf = [
            full(b"tfhd", 0x02_0008, &header),
            full(b"tfdt", 0x0100_0000, &time.to_be_bytes()),
            full(b"trun", 0x00_0601, &run),
        ];
        inside.extend(boxed(b"traf", &traf.concat()));
    }
    boxed(b"moof", &inside)
}

fn track(id: u32, part: &Part<'_>) -> Vec<u8> {
    let is_video = matches!(part.track.format, Format::Avc { .. });
    let mut header = [0, 0, id, 0, 0, 0, 0, 0].map(u32::to_be_bytes).concat();
    header.extend(if is_video { 0_u32 } else { 0x0100_0000 }.to_be_bytes());
    header.extend(MATRIX.map(u32::to_be_bytes).concat());
    header.extend((u32::from(part.size.0) << 16).to_be_bytes());
    header.extend((u32::from(part.size.1) << 16).to_be_bytes());

    let language = part.language.iter().fold(0_u32, |packed, letter| {
        packed << 5 | u32::from(letter - 0x60)
    });
    let media = [0, 0, part.track.timescale, 0, language << 16].map(u32::to_be_bytes);
    let mut handler = vec![0; 4];
    handler.extend(if is_video { b"vide" } else { b"soun" });
    handler.extend([0; 13]);

    let reference = full(
        b"dref",
        0,
        &[&1_u32.to_be_bytes()[..], &full(b"url ", 1, &[])].concat(),
    );
    let tables = [
        full(
            b"stsd",
            0,
            &[&1_u32.to_be_bytes()[..], &entry(part)].concat(),
        ),
        full(b"stts", 0, &[0; 4]),
        full(b"stsc", 0, &[0; 4]),
        full(b"stsz", 0, &[0; 8]),
        full(b"stco", 0, &[0; 4]),
    ];
    let information = [
        if is_video {
            full(b"vmhd", 1, &[0; 8])
        } else {
            full(b"smhd", 0, &[0; 4])
        },
        boxed(b"dinf", &reference),
        boxed(b"stbl", &tables.concat()),
    ];
    let inside = [
        full(b"mdhd", 0, &media.concat()),
        full(b"hdlr", 0, &handler),
        boxed(b"minf", &information.concat()),
    ];
    boxed(
        b"trak",
        &[full(b"tkhd", 7, &header), boxed(b"mdia", &inside.concat())].concat(),
    )
}

/// The sample description.
fn entry(part: &Part<'_>) -> Vec<u8> {
    let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
    match &part.track.format {
        Format::Avc { sps, pps } => {
            entry.extend([0; 16]);
            entry.extend(part.size.0.to_be_bytes());
            entry.extend(part.size.1.to_be_bytes());
            entry.extend([0x48_0000, 0x48_0000, 0].map(u32::to_be_bytes).concat());
            entry.extend([0, 1]);
            entry.extend([0; 32]);
            entry.extend([0, 0x18, 0xff, 0xff]);
            let mut config = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
            config.extend((sps.len() as u16).to_be_bytes());
            config.extend(sps);
            config.push(1);
            config.extend((pps.len() as u16).to_be_bytes());
            config.extend(pps);
            entry.extend(boxed(b"avcC", &config));
            boxed(b"avc1", &entry)
        }
        Format::Aac { config, channels } => {
            entry.extend([0; 8]);
            entry.extend(channels.to_be_bytes());
            entry.extend([0, 16, 0, 0, 0, 0]);
            entry.extend((part.track.timescale << 16).to_be_bytes());
            let mut decoder = vec![0x40, 0x15];
            decoder.extend([0; 11]);
            decoder.extend(descriptor(5, config));
            let mut stream = vec![0; 3];
            stream.extend(descriptor(4, &decoder));
            stream.extend(descriptor(6, &[2]));
            entry.extend(full(b"esds", 0, &descriptor(3, &stream)));
            boxed(b"mp4a", &entry)
        }
    }
}

/// All of ours are shorter than 128 bytes.
fn descriptor(tag: u8, inside: &[u8]) -> Vec<u8> {
    [&[tag, inside.len() as u8][..], inside].concat()
}

fn boxed(name: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    [&(inside.len() as u32 + 8).to_be_bytes()[..], name, inside].concat()
}

/// With a version, the highest byte, and flags.
fn full(name: &[u8; 4], version_and_flags: u32, inside: &[u8]) -> Vec<u8> {
    boxed(
        name,
        &[&version_and_flags.to_be_bytes()[..], inside].concat(),
    )
}
