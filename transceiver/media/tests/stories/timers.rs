//! The set-up window and consent (RFC 7675), by the time that is told.

use antiphon_media::counters::DropReason;
use antiphon_media::inbox::Kind;

use crate::site::{Site, TIMERS, check, client, nomination, relay, rtp};

#[test]
fn the_setup_window_runs_out_once() {
    let (mut site, _) = Site::with_call();
    let deadline = site.now_ms + TIMERS.setup_window_ms;
    assert_eq!(site.board.expire(deadline - 1), deadline);
    assert_eq!(site.kinds(), []);
    site.board.expire(deadline);
    site.board.expire(deadline + 1);
    assert_eq!(site.kinds(), [Kind::SetupTimeout]);
}

#[test]
fn a_check_ends_the_setup_window_and_keeps_consent_alive() {
    let (mut site, _) = Site::with_call();
    for id in 0..10 {
        site.now_ms += TIMERS.consent_ms - 1;
        site.board.expire(site.now_ms);
        site.receive(relay(0), client(1), &check(id));
    }
    assert_eq!(site.kinds(), [Kind::Checked]);
    site.board.expire(site.now_ms + TIMERS.consent_ms);
    site.board.expire(site.now_ms + 2 * TIMERS.consent_ms);
    assert_eq!(site.kinds(), [Kind::ConsentLost]);
}

#[test]
fn a_replayed_check_does_not_keep_consent_alive() {
    let (mut site, _) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.deliveries();
    site.now_ms += TIMERS.consent_ms - 1;
    site.receive(relay(0), client(1), &check(1));
    site.board.expire(site.now_ms + 1);
    assert_eq!(site.kinds(), [Kind::ConsentLost]);
}

/// RFC 7675 §5.1: consent is for one pair. Else one forged nomination would have a stranger flooded for as long as its sender
/// checks from its own address (RFC 8445 §19.5.1, the voice hammer).
#[test]
fn checks_of_another_address_do_not_keep_consent_alive() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    let lost = site.now_ms + TIMERS.consent_ms;
    for id in 2..7 {
        site.now_ms += 2_500;
        site.receive(relay(0), client(2), &check(id));
    }
    assert_eq!(site.board.expire(site.now_ms), lost);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
    site.board.expire(lost);
    assert_eq!(site.kinds(), [Kind::Checked, Kind::ConsentLost]);
}

#[test]
fn a_client_that_is_silent_at_its_nominated_address_is_followed_to_where_it_checks() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.now_ms += TIMERS.consent_ms / 2 - 1;
    site.receive(relay(0), client(2), &check(2));
    assert_eq!(site.board.address_of(handle), Some(client(1)));
    site.now_ms += 1;
    site.receive(relay(0), client(2), &check(3));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
    site.board.expire(site.now_ms + TIMERS.consent_ms - 1);
    assert_eq!(site.kinds(), [Kind::Checked]);
}

#[test]
fn a_client_that_checks_two_addresses_is_sent_to_at_the_nominated_one() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(0));
    for id in 1..100 {
        site.now_ms += 6_000;
        site.board.expire(site.now_ms);
        site.receive(relay(0), client(2), &check(2 * id));
        site.receive(relay(0), client(1), &check(2 * id + 1));
        assert_eq!(site.board.address_of(handle), Some(client(1)));
    }
    assert_eq!(site.kinds(), [Kind::Checked]);
}

/// RFC 7675 §5.1: it ceases at once, whatever the call's owner still wants to say.
#[test]
fn without_consent_nothing_is_sent() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.returned();
    site.board.expire(site.now_ms + TIMERS.consent_ms);
    assert!(!site.board.send(handle, &rtp(1)));
    assert_eq!(site.returned(), []);
    assert_eq!(site.board.address_of(handle), None);
    assert_eq!(site.dropped(DropReason::SendNoAddress), 1);
}

#[test]
fn after_its_time_a_call_answers_no_more() {
    let (mut site, _) = Site::with_call();
    site.board.expire(site.now_ms + TIMERS.setup_window_ms);
    site.deliveries();
    site.receive(relay(0), client(1), &check(1));
    assert_eq!(site.returned(), []);
    assert_eq!(site.deliveries(), []);
    assert_eq!(site.dropped(DropReason::StunCallOver), 1);
}

#[test]
fn the_earliest_deadline_of_all_calls_is_the_next() {
    let (mut site, first) = Site::with_call();
    let deadline = site.now_ms + TIMERS.setup_window_ms;
    site.now_ms += 500;
    site.add_call(1);
    assert_eq!(site.board.expire(site.now_ms), deadline);
    site.board.remove_call(first);
    assert_eq!(site.board.expire(deadline), deadline + 500);
    assert_eq!(site.board.expire(deadline + 500), u64::MAX);
    assert_eq!(site.kinds(), [Kind::SetupTimeout]);
}
