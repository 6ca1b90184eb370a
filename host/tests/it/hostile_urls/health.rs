//! Health: streams whose playlists name them, as variant and as segment.

use std::fmt::Write as _;

use serde_json::Value;

use super::corpus::{Ground, Line, compare};
use crate::house::plugin_wasm;

/// What a reason says in one word.
fn word(reason: &str) -> String {
    let code = reason.strip_prefix("the guard refuses its address (");
    match code.and_then(|code| code.strip_suffix(')')) {
        Some(code) => code.to_owned(),
        None if reason == "too many redirects" => "upstream_redirects".to_owned(),
        // A URI that is none is left out.
        None if reason.starts_with("the playlist has no ") => "url_denied".to_owned(),
        None => reason.to_owned(),
    }
}

fn fits_a_line(line: &Line) -> bool {
    let breaks = |c: char| matches!(c, '\r' | '\n' | '\0');
    let url = &line.url;
    !url.contains(breaks) && !url.starts_with('#') && line.is_uri()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_check_reaches_one() {
    checks(&Ground::new().await).await;
}

pub(super) async fn checks(ground: &Ground) {
    let lines: Vec<&Line> = ground
        .lines
        .iter()
        .filter(|line| fits_a_line(line))
        .collect();
    let fine = ground.url("/fine.ts");
    let segment = |url: &str| {
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n")
    };
    let variant = |url: &str| format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n");
    let mut streams = String::new();
    let mut add = |id: &str, text: &str| {
        let url = ground.page(&format!("/{id}.m3u8"), text);
        writeln!(
            streams,
            "[[settings.streams]]\nid = \"{id}\"\nurl = \"{url}\""
        )
        .unwrap();
    };
    add("s-fine", &segment(&fine));
    add(
        "v-fine",
        &variant(&ground.page("/list.m3u8", &segment(&fine))),
    );
    for (n, line) in lines.iter().enumerate() {
        add(&format!("s-{n}"), &segment(&line.url));
        add(&format!("v-{n}"), &variant(&line.url));
    }
    let house = &ground.house;
    house.write_site_file("many", &format!("plugin = \"direct\"\n{streams}"));
    house.drop_plugin("direct", &std::fs::read(plugin_wasm("direct")).unwrap());
    let checked = house
        .wait("all of them to be checked", async |house| {
            let list = house.json("/api/streams").await;
            let streams = list["streams"].as_array().unwrap();
            let is_checked = |stream: &&Value| stream["health"]["checked_at"].is_string();
            let done = streams.iter().filter(is_checked).count() == 2 * lines.len() + 2;
            done.then(|| streams.clone())
        })
        .await;
    let of = |id: &str| {
        let id = format!("many.{id}");
        checked.iter().find(|stream| stream["id"] == *id).unwrap()
    };
    for control in ["s-fine", "v-fine"] {
        assert_eq!(of(control)["state"], "up", "{}", of(control));
    }
    for kind in ["s", "v"] {
        let refused = lines.iter().enumerate().map(|(n, line)| {
            let stream = of(&format!("{kind}-{n}"));
            let word = word(stream["health"]["reason"].as_str().unwrap_or("none"));
            let is_unusable = word == "url_denied" && line.code == "scheme_denied";
            let code = if is_unusable { "url_denied" } else { line.code };
            assert_ne!(stream["state"], "up", "{line:?}");
            (*line, code, (line.status(), word))
        });
        compare(kind, refused);
    }
    ground.assert_untouched(&["/fine.ts", "/list.m3u8", "/s-", "/v-"]);
}
