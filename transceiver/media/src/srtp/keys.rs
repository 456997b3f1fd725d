//! A call's SRTP master keys and salts.

use std::fmt;

use zeroize::Zeroizing;

use super::profile::Profile;

/// A key, a salt or the exporter's material is not as long as the profile has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongLength;

/// One direction's master key and salt; each variant is a profile.
#[derive(Clone)]
pub(super) enum Master {
    CounterMode { key: Zeroizing<[u8; 16]>, salt: Zeroizing<[u8; 14]> },
    Aes128Gcm { key: Zeroizing<[u8; 16]>, salt: Zeroizing<[u8; 12]> },
    Aes256Gcm { key: Zeroizing<[u8; 32]>, salt: Zeroizing<[u8; 12]> },
}

impl Master {
    fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, WrongLength> {
        Ok(match profile {
            Profile::AesCm128HmacSha1_80 => Self::CounterMode { key: exactly(key)?, salt: exactly(salt)? },
            Profile::AeadAes128Gcm => Self::Aes128Gcm { key: exactly(key)?, salt: exactly(salt)? },
            Profile::AeadAes256Gcm => Self::Aes256Gcm { key: exactly(key)?, salt: exactly(salt)? },
        })
    }

    fn key(&self) -> &[u8] {
        match self {
            Self::CounterMode { key, .. } | Self::Aes128Gcm { key, .. } => key.as_slice(),
            Self::Aes256Gcm { key, .. } => key.as_slice(),
        }
    }

    fn salt(&self) -> &[u8] {
        match self {
            Self::CounterMode { salt, .. } => salt.as_slice(),
            Self::Aes128Gcm { salt, .. } | Self::Aes256Gcm { salt, .. } => salt.as_slice(),
        }
    }
}

fn exactly<const N: usize>(secret: &[u8]) -> Result<Zeroizing<[u8; N]>, WrongLength> {
    secret.try_into().map(Zeroizing::new).map_err(|_| WrongLength)
}

/// `local` protects what we send, `remote` what we receive. Cleared from memory when dropped, and never printed.
#[derive(Clone)]
pub struct SrtpKeys {
    profile: Profile,
    pub(super) local: Master,
    pub(super) remote: Master,
}

impl SrtpKeys {
    pub fn new(
        profile: Profile,
        (local_key, local_salt): (&[u8], &[u8]),
        (remote_key, remote_salt): (&[u8], &[u8]),
    ) -> Result<Self, WrongLength> {
        let local = Master::new(profile, local_key, local_salt)?;
        let remote = Master::new(profile, remote_key, remote_salt)?;
        Ok(Self { profile, local, remote })
    }

    /// Of the DTLS exporter `EXTRACTOR-dtls_srtp` (RFC 5764 §4.2): the client's key, the server's, the client's salt,
    /// the server's. `is_client` says that we are the DTLS client. The material is [`Profile::keying_material_length`]
    /// long.
    pub fn from_keying_material(profile: Profile, material: &[u8], is_client: bool) -> Result<Self, WrongLength> {
        let (client_key, rest) = material.split_at_checked(profile.key_length()).ok_or(WrongLength)?;
        let (server_key, rest) = rest.split_at_checked(profile.key_length()).ok_or(WrongLength)?;
        let (client_salt, server_salt) = rest.split_at_checked(profile.salt_length()).ok_or(WrongLength)?;
        let (client, server) = ((client_key, client_salt), (server_key, server_salt));
        if is_client { Self::new(profile, client, server) } else { Self::new(profile, server, client) }
    }

    pub fn profile(&self) -> Profile {
        self.profile
    }

    pub fn local_key(&self) -> &[u8] {
        self.local.key()
    }

    pub fn local_salt(&self) -> &[u8] {
        self.local.salt()
    }

    pub fn remote_key(&self) -> &[u8] {
        self.remote.key()
    }

    pub fn remote_salt(&self) -> &[u8] {
        self.remote.salt()
    }
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SrtpKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}
