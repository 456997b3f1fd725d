//! All owners of a call at once, dead, alive or only slow, and its client: nothing is encrypted under a number twice.

use std::collections::{HashMap, HashSet};

use antiphon_media::call_export::{Clock, Conflict, LEAP, Offer, Uninheritable};
use antiphon_media::dtls_records::SEQUENCE_END;
use antiphon_media::sctp::{Chunk, Packet};
use antiphon_media::srtp::{Profile, Refusal};
use proptest::prelude::*;

use crate::client::Client;
use crate::owner::{CHANNEL, Owner, START_US, wall_ms};
use crate::registry::{Fate, Registry};

/// How far two clocks may lie apart.
const CLOCK_ERROR_MS: u64 = 2_000;

#[derive(Clone, Copy, Debug)]
enum What {
    Rtp,
    Rtcp,
    Text,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    /// The one that the route leads to, or else the last one.
    InCharge,
    /// Also one that nobody has known of for long.
    Any(prop::sample::Index),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send {
        owner: Who,
        what: What,
        count: u32,
    },
    ClientSends {
        what: What,
        count: u32,
        is_doubled: bool,
    },
    Export {
        owner: Who,
        fate: Fate,
    },
    LateOnesArrive,
    RegistryForgets,
    Crash(Who),
    /// It hands the call over: it has said its last word, takes nothing in any more, and what it exports is final.
    Close(Who),
    /// The route moves away from whoever had it, and the export is read.
    Fence,
    /// One who has read it, maybe long ago, claims the call.
    Claim {
        reader: prop::sample::Index,
        clock_ms: i64,
        fate: Fate,
    },
    /// Both, with nothing in between.
    TakeOver {
        clock_ms: i64,
    },
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || prop_oneof![3 => Just(Who::InCharge), 1 => any::<prop::sample::Index>().prop_map(Who::Any)];
    let what = || prop::sample::select(&[What::Rtp, What::Rtcp, What::Text]);
    let count = || prop_oneof![20 => 1..40_u32, 2 => 1_000..LEAP.tsns + 500, 1 => LEAP.packets - 10..LEAP.packets + 10];
    let fate = || prop_oneof![6 => Just(Fate::Stored), 1 => Just(Fate::AnswerLost), 1 => Just(Fate::RequestLost), 1 => Just(Fate::Late)];
    let clock_ms = -CLOCK_ERROR_MS.cast_signed() / 2..=CLOCK_ERROR_MS.cast_signed() / 2;
    let step = prop_oneof![
        16 => (who(), what(), count())
            .prop_map(|(owner, what, count)| Step::Send { owner, what, count }),
        8 => (what(), 1..30_u32, any::<bool>())
            .prop_map(|(what, count, is_doubled)| Step::ClientSends { what, count, is_doubled }),
        8 => (who(), fate()).prop_map(|(owner, fate)| Step::Export { owner, fate }),
        2 => Just(Step::LateOnesArrive),
        1 => Just(Step::RegistryForgets),
        1 => who().prop_map(Step::Crash),
        2 => who().prop_map(Step::Close),
        2 => Just(Step::Fence),
        5 => clock_ms.clone().prop_map(|clock_ms| Step::TakeOver { clock_ms }),
        2 => (any::<prop::sample::Index>(), clock_ms, fate())
            .prop_map(|(reader, clock_ms, fate)| Step::Claim { reader, clock_ms, fate }),
        8 => prop_oneof![12 => 0..3_000_u64, 1 => 3_000..40_000_u64].prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..100)
}

/// What is encrypted under the call's keys, by whomever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Number {
    Rtp(u64),
    Rtcp(u64),
    Record(u64),
}

struct Call {
    now_us: u64,
    owners: Vec<Owner>,
    /// Where the route leads; no one's packets but this one's are forwarded.
    routed: Option<usize>,
    /// Where it led last.
    fenced: usize,
    registry: Registry,
    /// Exports that were read, each with what its owner's line had heard, and with the pod that was fenced before.
    readers: Vec<(Vec<u8>, Memory, usize)>,
    /// What had been heard, by export.
    memories: HashMap<Vec<u8>, Memory>,
    client: Client,
    numbers: HashSet<Number>,
    tsns: HashMap<u32, Vec<u8>>,
    said: u64,
    /// RTP packets that were lost since the client heard one; a heir may begin beyond them.
    unheard: u32,
}

#[derive(Clone)]
struct Memory {
    heard: Vec<Vec<u8>>,
    texts: Vec<u64>,
}

impl Call {
    fn new(profile: Profile, first_sequence: u16) -> Self {
        let mut call = Self {
            now_us: START_US,
            owners: vec![Owner::first(profile, first_sequence)],
            routed: Some(0),
            fenced: 0,
            registry: Registry::default(),
            readers: Vec::new(),
            memories: HashMap::new(),
            client: Client::new(profile, first_sequence),
            numbers: HashSet::new(),
            tsns: HashMap::new(),
            said: 0,
            unheard: 0,
        };
        call.owners[0].channels.connect();
        call.client.channels.connect();
        call.pass(1_000);
        let opening = antiphon_media::data_channel::Opening::default();
        call.client.channels.open_negotiated(CHANNEL, opening.clone()).unwrap();
        call.owners[0].channels.open_negotiated(CHANNEL, opening).unwrap();
        call.export(0, Fate::Stored);
        call
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send { owner, what, count } => self.send(self.place(owner), what, count),
            Step::ClientSends { what, count, is_doubled } => self.client_sends(what, count, is_doubled),
            Step::Export { owner, fate } => self.export(self.place(owner), fate),
            Step::LateOnesArrive => self.registry.let_late_ones_arrive(),
            Step::RegistryForgets => self.registry.forget(),
            Step::Crash(owner) => {
                let at = self.place(owner);
                self.owners[at].is_alive = false;
            }
            Step::Close(owner) => {
                let at = self.place(owner);
                self.owners[at].tenure.close();
                self.export(at, Fate::Stored);
            }
            Step::Fence => {
                self.fence();
            }
            Step::TakeOver { clock_ms } => {
                if self.fence()
                    && let Some(reader) = self.readers.last().cloned()
                {
                    self.claim(reader, clock_ms, Fate::Stored);
                }
            }
            Step::Claim { reader, clock_ms, fate } => {
                if !self.readers.is_empty() {
                    let reader = self.readers[reader.index(self.readers.len())].clone();
                    self.claim(reader, clock_ms, fate);
                }
            }
            Step::Pass(ms) => self.pass(ms),
        }
    }

    fn place(&self, owner: Who) -> usize {
        match owner {
            Who::InCharge => self.routed.unwrap_or(self.owners.len() - 1),
            Who::Any(index) => index.index(self.owners.len()),
        }
    }

    /// Whether there was something to read.
    fn fence(&mut self) -> bool {
        self.fenced = self.routed.take().unwrap_or(self.fenced);
        let Some(sealed) = self.registry.read() else { return false };
        let memory = self.memories[sealed].clone();
        self.readers.push((sealed.to_vec(), memory, self.fenced));
        true
    }

    fn send(&mut self, at: usize, what: What, count: u32) {
        for _ in 0..count {
            match what {
                What::Rtp => self.send_rtp(at),
                What::Rtcp => self.send_rtcp(at),
                What::Text => {
                    self.said += 1;
                    let (now_us, said) = (self.now_us, self.said);
                    self.owners[at].say(now_us, said);
                }
            }
        }
        // What is much needs their time.
        self.pass(10 + u64::from(count) / 10);
    }

    fn send_rtp(&mut self, at: usize) {
        let Some((index, packet)) = alive(&mut self.owners[at]).and_then(Owner::rtp) else { return };
        self.note(Number::Rtp(index));
        if self.routed == Some(at) {
            // The longest leap that a receiver can tell (RFC 3711 §3.3.1).
            let can_follow = self.client.highest.map_or(index < 1 << 16, |highest| index - highest < 1 << 15);
            if can_follow {
                assert_eq!(self.client.hear_rtp(&packet), Ok(index));
                self.owners[at].unheard_leaps = 0;
                self.unheard = 0;
            } else {
                // After three leaps and so many lost packets the next one is 2^15 further.
                assert!(self.unheard >= LEAP.packets - 1, "{index} after {:?}", self.client.highest);
            }
        } else {
            self.unheard += 1;
        }
    }

    fn send_rtcp(&mut self, at: usize) {
        let Some((index, packet)) = alive(&mut self.owners[at]).and_then(Owner::rtcp) else { return };
        self.note(Number::Rtcp(index));
        if self.routed == Some(at) {
            assert_eq!(self.client.hear_rtcp(&packet), Ok(index));
        }
    }

    fn client_sends(&mut self, what: What, count: u32, is_doubled: bool) {
        for _ in 0..count {
            match what {
                What::Rtp | What::Rtcp => {
                    let packet = self.client.rtp();
                    let Some(owner) = self.routed.and_then(|at| listening(&mut self.owners[at])) else { continue };
                    assert!(owner.hear_rtp(&packet).is_ok(), "what the client sends is refused");
                    if is_doubled {
                        assert_eq!(owner.hear_rtp(&packet), Err(Refusal::Replayed));
                    }
                }
                What::Text => {
                    self.said += 1;
                    self.client.say(self.now_us, self.said);
                }
            }
        }
        self.pass(10);
    }

    fn export(&mut self, at: usize, fate: Fate) {
        let now_us = self.now_us;
        let Some((offer, sealed)) = alive(&mut self.owners[at]).and_then(|owner| owner.export(now_us)) else { return };
        let Owner { heard, texts, .. } = &self.owners[at];
        let memory = Memory { heard: heard.clone(), texts: texts.clone() };
        self.memories.insert(sealed.clone(), memory);
        self.settle(at, offer, sealed, fate);
    }

    fn settle(&mut self, at: usize, offer: Offer, sealed: Vec<u8>, fate: Fate) -> bool {
        let answer = self.registry.store(offer, sealed, fate);
        if let Some(outcome) = answer {
            self.owners[at].tenure.settle(offer.replacement.offered, outcome);
            if outcome == Err(Conflict::Gone) && self.routed == Some(at) {
                self.owners[at].tenure.begin_anew();
            }
        }
        answer == Some(Ok(()))
    }

    fn claim(&mut self, (sealed, memory, fenced): (Vec<u8>, Memory, usize), clock_ms: i64, fate: Fate) {
        // A registry that has forgotten may hold another one's.
        let Some(export) = Owner::opened(&sealed, &self.owners[fenced].pod) else { return };
        let clock = Clock { now_ms: wall_ms(self.now_us, clock_ms), error_ms: CLOCK_ERROR_MS };
        let pod = format!("pod-{}", self.owners.len());
        let (mut heir, offer, claim) = match Owner::heir(pod, export, clock, clock_ms, self.now_us) {
            Ok(heir) => heir,
            Err(refusal) => {
                // Leaps that nobody has heard yet add up, of RTP and of SCTP.
                let expected = [Uninheritable::TooOld, Uninheritable::TooManyLeaps, Uninheritable::BadChannels];
                assert!(expected.contains(&refusal), "{refusal}");
                return;
            }
        };
        for packet in memory.heard.iter().rev().take(300) {
            assert_eq!(heir.hear_rtp(packet), Err(Refusal::Replayed), "known to the export, and let in again");
        }
        (heir.heard, heir.texts) = (memory.heard.clone(), memory.texts.clone());
        self.memories.insert(claim.clone(), memory);
        self.owners.push(heir);
        let at = self.owners.len() - 1;
        if self.settle(at, offer, claim, fate) {
            self.routed = Some(at);
        }
    }

    /// Time passes, and the associations talk.
    fn pass(&mut self, ms: u64) {
        let end_us = self.now_us + ms * 1000;
        while self.now_us < end_us {
            self.now_us += 10_000;
            for at in 0..self.owners.len() {
                self.transmit(at);
            }
            for record in self.client.transmit(self.now_us) {
                if let Some(owner) = self.routed.and_then(|at| listening(&mut self.owners[at])) {
                    assert_eq!(owner.hear_record(self.now_us, &record), 1, "what the client sends is refused");
                    assert_eq!(owner.hear_record(self.now_us, &record), 0, "and once only");
                }
            }
        }
        self.client.assert_texts_are_new();
    }

    fn transmit(&mut self, at: usize) {
        let now_us = self.now_us;
        let Some(owner) = alive(&mut self.owners[at]) else { return };
        for sent in owner.transmit(now_us) {
            let sequence = u64::from_be_bytes(sent.record[3..11].try_into().unwrap()) & (SEQUENCE_END - 1);
            self.note(Number::Record(sequence));
            self.note_tsns(&sent.packet);
            if self.routed == Some(at) {
                assert!(self.client.hear_record(now_us, &sent.record), "an owner's record is refused");
            }
        }
    }

    fn note(&mut self, number: Number) {
        assert!(self.numbers.insert(number), "{number:?} is used twice");
    }

    fn note_tsns(&mut self, packet: &[u8]) {
        for chunk in Packet::parse(packet).unwrap().chunks {
            if let Chunk::Data(data) = chunk {
                let content = [&data.stream.to_be_bytes(), &data.sequence.to_be_bytes(), data.payload].concat();
                let first = self.tsns.entry(data.tsn).or_insert_with(|| content.clone());
                assert_eq!(*first, content, "TSN {} has two contents", data.tsn);
            }
        }
    }
}

fn alive(owner: &mut Owner) -> Option<&mut Owner> {
    Some(owner).filter(|owner| owner.is_alive)
}

/// One who has closed or knows that it is fenced lets nothing in.
fn listening(owner: &mut Owner) -> Option<&mut Owner> {
    alive(owner).filter(|owner| owner.tenure.is_owning())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_number_is_used_twice_by_any_two_owners_and_the_client_follows(
        profile in prop::sample::select(&Profile::ALL),
        first_sequence in 0..1_u16 << 15,
        steps in steps(),
    ) {
        let mut call = Call::new(profile, first_sequence);
        for step in steps {
            call.step(step);
        }
        prop_assert_eq!(call.client.opener.counters().unauthenticated, 0);
    }
}
