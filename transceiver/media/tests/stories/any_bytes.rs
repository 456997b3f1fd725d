//! No bytes panic, get an answer they did not earn, or vanish uncounted.

use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::demux::classify;
use proptest::prelude::*;

use crate::site::{Site, check, client, dtls, nomination, relay, rtcp, rtp};

fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (0..80_u64).prop_map(check),
        (0..80_u64).prop_map(nomination),
        Just(dtls()),
        any::<u16>().prop_map(rtp),
        Just(rtcp()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_datagram_from_a_relay_is_survived(datagram in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut site, _) = Site::with_call();
        site.board.receive(site.now_ms, 0, relay(0), &datagram);
        prop_assert!(site.returned().is_empty());
        prop_assert!(site.deliveries().is_empty());
        prop_assert_eq!(site.all_drops() == 0, datagram.is_empty());
    }

    #[test]
    fn any_payload_is_classified(payload in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = classify(&payload);
    }

    #[test]
    fn a_check_changed_in_any_byte_gets_no_answer(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let (mut site, handle) = Site::with_call();
        let mut request = nomination(1);
        let at = at.index(request.len());
        request[at] ^= flip;
        site.receive(relay(0), client(1), &request);
        prop_assert!(site.returned().is_empty());
        prop_assert_eq!(site.board.address_of(handle), None);
        prop_assert_eq!(site.all_drops(), 1);
    }

    #[test]
    fn each_record_is_delivered_answered_or_dropped_for_a_reason(
        arrivals in prop::collection::vec((0..12_u16, 0..4_u16, payloads()), 0..120)
    ) {
        let (mut site, _) = Site::with_call();
        for (from, through, payload) in &arrivals {
            site.receive(relay(*through), client(*from), payload);
        }
        let answered = site.returned().len() as u64;
        let delivered = site.deliveries().iter().filter(|delivery| !delivery.payload.is_empty()).count() as u64;
        prop_assert_eq!(arrivals.len() as u64, answered + delivered + site.all_drops());
        let strangers = site.dropped(DropReason::HopStranger);
        prop_assert_eq!(site.board.counters().tally(Tally::ReceivedRecords), arrivals.len() as u64 - strangers);
    }
}
