//! Which addresses are this machine's.

use std::net::{IpAddr, UdpSocket};

/// Whether who asks `ip` reaches a listener that is bound to `listener`.
pub(super) fn is_own(ip: IpAddr, listener: IpAddr) -> bool {
    let (ip, listener) = (ip.to_canonical(), listener.to_canonical());
    if !listener.is_unspecified() {
        return ip == listener;
    }
    ip.is_loopback() || ip.is_unspecified() || is_of_this_machine(ip)
}

/// A socket can be bound to addresses of this machine alone; nothing is sent.
fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_ours_where_the_listener_takes_it() {
        for (ip, listener, own) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("127.0.0.2", "127.0.0.1", false),
            ("127.0.0.2", "0.0.0.0", true),
            ("127.0.0.2", "::", true),
            ("0.0.0.0", "0.0.0.0", true),
            ("192.0.2.1", "0.0.0.0", false),
            ("2001:db8::1", "::", false),
        ] {
            let [asked, bound] = [ip, listener].map(|ip| ip.parse().expect("an address"));
            assert_eq!(is_own(asked, bound), own, "{ip} of {listener}");
        }
    }
}
