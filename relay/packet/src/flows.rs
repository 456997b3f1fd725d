//! The flow map: (local address, client address) → route id, one for the whole process.
//!
//! Any worker may serve any flow, so a re-hash of `SO_REUSEPORT` costs nothing. A packet on a known flow takes one shard's
//! lock for the time of a look-up; whatever adds or takes away flows holds `openings` first and then one shard at a time.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use antiphon_wire::ticket::Ticket;
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;

use crate::announcements::{Announcement, Announcements};
use crate::budget::{PrefixBudget, Rate};
use crate::drop_reason::DropReason;
use crate::flow_key::FlowKey;
use crate::now::Now;
use crate::tickets::{Standing, TicketId, Tickets};

const SHARDS: usize = 64;

#[derive(Clone, Copy, Debug)]
pub struct FlowLimits {
    pub max_flows: usize,
    /// A flow without a packet from its client for this long is forgotten.
    pub idle_ms: u64,
    /// New flows of one source prefix.
    pub new_flows: Rate,
    /// How often a live flow is announced to the flow cache; `None` without one.
    pub refresh_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub route: u32,
    /// The ticket that opened it; none where the flow came from the flow cache.
    pub ticket: Option<TicketId>,
    /// When it was bound to its route.
    pub opened_unix_ms: u64,
    /// The last packet from the client.
    pub last_seen_ms: u64,
    /// The route's owner has answered this client.
    pub confirmed: bool,
    announced_ms: u64,
}

impl Flow {
    fn standing(&self) -> Standing {
        if self.confirmed {
            Standing::Confirmed { last_seen_ms: self.last_seen_ms }
        } else {
            Standing::Unconfirmed { opened_ms: self.opened_unix_ms }
        }
    }
}

struct Slot {
    key: FlowKey,
    flow: Flow,
}

/// On its own pair of cache lines, so that two workers' locks do not share one.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<HashTable<Slot>>);

/// What opening and ending flows accounts for.
struct Openings {
    tickets: Tickets<SeedableRandomState>,
    budget: PrefixBudget,
    next_to_sweep: usize,
}

/// Keys are strangers' addresses: the hash is seeded for this process, the size is bounded, and only an authenticated
/// STUN request or the flow cache adds one.
pub struct Flows {
    limits: FlowLimits,
    hasher: SeedableRandomState,
    shards: [Shard; SHARDS],
    count: AtomicUsize,
    openings: Mutex<Openings>,
    announcements: Mutex<Announcements>,
}

impl Flows {
    /// `seed` is to be unpredictable.
    pub fn new(limits: FlowLimits, seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        let openings = Openings {
            tickets: Tickets::new(hasher.clone()),
            budget: PrefixBudget::new(limits.new_flows, seed),
            next_to_sweep: 0,
        };
        Self {
            limits,
            hasher,
            shards: std::array::from_fn(|_| Shard::default()),
            count: AtomicUsize::new(0),
            openings: Mutex::new(openings),
            announcements: Mutex::default(),
        }
    }

    /// The flow of a packet from its client, kept alive by it.
    pub fn touch(&self, key: FlowKey, now: Now) -> Option<Flow> {
        self.with(key, |flow| {
            flow.last_seen_ms = now.steady_ms;
            *flow
        })
    }

    /// Binds a client to the route of its ticket. The caller has checked ticket and MESSAGE-INTEGRITY.
    pub fn open(&self, key: FlowKey, ticket: Ticket, now: Now) -> Result<(), DropReason> {
        let id = TicketId::from(ticket);
        let mut openings = locked(&self.openings);
        if let Some(previous) = self.rebind(key, ticket.route, id, now) {
            if let Some(previous_id) = previous.ticket.filter(|previous_id| *previous_id != id) {
                openings.tickets.remove(previous_id, key);
            }
        } else {
            if !openings.budget.take(key, now) {
                return Err(DropReason::FlowBudget);
            }
            let flow = Flow {
                route: ticket.route,
                ticket: Some(id),
                opened_unix_ms: now.unix_ms,
                last_seen_ms: now.steady_ms,
                confirmed: false,
                announced_ms: now.steady_ms,
            };
            self.insert(key, flow)?;
        }
        let standing = |key| self.with(key, |flow| flow.standing()).unwrap_or(Standing::Unconfirmed { opened_ms: 0 });
        if let Some(evicted) = openings.tickets.add(id, key, standing) {
            self.remove(evicted);
        }
        Ok(())
    }

    /// Takes a flow from the flow cache, unless one that is as new is there; answers the route now in force.
    pub fn restore(&self, key: FlowKey, route: u32, opened_unix_ms: u64, now: Now) -> Result<u32, DropReason> {
        let mut openings = locked(&self.openings);
        let restored = Flow {
            route,
            ticket: None,
            opened_unix_ms,
            last_seen_ms: now.steady_ms,
            confirmed: true,
            announced_ms: now.steady_ms,
        };
        let Some(present) = self.with(key, |flow| *flow) else {
            self.insert(key, restored)?;
            return Ok(route);
        };
        if present.opened_unix_ms >= opened_unix_ms {
            return Ok(present.route);
        }
        if let Some(id) = present.ticket {
            openings.tickets.remove(id, key);
        }
        self.with(key, |flow| *flow = restored);
        Ok(route)
    }

    /// Notes that the owner of `route` has answered the client, and refuses where the flow is bound elsewhere.
    pub fn confirm(&self, key: FlowKey, route: u32, now: Now) -> Result<(), DropReason> {
        let newly = self.with(key, |flow| {
            if flow.route != route {
                return Err(DropReason::HopOtherRoute);
            }
            let newly = !flow.confirmed;
            flow.confirmed = true;
            if newly {
                flow.announced_ms = now.steady_ms;
            }
            Ok(newly.then_some(Announcement { key, route, opened_unix_ms: flow.opened_unix_ms }))
        });
        if let Some(announcement) = newly.ok_or(DropReason::HopNoFlow)?? {
            self.announce(announcement);
        }
        Ok(())
    }

    /// Ends the idle flows of the next `shards` shards and announces the live ones that are due; answers how many ended.
    pub fn sweep(&self, shards: usize, now: Now) -> usize {
        (0..shards).map(|_| self.sweep_next(now)).sum()
    }

    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flows whose client sent something within the last `within_ms`. Walks the map: not for the packet path.
    pub fn heard_within(&self, within_ms: u64, now: Now) -> usize {
        let recent = |slot: &&Slot| now.steady_ms.saturating_sub(slot.flow.last_seen_ms) < within_ms;
        self.shards.iter().map(|shard| locked(&shard.0).iter().filter(recent).count()).sum()
    }

    pub fn take_announcements(&self, limit: usize) -> Vec<Announcement> {
        locked(&self.announcements).take(limit)
    }

    pub fn announcements_overflowed(&self) -> u64 {
        locked(&self.announcements).overflowed()
    }

    fn rebind(&self, key: FlowKey, route: u32, ticket: TicketId, now: Now) -> Option<Flow> {
        self.with(key, |flow| {
            let previous = *flow;
            flow.ticket = Some(ticket);
            if flow.route != route {
                flow.route = route;
                flow.opened_unix_ms = now.unix_ms;
                flow.confirmed = false;
            }
            previous
        })
    }

    fn sweep_next(&self, now: Now) -> usize {
        let mut openings = locked(&self.openings);
        let at = openings.next_to_sweep % SHARDS;
        openings.next_to_sweep = at + 1;
        let Some(shard) = self.shards.get(at) else { return 0 };
        let mut ended = 0;
        let mut due = Vec::new();
        locked(&shard.0).retain(|Slot { key, flow }| {
            if now.steady_ms.saturating_sub(flow.last_seen_ms) >= self.limits.idle_ms {
                if let Some(ticket) = flow.ticket {
                    openings.tickets.remove(ticket, *key);
                }
                ended += 1;
                return false;
            }
            if let Some(announcement) = self.refresh(*key, flow, now) {
                due.push(announcement);
            }
            true
        });
        self.count.fetch_sub(ended, Ordering::Relaxed);
        for announcement in due {
            self.announce(announcement);
        }
        ended
    }

    fn refresh(&self, key: FlowKey, flow: &mut Flow, now: Now) -> Option<Announcement> {
        let interval_ms = self.limits.refresh_ms?;
        if !flow.confirmed || now.steady_ms.saturating_sub(flow.announced_ms) < interval_ms {
            return None;
        }
        flow.announced_ms = now.steady_ms;
        Some(Announcement { key, route: flow.route, opened_unix_ms: flow.opened_unix_ms })
    }

    fn announce(&self, announcement: Announcement) {
        if self.limits.refresh_ms.is_some() {
            locked(&self.announcements).push(announcement);
        }
    }

    /// The caller holds `openings`, so two insertions never race for the last place.
    fn insert(&self, key: FlowKey, flow: Flow) -> Result<(), DropReason> {
        if self.len() >= self.limits.max_flows {
            return Err(DropReason::FlowsFull);
        }
        let hash = self.hasher.hash_one(key);
        self.shard(hash).insert_unique(hash, Slot { key, flow }, |slot| self.hasher.hash_one(slot.key));
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove(&self, key: FlowKey) {
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.shard(hash).find_entry(hash, |slot| slot.key == key) {
            entry.remove();
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn with<T>(&self, key: FlowKey, act: impl FnOnce(&mut Flow) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(key);
        self.shard(hash).find_mut(hash, |slot| slot.key == key).map(|slot| act(&mut slot.flow))
    }

    /// By bits that the table within the shard uses least: it takes the low ones for the place and the top ones as a tag.
    #[expect(clippy::indexing_slicing, reason = "the remainder is below SHARDS")]
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Slot>> {
        locked(&self.shards[(hash >> 40) as usize % SHARDS].0)
    }
}

/// No code that holds a lock here can panic half-way through a change, so a poisoned one is as good.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
