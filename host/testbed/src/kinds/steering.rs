//! Content steering: two pathways, and a manifest that prefers the second and
//! clones the first onto the CDN's other name, once by host and parameters and
//! once by the URIs of each variant.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Asked, Found, plain};
use crate::cdn::OTHER_NAME;

pub(super) fn steering(asked: &Asked<'_>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => {
            let mut text = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"steering.json?session=1\",PATHWAY-ID=\"one\"\n".to_owned();
            for pathway in ["one", "two"] {
                for one in asked.renditions() {
                    let name = one.variant.name;
                    let more = format!(",PATHWAY-ID=\"{pathway}\",STABLE-VARIANT-ID=\"{name}\"");
                    asked.variant_line(&mut text, &one, &more);
                    let _ = writeln!(text, "{}{pathway}/{name}/index.m3u8", asked.base);
                }
            }
            Some(Found::Playlist(text))
        }
        ["steering.json"] => Some(Found::Json(manifest(asked))),
        [_, quality, file] => {
            // Like the plain kind, from wherever it is asked.
            let below = Asked {
                base: format!("{}{}/", asked.base, asked.path[0]),
                path: vec![quality, file],
                query: asked.query.clone(),
                ..*asked
            };
            plain::ts(&below)
        }
        _ => None,
    }
}

fn manifest(asked: &Asked<'_>) -> Value {
    let other = asked.base.replacen("cdn.test", OTHER_NAME, 1);
    let uris: Map<String, Value> = asked
        .renditions()
        .map(|one| {
            let name = one.variant.name;
            (
                name.to_owned(),
                format!("{other}four/{name}/index.m3u8").into(),
            )
        })
        .collect();
    json!({
        "VERSION": 1,
        "TTL": 10,
        "RELOAD-URI": format!("{}steering.json?session=2", asked.base),
        "PATHWAY-PRIORITY": ["two", "three", "four", "one"],
        "PATHWAY-CLONES": [
            {
                "BASE-ID": "one",
                "ID": "three",
                "URI-REPLACEMENT": { "HOST": OTHER_NAME, "PARAMS": { "clone": "three" } },
            },
            { "BASE-ID": "one", "ID": "four", "URI-REPLACEMENT": { "PER-VARIANT-URIS": uris } },
        ],
    })
}
