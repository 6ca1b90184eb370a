//! What the relay has to know of a playlist and of each of its children.

use std::time::Duration;

use super::*;

/// `ENCRYPTED MAPPED KIND` of every child.
fn wrapped(body: &str) -> Vec<(bool, bool, ChildKind)> {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let mut seen = Vec::new();
    let context = context(&base, &none);
    rewrite(body.as_bytes(), &context, &mut |child: &Child<'_>| {
        seen.push((child.encrypted, child.mapped, child.kind));
        Some("x".to_owned())
    });
    seen
}

#[test]
fn a_segment_is_wrapped_in_what_stands_above_it() {
    use ChildKind::{Hint, Init, Key, Part, Segment};
    let seen = wrapped(
        "#EXTINF:1,\na\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\nb\n#EXT-X-PART:URI=\"p\"\n\
         #EXT-X-MAP:URI=\"i\"\n#EXTINF:1,\nc\n\
         #EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"i\"\n#EXTINF:1,\nd\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\"\n",
    );
    assert_eq!(
        seen,
        [
            (false, false, Segment),
            (true, false, Key),
            (true, false, Segment),
            (true, false, Part),
            (true, true, Init),
            (true, true, Segment),
            (false, true, Init),
            (false, true, Segment),
            (false, true, Hint(HintKind::Part)),
        ]
    );
}

#[test]
fn what_a_delta_update_leaves_out_is_known_from_before() {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    let seen = |body: &str, before: &Wraps| {
        let mut seen = Vec::new();
        let text = rewrite_update(body.as_bytes(), &context, before, &mut |child: &Child<
            '_,
        >| {
            let url = child.url.path().trim_start_matches("/a/b/").to_owned();
            if !matches!(child.kind, ChildKind::Key | ChildKind::Init) {
                seen.push((url, child.encrypted, child.mapped, child.kind));
            }
            Some("x".to_owned())
        });
        (text, seen)
    };
    let segment = |n: u64| match n {
        2 => "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\n2\n".to_owned(),
        5 => "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\n5\n".to_owned(),
        n => format!("#EXTINF:1,\n{n}\n"),
    };
    let list = |numbers: std::ops::Range<u64>| numbers.map(segment).collect::<String>();
    let head = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-IMAGES-ONLY\n";
    let part = "#EXT-X-PART:URI=\"9.0\"\n";
    let full = format!("{head}#EXT-X-MAP:URI=\"i\"\n{}{part}", list(1..9));
    let (text, all) = seen(&full, &Wraps::default());
    assert!(!text.is_update);
    assert_eq!(all.len(), 9);

    // Behind what is skipped stands what stood there before, and a text's own tags
    // count from where they are.
    let mut before = text.wraps;
    for skipped in [1, 2, 3, 4, 6] {
        let delta = format!(
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n{}{part}",
            list(skipped + 1..9)
        );
        let (text, some) = seen(&delta, &before);
        assert!(text.is_update);
        assert_eq!(some, all[skipped as usize..], "{skipped} skipped");
        // Of an update, as much is known.
        assert_eq!(text.wraps, before, "{skipped} skipped");
        before = text.wraps;
    }
    let (_, alone) = seen("#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n1\n", &Wraps::default());
    assert!(!alone[0].1 && !alone[0].2);
    let (text, _) = seen(
        &(1..=500).map(|n| segment(n % 6)).collect::<String>(),
        &before,
    );
    assert!(text.wraps.before(u64::MAX).0.len() <= 64);
}

#[test]
fn a_key_that_is_too_long_still_encrypts() {
    let long = "x".repeat(LIMITS.line as usize);
    let seen = wrapped(&format!(
        "#EXT-X-KEY:METHOD=AES-128,URI=\"data:{long}\"\n#EXT-X-MAP:URI=\"{long}\"\n#EXTINF:1,\na\n"
    ));
    assert_eq!(seen, [(true, true, ChildKind::Segment)]);
}

#[test]
fn how_long_it_may_be_kept_and_whether_it_may_be_relayed() {
    let live = shown(
        b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=36,PART-HOLD-BACK=1\n\
          #EXT-X-PART-INF:PART-TARGET=0.33334\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:6,\ns\n",
    );
    assert_eq!(live.target, Some(Duration::from_secs(6)));
    assert_eq!(live.part_target, Some(Duration::from_micros(333_340)));
    assert_eq!(
        (live.ended, live.can_block, live.can_skip, live.protection),
        (false, true, true, Protection::ClearKey)
    );
    let ended = shown(
        b"#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=NO\n#EXTINF:6,\ns\n\
          #EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT=\"com.apple.streamingkeydelivery\",URI=\"skd://k\"\n#EXT-X-ENDLIST\n",
    );
    assert_eq!((ended.target, ended.part_target), (None, None));
    assert_eq!(
        (
            ended.ended,
            ended.can_block,
            ended.can_skip,
            ended.protection
        ),
        (true, false, false, Protection::Drm)
    );
    let multivariant = shown(
        b"#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,KEYFORMAT=\"urn:uuid:1\",URI=\"k\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n",
    );
    assert_eq!(
        (multivariant.ended, multivariant.protection),
        (true, Protection::Drm)
    );
}

#[test]
fn what_cannot_be_asked_is_not_offered() {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    for (before, after) in [
        (
            "CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0,HOLD-BACK=9",
            Some("PART-HOLD-BACK=1.0,HOLD-BACK=9"),
        ),
        (
            "PART-HOLD-BACK=1.0,CAN-BLOCK-RELOAD=YES,HOLD-BACK=9",
            Some("PART-HOLD-BACK=1.0,HOLD-BACK=9"),
        ),
        (
            "HOLD-BACK=9.000, CAN-SKIP-UNTIL=36.0,CAN-SKIP-DATERANGES=YES",
            Some("HOLD-BACK=9.000"),
        ),
        ("X-ODD = \"a,b\" ,", Some("X-ODD = \"a,b\" ,")),
        (
            "X-A=\"1\",CAN-SKIP-UNTIL=\"36\",CAN-BLOCK-RELOAD=YES,X-B=\"2\"",
            Some("X-A=\"1\",X-B=\"2\""),
        ),
        (
            "CAN-SKIP-UNTIL=\"36\",HOLD-BACK=9,CAN-BLOCK-RELOAD=YES",
            Some("HOLD-BACK=9"),
        ),
        ("CAN-BLOCK-RELOAD=YES", None),
        (" CAN-SKIP-UNTIL=\"36\" , CAN-BLOCK-RELOAD=YES", None),
    ] {
        let tag = |value: Option<&str>| {
            value.map_or_else(String::new, |v| format!("#EXT-X-SERVER-CONTROL:{v}\r\n"))
        };
        let body = format!("#EXTM3U\n{}#EXTINF:6,\n", tag(Some(before)));
        let stripped = Context {
            directives: false,
            ..context(&base, &none)
        };
        let stripped = rewrite(body.as_bytes(), &stripped, &mut |_: &Child<'_>| None);
        let expect = format!("#EXTM3U\n{}#EXTINF:6,\n", tag(after));
        assert_eq!(text(&stripped), expect);
        assert_eq!(text(&shown(body.as_bytes())), body, "where it can be asked");
    }
}

#[test]
fn variables_travel_as_far_as_they_fit() {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let heavy = "x".repeat(LIMITS.variables as usize);
    let body = format!(
        "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1\"\n#EXT-X-DEFINE:NAME=\"b\",VALUE=\"{heavy}\"\n\
         #EXT-X-DEFINE:NAME=\"c\",VALUE=\"3\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv?{{$b}}\n"
    );
    let mut seen = Vec::new();
    let rewritten = rewrite(
        body.as_bytes(),
        &context(&base, &none),
        &mut |child: &Child<'_>| {
            let get = |name| child.variables.get(name).map(str::to_owned);
            seen.push((get("a"), get("b"), get("c"), child.url.as_str().len()));
            Some("x".to_owned())
        },
    );
    let [(a, b, c, length)] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (a.as_deref(), b, c.as_deref()),
        (Some("1"), &None, Some("3"))
    );
    assert!(*length > heavy.len(), "here, it is filled in all the same");
    assert_eq!(rewritten.problems.count(Problem::HeavyVariables), 1);
    assert!(rewritten.variables.get("b").is_some());
    // Who only looks through it finds what the links hold.
    let offered = multivariant(body.as_bytes(), &context(&base, &none)).unwrap();
    let [a, b] = ["a", "b"].map(|name| offered.variables.get(name));
    assert_eq!((a, b), (Some("1"), None));
}
