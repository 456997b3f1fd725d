//! `DATA_CHANNEL_OPEN` and `DATA_CHANNEL_ACK` (RFC 8832 §5).

use super::channels::LONGEST_NAME;
use crate::fields::Fields;

const OPEN: u8 = 3;
const ACK: u8 = 2;
/// The bit of a channel type that says unordered.
const UNORDERED: u8 = 0x80;

/// How long a message is sent again (RFC 8832 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    #[default]
    Reliable,
    /// `maxRetransmits`.
    Retransmissions(u16),
    /// `maxPacketLifeTime`, in milliseconds.
    Milliseconds(u32),
}

/// How a channel's messages go, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    pub is_unordered: bool,
    pub patience: Patience,
}

/// What an OPEN says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    pub delivery: Delivery,
    /// At most [`LONGEST_NAME`] bytes each.
    pub label: String,
    pub protocol: String,
}

/// A message of DCEP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dcep {
    Open(Opening),
    Ack,
}

impl Dcep {
    /// `None` if it is none, or if its names are too long or no UTF-8.
    pub fn parse(message: &[u8]) -> Option<Self> {
        match *message.first()? {
            ACK => Some(Self::Ack),
            _ => Opening::parse(message).map(Self::Open),
        }
    }
}

impl Opening {
    /// A `DATA_CHANNEL_OPEN` message; `None` if the bytes are none, or if a name is too long or no UTF-8.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(message);
        let [message_type, kind, _, _] = fields.take()?;
        let delivery = delivery(kind, fields.u32()?)?;
        let (label_length, protocol_length) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
        let (label, protocol) = fields.rest().split_at_checked(label_length)?;
        let is_whole = message_type == OPEN && protocol.len() == protocol_length;
        is_whole.then_some(Self { delivery, label: name(label)?, protocol: name(protocol)? })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, limit) = match self.delivery.patience {
            Patience::Reliable => (0, 0),
            Patience::Retransmissions(most) => (1, u32::from(most)),
            Patience::Milliseconds(most) => (2, most),
        };
        let mut bytes = vec![OPEN, kind | if self.delivery.is_unordered { UNORDERED } else { 0 }];
        // The priority, which is without meaning here.
        bytes.extend([0; 2]);
        bytes.extend(u32::to_be_bytes(limit));
        bytes.extend((self.label.len() as u16).to_be_bytes());
        bytes.extend((self.protocol.len() as u16).to_be_bytes());
        bytes.extend(self.label.as_bytes());
        bytes.extend(self.protocol.as_bytes());
        bytes
    }
}

pub(super) const ACKNOWLEDGEMENT: [u8; 1] = [ACK];

fn delivery(kind: u8, limit: u32) -> Option<Delivery> {
    let patience = match kind & !UNORDERED {
        0 => Patience::Reliable,
        1 => Patience::Retransmissions(u16::try_from(limit).unwrap_or(u16::MAX)),
        2 => Patience::Milliseconds(limit),
        _ => return None,
    };
    Some(Delivery { is_unordered: kind & UNORDERED != 0, patience })
}

fn name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok().filter(|name| name.len() <= LONGEST_NAME)?;
    Some(name.to_owned())
}
