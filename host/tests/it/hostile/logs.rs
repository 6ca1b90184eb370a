//! P21 and P23: guests that say too much, and what they must not say.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::Lab;
use crate::guests::{Guest, Image, Record};

/// What is logged, as it stands in the log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// The lines of plugins, while `guard` lives, from this thread.
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .with_ansi(false)
            .with_env_filter("plugin=info")
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    /// Warnings and errors, from all threads and until the process ends.
    pub(crate) fn warnings() -> Self {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .with_ansi(false)
            .with_env_filter("warn")
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        lines
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn p23_a_flood_of_lines_ends_in_one_that_counts_them() {
    let (lines, _guard) = Lines::start();
    let lab = Lab::new("[plugins.override.site-a]\nwall = \"20s\"\ncpu = \"20s\"");
    let mut image = Image::new();
    let text = image.put("again\r\nforged line \u{1b}[31m");
    let flood = Guest {
        extract: format!(
            "i32.const 1000000 local.set $i
            loop $l
                i32.const 3 i32.const {} i32.const {} i32.const 0 i32.const 0 call $log
                local.get $i i32.const 1 i32.sub local.tee $i br_if $l
            end
            i32.const 512",
            text.0, text.1
        )
        .leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    let ended = lab.extract(&flood, &lab.site("")).await;
    assert_eq!(
        ended.result.unwrap_err().code(),
        "not_found",
        "{:?}",
        ended.used
    );
    let text = lines.text();
    assert_eq!(text.matches("againforged line [31m").count(), 200);
    assert_eq!(text.lines().count(), 201, "a line is a line");
    assert!(text.contains("suppressed 999800 lines"), "{text}");
    assert_eq!(lab.metrics.limit_hits("plugins.limits.log_lines"), 999_800);
}

#[tokio::test]
async fn p23_a_long_line_is_cut_and_a_huge_one_stops_the_guest() {
    let (lines, _guard) = Lines::start();
    let lab = Lab::new("");
    let logs = |len: u32| Guest {
        // Memory of zeros, filled with letters.
        extract: format!(
            "i32.const 1000 memory.grow drop
            i32.const 65536 i32.const 97 i32.const {len} memory.fill
            i32.const 2 i32.const 65536 i32.const {len} i32.const 0 i32.const 0 call $log
            i32.const 512"
        )
        .leak(),
        ..Guest::default()
    };
    let ended = lab.extract(&logs(1 << 20), &lab.site("")).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    let longest = lines.text().lines().map(str::len).max().unwrap();
    assert!((4096..4400).contains(&longest), "{longest}");
    assert_eq!(lab.metrics.limit_hits("plugins.limits.log_line"), 1);
    let ended = lab.extract(&logs(60 << 20), &lab.site("")).await;
    assert_eq!(ended.result.unwrap_err().code(), "resources");
}

#[tokio::test]
async fn what_a_guest_prints_is_lines_of_the_log_under_the_same_limits() {
    let (lines, _guard) = Lines::start();
    let lab = Lab::new("");
    let mut image = Image::new();
    let first = image.put("first\nsec");
    let second = image.put("ond hunter22\nunfinished");
    let noise = image.put("n\n".repeat(2000));
    let print = |to: &str, (at, len): (u32, u32)| {
        format!("call {to} i32.const {at} i32.const {len} i32.const 65536 call $print ")
    };
    let prints = Guest {
        extract: [
            print("$stdout", first),
            print("$stderr", first),
            print("$stdout", second),
            print("$stderr", noise),
            "i32.const 512".into(),
        ]
        .concat()
        .leak(),
        data: image.bytes().to_vec(),
        wasi: true,
        ..Guest::default()
    };
    let site = lab.site("[secrets]\npassword = \"hunter22\"");
    let ended = lab.extract(&prints, &site).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    let text = lines.text();
    assert!(text.contains("INFO") && text.contains("WARN"), "{text}");
    assert_eq!(text.matches("first").count(), 2);
    assert!(text.contains("second •••"), "{text}");
    assert_eq!(text.lines().count(), 201, "200 and how many are not shown");
    assert!(text.contains("suppressed 1804 lines"), "{text}");
}

/// P21: a secret goes to the plugin that names it, and from there nowhere but to
/// the site's own hosts.
#[tokio::test]
async fn p21_secrets_are_hidden_in_everything_that_people_see() {
    let (lines, _guard) = Lines::start();
    let lab = Lab::new("");
    let site = lab.site("[secrets]\npassword = \"hunter22\"\npin = \"123\"\nother = \"unasked\"");
    let mut image = Image::new();
    let name = image.put("password");
    let unasked = image.put("other");
    let basic = image.put("authorization=Basic dXNlcjpodW50ZXIyMg== q=hunter22 pin=123");
    let host = image.put("hunter22.allowed.example");
    let url = image.get("https://hunter22.elsewhere.example/", 65600);
    let at = image.other((65700, 8));
    // Asks for the secret, for one it did not name, logs it twice, puts it into
    // a host's name, and returns it as its error.
    let extract = format!(
        "i32.const {} i32.const {} i32.const 65536 call $secret
        i32.const 65536 i32.load8_u i32.eqz if unreachable end
        i32.const 65700 i32.const 65536 i32.load offset=4 i32.const 8 memory.copy
        i32.const {} i32.const {} i32.const 65536 call $secret
        i32.const 65536 i32.load8_u if unreachable end
        i32.const 3 i32.const 65700 i32.const 8 i32.const 0 i32.const 0 call $log
        i32.const 3 i32.const {} i32.const {} i32.const 0 i32.const 0 call $log
        i32.const 3 i32.const {} i32.const {} i32.const 0 i32.const 0 call $log
        {url}
        i32.const 65600 i32.load8_u offset=8 i32.const 1 i32.ne if unreachable end
        i32.const {at}",
        name.0, name.1, unasked.0, unasked.1, basic.0, basic.1, host.0, host.1
    );
    let guest = Guest {
        extract: extract.leak(),
        data: image.bytes().to_vec(),
        secrets: &["password", "pin"],
        hosts: vec!["https://*.allowed.example".into()],
        ..Guest::default()
    };
    let ended = lab.extract(&guest, &site).await;
    assert_eq!(ended.result.unwrap_err().to_string(), "•••");
    let text = lines.text();
    assert!(!text.contains("hunter22"), "{text}");
    assert!(!text.contains("odW50ZXIyM"), "{text}");
    assert!(text.contains("q=••• pin=123"), "short ones stay: {text}");

    let mut image = Image::new();
    let title = Record {
        label: "Feed hunter22 and hunter%32%32".into(),
        ..Record::new("a", "http://1.1.1.1/hunter22.m3u8")
    };
    let id = Record::new("hunter22", "http://1.1.1.1/");
    let streams = image.streams(&[title, id]);
    let guest = Guest {
        extract: format!("i32.const {streams}").leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    let found = lab.extract(&guest, &site).await.result.unwrap();
    assert_eq!(found.streams[0].label, "Feed ••• and hunter%32%32");
    assert_eq!(found.streams.len(), 1);
    assert_eq!(found.refused[0].id, "•••");
}
