//! Rules about the source itself: who may do what, and which way dependencies
//! point. Each is an invariant of ARCHITECTURE.md that no type enforces.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<(String, String)>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(dir).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.push((name, code(&fs::read_to_string(&path).unwrap())));
        }
    }
}

/// Without comments and without tests.
fn code(text: &str) -> String {
    let text = text.split("mod tests {").next().unwrap();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    assert!(found.len() > 40, "the sources were found");
    found
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// `word` stands nowhere outside `rooms`.
fn only_in(rooms: &[&str], word: &str) {
    let files = all();
    assert!(
        files
            .iter()
            .any(|(file, text)| rooms.contains(&room(file)) && text.contains(word)),
        "{word} is not even in {rooms:?}: this rule watches nothing"
    );
    for (file, text) in files {
        assert!(
            rooms.contains(&room(&file)) || !text.contains(word),
            "{file} has {word}: only {rooms:?} may"
        );
    }
}

#[test]
fn only_net_opens_outbound_sockets() {
    only_in(&["net"], "reqwest::");
    only_in(&["net"], "to_socket_addrs");
    // Bound to see whose an address is; it sends nothing.
    only_in(&["net"], "UdpSocket");
    let others = ["UnixStream", "TcpSocket", "lookup_host"];
    for word in others.into_iter().chain(["TcpStream::connect"]) {
        for (file, text) in all() {
            assert!(!text.contains(word), "{file} has {word}");
        }
    }
}

#[test]
fn only_config_reads_the_environment() {
    only_in(&["config"], "std::env::");
}

#[test]
fn only_the_clock_reads_the_time_of_day() {
    only_in(&["clock"], "Timestamp::now()");
    for (file, text) in all() {
        assert!(!text.contains("SystemTime"), "{file}");
    }
}

#[test]
fn compiled_code_is_taken_back_in_one_place() {
    let home = "plugins/compile/artefact.rs";
    let files = all();
    // Alone it may be unsafe, and only there is code read that runs.
    let marks = [
        "unsafe_code",
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "Component::deserialize",
        "Module::deserialize",
        "deserialize_file",
    ];
    for (file, text) in files.iter().filter(|(file, _)| file != home) {
        for mark in marks {
            assert!(!text.contains(mark), "{file} has {mark}");
        }
    }
    let (_, text) = files.iter().find(|(file, _)| file == home).unwrap();
    assert_eq!(text.matches("unsafe {").count(), 1);
    assert!(
        !text.contains("deserialize_file"),
        "a file changes under a mapping"
    );
}

#[test]
fn dependencies_point_downwards_only() {
    // Each room and the rooms it may use. `answer`, `files`, `media`,
    // `metrics` and `clock` know no other room but what stands here.
    let allowed: &[(&str, &[&str])] = &[
        ("clock", &[]),
        ("config", &[]),
        ("files", &[]),
        ("log", &["config", "metrics"]),
        ("media", &["playlist"]),
        ("metrics", &[]),
        ("playlist", &[]),
        ("schedule", &["files"]),
        ("guide", &["schedule"]),
        ("net", &["config", "metrics"]),
        ("alerts", &["config", "metrics", "net"]),
        ("answer", &["net"]),
        (
            "plugins",
            &["clock", "config", "files", "log", "metrics", "net"],
        ),
        (
            "cases",
            &["clock", "config", "files", "metrics", "net", "plugins"],
        ),
        ("catalog", &["clock", "net", "plugins"]),
        (
            "health",
            &[
                "catalog", "clock", "config", "media", "metrics", "net", "playlist", "plugins",
            ],
        ),
        (
            "extraction",
            &[
                "alerts", "cases", "catalog", "clock", "config", "health", "metrics", "net",
                "plugins",
            ],
        ),
        (
            "proxy",
            &[
                "answer", "catalog", "clock", "config", "files", "media", "metrics", "net",
                "playlist", "plugins",
            ],
        ),
        ("server", &["answer", "config", "metrics"]),
        (
            "auth",
            &["answer", "clock", "config", "files", "metrics", "server"],
        ),
        (
            "api",
            &[
                "answer",
                "auth",
                "cases",
                "catalog",
                "clock",
                "config",
                "extraction",
                "files",
                "guide",
                "metrics",
                "plugins",
                "proxy",
                "schedule",
                "server",
            ],
        ),
    ];
    for (file, text) in all() {
        let from = room(&file);
        // The wiring at the top uses everything.
        if matches!(from, "app" | "cli" | "lib" | "main") {
            continue;
        }
        let (_, may) = allowed
            .iter()
            .find(|(name, _)| *name == from)
            .unwrap_or_else(|| panic!("a new room: {from}"));
        for used in text.split("crate::").skip(1) {
            let to: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            assert!(
                to == from || may.contains(&to.as_str()),
                "{file}: {from} uses {to}"
            );
        }
    }
}

#[test]
fn what_is_counted_is_a_key() {
    // Two counters name no limit but an oddity.
    let oddities = ["links.refused", "relay.playlist_problems"];
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in f1_streams::config::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push(format!("{section}{key}"));
        }
    }
    assert!(keys.contains(&"plugins.limits.wall".to_owned()), "{keys:?}");
    let mut counted = 0;
    for (file, text) in all() {
        for name in text
            .split(".limit(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            counted += 1;
            let known = keys.iter().any(|key| key == name) || oddities.contains(&name);
            assert!(known, "{file} counts {name}, which is no key");
        }
    }
    assert!(counted > 15, "{counted} counters found");
    // And the other way round: no limit of a call is met in silence.
    let sources: String = all().into_iter().map(|(_, text)| text).collect();
    for key in keys.iter().filter(|key| key.starts_with("plugins.limits.")) {
        let counts = format!(".limit(\"{key}\")");
        assert!(sources.contains(&counts), "nothing counts {key}");
    }
}

/// Every `.rs` file below `dir`.
fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => rust_files(&path, found),
            false if path.extension().is_some_and(|ext| ext == "rs") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn every_threat_has_its_row_and_every_test_of_it_is_there() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(host.join("../docs/security.md")).unwrap();
    let mut files = Vec::new();
    for dir in ["tests/it", "src", "../xtask/src"] {
        rust_files(&host.join(dir), &mut files);
    }
    // Of each, the rooms that its path names and what stands in it.
    let files: Vec<(Vec<String>, String)> = files
        .iter()
        .map(|path| {
            let stem = path.with_extension("");
            let rooms = stem.iter().map(|part| part.to_string_lossy().into_owned());
            (rooms.collect(), fs::read_to_string(path).unwrap())
        })
        .collect();
    let is_there = |name: &str| {
        let mut parts: Vec<&str> = name.split("::").collect();
        let last = parts.pop().unwrap();
        let in_its_room = files.iter().filter(|(rooms, text)| {
            let has = |room: &&str| {
                rooms.iter().any(|known| known == room) || text.contains(&format!("mod {room} {{"))
            };
            parts.iter().all(has)
        });
        let test = format!("fn {last}(");
        let mut tests = in_its_room.filter(|(_, text)| match last {
            "*" => text.contains("#[test]") || text.contains("#[tokio::test"),
            _ => text.contains(&test),
        });
        tests.next().is_some()
    };
    let mut threats = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| S")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        threats.push(cells[1].to_owned());
        let named = cells[4].split('`').skip(1).step_by(2);
        for name in named.filter(|name| name.contains("::")) {
            assert!(is_there(name), "{}: {name} is no test", cells[1]);
        }
    }
    let all: Vec<String> = (1..=54).map(|n| format!("S{n:02}")).collect();
    assert_eq!(threats, all);
    assert!(!is_there("viewers::no_such_test") && !is_there("no_such_room::*"));
}
