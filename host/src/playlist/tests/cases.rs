//! Every place where a playlist carries a URI, how references are resolved, and
//! what stays as it is.

use super::*;

#[test]
fn every_place_where_a_playlist_carries_a_uri() {
    for (input, expect) in [
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8",
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nVariant!http://up.test/a/b/v.m3u8",
        ),
        (
            "#EXTINF:6,\ns.ts",
            "#EXTINF:6,\nSegment!http://up.test/a/b/s.ts",
        ),
        (
            "#EXTINF:6,\n#EXT-X-BYTERANGE:9@1\ns.ts",
            "#EXTINF:6,\n#EXT-X-BYTERANGE:9@1\nSegment!http://up.test/a/b/s.ts",
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a\",NAME=\"n\"",
            "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"RenditionAudio!http://up.test/a/b/a\",NAME=\"n\"",
        ),
        (
            "#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"a\"",
            "#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"RenditionSubtitles!http://up.test/a/b/a\"",
        ),
        (
            "#EXT-X-I-FRAME-STREAM-INF:URI=\"i\"",
            "#EXT-X-I-FRAME-STREAM-INF:URI=\"IFrame!http://up.test/a/b/i\"",
        ),
        (
            "#EXT-X-IMAGE-STREAM-INF:URI=\"i\"",
            "#EXT-X-IMAGE-STREAM-INF:URI=\"Images!http://up.test/a/b/i\"",
        ),
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=\"/k\",IV=0x1",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"Key!http://up.test/k\",IV=0x1",
        ),
        (
            "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"k\"",
            "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"Key!http://up.test/a/b/k\"",
        ),
        (
            "#EXT-X-MAP:URI=\"i\",BYTERANGE=\"9@0\"",
            "#EXT-X-MAP:URI=\"Init!http://up.test/a/b/i\",BYTERANGE=\"9@0\"",
        ),
        (
            "#EXT-X-PART:DURATION=1,URI=\"p\"",
            "#EXT-X-PART:DURATION=1,URI=\"Part!http://up.test/a/b/p\"",
        ),
        (
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\"",
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"HintPart!http://up.test/a/b/p\"",
        ),
        (
            "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"p\"",
            "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"HintInit!http://up.test/a/b/p\"",
        ),
        (
            "#EXT-X-RENDITION-REPORT:URI=\"../v\",LAST-MSN=1",
            "#EXT-X-RENDITION-REPORT:URI=\"RenditionReport!http://up.test/a/v\",LAST-MSN=1",
        ),
        (
            "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-URI=\"//ad.test/m\"",
            "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-URI=\"AssetPlaylist!http://ad.test/m\"",
        ),
        (
            "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-LIST=\"l\"",
            "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-LIST=\"AssetList!http://up.test/a/b/l\"",
        ),
        (
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\",PATHWAY-ID=\"A\"",
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"Steering!http://up.test/a/b/s\",PATHWAY-ID=\"A\"",
        ),
        (
            "#EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"j\"",
            "#EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"SessionData!http://up.test/a/b/j\"",
        ),
        (
            "#EXT-X-NEW:URI=\"x\"",
            "#EXT-X-NEW:URI=\"Unknown!http://up.test/a/b/x\"",
        ),
        (
            "#EXT-X-NEW:LOGO-URI=\"x\"",
            "#EXT-X-NEW:LOGO-URI=\"Unknown!http://up.test/a/b/x\"",
        ),
        (
            "#EXT-X-TWITCH-PREFETCH:https://o.test/s.ts",
            "#EXT-X-TWITCH-PREFETCH:HintPart!https://o.test/s.ts",
        ),
        (
            "#EXT-X-LOGO:https://o.test/s.png",
            "#EXT-X-LOGO:Unknown!https://o.test/s.png",
        ),
    ] {
        let rewritten = check(input, expect);
        assert_eq!(rewritten.links, 1, "{input}");
        assert!(
            rewritten.problems.is_empty(),
            "{input}: {:?}",
            rewritten.problems
        );
    }
}

#[test]
fn several_uris_on_one_line() {
    check(
        "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-URI=\"a\",X-ASSET-LIST=\"l\",X-COM-URI=\"c\",X-N=1",
        "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-URI=\"AssetPlaylist!http://up.test/a/b/a\",\
         X-ASSET-LIST=\"AssetList!http://up.test/a/b/l\",X-COM-URI=\"Unknown!http://up.test/a/b/c\",X-N=1",
    );
    // Players differ in which of two they take: both are replaced.
    check(
        "#EXT-X-KEY:URI=\"a\",URI=\"b\"",
        "#EXT-X-KEY:URI=\"Key!http://up.test/a/b/a\",URI=\"Key!http://up.test/a/b/b\"",
    );
}

/// `url` finds a host in each of them; others find another one, or none.
#[test]
fn references_that_hide_where_they_lead_are_none() {
    for reference in [
        "https:o.test",
        "http:s.ts",
        "http:/o.test/s.ts",
        "http:///o.test/s.ts",
        "///o.test/s.ts",
        "\\\\o.test\\s.ts",
        "/\\o.test/s.ts",
        "http:\\\\o.test/s.ts",
        "http://o.test\\s.ts",
        "http://o.test\\@up.test/s.ts",
        "http://user@o.test/s.ts",
        "//@o.test/s.ts",
        "http://?o.test",
        "http://o.test/s\t.ts",
        "http://o\u{1}.test/s.ts",
    ] {
        check(
            &format!("#EXTINF:6,\n{reference}\n"),
            "#EXTINF:6,\n#EXT-X-GAP\ndata:,\n",
        );
    }
}

#[test]
fn references_are_resolved_against_the_final_url() {
    for (reference, expect) in [
        ("s.ts", "http://up.test/a/b/s.ts"),
        ("./s.ts", "http://up.test/a/b/s.ts"),
        ("../s.ts", "http://up.test/a/s.ts"),
        ("../../../s.ts", "http://up.test/s.ts"),
        ("/s.ts?x=1", "http://up.test/s.ts?x=1"),
        ("?x=1", "http://up.test/a/b/pl.m3u8?x=1"),
        ("//o.test/s.ts", "http://o.test/s.ts"),
        ("HTTPS://O.test:443/s.ts", "https://o.test/s.ts"),
        (
            "http://o.test:8080/a%20b.ts?u=http://x/",
            "http://o.test:8080/a%20b.ts?u=http://x/",
        ),
        ("  s.ts \t", "http://up.test/a/b/s.ts"),
        ("a b.ts", "http://up.test/a/b/a%20b.ts"),
        ("1:2.ts", "http://up.test/a/b/1:2.ts"),
        ("a\\s.ts", "http://up.test/a/b/a/s.ts"),
        ("s.ts?x=\\", "http://up.test/a/b/s.ts?x=%5C"),
        ("//o.test/a@b", "http://o.test/a@b"),
        ("é.ts", "http://up.test/a/b/%C3%A9.ts"),
    ] {
        check(
            &format!("#EXTINF:6,\n{reference}\n"),
            &format!("#EXTINF:6,\nSegment!{expect}\n"),
        );
    }
    let latin1 = shown(b"#EXTINF:6,caf\xe9\n\xe9.ts\n");
    assert_eq!(
        latin1.body,
        "#EXTINF:6,caf\u{e9}\nSegment!http://up.test/a/b/%E9.ts\n".as_bytes()
    );
}

#[test]
fn what_names_no_host_stays_byte_for_byte() {
    for line in [
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://up.test/1\",KEYFORMAT=\"com.apple.streamingkeydelivery\"",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"data:text/plain;base64,AAECAw==\"",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"urn:uuid:1\"",
        "#EXT-X-KEY:METHOD=NONE",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"\"",
        "#EXT-X-MAP:URI=\"data:video/mp4;base64,AA//BB==\"",
        "#EXTINF:6,\ndata:video/mp4;base64,AA//BB==",
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:00:00.000Z",
        "#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+/+AAAAAH4AUmXAAAAAAACHtN0j",
        "#EXT-X-DATERANGE:ID=\"1\",SCTE35-OUT=0xFC30,X-COM=\"a,b=\\\"",
        "# a comment // with slashes, and a/b//c",
        "#EXTINF:6.006,Grand Prix, lap 3 = \"URI=x\"",
        "#EXT-X-CUE-OUT:30",
        "   ",
    ] {
        let rewritten = check(line, line);
        assert_eq!(rewritten.problems.count(Problem::Scrubbed), 0, "{line}");
    }
}

#[test]
fn line_ends_and_byte_order_marks() {
    check(
        "#EXTM3U\r\n\r\n#EXT-X-X\n#EXT-X-Y",
        "#EXTM3U\r\n\r\n#EXT-X-X\n#EXT-X-Y",
    );
    check(
        "#EXTINF:1,\r\ns.ts\r\n",
        "#EXTINF:1,\r\nSegment!http://up.test/a/b/s.ts\r\n",
    );
    check(
        "#EXTM3U\r#EXTINF:1,\rs.ts\r",
        "#EXTM3U\n#EXTINF:1,\nSegment!http://up.test/a/b/s.ts\n",
    );
    check("\u{feff}#EXTM3U\n", "#EXTM3U\n");
    // Two files put together, and one twice.
    check(
        "\u{feff}\u{feff}#EXTM3U\r\u{feff}#EXTINF:1,\n\u{feff}\u{feff}s.ts\n",
        "#EXTM3U\n#EXTINF:1,\nSegment!http://up.test/a/b/s.ts\n",
    );
    assert!(is_playlist("\u{feff}\u{feff}#EXTM3U".as_bytes()));
    let wide = "\u{feff}\u{feff}#EXTM3U\n#EXTINF:1,Zürich 🏁\ns.ts\n";
    let narrow = "#EXTM3U\n#EXTINF:1,Zürich 🏁\nSegment!http://up.test/a/b/s.ts\n";
    let le: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = wide.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for body in [&le, &be] {
        assert!(is_playlist(body));
        assert_eq!(text(&shown(body)), narrow);
        // An odd byte at the end is no reason to fail.
        assert_eq!(text(&shown(&[body, &b"x"[..]].concat())), narrow);
    }
    assert_eq!(text(&shown(b"")), "");
}

#[test]
fn what_is_a_playlist() {
    for (start, expect) in [
        (&b"#EXTM3U"[..], true),
        (b"\xef\xbb\xbf#EXTM3U\n", true),
        (b"\r\n  #EXTM3U x", true),
        (b"#EXTM3", false),
        (b"#extm3u", false),
        (b"<html>#EXTM3U", false),
        (b"", false),
        (b"\xff\xfe", false),
        (b"G@\x11\x10", false),
    ] {
        assert_eq!(is_playlist(start), expect, "{start:?}");
    }
}

#[test]
fn variables_are_filled_in_from_top_to_bottom() {
    let head =
        "#EXT-X-DEFINE:NAME=\"h\",VALUE=\"//o.test\"\n#EXT-X-DEFINE:NAME=\"p\",VALUE=\"{$h}/x\"\n";
    check(
        &format!("{head}#EXTINF:1,{{$h}}\n{{$p}}/s.ts?{{$h}}"),
        "#EXTINF:1,{$h}\nSegment!http://o.test/x/s.ts?//o.test",
    );
    check(
        &format!("{head}#EXT-X-MAP:URI=\"{{$p}}/i\""),
        "#EXT-X-MAP:URI=\"Init!http://o.test/x/i\"",
    );
    check(
        "#EXT-X-DEFINE:NAME=\"n\",VALUE=\"Eins\"\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"{$n}!\",URI=\"a\"",
        "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"Eins!\",URI=\"RenditionAudio!http://up.test/a/b/a\"",
    );
    // From the final URL's query, percent-decoded.
    check(
        "#EXT-X-DEFINE:QUERYPARAM=\"tok\"\n#EXTINF:1,\ns.ts?t={$tok}",
        "#EXTINF:1,\nSegment!http://up.test/a/b/s.ts?t=T/1",
    );
    // What looks like a reference and is none.
    check(
        "#EXTINF:1,\n{$}{$a-{x}",
        "#EXTINF:1,\nSegment!http://up.test/a/b/%7B$%7D%7B$a-%7Bx%7D",
    );
    // What a value holds is not looked through again.
    let nested = "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{\"\n#EXT-X-DEFINE:NAME=\"b\",VALUE=\"{$a}$c}\"\n#EXT-X-MAP:URI=\"{$b}\"";
    check(
        nested,
        "#EXT-X-MAP:URI=\"Init!http://up.test/a/b/%7B$c%7D\"",
    );
}

#[test]
fn what_stays_as_it_is_has_its_variables_filled_in() {
    let define = |value: &str| format!("#EXT-X-DEFINE:NAME=\"v\",VALUE=\"{value}\"\n");
    let (data, empty) = ("data:video/mp2t;base64,R0A=", "");
    for (value, line, expect) in [
        (
            data,
            "#EXTINF:1,\n {$v}\n",
            "#EXTINF:1,\ndata:video/mp2t;base64,R0A=\n",
        ),
        (
            data,
            "#EXT-X-MAP:URI=\"{$v}\"\n",
            "#EXT-X-MAP:URI=\"data:video/mp2t;base64,R0A=\"\n",
        ),
        (
            data,
            "#EXT-X-MAP:URI=\"{$v}\",X=\"{$none}\"\n",
            "#EXT-X-MAP:URI=\"data:video/mp2t;base64,R0A=\",X=\"{$none}\"\n",
        ),
        (
            empty,
            "#EXT-X-MAP:URI=\"{$v}\",X=\"{$none}\"\n",
            "#EXT-X-MAP:URI=\"\",X=\"{$none}\"\n",
        ),
        // A line that would be gone is a segment all the same.
        (
            empty,
            "#EXTINF:1,\n{$v}\n",
            "#EXTINF:1,\n#EXT-X-GAP\ndata:,\n",
        ),
    ] {
        check(&format!("{}{line}", define(value)), expect);
    }
}

#[test]
fn variables_of_the_parent_are_there_when_imported() {
    let mut parent = Variables::default();
    assert!(parent.insert("t", "T1"));
    let import = b"#EXT-X-DEFINE:IMPORT=\"t\"\n#EXTINF:1,\ns?{$t}\n";
    let rewritten = shown_with(import, &parent);
    assert_eq!(
        text(&rewritten),
        "#EXTINF:1,\nSegment!http://up.test/a/b/s?T1\n"
    );
    let without = shown_with(b"#EXTINF:1,\ns?{$t}\n", &parent);
    assert_eq!(without.problems.count(Problem::UndefinedVariable), 1);

    // A child gets all of them, also what is defined below its line.
    let base = Url::parse(BASE).unwrap();
    let body = b"#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n#EXT-X-DEFINE:NAME=\"t\",VALUE=\"T2\"\n";
    let mut seen = Vec::new();
    let none = Variables::default();
    let context = context(&base, &none);
    let whole = rewrite(body, &context, &mut |child: &Child<'_>| {
        seen.push(child.variables.get("t").map(str::to_owned));
        Some("x".to_owned())
    });
    assert_eq!(seen, [Some("T2".to_owned())]);
    assert_eq!(whole.variables.get("t"), Some("T2"));
}

#[test]
fn definitions_that_define_nothing() {
    for line in [
        "#EXT-X-DEFINE:NAME=\"a\"",
        "#EXT-X-DEFINE:NAME=\"a b\",VALUE=\"c\"",
        "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{$b}\"",
        "#EXT-X-DEFINE:IMPORT=\"a\"",
        "#EXT-X-DEFINE:QUERYPARAM=\"none\"",
        "#EXT-X-DEFINE:",
        "#EXT-X-DEFINE",
    ] {
        let rewritten = check(&format!("{line}\n"), "");
        assert_eq!(rewritten.problems.count(Problem::BadDefine), 1, "{line}");
    }
}

#[test]
fn byte_ranges_reach_the_linker() {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    let body = b"#EXT-X-MAP:URI=\"i\",BYTERANGE=\"5@0\"\n#EXTINF:1,\n#EXT-X-BYTERANGE:7\ns\n#EXTINF:1,\nt\n\
        #EXT-X-PART:URI=\"p\",BYTERANGE=\"3@9\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\",BYTERANGE-START=12,BYTERANGE-LENGTH=4\n";
    let mut ranges = Vec::new();
    rewrite(body, &context, &mut |child: &Child<'_>| {
        ranges.push(child.range.map(|range| (range.length, range.offset)));
        Some("x".to_owned())
    });
    let expect = [
        Some((5, Some(0))),
        Some((7, None)),
        None,
        Some((3, Some(9))),
        Some((4, Some(12))),
    ];
    assert_eq!(ranges, expect);
}
