//! The URLs, and a house that may fetch from one origin alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};

use f1_streams::config::Config;
use f1_streams::playlist::Variables;
use f1_streams::proxy::{Kind, Link, Links};
use futures::StreamExt as _;
use reqwest::StatusCode;
use url::{ParseError, Url};

use crate::egress::Canary;
use crate::house::House;
use crate::origin::{Ask, Origin, Step, code, head, ok, packets, playlist};

const TEXT: &str = include_str!("../../hostile/urls.txt");
pub(super) const CLASSES: [&str; 9] = [
    "S01", "S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09",
];
/// Requests to the service at once.
const AT_ONCE: usize = 16;

/// A URL and what it must be refused with.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) code: &'static str,
    pub(super) url: String,
}

/// A service, an origin that it may fetch from, and a listener that it may not.
pub(super) struct Ground {
    pub(super) house: House,
    pub(super) lines: Arc<Vec<Line>>,
    pub(super) canary: Canary,
    good: Arc<Origin>,
    /// What the origin has, by path.
    pages: Arc<Mutex<BTreeMap<String, Vec<Step>>>>,
    links: Links,
    expires: i64,
}

/// All lines, for an origin at `good` and a canary at `port`.
pub(super) fn lines(good: &str, port: u16) -> Vec<Line> {
    let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| parse(line, good, port)).collect()
}

fn parse(line: &'static str, good: &str, port: u16) -> Line {
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_else(|| panic!("{line:?}"));
    let (class, code, url) = (part(), part(), unescaped(part()));
    let host = good.split(':').next().unwrap();
    Line {
        class,
        code,
        url: url
            .replace("{good}", good)
            .replace("{host}", host)
            .replace("{port}", &port.to_string()),
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out += before;
        rest = match after.strip_prefix("u{") {
            Some(number) => {
                let (number, after) = number.split_once('}').unwrap();
                out.push(u32::from_str_radix(number, 16).unwrap().try_into().unwrap());
                after
            }
            None => {
                out.push('\\');
                after.strip_prefix('\\').unwrap()
            }
        };
    }
    out + rest
}

impl Line {
    /// Whether it means something beside the origin that wrote it: then it is no
    /// URL of its own, and what it means is that origin's.
    pub(super) fn is_reference(&self) -> bool {
        let hides = |c: char| c.is_control() || c == '\\';
        Url::parse(&self.url) == Err(ParseError::RelativeUrlWithoutBase)
            && !self.url.contains(hides)
    }

    /// Whether it can stand in a playlist as it is: what stands around a URI is
    /// trimmed, and blanks within are encoded, as everybody writes them.
    pub(super) fn is_uri(&self) -> bool {
        let has_blank = self.url.contains("/a b");
        !self.is_reference() && !has_blank && self.url.trim_ascii() == self.url
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.code.ends_with("_denied") {
            true => StatusCode::FORBIDDEN,
            false => StatusCode::BAD_GATEWAY,
        }
    }
}

/// Names and their answers, as the URLs spell them.
pub(super) fn names(lines: &[Line]) -> BTreeMap<String, IpAddr> {
    let mut names: BTreeMap<String, IpAddr> = BTreeMap::new();
    let fixed = [
        ("denied.test", "127.0.0.1"),
        ("xn--denid-esa.test", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("foo.localhost", "::1"),
        ("metadata.google.internal", "169.254.169.254"),
        ("kubernetes.default.svc.cluster.local", "10.96.0.1"),
        ("router.lan", "192.168.1.1"),
    ];
    for (name, ip) in fixed {
        names.insert(name.to_owned(), ip.parse().unwrap());
    }
    for (version, mark) in [(".v4.test", "."), (".v6.test", ":")] {
        for line in lines {
            let Some((before, _)) = line.url.split_once(version) else {
                continue;
            };
            let label = before.rsplit('/').next().unwrap();
            let ip = label.replace('-', mark);
            names.insert(format!("{label}{version}"), ip.parse().expect(&ip));
        }
    }
    names
}

impl Ground {
    pub(super) async fn new() -> Self {
        let canary = Canary::new().await;
        let pages: Arc<Mutex<BTreeMap<String, Vec<Step>>>> = Arc::default();
        let known: Arc<OnceLock<Arc<Vec<Line>>>> = Arc::default();
        let good = Origin::new({
            let (known, pages) = (known.clone(), pages.clone());
            move |ask| answer(ask, &known.get().unwrap()[..], &pages.lock().unwrap())
        })
        .await;
        let lines = Arc::new(lines(&good.authority(), canary.address.port()));
        known.set(lines.clone()).unwrap();
        let ports = ports(&good, &canary);
        let names = names(&lines);
        let house = House::edited(move |config: &mut Config| {
            config.net.ports = ports.clone();
            config.net.hosts.extend(names.clone());
            config.health.concurrency = 64;
            config.health.per_minute = 100_000;
            config.plugins.limits.streams = 10_000;
        })
        .await;
        let config = Config::from_toml("", house.dir.path()).unwrap().config;
        let (key, config) = (&config.links.key_file, &config.links);
        let links = Links::open(key, config.lifetime, config.bucket).unwrap();
        let expires = links.expiry(jiff::Timestamp::now());
        Self {
            house,
            lines,
            canary,
            good: Arc::new(good),
            pages,
            links,
            expires,
        }
    }

    /// Of what may be fetched.
    pub(super) fn url(&self, path: &str) -> String {
        self.good.url(path)
    }

    pub(super) fn ports(&self) -> Vec<u16> {
        ports(&self.good, &self.canary)
    }

    /// What the origin has at `path` from now on.
    pub(super) fn page(&self, path: &str, text: &str) -> String {
        let mut pages = self.pages.lock().unwrap();
        pages.insert(path.to_owned(), playlist(text));
        self.url(path)
    }

    /// A link as only the holder of the key can make it.
    pub(super) fn sealed(&self, kind: Kind, url: &str) -> String {
        self.links.path(&Link::Resource {
            stream: String::new(),
            kind,
            url: url.to_owned(),
            expires: self.expires,
            variables: Variables::default(),
        })
    }

    /// What each of `paths` answers, in their order.
    pub(super) async fn ask(&self, paths: impl IntoIterator<Item = String>) -> Vec<Refusal> {
        let asked = paths
            .into_iter()
            .map(async |path| code(&self.house, &path).await);
        let asked: Vec<_> = asked.collect();
        futures::stream::iter(asked)
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    /// What can be fetched was not asked for what cannot, but for what redirects.
    pub(super) fn assert_untouched(&self, but: &[&str]) {
        assert!(self.canary.is_untouched(), "the canary was reached");
        for ask in self.good.asks() {
            let path = ask.path();
            let redirects = path.starts_with("/30") || path.starts_with("/loop");
            let known = redirects || but.iter().any(|known| path.starts_with(known));
            assert!(known, "{path} was fetched");
        }
    }
}

fn ports(good: &Origin, canary: &Canary) -> Vec<u16> {
    let authority = good.authority();
    let (_, port) = authority.split_once(':').unwrap();
    let known = [80, 443, 8080, 8443];
    let ours = [port.parse().unwrap(), canary.address.port()];
    [&known[..], &ours].concat()
}

/// `/to/N` points to the Nth line, `/302/X` to X.
fn answer(ask: &Ask, lines: &[Line], pages: &BTreeMap<String, Vec<Step>>) -> Vec<Step> {
    let redirect = |status: &str, to: &str| {
        let length = [("Location", to), ("Content-Length", "0")];
        vec![Step::Send(head(&format!("{status} Elsewhere"), &length))]
    };
    if let Some(steps) = pages.get(ask.path()) {
        return steps.clone();
    }
    let parts = ask.target[1..].split_once('/');
    match parts {
        Some(("to", number)) => redirect("302", &lines[number.parse::<usize>().unwrap()].url),
        Some((status @ ("301" | "302" | "303" | "307" | "308"), to)) => redirect(status, to),
        Some(("loop", _)) => redirect("302", &ask.target),
        None if ask.path() == "/loop" => redirect("302", "/loop"),
        _ => ok(&packets(2)),
    }
}

/// Status and code.
pub(super) type Refusal = (StatusCode, String);

/// Whether each was refused as it must be; all that were not are told.
pub(super) fn compare<'a>(
    way: &str,
    refused: impl IntoIterator<Item = (&'a Line, &'a str, Refusal)>,
) {
    let (mut wrong, mut count) = (String::new(), 0);
    for (line, code, (status, got)) in refused {
        count += 1;
        if got != code || (code == line.code && status != line.status()) {
            let Line { class, url, .. } = line;
            writeln!(wrong, "{class} {url:?}: {status} {got:?}, not {code:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{way}:\n{wrong}");
    assert!(count >= 250, "{way}: only {count}");
}
