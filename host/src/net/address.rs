//! Which addresses may be connected to.
//!
//! Judges resolved addresses, never names. IPv6 is allowed only inside
//! 2000::/3 and outside the ranges below; the transition prefixes are denied
//! whole instead of unwrapped, because unwrapping is where guards fail.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;

/// Special-purpose ranges (IANA registries, cloud metadata) with the word
/// shown to the operator.
const DENIED: &[(&str, &str)] = &[
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("168.63.129.16/32", "cloud metadata"),
    ("::/8", "special"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "dummy"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
];

static RANGES: LazyLock<Vec<(IpNet, &'static str)>> = LazyLock::new(|| {
    DENIED
        .iter()
        .map(|(net, word)| (net.parse().expect("a literal of this file"), *word))
        .collect()
});

/// What an operator's exceptions make of the built-in list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddressRules {
    /// Exceptions to the built-in list.
    pub allow: Vec<IpNet>,
    /// Wins over every exception.
    pub deny: Vec<IpNet>,
}

impl AddressRules {
    /// `Err` carries the word for the range that refuses `ip`.
    pub fn judge(&self, ip: IpAddr) -> Result<(), &'static str> {
        // Mapped into IPv6 it is the same address.
        let plain = ip.to_canonical();
        let denies = |net: &IpNet| net.contains(&ip) || net.contains(&plain);
        if self.deny.iter().any(denies) {
            return Err("denied by net.deny_addresses");
        }
        if self.allow.iter().any(|net| net.contains(&ip)) {
            return Ok(());
        }
        if let Some((_, word)) = RANGES.iter().find(|(net, _)| net.contains(&ip)) {
            return Err(word);
        }
        match ip {
            IpAddr::V6(v6) if !is_global_unicast(v6) => Err("not global unicast"),
            IpAddr::V6(v6) if is_isatap(v6) => Err("ISATAP"),
            _ => Ok(()),
        }
    }
}

/// 2000::/3 (RFC 4291, section 2.4 and the IANA registry).
fn is_global_unicast(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xe000 == 0x2000
}

/// An address of IPv4 in an interface's identifier, below any prefix (RFC 5214,
/// section 6.1): who routes there would reach it.
fn is_isatap(ip: Ipv6Addr) -> bool {
    let [_, _, _, _, first, second, ..] = ip.segments();
    first & !0x0200 == 0 && second == 0x5efe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ip: &str, rules: &AddressRules) -> Result<(), &'static str> {
        rules.judge(ip.parse().expect("a test address"))
    }

    #[test]
    fn special_addresses_are_denied_and_public_ones_are_not() {
        let rules = AddressRules::default();
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "2001::1",
            "2002:808:808::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "2606:4700::5efe:10.0.0.7",
            "2606:4700::200:5efe:8.8.8.8",
            "fd00:ec2::254",
        ] {
            assert!(verdict(ip, &rules).is_err(), "{ip} must be denied");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "192.167.255.255",
            "2606:4700::1111",
            "2606:4700::5eff:10.0.0.7",
            "2606:4700::100:5efe:10.0.0.7",
        ] {
            assert!(verdict(ip, &rules).is_ok(), "{ip} must be allowed");
        }
    }

    #[test]
    fn exceptions_open_a_range_and_the_own_deny_list_wins() {
        let rules = AddressRules {
            allow: vec!["192.168.7.0/24".parse().expect("net")],
            deny: vec![
                "192.168.7.9/32".parse().expect("net"),
                "8.8.4.4/32".parse().expect("net"),
            ],
        };
        assert!(verdict("192.168.7.1", &rules).is_ok());
        assert!(verdict("192.168.8.1", &rules).is_err());
        assert_eq!(
            verdict("192.168.7.9", &rules),
            Err("denied by net.deny_addresses")
        );
        assert!(verdict("8.8.4.4", &rules).is_err());
        let rules = AddressRules {
            allow: vec!["::/0".parse().expect("net")],
            ..rules
        };
        assert!(verdict("::ffff:8.8.8.8", &rules).is_ok());
        assert_eq!(
            verdict("::ffff:8.8.4.4", &rules),
            Err("denied by net.deny_addresses")
        );
    }
}
