//! What playlists name, and the JSON beside them: every place where a URI can
//! stand becomes a link that is refused, or no link.

use f1_streams::proxy::Kind;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::corpus::{Ground, Line, compare};

/// A place in a playlist: what stands before it and behind it.
struct Place {
    name: &'static str,
    head: &'static str,
    /// `<n>` marks which URI it is.
    before: &'static str,
    after: &'static str,
}

const PLACES: [Place; 9] = [
    Place {
        name: "a segment",
        head: "#EXT-X-TARGETDURATION:2\n",
        before: "#EXTINF:2,<n>\n",
        after: "\n",
    },
    Place {
        name: "a key",
        head: "#EXT-X-TARGETDURATION:2\n",
        before: "#EXT-X-KEY:METHOD=AES-128,X-N=\"<n>\",URI=\"",
        after: "\"\n#EXTINF:2,\n/fine.ts\n",
    },
    Place {
        name: "an initialisation section",
        head: "#EXT-X-TARGETDURATION:2\n",
        before: "#EXT-X-MAP:X-N=\"<n>\",URI=\"",
        after: "\"\n#EXTINF:2,\n/fine.ts\n",
    },
    Place {
        name: "a part",
        head: "#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=1\n",
        before: "#EXT-X-PART:DURATION=1,X-N=\"<n>\",URI=\"",
        after: "\"\n",
    },
    Place {
        name: "an interstitial",
        head: "#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/fine.ts\n",
        before: "#EXT-X-DATERANGE:ID=\"<n>\",CLASS=\"com.apple.hls.interstitial\",\
                 START-DATE=\"2026-03-08T14:00:00Z\",X-ASSET-URI=\"",
        after: "\"\n",
    },
    Place {
        name: "a list of assets",
        head: "#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/fine.ts\n",
        before: "#EXT-X-DATERANGE:ID=\"<n>\",CLASS=\"com.apple.hls.interstitial\",\
                 START-DATE=\"2026-03-08T14:00:00Z\",X-ASSET-LIST=\"",
        after: "\"\n",
    },
    Place {
        name: "a variant",
        head: "",
        before: "#EXT-X-STREAM-INF:BANDWIDTH=1,X-N=\"<n>\"\n",
        after: "\n",
    },
    Place {
        name: "a rendition",
        head: "#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\n/fine.m3u8\n",
        before: "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"<n>\",URI=\"",
        after: "\"\n",
    },
    Place {
        name: "session data",
        head: "#EXT-X-STREAM-INF:BANDWIDTH=1\n/fine.m3u8\n",
        before: "#EXT-X-SESSION-DATA:DATA-ID=\"<n>\",URI=\"",
        after: "\"\n",
    },
];

/// Whether it can stand on a line and between quotes as it is.
fn fits_a_line(line: &Line) -> bool {
    let breaks = |c: char| matches!(c, '\r' | '\n' | '\0' | '"');
    let url = &line.url;
    !url.contains(breaks) && !url.starts_with('#') && line.is_uri()
}

/// The link of a marked URI in a rewritten playlist, if it is one.
fn link(text: &str, mark: &str) -> Option<String> {
    let behind = text.split_once(mark)?.1;
    let end = behind.match_indices('\n').nth(1);
    let near = &behind[..end.map_or(behind.len(), |(at, _)| at)];
    let near = near.split("#EXT").next()?;
    let start = near.find("/relay/").or_else(|| near.find("/proxy/"))?;
    let link = near[start..].split(['"', '\n', ',']).next()?;
    Some(link.to_owned())
}

/// What became of each line's link: refused as it must be, or none was made, which
/// only what is no URL of http may come to.
async fn refused(ground: &Ground, way: &str, links: Vec<(&Line, Option<String>)>) {
    for (line, link) in &links {
        let may_lack = ["url_denied", "scheme_denied"].contains(&line.code);
        assert!(link.is_some() || may_lack, "{way}: {line:?} has no link");
    }
    let made = links
        .iter()
        .filter_map(|(line, link)| Some((*line, link.clone()?)));
    let made: Vec<(&Line, String)> = made.collect();
    let answers = ground.ask(made.iter().map(|(_, link)| link.clone())).await;
    let lines = made.iter().zip(answers);
    compare(
        way,
        lines.map(|((line, _), answer)| (*line, line.code, answer)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_playlist_leads_to_one() {
    playlists(&Ground::new().await).await;
}

pub(super) async fn playlists(ground: &Ground) {
    for place in &PLACES {
        let lines = ground.lines.iter();
        let lines = lines.filter(|line| fits_a_line(line));
        // A DRM system's key makes the whole playlist refused.
        let lines =
            lines.filter(|line| !["skd:", "urn:"].contains(&line.url.get(..4).unwrap_or_default()));
        let lines: Vec<&Line> = lines.collect();
        let mut text = format!("#EXTM3U\n{}", place.head);
        let fine = Line {
            class: "",
            code: "",
            url: ground.url("/fine.ts"),
        };
        for (n, line) in [&fine].into_iter().chain(lines.iter().copied()).enumerate() {
            text += &place.before.replace("<n>", &format!("~{n}~"));
            text += &line.url;
            text += place.after;
        }
        let path = format!("/list/{}.m3u8", place.name.replace(' ', "-"));
        let link_to = ground.sealed(Kind::Playlist, &ground.page(&path, &text));
        let list = ground.house.text(&link_to).await;
        let control = link(&list, "~0~").expect(place.name);
        let (_, code) = ground.ask([control]).await.remove(0);
        assert!(!code.ends_with("_denied"), "{}: {code}", place.name);
        let links = lines.iter().enumerate();
        let links = links.map(|(n, line)| (*line, link(&list, &format!("~{}~", n + 1))));
        refused(ground, place.name, links.collect()).await;
    }
    ground.assert_untouched(&["/fine", "/list/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_of_assets_leads_to_one() {
    assets(&Ground::new().await).await;
}

pub(super) async fn assets(ground: &Ground) {
    let lines = ground.lines.iter().filter(|line| line.is_uri());
    let lines: Vec<&Line> = lines.collect();
    let fine = ground.url("/fine.ts");
    let urls = [&fine]
        .into_iter()
        .chain(lines.iter().map(|line| &line.url));
    let listed = urls.map(|url| json!({ "URI": url, "DURATION": 1 }));
    let document = json!({ "ASSETS": listed.collect::<Value>() }).to_string();
    let url = ground.page("/assets.json", &document);
    let answer = ground
        .house
        .json(&ground.sealed(Kind::AssetList, &url))
        .await;
    let uri = |n: usize| answer["ASSETS"][n]["URI"].as_str().unwrap().to_owned();
    let is_link = |uri: &String| uri.starts_with("/proxy/");
    let (status, code) = ground.ask([uri(0)]).await.remove(0);
    let control = (
        StatusCode::BAD_GATEWAY,
        "upstream_not_a_playlist".to_owned(),
    );
    assert_eq!((status, code), control, "it was asked");
    let links = lines.iter().enumerate();
    let links = links.map(|(n, line)| (*line, Some(uri(n + 1)).filter(is_link)));
    refused(ground, "assets", links.collect()).await;
    ground.assert_untouched(&["/fine.ts", "/assets.json"]);
}

/// Where a player asks for its pathways again: one in a document.
#[tokio::test(flavor = "multi_thread")]
async fn no_steering_leads_to_one() {
    steering(&Ground::new().await).await;
}

pub(super) async fn steering(ground: &Ground) {
    let lines = ground.lines.iter().filter(|line| line.is_uri());
    let lines: Vec<&Line> = lines.collect();
    let fine = ground.url("/fine.ts");
    let urls = [&fine]
        .into_iter()
        .chain(lines.iter().map(|line| &line.url));
    let mut links = Vec::new();
    for (n, url) in urls.enumerate() {
        let document = json!({ "VERSION": 1, "TTL": 300, "RELOAD-URI": url }).to_string();
        let url = ground.page(&format!("/steering/{n}"), &document);
        let answer = ground
            .house
            .json(&ground.sealed(Kind::Steering, &url))
            .await;
        links.push(answer["RELOAD-URI"].as_str().map(str::to_owned));
    }
    let control = ground.ask(links.remove(0)).await.remove(0);
    assert!(
        control.1.starts_with("upstream_not_"),
        "it was asked: {control:?}"
    );
    let links = lines.into_iter().zip(links);
    refused(ground, "steering", links.collect()).await;
    ground.assert_untouched(&["/fine.ts", "/steering/"]);
}
