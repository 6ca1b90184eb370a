//! Readers of single values: what is written in a file becomes a type with a
//! unit, a range and no empty string that means "unset".
//!
//! The ceilings are far above what any machine can use: they are there so that
//! arithmetic on a value can't overflow.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use http::HeaderName;
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::model::{Grants, LogFormat, Trust, Viewers};
use super::secret::Secret;

const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);
const MAX_SIZE: ByteSize = ByteSize(1 << 40);
const MAX_COUNT: usize = 1_000_000;

const NOT_IN_THIS_VERSION: &str = "not available in this version";

/// A number as it may stand in a file: bare, or as text with a unit.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text such as \"5s\" or \"64KiB\"")]
enum Written {
    Number(i64),
    Text(String),
}

// === durations ===

pub(super) fn duration_or_zero<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    let value = match Written::deserialize(d)? {
        Written::Number(0) => Duration::ZERO,
        Written::Number(n) => {
            return Err(D::Error::custom(format!("needs a unit, such as \"{n}s\"")));
        }
        Written::Text(text) if text.trim() == "0" => Duration::ZERO,
        Written::Text(text) => jiff::SignedDuration::from_str(text.trim())
            .ok()
            .and_then(|signed| Duration::try_from(signed).ok())
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is not a duration such as \"5s\" or \"2m\""
                ))
            })?,
    };
    if value > MAX_DURATION {
        return Err(D::Error::custom("must be at most 366 days"));
    }
    Ok(value)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    not_zero(duration_or_zero(d)?)
}

pub(super) fn duration_or_none<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<Duration>, D::Error> {
    duration(d).map(Some)
}

// === sizes and counts ===

pub(super) fn size_or_zero<'de, D: Deserializer<'de>>(d: D) -> Result<ByteSize, D::Error> {
    let size = match Written::deserialize(d)? {
        Written::Number(n) => u64::try_from(n).ok().map(ByteSize),
        Written::Text(text) => ByteSize::from_str(text.trim()).ok(),
    };
    let size = size.ok_or_else(|| D::Error::custom("not a size such as \"64KiB\" or \"2MiB\""))?;
    if size > MAX_SIZE {
        return Err(D::Error::custom("must be at most 1TiB"));
    }
    Ok(size)
}

pub(super) fn size<'de, D: Deserializer<'de>>(d: D) -> Result<ByteSize, D::Error> {
    not_zero(size_or_zero(d)?)
}

pub(super) fn count_or_zero<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    usize::try_from(i64::deserialize(d)?)
        .ok()
        .filter(|n| *n <= MAX_COUNT)
        .ok_or_else(|| D::Error::custom(format!("must be a whole number up to {MAX_COUNT}")))
}

pub(super) fn count<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    not_zero(count_or_zero(d)?)
}

pub(super) fn share<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(d)?;
    if !(0.0..=1.0).contains(&share) {
        return Err(D::Error::custom("must be between 0 and 1"));
    }
    Ok(share)
}

// === addresses ===

pub(super) fn socket<'de, D: Deserializer<'de>>(d: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(d)?;
    text.trim().parse().map_err(|_| {
        D::Error::custom(format!(
            "{text:?} is not an IP address with a port, such as \"127.0.0.1:8080\""
        ))
    })
}

pub(super) fn socket_or_none<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<SocketAddr>, D::Error> {
    unless_empty(d, socket)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(d)?
        .iter()
        .map(|text| {
            network(text.trim()).ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is not an address or network, such as \"10.0.0.7\" or \"10.0.0.0/8\""
                ))
            })
        })
        .collect()
}

pub(super) fn ports<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u16>, D::Error> {
    Vec::<i64>::deserialize(d)?
        .into_iter()
        .map(|n| {
            u16::try_from(n)
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| D::Error::custom(format!("{n} is not a port: 1 to 65535")))
        })
        .collect()
}

pub(super) fn host_names<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(d)?
        .iter()
        .map(|text| host_name(text).map_err(D::Error::custom))
        .collect()
}

pub(super) fn host_table<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<BTreeMap<String, IpAddr>, D::Error> {
    let mut table = BTreeMap::new();
    for (name, address) in BTreeMap::<String, String>::deserialize(d)? {
        let parsed = address
            .trim()
            .parse()
            .map_err(|_| D::Error::custom(format!("{address:?} is not an IP address")))?;
        let name = host_name(&name).map_err(D::Error::custom)?;
        if table.insert(name.clone(), parsed).is_some() {
            return Err(D::Error::custom(format!("names {name:?} twice")));
        }
    }
    Ok(table)
}

// === digests and keys ===

/// SHA-256, hexadecimal; in lower case.
pub(super) fn digests<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let digest = |text: &String| {
        let digest = text.trim().to_ascii_lowercase();
        let is_one = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        is_one.then_some(digest).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is not a SHA-256 in 64 hexadecimal digits, as the admin page shows it"
            ))
        })
    };
    Vec::<String>::deserialize(d)?.iter().map(digest).collect()
}

/// Public keys of minisign.
pub(super) fn signers<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Vec<minisign_verify::PublicKey>, D::Error> {
    let signer = |text: &String| {
        minisign_verify::PublicKey::from_base64(text.trim()).map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is not a minisign public key: the second line of minisign.pub, \
                 which begins with RW"
            ))
        })
    };
    Vec::<String>::deserialize(d)?.iter().map(signer).collect()
}

// === URLs and texts ===

/// An http or https URL that may be shown: nothing secret in it.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    // The text is not repeated: what makes it bad may be a password in it.
    let text = text.trim();
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment".to_owned());
    }
    if !is_plain(text) {
        return Err("must be written as http://host/path, without blanks or \\".to_owned());
    }
    Ok(url)
}

/// Whether everybody reads the same host in it: `url` drops controls, turns `\`
/// around, and finds a host behind one slash or three.
fn is_plain(text: &str) -> bool {
    let behind = text.split_once("://").map(|(_, behind)| behind);
    let authority = behind.and_then(|behind| behind.split('/').next());
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    authority.is_some_and(|host| !host.is_empty() && !host.contains('@')) && !text.contains(is_odd)
}

pub(super) fn base_url<'de, D: Deserializer<'de>>(d: D) -> Result<Url, D::Error> {
    let mut url = http_url(&String::deserialize(d)?).map_err(D::Error::custom)?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

pub(super) fn base_url_or_none<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Url>, D::Error> {
    unless_empty(d, base_url)
}

/// An http or https URL that may hold a token; it is never repeated.
pub(super) fn secret_url_or_none<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<Secret>, D::Error> {
    unless_empty(d, |d: Text<D::Error>| {
        let text = String::deserialize(d)?;
        let url = Url::parse(text.trim()).map_err(|_| D::Error::custom("not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(D::Error::custom("must begin with http:// or https://"));
        }
        Ok(Secret::new(url.into()))
    })
}

pub(super) fn path<'de, D: Deserializer<'de>>(d: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() || text.contains('\0') {
        return Err(D::Error::custom("must be a path"));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn path_or_none<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PathBuf>, D::Error> {
    unless_empty(d, path)
}

pub(super) fn user_agent<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(concat!("f1-streams/", env!("CARGO_PKG_VERSION")).to_owned());
    }
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Err(D::Error::custom("must be printable ASCII"));
    }
    Ok(text)
}

pub(super) fn header_name<'de, D: Deserializer<'de>>(d: D) -> Result<HeaderName, D::Error> {
    let text = String::deserialize(d)?;
    let name = HeaderName::from_str(text.trim());
    name.map_err(|_| D::Error::custom(format!("{text:?} is not a header's name")))
}

pub(super) fn log_filter<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let text = String::deserialize(d)?;
    tracing_subscriber::EnvFilter::builder()
        .parse(&text)
        .map_err(|error| D::Error::custom(format!("{text:?}: {error}")))?;
    Ok(text)
}

pub(super) fn no_redis<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Secret>, D::Error> {
    not_available(d).map(|()| None)
}

/// A key of a later version: empty, or an error.
fn not_available<'de, D: Deserializer<'de>>(d: D) -> Result<(), D::Error> {
    if String::deserialize(d)?.is_empty() {
        return Ok(());
    }
    Err(D::Error::custom(NOT_IN_THIS_VERSION))
}

/// This very program, also after its file was replaced by another build.
#[allow(clippy::disallowed_methods, reason = "config reads the environment")]
pub(super) fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_default()
}

/// One of a few words, by the type's `FromStr`.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
    d: D,
) -> Result<T, D::Error> {
    String::deserialize(d)?.parse().map_err(D::Error::custom)
}

pub(super) fn parsed_or_none<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = String>,
{
    unless_empty(d, parsed)
}

impl FromStr for Viewers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "token" => Ok(Self::Token),
            "forward" => Ok(Self::Forward),
            "open" => Ok(Self::Open),
            _ => Err(format!(
                "{text:?} is none of \"loopback\", \"token\", \"forward\" and \"open\""
            )),
        }
    }
}

impl FromStr for Grants {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "declared" => Ok(Self::Declared),
            "explicit" => Ok(Self::Explicit),
            _ => Err(format!("{text:?} is neither \"declared\" nor \"explicit\"")),
        }
    }
}

impl FromStr for Trust {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            "pinned" => Ok(Self::Pinned),
            "signed" => Ok(Self::Signed),
            _ => Err(format!(
                "{text:?} is neither \"any\", \"pinned\" nor \"signed\""
            )),
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is neither \"text\" nor \"json\"")),
        }
    }
}

// === what several of them do ===

fn not_zero<T: Zero + PartialEq, E: serde::de::Error>(value: T) -> Result<T, E> {
    if value == T::ZERO {
        return Err(E::custom("must be above zero"));
    }
    Ok(value)
}

trait Zero {
    const ZERO: Self;
}

impl Zero for Duration {
    const ZERO: Self = Duration::ZERO;
}

impl Zero for ByteSize {
    const ZERO: Self = ByteSize(0);
}

impl Zero for usize {
    const ZERO: Self = 0;
}

/// A text that was found not to be empty, to be read on.
type Text<E> = serde::de::value::StringDeserializer<E>;

fn unless_empty<'de, D: Deserializer<'de>, T, R>(d: D, read: R) -> Result<Option<T>, D::Error>
where
    R: FnOnce(Text<D::Error>) -> Result<T, D::Error>,
{
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    read(Text::new(text)).map(Some)
}

fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>().ok().map(|net| net.trunc()),
    }
}

/// Lower case and ASCII, as it stands in a URL; without port or final dot.
fn host_name(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    let name = trimmed.strip_suffix('.').unwrap_or(trimmed);
    let bad = || format!("{text:?} is not a host name (without scheme, port or path)");
    if name.contains(':') && !name.starts_with('[') {
        return Err(bad());
    }
    match url::Host::parse(name) {
        Ok(host) if !name.contains('*') => Ok(host.to_string()),
        _ => Err(bad()),
    }
}
