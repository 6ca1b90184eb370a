//! Which addresses are this machine's, and which of them are ours.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};

/// Where we listen ourselves, as soon as that is known; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Own(Arc<OnceLock<Vec<SocketAddr>>>);

impl Own {
    /// Once.
    pub(super) fn set(&self, listeners: Vec<SocketAddr>) {
        let _ = self.0.set(listeners);
    }

    /// Whether a listener of ours has this port, at some address.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.listeners().any(|own| own.port() == port)
    }

    /// Whether who asks `ip` at `port` reaches ourselves.
    pub(super) fn is(&self, ip: IpAddr, port: u16) -> bool {
        self.listeners()
            .any(|own| own.port() == port && is_own(ip, own.ip()))
    }

    fn listeners(&self) -> impl Iterator<Item = &SocketAddr> {
        self.0.get().into_iter().flatten()
    }
}

/// Whether who asks `ip` reaches a listener that is bound to `listener`.
fn is_own(ip: IpAddr, listener: IpAddr) -> bool {
    let (ip, listener) = (ip.to_canonical(), listener.to_canonical());
    // Who connects to no address connects to this machine.
    if ip.is_unspecified() {
        return listener.is_unspecified() || listener.is_loopback();
    }
    if !listener.is_unspecified() {
        return ip == listener;
    }
    ip.is_loopback() || is_of_this_machine(ip)
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
        for (ip, listener, is_ours) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("127.0.0.2", "127.0.0.1", false),
            ("127.0.0.2", "0.0.0.0", true),
            ("127.0.0.2", "::", true),
            ("0.0.0.0", "0.0.0.0", true),
            // To connect to no address is to connect to this machine.
            ("0.0.0.0", "127.0.0.1", true),
            ("::", "::1", true),
            ("192.0.2.1", "0.0.0.0", false),
            ("2001:db8::1", "::", false),
        ] {
            let [asked, bound] = [ip, listener].map(|ip| ip.parse().expect("an address"));
            let own = Own::default();
            assert!(!own.is(asked, 80), "not known yet");
            own.set(vec![SocketAddr::new(bound, 80)]);
            assert_eq!(own.is(asked, 80), is_ours, "{ip} of {listener}");
            assert!(!own.is(asked, 81), "another port");
        }
    }
}
