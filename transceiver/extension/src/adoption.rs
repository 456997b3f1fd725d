//! What a heir is made of, silent: nothing of it is known to the engine or to the socket before it begins.

use std::sync::Arc;

use antiphon_media::call_export::{
    CallState, DataState, Edition, Export, Inheritance, InheritedRecords, InheritedSrtp, MediaState, Offer, Origin,
    Snapshot, SpeechState, Tenure, Uninheritable,
};
use antiphon_media::codec::{Decoder, Encoder};
use antiphon_media::data_channel::{self, DataChannels};
use antiphon_media::dtls_records::Connection;
use antiphon_media::hearing::{Hearing, HearingState};
use antiphon_media::ice::IceState;
use antiphon_media::inbox::Handle;
use antiphon_media::reports::Source;
use antiphon_media::sctp::Secrets;
use antiphon_media::speaking::{Legacy, Speaking};
use antiphon_media::srtp::SrtpKeys;

use crate::call::{Call, Terms};
use crate::call_codecs::CallCodecs;
use crate::clock::now_us;
use crate::exchange::Exchange;
use crate::mailbox::Command;
use crate::pacer_desk::Wish;
use crate::random::random_bytes;
use crate::shared_tenure::SharedTenure;
use crate::snapshot::media_state;

const US_A_MS: u64 = 1_000;

/// The parts of a call that nobody has heard of yet.
pub struct Adoption {
    origin: Origin,
    connection: Connection,
    channels: Option<(data_channel::Config, DataChannels)>,
    tenure: Arc<SharedTenure>,
    claim: Edition,
    media: Media,
    ice: IceState,
    /// As of this time of the endpoint's.
    since_ms: u64,
}

struct Media {
    terms: Terms,
    keys: SrtpKeys,
    speaking: Speaking,
    hearing: Box<Hearing<Box<dyn Decoder>>>,
    state: HearingState,
    encoder: Box<dyn Encoder>,
}

/// The same in the engine: its media goes on; the rest is its owner's to go on with.
pub struct Begun {
    pub origin: Origin,
    pub connection: Connection,
    pub channels: Option<(data_channel::Config, DataChannels)>,
    pub tenure: Arc<SharedTenure>,
    pub call: Arc<Call>,
}

/// An export that was opened, and when.
pub struct Opened {
    pub edition: Edition,
    pub inheritance: Inheritance,
    /// By our clock, which has gone on since.
    pub at_us: u64,
}

/// How the sound of the next owner is made.
pub struct Means {
    pub sample_rate: u32,
    pub codecs: CallCodecs,
}

impl Adoption {
    /// All of it has leapt, and is exported as the claim, before anything of it may speak.
    pub fn of(
        exchange: &Exchange,
        opened: Opened,
        means: Means,
        exported_at_ms: u64,
    ) -> Result<(Self, Offer, Export), Uninheritable> {
        let Opened { edition, inheritance, at_us } = opened;
        let Inheritance { elapsed_ms, origin, ice, srtp, speech, records, data, .. } = inheritance;
        let resumed_us = now_us();
        let elapsed_us = elapsed_ms.saturating_mul(US_A_MS).saturating_add(resumed_us.saturating_sub(at_us));
        let media = Media::of(exchange, srtp, speech, means, (elapsed_us, resumed_us))?;
        let InheritedRecords { session, sender, receiver } = records;
        let connection = Connection::resume(session, sender, receiver).map_err(|_| Uninheritable::BadRecords)?;
        let channels = data.map(|(config, state)| channels(config, state, resumed_us)).transpose()?;
        let next_tsn = channels.as_ref().map(|(_, channels)| channels.association().next_tsn());
        let (tenure, offer) = Tenure::claiming(edition, next_tsn).ok_or(Uninheritable::GenerationsExhausted)?;
        let claim = offer.replacement.offered;
        let adoption = Self {
            origin,
            connection,
            channels,
            tenure: Arc::new(SharedTenure::new(tenure)),
            claim,
            media,
            ice: ice.aged(elapsed_us / US_A_MS),
            since_ms: exchange.endpoint.now_ms(),
        };
        let snapshot = Snapshot { exported_at_ms, is_final: false, call: adoption.state(resumed_us)? };
        Ok((adoption, offer, Export { edition: claim, snapshot }))
    }

    /// As it begins: nothing of it has been used since.
    fn state(&self, now_us: u64) -> Result<CallState, Uninheritable> {
        let data = match &self.channels {
            Some((config, channels)) => {
                let channels = channels.state(now_us).ok_or(Uninheritable::BadChannels)?;
                Some(DataState { config: *config, channels })
            }
            None => None,
        };
        Ok(CallState {
            origin: self.origin.clone(),
            ice: self.ice.clone(),
            media: self.media.state(now_us).ok_or(Uninheritable::BadSrtp)?,
            connection: self.connection.state(),
            data,
        })
    }

    /// The registry has stored the claim: the call enters the socket and the engine. None if one with its ufrag is there.
    pub fn begin(self, exchange: &Exchange, route: u32) -> Option<Begun> {
        let Self { origin, connection, channels, tenure, claim, media, ice, since_ms } = self;
        tenure.settle(claim, Ok(()));
        let now_ms = exchange.endpoint.now_ms();
        let call = {
            let mut switchboard = exchange.endpoint.switchboard();
            let handle = switchboard.resume_call(now_ms, route, ice, now_ms.saturating_sub(since_ms)).ok()?;
            switchboard.set_media(handle);
            // Under the same lock: its worker knows of it before anything of its media can come.
            media.begin(exchange, handle, &tenure)
        };
        exchange.desk.wish(Wish::Join(Arc::clone(&call)));
        Some(Begun { origin, connection, channels, tenure, call })
    }
}

impl Media {
    fn of(
        exchange: &Exchange,
        srtp: InheritedSrtp,
        speech: SpeechState,
        means: Means,
        (elapsed_us, now_us): (u64, u64),
    ) -> Result<Self, Uninheritable> {
        let InheritedSrtp { keys, sender, receiver, unheard_leaps } = srtp;
        let SpeechState { heard, reception, said, bitrate, cname, downlink } = speech;
        let terms = Terms { said, heard, sample_rate: means.sample_rate, bitrate, cname: cname.into() };
        let CallCodecs { decoder, encoder } = means.codecs;
        let legacy = Legacy { sender, downlink, elapsed_us, unheard_leaps };
        let source = Source { ssrc: said.ssrc, cname: terms.cname.clone() };
        let speaking = Speaking::resume(source, said, encoder.sample_rate(), &keys, legacy, now_us)
            .ok_or(Uninheritable::BadSrtp)?;
        let state = HearingState { receiver, reception };
        let hearing = Hearing::resume(&keys, state.clone(), exchange.listener(&terms, None), decoder, now_us)
            .map_err(|_| Uninheritable::BadSrtp)?;
        Ok(Self { terms, keys, speaking, hearing: Box::new(hearing), state, encoder })
    }

    fn state(&self, now_us: u64) -> Option<MediaState> {
        let spoken = self.speaking.state(now_us)?;
        Some(media_state(&self.terms, self.keys.clone(), spoken, self.state.clone()))
    }

    fn begin(self, exchange: &Exchange, handle: Handle, tenure: &Arc<SharedTenure>) -> Arc<Call> {
        let Self { terms, keys, speaking, hearing, state, encoder } = self;
        let sample_rate = terms.sample_rate;
        let call = Arc::new(Call::new(handle, terms, speaking));
        call.keep_keys(keys);
        // Before the pacer knows of it: every packet counts.
        call.ask_for(tenure);
        // Until the client is heard.
        call.heard().state = state;
        exchange.speech().open(handle, sample_rate);
        exchange.command(handle, Command::Adopt { call: Arc::clone(&call), encoder, hearing });
        call
    }
}

fn channels(
    config: data_channel::Config,
    state: data_channel::Inheritance,
    now_us: u64,
) -> Result<(data_channel::Config, DataChannels), Uninheritable> {
    // Nobody asks for the cookie's key any more, and the tags are inherited: the kernel may refuse.
    let random = Secrets::from_random(&random_bytes().unwrap_or([0; 40]));
    let channels = DataChannels::resume(now_us, config, random, state).map_err(|_| Uninheritable::BadChannels)?;
    Ok((config, channels))
}
