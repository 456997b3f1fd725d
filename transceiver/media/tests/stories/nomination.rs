//! Which address a call sends to, against a model of the rule, over any sequence of checks.

use std::collections::HashMap;

use antiphon_media::counters::{DropReason, Tally};
use antiphon_media::inbox::Kind;
use antiphon_media::pairs::MAX_CHECKED;
use antiphon_wire::hop::Record;
use proptest::prelude::*;

use crate::site::{Binding, ROUTE, Site, check, client, nomination, relay, rtp};

#[test]
fn before_a_nomination_the_first_checked_address_is_sent_to() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.receive(relay(0), client(2), &check(2));
    assert_eq!(site.returned().len(), 2);
    assert_eq!(site.board.address_of(handle), Some(client(1)));
    assert_eq!(site.kinds(), [Kind::Checked]);
}

#[test]
fn a_nomination_moves_the_send_address_and_a_plain_check_does_not() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.receive(relay(0), client(2), &nomination(2));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
    site.receive(relay(0), client(1), &check(3));
    assert_eq!(site.board.address_of(handle), Some(client(2)));
    assert_eq!(site.kinds(), [Kind::Checked]);
    assert_eq!(site.board.counters().tally(Tally::SendAddressesMoved), 1);
}

/// Chromium repeats USE-CANDIDATE on the pair that it uses, and moves it to another when that fails.
#[test]
fn every_nomination_moves_the_send_address_and_a_repeated_one_only_confirms_it() {
    let (mut site, handle) = Site::with_call();
    for (id, number) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 1)] {
        site.receive(relay(0), client(number), &nomination(id));
        assert_eq!(site.board.address_of(handle), Some(client(number)));
    }
    assert_eq!(site.board.counters().tally(Tally::SendAddressesMoved), 2);
}

/// A pair has two ends: a client that checks two public addresses of ours is sent to from the one that it nominated.
#[test]
fn a_plain_check_of_another_address_of_ours_is_answered_from_there_and_media_stay() {
    let (mut site, handle) = Site::with_call();
    let sent_from = |site: &mut Site| {
        site.returned();
        assert!(site.board.send(handle, &rtp(0)));
        site.returned()[0].local_index
    };
    site.receive(relay(0), client(1), &nomination(1));
    site.returned();
    let payload = check(2);
    let other =
        Record { route: ROUTE, client: client(1), local_index: 1, no_pack: false, tlvs: &[], payload: &payload };
    site.receive_record(relay(0), &other);
    assert_eq!(site.returned()[0].local_index, 1);
    assert_eq!(sent_from(&mut site), 0);
    let payload = nomination(3);
    site.receive_record(relay(0), &Record { payload: &payload, ..other });
    assert_eq!(sent_from(&mut site), 1);
}

#[test]
fn rtp_never_moves_an_address() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(1), &nomination(1));
    site.receive(relay(0), client(2), &check(2));
    site.receive(relay(0), client(2), &rtp(1));
    assert_eq!(site.board.address_of(handle), Some(client(1)));
}

#[test]
fn the_selected_address_outlives_any_number_of_others() {
    let (mut site, handle) = Site::with_call();
    site.receive(relay(0), client(0), &nomination(0));
    for id in 1..1000 {
        site.receive(relay(0), client(id), &check(u64::from(id)));
    }
    assert_eq!(site.board.address_of(handle), Some(client(0)));
    site.deliveries();
    for id in 0..1000 {
        site.receive(relay(0), client(id), &rtp(id));
        site.deliveries().iter().for_each(|delivery| assert_eq!(delivery.kind, Kind::Rtp));
    }
    let unchecked = site.dropped(DropReason::UncheckedAddress);
    assert_eq!(unchecked, 1000 - MAX_CHECKED as u64);
}

#[test]
fn a_client_port_that_is_used_again_belongs_to_the_latest_check() {
    let (mut site, first) = Site::with_call();
    let second = site.add_call(1);
    site.receive(relay(0), client(1), &check(1));
    site.receive(relay(0), client(1), &Binding { id: 2, call: 1, ..Binding::default() }.bytes());
    assert_eq!(site.board.address_of(first), None);
    assert_eq!(site.board.address_of(second), Some(client(1)));
    site.deliveries();
    site.receive(relay(0), client(1), &rtp(1));
    assert_eq!(site.deliveries()[0].handle, second);
    // The end of the call that lost the address takes nothing from the one that has it.
    site.board.remove_call(first);
    site.receive(relay(0), client(1), &rtp(2));
    assert_eq!(site.deliveries()[0].handle, second);
}

#[test]
fn a_call_that_lost_its_address_sends_to_the_next_one_checked() {
    let (mut site, first) = Site::with_call();
    site.add_call(1);
    site.receive(relay(0), client(1), &nomination(1));
    site.receive(relay(0), client(1), &Binding { id: 2, call: 1, ..Binding::default() }.bytes());
    site.receive(relay(0), client(2), &check(3));
    assert_eq!(site.board.address_of(first), Some(client(2)));
}

#[test]
fn an_address_that_had_to_make_room_is_nobodys() {
    let (mut site, first) = Site::with_call();
    site.add_call(1);
    for number in 0..=MAX_CHECKED as u16 {
        site.receive(relay(0), client(number), &check(number.into()));
    }
    // Client 0 is the send address, so client 1 went.
    assert_eq!(site.board.address_of(first), Some(client(0)));
    for (number, taken_over) in [(1, 0), (2, 1)] {
        let binding = Binding { id: 100 + u64::from(number), call: 1, ..Binding::default() };
        site.receive(relay(0), client(number), &binding.bytes());
        assert_eq!(site.board.counters().tally(Tally::AddressesTakenOver), taken_over);
    }
}

#[derive(Clone, Debug)]
struct Step {
    client: u16,
    relay: u16,
    id: u64,
    use_candidate: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..12_u16, 0..3_u16, 0..60_u64, any::<bool>()).prop_map(|(client, relay, id, use_candidate)| Step {
        client,
        relay,
        id,
        use_candidate,
    });
    prop::collection::vec(step, 1..80)
}

/// The rule in a few lines: who was seen with which id, whom to send to, and who may send media (most recently checked last).
#[derive(Default)]
struct Model {
    seen: HashMap<u64, u16>,
    selected: Option<u16>,
    checked: Vec<u16>,
}

impl Model {
    /// Whether the step's check is answered.
    fn take(&mut self, step: &Step) -> bool {
        if let Some(first) = self.seen.get(&step.id) {
            return *first == step.client;
        }
        self.seen.insert(step.id, step.client);
        if self.selected.is_none() || step.use_candidate {
            self.selected = Some(step.client);
        }
        self.checked.retain(|client| *client != step.client);
        if self.checked.len() == MAX_CHECKED {
            let oldest = self.checked.iter().position(|client| Some(*client) != self.selected).unwrap();
            self.checked.remove(oldest);
        }
        self.checked.push(step.client);
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_checks_follows_the_model(steps in steps()) {
        let (mut site, handle) = Site::with_call();
        let mut model = Model::default();
        for step in &steps {
            let request = Binding { id: step.id, use_candidate: step.use_candidate, ..Binding::default() }.bytes();
            site.receive(relay(step.relay), client(step.client), &request);
            let returned = site.returned();
            prop_assert_eq!(returned.len(), usize::from(model.take(step)));
            for answer in returned {
                prop_assert_eq!((answer.relay, answer.client), (relay(step.relay), client(step.client)));
                prop_assert!(answer.payload.len() <= request.len());
            }
            prop_assert_eq!(site.board.address_of(handle), model.selected.map(client));
        }
        site.deliveries();
        for number in 0..12 {
            site.receive(relay(0), client(number), &rtp(0));
            prop_assert_eq!(site.deliveries().len(), usize::from(model.checked.contains(&number)));
        }
    }
}
