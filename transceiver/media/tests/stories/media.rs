//! Calls whose media is somebody's: its packets go to him, and what he sends is kept for those who missed it.

use antiphon_media::counters::Tally;
use antiphon_media::inbox::{Delivery, Kind};

use crate::site::{Site, check, client, relay, rtcp, rtp};

const DTLS: [u8; 16] = [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3];

fn media(site: &mut Site) -> Vec<Delivery> {
    let mut media = Vec::new();
    site.board.swap_media(&mut media);
    media
}

#[test]
fn rtp_and_rtcp_go_to_the_media_and_the_rest_to_the_inbox() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.deliveries();
    site.receive(relay(0), client(1), &rtp(1));
    assert!(media(&mut site).is_empty());
    assert_eq!(site.kinds(), [Kind::Rtp]);
    assert!(site.board.set_media(handle));
    assert!(!site.board.set_media(handle + 1));
    for payload in [rtp(2), DTLS.to_vec(), rtcp()] {
        site.receive(relay(0), client(1), &payload);
    }
    site.receive(relay(1), client(1), &rtp(3));
    site.receive(relay(0), client(2), &rtp(4));
    assert_eq!(site.kinds(), [Kind::Dtls]);
    let media = media(&mut site);
    assert!(media.iter().all(|delivery| delivery.handle == handle && delivery.came_us == site.now_ms * 1_000));
    let payloads: Vec<_> = media.iter().map(|delivery| (delivery.kind, delivery.payload.clone())).collect();
    assert_eq!(payloads, [(Kind::Rtp, rtp(2)), (Kind::Rtcp, rtcp()), (Kind::Rtp, rtp(3))]);
    assert_eq!(media.iter().map(|delivery| delivery.via != 0).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn what_the_client_missed_goes_again_byte_for_byte() {
    let (mut site, handle) = Site::with_call();
    assert_eq!(site.board.send_again(0, handle, None, &[1]), (0, 0), "no address yet");
    site.receive(relay(0), client(1), &check(1));
    for sequence in 0..5 {
        assert!(site.board.send_rtp(0, handle, &rtp(sequence)));
    }
    site.returned();
    let length = rtp(0).len() as u64;
    assert_eq!(site.board.send_again(1_000, handle, None, &[3, 1, 77]), (2, 2 * length));
    let payloads: Vec<_> = site.returned().into_iter().map(|one| one.payload).collect();
    assert_eq!(payloads, [rtp(3), rtp(1)]);
    assert_eq!(site.board.send_again(0, handle + 1, None, &[1]), (0, 0));
}

#[test]
fn only_media_is_kept() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    assert!(site.board.send(handle, &rtp(1)));
    site.returned();
    assert_eq!(site.board.send_again(0, handle, None, &[1]), (0, 0));
    site.receive(relay(1), client(1), &check(2));
    assert_eq!(site.returned().len(), 1, "the answer to the check alone");
    assert_eq!(site.board.counters().tally(Tally::RepeatedRecords), 0);
}
