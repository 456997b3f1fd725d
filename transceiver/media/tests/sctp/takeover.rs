//! One side is replaced by its export, at any moment, fresh or old. What may be lost then, and what never.

use antiphon_media::sctp::{Association, AssociationState, Config, Event, Outlet, Reliability};
use proptest::prelude::*;

use crate::link::{BINARY, Conditions, MILLISECOND, Pair, SECOND, conditions, secrets};

const LEAP: u32 = 500;

#[derive(Clone, Debug)]
enum Step {
    /// From the side that is replaced, or to it.
    Say {
        from_left: bool,
        stream: u16,
        length: usize,
        is_unordered: bool,
    },
    Pass(u64),
    /// The export that an heir may begin with.
    Export,
    /// The owner is gone, and so is what comes to it for so long.
    Succeed {
        gap_us: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let say = (any::<bool>(), 0..3_u16, prop_oneof![4 => 8..300_usize, 1 => 300..12_000_usize], any::<bool>())
        .prop_map(|(from_left, stream, length, is_unordered)| Step::Say { from_left, stream, length, is_unordered });
    let step = prop_oneof![
        8 => say,
        5 => prop_oneof![0..40_u64, 0..2_000_u64].prop_map(|pause| Step::Pass(pause * MILLISECOND)),
        2 => Just(Step::Export),
        1 => (0..1_500_u64).prop_map(|gap| Step::Succeed { gap_us: gap * MILLISECOND }),
    ];
    prop::collection::vec(step, 1..60)
}

fn payload(number: usize, length: usize) -> Vec<u8> {
    let mut payload = (number as u64).to_be_bytes().to_vec();
    payload.extend((8..length).map(|at| (at * 31 + number * 7) as u8));
    payload
}

fn heir(pair: &Pair, state: AssociationState, leap: Option<u32>) -> Association {
    let inherited = match leap {
        None => state.unchanged(),
        Some(leap) => state.advanced_by(leap).unwrap(),
    };
    Association::resume(pair.now_us, Config::default(), secrets(9), inherited).unwrap()
}

/// A message that was said.
#[derive(Clone, Debug)]
struct Said {
    from_left: bool,
    stream: u16,
    is_unordered: bool,
    length: usize,
}

/// What was said and heard, and by whom.
struct Call {
    pair: Pair,
    said: Vec<Said>,
    export: AssociationState,
    /// How much had been said and heard on the left when it was exported.
    exported_at: (usize, usize),
    /// Said by an owner on the left after the export that its heir began with.
    unknown_to_heirs: Vec<usize>,
    /// Told by an owner on the left after that.
    heard_by_the_dead: Vec<Event>,
}

impl Call {
    fn new(conditions: Conditions, seed: u64) -> Self {
        let pair = Pair::established(Config::default(), conditions, seed);
        let export = pair.left.state(pair.now_us).unwrap();
        Self {
            pair,
            said: Vec::new(),
            export,
            exported_at: (0, 0),
            unknown_to_heirs: Vec::new(),
            heard_by_the_dead: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step, is_planned: bool) {
        match *step {
            Step::Say { from_left, stream, length, is_unordered } => self.say(from_left, stream, length, is_unordered),
            Step::Pass(time_us) => self.pair.pass(time_us),
            Step::Export => self.export(),
            Step::Succeed { gap_us } => {
                if is_planned {
                    self.export();
                }
                self.succeed(gap_us, is_planned);
            }
        }
    }

    fn say(&mut self, from_left: bool, stream: u16, length: usize, is_unordered: bool) {
        let outlet = Outlet { stream, protocol: BINARY, is_unordered, reliability: Reliability::Reliable };
        let end = if from_left { &mut self.pair.left } else { &mut self.pair.right };
        if end.send(outlet, &payload(self.said.len(), length)).is_ok() {
            self.said.push(Said { from_left, stream, is_unordered, length });
        }
    }

    fn export(&mut self) {
        // Nothing waits in the left side after this.
        self.pair.left_events.extend(std::iter::from_fn(|| self.pair.left.poll_event()));
        if let Some(state) = self.pair.left.state(self.pair.now_us) {
            self.export = state;
            self.exported_at = (self.said.len(), self.pair.left_events.len());
        }
    }

    fn succeed(&mut self, gap_us: u64, is_planned: bool) {
        self.pair.left_events.extend(std::iter::from_fn(|| self.pair.left.poll_event()));
        let used = self.pair.left.next_tsn().wrapping_sub(self.next_tsn_of_export());
        if self.pair.left.has_ended() || used > LEAP {
            return;
        }
        let (said, heard) = self.exported_at;
        let unknown = (said..self.said.len()).filter(|at| self.said[*at].from_left);
        self.unknown_to_heirs.extend(unknown);
        // The left events are those of an unbroken line of owners: what each heard before its heir's export.
        self.heard_by_the_dead.extend(self.pair.left_events.split_off(heard));
        // Nobody is there for a while: the right side talks to an association that answers nothing.
        let bystander = Association::new(Config::default(), secrets(8));
        self.pair.left = bystander;
        self.pair.pass(gap_us);
        self.pair.left = heir(&self.pair, self.export.clone(), (!is_planned).then_some(LEAP));
        self.export();
    }

    fn next_tsn_of_export(&self) -> u32 {
        let heir = heir(&self.pair, self.export.clone(), None);
        heir.next_tsn()
    }

    fn finish(&mut self) -> bool {
        let is_over = |pair: &Pair| pair.left.backlog() == 0 && pair.right.backlog() == 0;
        self.pair.run_for(900 * SECOND, is_over)
    }

    fn numbers(&self, events: &[Event]) -> Vec<usize> {
        let number = |message: Vec<u8>| {
            let number = u64::from_be_bytes(message[..8].try_into().unwrap()) as usize;
            assert_eq!(message, payload(number, self.said[number].length), "message {number} is not what was said");
            number
        };
        Pair::messages(events).into_iter().map(number).collect()
    }

    /// Neither side hears anything twice or out of order.
    fn assert_nothing_mixed_up(&self) {
        for events in [&self.pair.left_events, &self.pair.right_events] {
            let mut heard = self.numbers(events);
            self.assert_in_order(&heard);
            heard.sort_unstable();
            assert!(heard.is_sorted_by(|left, right| left < right), "twice: {heard:?}");
        }
    }

    fn assert_nothing_lost_but_what_the_dead_knew(&self) {
        let right_heard = self.numbers(&self.pair.right_events);
        let left_heard = self.numbers(&self.pair.left_events);
        let dead_heard = self.numbers(&self.heard_by_the_dead);
        let mut told = self.pair.left_events.iter().chain(&self.heard_by_the_dead);
        let is_told = told.any(|event| matches!(event, Event::CaughtUp { .. }));
        for (at, said) in self.said.iter().enumerate() {
            if said.from_left {
                assert!(right_heard.contains(&at) || self.unknown_to_heirs.contains(&at), "{at}: {right_heard:?}");
            } else {
                // Of a message in several fragments the dead may have had the first ones alone; somebody said so.
                let is_cut = is_told && said.length > 1_000;
                assert!(left_heard.contains(&at) || dead_heard.contains(&at) || is_cut, "{at}: {left_heard:?}");
            }
        }
    }

    fn assert_in_order(&self, numbers: &[usize]) {
        for stream in 0..3 {
            let ordered = |at: &&usize| self.said[**at].stream == stream && !self.said[**at].is_unordered;
            assert!(numbers.iter().filter(ordered).is_sorted_by(|left, right| left < right), "{numbers:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_planned_handover_loses_and_doubles_nothing(steps in steps(), conditions in conditions(), seed: u64) {
        let mut call = Call::new(conditions, seed);
        for step in &steps {
            call.step(step, true);
        }
        prop_assert!(call.finish(), "{:?}\n{:?}", call.pair.left, call.pair.right);
        for (from_left, events) in [(true, &call.pair.right_events), (false, &call.pair.left_events)] {
            let mut numbers = call.numbers(events);
            call.assert_in_order(&numbers);
            numbers.sort_unstable();
            let expected: Vec<usize> = (0..call.said.len()).filter(|at| call.said[*at].from_left == from_left).collect();
            prop_assert_eq!(numbers, expected);
        }
    }

    #[test]
    fn an_heir_of_an_old_export_recovers_or_says_that_it_cannot(
        steps in steps(),
        conditions in conditions(),
        seed: u64,
    ) {
        // Below DTLS no packet comes twice.
        let mut call = Call::new(Conditions { doubled: 0, ..conditions }, seed);
        for step in &steps {
            call.step(step, false);
        }
        let has_finished = call.finish();
        let ended = |events: &[Event]| events.iter().any(|event| matches!(event, Event::Ended(_)));
        let has_ended = ended(&call.pair.left_events) || ended(&call.pair.right_events);
        prop_assert!(has_finished || has_ended, "{:?}\n{:?}", call.pair.left, call.pair.right);

        call.assert_nothing_mixed_up();
        if !has_ended {
            call.assert_nothing_lost_but_what_the_dead_knew();
        }
    }
}
