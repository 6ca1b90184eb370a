//! Players that people use, a minute each and all at once: ffmpeg, streamlink
//! and mpv, on streams of the kinds that all of them know.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::process::Command;

use crate::house::{House, plugin_wasm};

/// What is played.
const KINDS: [&str; 4] = ["ts", "fmp4", "aes", "ranges"];

const MINUTE: Duration = Duration::from_secs(60);

/// A house whose catalog has the testbed's streams of these kinds, named as
/// they are; the origin wants its headers with every request.
pub(crate) async fn house_of(kinds: &[&str]) -> House {
    let house = House::empty("").await;
    let info = house.testbed.info();
    let (cdn, site) = (&info.cdn, &info.site_a);
    // Where steering leads.
    let other = cdn.replace("cdn.test", "cdn-two.test");
    let streams: String = kinds
        .iter()
        .map(|kind| {
            let (path, query) = kind.split_once('?').unwrap_or((kind, ""));
            format!(
                r#"
                    [[settings.streams]]
                    id = "{path}"
                    url = "{cdn}/guarded/{path}/master.m3u8?{query}"
                    headers = {{ Referer = "{site}/", Origin = "{site}" }}
                    hosts = ["{cdn}", "{other}"]
                "#
            )
        })
        .collect();
    let site = format!("plugin = \"direct\"\nallow_addresses = [\"127.0.0.2/32\"]\n{streams}");
    house.write_site_file("kinds", &site);
    house.drop_plugin("direct", &std::fs::read(plugin_wasm("direct")).unwrap());
    house
        .wait("all of them to be up", async |house| {
            let list = house.json("/api/streams").await;
            let up = list["streams"]
                .as_array()?
                .iter()
                .filter(|s| s["state"] == "up");
            (up.count() == kinds.len()).then_some(())
        })
        .await;
    house
}

/// Where a player finds a stream.
pub(crate) fn entry(house: &House, kind: &str) -> String {
    format!("{}/streams/kinds.{kind}/master.m3u8", house.base)
}

async fn run(command: &mut Command) -> Output {
    let output = command.kill_on_drop(true).output().await;
    output.unwrap_or_else(|e| panic!("{command:?}: {e}; `cargo xtask test` installs it"))
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Decodes what there is and looks at every frame: as many as a minute has, and
/// none missing between two.
async fn decoded(what: &str, input: &str, least: u64, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(arguments);
    command.args(["-i", input, "-map", "0:v:0", "-map", "0:a:0"]);
    let output = run(command.args(["-f", "framecrc", "-"])).await;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || !complaints.is_empty() {
        return Err(format!("{what}: {complaints}"));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for (stream, a_minute) in [(0, 900), (1, 1_875)] {
        let lines = text
            .lines()
            .filter(|line| line.starts_with(&format!("{stream},")));
        let frames: Vec<Vec<i64>> = lines
            .map(|line| {
                line.split(',')
                    .take(4)
                    .map(|field| field.trim().parse().unwrap())
                    .collect()
            })
            .collect();
        let wanted = a_minute * least / 60;
        if (frames.len() as u64) < wanted {
            return Err(format!("{what}: {} frames of {wanted}", frames.len()));
        }
        // Lines are "stream, dts, pts, duration, size, checksum".
        let gap = frames
            .windows(2)
            .find(|two| two[0][2] + two[0][3] != two[1][2]);
        if let Some(gap) = gap {
            return Err(format!("{what}: a gap in stream {stream}: {gap:?}"));
        }
    }
    Ok(())
}

async fn ffmpeg(url: String) -> Result<(), String> {
    let began = Instant::now();
    decoded(&format!("ffmpeg {url}"), &url, 59, &["-t", "60"]).await?;
    // It begins three segments behind, and reads these at once.
    match began.elapsed() > MINUTE - Duration::from_secs(12) {
        true => Ok(()),
        false => Err(format!("ffmpeg {url}: not live")),
    }
}

/// As `cargo xtask setup` installs it.
fn streamlink_site() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/players/site")
}

async fn streamlink(url: String, to: PathBuf) -> Result<(), String> {
    let run_it = "import sys; sys.path.insert(0, sys.argv.pop(1)); \
        from streamlink_cli.main import main; sys.exit(main())";
    let mut command = Command::new("python3");
    command.args(["-I", "-c", run_it]).arg(streamlink_site());
    command.args(["--no-config", "--loglevel", "warning"]);
    command.args(["--stream-segmented-duration", "60", "-o"]);
    let output = run(command.arg(&to).args([&url, "best"])).await;
    let said = said(&output);
    if !output.status.success() || !said.is_empty() {
        return Err(format!("streamlink {url}: {said}"));
    }
    decoded(&format!("streamlink {url}"), to.to_str().unwrap(), 58, &[]).await
}

async fn mpv(url: String) -> Result<(), String> {
    let mut command = Command::new("mpv");
    // Its clock is that of a sound card that is not there.
    command.args(["--no-config", "--vo=null", "--ao=null", "--length=60"]);
    command.args(["--no-input-terminal", "--quiet", "--msg-level=all=error"]);
    let began = Instant::now();
    let output = run(command.arg(&url)).await;
    let (took, said) = (began.elapsed(), said(&output));
    match output.status.success() && said.is_empty() && took >= MINUTE {
        true => Ok(()),
        false => Err(format!(
            "mpv {url}: {} after {took:?}: {said}",
            output.status
        )),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn players_play_a_minute_of_each_kind() {
    let house = house_of(&KINDS).await;
    let files = tempfile::tempdir().unwrap();
    let all = KINDS.map(|kind| {
        let url = entry(&house, kind);
        let file = files.path().join(kind);
        async move {
            let (a, b, c) =
                tokio::join!(ffmpeg(url.clone()), streamlink(url.clone(), file), mpv(url));
            [a, b, c]
        }
    });
    let failed = join_all(all)
        .await
        .concat()
        .into_iter()
        .filter_map(Result::err);
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
