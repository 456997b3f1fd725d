//! Whatever can be exported is read as it was written.

use antiphon_media::call_export::{CallState, DataState, Export, NONCE};
use antiphon_media::codec::Coding;
use antiphon_media::data_channel::{Channel, Config, DataChannelsState, Delivery, Opening, Patience, Phase};
use antiphon_media::downlink::{DownlinkState, FrameLength, Silence};
use antiphon_media::dtls_records::{self, Suite};
use antiphon_media::ice::{CheckedPair, Credentials, IceState, RestartState};
use antiphon_media::reception::ReceptionState;
use antiphon_media::sctp::{
    self, Assembly, AssociationState, Deferred, Extensions, Fragment, Held, LeapState, Outcome, OutgoingState,
    Reliability, ResetState, Standing,
};
use antiphon_media::srtp::{Profile, ReceiverStream, ReplayWindow, SenderStream};
use antiphon_media::uplink::Mode;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::typical::{KEY, LABEL, NOON_MS, call, export, opened, sealed, session, srtp_keys};

/// Small numbers are as likely as large ones: they have other lengths.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, bits)| number >> bits)
}

prop_compose! {
    fn fragment()(
        numbers: (u16, u16, u32),
        flags: (bool, bool, bool),
        payload in vec(any::<u8>(), 0..300),
    ) -> Fragment {
        let ((stream, sequence, protocol), (is_unordered, is_first, is_last)) = (numbers, flags);
        Fragment { stream, sequence, protocol, is_unordered, is_first, is_last, payload }
    }
}

fn reliability() -> impl Strategy<Value = Reliability> {
    prop_oneof![
        Just(Reliability::Reliable),
        any::<u16>().prop_map(Reliability::Retransmissions),
        number().prop_map(Reliability::Until),
    ]
}

prop_compose! {
    fn outgoing()(
        fragment in fragment(),
        reliability in reliability(),
        transmissions: u16,
        is_acknowledged: bool,
        is_abandoned: bool,
    ) -> OutgoingState {
        OutgoingState { fragment, reliability, transmissions, is_acknowledged, is_abandoned }
    }
}

prop_compose! {
    fn leap()(before in 0..9_usize, count: u32, streams in vec(any::<(u16, u16)>(), 0..4)) -> LeapState {
        LeapState { before, count, streams }
    }
}

prop_compose! {
    fn resets()(
        next: u32,
        is_next_sure: bool,
        wanted in vec(any::<u16>(), 0..4),
        expected: Option<u32>,
        answered in option::of((any::<u32>(), (0..9_u32).prop_map(outcome))),
        deferred in option::of((any::<u32>(), any::<u32>(), vec(any::<u16>(), 0..4))),
    ) -> ResetState {
        let deferred = deferred.map(|(request, last_tsn, streams)| Deferred { request, last_tsn, streams });
        ResetState { next, is_next_sure, wanted, expected, answered, deferred }
    }
}

fn outcome(wire: u32) -> Outcome {
    match wire {
        0 => Outcome::NothingToDo,
        1 => Outcome::Performed,
        2 => Outcome::Denied,
        5 => Outcome::WrongSequence,
        6 => Outcome::InProgress,
        other => Outcome::Other(other),
    }
}

fn held() -> impl Strategy<Value = Held> {
    prop_oneof![Just(Held::Delivered), fragment().prop_map(Held::Fragment)]
}

fn assembly() -> impl Strategy<Value = Assembly> {
    prop_oneof![Just(Assembly::Empty), Just(Assembly::Refused), fragment().prop_map(Assembly::Open)]
}

prop_compose! {
    fn association()(
        tags: (u32, u32, u16),
        flags: (bool, bool),
        standing in select(&[Standing::Sure, Standing::CaughtUp, Standing::Behind]),
        tsns: (u32, u32, u32, u16),
        streams in vec(any::<(u16, u16)>(), 0..5),
        outgoing in vec(outgoing(), 0..5),
        leaps in vec(leap(), 0..3),
        held in vec((any::<u32>(), held()), 0..5),
        assembly in assembly(),
        resets in resets(),
    ) -> AssociationState {
        AssociationState {
            local_tag: tags.0,
            remote_tag: tags.1,
            remote_streams: tags.2,
            extensions: Extensions { partial_reliability: flags.0, reconfiguration: flags.1 },
            acknowledged_tsn: tsns.0,
            peer_window: tsns.1,
            streams,
            first_sequence: tsns.3,
            outgoing,
            leaps,
            received_tsn: tsns.2,
            standing,
            held,
            assembly,
            resets,
        }
    }
}

fn channel() -> impl Strategy<Value = Channel> {
    let patience = prop_oneof![
        Just(Patience::Reliable),
        any::<u16>().prop_map(Patience::Retransmissions),
        any::<u32>().prop_map(Patience::Milliseconds),
    ];
    let phase = prop_oneof![
        Just(Phase::Opening),
        Just(Phase::Open),
        any::<(bool, bool)>().prop_map(|(ours, theirs)| Phase::Closing { ours, theirs }),
    ];
    (any::<u16>(), patience, phase, any::<bool>(), ".{0,20}", ".{0,20}").prop_map(
        |(stream, patience, phase, is_unordered, label, protocol)| {
            let opening = Opening { delivery: Delivery { is_unordered, patience }, label, protocol };
            Channel { stream, opening, phase }
        },
    )
}

prop_compose! {
    fn data()(
        association in association(),
        channels in vec(channel(), 0..4),
        ports: (u16, u16, u16),
        bounds in [0..20_000_000_usize, 0..20_000_000_usize, 0..20_000_000_usize, 0..70_000_usize],
        is_dtls_client: bool,
        is_always_reliable: bool,
        largest_outgoing in select(&[0, 65_536, usize::MAX]),
    ) -> DataState {
        let [largest_message, receive_window, largest_backlog, longest_packet] = bounds;
        let (local_port, remote_port, streams) = ports;
        let sctp = sctp::Config {
            local_port, remote_port, largest_message, receive_window, largest_backlog, longest_packet, streams,
        };
        let config = Config { sctp, is_dtls_client, largest_outgoing, is_always_reliable };
        DataState { config, channels: DataChannelsState { association, channels } }
    }
}

fn window() -> impl Strategy<Value = Option<ReplayWindow>> {
    option::of((number(), any::<[u64; 4]>()).prop_map(|(highest, seen)| ReplayWindow { highest, seen }))
}

fn receiver_stream() -> impl Strategy<Value = ReceiverStream> {
    (any::<u32>(), window(), window()).prop_map(|(ssrc, rtp, rtcp)| ReceiverStream { ssrc, rtp, rtcp })
}

fn sender_stream() -> impl Strategy<Value = SenderStream> {
    (any::<u32>(), number(), any::<u32>()).prop_map(|(ssrc, next_rtp_index, next_rtcp_index)| SenderStream {
        ssrc,
        next_rtp_index,
        next_rtcp_index,
    })
}

fn with_transport(call: CallState) -> impl Strategy<Value = CallState> {
    let secrets = (select(&Profile::ALL), select(&Suite::ALL), any::<bool>());
    let streams = (vec(sender_stream(), 0..4), vec(receiver_stream(), 0..4), any::<u8>());
    let addresses = (any::<bool>(), 0..4_usize, any::<(u8, bool)>(), vec(any::<u8>(), 0..40), number());
    (secrets, streams, (number(), number(), any::<u64>()), addresses).prop_map(
        move |(secrets, streams, records, ways)| {
            let mut call = call.clone();
            (call.media.keys, call.connection.session) =
                (srtp_keys(secrets.0, secrets.2), session(secrets.1, secrets.2));
            (call.media.sender.streams, call.media.receiver.streams, call.media.unheard_leaps) = streams;
            call.connection.sender.next_sequence = records.0;
            call.connection.receiver = dtls_records::ReceiverState { next_sequence: records.1, seen: records.2 };
            let (is_selected, count, (local_index, no_pack), tlvs, consent_left_ms) = ways;
            call.ice.selected.take_if(|_| !is_selected);
            if count > 1 {
                let credentials = Credentials { ufrag: "1another".into(), ..call.ice.credentials.clone() };
                call.ice.restart = Some(RestartState { credentials, left_ms: consent_left_ms });
            }
            call.ice.consent_left_ms = consent_left_ms;
            let mut pair: CheckedPair = call.ice.pairs[count % 2].clone();
            (pair.path.local_index, pair.path.no_pack, pair.path.tlvs) = (local_index, no_pack, tlvs.into());
            call.ice.pairs = vec![pair; count];
            call
        },
    )
}

fn with_speech(call: CallState) -> impl Strategy<Value = CallState> {
    let formats = (
        select(&[Coding::Opus, Coding::Pcmu, Coding::Pcma]),
        select(&FrameLength::ALL),
        select(&[Silence::Unsent, Silence::Announced]),
        select(&[Mode::Speed, Mode::Accuracy]),
        any::<(u8, Option<u8>, Option<u8>, bool)>(),
    );
    let counts =
        (option::of((any::<u32>(), number(), number(), number())), any::<(u32, u32, u32)>(), number(), number());
    let origin = (".{0,30}", number(), vec(any::<u8>(), 0..500), ".{0,40}");
    (formats, counts, origin).prop_map(move |(formats, counts, origin)| {
        let mut call = call.clone();
        (call.origin.model, call.origin.offered_at_ms, call.origin.configuration, call.media.speech.cname) = origin;
        let speech = &mut call.media.speech;
        (speech.said.coding, speech.said.frame, speech.said.silence, speech.heard.mode, _) = formats;
        speech.heard.formats.coding = formats.0;
        (speech.said.payload_type, speech.said.redundancy, speech.heard.formats.comfort_noise, speech.heard.nack) =
            formats.4;
        let (reception, (timestamp, bitrate, ssrc), packets, payload_bytes) = counts;
        speech.reception =
            reception.map(|(ssrc, highest, expected, received)| ReceptionState { ssrc, highest, expected, received });
        (speech.bitrate, speech.said.ssrc) = (bitrate, ssrc);
        speech.downlink = DownlinkState { timestamp, packets, payload_bytes };
        call
    })
}

fn exports() -> impl Strategy<Value = Export> {
    let call = option::of(data()).prop_map(call).prop_flat_map(with_transport).prop_flat_map(with_speech);
    (call, number(), any::<bool>(), any::<(u32, u32)>()).prop_map(|(call, at_ms, is_final, (generation, serial))| {
        let mut export = export(call);
        (export.snapshot.exported_at_ms, export.snapshot.is_final) = (at_ms, is_final);
        (export.edition.generation, export.edition.serial) = (generation, serial);
        export
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(export in exports()) {
        let sealed = sealed(&export);
        let again = opened(&sealed);
        prop_assert_eq!(again.edition, export.edition);
        let (read, written) = (again.snapshot.clone(), export.snapshot);
        prop_assert_eq!((read.exported_at_ms, read.is_final), (written.exported_at_ms, written.is_final));
        let (read, written) = (read.call, written.call);
        prop_assert_eq!(read.origin, written.origin);
        let restart = |ice: &IceState| ice.restart.clone().map(|restart| (restart.credentials.ufrag, restart.left_ms));
        prop_assert_eq!(restart(&read.ice), restart(&written.ice));
        prop_assert_eq!((read.ice.pairs, read.ice.selected), (written.ice.pairs, written.ice.selected));
        prop_assert_eq!(read.ice.consent_left_ms, written.ice.consent_left_ms);
        prop_assert_eq!(read.ice.credentials.ufrag, written.ice.credentials.ufrag);
        prop_assert_eq!(read.ice.credentials.password, written.ice.credentials.password);
        prop_assert_eq!(read.ice.credentials.remote_ufrag, written.ice.credentials.remote_ufrag);
        prop_assert_eq!((read.media.sender, read.media.receiver), (written.media.sender, written.media.receiver));
        prop_assert_eq!(read.media.unheard_leaps, written.media.unheard_leaps);
        prop_assert_eq!(read.media.speech, written.media.speech);
        prop_assert_eq!(read.media.keys.profile(), written.media.keys.profile());
        prop_assert_eq!(read.media.keys.local_key(), written.media.keys.local_key());
        prop_assert_eq!(read.media.keys.local_salt(), written.media.keys.local_salt());
        prop_assert_eq!(read.media.keys.remote_key(), written.media.keys.remote_key());
        prop_assert_eq!(read.media.keys.remote_salt(), written.media.keys.remote_salt());
        let (read_session, written_session) = (&read.connection.session, &written.connection.session);
        prop_assert_eq!(read_session.suite(), written_session.suite());
        prop_assert_eq!(read_session.is_client(), written_session.is_client());
        prop_assert_eq!(read_session.master_secret(), written_session.master_secret());
        prop_assert_eq!(read_session.client_random(), written_session.client_random());
        prop_assert_eq!(read_session.server_random(), written_session.server_random());
        prop_assert_eq!(read.connection.sender, written.connection.sender);
        prop_assert_eq!(read.connection.receiver, written.connection.receiver);
        prop_assert_eq!(read.data.as_ref().map(|data| data.config), written.data.as_ref().map(|data| data.config));
        prop_assert_eq!(read.data.map(|data| data.channels), written.data.map(|data| data.channels));
    }

    #[test]
    fn whatever_is_read_can_be_refused_or_gone_on_from_without_a_panic(export in exports()) {
        crate::any_bytes::go_on_from(export, NOON_MS);
    }

    #[test]
    fn a_value_has_one_form(export in exports()) {
        let first = export.sealed(KEY, LABEL, &[3; NONCE]).unwrap();
        prop_assert_eq!(opened(&first).sealed(KEY, LABEL, &[3; NONCE]).unwrap(), first);
    }
}
