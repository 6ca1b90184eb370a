//! What is broken, refused, too long, or names an upstream where no URI belongs.

use super::*;

#[test]
fn a_uri_that_has_no_link_leaves_nothing_of_itself() {
    for (input, expect, problem) in [
        (
            "#EXTINF:1,\nhttp://o.test/{$x}\n",
            "#EXTINF:1,\n#EXT-X-GAP\ndata:,\n",
            Problem::UndefinedVariable,
        ),
        (
            "#EXTINF:1,\nhttp://o.test/{$x}",
            "#EXTINF:1,\n#EXT-X-GAP\ndata:,",
            Problem::UndefinedVariable,
        ),
        (
            "#EXTINF:1,\r\nhttp://:x/\r\n",
            "#EXTINF:1,\r\n#EXT-X-GAP\r\ndata:,\r\n",
            Problem::Unresolvable,
        ),
        (
            "#EXTINF:1,\nrtmp://o.test/x\n",
            "#EXTINF:1,\n#EXT-X-GAP\ndata:,\n",
            Problem::ForeignScheme,
        ),
        (
            "#EXTINF:1,\nblob:http://o.test/x\n",
            "#EXTINF:1,\n#EXT-X-GAP\ndata:,\n",
            Problem::ForeignScheme,
        ),
        // No player can ask anybody so, but it names the upstream.
        (
            "#EXTINF:1,\np:\\/\\/Up.test\\/b\n",
            "#EXTINF:1,\n#EXT-X-GAP\ndata:,\n",
            Problem::ForeignScheme,
        ),
        (
            "#EXT-X-LOGO:http://o.test/{$x}\n",
            "",
            Problem::UndefinedVariable,
        ),
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://\n",
            "#EXT-X-STREAM-INF:BANDWIDTH=1\ndata:,\n",
            Problem::Unresolvable,
        ),
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=\"http://o.test/{$x}\"\n",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"data:,\"\n",
            Problem::UndefinedVariable,
        ),
        (
            "#EXT-X-MAP:URI=\"ftp://o.test/\"\n",
            "#EXT-X-MAP:URI=\"data:,\"\n",
            Problem::ForeignScheme,
        ),
        (
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{$x}\"\n",
            "",
            Problem::UndefinedVariable,
        ),
        (
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"file:///x\"\n",
            "",
            Problem::ForeignScheme,
        ),
        ("#EXT-X-LOGO:http://:x/\n", "", Problem::Unresolvable),
    ] {
        let rewritten = check(input, expect);
        assert_eq!(
            rewritten.problems.count(problem),
            1,
            "{input}: {:?}",
            rewritten.problems
        );
    }
}

#[test]
fn a_linker_may_refuse() {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    let body = b"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n";
    let refused = rewrite(body, &context, &mut |_: &Child<'_>| None);
    assert_eq!(text(&refused), "#EXT-X-KEY:METHOD=AES-128,URI=\"data:,\"\n");
    assert_eq!(refused.problems.count(Problem::Refused), 2);
    assert_eq!(refused.links, 0);
}

#[test]
#[should_panic(expected = "a link that can't stand in a playlist")]
#[cfg(debug_assertions)]
fn a_link_that_would_break_its_line_is_a_bug() {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    rewrite(b"s.ts", &context, &mut |_: &Child<'_>| {
        Some("a\"b".to_owned())
    });
}

#[test]
fn an_upstream_named_elsewhere_is_taken_out() {
    for (input, expect) in [
        (
            "# made by http://o.test/x for you",
            "# made by (removed) for you",
        ),
        (
            "# made by UP.test, twice: up.test",
            "# made by (removed), twice: (removed)",
        ),
        ("# not cup.testing", "# not cup.testing"),
        ("# cdn1.up.test", "# cdn1.(removed)"),
        (
            "#EXTINF:-1 tvg-logo=\"https://o.test/l.png\",Title",
            "#EXTINF:-1 tvg-logo=\"(removed)\",Title",
        ),
        (
            "#EXTM3U url-tvg=\"//o.test/epg\"",
            "#EXTM3U url-tvg=\"(removed)\"",
        ),
        (
            "#EXT-X-DATERANGE:ID=\"1\",X-BEACON=\"http://o.test/b\",X-N=1",
            "#EXT-X-DATERANGE:ID=\"1\",X-BEACON=\"(removed)\",X-N=1",
        ),
        (
            "#EXT-X-KEY:METHOD=AES-128,X-A=http://o.test/x,URI=\"k\",X-B=//o.test/y,IV=0x1",
            "#EXT-X-KEY:METHOD=AES-128,X-A=(removed),URI=\"Key!http://up.test/a/b/k\",X-B=(removed),IV=0x1",
        ),
        // No list of attributes.
        (
            "#EXT-X-ODD: see http://o.test/?a=b//p.test/,c=d//q.test there",
            "#EXT-X-ODD: see (removed) there",
        ),
        ("#EXT-X-HOST:up.test", "#EXT-X-HOST:(removed)"),
        ("#rtmp://o.test/x'y", "#(removed)'y"),
        (
            "#http://http://o.test http://up.test",
            "#(removed) (removed)",
        ),
    ] {
        let rewritten = check(input, expect);
        assert!(
            rewritten.problems.count(Problem::Scrubbed) > 0 || input == expect,
            "{input}"
        );
    }
}

#[test]
fn grammar_that_is_broken() {
    for (input, expect) in [
        // Without quotes, with blank, in small letters, with the quote left open.
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=k,IV=0x1",
            "#EXT-X-KEY:METHOD=AES-128,URI=Key!http://up.test/a/b/k,IV=0x1",
        ),
        (
            "#EXT-X-KEY: METHOD=AES-128 , URI = \" k \"",
            "#EXT-X-KEY: METHOD=AES-128 , URI = \"Key!http://up.test/a/b/k\"",
        ),
        (
            "#EXT-X-KEY:uri=\"k\"",
            "#EXT-X-KEY:uri=\"Key!http://up.test/a/b/k\"",
        ),
        (
            "#EXT-X-KEY:URI=\"k;IV=1",
            "#EXT-X-KEY:URI=\"Key!http://up.test/a/b/k;IV=1",
        ),
        (
            "  #EXT-X-KEY:URI=\"k\"",
            "  #EXT-X-KEY:URI=\"Key!http://up.test/a/b/k\"",
        ),
        (
            "#EXT-X-KEY:A,,=,URI=\"k\"",
            "#EXT-X-KEY:A,,=,URI=\"Key!http://up.test/a/b/k\"",
        ),
        // A comma in quotes separates nothing.
        (
            "#EXT-X-MEDIA:NAME=\"a,URI=b\",URI=\"c\"",
            "#EXT-X-MEDIA:NAME=\"a,URI=b\",URI=\"RenditionOther!http://up.test/a/b/c\"",
        ),
        // Comments and blank lines between a tag and its URI.
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\n# x\n\nv",
            "#EXT-X-STREAM-INF:BANDWIDTH=1\n# x\n\nVariant!http://up.test/a/b/v",
        ),
        // Without any tag, it is media.
        (
            "s.ts\nt.ts",
            "Segment!http://up.test/a/b/s.ts\nSegment!http://up.test/a/b/t.ts",
        ),
        (
            "#EXT-X-STREAM-INF:\nv\nw",
            "#EXT-X-STREAM-INF:\nVariant!http://up.test/a/b/v\nVariant!http://up.test/a/b/w",
        ),
        // Nobody knows these tags: nothing is defined, and nothing a key.
        (
            "#EXT-X-Define:NAME=\"a\",VALUE=\"b\"",
            "#EXT-X-Define:NAME=\"a\",VALUE=\"b\"",
        ),
        (
            "#EXT-X-Key:METHOD=AES-128,URI=\"k\"",
            "#EXT-X-Key:METHOD=AES-128,URI=\"Unknown!http://up.test/a/b/k\"",
        ),
        ("#EXT", "#EXT"),
        ("#EXT-X-KEY", "#EXT-X-KEY"),
        ("#EXT-X-KEY:URI=", "#EXT-X-KEY:URI="),
        ("#EXT-X-KEY:URI=\"", "#EXT-X-KEY:URI=\""),
    ] {
        check(input, expect);
    }
    let open = shown(b"#EXT-X-KEY:URI=\"k");
    assert_eq!(open.problems.count(Problem::OpenQuote), 1);
}

#[test]
fn limits_are_counted_and_nothing_slips_through_them() {
    let long = "x".repeat(LIMITS.line as usize);
    let fits = shown(format!("#EXTINF:1,\n{long}\n").as_bytes());
    assert!(fits.problems.is_empty());
    let rewritten = check(
        &format!("#EXTINF:1,\n{long}x\n#{long}\n#EXT-X-KEY:URI=\"{long}\"\n#EXTINF:2,\ns\n"),
        "#EXTINF:1,\n#EXT-X-GAP\ndata:,\n#EXT-X-KEY:METHOD=AES-128,URI=\"data:,\"\n\
         #EXTINF:2,\nSegment!http://up.test/a/b/s\n",
    );
    assert_eq!(rewritten.problems.count(Problem::LongLine), 3);
    let titled = check(
        &format!(
            "#EXT-X-STREAM-INF:\n#EXTINF:-1 a=\"{long}\",\r\ns\n#EXTINF: 6.006 ,{long}\n\nt\n#EXTINF:{long}\nu"
        ),
        "#EXT-X-STREAM-INF:\n#EXTINF:-1,\r\nSegment!http://up.test/a/b/s\n\
         #EXTINF:6.006,\n\nSegment!http://up.test/a/b/t\n\
         #EXTINF:0,\nSegment!http://up.test/a/b/u",
    );
    assert_eq!(titled.problems.count(Problem::LongLine), 3);

    let full = "#\n".repeat(LIMITS.lines);
    assert!(shown(full.as_bytes()).problems.is_empty());
    let over = shown(format!("{full}http://o.test/\n").as_bytes());
    assert_eq!(over.problems.count(Problem::Truncated), 1);
    assert_eq!(over.body, full.as_bytes());

    let uris = "A-URI=x,".repeat(9);
    let many = check(&format!("#EXT-X-X:{uris}\n"), "");
    assert_eq!(many.problems.count(Problem::ManyUris), 1);
}

#[test]
fn a_tag_describes_one_uri() {
    // Both kinds in one: by the media it is one of media, and what no tag
    // describes is a segment.
    let mixed = check(
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n#EXTINF:1,\ns\n#EXT-X-STREAM-INF:BANDWIDTH=1\nw\nx\n",
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nVariant!http://up.test/a/b/v\n#EXTINF:1,\nSegment!http://up.test/a/b/s\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1\nVariant!http://up.test/a/b/w\nSegment!http://up.test/a/b/x\n",
    );
    assert_eq!(mixed.kind, Kind::Media);
    assert_eq!(shown(b"#EXT-X-STREAM-INF:\nv").kind, Kind::Multivariant);
    assert_eq!(shown(b"").kind, Kind::Media);
}
