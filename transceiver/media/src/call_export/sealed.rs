//! An export encrypted for where it is kept.
//!
//! `version (1) | key id (1) | generation (4) | serial (4) | nonce (24) | XChaCha20-Poly1305(call) | tag (16)`.
//!
//! A nonce has 192 bits and is random, so that nobody has to remember which were used: owners, heirs and those who try to
//! be one all seal under one key, and could not agree on a counter. Of 2^64 exports under a key, more than a fleet makes
//! in its life, two have the same nonce with a chance of 2^-65. With the 96 bits of AES-GCM a fleet of ten thousand calls
//! would come near to the bound of 2^32 random nonces (NIST SP 800-38D §8.3) in a fortnight.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::edition::Edition;
use super::form::{LONGEST_FORM, Malformed, read, written};
use super::state::Export;

/// The form of a call. A release writes what the release before it reads, and reads what that one writes, so that calls
/// move both ways in a rolling update; so far there is one.
pub const VERSION: u8 = 1;
pub const NONCE: usize = 24;
/// Bytes in front of what is encrypted.
pub const HEADER: usize = 1 + 1 + 4 + 4 + NONCE;
const TAG: usize = 16;
/// Bytes of a sealed export.
pub const LONGEST_SEALED: usize = HEADER + LONGEST_FORM + TAG;

/// Who can open it: the id says which key, and stands in the header.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub id: u8,
    pub secret: &'a [u8; 32],
}

/// Whose export it is. It is authenticated and not written down: whoever opens an export has to know, from elsewhere, what it
/// is to be.
#[derive(Clone, Copy)]
pub struct Label<'a> {
    /// The pod that exported it: a heir names the one that it has fenced.
    pub pod: &'a str,
    pub route: u32,
    pub call_id: &'a str,
}

/// What everybody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub key_id: u8,
    pub edition: Edition,
}

/// It would be longer than [`LONGEST_FORM`]: too much is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// Shorter or longer than any export.
    WrongLength,
    /// Of another release than this one.
    UnknownVersion(u8),
    /// Another key, another call, route or pod, or bytes that were changed.
    Unauthentic,
    /// Authentic, and yet no call.
    Malformed,
}

impl Unreadable {
    pub const fn label(self) -> &'static str {
        match self {
            Self::WrongLength => "wrong_length",
            Self::UnknownVersion(_) => "unknown_version",
            Self::Unauthentic => "unauthentic",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength => formatter.write_str("the export is too short or too long"),
            Self::UnknownVersion(version) => write!(formatter, "the export has version {version}, not {VERSION}"),
            Self::Unauthentic => formatter.write_str("the export was not made with this key, for this call and pod"),
            Self::Malformed => formatter.write_str("the export holds no call"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl Header {
    /// Of an export that nobody has authenticated yet: to choose the key, and to compare editions.
    pub fn of(sealed: &[u8]) -> Result<Self, Unreadable> {
        split(sealed).map(|(_, header, _)| header)
    }

    fn to_bytes(self, nonce: &[u8; NONCE]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend([VERSION, self.key_id]);
        bytes.extend(self.edition.generation.to_be_bytes());
        bytes.extend(self.edition.serial.to_be_bytes());
        bytes.extend(nonce);
        bytes
    }
}

impl Export {
    /// `nonce`: random, by the system's generator, and new each time.
    pub fn sealed(&self, key: Key<'_>, label: Label<'_>, nonce: &[u8; NONCE]) -> Result<Vec<u8>, TooLong> {
        let mut content = written(&self.snapshot);
        if content.len() > LONGEST_FORM {
            return Err(TooLong);
        }
        let mut sealed = Header { key_id: key.id, edition: self.edition }.to_bytes(nonce);
        let associated_data = associated_data(&sealed, label);
        let cipher = XChaCha20Poly1305::new(key.secret.into());
        let tag = cipher
            .encrypt_inout_detached(nonce.into(), &associated_data, content.as_mut_slice().into())
            .map_err(|_| TooLong)?;
        sealed.extend_from_slice(&content);
        sealed.extend(tag);
        Ok(sealed)
    }

    /// `sealed` may be anything, of any length.
    pub fn opened(sealed: &[u8], key: Key<'_>, label: Label<'_>) -> Result<Self, Unreadable> {
        let (nonce, header, content) = split(sealed)?;
        let associated_data = associated_data(&header.to_bytes(nonce), label);
        let (content, tag) = content.split_last_chunk::<TAG>().ok_or(Unreadable::WrongLength)?;
        let mut content = Zeroizing::new(content.to_vec());
        XChaCha20Poly1305::new(key.secret.into())
            .decrypt_inout_detached(nonce.into(), &associated_data, content.as_mut_slice().into(), tag.into())
            .map_err(|_| Unreadable::Unauthentic)?;
        let snapshot = read(&content).map_err(|Malformed| Unreadable::Malformed)?;
        Ok(Self { edition: header.edition, snapshot })
    }
}

/// The nonce, the rest of the header, and what follows.
fn split(sealed: &[u8]) -> Result<(&[u8; NONCE], Header, &[u8]), Unreadable> {
    if sealed.len() > LONGEST_SEALED {
        return Err(Unreadable::WrongLength);
    }
    let (&[version, key_id], rest) = sealed.split_first_chunk().ok_or(Unreadable::WrongLength)?;
    if version != VERSION {
        return Err(Unreadable::UnknownVersion(version));
    }
    let (&generation, rest) = rest.split_first_chunk().ok_or(Unreadable::WrongLength)?;
    let (&serial, rest) = rest.split_first_chunk().ok_or(Unreadable::WrongLength)?;
    let (nonce, content) = rest.split_first_chunk().ok_or(Unreadable::WrongLength)?;
    let edition = Edition { generation: u32::from_be_bytes(generation), serial: u32::from_be_bytes(serial) };
    Ok((nonce, Header { key_id, edition }, content))
}

/// One reading only: the pod's length stands before it, and the call id is the rest.
fn associated_data(header: &[u8], label: Label<'_>) -> Vec<u8> {
    let mut bytes = header.to_vec();
    bytes.extend(label.route.to_be_bytes());
    bytes.extend((label.pod.len() as u32).to_be_bytes());
    bytes.extend(label.pod.as_bytes());
    bytes.extend(label.call_id.as_bytes());
    bytes
}
