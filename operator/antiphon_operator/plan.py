"""What a fleet needs now: the whole decision of a round, pure and complete."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from antiphon_operator.actions import Plan
from antiphon_operator.node_loss import judged, judged_at
from antiphon_operator.observed import Fleet, ObservedPool, TableBlock
from antiphon_operator.pool.plan import Reservations, plan_pool, reservations, takes_out
from antiphon_operator.pool.status import orphan_patch
from antiphon_operator.pool.view import PoolView, view
from antiphon_operator.relay import plan_relay
from antiphon_operator.routes.ledger import Ledger, followed, forgets_next_at, stored, successors
from antiphon_operator.routes.tables import table_writes


def plan(fleet: Fleet, now: float, rng: random.Random) -> Plan:
    """The actions that bring the fleet closer to what its resources want; none where it is there.

    A pod is born in four rounds: its block is reserved in a table; the pod is made under the block's name; its block
    becomes active; its readiness gate opens. It goes in two: its block leaves new calls to others; it is deleted.
    Each round acts on what the one before has stored, so one on an old view is stopped by the tables' versions.
    `rng` draws route ids and secrets.
    """
    fleet, nodes_judged_at = judged(fleet, now), judged_at(fleet.nodes, now)
    ledger = stored(fleet)
    decisions = _decide(fleet, ledger, now)
    after = _entered(fleet, followed(ledger, fleet, now), decisions, rng)
    whole = plan_relay(fleet, now, lambda: rng.randbytes(32))
    whole += Plan(tables=table_writes(fleet, after.ledger, now, decides=decisions.change_the_ledger))
    for pool in decisions.pools:
        exhausted = pool.view.pool.metadata.name in after.exhausted
        whole += plan_pool(fleet, pool.view, pool.reservations.used, exhausted=exhausted)
    for at in (forgets_next_at(after.ledger, fleet), nodes_judged_at):
        whole += Plan(requeue_after_s=None if at is None else max(0.0, at - now))
    return whole


def plan_orphan(pool: ObservedPool, now: float) -> Plan:
    """Of a pool whose VoiceRelay does not exist: its status says so, its pods go on."""
    return Plan(statuses=orphan_patch(pool, now))


@dataclass(frozen=True)
class _PoolDecision:
    view: PoolView
    reservations: Reservations


@dataclass(frozen=True)
class _Decisions:
    pools: tuple[_PoolDecision, ...]
    unused: tuple[TableBlock, ...]
    """Reservations that nobody needs."""

    @property
    def taken_out(self) -> frozenset[str]:
        """Pods that get no new calls from now on."""
        return frozenset(pod.name for pool in self.pools for pod in pool.view.departures)

    @property
    def change_the_ledger(self) -> bool:
        return any(pool.reservations.missing or takes_out(pool.view) for pool in self.pools)


def _decide(fleet: Fleet, ledger: Ledger, now: float) -> _Decisions:
    pods = [pod for observed in fleet.pools for pod in observed.pods]
    states, unwanted = ledger.states(), successors(ledger, pods)
    waiting = ledger.reservations({pod.name for pod in (*pods, *fleet.stray_pods)})
    decided = []
    for observed in fleet.pools:
        seen = view(fleet, observed, states, unwanted, now)
        mine = sorted(waiting.pop(observed.pool.metadata.name, []), key=lambda block: block.first)
        decided.append(_PoolDecision(seen, reservations(seen, mine)))
    unused = [block for pool in decided for block in pool.reservations.unused]
    of_no_pool = [block for blocks in waiting.values() for block in blocks]
    return _Decisions(tuple(decided), (*unused, *of_no_pool))


@dataclass(frozen=True)
class _Entered:
    ledger: Ledger
    exhausted: frozenset[str] = field(default_factory=frozenset)
    """Pools for which no block is left."""


def _entered(fleet: Fleet, ledger: Ledger, decisions: _Decisions, rng: random.Random) -> _Entered:
    """The ledger with the decisions in it."""
    ledger = ledger.without({block.first for block in decisions.unused}).draining(decisions.taken_out)
    exhausted = set()
    for pool in decisions.pools:
        name, wanted = pool.view.pool.metadata.name, pool.reservations.missing
        before = len(ledger.blocks)
        ledger = ledger.reserved(name, wanted, rng)
        if len(ledger.blocks) - before < wanted:
            exhausted.add(name)
    return _Entered(ledger, frozenset(exhausted))
