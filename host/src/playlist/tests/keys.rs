//! Names of renditions.

use super::*;

fn keys(body: &str, base: &str) -> Vec<String> {
    let base = Url::parse(base).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    let mut keys = Vec::new();
    rewrite(body.as_bytes(), &context, &mut |child: &Child<'_>| {
        keys.extend(child.rendition.map(ToString::to_string));
        Some("x".to_owned())
    });
    keys
}

fn key(line: &str) -> String {
    let body = match line.contains("URI=") {
        true => format!("{line}\n"),
        false => format!("{line}\nv\n"),
    };
    keys(&body, BASE).remove(0)
}

#[test]
fn keys_are_readable_and_never_change() {
    // These are in links that players hold: a change here breaks them.
    for (line, expect) in [
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS=\"avc1,mp4a\"",
            "v640x360-800k-",
        ),
        ("#EXT-X-STREAM-INF:BANDWIDTH=800000", "v800k-"),
        ("#EXT-X-STREAM-INF:", "v-"),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Französisch!\",LANGUAGE=\"fr-CA\",URI=\"x\"",
            "afr-ca-",
        ),
        (
            "#EXT-X-MEDIA:TYPE=SUBTITLES,NAME=\"Untertitel (für Gehörlose und Schwerhörige)\",URI=\"x\"",
            "suntertitel-f-r-geh-rlose-",
        ),
        ("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1000,URI=\"x\"", "i1k-"),
        (
            "#EXT-X-STREAM-INF:STABLE-VARIANT-ID=\"Main/1\",BANDWIDTH=1000",
            "vmain-1-",
        ),
    ] {
        let key = key(line);
        let hash = key
            .strip_prefix(expect)
            .unwrap_or_else(|| panic!("{key} for {line}"));
        assert!(
            hash.len() == 6 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
            "{key}"
        );
    }
    assert_eq!(
        key("#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS=\"avc1,mp4a\""),
        "v640x360-800k-e5d105"
    );
}

#[test]
fn a_key_does_not_depend_on_urls() {
    let body = |token: &str| {
        format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"n\",URI=\"a-{token}\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv-{token}\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://{token}.test/\n"
        )
    };
    let before = keys(&body("one"), "http://a.test/1/m.m3u8");
    let after = keys(&body("two"), "https://b.test/2?x");
    assert_eq!(before, after);
    assert_eq!(before.len(), 3);
    assert_eq!(before[2], format!("{}-2", before[1]), "twins are numbered");
}

#[test]
fn whatever_tells_renditions_apart_tells_keys_apart() {
    let plain = key("#EXT-X-STREAM-INF:BANDWIDTH=1000,X-NEW=1");
    assert_eq!(plain, key("#EXT-X-STREAM-INF:X-NEW=2,BANDWIDTH=1000"));
    for attribute in [
        "AVERAGE-BANDWIDTH=900",
        "RESOLUTION=1x1",
        "CODECS=\"x\"",
        "FRAME-RATE=50",
        "AUDIO=\"a\"",
        "VIDEO=\"a\"",
        "SUBTITLES=\"a\"",
        "NAME=\"a\"",
        "PATHWAY-ID=\"a\"",
        "STABLE-VARIANT-ID=\"a\"",
    ] {
        assert_ne!(
            plain,
            key(&format!("#EXT-X-STREAM-INF:BANDWIDTH=1000,{attribute}")),
            "{attribute}"
        );
    }
    // A stable id outlives a measured bandwidth.
    let stable = |bits| {
        key(&format!(
            "#EXT-X-STREAM-INF:STABLE-VARIANT-ID=\"a\",BANDWIDTH={bits}"
        ))
    };
    assert_eq!(stable(1000), stable(2000));
}

#[test]
fn one_that_is_lost_changes_no_other_name() {
    let lost = "#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n";
    let there = "#EXT-X-STREAM-INF:BANDWIDTH=1\nu\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n";
    assert_eq!(keys(lost, BASE)[0], keys(there, BASE)[1]);
}

#[test]
fn the_grammar_of_keys() {
    let longest = "a".repeat(40);
    for good in ["a", "v640x360-800k-3f2a1c", "-", &longest] {
        assert_eq!(good.parse::<RenditionKey>().unwrap().as_str(), good);
    }
    for bad in ["", "A", "a.b", "a/b", "ä", &"a".repeat(41)] {
        assert_eq!(bad.parse::<RenditionKey>(), Err(BadRenditionKey), "{bad}");
    }
    assert!(serde_json::from_str::<RenditionKey>("\"a/b\"").is_err());
}
