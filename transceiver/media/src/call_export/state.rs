//! What an export holds.

use std::fmt;

use super::edition::Edition;
use super::form::{form, written};
use crate::data_channel::{self, DataChannelsState};
use crate::downlink::{DownlinkState, Stream};
use crate::dtls_records::ConnectionState;
use crate::ice::IceState;
use crate::reception::ReceptionState;
use crate::srtp::{self, SrtpKeys};
use crate::uplink::Settings;

/// What an owner hands to whoever comes after it.
#[derive(Clone, Debug)]
pub struct Export {
    pub edition: Edition,
    pub snapshot: Snapshot,
}

/// A call at a moment.
#[derive(Clone)]
pub struct Snapshot {
    /// The moment, in milliseconds since the Unix epoch, by the exporting owner's clock.
    pub exported_at_ms: u64,
    /// The owner has sent its last packet before: nothing has to be leapt over.
    pub is_final: bool,
    pub call: CallState,
}

/// An established call.
///
/// Not in it: sound that waits to be heard, and the connection to the backend, which does not move; what the encoder, the
/// decoder and the uplink remember, which are a few packets; the STUN transactions that were seen.
#[derive(Clone)]
pub struct CallState {
    pub origin: Origin,
    pub ice: IceState,
    pub media: MediaState,
    /// DTLS after its handshake: a call is exported once a server's last flight need not be repeated any more.
    pub connection: ConnectionState,
    /// `None` if the call has no data channels.
    pub data: Option<DataState>,
}

/// What was asked for, and when.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    pub model: String,
    /// When the offer came, in milliseconds since the Unix epoch: the longest call counts from there.
    pub offered_at_ms: u64,
    /// For whoever talks to the backend, as it wrote it.
    pub configuration: Vec<u8>,
}

#[derive(Clone)]
pub struct MediaState {
    pub keys: SrtpKeys,
    pub sender: srtp::SenderState,
    pub receiver: srtp::ReceiverState,
    /// Takeovers since the client last reported a packet of the owner of that time: see [`super::MOST_UNHEARD_LEAPS`].
    pub unheard_leaps: u8,
    pub speech: SpeechState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechState {
    pub heard: Settings,
    /// `None` before the client's first packet.
    pub reception: Option<ReceptionState>,
    pub said: Stream,
    /// Bits a second, as the client allows it.
    pub bitrate: u32,
    /// Of our source descriptions (RFC 3550 §6.5.1).
    pub cname: String,
    pub downlink: DownlinkState,
}

#[derive(Clone)]
pub struct DataState {
    pub config: data_channel::Config,
    pub channels: DataChannelsState,
}

impl DataState {
    /// Bytes of it in an export. Nearly all of a long one is messages that are on their way.
    pub fn length(&self) -> usize {
        written(self).len()
    }
}

/// Keys, addresses, what was said: nothing of it is printed.
macro_rules! unprinted {
    ($($kind:ident),+) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_struct(stringify!($kind)).finish_non_exhaustive()
            }
        }
    )+};
}

unprinted!(Snapshot, CallState, Origin, MediaState, DataState);

form!(Snapshot { exported_at_ms, is_final, call });
form!(CallState { origin, ice, media, connection, data });
form!(Origin { model, offered_at_ms, configuration });
form!(MediaState { keys, sender, receiver, unheard_leaps, speech });
form!(SpeechState { heard, reception, said, bitrate, cname, downlink });
form!(DataState { config, channels });
