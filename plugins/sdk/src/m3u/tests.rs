use proptest::prelude::*;

use super::*;

fn list(text: &str) -> Vec<Entry> {
    entries(text).expect("a list").collect()
}

#[test]
fn an_entry_with_everything() {
    let found = list(
        "\u{feff}#EXTM3U url-tvg=\"https://g.test/epg.xml\"\r\n\
         #EXTINF:-1 tvg-id=\"F1.test\" tvg-name=\"F One\" tvg-logo=\"https://l.test/1.png\" \
         tvg-language=\"pt-BR\" group-title=\"Motor, sport\",F1 live, HD\r\n\
         #EXTGRP:Other\r\n\
         #EXTVLCOPT:http-referrer=https://r.test/\r\n\
         #EXTVLCOPT:http-user-agent=Player/1 (x; y)\r\n\
         #EXTVLCOPT:network-caching=1000\r\n\
         #KODIPROP:inputstream.adaptive.manifest_type=mpd\r\n\
         #KODIPROP:inputstream.adaptive.license_type=com.widevine.alpha\r\n\
         \r\n\
         https://c.test/live?x=1|Referer=https%3A%2F%2Fs.test%2F&Origin=https://s.test&Host=evil\r\n",
    );
    assert_eq!(
        found,
        [Entry {
            url: "https://c.test/live?x=1".into(),
            title: "F1 live, HD".into(),
            duration: None,
            id: Some("F1.test".into()),
            name: Some("F One".into()),
            logo: Some("https://l.test/1.png".into()),
            language: Some("pt-BR".into()),
            group: Some("Motor, sport".into()),
            headers: vec![
                ("User-Agent".into(), "Player/1 (x; y)".into()),
                ("Referer".into(), "https://s.test/".into()),
                ("Origin".into(), "https://s.test".into()),
            ],
            kind: Some(StreamKind::Dash),
            protection: Some(Protection::Drm),
        }]
    );
}

#[test]
fn what_belongs_to_one_entry_ends_with_it() {
    let found = list(
        "#EXTM3U\n#EXTINF:-1 tvg-language=\"English\",One\n#EXTGRP:G\n#EXTVLCOPT:http-referrer=r\n\
         http://c.test/1.m3u8\nhttp://c.test/2.mp4\n#EXTINF:30,\nhttp://c.test/3\n",
    );
    let shown: Vec<_> = found
        .iter()
        .map(|entry| {
            (
                entry.label(),
                entry.group.as_deref(),
                entry.headers.len(),
                entry.kind,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (Some("One"), Some("G"), 1, Some(StreamKind::Hls)),
            (None, None, 0, Some(StreamKind::Progressive)),
            (None, None, 0, None),
        ]
    );
    assert_eq!(
        (found[0].language.clone(), found[2].duration),
        (None, Some(30.0))
    );
}

#[test]
fn what_is_no_list_is_an_error() {
    for (text, place) in [
        ("", "neither"),
        ("<!doctype html><title>Log in</title>", "neither"),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts",
            "own playlist",
        ),
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8",
            "own playlist",
        ),
    ] {
        match entries(text).map(Iterator::count) {
            Err(Error::LayoutChanged(found)) if found.contains(place) => {}
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(list("#EXTM3U\n# a comment\n#EXTINF:-1,No address\n"), []);
    assert_eq!(list("#EXTINF:-1,x\nhttp://c.test/1").len(), 1);
}

#[test]
fn headers_that_could_do_harm_are_passed_over() {
    let long = (0..40).map(|n| format!("X-{n}=1&")).collect::<String>();
    let line = format!("#EXTM3U\nhttp://c.test/1|X-A=1%0d%0aHost: x&a b=1&=2&x&te=1&{long}");
    let found = list(&line);
    assert_eq!(found[0].headers.len(), MAX_HEADERS);
    assert!(
        found[0]
            .headers
            .iter()
            .all(|(name, _)| name.starts_with("X-")),
        "{found:?}"
    );
    assert!(
        !found[0].headers.iter().any(|(name, _)| name == "X-A"),
        "{found:?}"
    );
}

proptest! {
    #[test]
    fn no_text_panics_and_none_makes_more_entries_than_lines(text in any::<String>()) {
        let text = format!("#EXTM3U\n{text}");
        prop_assert!(list(&text).len() <= text.lines().count());
    }

    #[test]
    fn no_mixture_of_what_lists_hold_does(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "#EXTINF:", "-1", " tvg-id=", "\"", "'", ",", "é", "\n", "http://c.test/", "|",
                "Referer=", "&", "%", "#EXTVLCOPT:", "http-referrer=", "#KODIPROP:", "=", " ",
            ]),
            0..40,
        ),
    ) {
        let text = format!("#EXTM3U\n{}", pieces.concat());
        prop_assert!(list(&text).len() <= text.lines().count());
    }
}

#[test]
fn a_list_without_end_takes_time_in_proportion() {
    let began = std::time::Instant::now();
    for piece in [
        "#EXTINF:-1 a=b",
        "a=\"",
        "http://c.test/1|a=b\n",
        "#EXTINF:-1 a='b',\n",
        "&",
        "|",
    ] {
        let text = format!("#EXTM3U\n{}", piece.repeat(1024 * 1024 / piece.len()));
        list(&text);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(20));
}
