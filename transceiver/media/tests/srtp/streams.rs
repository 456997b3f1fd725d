use antiphon_media::srtp::{
    BadState, FIRST_SEQUENCE_END, LONGEST_PACKET, MOST_STREAMS, Opening, Profile, RTCP_INDEX_END, RTP_INDEX_END,
    Receiver, ReceiverState, ReceiverStream, Refusal, ReplayWindow, Sender, SenderState, SenderStream, Unsendable,
};

use crate::ends::{SSRC, client_keys, protected, receiver, rtcp, rtp, sender, server_keys};

fn many_streams(count: u32) -> Vec<Opening> {
    (0..count).map(|ssrc| Opening { ssrc, first_sequence: 7 }).collect()
}

#[test]
fn indices_run_on_across_a_roll_over_and_are_the_sequence_numbers() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) = (sender(profile, 65_534), receiver(profile));
        for index in 65_534..65_540_u64 {
            let mut packet = rtp(SSRC, b"speech");
            assert_eq!(sender.protect_rtp(&mut packet), Ok(index));
            assert_eq!(packet[2..4], (index as u16).to_be_bytes());
            assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(index));
            assert_eq!(packet[12..], *b"speech");
        }
    }
}

#[test]
fn packets_may_be_lost_and_late_on_both_sides_of_a_roll_over() {
    for profile in Profile::ALL {
        let mut sender = sender(profile, 65_530);
        let packets = protected(&mut sender, 12);
        let mut receiver = receiver(profile);
        for place in [0, 8, 3, 7, 5, 11, 6, 1] {
            let index = 65_530 + place as u64;
            assert_eq!(receiver.unprotect_rtp(&mut packets[place].clone()), Ok(index));
            assert_eq!(receiver.unprotect_rtp(&mut packets[place].clone()), Err(Refusal::Replayed));
        }
    }
}

#[test]
fn what_lies_before_a_streams_first_roll_over_is_refused() {
    let mut sender = sender(Profile::AeadAes128Gcm, 1);
    let mut receiver = receiver(Profile::AeadAes128Gcm);
    let mut packet = protected(&mut sender, 1).remove(0);
    receiver.unprotect_rtp(&mut packet.clone()).unwrap();
    packet[2..4].copy_from_slice(&65_535_u16.to_be_bytes());
    assert_eq!(receiver.unprotect_rtp(&mut packet), Err(Refusal::Replayed));
}

#[test]
fn streams_count_for_themselves() {
    let keys = client_keys(Profile::AesCm128HmacSha1_80);
    let mut sender = Sender::new(&keys, &many_streams(3)).unwrap();
    let mut receiver = receiver(Profile::AesCm128HmacSha1_80);
    for (ssrc, index) in [(0, 7), (1, 7), (0, 8), (2, 7), (1, 8)] {
        let mut packet = rtp(ssrc, b"speech");
        assert_eq!(sender.protect_rtp(&mut packet), Ok(index));
        assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(index));
    }
    for (ssrc, index) in [(0, 0), (1, 0), (0, 1)] {
        let mut report = rtcp(ssrc, b"a report");
        assert_eq!(sender.protect_rtcp(&mut report), Ok(index));
        assert_eq!(receiver.unprotect_rtcp(&mut report), Ok(index));
    }
}

#[test]
fn a_sender_sends_the_streams_that_it_was_made_for() {
    let keys = client_keys(Profile::AeadAes128Gcm);
    let mut sender = Sender::new(&keys, &many_streams(2)).unwrap();
    assert_eq!(sender.protect_rtp(&mut rtp(2, b"speech")), Err(Unsendable::UnknownStream));
    assert_eq!(sender.protect_rtcp(&mut rtcp(2, b"")), Err(Unsendable::UnknownStream));
    assert!(Sender::new(&keys, &many_streams(32)).is_ok());
    assert_eq!(Sender::new(&keys, &many_streams(33)).unwrap_err(), BadState::TooManyStreams);
    let opening = |first_sequence| [Opening { ssrc: SSRC, first_sequence }];
    assert!(Sender::new(&keys, &opening(FIRST_SEQUENCE_END - 1)).is_ok());
    assert_eq!(Sender::new(&keys, &opening(FIRST_SEQUENCE_END)).unwrap_err(), BadState::IndexOutOfRange);
    let twice = [many_streams(2), many_streams(1)].concat();
    assert_eq!(Sender::new(&keys, &twice).unwrap_err(), BadState::SameStreamTwice);
}

#[test]
fn the_last_index_is_used_once_and_none_after_it() {
    for profile in Profile::ALL {
        let stream =
            SenderStream { ssrc: SSRC, next_rtp_index: RTP_INDEX_END - 2, next_rtcp_index: RTCP_INDEX_END - 2 };
        let state = SenderState { streams: vec![stream] }.advanced_by(1).unwrap();
        let mut sender = Sender::resume(&client_keys(profile), state);
        assert_eq!(sender.protect_rtp(&mut rtp(SSRC, b"speech")), Ok(RTP_INDEX_END - 1));
        assert_eq!(sender.protect_rtcp(&mut rtcp(SSRC, b"")), Ok(RTCP_INDEX_END - 1));
        for _ in 0..3 {
            let (mut packet, mut report) = (rtp(SSRC, b"speech"), rtcp(SSRC, b"report"));
            assert_eq!(sender.protect_rtp(&mut packet), Err(Unsendable::IndicesExhausted));
            assert_eq!(sender.protect_rtcp(&mut report), Err(Unsendable::IndicesExhausted));
            assert_eq!((packet, report), (rtp(SSRC, b"speech"), rtcp(SSRC, b"report")));
        }
        let after = sender.state().advanced_by(5).unwrap();
        let mut sender = Sender::resume(&client_keys(profile), after);
        assert_eq!(sender.protect_rtp(&mut rtp(SSRC, b"speech")), Err(Unsendable::IndicesExhausted));
        assert_eq!(sender.protect_rtcp(&mut rtcp(SSRC, b"")), Err(Unsendable::IndicesExhausted));
    }
}

#[test]
fn a_peer_may_use_only_so_many_streams_and_forgers_use_up_none() {
    for profile in Profile::ALL {
        let keys = client_keys(profile);
        let mut receiver = receiver(profile);
        for ssrc in 0..1000 {
            assert_eq!(receiver.unprotect_rtp(&mut rtp(ssrc, &[0; 40])), Err(Refusal::Unauthenticated));
            let mut report = rtcp(ssrc, &[0xff; 40]);
            assert_eq!(receiver.unprotect_rtcp(&mut report), Err(Refusal::Unauthenticated));
        }
        assert_eq!(receiver.state(), ReceiverState::default());
        for ssrc in 0..40 {
            let mut sender = Sender::new(&keys, &[Opening { ssrc, first_sequence: 7 }]).unwrap();
            let (mut packet, mut report) = (rtp(ssrc, b"speech"), rtcp(ssrc, b""));
            sender.protect_rtp(&mut packet).unwrap();
            sender.protect_rtcp(&mut report).unwrap();
            if ssrc < 32 {
                assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(7));
                assert_eq!(receiver.unprotect_rtcp(&mut report), Ok(0));
            } else {
                assert_eq!(receiver.unprotect_rtp(&mut packet), Err(Refusal::TooManyStreams));
                assert_eq!(receiver.unprotect_rtcp(&mut report), Err(Refusal::TooManyStreams));
            }
        }
        assert_eq!(receiver.state().streams.len(), MOST_STREAMS);
    }
}

/// RFC 7714 §17.3, whose key is a session key: authenticated or not, it is refused before anybody looks.
#[test]
fn a_report_that_is_not_encrypted_is_refused() {
    for profile in Profile::ALL {
        let mut report = rtcp(SSRC, b"a report");
        sender(profile, 1).protect_rtcp(&mut report).unwrap();
        let trailer = if profile == Profile::AesCm128HmacSha1_80 { report.len() - 14 } else { report.len() - 4 };
        assert_eq!(report[trailer], 0x80);
        report[trailer] = 0;
        assert_eq!(receiver(profile).unprotect_rtcp(&mut report), Err(Refusal::Malformed));
    }
}

#[test]
fn packets_longer_than_a_datagram_are_refused() {
    for profile in Profile::ALL {
        let mut sender = sender(profile, 1);
        let before = sender.state();
        let mut packet = rtp(SSRC, &vec![0; LONGEST_PACKET - 11]);
        assert_eq!(sender.protect_rtp(&mut packet), Err(Unsendable::Malformed));
        assert_eq!(receiver(profile).unprotect_rtp(&mut packet), Err(Refusal::Malformed));
        let mut report = rtcp(SSRC, &vec![0; LONGEST_PACKET - 7]);
        assert_eq!(sender.protect_rtcp(&mut report), Err(Unsendable::Malformed));
        assert_eq!(receiver(profile).unprotect_rtcp(&mut report), Err(Refusal::Malformed));
        assert_eq!(sender.state(), before);
    }
}

#[test]
fn states_that_no_owner_exports_are_refused() {
    let keys = server_keys(Profile::AeadAes128Gcm);
    let stream = |ssrc, highest| ReceiverStream { ssrc, rtp: Some(ReplayWindow { highest, seen: [1; 4] }), rtcp: None };
    let resumed = |streams| Receiver::resume(&keys, ReceiverState { streams }).map(|receiver| receiver.state());
    assert_eq!(resumed(vec![stream(1, RTP_INDEX_END)]), Err(BadState::IndexOutOfRange));
    assert_eq!(resumed(vec![stream(1, 5), stream(1, 6)]), Err(BadState::SameStreamTwice));
    assert_eq!(resumed((0..33).map(|ssrc| stream(ssrc, 5)).collect()), Err(BadState::TooManyStreams));
    let streams = vec![stream(1, RTP_INDEX_END - 1), stream(2, 6)];
    assert_eq!(resumed(streams.clone()), Ok(ReceiverState { streams }));
}
