//! Whatever a URL is written like: what the guard lets through leads where it was
//! judged to lead, for others who read URLs, too.
//!
//! The oracle shares nothing with the guard: a list of numbers, the standard
//! library's addresses, `http::Uri`, and what C libraries take for an address.
//!
//! The first byte chooses the rest: a URL as it is, one made of parts, or a
//! redirect. In what follows 0xff stands between parts.
#![no_main]

#[path = "../../src/config/mod.rs"]
#[allow(dead_code, unused_imports)]
mod config;
#[path = "url/net.rs"]
#[allow(dead_code)]
mod net;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use net::{AddressRules, Policy, follow};
use url::Url;

const PORTS: [u16; 4] = [80, 443, 8080, 8443];
const MAX_URL: usize = 8192;

/// By hand from the registries: network and length of its prefix.
const DENIED_V4: [(u32, u32); 16] = [
    (0x0000_0000, 8),
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xac10_0000, 12),
    (0xc000_0000, 24),
    (0xc000_0200, 24),
    (0xc058_6300, 24),
    (0xc0a8_0000, 16),
    (0xc612_0000, 15),
    (0xc633_6400, 24),
    (0xcb00_7100, 24),
    (0xe000_0000, 4),
    (0xf000_0000, 4),
    (0xa83f_8110, 32),
];

/// Of 2000::/3; all else is denied.
const DENIED_V6: [(u128, u32); 4] = [
    (0x2001_0000 << 96, 23),
    (0x2001_0db8 << 96, 32),
    (0x2002_0000 << 96, 16),
    (0x3fff_0000 << 96, 20),
];

/// An exception and what wins over it.
const ALLOWED: (u32, u32) = (0x0a01_0000, 16);
const FORBIDDEN: (u32, u32) = (0x0a01_0200, 24);

static STRICT: LazyLock<Policy> = LazyLock::new(|| policy(AddressRules::default()));
static EXCEPTED: LazyLock<Policy> = LazyLock::new(|| {
    policy(AddressRules {
        allow: vec!["10.1.0.0/16".parse().expect("a network")],
        deny: vec!["10.1.2.0/24".parse().expect("a network")],
    })
});

fn policy(addresses: AddressRules) -> Policy {
    Policy {
        addresses,
        ports: PORTS.to_vec(),
        hosts: BTreeMap::new(),
        max_url: MAX_URL,
        authorities: config::Authorities::default(),
        proxy: None,
        site: None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let is_strict = choice & 0x80 == 0;
    let policy = if is_strict { &*STRICT } else { &*EXCEPTED };
    match choice & 3 {
        0 | 1 => judge(policy, is_strict, &String::from_utf8_lossy(rest)),
        2 => judge(policy, is_strict, &composed(rest)),
        _ => redirect(policy, is_strict, rest),
    }
});

/// Judges a string, and what came of it.
fn judge(policy: &Policy, is_strict: bool, raw: &str) {
    let Ok(url) = policy.parse(raw) else {
        return;
    };
    assert!(raw.len() <= MAX_URL);
    let (scheme, host, port) = accepted(policy, is_strict, &url);
    // What was written led there for others, too.
    let (their_scheme, rest) = raw.split_once(':').expect("a scheme");
    assert!(their_scheme.eq_ignore_ascii_case(&scheme), "{raw:?}");
    assert!(rest.starts_with("//"), "{raw:?}");
    let Ok(uri) = raw.parse::<http::Uri>() else {
        return;
    };
    let authority = uri.authority().expect("an absolute URI has one");
    assert!(!authority.as_str().contains('@'), "{raw:?}");
    let theirs = uri.port_u16().unwrap_or(default_port(&scheme));
    assert_eq!(theirs, port, "the port of {raw:?}");
    same_host(authority.host(), &host, raw);
}

/// What is true of everything that is fetched. Returns its scheme, host and port,
/// read by hand.
fn accepted(policy: &Policy, is_strict: bool, url: &Url) -> (String, String, u16) {
    let text = url.as_str();
    assert!(text.len() <= MAX_URL);
    assert!(text.bytes().all(|b| (0x21..=0x7e).contains(&b)), "{text:?}");
    let (scheme, rest) = text.split_once("://").expect("a scheme");
    assert!(scheme == "http" || scheme == "https", "{text:?}");
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    assert!(path.starts_with('/'), "{text:?}");
    assert!(!authority.contains(['@', '%', '*']), "{text:?}");
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().expect("a port")),
        _ => (authority, default_port(scheme)),
    };
    assert!(PORTS.contains(&port), "{text:?}");
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').expect("a bracket");
        let ip: Ipv6Addr = inner.parse().expect("an address");
        assert!(!is_denied(is_strict, ip.into()), "{text:?}");
    } else if let Ok(ip) = host.parse::<Ipv4Addr>() {
        assert!(!is_denied(is_strict, ip.into()), "{text:?}");
    } else {
        assert!(is_name(host), "{text:?}");
        assert_eq!(number(host), None, "a C library reads an address: {text:?}");
    }
    // Judged again it is the same, as a URL and as a string.
    assert_eq!(policy.judge(url), Ok(()));
    assert_eq!(policy.parse(text).as_ref(), Ok(url));
    let uri: http::Uri = text.parse().unwrap_or_else(|why| panic!("{text:?}: {why}"));
    assert_eq!(uri.scheme_str(), Some(scheme));
    assert_eq!(uri.host(), Some(host), "{text:?}");
    let theirs = uri.port_u16().unwrap_or(default_port(scheme));
    assert_eq!(theirs, port, "{text:?}");
    (scheme.to_owned(), host.to_owned(), port)
}

/// A redirect from somewhere that was fetched.
fn redirect(policy: &Policy, is_strict: bool, data: &[u8]) {
    let (base, location) = parts(data);
    let base = policy.parse(&base);
    let base = base.unwrap_or_else(|_| Url::parse("https://a.test:8443/b/c?d").expect("a URL"));
    let Some(url) = follow(policy, &base, &location) else {
        return;
    };
    let (scheme, host, port) = accepted(policy, is_strict, &url);
    let has_scheme = location.contains(':') && {
        let before = location.split(':').next().unwrap_or_default();
        before.starts_with(|c: char| c.is_ascii_alphabetic())
            && before
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    if has_scheme {
        // It is a URL of its own, and judged as one it is the same.
        assert_eq!(policy.parse(&location).as_ref(), Ok(&url), "{location:?}");
        return;
    }
    assert_eq!(scheme, base.scheme(), "{location:?}");
    if !location.starts_with("//") {
        let there = (base.host_str(), base.port_or_known_default());
        assert_eq!((Some(host.as_str()), Some(port)), there, "{location:?}");
    }
}

/// A URL of parts that tell URL parsers apart. Each part begins with a byte that
/// chooses; where that chooses nothing, what follows is the part.
fn composed(data: &[u8]) -> String {
    const SCHEMES: [&str; 8] = [
        "http://",
        "https://",
        "HTTP://",
        "http:/",
        "http:",
        "https:\\\\",
        "//",
        "ftp://",
    ];
    const BEFORE: [&str; 8] = ["", "", "", "", "user@", "@", "a:b@", ":@"];
    const PORTS: [&str; 8] = ["", ":80", ":443", ":", ":0", ":00080", ":8081", ":65616"];
    const TAILS: [&str; 8] = ["", "/", "/a?b#c", "?@x", "#@x", "/\u{e9}", "\\@x", "/a\tb"];
    let mut pieces = data.split(|b| *b == 0xff);
    let mut text = String::new();
    for choice in [&SCHEMES[..], &BEFORE[..], &[][..], &PORTS[..], &TAILS[..]] {
        let piece = pieces.next().unwrap_or_default();
        let (first, rest) = match piece.split_first() {
            Some((first, rest)) => (*first, rest),
            None => (0, &[][..]),
        };
        match choice.get(usize::from(first)) {
            Some(known) => text.push_str(known),
            None if choice.is_empty() => text.push_str(&spelled(first, rest)),
            None => text.push_str(&String::from_utf8_lossy(rest)),
        }
    }
    text
}

/// An address in one of the ways to write one, or a name.
fn spelled(way: u8, bytes: &[u8]) -> String {
    let mut number = [0; 16];
    let length = bytes.len().min(16);
    number[..length].copy_from_slice(&bytes[..length]);
    let [a, b, c, d, ..] = number;
    let v4 = Ipv4Addr::new(a, b, c, d);
    let bits = v4.to_bits();
    let v6 = Ipv6Addr::from(number);
    match way {
        0 => v4.to_string(),
        1 => bits.to_string(),
        2 => format!("{bits:#x}"),
        3 => format!("0{bits:o}"),
        4 => format!("{a}.{}", bits & 0x00ff_ffff),
        5 => format!("{a}.{b}.{}", bits & 0xffff),
        6 => format!("0x{a:x}.0{b:o}.{c}.{d}"),
        7 => format!("{v4}."),
        8 => format!("[{v6}]"),
        9 => format!("[::ffff:{v4}]"),
        10 => format!("[::{v4}]"),
        11 => format!("[64:ff9b::{v4}]"),
        12 => format!("[2002:{a:x}{b:02x}:{c:x}{d:02x}::1]"),
        13 => format!("[{v6}%25eth0]"),
        14 => v4.to_string().chars().map(wide).collect(),
        15 => v4
            .to_string()
            .bytes()
            .map(|b| format!("%{b:02x}"))
            .collect(),
        16 => format!("{v4}.nip.test"),
        17 => format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A digit at full width, which URL parsers read as the digit.
fn wide(c: char) -> char {
    match c.to_digit(10) {
        Some(digit) => char::from_u32(0xff10 + digit).unwrap_or(c),
        None => '\u{3002}',
    }
}

fn parts(data: &[u8]) -> (String, String) {
    let at = data.iter().position(|b| *b == 0xff).unwrap_or(0);
    let (base, location) = data.split_at(at);
    let location = location.strip_prefix(b"\xff").unwrap_or(location);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(base), text(location))
}

fn default_port(scheme: &str) -> u16 {
    if scheme.eq_ignore_ascii_case("https") {
        443
    } else {
        80
    }
}

fn is_denied(is_strict: bool, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let ip = ip.to_bits();
            let within = |(network, length): &(u32, u32)| (network ^ ip) >> (32 - length) == 0;
            if !is_strict && within(&FORBIDDEN) {
                return true;
            }
            (is_strict || !within(&ALLOWED)) && DENIED_V4.iter().any(within)
        }
        IpAddr::V6(ip) => {
            let ip = ip.to_bits();
            let within = |(network, length): &(u128, u32)| (network ^ ip) >> (128 - length) == 0;
            ip >> 125 != 1 || DENIED_V6.iter().any(within)
        }
    }
}

fn is_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| {
        let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        !label.is_empty() && label.len() < 64 && label.bytes().all(fits)
    };
    host.len() < 254 && host.split('.').all(label)
}

/// What `inet_aton` makes of it: one to four numbers, decimal, octal or
/// hexadecimal, the last of which fills what is left.
fn number(host: &str) -> Option<Ipv4Addr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let read = |part: &str| {
        let lower = part.to_ascii_lowercase();
        match lower.strip_prefix("0x") {
            Some("") => Some(0),
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None if lower.len() > 1 && lower.starts_with('0') => {
                u64::from_str_radix(&lower, 8).ok()
            }
            None if lower.bytes().all(|b| b.is_ascii_digit()) => lower.parse().ok(),
            None => None,
        }
    };
    let parts: Option<Vec<u64>> = host.split('.').map(read).collect();
    let parts = parts.filter(|parts| parts.len() <= 4)?;
    let (last, before) = parts.split_last()?;
    let mut bits = *last;
    if bits >> (32 - 8 * before.len()) != 0 {
        return None;
    }
    for (at, part) in before.iter().enumerate() {
        if *part > 255 {
            return None;
        }
        bits |= part << (24 - 8 * at);
    }
    u32::try_from(bits).ok().map(Ipv4Addr::from_bits)
}

/// Whether a host as somebody wrote it is the one that was judged.
fn same_host(written: &str, judged: &str, raw: &str) {
    // What others do with escapes and letters beyond ASCII is not known.
    if written.contains('%') || !written.is_ascii() {
        return;
    }
    let written = written.to_ascii_lowercase();
    if let Some(ip) = number(&written) {
        assert_eq!(judged.parse::<Ipv4Addr>(), Ok(ip), "{raw:?}");
    } else if let Some(inner) = written.strip_prefix('[') {
        let theirs: Option<Ipv6Addr> = inner.trim_end_matches(']').parse().ok();
        let judged: Option<Ipv6Addr> = judged.trim_matches(['[', ']']).parse().ok();
        assert_eq!(theirs, judged, "{raw:?}");
    } else {
        assert_eq!(written, judged, "{raw:?}");
    }
}
