//! Playlists that are made to break who reads them, through the real program: as a
//! viewer gets them, and as health sees them. What each costs is counted in
//! processor time; what it said is read in answers and in the log.
//!
//! Small ones are in `tests/hostile/playlists`; what is large is made in `bombs`.

mod bombs;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use f1_streams::proxy::Kind;
use serde_json::Value;

use crate::egress::Canary;
use crate::house::{plugin_wasm, uri_lines};
use crate::origin::{Origin, Step, ok, packets, whole};
use crate::program::Program;

/// Many times what the longest takes.
const MOST_TIME: Duration = Duration::from_secs(10);
/// What all of them together may take beside what the program has at its start: two
/// that are rewritten (`relay.playlist_output` each), and what is shared.
const MOST_MEMORY: u64 = 320 << 20;

/// What an upstream answers.
pub(super) struct Hostile {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

fn small(canary: u16) -> Vec<Hostile> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/playlists");
    let files = std::fs::read_dir(dir).unwrap();
    let hostile = files.map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut body = std::fs::read(&path).unwrap();
        if let Ok(text) = std::str::from_utf8(&body) {
            let text = text.replace("{self}", &format!("/{name}"));
            body = text.replace("{canary}", &canary.to_string()).into();
        }
        let field = [("Content-Type", "application/vnd.apple.mpegurl")];
        let steps = whole("200 OK", &field, &body);
        Hostile { name, steps }
    });
    hostile.collect()
}

struct Ground {
    program: Program,
    origin: Arc<Origin>,
    canary: Canary,
    names: Vec<String>,
}

async fn ground() -> Ground {
    let canary = Canary::new().await;
    let mut all = small(canary.address.port());
    all.extend(bombs::all());
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    let pages = all.into_iter();
    let pages = pages.map(|one| (format!("/{}", one.name), one.steps));
    let pages: BTreeMap<String, Vec<Step>> = pages.collect();
    let origin = Origin::new(move |ask| {
        let page = pages.get(ask.path());
        page.cloned().unwrap_or_else(|| ok(&packets(2)))
    })
    .await;
    let mut streams = String::new();
    for name in &names {
        let url = origin.url(&format!("/{name}"));
        writeln!(
            streams,
            "[[settings.streams]]\nid = \"{name}\"\nurl = \"{url}\""
        )
        .unwrap();
    }
    let program = Program::start(
        "",
        "[net]\nports = []\nallow_addresses = [\"127.0.0.3\"]\n\
         [relay]\nplaylist_timeout = \"1s\"\n\
         [health]\ntimeout = \"3s\"\nper_minute = 10000\nconcurrency = 128\n\
         [plugins.override.direct]\nstreams = 1000\n[log]\nfilter = \"debug,hyper=info\"\n",
        |dir| {
            for room in ["plugins", "sites"] {
                std::fs::create_dir_all(dir.join("data").join(room)).unwrap();
            }
            let site = format!("plugin = \"direct\"\ninterval = \"1h\"\n{streams}");
            std::fs::write(dir.join("data/sites/many.toml"), site).unwrap();
            std::fs::copy(plugin_wasm("direct"), dir.join("data/plugins/direct.wasm")).unwrap();
        },
    )
    .await;
    Ground {
        program,
        origin: Arc::new(origin),
        canary,
        names,
    }
}

/// Whether a text holds nothing that acts on whoever shows it.
fn hostile_in(text: &str) -> Option<String> {
    let hides = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}')
    };
    let lower = text.to_lowercase();
    let marks = [
        "<script",
        "</script",
        "<svg",
        "<html",
        "<!doctype",
        "<iframe",
        "<img",
        "<?xml",
        "<!--",
        "<body",
        "<b>",
        "</title",
    ];
    let mark = marks.iter().find(|mark| lower.contains(*mark));
    let hidden = text.chars().find(|c| hides(*c));
    mark.map(ToString::to_string)
        .or_else(|| hidden.map(|c| format!("{c:?}")))
}

#[test]
fn there_are_enough_of_them() {
    let names = small(1).len() + bombs::all().len();
    assert!(names >= 60, "{names}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn each_costs_little_and_nothing_of_it_acts_on_anybody() {
    let ground = ground().await;
    let program = &ground.program;
    let begin = program.memory("VmHWM:");
    let mut wrong = String::new();
    for name in &ground.names {
        // What is large costs the same on either way.
        let ways: &[Kind] = match name.starts_with("bomb") {
            true => &[Kind::Playlist],
            false => &[Kind::Playlist, Kind::Segment],
        };
        for kind in ways.iter().copied() {
            let before = program.processor();
            let link = program.sealed(kind, ground.origin.url(&format!("/{name}")));
            let answer = program.get(&link).await;
            let (status, headers) = (answer.status(), answer.headers().clone());
            // A body that breaks off is no answer either.
            let body = answer.bytes().await.unwrap_or_default();
            let took = program.processor() - before;
            let said = |what: &str| format!("{name} as {kind:?}: {status}, {what}\n");
            if took > MOST_TIME {
                wrong += &said(&format!("{took:?} of the processor"));
            }
            let field = |name: &str| {
                let value = headers.get(name).map(|value| value.to_str().unwrap());
                value.unwrap_or_default().to_owned()
            };
            let of_media = [
                "application/vnd.apple.mpegurl",
                "application/json",
                "video/mp2t",
            ];
            if !of_media.contains(&&*field("content-type")) {
                wrong += &said(&field("content-type"));
            }
            if field("x-content-type-options") != "nosniff" {
                wrong += &said("no nosniff");
            }
            if !field("content-security-policy").contains("default-src 'none'") {
                wrong += &said("no policy");
            }
            match std::str::from_utf8(&body) {
                Ok(text) => {
                    if let Some(what) = hostile_in(text) {
                        wrong += &said(&format!("{what} in {text:.200?}"));
                    }
                }
                // Media, for all that can be told.
                Err(_) if field("content-type") == "video/mp2t" => {}
                Err(_) => wrong += &said("no text"),
            }
            // And what it leads to, a step further.
            if status.is_success() && kind == Kind::Playlist {
                let text = String::from_utf8_lossy(&body);
                for link in uri_lines(&text)
                    .iter()
                    .filter(|l| l.starts_with('/'))
                    .take(4)
                {
                    let _ = program.get(link).await.bytes().await;
                }
            }
        }
    }
    let grown = program.memory("VmHWM:").saturating_sub(begin);
    if grown > MOST_MEMORY {
        writeln!(wrong, "{} MiB more", grown >> 20).unwrap();
    }

    // Health has seen all of them, too, and came to an end with each.
    let checked = async {
        loop {
            let list: Value =
                serde_json::from_slice(&program.get("/api/streams").await.bytes().await.unwrap())
                    .unwrap();
            let streams = list["streams"].as_array().unwrap();
            let is_checked = |s: &&Value| s["health"]["checked_at"].is_string();
            if streams.iter().filter(is_checked).count() == ground.names.len() {
                return list.to_string();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let list = tokio::time::timeout(Duration::from_secs(40), checked).await;
    let list = list.expect("all of them are checked");
    if let Some(what) = hostile_in(&list) {
        writeln!(wrong, "{what} in the list of streams").unwrap();
    }
    let log = program.log();
    let log = String::from_utf8(log).expect("the log is text");
    for line in log.lines() {
        if let Some(what) = hostile_in(line) {
            writeln!(wrong, "{what} in the log: {line:.200?}").unwrap();
        }
        if line.contains("panicked") || line.contains("forged") && line.starts_with("2026-01-01") {
            writeln!(wrong, "in the log: {line}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(log.lines().count() > 10, "something was logged: {log}");
    assert!(ground.canary.is_untouched());
}
