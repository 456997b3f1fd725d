//! Session keys from a master key and salt (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, InnerIvInit, StreamCipherCore};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use zeroize::Zeroizing;

/// Which packets the session keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp,
    Rtcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Encryption,
    Authentication,
    Salt,
}

impl Protocol {
    /// RFC 3711 §4.3.1 and §4.3.2.
    fn label(self, purpose: Use) -> u8 {
        let offset = match purpose {
            Use::Encryption => 0,
            Use::Authentication => 1,
            Use::Salt => 2,
        };
        match self {
            Self::Rtp => offset,
            Self::Rtcp => 3 + offset,
        }
    }
}

/// The pseudo-random function is AES under the master key in counter mode, so `prf` is a 256-bit AES where the master
/// key has 256 bits (RFC 7714 §11). A salt of 12 bytes counts as if two zero bytes followed it (the same section).
pub(super) fn derive<const LENGTH: usize>(
    prf: &impl BlockCipherEncrypt<BlockSize = U16>,
    salt: &[u8],
    protocol: Protocol,
    purpose: Use,
) -> Zeroizing<[u8; LENGTH]> {
    let mut block = Zeroizing::new([0_u8; 16]);
    for (byte, salt) in block.iter_mut().take(14).zip(salt) {
        *byte = *salt;
    }
    // key_id = label || r, and r = 0; the last two bytes count blocks.
    if let Some(byte) = block.get_mut(7) {
        *byte ^= protocol.label(purpose);
    }
    let mut derived = Zeroizing::new([0_u8; LENGTH]);
    let keystream = CtrCore::<_, Ctr128BE>::inner_iv_init(prf, (&*block).into());
    keystream.apply_keystream_partial(derived.as_mut_slice().into());
    derived
}
