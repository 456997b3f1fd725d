//! The hop protocol between relay and transceiver: a UDP datagram carries one or more records, each a client's datagram with
//! its flow's identity in front.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

pub const VERSION: u8 = 1;
/// The fixed part of a record's header.
pub const HEADER_LEN: usize = 28;
/// The header length is counted in 4-byte words in one byte.
pub const MAX_HEADER_LEN: usize = 255 * 4;
/// No datagram is packed beyond this many bytes, so that a packed one fits the path MTU (IPv6, 1500-byte links, an overlay).
pub const MAX_PACKED: usize = 1400;

const FLAG_NO_PACK: u8 = 0x01;
/// A one-byte TLV without length, for padding to a word.
pub const TLV_PAD: u8 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopError {
    Truncated,
    UnknownVersion,
    /// A header length below the fixed part, beyond the datagram, or TLVs that do not fit.
    BadHeader,
}

impl HopError {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::UnknownVersion => "unknown_version",
            Self::BadHeader => "bad_header",
        }
    }
}

impl std::fmt::Display for HopError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "the hop record is truncated",
            Self::UnknownVersion => "the hop record has an unknown version",
            Self::BadHeader => "the hop record's header is malformed",
        })
    }
}

impl std::error::Error for HopError {}

/// One client datagram on the hop. `tlvs` are whole and well-formed, and are echoed by a receiver that does not know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub route: u32,
    /// Canonical: a v4-mapped address is IPv4 here.
    pub client: SocketAddr,
    /// Which of the relay's local addresses the client talks to.
    pub local_index: u8,
    /// The sender cannot unpack: send it one record a datagram.
    pub no_pack: bool,
    pub tlvs: &'a [u8],
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// Header, TLVs (padded to a word) and payload, in bytes.
    pub fn encoded_len(&self) -> usize {
        header_len(self.tlvs) + self.payload.len()
    }

    /// Appends the record; `false`, with nothing written, where the TLVs are malformed (padding would complete a cut
    /// one) or they or the payload are too long for their length fields.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> bool {
        let header_len = header_len(self.tlvs);
        let (Ok(words), Ok(length)) = (u8::try_from(header_len / 4), u16::try_from(self.payload.len())) else {
            return false;
        };
        if check_tlvs(self.tlvs).is_err() {
            return false;
        }
        let ip = match self.client.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let end_of_header = out.len() + header_len;
        out.extend([VERSION, if self.no_pack { FLAG_NO_PACK } else { 0 }, words, self.local_index]);
        out.extend(length.to_be_bytes());
        out.extend(self.client.port().to_be_bytes());
        out.extend(self.route.to_be_bytes());
        out.extend(ip.octets());
        out.extend(self.tlvs);
        out.resize(end_of_header, TLV_PAD);
        out.extend(self.payload);
        true
    }
}

fn header_len(tlvs: &[u8]) -> usize {
    (HEADER_LEN + tlvs.len()).next_multiple_of(4)
}

/// The records of one datagram, in order. After an error there is nothing more: the rest cannot be delimited.
pub fn records(datagram: &[u8]) -> Records<'_> {
    Records { rest: datagram }
}

#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, HopError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let result = split_record(self.rest);
        self.rest = result.as_ref().map_or(&[], |(_, rest)| rest);
        Some(result.map(|(record, _)| record))
    }
}

fn split_record(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), HopError> {
    let fixed = bytes.first_chunk::<HEADER_LEN>().ok_or(HopError::Truncated)?;
    let &[version, flags, words, local_index, l0, l1, p0, p1, r0, r1, r2, r3, ref ip @ ..] = fixed;
    if version != VERSION {
        return Err(HopError::UnknownVersion);
    }
    let header_len = usize::from(words) * 4;
    let tlvs = bytes.get(HEADER_LEN..header_len).ok_or(HopError::BadHeader)?;
    check_tlvs(tlvs)?;
    let payload_end = header_len + usize::from(u16::from_be_bytes([l0, l1]));
    let payload = bytes.get(header_len..payload_end).ok_or(HopError::Truncated)?;
    let ip: &[u8; 16] = ip;
    let record = Record {
        route: u32::from_be_bytes([r0, r1, r2, r3]),
        client: SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*ip)).to_canonical(), u16::from_be_bytes([p0, p1])),
        local_index,
        no_pack: flags & FLAG_NO_PACK != 0,
        tlvs,
        payload,
    };
    Ok((record, bytes.get(payload_end..).unwrap_or_default()))
}

/// The TLVs of a record that [`records`] gave, padding left out.
pub fn tlvs(mut tlvs: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        while let Some((&TLV_PAD, rest)) = tlvs.split_first() {
            tlvs = rest;
        }
        let (&[kind, length], rest) = tlvs.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(length))?;
        tlvs = rest;
        Some((kind, value))
    })
}

/// Appends one TLV; `false`, with nothing written, where the kind is padding's or the value is longer than 255 bytes.
pub fn push_tlv(tlvs: &mut Vec<u8>, kind: u8, value: &[u8]) -> bool {
    let Ok(length) = u8::try_from(value.len()) else { return false };
    if kind == TLV_PAD {
        return false;
    }
    tlvs.extend([kind, length]);
    tlvs.extend(value);
    true
}

/// `kind 8 | length 8 | value`, or a single [`TLV_PAD`].
fn check_tlvs(mut tlvs: &[u8]) -> Result<(), HopError> {
    while let Some((kind, rest)) = tlvs.split_first() {
        if *kind == TLV_PAD {
            tlvs = rest;
            continue;
        }
        let (length, value) = rest.split_first().ok_or(HopError::BadHeader)?;
        tlvs = value.get(usize::from(*length)..).ok_or(HopError::BadHeader)?;
    }
    Ok(())
}
