//! What an owner may still send: the bound that its heirs leap over, kept by the one who sends.

use std::fmt;

use super::edition::{Conflict, Edition, Replacement};
use super::leap::LEAP;

/// What is encrypted under a number that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rtp,
    Rtcp,
    /// Of DTLS.
    Record,
}

/// Asked by whoever encrypts, before each packet: a [`Tenure`], as its owner shares it.
pub trait Permit: fmt::Debug + Send + Sync {
    /// [`Tenure::takes`].
    fn takes(&self, kind: Kind) -> bool;
}

/// An export that is to be made now, of what stands now, and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub replacement: Replacement,
    pub is_final: bool,
}

/// What an owner has used since an export was made.
#[derive(Clone, Copy, Debug)]
struct Used {
    rtp: u32,
    rtcp: u32,
    records: u64,
    /// `None` where there are no data channels.
    first_tsn: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// An heir whose claim is not known to be stored.
    Claiming,
    Owning,
    /// It sends nothing more, by its own wish.
    Closed,
    /// Somebody else owns the call.
    Fenced,
}

/// One owner's time with a call.
///
/// It counts all streams of a call together, which is no less than any one of them. Whoever sends asks first; what it
/// is refused waits or is dropped, for good once the owner is fenced. Retransmissions of the same bytes use no number.
#[derive(Debug)]
pub struct Tenure {
    phase: Phase,
    /// The last export that is known to be stored.
    stored: Option<Edition>,
    /// The last one that may be.
    offered: Option<Edition>,
    /// The last one that was offered before the registry lost the record: should that come back, what was used since is not
    /// counted.
    forgotten: Option<Edition>,
    /// Since the oldest export that somebody may still go on from.
    used: Option<Used>,
    /// Since the one that was offered last.
    used_since_offer: Option<Used>,
}

impl Tenure {
    /// Of a call that nothing was exported of.
    pub const fn of_new_call() -> Self {
        Self { phase: Phase::Owning, stored: None, offered: None, forgotten: None, used: None, used_since_offer: None }
    }

    /// Of the heir of `inherited`, and how its own first export is to be stored. Before that nothing may be sent. Where nobody
    /// knows whether it was stored, the heir is given up: it cannot tell its claim from another's.
    pub fn claiming(inherited: Edition, next_tsn: Option<u32>) -> Option<(Self, Offer)> {
        let offered = inherited.claimed()?;
        let mut tenure = Self::of_new_call();
        tenure.phase = Phase::Claiming;
        tenure.stored = Some(inherited);
        let offer = tenure.offer_as(offered, next_tsn);
        Some((tenure, offer))
    }

    /// The call is to be exported now; `next_tsn` is its association's. None if it is not ours, or no editions are left.
    pub fn offer(&mut self, next_tsn: Option<u32>) -> Option<Offer> {
        if matches!(self.phase, Phase::Claiming | Phase::Fenced) {
            return None;
        }
        let before = self.offered.max(self.stored);
        let offered = before.map_or(Some(Edition::FIRST), Edition::renewed)?;
        Some(self.offer_as(offered, next_tsn))
    }

    /// What the registry said to an offer of ours. Where it did not answer, this is not called, and the next offer finds out.
    pub fn settle(&mut self, offered: Edition, outcome: Result<(), Conflict>) {
        match outcome {
            Ok(()) => self.note_stored(offered),
            Err(Conflict::Fenced { .. }) => self.phase = Phase::Fenced,
            Err(_) if self.phase == Phase::Claiming => self.phase = Phase::Fenced,
            Err(Conflict::Other { held }) => self.note_held(held),
            Err(Conflict::Gone | Conflict::NotNext) => {}
        }
    }

    /// The registry has lost the record ([`Conflict::Gone`]), and the route table, read after that, still has the route here:
    /// nobody has claimed the call, since the route moves first, and nobody can, since there is nothing to go on from. All that
    /// was exported is forgotten. No offer of ours may still be on its way to the registry.
    pub fn begin_anew(&mut self) {
        if matches!(self.phase, Phase::Owning | Phase::Closed) {
            let offered = self.offered.take();
            *self = Self { phase: self.phase, offered, forgotten: offered, ..Self::of_new_call() };
        }
    }

    /// The owner sends nothing more, whoever comes: what it exports from now on is final.
    pub fn close(&mut self) {
        if self.phase == Phase::Owning {
            self.phase = Phase::Closed;
        }
    }

    pub fn is_fenced(&self) -> bool {
        self.phase == Phase::Fenced
    }

    /// It is this owner's to speak. Not so before a claim is known to be stored, and never again after the end.
    pub fn is_owning(&self) -> bool {
        self.phase == Phase::Owning
    }

    /// Whether one more of this kind may be sent, which then counts.
    pub fn takes(&mut self, kind: Kind) -> bool {
        let takes = self.phase == Phase::Owning && self.used.is_none_or(|used| used.has_room_for(kind));
        if takes {
            for used in [&mut self.used, &mut self.used_since_offer].into_iter().flatten() {
                used.count(kind);
            }
        }
        takes
    }

    /// Whether packets of an association may be sent whose next TSN this is: beyond, it waits until a later export is stored.
    pub fn covers(&self, next_tsn: u32) -> bool {
        let is_covered = |used: Used| {
            used.has_room_for(Kind::Record)
                && used.first_tsn.is_none_or(|first| next_tsn.wrapping_sub(first) <= LEAP.tsns)
        };
        self.phase == Phase::Owning && self.used.is_none_or(is_covered)
    }

    fn offer_as(&mut self, offered: Edition, next_tsn: Option<u32>) -> Offer {
        let used = Used { rtp: 0, rtcp: 0, records: 0, first_tsn: next_tsn };
        self.offered = Some(offered);
        self.used_since_offer = Some(used);
        // From the moment that it is sent off, an export may be what somebody goes on from.
        self.used.get_or_insert(used);
        let replacement = Replacement { expected: self.stored, offered };
        Offer { replacement, is_final: self.phase == Phase::Closed }
    }

    /// As a rule an offer of ours was stored without our knowing.
    fn note_held(&mut self, held: Edition) {
        let owns = |edition: Edition| edition.generation == held.generation;
        if !self.offered.is_some_and(owns) {
            // It has forgotten that we own the call, and may promise it to somebody else.
            self.phase = Phase::Fenced;
        } else if self.stored.is_some_and(|stored| held < stored) || self.forgotten.is_some_and(|last| held <= last) {
            // It has forgotten an export, or one is back that it had lost: what was used since that one was not counted.
            self.used = Some(Used::EVERYTHING);
        }
        self.stored = Some(held);
    }

    fn note_stored(&mut self, edition: Edition) {
        if self.phase == Phase::Claiming {
            self.phase = Phase::Owning;
        }
        self.stored = self.stored.max(Some(edition));
        // An answer to an earlier offer says less than we count by.
        if self.offered == Some(edition) {
            self.used = self.used_since_offer;
        }
    }
}

impl Used {
    /// More than anybody knows.
    const EVERYTHING: Self = Self { rtp: LEAP.packets, rtcp: LEAP.packets, records: LEAP.records, first_tsn: None };

    fn has_room_for(&self, kind: Kind) -> bool {
        match kind {
            Kind::Rtp => self.rtp < LEAP.packets,
            Kind::Rtcp => self.rtcp < LEAP.packets,
            Kind::Record => self.records < LEAP.records,
        }
    }

    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Rtp => self.rtp += 1,
            Kind::Rtcp => self.rtcp += 1,
            Kind::Record => self.records += 1,
        }
    }
}
