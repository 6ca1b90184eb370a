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
        b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1\n\
          #EXT-X-PART-INF:PART-TARGET=0.33334\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:6,\ns\n",
    );
    assert_eq!(live.target, Some(Duration::from_secs(6)));
    assert_eq!(live.part_target, Some(Duration::from_micros(333_340)));
    assert_eq!(
        (live.ended, live.can_block, live.protection),
        (false, true, Protection::ClearKey)
    );
    let ended = shown(
        b"#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=NO\n#EXTINF:6,\ns\n\
          #EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT=\"com.apple.streamingkeydelivery\",URI=\"skd://k\"\n#EXT-X-ENDLIST\n",
    );
    assert_eq!((ended.target, ended.part_target), (None, None));
    assert_eq!(
        (ended.ended, ended.can_block, ended.protection),
        (true, false, Protection::Drm)
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
}
