//! ICE restart (RFC 8445 §9): the call stays, its client comes back with other credentials and perhaps from elsewhere.

use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::inbox::Kind;
use antiphon_media::switchboard::RestartRefused;
use antiphon_wire::stun::{self, Class};

use crate::site::{Binding, NEXT_PASSWORD, PASSWORD, Site, TIMERS, check, client, next_check, nomination, relay, rtp};

fn answered(site: &mut Site, from: u16, request: &[u8]) -> bool {
    site.returned();
    site.receive(relay(0), client(from), request);
    !site.returned().is_empty()
}

#[test]
fn both_ufrags_are_answered_until_a_nomination_puts_the_old_one_out_of_use() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.restart(handle, 7).unwrap();
    assert!(answered(&mut site, 1, &nomination(2)));
    assert!(answered(&mut site, 2, &next_check(3, 7).bytes()));
    assert!(answered(&mut site, 1, &nomination(4)));
    assert_eq!(site.board.address_of(handle), Some(client(1)), "not nominated yet");
    assert!(answered(&mut site, 2, &Binding { use_candidate: true, ..next_check(5, 7) }.bytes()));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
    assert!(!answered(&mut site, 1, &nomination(6)));
    assert!(answered(&mut site, 2, &next_check(7, 7).bytes()));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
    assert_eq!(site.dropped(DropReason::StunUnknownCall), 1);
    assert_eq!(site.board.counters().tally(Tally::IceRestarts), 1);
    assert_eq!(site.kinds(), [Kind::Checked]);
}

#[test]
fn the_answer_to_a_check_of_the_restart_is_protected_under_its_password() {
    let (mut site, handle) = Site::with_call();
    site.restart(handle, 7).unwrap();
    site.receive(relay(0), client(1), &next_check(1, 7).bytes());
    let returned = site.returned();
    let message = stun::parse(&returned[0].payload).unwrap();
    assert_eq!(message.class, Class::Success);
    assert!(message.verify(NEXT_PASSWORD.as_bytes()));
    assert!(!message.verify(PASSWORD.as_bytes()));
}

#[test]
fn credentials_of_two_generations_do_not_mix() {
    let next = next_check(1, 7);
    for (binding, reason) in [
        (Binding { password: PASSWORD, ..next }, DropReason::StunWrongIntegrity),
        (Binding { remote_ufrag: "caller", ..next }, DropReason::StunWrongUsername),
        (Binding { remote_ufrag: "caller-again", ..Binding::default() }, DropReason::StunWrongUsername),
        (Binding { password: NEXT_PASSWORD, ..Binding::default() }, DropReason::StunWrongIntegrity),
    ] {
        let (mut site, handle) = Site::with_call();
        site.restart(handle, 7).unwrap();
        assert!(!answered(&mut site, 1, &binding.bytes()));
        assert_eq!(site.dropped(reason), 1);
        assert_eq!(site.board.address_of(handle), None);
    }
}

#[test]
fn a_nomination_at_the_old_address_ends_the_restart_too() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.restart(handle, 7).unwrap();
    assert!(answered(&mut site, 1, &next_check(2, 7).bytes()));
    assert!(answered(&mut site, 1, &check(3)));
    assert!(answered(&mut site, 1, &Binding { use_candidate: true, ..next_check(4, 7) }.bytes()));
    assert!(!answered(&mut site, 1, &check(5)));
    assert_eq!(site.board.counters().tally(Tally::SendAddressesMoved), 0);
}

#[test]
fn before_the_first_check_a_restart_is_a_first_start() {
    let (mut site, handle) = Site::with_call();
    site.restart(handle, 7).unwrap();
    assert!(answered(&mut site, 1, &next_check(1, 7).bytes()));
    assert_eq!(site.board.address_of(handle), Some(client(1)));
    assert!(!answered(&mut site, 1, &nomination(2)));
    assert_eq!(site.kinds(), [Kind::Checked]);
}

#[test]
fn media_from_the_old_address_are_taken_while_and_after_the_client_moves() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.restart(handle, 7).unwrap();
    for (id, request) in [(2, next_check(2, 7)), (3, Binding { use_candidate: true, ..next_check(3, 7) })] {
        site.receive(relay(0), client(2), &request.bytes());
        site.deliveries();
        site.receive(relay(0), client(1), &rtp(id));
        site.receive(relay(0), client(2), &rtp(id + 10));
        assert_eq!(site.kinds(), [Kind::Rtp, Kind::Rtp]);
    }
    assert_eq!(site.board.address_of(handle), Some(client(2)));
}

#[test]
fn of_two_restarts_the_later_one_counts() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.restart(handle, 7).unwrap();
    site.restart(handle, 8).unwrap();
    assert!(!answered(&mut site, 2, &next_check(2, 7).bytes()));
    assert!(answered(&mut site, 1, &check(3)), "the one in use stays until there is another");
    assert!(answered(&mut site, 2, &Binding { use_candidate: true, ..next_check(4, 8) }.bytes()));
    assert!(!answered(&mut site, 1, &check(5)));
}

#[test]
fn a_call_has_two_ufrags_at_most_and_gives_them_all_back() {
    let (mut site, handle) = Site::with_call();
    for number in 1..=100 {
        site.restart(handle, number).unwrap();
        site.receive(
            relay(0),
            client(1),
            &Binding { use_candidate: number % 3 == 0, ..next_check(number.into(), number) }.bytes(),
        );
    }
    site.board.remove_call(handle);
    // Each is free again, also that of the last restart, which was not finished.
    for number in 0..=100 {
        site.add_call(number);
    }
}

#[test]
fn a_restart_needs_a_live_call_and_a_ufrag_that_is_free() {
    let (mut site, handle) = Site::with_call();
    let other = site.add_call(1);
    site.restart(handle, 7).unwrap();
    for taken in [0, 1, 7] {
        assert_eq!(site.restart(other, taken), Err(RestartRefused::UfragInUse));
    }
    assert_eq!(site.restart(other + 1, 8), Err(RestartRefused::CallOver));
    site.board.expire(site.now_ms + 2 * TIMERS.setup_window_ms);
    assert_eq!(site.restart(other, 8), Err(RestartRefused::CallOver));
}

#[test]
fn a_removed_call_answers_to_neither_ufrag() {
    let (mut site, handle) = Site::with_call();
    site.restart(handle, 7).unwrap();
    site.board.remove_call(handle);
    assert!(!answered(&mut site, 1, &check(1)));
    assert!(!answered(&mut site, 1, &next_check(2, 7).bytes()));
    assert_eq!(site.dropped(DropReason::StunUnknownCall), 2);
}

#[test]
fn a_call_that_loses_its_consent_while_it_restarts_is_silent_and_waits() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.now_ms += TIMERS.consent_ms - 1;
    site.restart(handle, 7).unwrap();
    site.now_ms += 1;
    let wait = site.board.expire(site.now_ms);
    assert!(wait > site.now_ms);
    assert!(!site.board.send(handle, &rtp(1)));
    assert_eq!(site.kinds(), [Kind::Checked]);
    site.now_ms = wait - 1;
    assert!(answered(&mut site, 2, &next_check(2, 7).bytes()));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
    site.board.expire(site.now_ms + TIMERS.consent_ms - 1);
    assert_eq!(site.kinds(), []);
    site.board.expire(site.now_ms + TIMERS.consent_ms);
    assert_eq!(site.kinds(), [Kind::ConsentLost]);
}

#[test]
fn a_client_that_only_restarts_and_never_checks_does_not_keep_its_place() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    let end = site.now_ms + 2 * TIMERS.consent_ms;
    for number in 1..100 {
        site.now_ms += 2_000;
        site.board.expire(site.now_ms);
        if site.restart(handle, number).is_err() {
            break;
        }
    }
    assert_eq!(site.now_ms, end);
    assert_eq!(site.kinds(), [Kind::Checked, Kind::ConsentLost]);
}
