//! The part of the room that guests' words pass, and what must be true of them
//! behind it. Instead of the runtime's bindings it has types of the same contract
//! that anybody can make.

#[path = "../../../src/plugins/asked.rs"]
mod asked;
#[path = "../../../src/plugins/journal.rs"]
mod journal;
#[path = "../../../src/plugins/outcome.rs"]
mod outcome;
#[path = "../../../src/plugins/scrub.rs"]
mod scrub;
#[path = "../../../src/plugins/site.rs"]
mod site;
#[path = "../../../src/plugins/state.rs"]
mod state;
#[path = "../../../src/plugins/stream.rs"]
mod stream;
#[path = "../../../src/plugins/text.rs"]
mod text;
#[path = "../../../src/plugins/transcript.rs"]
mod transcript;
#[path = "../../../src/plugins/validate.rs"]
mod validate;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/extractor.wit",
        world: "extractor",
        generate_all,
    });
}

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use bindings::exports::f1_streams::extractor::metadata::PluginInfo;
use bindings::f1_streams::extractor::types as wit;
use futures::FutureExt as _;

use self::journal::{Journal, Level, Output};
use self::scrub::Scrubber;
use self::site::Site;
use self::state::{Full, Quota, State};
use self::stream::{Extraction, Stream};
use self::transcript::Before;
use self::validate::Door;
use crate::config::{Config, HostPattern, PluginLimits, load_site};
use crate::metrics::Metrics;
use crate::net::{Net, Replay};

const SECRETS: [&str; 2] = ["s3cr3t/value", "tok\u{e9}n-of-the-site"];

/// Small, so that they are met.
const CONFIGURATION: &str = r#"
[net]
max_url = "200B"
[plugins.limits]
log_lines = 6
log_line = "60B"
log_fields = 3
attachments = "100B"
attachment_count = 2
state = "64B"
state_entries = 3
asked = 3
streams = 4
stream_rules = 2
stream_hosts = 2
stream_headers = 3
text = "48B"
"#;

const SITE: &str = r#"
plugin = "guest"
base_url = "https://site.test"
[secrets]
a = "s3cr3t/value"
b = "tokén-of-the-site"
"#;

struct Rig {
    limits: Arc<PluginLimits>,
    metrics: Metrics,
    site: Site,
}

static RIG: LazyLock<Rig> = LazyLock::new(|| {
    let loaded = Config::from_toml(CONFIGURATION, Path::new("/")).expect("a configuration");
    let site = load_site(Path::new("guest.toml"), SITE).expect("a site");
    let metrics = Metrics::new();
    let net = Net::new(loaded.config.net, metrics.clone());
    // Nobody is asked, not even for a name.
    let egress = net.replay(net.policy(&[]), Replay::new(Arc::default()));
    Rig {
        limits: Arc::new(loaded.config.plugins.limits),
        metrics,
        site: Site::apart(&site, egress, &Before::default()),
    }
});

pub(super) fn pass(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let mut words = Words(rest);
    let scrubber = Scrubber::new(RIG.site.secret_texts());
    let door = Door {
        limits: &RIG.limits,
        metrics: &RIG.metrics,
        scrubber: &scrubber,
    };
    match choice % 5 {
        0 => extraction(&door, &mut words),
        1 => description(&door, &mut words),
        2 => error(&door, &mut words),
        3 => said(scrubber, &mut words),
        _ => kept(&mut words),
    }
}

// What a guest returns.

fn extraction(door: &Door<'_>, words: &mut Words<'_>) {
    let mut records = Vec::new();
    while records.len() < 6 && (records.is_empty() || words.byte() != 0) {
        records.push(record(words));
    }
    let count = records.len();
    let checked = door.extraction(records, &RIG.site).now_or_never();
    match checked.expect("nothing to wait for") {
        Ok(Extraction { streams, refused }) => {
            assert!(count <= RIG.limits.streams);
            assert_eq!(streams.len() + refused.len(), count);
            for (at, stream) in streams.iter().enumerate() {
                assert!(streams[..at].iter().all(|other| other.id != stream.id));
                fit_stream(stream);
            }
            for one in refused {
                fit(&one.id, 64);
                fit(&one.message, 512);
                assert!(
                    one.code
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b == b'_')
                );
            }
        }
        Err(why) => {
            assert!(count > RIG.limits.streams);
            fit(&why, 512);
        }
    }
}

fn fit_stream(stream: &Stream) {
    let grammar = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    assert!((1..=64).contains(&stream.id.len()) && stream.id.bytes().all(grammar));
    assert!(SECRETS.iter().all(|secret| !stream.id.contains(secret)));
    let policy = RIG.site.egress.policy();
    assert_eq!(policy.parse(stream.url.as_str()).as_ref(), Ok(&stream.url));
    let url = stream.url.as_str();
    assert!(url.starts_with("http://") || url.starts_with("https://"));
    assert!(url.len() <= 200 && url.bytes().all(|b| (0x21..=0x7e).contains(&b)));
    assert!(!stream.label.is_empty());
    // Without a label of its own it is the id.
    fit(&stream.label, text_limit().max(64));
    if let Some(language) = &stream.language {
        assert!(!language.is_empty());
        fit(language, 35);
    }
    if let Some(label) = &stream.quality.label {
        fit(label, 64);
    }
    let limits = &RIG.limits;
    assert!(stream.rules.len() <= limits.stream_rules);
    let headers = stream.rules.iter().flat_map(|rule| &rule.headers);
    assert!(headers.clone().count() <= limits.stream_headers);
    for (name, value) in headers {
        let name = name.as_str();
        assert!(name.len().max(value.len()) <= text_limit());
        let framing = [
            "host",
            "connection",
            "content-length",
            "transfer-encoding",
            "te",
        ];
        assert!(
            !framing.contains(&name) && !name.starts_with("x-forwarded-"),
            "{name}"
        );
        assert!(
            value
                .as_bytes()
                .iter()
                .all(|b| *b == b'\t' || (*b >= 0x20 && *b != 0x7f))
        );
    }
    for rule in &stream.rules {
        assert!(rule.hosts.len() <= limits.stream_hosts);
        for host in &rule.hosts {
            let text = host.to_string();
            assert_eq!(text.parse::<HostPattern>().as_ref(), Ok(host), "{text}");
            assert!(text.bytes().all(|b| (0x21..=0x7e).contains(&b)), "{text}");
        }
    }
}

fn description(door: &Door<'_>, words: &mut Words<'_>) {
    let info = PluginInfo {
        key: words.text(),
        name: words.text(),
        version: words.text(),
        homepage: words.option(Words::text),
        allowed_hosts: words.list(5, Words::text),
        config_schema: words.option(Words::text),
        secrets: words.list(5, Words::text),
        refresh_after: words.option(Words::number),
        attributes: words.list(3, Words::field),
    };
    match door.described(info) {
        Ok(described) => {
            let key = described.key.as_bytes();
            let grammar = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
            assert!((1..=63).contains(&key.len()) && key.iter().all(grammar) && key[0] != b'-');
            // `describe` has no imports: what it says of any secret it made up.
            printable(&described.name, text_limit());
            printable(&described.version, 64);
            let hosts = described.hosts.texts();
            assert!(hosts.len() <= RIG.limits.asked);
            for host in hosts {
                assert!(host.bytes().all(|b| (0x21..=0x7e).contains(&b)), "{host}");
            }
            assert!(described.secrets.len() <= RIG.limits.asked);
            for name in described.secrets {
                assert!(!name.is_empty());
                printable(&name, 64);
            }
        }
        Err(why) => printable(&why, 640),
    }
}

fn error(door: &Door<'_>, words: &mut Words<'_>) {
    let error = match words.byte() % 8 {
        0 => wit::ExtractError::NotFound,
        1 => wit::ExtractError::LayoutChanged(words.text()),
        2 => wit::ExtractError::Blocked(match words.byte() % 4 {
            0 => wit::BlockReason::Challenge,
            1 => wit::BlockReason::Forbidden,
            2 => wit::BlockReason::Geo,
            _ => wit::BlockReason::LoginRequired,
        }),
        3 => wit::ExtractError::RateLimited(words.option(Words::number)),
        4 => wit::ExtractError::Network(words.text()),
        5 => wit::ExtractError::BadConfig(words.text()),
        6 => wit::ExtractError::Protected,
        _ => wit::ExtractError::Other(words.text()),
    };
    // Its own words stand before.
    fit(&door.error(error).to_string(), text_limit() + 64);
}

// What it says.

fn said(scrubber: Scrubber, words: &mut Words<'_>) {
    let limits = &RIG.limits;
    let journal = Journal::new(
        "site",
        "guest",
        limits.clone(),
        RIG.metrics.clone(),
        scrubber,
    );
    for _ in 0..12 {
        match words.byte() {
            0 => break,
            1 => {
                let message = words.text();
                journal.write(Level::Info, &message, &words.list(5, Words::field));
            }
            2 => journal.print(Output::Stdout, words.bytes()),
            3 => journal.print(Output::Stderr, words.bytes()),
            _ => {
                let (name, media_type) = (words.text(), words.text());
                journal.attach(&name, &media_type, words.bytes().to_vec());
            }
        }
    }
    journal.finish();
    let (lines, attachments) = journal.take();
    // One more says how many are missing.
    assert!(lines.len() <= limits.log_lines + 1);
    for line in lines {
        fit(&line.message, bytes(limits.log_line));
    }
    assert!(attachments.len() <= limits.attachment_count);
    let mut total = 0;
    for one in attachments {
        fit(&one.name, 100);
        fit(&one.media_type, 100);
        for secret in SECRETS {
            let secret = secret.as_bytes();
            assert!(!one.data.windows(secret.len()).any(|part| part == secret));
        }
        total += one.data.len();
    }
    // What stands in a secret's place may be longer than it, which has 4 bytes.
    assert!(total <= bytes(limits.attachments) * 9 / 4);
}

// What it keeps.

fn kept(words: &mut Words<'_>) {
    let state = State::in_memory(&BTreeMap::new());
    let quota = Quota {
        bytes: RIG.limits.state.as_u64(),
        entries: RIG.limits.state_entries,
    };
    let mut model: BTreeMap<String, (Vec<u8>, Option<i64>)> = BTreeMap::new();
    let mut now = 0;
    for _ in 0..24 {
        let (choice, key) = (words.byte(), words.text());
        match choice {
            0 => break,
            1 => {
                state.delete(&key);
                model.remove(&key);
            }
            2 => now += i64::from(words.number()),
            _ => {
                let value = words.bytes().to_vec();
                let expires = words
                    .option(Words::number)
                    .map(|after| now + i64::from(after));
                model.retain(|_, (_, at)| at.is_none_or(|at| at > now));
                let others = model.iter().filter(|(other, _)| **other != key);
                let others: usize = others
                    .map(|(key, (value, _))| key.len() + value.len())
                    .sum();
                let result = state.set(&key, &value, expires, now, quota);
                let too_long = (others + key.len() + value.len()) as u64 > quota.bytes;
                let too_many = !model.contains_key(&key) && model.len() >= quota.entries;
                let expected = match (too_long, too_many) {
                    (true, _) => Err(Full::Bytes),
                    (false, true) => Err(Full::Entries),
                    (false, false) => Ok(()),
                };
                assert_eq!(result, expected);
                if result.is_ok() {
                    model.insert(key, (value, expires));
                }
            }
        }
        for (key, (value, at)) in &model {
            let there = at.is_none_or(|at| at > now).then_some(value);
            assert_eq!(state.get(key, now).as_ref(), there);
        }
    }
}

// What is true of all texts.

fn fit(text: &str, most: usize) {
    printable(text, most);
    for secret in SECRETS {
        assert!(!text.contains(secret), "a secret in {text:?}");
    }
}

fn printable(text: &str, most: usize) {
    assert!(
        text.len() <= most,
        "{} bytes, not {most}: {text:?}",
        text.len()
    );
    let hidden = |c: char| {
        let turns = matches!(u32::from(c), 0x202a..=0x202e | 0x2066..=0x2069 | 0x200e | 0x200f);
        c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}')
    };
    assert!(!text.contains(hidden), "{text:?}");
}

fn text_limit() -> usize {
    bytes(RIG.limits.text)
}

fn bytes(size: bytesize::ByteSize) -> usize {
    usize::try_from(size.as_u64()).expect("small")
}

// Words of the input.

/// What is left of it.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn bytes(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|b| *b == 0xff);
        let (word, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        word
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// The next byte alone.
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u32 {
        let word = self.bytes();
        word.iter()
            .fold(0, |number, b| (number << 8) | u32::from(*b))
    }

    fn field(&mut self) -> (String, String) {
        (self.text(), self.text())
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() & 1 == 1).then(|| read(self))
    }

    /// As many as a byte says, and not more than `most`.
    fn list<T>(&mut self, most: u8, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = self.byte() % (most + 1);
        (0..count).map(|_| read(self)).collect()
    }
}

fn record(words: &mut Words<'_>) -> wit::StreamInfo {
    wit::StreamInfo {
        id: words.text(),
        url: words.text(),
        kind: match words.byte() % 3 {
            0 => wit::StreamKind::Hls,
            1 => wit::StreamKind::Dash,
            _ => wit::StreamKind::Progressive,
        },
        label: words.text(),
        language: words.option(Words::text),
        quality: words.option(|words| wit::Quality {
            height: words.option(Words::number),
            bandwidth: words.option(Words::number),
            label: words.option(Words::text),
        }),
        request: wit::RequestProfile {
            header_rules: words.list(3, |words| wit::HeaderRule {
                hosts: words.list(3, Words::text),
                headers: words.list(4, Words::field),
            }),
            use_cookies: words.byte() & 1 == 1,
        },
        expires_at: words.option(|words| u64::from(words.number()) << 24),
        protection: match words.byte() % 4 {
            0 => wit::Protection::None,
            1 => wit::Protection::ClearKey,
            2 => wit::Protection::Drm,
            _ => wit::Protection::Unknown,
        },
        rank: words.number() as i32,
        attributes: words.list(3, Words::field),
    }
}
