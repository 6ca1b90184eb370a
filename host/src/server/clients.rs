//! Who has how many connections, or requests under way.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places taken, by client.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One place, until it is dropped.
pub(super) struct Client {
    clients: Clients,
    whose: IpAddr,
}

/// Who is one client: whoever has one address of IPv6 has all of its /64.
pub fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & u128::MAX << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Clients {
    /// `None`: the client has `max` places.
    pub(super) fn enter(&self, ip: IpAddr, max: usize) -> Option<Client> {
        let whose = household(ip);
        let mut taken = self.taken();
        let count = taken.entry(whose).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Client {
            clients: self.clone(),
            whose,
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut taken = self.clients.taken();
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_places_and_gets_them_back() {
        let clients = Clients::default();
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (one, same, other) in [
            ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.9"),
            ("2001:db8::1", "2001:db8:0:0:ffff::9", "2001:db8:0:1::1"),
        ] {
            let first = clients.enter(ip(one), 2).expect("first");
            let second = clients.enter(ip(same), 2).expect("second");
            assert!(clients.enter(ip(one), 2).is_none());
            assert!(clients.enter(ip(same), 2).is_none());
            assert!(clients.enter(ip(other), 2).is_some());
            drop(first);
            assert!(clients.enter(ip(one), 2).is_some());
            drop(second);
        }
        assert!(clients.taken().is_empty());
    }
}
