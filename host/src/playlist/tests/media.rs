//! What media and multivariant playlists say.

use std::time::Duration;

use super::*;

fn state(body: &str) -> MediaState {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    media_state(body.as_bytes(), &context)
}

fn master(body: &str) -> Option<Multivariant> {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    multivariant(body.as_bytes(), &context)
}

#[test]
fn a_live_playlist() {
    let state = state(
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n\
         #EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"800@0\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:00:00.000Z\n#EXTINF:6.0,\na.ts\n\
         #EXT-X-DISCONTINUITY\n#EXTINF:5.5,a title, with commas\nb.ts\n#EXTINF:4,\nc.ts\n",
    );
    assert_eq!(
        (state.media_sequence, state.discontinuity_sequence),
        (100, 3)
    );
    assert_eq!(state.target_duration, Some(Duration::from_secs(6)));
    assert_eq!(
        (state.segments, state.discontinuities, state.ended),
        (3, 1, false)
    );
    assert_eq!(state.duration, Duration::from_millis(15_500));
    assert_eq!(state.protection, Protection::None);
    let newest = state.newest.unwrap();
    assert_eq!(newest.url.as_str(), "http://up.test/a/b/c.ts");
    assert_eq!((newest.sequence, newest.encrypted), (102, false));
    let (init, range) = newest.init.unwrap();
    assert_eq!(init.as_str(), "http://up.test/a/b/init.mp4");
    assert_eq!(
        range,
        Some(ByteRange {
            length: 800,
            offset: Some(0)
        })
    );
    assert_eq!(
        state.program_date_time.unwrap().to_string(),
        "2026-11-22T10:00:00Z"
    );
    assert_eq!(
        state.live_edge.unwrap().to_string(),
        "2026-11-22T10:00:15.5Z"
    );
}

#[test]
fn dates_as_encoders_write_them() {
    for (written, expect) in [
        ("2026-11-22T10:00:00Z", Some("2026-11-22T10:00:00Z")),
        (
            "2026-11-22T10:00:00.123+01:00",
            Some("2026-11-22T09:00:00.123Z"),
        ),
        (
            "2026-11-22T10:00:00.123+0100",
            Some("2026-11-22T09:00:00.123Z"),
        ),
        ("2026-11-22T10:00:00", Some("2026-11-22T10:00:00Z")),
        (" 2026-11-22 10:00:00Z ", Some("2026-11-22T10:00:00Z")),
        ("yesterday", None),
        ("", None),
    ] {
        let state = state(&format!("#EXT-X-PROGRAM-DATE-TIME:{written}\n"));
        let found = state.program_date_time.map(|time| time.to_string());
        assert_eq!(found.as_deref(), expect, "{written}");
    }
}

#[test]
fn byte_ranges_follow_each_other() {
    let ranges = |lines: &str| {
        state(lines)
            .newest
            .unwrap()
            .range
            .map(|r| (r.offset, r.length))
    };
    assert_eq!(ranges("#EXT-X-BYTERANGE:10@5\na\n"), Some((Some(5), 10)));
    assert_eq!(
        ranges("#EXT-X-BYTERANGE:10@5\na\n#EXT-X-BYTERANGE:7\na\n"),
        Some((Some(15), 7))
    );
    assert_eq!(
        ranges("#EXT-X-BYTERANGE:10@5\na\n#EXT-X-BYTERANGE:7\nb\n"),
        Some((Some(0), 7))
    );
    assert_eq!(ranges("#EXT-X-BYTERANGE:10@5\na\nb\n"), None);
    let most =
        "#EXT-X-BYTERANGE:18446744073709551615@18446744073709551615\na\n#EXT-X-BYTERANGE:1\na\n";
    assert_eq!(ranges(most), Some((Some(u64::MAX), 1)));
}

#[test]
fn delta_updates_gaps_and_ends() {
    let skipped = state(
        "#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n#EXTINF:1,\na\n#EXT-X-PART:URI=\"p\"\n",
    );
    assert_eq!(skipped.newest.unwrap().sequence, 15);
    assert_eq!(skipped.parts, 1);
    let gap = state("#EXTINF:1,\na\n#EXTINF:1,\n#EXT-X-GAP\nb\n#EXT-X-ENDLIST\n");
    assert!(gap.ended);
    assert_eq!((gap.segments, gap.newest.unwrap().sequence), (2, 0));
    let odd = state(
        "#EXTINF:nan,\na\n#EXTINF:-1,\nb\n#EXTINF:1e300,\nc\n#EXTINF,\nd\n#EXT-X-MEDIA-SEQUENCE:x\n",
    );
    assert_eq!(
        (odd.segments, odd.duration, odd.media_sequence),
        (4, Duration::ZERO, 0)
    );
    let last = state("#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n#EXTINF:1,\na\n#EXTINF:1,\nb\n");
    assert_eq!(last.newest.unwrap().sequence, u64::MAX);
    assert_eq!(state("").newest, None);
}

#[test]
fn variables_lead_to_the_newest_segment() {
    let found = state(
        "#EXT-X-DEFINE:NAME=\"p\",VALUE=\"//o.test/x\"\n#EXTINF:1,\n{$p}/a\n#EXTINF:1,\n{$q}/b\n",
    );
    assert_eq!(found.newest.unwrap().url.as_str(), "http://o.test/x/a");
}

#[test]
fn protection_by_key() {
    use Protection::{ClearKey, Drm, None};
    for (attributes, expect) in [
        ("METHOD=NONE", None),
        ("METHOD=AES-128,URI=\"k\"", ClearKey),
        ("METHOD=AES-128,URI=\"k\",KEYFORMAT=\"identity\"", ClearKey),
        ("METHOD=AES-256,URI=\"k\"", ClearKey),
        ("METHOD=AES-256-CTR,URI=\"k\"", ClearKey),
        ("METHOD=SAMPLE-AES,URI=\"k\"", ClearKey),
        ("METHOD=SAMPLE-AES,URI=\"skd://k\"", Drm),
        (
            "METHOD=SAMPLE-AES,URI=\"k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"",
            Drm,
        ),
        (
            "METHOD=SAMPLE-AES-CTR,URI=\"data:,\",KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"",
            Drm,
        ),
        (
            "METHOD=AES-128,URI=\"k\",KEYFORMAT=\"com.microsoft.playready\"",
            Drm,
        ),
        ("METHOD=NEW,URI=\"k\"", Drm),
        ("URI=\"k\"", Drm),
    ] {
        let found = state(&format!("#EXT-X-KEY:{attributes}\n#EXTINF:1,\na\n"));
        assert_eq!(found.protection, expect, "{attributes}");
        assert_eq!(
            found.newest.unwrap().encrypted,
            expect != None,
            "{attributes}"
        );
        let session =
            format!("#EXT-X-SESSION-KEY:{attributes}\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n");
        assert_eq!(master(&session).unwrap().protection, expect, "{attributes}");
    }
    let both = state(
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\na\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\nb\n",
    );
    assert_eq!(both.protection, ClearKey);
    assert!(!both.newest.unwrap().encrypted);
    let expect = ("AES-128".to_owned(), "identity".to_owned());
    assert_eq!(both.encryption.into_iter().collect::<Vec<_>>(), [expect]);
}

#[test]
fn keys_that_can_not_be_read_whole_protect_all_the_same() {
    let long = "x".repeat(LIMITS.line as usize);
    let format = "KEYFORMAT=\"com.apple.streamingkeydelivery\"";
    for key in [
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://{{$x}}\",{format}"),
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"data:{long}\",{format}"),
        format!("#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\",{format}"),
    ] {
        let body = format!("{key}\n#EXTINF:1,\na\n");
        assert_eq!(state(&body).protection, Protection::Drm);
        // The relay says so, too.
        assert_eq!(shown(body.as_bytes()).protection, Protection::Drm);
    }
}

#[test]
fn what_is_too_long_or_no_variable_counts_all_the_same() {
    let long = "x".repeat(LIMITS.line as usize + 1);
    let found = state(&format!(
        "#EXT-X-MAP:URI=\"i\"\n#EXTINF:6,Title {{$x}}\n{long}\n#EXTINF:3,{long}\n{long}\n#EXT-X-MAP:URI=\"{long}\"\n#EXTINF:6,\nb\n"
    ));
    assert_eq!(found.duration, Duration::from_secs(15));
    let newest = found.newest.unwrap();
    assert_eq!((newest.sequence, newest.init), (2, None));
}

#[test]
fn a_multivariant_playlist() {
    let master = master(
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"Deutsch\",LANGUAGE=\"de\",URI=\"de.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1800000,RESOLUTION=1280x720,FRAME-RATE=50.000,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"aac\"\nhi.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360\nlo.m3u8\n\
         #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n",
    )
    .unwrap();
    let best = master.best().unwrap();
    assert_eq!(best.url.as_str(), "http://up.test/a/b/hi.m3u8");
    assert_eq!(
        (best.bandwidth, best.average_bandwidth),
        (Some(2_000_000), Some(1_800_000))
    );
    assert_eq!(
        (best.resolution, best.frame_rate),
        (Some((1280, 720)), Some(50.0))
    );
    assert_eq!(best.codecs.as_deref(), Some("avc1.64001f,mp4a.40.2"));
    assert_eq!(best.audio.as_deref(), Some("aac"));
    assert_eq!((master.variants.len(), master.playlists.len()), (2, 4));
    let audio = &master.playlists[0];
    assert!(audio.is_audio());
    assert_eq!(
        (audio.language.as_deref(), audio.name.as_deref()),
        (Some("de"), Some("Deutsch"))
    );
    assert_eq!(master.find(&best.key).unwrap().url, best.url);
}

#[test]
fn variants_that_the_library_refuses_are_read_all_the_same() {
    // Without BANDWIDTH, with a fraction in it, with blank around values.
    let read = |attributes: &str| {
        let master = master(&format!("#EXT-X-STREAM-INF:{attributes}\nv\n")).unwrap();
        let variant = master.variants.into_iter().next().unwrap();
        (variant.bandwidth, variant.resolution)
    };
    assert_eq!(read("RESOLUTION=640x360"), (None, Some((640, 360))));
    assert_eq!(
        read("BANDWIDTH=1.5,RESOLUTION=640x360"),
        (None, Some((640, 360)))
    );
    assert_eq!(
        read("BANDWIDTH= 5 , RESOLUTION = 640x360"),
        (Some(5), Some((640, 360)))
    );
    assert_eq!(read("BANDWIDTH=5,RESOLUTION=640"), (Some(5), None));
    assert_eq!(read(""), (None, None));
}

#[test]
fn a_media_playlist_is_not_a_multivariant_one() {
    assert_eq!(master("#EXTM3U\n#EXTINF:1,\na.ts\n"), None);
    assert_eq!(master(""), None);
    assert_eq!(master("<html>"), None);
}
