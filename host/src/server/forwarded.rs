//! Whose request this is, where a reverse proxy stands between.
//!
//! What a request says of its way (`X-Forwarded-For`, or `Forwarded`, RFC 7239) is
//! believed as far as `server.trusted_proxies` wrote it: each hop names who asked
//! it, so the way is walked from its end, from one trusted hop to the one before,
//! and stops at the first that is not. Whatever stands before that anybody may have
//! written. Where nothing can be known for sure, the answer is the proxy that was
//! trusted last: all such requests then count as one client's.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address a request counts for, in its extensions. That of a client, unless a
/// trusted proxy did not say whose the request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The proxies whose word counts; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Proxies(Arc<[IpNet]>);

impl Proxies {
    pub(super) fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.into())
    }

    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|net| net.contains(&ip))
    }

    /// The client of a request that came from `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return ClientAddress(peer);
        }
        // Most proxies write one of the two and pass the other on as the client
        // sent it; which one, only an agreement tells.
        let listed = |name, hops: fn(&str) -> Vec<Hop>| {
            let has_any = headers.contains_key(&name);
            has_any.then(|| self.walk(peer, headers, &name, hops))
        };
        let clients = (
            listed(X_FORWARDED_FOR, addresses),
            listed(FORWARDED, elements),
        );
        ClientAddress(match clients {
            (Some(one), Some(other)) if one != other => peer,
            (one, other) => one.or(other).unwrap_or(peer),
        })
    }

    fn walk(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &HeaderName,
        hops: fn(&str) -> Vec<Hop>,
    ) -> IpAddr {
        let lines = headers.get_all(name).iter();
        let way = lines.flat_map(|line| line.to_str().map_or_else(|_| vec![None], hops));
        let way: Vec<Hop> = way.collect();
        let mut client = peer;
        for hop in way.into_iter().rev() {
            match hop {
                Some(before) if self.contains(client) => client = before,
                _ => break,
            }
        }
        client
    }
}

/// `None`: hidden, unknown or unreadable.
type Hop = Option<IpAddr>;

fn addresses(line: &str) -> Vec<Hop> {
    line.split(',').map(address).collect()
}

/// The `for` of each element of a line.
fn elements(line: &str) -> Vec<Hop> {
    // A quote that the client left open would swallow what the proxy appended.
    let Some(elements) = unquoted(line, ',') else {
        return vec![None];
    };
    elements.into_iter().map(element).collect()
}

fn element(element: &str) -> Hop {
    let pairs = unquoted(element, ';')?;
    let mut named = pairs.into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let (value, None) = (named.next()?.trim(), named.next()) else {
        return None;
    };
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    address(inner.unwrap_or(value))
}

/// `text` cut at each `mark` outside of quotes; `None` where they do not close.
fn unquoted(text: &str, mark: char) -> Option<Vec<&str>> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|c| {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match c {
            _ if was_escaped => {}
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => return c == mark && !is_quoted,
        }
        false
    });
    let parts = parts.collect();
    (!is_quoted).then_some(parts)
}

/// An address, of version 6 in brackets or not, with or without a port.
fn address(text: &str) -> Hop {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
    let ip = bare.unwrap_or(text).parse().ok();
    let ip = ip.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn client(peer: &str, fields: &[(&str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        let peer = peer.parse().expect("an address");
        let ClientAddress(ip) = Proxies::new(&trusted).client(peer, &headers);
        ip.to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_whose_a_request_is() {
        for name in ["x-forwarded-for", "forwarded"] {
            let value = if name == "forwarded" {
                "for=192.0.2.1"
            } else {
                "192.0.2.1"
            };
            let fields = [(name, value)];
            assert_eq!(client("198.51.100.1", &fields), "198.51.100.1", "{name}");
            assert_eq!(client(PROXY, &fields), "192.0.2.1", "{name}");
            assert_eq!(client("::ffff:10.0.0.1", &fields), "192.0.2.1", "{name}");
            assert_eq!(client("fd00::1", &fields), "192.0.2.1", "{name}");
        }
        assert_eq!(client(PROXY, &[]), PROXY);
        assert_eq!(client(PROXY, &[("x-real-ip", "192.0.2.1")]), PROXY);
        assert_eq!(client("::ffff:192.0.2.9", &[]), "192.0.2.9");
    }

    #[test]
    fn the_way_is_walked_from_its_end_as_far_as_it_is_trusted() {
        for (way, found) in [
            ("192.0.2.1", "192.0.2.1"),
            // What stands before the client is the client's own word.
            ("10.9.9.9, 127.0.0.1, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.7, 192.0.2.1, 10.0.0.2, 10.0.0.3", "192.0.2.1"),
            ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
            ("192.0.2.1:4711, 10.0.0.2:80", "192.0.2.1"),
            (" 2001:db8::1 ", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            // Not readable: as far as it is.
            ("192.0.2.1, unknown", PROXY),
            ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.1,", PROXY),
            ("192.0.2.01", PROXY),
            ("0x7f.1", PROXY),
            ("a.example", PROXY),
            ("", PROXY),
        ] {
            let fields = [("x-forwarded-for", way)];
            assert_eq!(client(PROXY, &fields), found, "{way:?}");
        }
        let lines = [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.2"),
        ];
        assert_eq!(client(PROXY, &lines), "192.0.2.1", "lines are one list");
    }

    #[test]
    fn an_element_of_forwarded_names_one_client() {
        for (way, found) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("proto=https;For=\"192.0.2.1:80\";by=10.0.0.1", "192.0.2.1"),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            (
                "for=192.0.2.7, for=192.0.2.1;host=\"a,b;for=x\"",
                "192.0.2.1",
            ),
            ("for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
            ("for=_hidden", PROXY),
            ("for=unknown, for=10.0.0.2", "10.0.0.2"),
            ("by=192.0.2.1", PROXY),
            ("for=192.0.2.1;for=192.0.2.2", PROXY),
            // The client's quote around what the proxy wrote.
            ("for=192.0.2.7;x=\", for=192.0.2.1", PROXY),
            ("for=192.0.2.7;x=\"\\\", for=\"192.0.2.1\"", PROXY),
        ] {
            assert_eq!(client(PROXY, &[("forwarded", way)]), found, "{way:?}");
        }
        let lines = [("forwarded", "x=\""), ("forwarded", "for=192.0.2.1")];
        assert_eq!(
            client(PROXY, &lines),
            "192.0.2.1",
            "a quote ends with its line"
        );
    }

    #[test]
    fn two_stories_are_none() {
        let both = |one: &str, other: &str| {
            client(PROXY, &[("x-forwarded-for", one), ("forwarded", other)])
        };
        assert_eq!(both("192.0.2.1", "for=192.0.2.1"), "192.0.2.1");
        // Either may be what the client sent.
        assert_eq!(both("192.0.2.1", "for=192.0.2.2"), PROXY);
        assert_eq!(both("192.0.2.1", "for=unknown"), PROXY);
    }
}
