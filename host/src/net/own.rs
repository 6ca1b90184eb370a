//! Which addresses are this machine's, and which addresses and names are ours.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};

use url::Url;

/// Where we are asked ourselves, as soon as that is known; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Own(Arc<OnceLock<Ours>>);

#[derive(Debug)]
struct Ours {
    listeners: Vec<SocketAddr>,
    /// What viewers type.
    names: Vec<String>,
    /// Where the page is, and media.
    public: Vec<Url>,
}

impl Own {
    /// Once.
    pub(super) fn set(&self, listeners: Vec<SocketAddr>, names: Vec<String>, public: Vec<Url>) {
        let _ = self.0.set(Ours {
            listeners,
            names,
            public,
        });
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

    /// Whether viewers ask for us by this URL, wherever its name leads: through a
    /// reverse proxy it comes back to us.
    pub(super) fn is_named(&self, url: &Url) -> bool {
        let (Some(ours), Some(host)) = (self.0.get(), url.host_str()) else {
            return false;
        };
        let host = host.trim_end_matches('.');
        let port = url.port_or_known_default().unwrap_or_default();
        let is_name = ours.names.iter().any(|name| name == host);
        let has_host = |public: &Url| public.host_str() == Some(host);
        // Others may be below other paths, and at other ports.
        let below = |public: &Url| {
            (is_name || has_host(public))
                && public.port_or_known_default() == Some(port)
                && url.path().starts_with(public.path())
        };
        let is_ours = is_name || ours.public.iter().any(has_host);
        is_ours && self.has_port(port) || ours.public.iter().any(below)
    }

    fn listeners(&self) -> impl Iterator<Item = &SocketAddr> {
        self.0.get().into_iter().flat_map(|ours| &ours.listeners)
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
            own.set(vec![SocketAddr::new(bound, 80)], vec![], vec![]);
            assert_eq!(own.is(asked, 80), is_ours, "{ip} of {listener}");
            assert!(!own.is(asked, 81), "another port");
        }
    }

    #[test]
    fn a_url_is_ours_where_viewers_ask_for_us_by_it() {
        let url = |text: &str| text.parse::<Url>().expect("a URL");
        let own = Own::default();
        let listener = "127.0.0.1:8080".parse().expect("an address");
        let names = ["tv.test", "192.0.2.7"].map(str::to_owned).to_vec();
        let public = ["https://public.test/tv/", "https://media.test/"].map(url);
        own.set(vec![listener], names, public.to_vec());
        for (text, is_ours) in [
            ("http://tv.test:8080/", true),
            ("http://TV.test.:8080/x", true),
            ("http://192.0.2.7:8080/", true),
            ("https://public.test/tv/streams/x", true),
            ("https://tv.test/tv/", true),
            ("http://public.test:8080/", true),
            ("https://media.test/relay/x.ts", true),
            ("https://media.test:444/", false),
            ("https://public.test/other", false),
            ("https://public.test:8443/tv/", false),
            ("http://tv.test/", false),
            ("http://a.tv.test:8080/", false),
        ] {
            assert_eq!(own.is_named(&url(text)), is_ours, "{text}");
        }
    }
}
