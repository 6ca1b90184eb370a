//! What a real decoder makes of the stream. Needs ffmpeg.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]
#![allow(clippy::disallowed_methods, reason = "the test's own clock")]

mod client;

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use client::Visitor;
use f1_streams_testbed::{Options, Testbed};

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]);
    command
}

async fn run(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap();
    output.expect("ffmpeg runs (on Debian: apt-get install ffmpeg)")
}

/// Plays over a wrap of the loop: it starts three segments before the newest
/// one, three seconds after the minute.
#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_over_the_wrap() {
    let second = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        % 60;
    let stream_clock_offset = Duration::from_secs((63 - second) % 60);
    let testbed = Testbed::start(Options {
        stream_clock_offset,
        ..Options::default()
    })
    .await
    .unwrap();
    let master = Visitor::new(&testbed).find_stream().await;
    let info = testbed.info();

    let mut command = ffmpeg();
    // The names are not in the system's resolver: ask the CDN as a proxy is
    // asked, which leaves the URLs as they are.
    let cdn = url::Url::parse(&info.cdn).unwrap();
    command.env(
        "http_proxy",
        format!("http://127.0.0.2:{}", cdn.port().unwrap()),
    );
    command.env_remove("no_proxy");
    command.args([
        "-headers",
        &format!("Referer: {0}/\r\nOrigin: {0}\r\n", info.site_a),
    ]);
    command.args([
        "-t", "8", "-i", &master, "-map", "0:v:0", "-map", "0:a:0", "-f", "framecrc", "-",
    ]);
    let output = run(command).await;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());

    // Lines are "stream, dts, pts, duration, size, checksum".
    let frames: Vec<Vec<i64>> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.split(',')
                .take(4)
                .map(|field| field.trim().parse().unwrap())
                .collect()
        })
        .collect();
    for (stream, least) in [(0, 119), (1, 248)] {
        let frames: Vec<&Vec<i64>> = frames.iter().filter(|frame| frame[0] == stream).collect();
        assert!(
            frames.len() >= least,
            "{} frames of stream {stream}",
            frames.len()
        );
        for pair in frames.windows(2) {
            assert_eq!(
                pair[0][2] + pair[0][3],
                pair[1][2],
                "a gap in stream {stream}"
            );
        }
    }
    // It was the wrap that was played: the first segment fetched lies before it.
    let numbers: Vec<u64> = testbed
        .log()
        .iter()
        .filter_map(|one| segment_number(&one.path))
        .collect();
    let minutes: Vec<u64> = numbers.iter().map(|number| number / 30).collect();
    assert!(minutes.first() < minutes.last(), "{numbers:?}");
}

/// The hand over the bar shows the second, as the digits do: it is found by
/// its colour, on the row through the bar.
#[tokio::test(flavor = "multi_thread")]
async fn the_picture_shows_the_seconds_of_the_wall_clock() {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    let visitor = Visitor::new(&testbed);
    let master = visitor.find_stream().await;
    let url = visitor.newest_segment(&master).await;
    let second = segment_number(&url).unwrap() * 2 % 60;
    let segment = visitor
        .media(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();

    let mut command = Command::new("ffmpeg");
    command.args([
        "-v",
        "error",
        "-i",
        "-",
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]);
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().unwrap();
        // It stops reading after the first picture.
        std::thread::spawn(move || drop(stdin.write_all(&segment)));
        child.wait_with_output()
    })
    .await
    .unwrap()
    .expect("ffmpeg runs (on Debian: apt-get install ffmpeg)");
    let picture = output.stdout;
    assert_eq!(picture.len(), 640 * 360 * 3);
    let row = &picture[303 * 640 * 3..304 * 640 * 3];
    let red: Vec<usize> = (0..640)
        .filter(|x| row[x * 3] > 150 && row[x * 3 + 1] < 110 && row[x * 3 + 2] < 110)
        .collect();
    let middle = red.iter().sum::<usize>() as f64 / red.len() as f64;
    let expected = 40.0 + 560.0 * second as f64 / 60.0;
    assert!(
        (middle - expected).abs() < 4.0,
        "the hand is at {middle}, not {expected}"
    );
}

fn segment_number(path: &str) -> Option<u64> {
    path.rsplit_once("segment-")?
        .1
        .strip_suffix(".ts")?
        .parse()
        .ok()
}
