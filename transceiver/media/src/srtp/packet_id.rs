//! What makes a packet's encryption its own.

/// Under one session key no two packets may share it: with counter mode the XOR of both would be out, with GCM the key
/// that authenticates as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketId {
    pub ssrc: u32,
    /// 48 bits for SRTP, 31 for SRTCP.
    pub index: u64,
}

impl PacketId {
    /// The first counter block (RFC 3711 §4.1.1): `(salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)`.
    pub fn counter_block(self, salt: &[u8; 14]) -> [u8; 16] {
        let salt = salt.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        (salt << 16 ^ u128::from(self.ssrc) << 64 ^ u128::from(self.index) << 16).to_be_bytes()
    }

    /// The initialization vector of RFC 7714 §8.1, and of §9.1 since an SRTCP index has but 31 bits: two zero bytes,
    /// SSRC, index, XOR the salt.
    pub fn gcm_nonce(self, salt: &[u8; 12]) -> [u8; 12] {
        let [_, _, _, _, mut nonce @ ..] = (u128::from(self.ssrc) << 48 ^ u128::from(self.index)).to_be_bytes();
        for (byte, salt) in nonce.iter_mut().zip(salt) {
            *byte ^= salt;
        }
        nonce
    }
}
