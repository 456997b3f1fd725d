//! Generic NACK (RFC 4585 §6.2.1): packets that a receiver misses.

use crate::rtcp::RtcpError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    /// The stream with the losses.
    pub media_ssrc: u32,
    entries: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn read(body: &'a [[u8; 4]]) -> Result<Self, RtcpError> {
        let (&[sender, media], entries) = body.split_first_chunk().ok_or(RtcpError::BodyCutOff)?;
        Ok(Self { sender_ssrc: u32::from_be_bytes(sender), media_ssrc: u32::from_be_bytes(media), entries })
    }

    /// The sequence numbers that are missing: up to 17 for every four bytes of the packet. Whoever acts on them bounds how
    /// many.
    pub fn lost(&self) -> impl Iterator<Item = u16> {
        self.entries.iter().flat_map(|[p0, p1, b0, b1]| {
            let (first, bits) = (u16::from_be_bytes([*p0, *p1]), u16::from_be_bytes([*b0, *b1]));
            let following = (0..16_u16).filter(move |bit| bits >> bit & 1 == 1);
            std::iter::once(first).chain(following.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// The entries that name `lost`, which is in the order of sending.
pub(super) fn entries(lost: &[u16]) -> Vec<[u8; 4]> {
    let mut entries: Vec<(u16, u16)> = Vec::new();
    for &sequence in lost {
        match entries.last_mut() {
            Some((first, bits)) if (1..=16).contains(&sequence.wrapping_sub(*first)) => {
                *bits |= 1 << (sequence.wrapping_sub(*first) - 1);
            }
            _ => entries.push((sequence, 0)),
        }
    }
    let bytes = |(first, bits): (u16, u16)| {
        let ([p0, p1], [b0, b1]) = (first.to_be_bytes(), bits.to_be_bytes());
        [p0, p1, b0, b1]
    };
    entries.into_iter().map(bytes).collect()
}
