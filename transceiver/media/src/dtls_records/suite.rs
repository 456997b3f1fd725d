//! The cipher suites that our handshakes offer: AEAD only, with ephemeral keys; how the peer signs is of no matter here.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// RFC 5288, RFC 5289.
    Aes128GcmSha256,
    Aes256GcmSha384,
    /// RFC 7905.
    ChaCha20Poly1305Sha256,
}

impl Suite {
    pub const ALL: [Self; 3] = [Self::Aes128GcmSha256, Self::Aes256GcmSha384, Self::ChaCha20Poly1305Sha256];

    /// By OpenSSL's name of it, with ECDSA or with RSA certificates.
    pub fn from_openssl_name(name: &str) -> Option<Self> {
        Some(match name {
            "ECDHE-ECDSA-AES128-GCM-SHA256" | "ECDHE-RSA-AES128-GCM-SHA256" => Self::Aes128GcmSha256,
            "ECDHE-ECDSA-AES256-GCM-SHA384" | "ECDHE-RSA-AES256-GCM-SHA384" => Self::Aes256GcmSha384,
            "ECDHE-ECDSA-CHACHA20-POLY1305" | "ECDHE-RSA-CHACHA20-POLY1305" => Self::ChaCha20Poly1305Sha256,
            _ => return None,
        })
    }

    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128GcmSha256 => 16,
            Self::Aes256GcmSha384 | Self::ChaCha20Poly1305Sha256 => 32,
        }
    }

    /// The part of a nonce that comes of the handshake.
    pub(super) const fn iv_length(self) -> usize {
        match self {
            Self::Aes128GcmSha256 | Self::Aes256GcmSha384 => 4,
            Self::ChaCha20Poly1305Sha256 => 12,
        }
    }
}
