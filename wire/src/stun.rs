//! STUN binding messages as ICE uses them (RFC 8489, RFC 8445 §7): a parser that borrows and an encoder.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The longest message that is looked at: no ICE agent sends more than fits one Ethernet frame.
pub const MAX_MESSAGE: usize = 1500;
pub const HEADER_LEN: usize = 20;
/// RFC 8489 §5.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// RFC 8489 §14.7: the CRC-32 is combined with "STUN" by exclusive or.
const FINGERPRINT_XOR: u32 = 0x5354_554E;
/// `MESSAGE-INTEGRITY` (RFC 8489 §14.5): attribute header and HMAC-SHA1.
const INTEGRITY_LEN: usize = 4 + 20;

mod encoder;

pub use encoder::Encoder;

mod attribute {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const ICE_CONTROLLED: u16 = 0x8029;
    pub const ICE_CONTROLLING: u16 = 0x802A;
    /// draft-hancke-webrtc-sped: a DTLS datagram inside a check, and its acknowledgement.
    pub const DTLS_IN_STUN: u16 = 0xC070;
    pub const DTLS_IN_STUN_ACK: u16 = 0xC071;

    /// Those that may be in a Binding message, of the range in which a reader has to know them (RFC 8489 §14).
    pub const KNOWN_REQUIRED: [u16; 7] =
        [USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS, PRIORITY, USE_CANDIDATE];
}

pub type TransactionId = [u8; 12];

/// The binding method's classes (RFC 8489 §5). Other methods are not ICE's and are refused by [`parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

impl Class {
    const fn message_type(self) -> u16 {
        match self {
            Self::Request => 0x0001,
            Self::Indication => 0x0011,
            Self::Success => 0x0101,
            Self::Error => 0x0111,
        }
    }
}

/// The sender's ICE role with its tie-breaker (RFC 8445 §7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Controlling(u64),
    Controlled(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunError {
    /// Shorter than a header, or than its own length field says.
    Truncated,
    /// Longer than [`MAX_MESSAGE`], or than its own length field says.
    Oversized,
    /// Not a STUN message: its leading bits or magic cookie are wrong, or its length field is no multiple of four.
    NotStun,
    /// A method other than Binding.
    NotBinding,
    /// An attribute that does not fit, or whose value has the wrong shape.
    BadAttribute,
    /// FINGERPRINT does not match, or is not the last attribute.
    BadFingerprint,
}

impl StunError {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Oversized => "oversized",
            Self::NotStun => "not_stun",
            Self::NotBinding => "not_binding",
            Self::BadAttribute => "bad_attribute",
            Self::BadFingerprint => "bad_fingerprint",
        }
    }
}

impl std::fmt::Display for StunError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "the message is shorter than its length says",
            Self::Oversized => "the message is longer than its length says or than 1500 bytes",
            Self::NotStun => "not a STUN message",
            Self::NotBinding => "the STUN method is not Binding",
            Self::BadAttribute => "a STUN attribute is malformed",
            Self::BadFingerprint => "the FINGERPRINT is wrong or not last",
        })
    }
}

impl std::error::Error for StunError {}

/// A parsed message; it borrows from the datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub class: Class,
    pub transaction_id: TransactionId,
    pub username: Option<&'a [u8]>,
    pub priority: Option<u32>,
    pub use_candidate: bool,
    pub role: Option<Role>,
    pub xor_mapped_address: Option<SocketAddr>,
    pub error_code: Option<u16>,
    /// The first comprehension-required attribute (RFC 8489 §14) that we do not know.
    pub unknown_required: Option<u16>,
    /// The sender tries to do its DTLS handshake inside STUN (draft-hancke-webrtc-sped).
    pub embeds_dtls: bool,
    pub has_fingerprint: bool,
    /// Where MESSAGE-INTEGRITY starts in `datagram`.
    integrity_at: Option<usize>,
    datagram: &'a [u8],
}

/// Parses one datagram that must hold exactly one Binding message.
pub fn parse(datagram: &[u8]) -> Result<Message<'_>, StunError> {
    if datagram.len() > MAX_MESSAGE {
        return Err(StunError::Oversized);
    }
    let (header, mut rest) = datagram.split_at_checked(HEADER_LEN).ok_or(StunError::Truncated)?;
    let &[type_high, type_low, length_high, length_low, c0, c1, c2, c3, ref transaction_id @ ..] = header else {
        return Err(StunError::Truncated);
    };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if type_high & 0xC0 != 0 || [c0, c1, c2, c3] != MAGIC_COOKIE || !length.is_multiple_of(4) {
        return Err(StunError::NotStun);
    }
    match rest.len() {
        have if have < length => return Err(StunError::Truncated),
        have if have > length => return Err(StunError::Oversized),
        _ => {}
    }
    let class = match u16::from_be_bytes([type_high, type_low]) {
        0x0001 => Class::Request,
        0x0011 => Class::Indication,
        0x0101 => Class::Success,
        0x0111 => Class::Error,
        _ => return Err(StunError::NotBinding),
    };
    let mut message = Message {
        class,
        transaction_id: transaction_id.try_into().map_err(|_| StunError::Truncated)?,
        username: None,
        priority: None,
        use_candidate: false,
        role: None,
        xor_mapped_address: None,
        error_code: None,
        unknown_required: None,
        embeds_dtls: false,
        has_fingerprint: false,
        integrity_at: None,
        datagram,
    };
    while !rest.is_empty() {
        let at = datagram.len() - rest.len();
        let (kind, value, after) = split_attribute(rest)?;
        if message.has_fingerprint {
            return Err(StunError::BadFingerprint);
        }
        message.read_attribute(kind, value, at)?;
        rest = after;
    }
    Ok(message)
}

/// One attribute and what follows its padding (RFC 8489 §14).
fn split_attribute(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), StunError> {
    let (&[k0, k1, l0, l1], body) = bytes.split_first_chunk::<4>().ok_or(StunError::BadAttribute)?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let value = body.get(..length).ok_or(StunError::BadAttribute)?;
    let after = body.get(length.next_multiple_of(4)..).ok_or(StunError::BadAttribute)?;
    Ok((u16::from_be_bytes([k0, k1]), value, after))
}

impl<'a> Message<'a> {
    fn read_attribute(&mut self, kind: u16, value: &'a [u8], at: usize) -> Result<(), StunError> {
        if kind == attribute::FINGERPRINT {
            let expected = u32::from_be_bytes(fixed(value)?);
            let covered = self.datagram.get(..at).ok_or(StunError::BadAttribute)?;
            if crc32fast::hash(covered) ^ FINGERPRINT_XOR != expected {
                return Err(StunError::BadFingerprint);
            }
            self.has_fingerprint = true;
            return Ok(());
        }
        // RFC 8489 §14.5: what follows MESSAGE-INTEGRITY, except FINGERPRINT, is not protected and is ignored.
        if self.integrity_at.is_some() {
            return Ok(());
        }
        // Of an attribute that is there twice only the first counts (RFC 8489 §14).
        match kind {
            attribute::USERNAME => self.username = self.username.or(Some(value)),
            attribute::MESSAGE_INTEGRITY => {
                fixed::<20>(value)?;
                self.integrity_at = Some(at);
            }
            attribute::PRIORITY => {
                self.priority = self.priority.or(Some(u32::from_be_bytes(fixed(value)?)));
            }
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLING => {
                self.role = self.role.or(Some(Role::Controlling(u64::from_be_bytes(fixed(value)?))));
            }
            attribute::ICE_CONTROLLED => {
                self.role = self.role.or(Some(Role::Controlled(u64::from_be_bytes(fixed(value)?))));
            }
            attribute::XOR_MAPPED_ADDRESS => {
                let address = read_xor_address(value, self.transaction_id)?;
                self.xor_mapped_address = self.xor_mapped_address.or(Some(address));
            }
            attribute::ERROR_CODE => self.error_code = self.error_code.or(Some(read_error_code(value)?)),
            attribute::DTLS_IN_STUN => self.embeds_dtls = true,
            kind if kind < 0x8000 && !attribute::KNOWN_REQUIRED.contains(&kind) => {
                self.unknown_required = self.unknown_required.or(Some(kind));
            }
            _ => {}
        }
        Ok(())
    }

    /// All comprehension-required attributes that we do not know (RFC 8489 §6.3.1), as often as they are there.
    pub fn unknown_attributes(&self) -> impl Iterator<Item = u16> {
        let protected = self.integrity_at.unwrap_or(self.datagram.len());
        let mut rest = self.datagram.get(HEADER_LEN..protected).unwrap_or_default();
        std::iter::from_fn(move || {
            let (kind, _, after) = split_attribute(rest).ok()?;
            rest = after;
            Some(kind)
        })
        .filter(|kind| *kind < 0x8000 && !attribute::KNOWN_REQUIRED.contains(kind))
    }

    /// The two halves of a check's USERNAME, `receiver:sender` (RFC 8445 §7.2.2).
    pub fn ufrags(&self) -> Option<(&'a [u8], &'a [u8])> {
        let username = self.username?;
        let colon = username.iter().position(|byte| *byte == b':')?;
        Some((username.get(..colon)?, username.get(colon + 1..)?))
    }

    /// Whether MESSAGE-INTEGRITY is there and right under `password` (short-term credentials, RFC 8489 §9.1).
    pub fn verify(&self, password: &[u8]) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let (Some(covered), Some(expected)) = (self.datagram.get(..at), self.datagram.get(at + 4..at + INTEGRITY_LEN))
        else {
            return false;
        };
        integrity(covered, at, password).is_some_and(|mac| mac.verify_slice(expected).is_ok())
    }
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::BadAttribute)
}

/// HMAC over the message up to MESSAGE-INTEGRITY, with the length field as if it ended there (RFC 8489 §14.5).
fn integrity(covered: &[u8], at: usize, password: &[u8]) -> Option<Hmac<Sha1>> {
    let length = u16::try_from(at + INTEGRITY_LEN - HEADER_LEN).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(password).ok()?;
    mac.update(covered.get(..2)?);
    mac.update(&length.to_be_bytes());
    mac.update(covered.get(4..)?);
    Some(mac)
}

/// Class 3 to 6 and number 0 to 99 (RFC 8489 §14.8); the reason phrase is not looked at.
fn read_error_code(value: &[u8]) -> Result<u16, StunError> {
    let &[_, _, class, number, ..] = value else { return Err(StunError::BadAttribute) };
    match (class & 7, number) {
        (class @ 3..=6, number @ 0..=99) => Ok(u16::from(class) * 100 + u16::from(number)),
        _ => Err(StunError::BadAttribute),
    }
}

fn read_xor_address(value: &[u8], transaction_id: TransactionId) -> Result<SocketAddr, StunError> {
    let (&[_, family, p0, p1], address) = value.split_first_chunk::<4>().ok_or(StunError::BadAttribute)?;
    let port = u16::from_be_bytes([p0 ^ MAGIC_COOKIE[0], p1 ^ MAGIC_COOKIE[1]]);
    let mask = xor_mask(transaction_id);
    let ip = match family {
        1 => {
            let mut octets: [u8; 4] = fixed(address)?;
            octets.iter_mut().zip(mask).for_each(|(octet, bits)| *octet ^= bits);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        2 => {
            let mut octets: [u8; 16] = fixed(address)?;
            octets.iter_mut().zip(mask).for_each(|(octet, bits)| *octet ^= bits);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return Err(StunError::BadAttribute),
    };
    Ok(SocketAddr::new(ip, port))
}

/// RFC 8489 §14.2: the magic cookie, then the transaction id.
fn xor_mask(transaction_id: TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask.iter_mut().zip(MAGIC_COOKIE.into_iter().chain(transaction_id)).for_each(|(slot, byte)| *slot = byte);
    mask
}
