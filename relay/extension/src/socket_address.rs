//! `SocketAddr` to and from what the kernel reads and writes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use libc::{AF_INET, AF_INET6, sa_family_t, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};

pub fn zeroed() -> sockaddr_storage {
    // SAFETY: a sockaddr_storage is plain bytes; all zeros is AF_UNSPEC.
    unsafe { std::mem::zeroed() }
}

/// The address of a datagram's sender; `None` for another family.
pub fn read(storage: &sockaddr_storage) -> Option<SocketAddr> {
    let from: *const sockaddr_storage = storage;
    match i32::from(storage.ss_family) {
        AF_INET => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in, and the storage is large and aligned enough.
            let address = unsafe { &*from.cast::<sockaddr_in>() };
            let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(ip.into(), u16::from_be(address.sin_port)))
        }
        AF_INET6 => {
            // SAFETY: as above, for sockaddr_in6.
            let address = unsafe { &*from.cast::<sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            Some(SocketAddrV6::new(ip, port, 0, address.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Writes an address, and answers its length.
pub fn write(address: SocketAddr, storage: &mut sockaddr_storage) -> socklen_t {
    let to: *mut sockaddr_storage = storage;
    match address {
        SocketAddr::V4(address) => {
            // SAFETY: a sockaddr_in fits into the storage and is aligned in it.
            let raw = unsafe { &mut *to.cast::<sockaddr_in>() };
            raw.sin_family = AF_INET as sa_family_t;
            raw.sin_port = address.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
            size_of::<sockaddr_in>() as socklen_t
        }
        SocketAddr::V6(address) => {
            // SAFETY: as above, for sockaddr_in6.
            let raw = unsafe { &mut *to.cast::<sockaddr_in6>() };
            raw.sin6_family = AF_INET6 as sa_family_t;
            raw.sin6_port = address.port().to_be();
            raw.sin6_addr.s6_addr = address.ip().octets();
            raw.sin6_flowinfo = 0;
            raw.sin6_scope_id = address.scope_id();
            size_of::<sockaddr_in6>() as socklen_t
        }
    }
}
