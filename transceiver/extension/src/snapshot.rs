//! A call at one moment, across those who send for it: the pacer and the worker, DTLS, SCTP, the socket's thread.

use std::sync::Arc;

use antiphon_media::call_export::{
    CallState, DataState, LONGEST_FORM, MediaState, Offer, Origin, Snapshot, SpeechState,
};
use antiphon_media::hearing::HearingState;
use antiphon_media::speaking::SpeakingState;
use antiphon_media::srtp::SrtpKeys;
use pyo3::prelude::*;

use crate::call::{Call, Terms};
use crate::clock::now_us;
use crate::data_channels::{Channels, DataChannels};
use crate::dtls_records::DtlsRecords;
use crate::exchange::Exchange;
use crate::shared_tenure::SharedTenure;

/// Bytes of an export beside its configuration, model and data channels: some hundreds.
const MOST_OF_THE_REST: usize = 16 * 1024;

pyo3::create_exception!(
    antiphon_transceiver._extension,
    NotExportable,
    pyo3::exceptions::PyException,
    "The call cannot be written down now, and its last export stays."
);

/// Why there is no snapshot now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexportable {
    NotOwned,
    NotStarted,
    NoAddress,
    FlightUnheard,
    ChannelsOpening,
    TooLong,
}

impl Unexportable {
    const fn label(self) -> &'static str {
        match self {
            Self::NotOwned => "not_owned",
            Self::NotStarted => "not_started",
            Self::NoAddress => "no_address",
            Self::FlightUnheard => "flight_unheard",
            Self::ChannelsOpening => "channels_opening",
            Self::TooLong => "too_long",
        }
    }
}

impl From<Unexportable> for PyErr {
    fn from(why: Unexportable) -> Self {
        NotExportable::new_err(why.label())
    }
}

/// Where the parts of one call are.
pub struct Parts {
    pub exchange: Arc<Exchange>,
    pub call: Arc<Call>,
    pub records: Py<DtlsRecords>,
    pub channels: Option<Py<DataChannels>>,
}

impl Parts {
    /// The records and the channels ask it from now on; `false` where they ask another one.
    pub fn channels_ask_for(&self, tenure: &Arc<SharedTenure>) -> bool {
        self.records.get().ask_for(tenure)
            && self.channels.as_ref().is_none_or(|channels| channels.get().ask_for(tenure))
    }

    /// Offers an export of what stands now.
    ///
    /// A heir begins where the snapshot stands, and an allotment further. The owner counts its allotment from the offer
    /// ([`Tenure::offer`](antiphon_media::call_export::Tenure::offer)). So no number may be used between what the snapshot
    /// says of its kind and the offer: it would be in neither. The other way round does no harm, since numbers that are used
    /// after the offer count, and a snapshot that knows of them has its heir begin further on.
    ///
    /// Here nothing comes between: the locks of all who use numbers are held from before their states are read until
    /// the offer is made. The channels' is the one under which TSNs are given; the records' and the speaking's those under
    /// which a permit is asked and the packet then protected, in one go. They are taken in this order, here alone two of them at
    /// a time, and the tenure's after them. Nobody encodes or waits under any; the pacer, where it finds the speaking's
    /// taken, serves others first.
    ///
    /// What is received has no such rule, since the client counts it: the addresses and the receiving side are what was last
    /// known of them. What comes after that may be let in once more.
    ///
    /// What can refuse is asked before the offer is made, because with the first one the allotment begins, stored or not.
    pub fn offer(
        &self,
        tenure: &SharedTenure,
        exported_at_ms: u64,
        origin: Origin,
    ) -> Result<(Offer, Snapshot), Unexportable> {
        if tenure.is_fenced() {
            return Err(Unexportable::NotOwned);
        }
        let endpoint = &self.exchange.endpoint;
        let ice = endpoint.switchboard().ice_state(self.call.handle, endpoint.now_ms());
        let ice = ice.ok_or(Unexportable::NoAddress)?;
        let heard = self.call.heard().clone();

        let keys = self.call.keys().ok_or(Unexportable::NotStarted)?.clone();

        let channels = self.channels.as_ref().map(|channels| channels.get().hold());
        let next_tsn = channels.as_ref().and_then(|channels| channels.next_tsn());
        // It may be long; the pacer does not wait for it.
        let data = channels.as_deref().filter(|_| next_tsn.is_some()).map(state_of).transpose()?;
        if data.as_ref().is_some_and(|data| is_too_long(&origin, data)) {
            return Err(Unexportable::TooLong);
        }
        let records = self.records.get().hold();
        let speaking = self.call.speaking();

        let spoken = speaking.state(now_us()).ok_or(Unexportable::NotStarted)?;
        if !records.is_flight_heard() && heard.statistics.packets_received == 0 {
            return Err(Unexportable::FlightUnheard);
        }
        let offer = tenure.offer(next_tsn).ok_or(Unexportable::NotOwned)?;
        let connection = records.state();
        drop((speaking, records, channels));

        let media = media_state(&self.call.terms, keys, spoken, heard.state);
        let call = CallState { origin, ice, media, connection, data };
        Ok((offer, Snapshot { exported_at_ms, is_final: offer.is_final, call }))
    }
}

/// Of a call between two packets.
pub fn media_state(terms: &Terms, keys: SrtpKeys, spoken: SpeakingState, state: HearingState) -> MediaState {
    MediaState {
        keys,
        sender: spoken.sender,
        receiver: state.receiver,
        unheard_leaps: spoken.unheard_leaps,
        speech: SpeechState {
            heard: terms.heard,
            reception: state.reception,
            said: terms.said,
            bitrate: terms.bitrate,
            cname: terms.cname.to_string(),
            downlink: spoken.downlink,
        },
    }
}

fn state_of(channels: &Channels) -> Result<DataState, Unexportable> {
    let state = channels.inner.state(now_us()).ok_or(Unexportable::ChannelsOpening)?;
    Ok(DataState { config: channels.config, channels: state })
}

fn is_too_long(origin: &Origin, data: &DataState) -> bool {
    origin.configuration.len() + origin.model.len() + data.length() + MOST_OF_THE_REST > LONGEST_FORM
}
