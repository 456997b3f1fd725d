//! One call's ICE agent: lite, so it answers checks and never sends one (RFC 8445 §2.4, §7.3).

use std::net::SocketAddr;

use antiphon_wire::hop::Record;
use antiphon_wire::stun::{Class, Encoder, Message, Role};

use crate::counters::DropReason;
use crate::pairs::{CheckedPairs, Via};
use crate::return_path::ReturnPath;
use crate::transactions::{RecentTransactions, Sighting};

#[derive(Clone, Debug)]
pub struct Credentials {
    /// Ours; it is the ticket.
    pub ufrag: String,
    /// Ours; checks are keyed with it.
    pub password: String,
    /// The client's, from its offer.
    pub remote_ufrag: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// From the call's creation to the first valid check.
    pub setup_window_ms: u64,
    /// From one valid check to the next (RFC 7675 §5.1).
    pub consent_ms: u64,
}

/// What an answered check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Success,
    /// 487: a lite agent is always controlled and cannot switch (RFC 8445 §6.1.1).
    RoleConflict,
    /// 420: an attribute that we would have to understand (RFC 8489 §6.3.1).
    UnknownAttribute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first valid check: there is an address to send to.
    FirstCheck,
    /// The send address is another one.
    Moved,
}

#[derive(Debug)]
pub struct Check {
    pub answer: Answer,
    pub response: Vec<u8>,
    pub change: Option<Change>,
    /// Whether the check's client address belongs to this call from now on.
    pub accepted: bool,
    /// The address that is checked no more, to make room.
    pub evicted: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// No valid check within the set-up window.
    Setup,
    /// No valid check for the consent time.
    Consent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    AwaitingCheck,
    Checked,
    Over,
}

#[derive(Debug)]
pub struct IceLite {
    credentials: Credentials,
    timers: Timers,
    stage: Stage,
    deadline_ms: u64,
    transactions: RecentTransactions,
    pairs: CheckedPairs,
    selected: Option<SocketAddr>,
}

impl IceLite {
    pub fn new(credentials: Credentials, timers: Timers, now_ms: u64) -> Self {
        Self {
            credentials,
            timers,
            stage: Stage::AwaitingCheck,
            deadline_ms: now_ms.saturating_add(timers.setup_window_ms),
            transactions: RecentTransactions::default(),
            pairs: CheckedPairs::default(),
            selected: None,
        }
    }

    pub fn ufrag(&self) -> &str {
        &self.credentials.ufrag
    }

    /// Judges a request that names our ufrag; `relay` and `record` say how it came.
    pub fn check(
        &mut self,
        now_ms: u64,
        request: &Message<'_>,
        relay: SocketAddr,
        record: &Record<'_>,
    ) -> Result<Check, DropReason> {
        self.authenticate(request)?;
        if self.stage == Stage::Over {
            return Err(DropReason::StunCallOver);
        }
        let sighting = self.transactions.sight(request.transaction_id, record.client);
        if sighting == Sighting::Elsewhere {
            return Err(DropReason::StunReplayed);
        }
        let (answer, response) = self.answer(request, record.client);
        let mut check = Check { answer, response, change: None, accepted: false, evicted: None };
        // A repeated check is answered where it came from, but it is no news: sent again by somebody else, with the client's
        // address forged and through another relay, it must neither move the return path nor keep a dead call alive.
        if answer == Answer::Success && sighting == Sighting::Fresh {
            check.accepted = true;
            check.change = self.select(record.client, request.use_candidate);
            check.evicted = self.pairs.note(record.client, ReturnPath::of(relay, record), self.selected);
            self.deadline_ms = now_ms.saturating_add(self.timers.consent_ms);
        }
        Ok(check)
    }

    /// RFC 8445 §7.3 and RFC 8489 §9.1.3: USERNAME, MESSAGE-INTEGRITY and FINGERPRINT, each required.
    fn authenticate(&self, request: &Message<'_>) -> Result<(), DropReason> {
        let (ours, theirs) = request.ufrags().ok_or(DropReason::StunUnknownCall)?;
        if ours != self.credentials.ufrag.as_bytes() {
            return Err(DropReason::StunUnknownCall);
        }
        if theirs != self.credentials.remote_ufrag.as_bytes() {
            return Err(DropReason::StunWrongUsername);
        }
        if !request.has_fingerprint {
            return Err(DropReason::StunMalformed);
        }
        if !request.verify(self.credentials.password.as_bytes()) {
            return Err(DropReason::StunWrongIntegrity);
        }
        Ok(())
    }

    fn answer(&self, request: &Message<'_>, client: SocketAddr) -> (Answer, Vec<u8>) {
        let id = request.transaction_id;
        let (answer, encoder) = if let Some(kind) = request.unknown_required {
            let encoder = Encoder::new(Class::Error, id).error_code(420).unknown_attribute(kind);
            (Answer::UnknownAttribute, encoder)
        } else if let Some(Role::Controlled(_)) = request.role {
            (Answer::RoleConflict, Encoder::new(Class::Error, id).error_code(487))
        } else {
            let success = Encoder::new(Class::Success, id).xor_mapped_address(client);
            // An acknowledgement of nothing tells such a client at once that we do DTLS outside STUN; without it, it
            // waits for one to two round trips before it believes that.
            (Answer::Success, if request.embeds_dtls { success.dtls_in_stun_ack() } else { success })
        };
        (answer, encoder.finish(self.credentials.password.as_bytes()))
    }

    /// The first checked address is sent to until a nomination (USE-CANDIDATE) names another.
    fn select(&mut self, client: SocketAddr, use_candidate: bool) -> Option<Change> {
        if self.selected == Some(client) || (self.selected.is_some() && !use_candidate) {
            return None;
        }
        self.selected = Some(client);
        if self.stage == Stage::AwaitingCheck {
            self.stage = Stage::Checked;
            return Some(Change::FirstCheck);
        }
        Some(Change::Moved)
    }

    /// Where the call's datagrams go, and how.
    pub fn destination(&self) -> Option<(SocketAddr, &ReturnPath)> {
        let client = self.selected?;
        Some((client, self.pairs.path(client)?))
    }

    pub fn checked_clients(&self) -> impl Iterator<Item = SocketAddr> {
        self.pairs.clients()
    }

    /// By what way a datagram of a checked address came; `None` from an unchecked one.
    pub fn via(&mut self, relay: SocketAddr, record: &Record<'_>) -> Option<Via> {
        self.pairs.via(relay, record)
    }

    /// The media authenticated a datagram that came by `via`: answers go that way now.
    pub fn adopt(&mut self, via: Via) -> bool {
        self.pairs.adopt(via)
    }

    /// Another call's check proved that the address is not this call's any more.
    pub fn forget(&mut self, client: SocketAddr) {
        self.pairs.forget(client);
        self.selected.take_if(|selected| *selected == client);
    }

    /// What has run out by now; each timeout is said once.
    pub fn expire(&mut self, now_ms: u64) -> Option<Timeout> {
        let timeout = match self.stage {
            Stage::AwaitingCheck => Timeout::Setup,
            Stage::Checked => Timeout::Consent,
            Stage::Over => return None,
        };
        if now_ms < self.deadline_ms {
            return None;
        }
        self.stage = Stage::Over;
        Some(timeout)
    }

    /// When to call [`IceLite::expire`] next; `None` once it is over.
    pub fn deadline_ms(&self) -> Option<u64> {
        (self.stage != Stage::Over).then_some(self.deadline_ms)
    }
}
