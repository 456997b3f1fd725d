//! Who talks to whom: a client's address and the relay's local address it sends to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A flow's identity in 24 bytes. IPv4 addresses are held v4-mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    ip_high: u64,
    ip_low: u64,
    port: u16,
    local_index: u8,
}

impl FlowKey {
    pub fn new(local_index: u8, client: SocketAddr) -> Self {
        let ip = match client.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let bits = ip.to_bits();
        Self { ip_high: (bits >> 64) as u64, ip_low: bits as u64, port: client.port(), local_index }
    }

    /// Canonical: a v4-mapped address comes back as IPv4.
    pub fn client(self) -> SocketAddr {
        SocketAddr::new(self.ip().to_canonical(), self.port)
    }

    pub fn local_index(self) -> u8 {
        self.local_index
    }

    /// What a new-flow budget is charged to: the /24 of an IPv4 address, the /56 of an IPv6 one.
    pub fn prefix(self) -> u128 {
        let ip = (u128::from(self.ip_high) << 64) | u128::from(self.ip_low);
        let host_bits = if self.ip().to_canonical().is_ipv4() { 8 } else { 72 };
        ip >> host_bits << host_bits
    }

    fn ip(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from_bits((u128::from(self.ip_high) << 64) | u128::from(self.ip_low)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_gives_its_parts_back(local in any::<u8>(), ip in any::<IpAddr>(), port in any::<u16>()) {
            let key = FlowKey::new(local, SocketAddr::new(ip, port));
            prop_assert_eq!(key.client(), SocketAddr::new(ip.to_canonical(), port));
            prop_assert_eq!(key.local_index(), local);
        }
    }

    #[test]
    fn prefixes_are_24_and_56_bits_long() {
        let prefix = |address: &str| FlowKey::new(0, address.parse().unwrap()).prefix();
        assert_eq!(prefix("192.0.2.1:1"), prefix("192.0.2.254:2"));
        assert_ne!(prefix("192.0.2.1:1"), prefix("192.0.3.1:1"));
        assert_eq!(prefix("[2001:db8:0:ff00::1]:1"), prefix("[2001:db8:0:ffff::1]:1"));
        assert_ne!(prefix("[2001:db8:0:fe00::1]:1"), prefix("[2001:db8:0:ff00::1]:1"));
    }
}
