//! The writing half of STUN.

use std::net::{IpAddr, SocketAddr};

use hmac::Mac;

use super::{Class, FINGERPRINT_XOR, HEADER_LEN, MAGIC_COOKIE, Role, TransactionId, attribute, integrity, xor_mask};

/// Two ufrags of 256 characters and the colon. RFC 8489 §14.3 says 508; ICE's own bound (RFC 8839 §5.4) is a little wider.
const MAX_USERNAME: usize = 513;

/// Builds a message attribute by attribute; [`Encoder::finish`] closes it with MESSAGE-INTEGRITY and FINGERPRINT.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
    transaction_id: TransactionId,
}

impl Encoder {
    pub fn new(class: Class, transaction_id: TransactionId) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(class.message_type().to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(transaction_id);
        Self { bytes, transaction_id }
    }

    /// At most 513 bytes, two ufrags of the longest kind (RFC 8839 §5.4); what is longer is cut.
    #[must_use]
    pub fn username(self, username: &[u8]) -> Self {
        let kept = username.get(..MAX_USERNAME).unwrap_or(username);
        self.attribute(attribute::USERNAME, kept)
    }

    #[must_use]
    pub fn priority(self, priority: u32) -> Self {
        self.attribute(attribute::PRIORITY, &priority.to_be_bytes())
    }

    #[must_use]
    pub fn use_candidate(self) -> Self {
        self.attribute(attribute::USE_CANDIDATE, &[])
    }

    #[must_use]
    pub fn role(self, role: Role) -> Self {
        match role {
            Role::Controlling(tie_breaker) => self.attribute(attribute::ICE_CONTROLLING, &tie_breaker.to_be_bytes()),
            Role::Controlled(tie_breaker) => self.attribute(attribute::ICE_CONTROLLED, &tie_breaker.to_be_bytes()),
        }
    }

    /// RFC 8489 §14.2; a v4-mapped address is written as IPv4.
    #[must_use]
    pub fn xor_mapped_address(self, address: SocketAddr) -> Self {
        let mask = xor_mask(self.transaction_id);
        let port = address.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
        let mut value = vec![0];
        let mut write = |family: u8, octets: &[u8]| {
            value.push(family);
            value.extend(port.to_be_bytes());
            value.extend(octets.iter().zip(mask).map(|(octet, bits)| octet ^ bits));
        };
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => write(1, &ip.octets()),
            IpAddr::V6(ip) => write(2, &ip.octets()),
        }
        self.attribute(attribute::XOR_MAPPED_ADDRESS, &value)
    }

    /// 300 to 699 (RFC 8489 §14.8), without a reason phrase: it says nothing that the number does not.
    #[must_use]
    pub fn error_code(self, code: u16) -> Self {
        let (class, number) = ((code / 100) as u8 & 7, (code % 100) as u8);
        self.attribute(attribute::ERROR_CODE, &[0, 0, class, number])
    }

    /// RFC 8489 §14.13, for a 420 response.
    #[must_use]
    pub fn unknown_attributes(self, kinds: impl Iterator<Item = u16>) -> Self {
        let value: Vec<u8> = kinds.flat_map(u16::to_be_bytes).collect();
        self.attribute(attribute::UNKNOWN_ATTRIBUTES, &value)
    }

    /// Acknowledges no DTLS datagram: the receiver took none from STUN.
    #[must_use]
    pub fn dtls_in_stun_ack(self) -> Self {
        self.attribute(attribute::DTLS_IN_STUN_ACK, &[])
    }

    /// The whole message, integrity-protected under `password`.
    pub fn finish(mut self, password: &[u8]) -> Vec<u8> {
        let at = self.bytes.len();
        if let Some(mac) = integrity(&self.bytes, at, password) {
            self = self.attribute(attribute::MESSAGE_INTEGRITY, &mac.finalize().into_bytes());
        }
        self.fingerprint()
    }

    /// The whole message without MESSAGE-INTEGRITY (an indication, or a test's forgery).
    pub fn finish_unprotected(self) -> Vec<u8> {
        self.fingerprint()
    }

    fn fingerprint(mut self) -> Vec<u8> {
        self.set_length(8);
        let crc = crc32fast::hash(&self.bytes) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &crc.to_be_bytes()).bytes
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(0);
        self
    }

    /// The length field counts what follows the header, plus `pending` bytes that are still to come.
    fn set_length(&mut self, pending: usize) {
        let length = (self.bytes.len() - HEADER_LEN + pending) as u16;
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}
