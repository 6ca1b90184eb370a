//! Asset lists and steering manifests.

use std::time::{Duration, Instant};

use super::*;

const LIST: &str = "http://ads.test/lists/1.json?a=1";

fn linked(child: &Child<'_>) -> Option<String> {
    let kind = format!("{:?}", child.kind).replace(['(', ')'], "");
    Some(format!("{kind}!{}", child.url))
}

fn assets(body: &str) -> Result<RewrittenJson, BadJson> {
    let base = Url::parse(LIST).unwrap();
    asset_list(body.as_bytes(), &base, &LIMITS, &mut linked)
}

#[track_caller]
fn check_assets(body: &str, expect: &str) -> RewrittenJson {
    let rewritten = assets(body).unwrap();
    assert_eq!(std::str::from_utf8(&rewritten.body), Ok(expect));
    rewritten
}

#[test]
fn an_asset_list_keeps_all_but_its_uris() {
    let rewritten = check_assets(
        "{\r\n\t\"ASSETS\" : [\n {\"URI\":\"ad1.m3u8\", \"DURATION\":15.0},\n {\"DURATION\": 1e1, \"URI\" :\"http:\\/\\/o.test\\/2\\u002em3u8?x=1&2\"}\n ],\n \"SKIP-CONTROL\":{\"OFFSET\":5,\"DURATION\":6.50,\"LABEL-ID\":\"Überspringen\"} }\n",
        "{\r\n\t\"ASSETS\" : [\n {\"URI\":\"AssetPlaylist!http://ads.test/lists/ad1.m3u8\", \"DURATION\":15.0},\n {\"DURATION\": 1e1, \"URI\" :\"AssetPlaylist!http://o.test/2.m3u8?x=1&2\"}\n ],\n \"SKIP-CONTROL\":{\"OFFSET\":5,\"DURATION\":6.50,\"LABEL-ID\":\"Überspringen\"} }\n",
    );
    assert_eq!(rewritten.links, 2);
    assert!(rewritten.problems.is_empty());
}

#[test]
fn nothing_in_an_asset_list_names_an_upstream() {
    let rewritten = check_assets(
        "{\"ASSETS\":[{\"URI\":\"http://\"},{\"URI\":\"data:application/x-mpegurl,x\"},{\"URI\":1},{\"URI\":\"\"}],\"X-BEACON\":\"see http:\\/\\/o.test\\/b\",\"https://o.test/\":[\"ads.test\",{\"URI\":\"//o.test/x\"}]}",
        "{\"ASSETS\":[{\"URI\":\"data:,\"},{\"URI\":\"data:,\"},{\"URI\":1},{\"URI\":\"data:,\"}],\"X-BEACON\":\"see (removed)\",\"(removed)\":[\"(removed)\",{\"URI\":\"(removed)\"}]}",
    );
    assert_eq!(rewritten.links, 0);
    assert_eq!(rewritten.problems.count(Problem::Inline), 1);
    assert_eq!(rewritten.problems.count(Problem::Scrubbed), 4);
}

#[test]
fn half_a_character_hides_no_upstream() {
    check_assets(
        "{\"ASSETS\":[{\"URI\":\"\\ud800//o.test\"}],\"\\udfff http://o.test\":\"http://o.test/\\ud800\"}",
        "{\"ASSETS\":[{\"URI\":\"data:,\"}],\"\":\"\"}",
    );
}

#[test]
fn what_is_no_document_is_refused() {
    for body in [
        "",
        "null",
        "[]",
        "\"a\"",
        "<html>",
        "{",
        "{\"ASSETS\":[}",
        "{} {}",
        "#EXTM3U",
    ] {
        assert_eq!(assets(body).unwrap_err(), BadJson::NotAnObject, "{body}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    assert_eq!(assets(&deep).unwrap_err(), BadJson::TooDeep);
    let very = format!("{{\"a\":{}1{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(assets(&very).unwrap_err(), BadJson::TooDeep);
    let many = format!(
        "{{\"ASSETS\":[{}{{}}]}}",
        "{\"URI\":\"a\"},".repeat(400_000)
    );
    assert_eq!(assets(&many).unwrap_err(), BadJson::TooLarge);
    // What a server may put around it.
    let marked = assets("\u{feff} {\"ASSETS\":[]}").unwrap();
    assert_eq!(marked.body, b" {\"ASSETS\":[]}");
}

const OFFERED: &str = "\
#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\",PATHWAY-ID=\"A\"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aA\",NAME=\"de\",STABLE-RENDITION-ID=\"de\",URI=\"//a.test/de\"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"aA\",NAME=\"no stable id, other type\",URI=\"//a.test/sub\"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"cc\",INSTREAM-ID=\"CC1\"
#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID=\"A\",STABLE-VARIANT-ID=\"lo\",AUDIO=\"aA\"
//a.test/lo?t=1&k=old
#EXT-X-STREAM-INF:BANDWIDTH=2,PATHWAY-ID=\"A\",STABLE-VARIANT-ID=\"hi\",AUDIO=\"aA\"
//a.test:8080/hi
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=3,PATHWAY-ID=\"A\",URI=\"//a.test/i\"
#EXT-X-STREAM-INF:BANDWIDTH=1,STABLE-VARIANT-ID=\"lo\"
//dot.test/lo
#EXT-X-STREAM-INF:BANDWIDTH=9,PATHWAY-ID=\"B\"
//b.test/lo
";

fn offered(body: &str) -> Vec<Named> {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let mut context = context(&base, &none);
    context.limits.lines = 100_000;
    multivariant(body.as_bytes(), &context).unwrap().playlists
}

fn steered(body: &str) -> Result<RewrittenJson, BadJson> {
    steered_through(&offered(OFFERED), body, &mut linked)
}

fn steered_through(
    offered: &[Named],
    body: &str,
    linker: &mut dyn Linker,
) -> Result<RewrittenJson, BadJson> {
    let server = Url::parse("https://steer.test/x/m.json").unwrap();
    let mut variables = Variables::default();
    variables.insert("auth", "x");
    variables.insert("heavy", &"x".repeat(LIMITS.variables as usize));
    steering(
        body.as_bytes(),
        &server,
        offered,
        &variables,
        &LIMITS,
        linker,
    )
}

#[track_caller]
fn clones(listed: &str) -> (serde_json::Value, u32) {
    let rewritten = steered(&format!("{{\"PATHWAY-CLONES\":[{listed}]}}")).unwrap();
    let lost = rewritten.problems.count(Problem::LostClone);
    let mut body: serde_json::Value = serde_json::from_slice(&rewritten.body).unwrap();
    (body["PATHWAY-CLONES"].take(), lost)
}

#[test]
fn a_steering_manifest_keeps_all_but_its_uris() {
    let rewritten = steered(
        "{\"VERSION\":1, \"TTL\":300,\"RELOAD-URI\":\"../y?s=1\",\n\"PATHWAY-PRIORITY\":[\"A\",\"B.c_d-e\"],\"X-N\":1.50}",
    )
    .unwrap();
    assert_eq!(
        std::str::from_utf8(&rewritten.body),
        Ok(
            "{\"VERSION\":1, \"TTL\":300,\"RELOAD-URI\":\"Steering!https://steer.test/y?s=1\",\n\"PATHWAY-PRIORITY\":[\"A\",\"B.c_d-e\"],\"X-N\":1.50}"
        )
    );
    let without = steered("{\"RELOAD-URI\":\"ftp://o.test/\",\"X\":\"steer.test\"}").unwrap();
    assert_eq!(without.body, b"{\"RELOAD-URI\":null,\"X\":\"(removed)\"}");
    // One that is not at the top is no part of it.
    let other = steered("{\"A\":{\"RELOAD-URI\":\"r\",\"PATHWAY-CLONES\":[]}}").unwrap();
    assert_eq!(other.links, 0);
    assert_eq!(steered("[1]").unwrap_err(), BadJson::NotAnObject);
}

#[test]
fn a_clone_is_told_by_its_links() {
    let (clones, lost) = clones(
        "{\"BASE-ID\":\"A\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"c.test\",\"PARAMS\":{\"k\":\"new &\",\"a\":\"1\"}}},
         {\"BASE-ID\":\"C\",\"ID\":\"D\",\"URI-REPLACEMENT\":{\"HOST\":\"d.test:99\",\"PER-VARIANT-URIS\":{\"hi\":\"/own/hi\"},\"PER-RENDITION-URIS\":{\"de\":\"https://e.test/de\"}}},
         {\"BASE-ID\":\".\",\"ID\":\"E\",\"URI-REPLACEMENT\":{}}",
    );
    assert_eq!(lost, 0);
    let expect = serde_json::json!([
        {"BASE-ID": "A", "ID": "C", "URI-REPLACEMENT": {
            "PER-VARIANT-URIS": {
                "lo": "Variant!http://c.test/lo?t=1&a=1&k=new+%26",
                "hi": "Variant!http://c.test:8080/hi?a=1&k=new+%26",
            },
            "PER-RENDITION-URIS": {"de": "RenditionAudio!http://c.test/de?a=1&k=new+%26"},
        }},
        // A clone of a clone; a URI of its own is on no other host.
        {"BASE-ID": "C", "ID": "D", "URI-REPLACEMENT": {
            "PER-VARIANT-URIS": {
                "lo": "Variant!http://d.test:99/lo?t=1&a=1&k=new+%26",
                "hi": "Variant!https://steer.test/own/hi",
            },
            "PER-RENDITION-URIS": {"de": "RenditionAudio!https://e.test/de"},
        }},
        {"BASE-ID": ".", "ID": "E", "URI-REPLACEMENT": {
            "PER-VARIANT-URIS": {"lo": "Variant!http://dot.test/lo"},
        }},
    ]);
    assert_eq!(clones, expect);
}

#[test]
fn the_playlists_of_a_clone_may_import_what_their_base_may() {
    let mut seen = Vec::new();
    steered_through(
        &offered(OFFERED),
        "{\"PATHWAY-CLONES\":[{\"BASE-ID\":\"A\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"c.test\"}}]}",
        &mut |child: &Child<'_>| {
            let get = |name| child.variables.get(name).map(str::to_owned);
            seen.push((get("auth"), get("heavy")));
            Some("x".to_owned())
        },
    )
    .unwrap();
    assert_eq!(seen, vec![(Some("x".to_owned()), None); 3]);
}

#[test]
fn a_clone_that_cannot_be_told_is_left_out() {
    for clone in [
        // Its variant has no stable id.
        "{\"BASE-ID\":\"B\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"c.test\"}}",
        // There is no such pathway.
        "{\"BASE-ID\":\"Z\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"c.test\"}}",
        // No host.
        "{\"BASE-ID\":\"A\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"c.test/x\"}}",
        "{\"BASE-ID\":\"A\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"u@c.test\"}}",
        "{\"BASE-ID\":\"A\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"HOST\":\"\"}}",
        // No replacement, no clone.
        "{\"BASE-ID\":\"A\",\"ID\":\"C\"}",
        "1",
        // A URI that is none.
        "{\"BASE-ID\":\"A\",\"ID\":\"C\",\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{\"hi\":\"rtmp://o.test/\"}}}",
    ] {
        assert_eq!(clones(clone), (serde_json::json!([]), 1), "{clone}");
    }
    let good = "{\"BASE-ID\":\".\",\"ID\":\"C\",\"URI-REPLACEMENT\":{}},";
    let (many, lost) = clones(&format!("{}1", good.repeat(20)));
    assert_eq!((many.as_array().map(Vec::len), lost), (Some(16), 5));
    let nothing = steered("{\"PATHWAY-CLONES\":\"http://o.test/\"}").unwrap();
    assert_eq!(nothing.body, b"{\"PATHWAY-CLONES\":[]}");
}

/// Clones of the pathway `.`, each with so many parameters.
fn cloned(clones: usize, params: usize) -> String {
    let params: Vec<_> = (0..params).map(|n| format!("\"p{n}\":\"{n}\"")).collect();
    let clone = format!(
        "{{\"BASE-ID\":\".\",\"ID\":\"C\",\"URI-REPLACEMENT\":{{\"HOST\":\"c.test\",\"PARAMS\":{{{}}}}}}}",
        params.join(",")
    );
    format!("{{\"PATHWAY-CLONES\":[{}]}}", vec![clone; clones].join(","))
}

/// So many variants, with a rendition each.
fn many(count: usize) -> Vec<Named> {
    let lines = (0..count).map(|n| {
        format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g{n}\",STABLE-RENDITION-ID=\"{n}\",URI=\"a{n}\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1,STABLE-VARIANT-ID=\"{n}\",AUDIO=\"g{n}\"\nv{n}\n"
        )
    });
    offered(&lines.collect::<String>())
}

#[track_caller]
fn takes_linear_time(few: usize, work: impl Fn(usize) -> Duration) {
    let (four_times, few) = (work(4 * few), work(few));
    // Sixteen times as long, if everything were compared with everything.
    let most = few * 8 + Duration::from_secs(1);
    assert!(four_times < most, "{few:?}, {four_times:?}");
}

#[test]
fn clones_take_linear_time() {
    let time = |offered: &[Named], body: &str| {
        let start = Instant::now();
        let linked = steered_through(offered, body, &mut linked).unwrap();
        let took = start.elapsed();
        assert!(linked.links > 0);
        took
    };
    takes_linear_time(2_000, |params| time(&many(1), &cloned(1, params)));
    takes_linear_time(4_000, |playlists| time(&many(playlists), &cloned(4, 0)));
}

#[test]
fn what_clones_are_made_of_is_bounded() {
    // Twenty thousand parameters for each of two thousand playlists, whatever of
    // them shows in the links.
    let (offered, body) = (many(1_000), cloned(1, 20_000));
    let mut links = 0;
    let refused = steered_through(&offered, &body, &mut |_: &Child<'_>| {
        links += 1;
        Some("-".to_owned())
    });
    assert_eq!(refused.unwrap_err(), BadJson::TooLarge);
    assert!(links < 100, "{links}");
}

#[test]
fn a_playlist_within_a_uri_is_not_handed_on() {
    for (input, expect) in [
        (
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"data:application/json,{}\"\n",
            "",
        ),
        ("#EXT-X-DATERANGE:ID=\"1\",X-ASSET-LIST=\"DATA:,{}\"\n", ""),
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\ndata:application/x-mpegurl,x\n",
            "#EXT-X-STREAM-INF:BANDWIDTH=1\ndata:,\n",
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"data:x,y\"\n",
            "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"data:,\"\n",
        ),
    ] {
        assert_eq!(
            check(input, expect).problems.count(Problem::Inline),
            1,
            "{input}"
        );
    }
}
