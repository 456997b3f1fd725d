//! The map against a model: plain lists that say what it ought to hold.

use antiphon_wire::ticket::Ticket;
use proptest::prelude::*;

use super::*;
use crate::tickets::FLOWS_PER_TICKET;

const IDLE_MS: u64 = 1000;
const MAX_FLOWS: usize = 24;
const LIMITS: FlowLimits = FlowLimits {
    max_flows: MAX_FLOWS,
    idle_ms: IDLE_MS,
    new_flows: Rate { per_second: 1_000_000, burst: 1_000_000 },
    refresh_ms: Some(500),
};

#[derive(Clone, Debug)]
enum Step {
    Open { client: u16, route: u32, nonce: u32 },
    Touch { client: u16 },
    Confirm { client: u16, route: u32 },
    Restore { client: u16, route: u32, opened_ms: u64 },
    Pass { ms: u64 },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_u16, 0..3_u32, 0..3_u32).prop_map(|(client, route, nonce)| Step::Open { client, route, nonce }),
        3 => (0..40_u16).prop_map(|client| Step::Touch { client }),
        2 => (0..40_u16, 0..3_u32).prop_map(|(client, route)| Step::Confirm { client, route }),
        1 => (0..40_u16, 0..3_u32, 0..5000_u64)
            .prop_map(|(client, route, opened_ms)| Step::Restore { client, route, opened_ms }),
        2 => (1..400_u64).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Sweep),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ModelFlow {
    client: u16,
    route: u32,
    nonce: Option<u32>,
    opened_ms: u64,
    seen_ms: u64,
    confirmed: bool,
}

#[derive(Default)]
struct Model {
    flows: Vec<ModelFlow>,
    now_ms: u64,
}

impl Model {
    fn find(&mut self, client: u16) -> Option<&mut ModelFlow> {
        self.flows.iter_mut().find(|flow| flow.client == client)
    }

    fn open(&mut self, client: u16, route: u32, nonce: u32) {
        let now_ms = self.now_ms;
        let held = |flow: &ModelFlow| flow.route == route && flow.nonce == Some(nonce);
        let present = self.find(client).cloned();
        if present.is_none() && self.flows.len() >= MAX_FLOWS {
            return;
        }
        let mut flow = present.clone().unwrap_or(ModelFlow {
            client,
            route,
            nonce: None,
            opened_ms: now_ms,
            seen_ms: now_ms,
            confirmed: false,
        });
        if flow.route != route {
            flow = ModelFlow { route, opened_ms: now_ms, confirmed: false, ..flow };
        }
        flow.nonce = Some(nonce);
        let was_held = present.as_ref().is_some_and(held);
        if !was_held && self.flows.iter().filter(|flow| held(flow)).count() >= FLOWS_PER_TICKET {
            let rank = |flow: &ModelFlow| if flow.confirmed { (1, flow.seen_ms) } else { (0, flow.opened_ms) };
            let worst = self.flows.iter().filter(|flow| held(flow)).map(rank).min().unwrap();
            let at = self.flows.iter().position(|flow| held(flow) && rank(flow) == worst).unwrap();
            self.flows.remove(at);
        }
        self.flows.retain(|other| other.client != client);
        self.flows.push(flow);
    }
}

fn key(client: u16) -> FlowKey {
    FlowKey::new(0, ([192, 0, 2, 1], client).into())
}

fn ticket(route: u32, nonce: u32) -> Ticket {
    Ticket { cluster_id: 0, route, expires_at: 0, nonce }
}

fn apply(flows: &Flows, model: &mut Model, step: &Step) {
    // Time moves on with every step, so that no two flows stand equally low.
    model.now_ms += 1;
    let now = Now { steady_ms: model.now_ms, unix_ms: model.now_ms };
    match *step {
        Step::Open { client, route, nonce } => {
            let _full_or_open = flows.open(key(client), ticket(route, nonce), now);
            model.open(client, route, nonce);
        }
        Step::Touch { client } => {
            flows.touch(key(client), now);
            let now_ms = model.now_ms;
            if let Some(flow) = model.find(client) {
                flow.seen_ms = now_ms;
            }
        }
        Step::Confirm { client, route } => {
            let confirmed = flows.confirm(key(client), route, now).is_ok();
            let bound = model.find(client).filter(|flow| flow.route == route);
            assert_eq!(confirmed, bound.is_some());
            if let Some(flow) = bound {
                flow.confirmed = true;
            }
        }
        Step::Restore { client, route, opened_ms } => {
            let restored = ModelFlow { client, route, nonce: None, opened_ms, seen_ms: model.now_ms, confirmed: true };
            let _full_or_restored = flows.restore(key(client), route, opened_ms, now);
            let room = model.flows.len() < MAX_FLOWS;
            match model.find(client) {
                Some(present) if present.opened_ms < opened_ms => *present = restored,
                None if room => model.flows.push(restored),
                _ => {}
            }
        }
        Step::Pass { ms } => model.now_ms += ms,
        Step::Sweep => {
            let kept = |flow: &ModelFlow| model.now_ms - flow.seen_ms < IDLE_MS;
            let ended = model.flows.iter().filter(|flow| !kept(flow)).count();
            assert_eq!(flows.sweep(SHARDS, now), ended);
            let now_ms = model.now_ms;
            model.flows.retain(|flow| now_ms - flow.seen_ms < IDLE_MS);
        }
    }
}

fn contents(flows: &Flows) -> Vec<ModelFlow> {
    let of_shard = |shard: &Shard| -> Vec<ModelFlow> {
        let shown = |Slot { key, flow }: &Slot| ModelFlow {
            client: key.client().port(),
            route: flow.route,
            nonce: flow.ticket.map(|ticket| {
                (0..3).find(|nonce| TicketId::from(super::tests::ticket(flow.route, *nonce)) == ticket).unwrap()
            }),
            opened_ms: flow.opened_unix_ms,
            seen_ms: flow.last_seen_ms,
            confirmed: flow.confirmed,
        };
        locked(&shard.0).iter().map(shown).collect()
    };
    let mut all: Vec<ModelFlow> = flows.shards.iter().flat_map(of_shard).collect();
    all.sort_by_key(|flow| flow.client);
    all
}

proptest! {
    #[test]
    fn the_map_holds_what_the_model_holds(steps in proptest::collection::vec(step(), 0..300)) {
        let flows = Flows::new(LIMITS, 7);
        let mut model = Model { now_ms: 10_000, ..Model::default() };
        for step in &steps {
            apply(&flows, &mut model, step);
            let mut expected = model.flows.clone();
            expected.sort_by_key(|flow| flow.client);
            prop_assert_eq!(contents(&flows), expected);
            prop_assert_eq!(flows.len(), model.flows.len());
            prop_assert!(locked(&flows.openings).tickets.len() <= model.flows.len());
        }
    }
}

#[test]
fn a_live_flow_is_announced_again_and_an_idle_one_ends() {
    let flows = Flows::new(LIMITS, 7);
    let at = |ms| Now { steady_ms: ms, unix_ms: ms };
    flows.open(key(1), ticket(0, 0), at(0)).unwrap();
    flows.confirm(key(1), 0, at(0)).unwrap();
    assert_eq!(flows.take_announcements(10).len(), 1);
    flows.touch(key(1), at(499));
    flows.sweep(SHARDS, at(499));
    assert_eq!(flows.take_announcements(10).len(), 0);
    flows.sweep(SHARDS, at(500));
    assert_eq!(flows.take_announcements(10).len(), 1);
    assert_eq!((flows.heard_within(1000, at(1498)), flows.heard_within(1000, at(1499))), (1, 0));
    assert_eq!(flows.sweep(SHARDS, at(1499)), 1);
    assert!(flows.is_empty() && locked(&flows.openings).tickets.is_empty());
}
