//! What an owner may send, by what it knows of its exports.

use antiphon_media::call_export::{Conflict, Edition, Kind, LEAP, Offer, Replacement, Tenure};

fn offered(tenure: &mut Tenure) -> Edition {
    tenure.offer(Some(100)).unwrap().replacement.offered
}

fn use_up(tenure: &mut Tenure, kind: Kind) -> u32 {
    (0..=LEAP.packets).take_while(|_| tenure.takes(kind)).count() as u32
}

#[test]
fn a_call_that_was_never_exported_is_not_bound() {
    let mut tenure = Tenure::of_new_call();
    for kind in [Kind::Rtp, Kind::Rtcp, Kind::Record] {
        assert_eq!(use_up(&mut tenure, kind), LEAP.packets + 1);
    }
    assert!(tenure.covers(u32::MAX));
}

#[test]
fn an_owner_stops_at_the_leap_of_the_oldest_export_that_may_be_stored() {
    let mut tenure = Tenure::of_new_call();
    // Nobody knows whether these are stored.
    offered(&mut tenure);
    assert!((0..10).all(|_| tenure.takes(Kind::Rtp)));
    let second = offered(&mut tenure);
    assert_eq!(use_up(&mut tenure, Kind::Rtp), LEAP.packets - 10);
    assert_eq!(use_up(&mut tenure, Kind::Rtcp), LEAP.packets);
    tenure.settle(second, Ok(()));
    assert_eq!(use_up(&mut tenure, Kind::Rtp), 10);
    assert_eq!(use_up(&mut tenure, Kind::Rtcp), 0);
}

#[test]
fn an_answer_to_an_earlier_offer_counts_for_no_more_than_it_says() {
    let mut tenure = Tenure::of_new_call();
    let first = offered(&mut tenure);
    tenure.settle(first, Ok(()));
    let second = offered(&mut tenure);
    assert!((0..10).all(|_| tenure.takes(Kind::Rtp)));
    offered(&mut tenure);
    tenure.settle(second, Ok(()));
    assert_eq!(use_up(&mut tenure, Kind::Rtp), LEAP.packets - 10);
}

#[test]
fn an_association_waits_behind_its_tsns_over_their_turn_too() {
    let mut tenure = Tenure::of_new_call();
    let first = tenure.offer(Some(u32::MAX - 5)).unwrap().replacement.offered;
    let end = (u32::MAX - 5).wrapping_add(LEAP.tsns);
    assert!(tenure.covers(u32::MAX - 5) && tenure.covers(0) && tenure.covers(end));
    assert!(!tenure.covers(end + 1));
    tenure.settle(first, Ok(()));
    let second = tenure.offer(Some(end)).unwrap().replacement.offered;
    assert!(!tenure.covers(end + 1));
    tenure.settle(second, Ok(()));
    assert!(tenure.covers(end + 1));
}

#[test]
fn a_fenced_owner_sends_and_exports_nothing_more() {
    let mut tenure = Tenure::of_new_call();
    let first = offered(&mut tenure);
    tenure.settle(first, Ok(()));
    let second = offered(&mut tenure);
    tenure.settle(second, Err(Conflict::Fenced { held: Edition { generation: 1, serial: 0 } }));
    assert!(tenure.is_fenced() && !tenure.takes(Kind::Rtp) && !tenure.covers(100));
    assert_eq!(tenure.offer(None), None);
    tenure.settle(second, Ok(()));
    assert!(!tenure.takes(Kind::Rtp));
}

#[test]
fn an_heir_sends_nothing_before_its_claim_is_known_to_be_stored() {
    let inherited = Edition { generation: 4, serial: 9 };
    let claimed = Edition { generation: 5, serial: 0 };
    let (mut tenure, offer) = Tenure::claiming(inherited, Some(100)).unwrap();
    let replacement = Replacement { expected: Some(inherited), offered: claimed };
    assert_eq!(offer, Offer { replacement, is_final: false });
    assert!(!tenure.takes(Kind::Record) && !tenure.covers(100));
    // Nor does it offer anything else meanwhile.
    assert_eq!(tenure.offer(None), None);
    tenure.settle(claimed, Ok(()));
    assert_eq!(use_up(&mut tenure, Kind::Rtp), LEAP.packets);
    let next = tenure.offer(None).unwrap().replacement;
    assert_eq!(next, Replacement { expected: Some(claimed), offered: Edition { serial: 1, ..claimed } });

    for conflict in [Conflict::Fenced { held: claimed }, Conflict::Other { held: inherited }, Conflict::Gone] {
        let (mut tenure, _) = Tenure::claiming(inherited, Some(100)).unwrap();
        tenure.settle(claimed, Err(conflict));
        assert!(tenure.is_fenced() && !tenure.takes(Kind::Rtp));
    }
}

#[test]
fn an_offer_that_was_stored_unknown_to_its_owner_is_found_out_by_the_next() {
    let mut tenure = Tenure::of_new_call();
    let first = offered(&mut tenure);
    assert!((0..10).all(|_| tenure.takes(Kind::Rtp)));
    let second = offered(&mut tenure);
    tenure.settle(second, Err(Conflict::Other { held: first }));
    let third = tenure.offer(None).unwrap().replacement;
    assert_eq!(third.expected, Some(first));
    assert!(third.offered > second);
    // Until then the first one may be gone on from.
    assert_eq!(use_up(&mut tenure, Kind::Rtp), LEAP.packets - 10);
}

#[test]
fn a_registry_that_forgets_silences_the_owner_until_it_has_stored_again() {
    let mut tenure = Tenure::of_new_call();
    let first = offered(&mut tenure);
    tenure.settle(first, Ok(()));
    let second = offered(&mut tenure);
    tenure.settle(second, Ok(()));
    let third = offered(&mut tenure);
    tenure.settle(third, Err(Conflict::Other { held: first }));
    assert!(!tenure.takes(Kind::Rtp) && !tenure.covers(100) && !tenure.is_fenced());
    let fourth = tenure.offer(Some(100)).unwrap().replacement;
    assert_eq!(fourth.expected, Some(first));
    tenure.settle(fourth.offered, Ok(()));
    assert!(tenure.takes(Kind::Rtp) && tenure.covers(100));

    // One that has forgotten a claim may let it be claimed again.
    let claimed = Edition { generation: 1, serial: 0 };
    let (mut heir, _) = Tenure::claiming(Edition::FIRST, None).unwrap();
    heir.settle(claimed, Ok(()));
    let next = heir.offer(None).unwrap().replacement.offered;
    heir.settle(next, Err(Conflict::Other { held: Edition::FIRST }));
    assert!(heir.is_fenced());
}

#[test]
fn a_record_that_is_gone_binds_until_the_owner_begins_anew() {
    let mut tenure = Tenure::of_new_call();
    let first = offered(&mut tenure);
    tenure.settle(first, Ok(()));
    assert_eq!(use_up(&mut tenure, Kind::Rtp), LEAP.packets);
    let second = offered(&mut tenure);
    tenure.settle(second, Err(Conflict::Gone));
    assert!(!tenure.takes(Kind::Rtp));
    tenure.begin_anew();
    assert!(tenure.takes(Kind::Rtp));
    let third = tenure.offer(None).unwrap().replacement;
    assert_eq!(third.expected, None);
    assert!(third.offered > second);
}

#[test]
fn a_record_that_is_back_after_it_was_gone_silences_the_owner_until_it_has_stored_again() {
    let mut tenure = Tenure::of_new_call();
    let first = offered(&mut tenure);
    tenure.settle(first, Ok(()));
    let second = offered(&mut tenure);
    tenure.settle(second, Err(Conflict::Gone));
    tenure.begin_anew();
    use_up(&mut tenure, Kind::Rtp);
    let third = offered(&mut tenure);
    // A replica took over that still has it: somebody may go on from there, and leap less far than we have come.
    tenure.settle(third, Err(Conflict::Other { held: first }));
    assert!(!tenure.takes(Kind::Rtp));
    let fourth = tenure.offer(None).unwrap().replacement;
    assert_eq!(fourth.expected, Some(first));
    tenure.settle(fourth.offered, Ok(()));
    assert!(tenure.takes(Kind::Rtp));
}

#[test]
fn a_closed_owner_exports_for_the_last_time() {
    let mut tenure = Tenure::of_new_call();
    assert!(!tenure.offer(None).unwrap().is_final);
    tenure.close();
    assert!(!tenure.takes(Kind::Rtp) && !tenure.takes(Kind::Record) && !tenure.covers(100));
    assert!(tenure.offer(None).unwrap().is_final);
}
