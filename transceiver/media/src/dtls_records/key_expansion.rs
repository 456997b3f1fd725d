//! Record keys out of a handshake's secrets (RFC 5246 §5 and §6.3).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

use super::suite::Suite;

/// A secret or a random is not as long as TLS has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongLength;

/// What a handshake came to. Cleared from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Session {
    suite: Suite,
    master_secret: Zeroizing<[u8; 48]>,
    client_random: [u8; 32],
    server_random: [u8; 32],
    is_client: bool,
}

/// One direction's key and the fixed part of its nonces.
pub(super) struct Secret {
    pub key: Zeroizing<Vec<u8>>,
    pub iv: Zeroizing<Vec<u8>>,
}

impl Session {
    /// `is_client` says that we are the DTLS client.
    pub fn new(
        suite: Suite,
        master_secret: &[u8],
        client_random: &[u8],
        server_random: &[u8],
        is_client: bool,
    ) -> Result<Self, WrongLength> {
        Ok(Self {
            suite,
            master_secret: Zeroizing::new(master_secret.try_into().map_err(|_| WrongLength)?),
            client_random: client_random.try_into().map_err(|_| WrongLength)?,
            server_random: server_random.try_into().map_err(|_| WrongLength)?,
            is_client,
        })
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    pub fn is_client(&self) -> bool {
        self.is_client
    }

    pub fn master_secret(&self) -> &[u8; 48] {
        &self.master_secret
    }

    pub fn client_random(&self) -> &[u8; 32] {
        &self.client_random
    }

    pub fn server_random(&self) -> &[u8; 32] {
        &self.server_random
    }

    /// What we protect with.
    pub(super) fn ours(&self) -> Secret {
        self.secret(self.is_client)
    }

    /// What the peer protects with.
    pub(super) fn theirs(&self) -> Secret {
        self.secret(!self.is_client)
    }

    /// RFC 5246 §6.3: the client's key, the server's, the client's IV, the server's; an AEAD has no MAC keys.
    fn secret(&self, of_client: bool) -> Secret {
        let (key, iv) = (self.suite.key_length(), self.suite.iv_length());
        let block = self.key_block(2 * (key + iv));
        let part =
            |start: usize, length: usize| Zeroizing::new(block.get(start..start + length).unwrap_or_default().to_vec());
        let ours = usize::from(!of_client);
        Secret { key: part(ours * key, key), iv: part(2 * key + ours * iv, iv) }
    }

    fn key_block(&self, length: usize) -> Zeroizing<Vec<u8>> {
        let seed = [b"key expansion".as_slice(), &self.server_random, &self.client_random].concat();
        match self.suite {
            Suite::Aes256GcmSha384 => {
                Hmac::<Sha384>::new_from_slice(&*self.master_secret).map(|mac| expanded(&mac, &seed, length))
            }
            Suite::Aes128GcmSha256 | Suite::ChaCha20Poly1305Sha256 => {
                Hmac::<Sha256>::new_from_slice(&*self.master_secret).map(|mac| expanded(&mac, &seed, length))
            }
        }
        // HMAC takes keys of any length.
        .unwrap_or_default()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// `P_hash` (RFC 5246 §5). `seed` begins with the label.
fn expanded<M: Mac + Clone>(mac: &M, seed: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let of = |parts: [&[u8]; 2]| {
        let mut mac = mac.clone();
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    };
    let mut output = Zeroizing::new(Vec::with_capacity(length + 48));
    let mut chained = of([seed, &[]]);
    while output.len() < length {
        output.extend_from_slice(&of([&chained, seed]));
        chained = of([&chained, &[]]);
    }
    output.truncate(length);
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn the_ietf_tls_lists_vector_for_sha_256() {
        let mac = Hmac::<Sha256>::new_from_slice(&bytes("9bbe436ba940f017b17652849a71db35")).unwrap();
        let seed = [b"test label".to_vec(), bytes("a0ba9f936cda311827a6f796ffd5198c")].concat();
        let expected = bytes(
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
             0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
        );
        assert_eq!(*expanded(&mac, &seed, 100), expected);
    }

    #[test]
    fn the_ietf_tls_lists_vector_for_sha_384() {
        let mac = Hmac::<Sha384>::new_from_slice(&bytes("b80b733d6ceefcdc71566ea48e5567df")).unwrap();
        let seed = [b"test label".to_vec(), bytes("cd665cf6a8447dd6ff8b27555edb7465")].concat();
        let expected = bytes(
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
             e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd
             4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
        );
        assert_eq!(*expanded(&mac, &seed, 148), expected);
    }
}
