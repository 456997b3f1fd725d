//! `AEAD_AES_128_GCM` and `AEAD_AES_256_GCM` (RFC 7714).

use aes::cipher::BlockCipherEncrypt;
use aes::cipher::consts::{U12, U16};
use aes_gcm::{AeadInOut, AesGcm};
use zeroize::Zeroizing;

use super::header::{RTCP_HEADER, RtcpTrailer};
use super::packet_id::PacketId;

pub(super) const TAG: usize = 16;

/// One direction's session keys, of either protocol.
pub(super) struct Gcm<Aes> {
    aead: AesGcm<Aes, U12>,
    salt: Zeroizing<[u8; 12]>,
}

impl<Aes: BlockCipherEncrypt<BlockSize = U16>> Gcm<Aes> {
    /// Of an AES under the session key.
    pub fn new(aes: Aes, salt: Zeroizing<[u8; 12]>) -> Self {
        Self { aead: AesGcm::from(aes), salt }
    }

    /// Encrypts what follows `header` and appends the tag.
    pub fn seal_rtp(&self, id: PacketId, header: usize, packet: &mut Vec<u8>) -> Option<()> {
        let (header, payload) = packet.split_at_mut_checked(header)?;
        let tag = self.seal(id, header, payload)?;
        packet.extend(tag);
        Some(())
    }

    /// Takes the tag off and decrypts; `None` leaves the packet as it came.
    pub fn open_rtp(&self, id: PacketId, header: usize, packet: &mut Vec<u8>) -> Option<()> {
        let (body, tag) = packet.split_last_chunk_mut::<TAG>()?;
        let (header, payload) = body.split_at_mut_checked(header)?;
        self.open(id, header, payload, tag)?;
        packet.truncate(packet.len() - TAG);
        Some(())
    }

    /// Encrypts what follows the header and appends the tag and the trailer.
    pub fn seal_rtcp(&self, id: PacketId, trailer: RtcpTrailer, packet: &mut Vec<u8>) -> Option<()> {
        let (header, payload) = packet.split_first_chunk_mut::<RTCP_HEADER>()?;
        let tag = self.seal(id, &rtcp_associated_data(*header, trailer), payload)?;
        packet.extend(tag);
        packet.extend(trailer.to_bytes());
        Some(())
    }

    /// Takes the tag and the trailer off and decrypts; `None` leaves the packet as it came.
    pub fn open_rtcp(&self, id: PacketId, trailer: RtcpTrailer, packet: &mut Vec<u8>) -> Option<()> {
        let (body, _) = packet.split_last_chunk_mut::<{ RtcpTrailer::LENGTH }>()?;
        let (body, tag) = body.split_last_chunk_mut::<TAG>()?;
        let (header, payload) = body.split_first_chunk_mut::<RTCP_HEADER>()?;
        self.open(id, &rtcp_associated_data(*header, trailer), payload, tag)?;
        packet.truncate(packet.len() - TAG - RtcpTrailer::LENGTH);
        Some(())
    }

    fn seal(&self, id: PacketId, associated_data: &[u8], payload: &mut [u8]) -> Option<[u8; TAG]> {
        let nonce = id.gcm_nonce(&self.salt);
        self.aead.encrypt_inout_detached((&nonce).into(), associated_data, payload.into()).ok().map(Into::into)
    }

    fn open(&self, id: PacketId, associated_data: &[u8], payload: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        let nonce = id.gcm_nonce(&self.salt);
        self.aead.decrypt_inout_detached((&nonce).into(), associated_data, payload.into(), tag.into()).ok()
    }
}

/// RFC 7714 §9.2: the header, then the trailer, which on the wire is the packet's end.
fn rtcp_associated_data(header: [u8; RTCP_HEADER], trailer: RtcpTrailer) -> [u8; RTCP_HEADER + RtcpTrailer::LENGTH] {
    let mut associated_data = [0; RTCP_HEADER + RtcpTrailer::LENGTH];
    for (byte, from) in associated_data.iter_mut().zip(header.into_iter().chain(trailer.to_bytes())) {
        *byte = from;
    }
    associated_data
}
