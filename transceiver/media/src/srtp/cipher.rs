//! One direction's protection of one protocol, whatever the profile.

use aes::cipher::KeyInit;
use aes::{Aes128Enc, Aes256Enc};
use zeroize::Zeroizing;

use super::counter_mode::CounterMode;
use super::gcm::Gcm;
use super::header::{RTCP_HEADER, RtcpTrailer};
use super::key_derivation::{Protocol, Use, derive};
use super::keys::Master;
use super::packet_id::PacketId;
use super::{counter_mode, gcm};

/// Boxed: four of them a call, of some hundred bytes each, and a `Sender` moves.
pub(super) enum Cipher {
    CounterMode(Box<CounterMode>),
    Aes128Gcm(Box<Gcm<Aes128Enc>>),
    Aes256Gcm(Box<Gcm<Aes256Enc>>),
}

impl Cipher {
    pub fn new(master: &Master, protocol: Protocol) -> Self {
        match master {
            Master::CounterMode { key, salt } => Self::CounterMode(Box::new(CounterMode::new(key, salt, protocol))),
            Master::Aes128Gcm { key, salt } => {
                let prf = Aes128Enc::new((&**key).into());
                let session: Zeroizing<[u8; 16]> = derive(&prf, &**salt, protocol, Use::Encryption);
                let aes = Aes128Enc::new((&*session).into());
                Self::Aes128Gcm(Box::new(Gcm::new(aes, derive(&prf, &**salt, protocol, Use::Salt))))
            }
            Master::Aes256Gcm { key, salt } => {
                let prf = Aes256Enc::new((&**key).into());
                let session: Zeroizing<[u8; 32]> = derive(&prf, &**salt, protocol, Use::Encryption);
                let aes = Aes256Enc::new((&*session).into());
                Self::Aes256Gcm(Box::new(Gcm::new(aes, derive(&prf, &**salt, protocol, Use::Salt))))
            }
        }
    }

    pub fn seal_rtp(&self, id: PacketId, header: usize, packet: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::CounterMode(cipher) => cipher.seal_rtp(id, header, packet),
            Self::Aes128Gcm(cipher) => cipher.seal_rtp(id, header, packet),
            Self::Aes256Gcm(cipher) => cipher.seal_rtp(id, header, packet),
        }
    }

    /// `None` if the packet is not authentic; it is then as it came.
    pub fn open_rtp(&self, id: PacketId, header: usize, packet: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::CounterMode(cipher) => cipher.open_rtp(id, header, packet),
            Self::Aes128Gcm(cipher) => cipher.open_rtp(id, header, packet),
            Self::Aes256Gcm(cipher) => cipher.open_rtp(id, header, packet),
        }
    }

    pub fn seal_rtcp(&self, id: PacketId, trailer: RtcpTrailer, packet: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::CounterMode(cipher) => cipher.seal_rtcp(id, trailer, packet),
            Self::Aes128Gcm(cipher) => cipher.seal_rtcp(id, trailer, packet),
            Self::Aes256Gcm(cipher) => cipher.seal_rtcp(id, trailer, packet),
        }
    }

    /// `None` if the packet is not authentic; it is then as it came.
    pub fn open_rtcp(&self, id: PacketId, trailer: RtcpTrailer, packet: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::CounterMode(cipher) => cipher.open_rtcp(id, packet),
            Self::Aes128Gcm(cipher) => cipher.open_rtcp(id, trailer, packet),
            Self::Aes256Gcm(cipher) => cipher.open_rtcp(id, trailer, packet),
        }
    }

    /// An SRTP packet without its tag.
    pub fn without_tag<'packet>(&self, packet: &'packet [u8]) -> Option<&'packet [u8]> {
        packet.get(..packet.len().checked_sub(self.tag_length())?)
    }

    /// The trailer of an SRTCP packet: before the tag in counter mode (RFC 3711 §3.4), after it with GCM (RFC 7714
    /// §9.2). `None` if the packet is too short to have header, trailer and tag.
    pub fn rtcp_trailer(&self, packet: &[u8]) -> Option<RtcpTrailer> {
        if packet.len() < RTCP_HEADER + RtcpTrailer::LENGTH + self.tag_length() {
            return None;
        }
        let until_trailer = match self {
            Self::CounterMode(_) => self.without_tag(packet)?,
            Self::Aes128Gcm(_) | Self::Aes256Gcm(_) => packet,
        };
        until_trailer.last_chunk().copied().map(RtcpTrailer::from_bytes)
    }

    fn tag_length(&self) -> usize {
        match self {
            Self::CounterMode(_) => counter_mode::TAG,
            Self::Aes128Gcm(_) | Self::Aes256Gcm(_) => gcm::TAG,
        }
    }
}
