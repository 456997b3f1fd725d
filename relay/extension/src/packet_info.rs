//! The local address of a datagram (`IP_PKTINFO`, `IPV6_PKTINFO`), so that a wildcard socket answers from the address
//! that the client sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{c_int, cmsghdr, in_pktinfo, in6_addr, in6_pktinfo, msghdr};

/// Room for one control message of either kind, aligned as the kernel wants it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Control([u8; 64]);

impl Control {
    pub const EMPTY: Self = Self([0; 64]);
    pub const LEN: usize = 64;
}

/// The local address in a received message's control data.
pub fn read(message: &msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel filled the control buffer that `message` points to and set its length; the CMSG functions stay
    // within it, and the data is read unaligned.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = control.as_ref() {
            match (header.cmsg_level, header.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = libc::CMSG_DATA(control).cast::<in_pktinfo>().read_unaligned();
                    return Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(control).cast::<in6_pktinfo>().read_unaligned();
                    return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                _ => control = libc::CMSG_NXTHDR(message, control),
            }
        }
    }
    None
}

/// Makes a message leave from `local`.
pub fn write(local: IpAddr, buffer: &mut Control, message: &mut msghdr) {
    message.msg_control = buffer.0.as_mut_ptr().cast();
    message.msg_controllen = Control::LEN;
    let length = match local {
        IpAddr::V4(ip) => {
            let spec_dst = libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
            let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: spec_dst, ipi_addr: libc::in_addr { s_addr: 0 } };
            // SAFETY: `message` points at `buffer`, which has room for either kind.
            unsafe { put(message, (libc::IPPROTO_IP, libc::IP_PKTINFO), info) }
        }
        IpAddr::V6(ip) => {
            let info = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
            // SAFETY: as above.
            unsafe { put(message, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info) }
        }
    };
    message.msg_controllen = length;
}

/// # Safety
/// `message` must point at a control buffer with room for `value`.
unsafe fn put<T>(message: &msghdr, (level, kind): (c_int, c_int), value: T) -> usize {
    let size = size_of::<T>() as u32;
    // SAFETY: the caller's buffer has room for a header and the value.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        header.write(cmsghdr { cmsg_len: libc::CMSG_LEN(size) as usize, cmsg_level: level, cmsg_type: kind });
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size) as usize
    }
}
