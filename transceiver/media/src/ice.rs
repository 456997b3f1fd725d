//! One call's ICE agent: lite, so it answers checks and never sends one (RFC 8445 §2.4, §7.3).
//!
//! What stands for consent to send (RFC 7675) is a valid check from the very address: docs/ice.md says why.

mod state;

use std::fmt;
use std::net::SocketAddr;

use antiphon_wire::hop::Record;
use antiphon_wire::stun::{Class, Encoder, Message, Role};

use crate::counters::DropReason;
use crate::pairs::{CheckedPairs, Via};
use crate::return_path::ReturnPath;
use crate::transactions::{RecentTransactions, Sighting};
pub use state::{CheckedPair, IceState, RestartState};

#[derive(Clone)]
pub struct Credentials {
    /// Ours; it is the ticket.
    pub ufrag: String,
    /// Ours; checks are keyed with it.
    pub password: String,
    /// The client's, from its offer.
    pub remote_ufrag: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// From the call's creation to the first valid check, and from a restart to the first of it.
    pub setup_window_ms: u64,
    /// From one valid check of the address in use to the next (RFC 7675 §5.1).
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
    /// Our ufrag that the end of a restart puts out of use.
    pub retired: Option<String>,
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

/// What the credentials of a check belong to (RFC 8445 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generation {
    Current,
    /// The restart's that is under way.
    Next,
}

struct Restart {
    credentials: Credentials,
    /// How long a call that lost its consent waits for the client to come back.
    until_ms: u64,
}

pub struct IceLite {
    credentials: Credentials,
    restart: Option<Restart>,
    timers: Timers,
    stage: Stage,
    /// Of the selected address; before the first check, the end of the set-up window.
    consent_until_ms: u64,
    transactions: RecentTransactions,
    pairs: CheckedPairs,
    selected: Option<SocketAddr>,
}

impl IceLite {
    pub fn new(credentials: Credentials, timers: Timers, now_ms: u64) -> Self {
        Self {
            credentials,
            restart: None,
            timers,
            stage: Stage::AwaitingCheck,
            consent_until_ms: now_ms.saturating_add(timers.setup_window_ms),
            transactions: RecentTransactions::default(),
            pairs: CheckedPairs::default(),
            selected: None,
        }
    }

    /// Ours: the one in use, and that of a restart.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        let next = self.restart.as_ref().map(|restart| restart.credentials.ufrag.as_str());
        std::iter::once(self.credentials.ufrag.as_str()).chain(next)
    }

    /// The client restarts ICE (RFC 8445 §9): checks under `credentials` are answered too, and they alone from the first of
    /// them on that takes the send address. Returns the ufrag of an unfinished restart, which this one takes the place of.
    pub fn restart(&mut self, credentials: Credentials, now_ms: u64) -> Option<String> {
        // However often it restarts: a client that never checks does not keep its place.
        let longest_ms = self.consent_until_ms.saturating_add(self.timers.consent_ms);
        let until_ms = now_ms.saturating_add(self.timers.setup_window_ms).min(longest_ms);
        self.restart.replace(Restart { credentials, until_ms }).map(|unfinished| unfinished.credentials.ufrag)
    }

    /// Judges a request that names a ufrag of ours; `relay` and `record` say how it came.
    pub fn check(
        &mut self,
        now_ms: u64,
        request: &Message<'_>,
        relay: SocketAddr,
        record: &Record<'_>,
    ) -> Result<Check, DropReason> {
        let (generation, credentials) = self.authenticate(request)?;
        if self.stage == Stage::Over {
            return Err(DropReason::StunCallOver);
        }
        let (answer, response) = respond(request, record.client, &credentials.password);
        let sighting = self.transactions.sight(request.transaction_id, record.client);
        if sighting == Sighting::Replayed {
            return Err(DropReason::StunReplayed);
        }
        let mut check = Check { answer, response, change: None, accepted: false, evicted: None, retired: None };
        // A repeated check is answered where it came from, but it is no news: sent again by somebody else, with the client's
        // address forged and through another relay, it must neither move the return path nor keep a dead call alive.
        if answer == Answer::Success && sighting == Sighting::Fresh {
            check.accepted = true;
            let path = ReturnPath::of(relay, record);
            let chosen = self.accept(now_ms, request.use_candidate, record.client, path, &mut check);
            if generation == Generation::Next && chosen {
                check.retired = self.finish_restart();
            }
        }
        Ok(check)
    }

    /// RFC 8445 §7.3 and RFC 8489 §9.1.3: USERNAME, MESSAGE-INTEGRITY and FINGERPRINT, each required.
    fn authenticate(&self, request: &Message<'_>) -> Result<(Generation, &Credentials), DropReason> {
        let (ours, theirs) = request.ufrags().ok_or(DropReason::StunUnknownCall)?;
        let next = self.restart.as_ref().map(|restart| (Generation::Next, &restart.credentials));
        let (generation, credentials) = [Some((Generation::Current, &self.credentials)), next]
            .into_iter()
            .flatten()
            .find(|(_, credentials)| ours == credentials.ufrag.as_bytes())
            .ok_or(DropReason::StunUnknownCall)?;
        if theirs != credentials.remote_ufrag.as_bytes() {
            return Err(DropReason::StunWrongUsername);
        }
        if !request.has_fingerprint {
            return Err(DropReason::StunMalformed);
        }
        if !request.verify(credentials.password.as_bytes()) {
            return Err(DropReason::StunWrongIntegrity);
        }
        Ok((generation, credentials))
    }

    /// Takes a new valid check into account; returns whether it nominates, or takes the send address.
    ///
    /// RFC 8445 §8.1.1: only USE-CANDIDATE moves it, but for a client that is gone from there ([`IceLite::is_silent`]).
    fn accept(
        &mut self,
        now_ms: u64,
        use_candidate: bool,
        client: SocketAddr,
        path: ReturnPath,
        check: &mut Check,
    ) -> bool {
        // The two addresses of a pair: one client address may check several of ours.
        let in_use = self.selected == Some(client)
            && self.pairs.path(client).is_some_and(|known| known.local_index == path.local_index);
        let chosen = use_candidate || !in_use && (self.selected.is_none() || self.is_silent(now_ms));
        if chosen {
            check.change = self.select(client);
        }
        if chosen || in_use {
            // RFC 7675 §5.1: consent is the pair's. That of another one is none to send here.
            self.consent_until_ms = now_ms.saturating_add(self.timers.consent_ms);
        }
        if chosen || in_use || self.selected != Some(client) {
            check.evicted = self.pairs.note(client, path, self.selected);
        }
        chosen
    }

    /// Whether the selected address missed at least two checks in a row, which come every 4 to 6 s (RFC 7675 §5.1).
    ///
    /// A client that nominated once (regular nomination) says no more than that when a NAT gives it another address.
    fn is_silent(&self, now_ms: u64) -> bool {
        now_ms.saturating_add(self.timers.consent_ms / 2) >= self.consent_until_ms
    }

    fn select(&mut self, client: SocketAddr) -> Option<Change> {
        let moved = self.selected.replace(client) != Some(client);
        if self.stage == Stage::AwaitingCheck {
            self.stage = Stage::Checked;
            return Some(Change::FirstCheck);
        }
        moved.then_some(Change::Moved)
    }

    /// Returns the ufrag that is out of use now.
    fn finish_restart(&mut self) -> Option<String> {
        let restart = self.restart.take()?;
        Some(std::mem::replace(&mut self.credentials, restart.credentials).ufrag)
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
        if now_ms >= self.consent_until_ms {
            // RFC 7675 §5.1: nothing more is sent there, also while a restart is awaited.
            self.selected = None;
        }
        if now_ms < self.deadline_ms()? {
            return None;
        }
        self.stage = Stage::Over;
        Some(timeout)
    }

    /// When to call [`IceLite::expire`] next; `None` once it is over.
    pub fn deadline_ms(&self) -> Option<u64> {
        let restart = self.restart.as_ref().filter(|_| self.selected.is_none());
        let waits_until_ms = restart.map_or(0, |restart| restart.until_ms);
        (self.stage != Stage::Over).then_some(self.consent_until_ms.max(waits_until_ms))
    }
}

fn respond(request: &Message<'_>, client: SocketAddr, password: &str) -> (Answer, Vec<u8>) {
    let id = request.transaction_id;
    let (answer, encoder) = if request.unknown_required.is_some() {
        let encoder = Encoder::new(Class::Error, id).error_code(420).unknown_attributes(request.unknown_attributes());
        (Answer::UnknownAttribute, encoder)
    } else if let Some(Role::Controlled(_)) = request.role {
        (Answer::RoleConflict, Encoder::new(Class::Error, id).error_code(487))
    } else {
        let success = Encoder::new(Class::Success, id).xor_mapped_address(client);
        // An acknowledgement of nothing tells such a client at once that we do DTLS outside STUN; without it, it
        // waits for one to two round trips before it believes that.
        (Answer::Success, if request.embeds_dtls { success.dtls_in_stun_ack() } else { success })
    };
    (answer, encoder.finish(password.as_bytes()))
}
