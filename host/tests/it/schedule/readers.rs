//! The feeds, read by what others wrote. Each reader has to refuse something first:
//! one that takes everything would prove nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use f1_streams::config::{Config, Viewers};

use crate::house::{House, uri_lines};

/// As `cargo xtask setup` installs them.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools")
}

/// How many entries the reader sees; else what it complains of.
fn read(reader: &str, text: &str) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/schedule/readers.py");
    // libical is Debian's, and so for Debian's Python.
    let python = match reader {
        "strict" => "/usr/bin/python3",
        _ => "python3",
    };
    let mut command = Command::new(python);
    command.arg("-I").arg(script).arg(reader);
    said(command.arg(tools().join("players/site")).arg(file.path()))
}

fn said(command: &mut Command) -> Result<String, String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    match status.success() {
        true => Ok(stdout.trim().to_owned()),
        false => Err(format!("{status}\n{stderr}")),
    }
}

/// Against the DTD of the XMLTV project.
fn xmllint(text: &str) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mut command = Command::new("xmllint");
    command.args(["--noout", "--nonet", "--dtdvalid"]);
    said(command.arg(tools().join("xmltv.dtd")).arg(file.path()))
}

/// A house whose feeds have a prefix and a token, and one that has neither.
async fn feeds() -> Vec<(String, [String; 3])> {
    // The bundled season, which has names with letters of two bytes.
    let bundled = |config: &mut Config| {
        let nowhere: url::Url = "http://127.0.0.3:9/".parse().unwrap();
        config.schedule.jolpica_url = nowhere.clone();
        config.schedule.openf1_url = nowhere;
    };
    let proxied = House::edited(move |config: &mut Config| {
        bundled(config);
        config.server.public_url = Some("https://tv.example/f1/".parse().unwrap());
        config.auth.viewers = Viewers::Token;
    })
    .await;
    let tokens = std::fs::read_to_string(proxied.dir.path().join("data/viewers.tokens")).unwrap();
    let token = tokens.split_whitespace().last().unwrap();
    let plain = House::edited(bundled).await;
    let mut found = Vec::new();
    for (house, before) in [(&proxied, format!("/t/{token}")), (&plain, String::new())] {
        for query in [
            "",
            "?alarm=15",
            "?sessions=race,quali,sprint,sq,fp,test&alarm=60",
        ] {
            let text = async |path: &str| house.text(&format!("{before}{path}")).await;
            let feeds = [
                text(&format!("/schedule.ics{query}")).await,
                text("/playlist.m3u").await,
                text("/epg.xml").await,
            ];
            found.push((format!("{before}{query}"), feeds));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn calendars_read_the_calendar() {
    let all = feeds().await;
    let (_, [good, ..]) = &all[1];
    for (reader, broken) in [
        ("calendar", good.replacen("DTSTART:", "DTSTART:x", 1)),
        ("calendar", good.replacen("UID:", "X-UID:", 1)),
        (
            "strict",
            good.replacen("SEQUENCE:0\r\n", "SEQUENCE:0\r\nSEQUENCE:1\r\n", 1),
        ),
        (
            "strict",
            good.replacen("STATUS:CONFIRMED", "STATUS:MAYBE", 1),
        ),
        ("strict", good.replace("ORGANIZER;", "X-ORGANIZER;")),
    ] {
        assert!(
            broken != *good && read(reader, &broken).is_err(),
            "{reader} takes everything"
        );
    }
    for (what, [calendar, ..]) in &all {
        let events = calendar.matches("BEGIN:VEVENT").count();
        assert!(events > 100, "{what}");
        assert_eq!(read("calendar", calendar), Ok(events.to_string()), "{what}");
        assert_eq!(read("strict", calendar), Ok(String::new()), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn televisions_read_the_list_and_the_guide() {
    let all = feeds().await;
    let (_, [_, list, guide]) = &all[0];
    let misplaced = guide.replacen("<icon src", "<title>x</title><icon src", 9);
    assert!(misplaced != *guide && xmllint(&misplaced).is_err());
    assert!(read("list", &list.replace("x-tvg-url", "x-url")).is_err());
    for (what, [_, list, guide]) in &all {
        assert_eq!(xmllint(guide), Ok(String::new()), "{what}");
        assert_eq!(read("list", list), Ok("4".to_owned()), "{what}");
        // What one calls a channel the other does, too.
        for n in 1..=4 {
            assert!(guide.contains(&format!("<channel id=\"f1.{n}\">")));
            assert!(list.contains(&format!("tvg-id=\"f1.{n}\"")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_opens_the_list_and_plays_from_it() {
    let house = House::start().await;
    house.stream().await;
    let list = format!("{}/playlist.m3u", house.base);
    let best = &uri_lines(&house.text("/playlist.m3u").await)[0];
    let mut command = tokio::process::Command::new("mpv");
    // Its clock is that of a sound card that is not there.
    command.args([
        "--no-config",
        "--vo=null",
        "--ao=null",
        "--length=3",
        "--playlist-start=0",
    ]);
    command.args([
        "--no-input-terminal",
        "--msg-level=all=v",
        &format!("--playlist={list}"),
    ]);
    let output = tokio::time::timeout(Duration::from_secs(60), command.kill_on_drop(true).output());
    let output = output.await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("Opening {best}")), "{said}");
    assert!(said.contains("VO: [null]"), "there is no picture: {said}");
}
