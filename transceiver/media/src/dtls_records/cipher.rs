//! One direction's AEAD.

use aes::{Aes128, Aes256};
use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use zeroize::Zeroizing;

use super::key_expansion::Secret;
use super::record::Header;
use super::suite::Suite;

const NONCE: usize = 12;
const TAG: usize = 16;
/// AES-GCM's records carry a part of their nonce (RFC 5288 §3).
const EXPLICIT: usize = 8;

enum Aead {
    Aes128Gcm(Box<AesGcm<Aes128, U12>>),
    Aes256Gcm(Box<AesGcm<Aes256, U12>>),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

pub(super) struct Cipher {
    aead: Aead,
    /// Behind the zeros that the counter takes the place of, or is added to.
    iv: Zeroizing<[u8; NONCE]>,
    has_explicit_nonce: bool,
}

impl Cipher {
    /// `None` if the secret is not as long as the suite has it.
    pub fn new(suite: Suite, secret: &Secret) -> Option<Self> {
        let key = secret.key.as_slice();
        let aead = match suite {
            Suite::Aes128GcmSha256 => Aead::Aes128Gcm(Box::new(AesGcm::new_from_slice(key).ok()?)),
            Suite::Aes256GcmSha384 => Aead::Aes256Gcm(Box::new(AesGcm::new_from_slice(key).ok()?)),
            Suite::ChaCha20Poly1305Sha256 => Aead::ChaCha20Poly1305(ChaCha20Poly1305::new_from_slice(key).ok()?),
        };
        let mut iv = Zeroizing::new([0; NONCE]);
        iv.get_mut(..secret.iv.len())?.copy_from_slice(&secret.iv);
        Some(Self { aead, iv, has_explicit_nonce: suite.iv_length() < NONCE })
    }

    /// Bytes that a record's fragment is longer than its payload.
    pub fn overhead(&self) -> usize {
        TAG + if self.has_explicit_nonce { EXPLICIT } else { 0 }
    }

    /// A whole record.
    pub fn sealed(&self, content: u8, sequence: u64, payload: &[u8]) -> Option<Vec<u8>> {
        let header = Header::new(content, sequence, payload.len() + self.overhead());
        let mut record = Vec::with_capacity(super::record::HEADER + header.length);
        header.write(&mut record);
        if self.has_explicit_nonce {
            record.extend(header.counter());
        }
        let start = record.len();
        record.extend(payload);
        let nonce = self.nonce(header.counter());
        let associated_data = header.associated_data(payload.len());
        let tag = match &self.aead {
            Aead::Aes128Gcm(aead) => seal(&**aead, nonce, &associated_data, record.get_mut(start..)?),
            Aead::Aes256Gcm(aead) => seal(&**aead, nonce, &associated_data, record.get_mut(start..)?),
            Aead::ChaCha20Poly1305(aead) => seal(aead, nonce, &associated_data, record.get_mut(start..)?),
        }?;
        record.extend(tag);
        Some(record)
    }

    /// The payload of the record with this header; `None` if it is not authentic.
    pub fn opened(&self, header: Header, fragment: &[u8]) -> Option<Vec<u8>> {
        let (counter, sealed) = if self.has_explicit_nonce {
            let (&counter, sealed) = fragment.split_first_chunk::<EXPLICIT>()?;
            (counter, sealed)
        } else {
            (header.counter(), fragment)
        };
        let (payload, tag) = sealed.split_last_chunk::<TAG>()?;
        let mut payload = payload.to_vec();
        let nonce = self.nonce(counter);
        let associated_data = header.associated_data(payload.len());
        match &self.aead {
            Aead::Aes128Gcm(aead) => open(&**aead, nonce, &associated_data, &mut payload, tag),
            Aead::Aes256Gcm(aead) => open(&**aead, nonce, &associated_data, &mut payload, tag),
            Aead::ChaCha20Poly1305(aead) => open(aead, nonce, &associated_data, &mut payload, tag),
        }?;
        Some(payload)
    }

    /// RFC 5288 §3 puts the counter behind the IV, RFC 7905 §2 adds it to the IV's end: the same over zeros.
    fn nonce(&self, counter: [u8; 8]) -> [u8; NONCE] {
        let mut nonce = *self.iv;
        for (byte, counted) in nonce.iter_mut().rev().zip(counter.iter().rev()) {
            *byte ^= counted;
        }
        nonce
    }
}

fn seal<A>(aead: &A, nonce: [u8; NONCE], associated_data: &[u8], payload: &mut [u8]) -> Option<[u8; TAG]>
where
    A: AeadInOut<NonceSize = U12>,
    A::TagSize: ArraySize,
{
    let tag = aead.encrypt_inout_detached((&nonce).into(), associated_data, payload.into()).ok()?;
    tag.as_slice().try_into().ok()
}

fn open<A>(aead: &A, nonce: [u8; NONCE], associated_data: &[u8], payload: &mut [u8], tag: &[u8; TAG]) -> Option<()>
where
    A: AeadInOut<NonceSize = U12>,
{
    let tag = tag.as_slice().try_into().ok()?;
    aead.decrypt_inout_detached((&nonce).into(), associated_data, payload.into(), tag).ok()
}
