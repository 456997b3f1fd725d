//! From an export to what a heir goes on with.

use std::fmt;

use super::age::Clock;
use super::edition::Edition;
use super::leap::{LEAP, MOST_UNHEARD_LEAPS};
use super::state::{DataState, Export, MediaState, Origin, Snapshot, SpeechState};
use crate::data_channel;
use crate::dtls_records::{self, ConnectionState, Session};
use crate::ice::IceState;
use crate::sctp;
use crate::srtp::{self, LONGEST_PACKET, SrtpKeys};

/// Bytes that an association of ours may ever be set to hold of each kind.
const LARGEST_BOUND: usize = 16 * 1024 * 1024;

/// Why nobody goes on from an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uninheritable {
    /// See [`super::LONGEST_AGE_MS`].
    TooOld,
    /// By more than clocks may differ.
    FromTheFuture,
    /// See [`MOST_UNHEARD_LEAPS`].
    TooManyLeaps,
    /// There are no generations left.
    GenerationsExhausted,
    BadSrtp,
    BadRecords,
    /// Also of a client that cannot be told of a leap (RFC 3758).
    BadChannels,
}

impl Uninheritable {
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::FromTheFuture => "from_the_future",
            Self::TooManyLeaps => "too_many_leaps",
            Self::GenerationsExhausted => "generations_exhausted",
            Self::BadSrtp => "bad_srtp",
            Self::BadRecords => "bad_records",
            Self::BadChannels => "bad_channels",
        }
    }
}

impl fmt::Display for Uninheritable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooOld => "the export is too old for the client to follow its heir",
            Self::FromTheFuture => "the export was made later than now, by more than clocks may differ",
            Self::TooManyLeaps => "the client has heard none of the last owners",
            Self::GenerationsExhausted => "the call has had too many owners",
            Self::BadSrtp => "the export's SRTP state is none",
            Self::BadRecords => "the export's DTLS state is none",
            Self::BadChannels => "the export's data channels cannot be gone on with",
        })
    }
}

impl std::error::Error for Uninheritable {}

/// Everything has leapt. The parts are made of it first, then they are exported as `edition`; nothing is sent before the
/// registry has taken that export in the place of the one that was inherited.
pub struct Inheritance {
    pub edition: Edition,
    /// Since the export, at most: for [`crate::ice::IceLite::resume`], in milliseconds, and for
    /// [`crate::downlink::Queue::resume`].
    pub elapsed_ms: u64,
    pub origin: Origin,
    pub ice: IceState,
    pub srtp: InheritedSrtp,
    pub speech: SpeechState,
    pub records: InheritedRecords,
    pub data: Option<(data_channel::Config, data_channel::Inheritance)>,
}

pub struct InheritedSrtp {
    pub keys: SrtpKeys,
    pub sender: srtp::AdvancedState,
    pub receiver: srtp::ReceiverState,
    pub unheard_leaps: u8,
}

pub struct InheritedRecords {
    pub session: Session,
    pub sender: dtls_records::AdvancedState,
    pub receiver: dtls_records::ReceiverState,
}

impl Export {
    /// One heir only may go on from one export, and the registry says who.
    pub fn inherit(self, clock: Clock) -> Result<Inheritance, Uninheritable> {
        let Self { edition, snapshot: Snapshot { exported_at_ms, is_final, call } } = self;
        let elapsed_ms = clock.longest_since(exported_at_ms)?;
        let (srtp, speech) = media(call.media, is_final)?;
        let data = call.data.map(|data| channels(data, is_final)).transpose()?;
        Ok(Inheritance {
            edition: edition.claimed().ok_or(Uninheritable::GenerationsExhausted)?,
            elapsed_ms,
            origin: call.origin,
            ice: call.ice,
            srtp,
            speech,
            records: records(call.connection, is_final)?,
            data,
        })
    }
}

fn media(media: MediaState, is_final: bool) -> Result<(InheritedSrtp, SpeechState), Uninheritable> {
    let MediaState { keys, sender, receiver, unheard_leaps, speech } = media;
    let unheard_leaps = unheard_leaps.saturating_add(u8::from(!is_final));
    if unheard_leaps > MOST_UNHEARD_LEAPS {
        return Err(Uninheritable::TooManyLeaps);
    }
    let sender = if is_final { sender.unchanged() } else { sender.advanced_by(LEAP.packets) };
    let sender = sender.map_err(|_| Uninheritable::BadSrtp)?;
    Ok((InheritedSrtp { keys, sender, receiver, unheard_leaps }, speech))
}

fn records(connection: ConnectionState, is_final: bool) -> Result<InheritedRecords, Uninheritable> {
    let ConnectionState { session, sender, receiver } = connection;
    let sender = if is_final { sender.unchanged() } else { sender.advanced_by(LEAP.records) };
    let sender = sender.map_err(|_| Uninheritable::BadRecords)?;
    Ok(InheritedRecords { session, sender, receiver })
}

fn channels(
    data: DataState,
    is_final: bool,
) -> Result<(data_channel::Config, data_channel::Inheritance), Uninheritable> {
    let DataState { config, channels } = data;
    if !is_bounded(&config.sctp) {
        return Err(Uninheritable::BadChannels);
    }
    let inherited = if is_final { Ok(channels.unchanged()) } else { channels.advanced_by(LEAP.tsns) };
    Ok((config, inherited.map_err(|_| Uninheritable::BadChannels)?))
}

/// An export says what memory its heir spends: no more than anybody would set.
fn is_bounded(config: &sctp::Config) -> bool {
    let bounds = [config.largest_message, config.receive_window, config.largest_backlog];
    config.longest_packet <= LONGEST_PACKET && bounds.iter().all(|bound| *bound <= LARGEST_BOUND)
}
