//! `AES_CM_128_HMAC_SHA1_80` (RFC 3711 §4.1.1 and §4.2.1): encrypted in counter mode, then authenticated.

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::header::{RTCP_HEADER, RtcpTrailer};
use super::key_derivation::{Protocol, Use, derive};
use super::packet_id::PacketId;

pub(super) const TAG: usize = 10;

/// One direction's session keys, of either protocol.
pub(super) struct CounterMode {
    aes: Aes128Enc,
    salt: Zeroizing<[u8; 14]>,
    /// Keyed: the key's two blocks are hashed once and not per packet.
    mac: Hmac<Sha1>,
}

impl CounterMode {
    pub fn new(key: &[u8; 16], salt: &[u8; 14], protocol: Protocol) -> Self {
        let prf = Aes128Enc::new(key.into());
        let session_key: Zeroizing<[u8; 16]> = derive(&prf, salt, protocol, Use::Encryption);
        let authentication: Zeroizing<[u8; 20]> = derive(&prf, salt, protocol, Use::Authentication);
        Self::from_session(&session_key, derive(&prf, salt, protocol, Use::Salt), &authentication)
    }

    pub(super) fn from_session(key: &[u8; 16], salt: Zeroizing<[u8; 14]>, authentication: &[u8; 20]) -> Self {
        // HMAC fills a short key up with zeros to its hash's block (RFC 2104 §2).
        let mut block = Zeroizing::new([0_u8; 64]);
        for (byte, key) in block.iter_mut().zip(authentication) {
            *byte = *key;
        }
        Self { aes: Aes128Enc::new(key.into()), salt, mac: Hmac::new((&*block).into()) }
    }

    /// Encrypts what follows `header` and appends the tag.
    pub fn seal_rtp(&self, id: PacketId, header: usize, packet: &mut Vec<u8>) -> Option<()> {
        self.apply_keystream(id, packet.get_mut(header..)?);
        let tag = self.rtp_mac(id, packet).finalize().into_bytes();
        packet.extend(tag.iter().take(TAG));
        Some(())
    }

    /// Takes the tag off and decrypts; `None` leaves the packet as it came.
    pub fn open_rtp(&self, id: PacketId, header: usize, packet: &mut Vec<u8>) -> Option<()> {
        let (body, tag) = packet.split_last_chunk_mut::<TAG>()?;
        self.rtp_mac(id, body).verify_truncated_left(tag).ok()?;
        self.apply_keystream(id, body.get_mut(header..)?);
        packet.truncate(packet.len() - TAG);
        Some(())
    }

    /// Encrypts what follows the header and appends the trailer and the tag.
    pub fn seal_rtcp(&self, id: PacketId, trailer: RtcpTrailer, packet: &mut Vec<u8>) -> Option<()> {
        self.apply_keystream(id, packet.get_mut(RTCP_HEADER..)?);
        packet.extend(trailer.to_bytes());
        let tag = self.mac(packet).finalize().into_bytes();
        packet.extend(tag.iter().take(TAG));
        Some(())
    }

    /// Takes the trailer and the tag off and decrypts; `None` leaves the packet as it came.
    pub fn open_rtcp(&self, id: PacketId, packet: &mut Vec<u8>) -> Option<()> {
        let (authenticated, tag) = packet.split_last_chunk_mut::<TAG>()?;
        self.mac(authenticated).verify_truncated_left(tag).ok()?;
        let (body, _) = authenticated.split_last_chunk_mut::<{ RtcpTrailer::LENGTH }>()?;
        self.apply_keystream(id, body.get_mut(RTCP_HEADER..)?);
        packet.truncate(packet.len() - TAG - RtcpTrailer::LENGTH);
        Some(())
    }

    pub(super) fn apply_keystream(&self, id: PacketId, payload: &mut [u8]) {
        let block = id.counter_block(&self.salt);
        CtrCore::<_, Ctr128BE>::inner_iv_init(&self.aes, (&block).into()).apply_keystream_partial(payload.into());
    }

    fn mac(&self, authenticated: &[u8]) -> Hmac<Sha1> {
        self.mac.clone().chain_update(authenticated)
    }

    /// The roll-over counter is authenticated and not sent (RFC 3711 §4.2).
    fn rtp_mac(&self, id: PacketId, authenticated: &[u8]) -> Hmac<Sha1> {
        let rollovers = (id.index >> 16) as u32;
        self.mac(authenticated).chain_update(rollovers.to_be_bytes())
    }
}
