//! Any sequence of checks, restarts and passing time, against a model of the rules of RFC 8445 §8.1.1 and §9 and RFC 7675 §5.1.

use antiphon_media::inbox::Kind;
use proptest::prelude::*;

use crate::site::{Binding, Site, TIMERS, client, next_check, relay};

#[derive(Clone, Debug)]
enum Step {
    /// `generation` back from the newest: 0 is the newest.
    Check {
        client: u16,
        generation: u32,
        use_candidate: bool,
    },
    Restart,
    Pass {
        ms: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let check = (0..4_u16, 0..3_u32, any::<bool>()).prop_map(|(client, generation, use_candidate)| Step::Check {
        client,
        generation,
        use_candidate,
    });
    let step = prop_oneof![
        6 => check,
        1 => Just(Step::Restart),
        3 => (0..16_000_u64).prop_map(|ms| Step::Pass { ms }),
    ];
    prop::collection::vec(step, 1..80)
}

/// What is known of a call: the numbers of its credentials, and when each address was checked last.
#[derive(Debug)]
struct Model {
    now: u64,
    current: u32,
    pending: Option<u32>,
    newest: u32,
    selected: Option<u16>,
    consent_ends: u64,
    waits_for_restart_until: u64,
    checked: bool,
    over: bool,
}

impl Model {
    fn new(now: u64) -> Self {
        Self {
            now,
            current: 0,
            pending: None,
            newest: 0,
            selected: None,
            consent_ends: now + TIMERS.setup_window_ms,
            waits_for_restart_until: 0,
            checked: false,
            over: false,
        }
    }

    /// Whether a check is answered.
    fn check(&mut self, client: u16, number: u32, use_candidate: bool) -> bool {
        let of_the_restart = self.pending == Some(number);
        if self.over || !(of_the_restart || self.current == number) {
            return false;
        }
        let stays = self.selected == Some(client);
        let gone = self.selected.is_none() || self.consent_ends - self.now <= TIMERS.consent_ms / 2;
        let takes = use_candidate || (!stays && gone);
        if takes {
            self.selected = Some(client);
        }
        if takes || stays {
            self.consent_ends = self.now + TIMERS.consent_ms;
            self.checked = true;
        }
        if takes && of_the_restart {
            self.current = number;
            self.pending = None;
        }
        true
    }

    fn restart(&mut self) -> bool {
        if !self.over {
            self.newest += 1;
            self.pending = Some(self.newest);
            self.waits_for_restart_until =
                (self.now + TIMERS.setup_window_ms).min(self.consent_ends + TIMERS.consent_ms);
        }
        !self.over
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        if self.now < self.consent_ends {
            return;
        }
        self.selected = None;
        self.over |= self.pending.is_none() || self.now >= self.waits_for_restart_until;
    }
}

fn request(id: u64, number: u32, use_candidate: bool) -> Vec<u8> {
    let binding = if number == 0 { Binding { id, ..Binding::default() } } else { next_check(id, number) };
    Binding { use_candidate, ..binding }.bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_call_follows_the_model(steps in steps()) {
        let (mut site, handle) = Site::with_call();
        let mut model = Model::new(site.now_ms);
        let mut kinds = Vec::new();
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Check { client: from, generation, use_candidate } => {
                    let number = model.newest.saturating_sub(generation);
                    site.receive(relay(0), client(from), &request(id as u64, number, use_candidate));
                    let expected = model.check(from, number, use_candidate);
                    prop_assert_eq!(!site.returned().is_empty(), expected);
                }
                Step::Restart => {
                    let accepted = model.restart();
                    prop_assert_eq!(site.restart(handle, model.newest + u32::from(!accepted)).is_ok(), accepted);
                }
                Step::Pass { ms } => {
                    model.pass(ms);
                    site.now_ms = model.now;
                    site.board.expire(site.now_ms);
                }
            }
            prop_assert_eq!(site.board.address_of(handle), model.selected.map(client));
            kinds.extend(site.kinds());
        }
        let expected = [
            model.checked.then_some(Kind::Checked),
            model.over.then_some(if model.checked { Kind::ConsentLost } else { Kind::SetupTimeout }),
        ];
        prop_assert_eq!(kinds, expected.into_iter().flatten().collect::<Vec<_>>());
    }
}
