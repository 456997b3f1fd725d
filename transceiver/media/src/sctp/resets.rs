//! Streams that begin anew, by our wish and by the peer's (RFC 6525). One request is under way at a time, each way.

use std::collections::BTreeSet;

use super::reconfiguration::{Outcome, Reconfiguration, Step};
use super::round_trip::RoundTrip;

/// Times that a request is sent under one number.
const MOST_TRIES: u32 = 8;
/// Numbers that an heir tries in a row because the peer says that they are not its next.
const MOST_RENUMBERED: u8 = 32;
/// Answers that an heir does not believe. A peer repeats what it said to the last request, under the same number (RFC
/// 6525 §5.2.1), and some do so for the last two.
const MOST_ECHOES: u8 = 2;
/// Streams of one request: it has to fit into a packet beside other things.
const MOST_STREAMS: usize = 128;
/// Streams that wait for a request. Beyond them the peer is not told that nobody listens.
const MOST_WANTED: usize = 256;
/// Times that the peer asks again for what cannot be done yet before its word is taken that nothing is outstanding.
const MOST_ASKED: u8 = 3;

/// A request of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    number: u32,
    streams: Vec<u16>,
    tries: u32,
    renumbered: u8,
    /// Answers that may have been given to an earlier owner.
    echoes: u8,
    /// `None`: to be sent now.
    deadline_us: Option<u64>,
}

/// A request of the peer that waits for data (RFC 6525 §5.2.2, E1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    pub request: u32,
    pub last_tsn: u32,
    /// All if empty.
    pub streams: Vec<u16>,
}

/// What a request of the peer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Nothing,
    /// These streams of the peer begin anew; all if empty.
    Reset(Vec<u16>),
    /// It will not be taken back, and there may be nothing left to wait for.
    Insists {
        last_tsn: u32,
    },
}

/// How a request of ours ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub streams: Vec<u16>,
    /// Our sequence numbers begin at zero.
    pub is_performed: bool,
}

#[derive(Debug)]
pub(super) struct Resets {
    next: u32,
    /// No earlier owner has asked under that number or a later one.
    is_next_sure: bool,
    wanted: BTreeSet<u16>,
    request: Option<Request>,
    /// The peer's next request; `None` if that is not known for sure.
    expected: Option<u32>,
    answered: Option<(u32, Outcome)>,
    deferred: Option<Deferred>,
    /// Times that the peer has asked again for what is deferred.
    asked: u8,
    is_answer_due: bool,
    /// A request of the peer with a number that is not its next.
    complaint: Option<u32>,
}

/// What an export says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetState {
    /// The number of our next request.
    pub next: u32,
    /// It has not been used; an heir of an old export cannot know that before it has asked.
    pub is_next_sure: bool,
    /// Streams of ours that are to begin anew, asked for or not.
    pub wanted: Vec<u16>,
    /// The number of the peer's next request; `None` if that is not known.
    pub expected: Option<u32>,
    pub answered: Option<(u32, Outcome)>,
    pub deferred: Option<Deferred>,
}

/// See [`Reconfiguration::write`].
pub(super) struct Due {
    pub reconfiguration: Reconfiguration,
    /// The peer's last request.
    pub answered: u32,
}

impl Resets {
    /// The first requests are numbered as the first TSNs (RFC 6525 §4.1).
    pub fn new(ours: u32, theirs: u32) -> Self {
        Self::resume(ResetState {
            next: ours,
            is_next_sure: true,
            wanted: Vec::new(),
            expected: Some(theirs),
            answered: None,
            deferred: None,
        })
    }

    pub fn resume(state: ResetState) -> Self {
        Self {
            next: state.next,
            is_next_sure: state.is_next_sure,
            wanted: state.wanted.into_iter().take(MOST_WANTED).collect(),
            request: None,
            expected: state.expected,
            answered: state.answered,
            deferred: state.deferred,
            asked: 0,
            is_answer_due: false,
            complaint: None,
        }
    }

    pub fn state(&self) -> ResetState {
        let (next, under_way) = match &self.request {
            // Sent again it is the same request.
            Some(request) => (request.number, request.streams.as_slice()),
            None => (self.next, [].as_slice()),
        };
        ResetState {
            next,
            is_next_sure: self.is_next_sure,
            wanted: under_way.iter().chain(&self.wanted).copied().collect(),
            expected: self.expected,
            answered: self.answered,
            deferred: self.deferred.clone(),
        }
    }

    pub fn want(&mut self, stream: u16) {
        if !self.is_under_way(stream) && self.wanted.len() < MOST_WANTED {
            self.wanted.insert(stream);
        }
    }

    pub fn is_under_way(&self, stream: u16) -> bool {
        let is_asked = self.request.as_ref().is_some_and(|request| request.streams.contains(&stream));
        is_asked || self.wanted.contains(&stream)
    }

    /// The streams that the next request would be about.
    pub fn next_streams(&self) -> Option<Vec<u16>> {
        let is_due = self.request.is_none() && !self.wanted.is_empty();
        is_due.then(|| self.wanted.iter().take(MOST_STREAMS).copied().collect())
    }

    /// Everything of these streams has arrived.
    pub fn ask(&mut self, streams: Vec<u16>) {
        self.wanted.retain(|stream| !streams.contains(stream));
        self.request =
            Some(Request { number: self.next, streams, tries: 0, renumbered: 0, echoes: 0, deadline_us: None });
        self.next = self.next.wrapping_add(1);
    }

    /// The peer does not know of resets: what is wanted is settled without one.
    pub fn forgo(&mut self) -> Option<Settled> {
        let streams = self.next_streams()?;
        self.wanted.retain(|stream| !streams.contains(stream));
        Some(Settled { streams, is_performed: false })
    }

    /// What is to be said now. `last_tsn` is our last.
    pub fn due(&mut self, last_tsn: u32) -> Option<Due> {
        let mut steps = Vec::new();
        if let Some(request) = self.request.as_ref().filter(|request| request.deadline_us.is_none()) {
            steps.push(Step::Reset { request: request.number, last_tsn, streams: request.streams.clone() });
        }
        if let Some(request) = self.complaint {
            steps.push(Step::Response { request, outcome: Outcome::WrongSequence });
        } else if let Some((request, outcome)) = self.answered.filter(|_| self.is_answer_due) {
            steps.push(Step::Response { request, outcome });
        }
        let answered = self.expected.unwrap_or_default().wrapping_sub(1);
        (!steps.is_empty()).then_some(Due { reconfiguration: Reconfiguration { steps }, answered })
    }

    pub fn note_sent(&mut self, now_us: u64, round_trip: &RoundTrip) {
        if self.complaint.take().is_none() {
            self.is_answer_due = false;
        }
        if let Some(request) = self.request.as_mut().filter(|request| request.deadline_us.is_none()) {
            request.deadline_us = Some(now_us.saturating_add(round_trip.backed_off_us(request.tries)));
            request.tries += 1;
        }
    }

    pub fn deadline_us(&self) -> Option<u64> {
        self.request.as_ref()?.deadline_us
    }

    /// Sends a request again, or gives it up.
    pub fn expire(&mut self, now_us: u64) -> Option<Settled> {
        let request = self.request.as_mut().filter(|request| request.deadline_us.is_some_and(|us| us <= now_us))?;
        if request.tries < MOST_TRIES {
            request.deadline_us = None;
            return None;
        }
        self.settle(false)
    }

    /// The peer has answered.
    pub fn hear_response(&mut self, number: u32, outcome: Outcome) -> Option<Settled> {
        let request = self.request.as_mut().filter(|request| request.number == number)?;
        let is_passed_over = match outcome {
            // It waits for data: the timer asks again.
            Outcome::InProgress => return None,
            // An earlier owner has asked under this number after its export.
            Outcome::WrongSequence => {
                request.renumbered += 1;
                request.renumbered <= MOST_RENUMBERED
            }
            _ if self.is_next_sure => false,
            // The same again is harmless: nothing goes on these streams before it is settled.
            _ => {
                request.echoes += 1;
                request.echoes <= MOST_ECHOES
            }
        };
        if is_passed_over {
            (request.number, request.tries, request.deadline_us) = (self.next, 0, None);
            self.next = self.next.wrapping_add(1);
            return None;
        }
        self.is_next_sure |= outcome != Outcome::WrongSequence;
        self.settle(matches!(outcome, Outcome::NothingToDo | Outcome::Performed))
    }

    /// The peer asks; `has_all` says that everything up to a TSN has come.
    pub fn hear_request(&mut self, step: Step, has_all: impl Fn(u32) -> bool) -> Asked {
        let (request, reset) = match step {
            Step::Reset { request, last_tsn, streams } => (request, Some((last_tsn, streams))),
            Step::Other { request } => (request, None),
            Step::Response { .. } => return Asked::Nothing,
        };
        if self.answered.is_some_and(|(answered, _)| answered == request) {
            self.is_answer_due = true;
            return self.asked_again(request);
        }
        if self.expected.is_some_and(|expected| expected != request) {
            self.complaint = Some(request);
            return Asked::Nothing;
        }
        self.expected = Some(request.wrapping_add(1));
        match reset {
            Some((last_tsn, streams)) if has_all(last_tsn) => {
                self.answer(request, Outcome::Performed);
                Asked::Reset(streams)
            }
            Some((last_tsn, streams)) => {
                self.deferred = Some(Deferred { request, last_tsn, streams });
                self.asked = 0;
                self.answer(request, Outcome::InProgress);
                Asked::Nothing
            }
            None => {
                self.answer(request, Outcome::Denied);
                Asked::Nothing
            }
        }
    }

    /// A request waits for data.
    pub fn is_deferring(&self) -> bool {
        self.deferred.is_some()
    }

    /// The data that a request waited for has come.
    pub fn undefer(&mut self, has_all: impl Fn(u32) -> bool) -> Option<Vec<u16>> {
        let Deferred { request, streams, .. } = self.deferred.take_if(|deferred| has_all(deferred.last_tsn))?;
        self.answer(request, Outcome::Performed);
        Some(streams)
    }

    fn asked_again(&mut self, request: u32) -> Asked {
        let Some(deferred) = self.deferred.as_ref().filter(|deferred| deferred.request == request) else {
            return Asked::Nothing;
        };
        self.asked = self.asked.saturating_add(1);
        if self.asked < MOST_ASKED { Asked::Nothing } else { Asked::Insists { last_tsn: deferred.last_tsn } }
    }

    fn answer(&mut self, request: u32, outcome: Outcome) {
        self.answered = Some((request, outcome));
        self.is_answer_due = true;
    }

    fn settle(&mut self, is_performed: bool) -> Option<Settled> {
        self.request.take().map(|request| Settled { streams: request.streams, is_performed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as a stack does that remembers what it said to the last `remembered` requests, all of which it performed.
    struct Peer {
        expected: u32,
        remembered: u32,
        performed: Vec<Vec<u16>>,
    }

    impl Peer {
        fn answer(&mut self, number: u32, streams: Vec<u16>) -> Outcome {
            if number == self.expected {
                self.expected = number.wrapping_add(1);
                self.performed.push(streams);
                return Outcome::Performed;
            }
            let back = self.expected.wrapping_sub(number);
            if (1..=self.remembered).contains(&back) { Outcome::Performed } else { Outcome::WrongSequence }
        }
    }

    #[test]
    fn an_heir_is_not_deceived_by_answers_to_the_dead() {
        for remembered in 1..=2 {
            for used in 0..10 {
                let state = ResetState { is_next_sure: false, ..Resets::new(u32::MAX - 3, 0).state() };
                let mut heir = Resets::resume(state);
                let expected = (u32::MAX - 3).wrapping_add(used);
                let mut peer = Peer { expected, remembered, performed: Vec::new() };
                for stream in [9, 11] {
                    heir.want(stream);
                    heir.ask(vec![stream]);
                    let settled = loop {
                        let Some(due) = heir.due(0) else { panic!("{heir:?}") };
                        heir.note_sent(0, &RoundTrip::new());
                        let steps = &due.reconfiguration.steps[..];
                        let [Step::Reset { request, streams, .. }] = steps else { panic!("{steps:?}") };
                        let outcome = peer.answer(*request, streams.clone());
                        if let Some(settled) = heir.hear_response(*request, outcome) {
                            break settled;
                        }
                    };
                    assert_eq!(settled, Settled { streams: vec![stream], is_performed: true });
                    assert_eq!(peer.performed.last(), Some(&vec![stream]), "{used} used, {remembered} remembered");
                }
                assert!(peer.performed.len() <= 4);
            }
        }
    }
}
