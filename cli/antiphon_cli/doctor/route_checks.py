"""AP5: keys and routes. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.cluster.words import counted, lasting
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import FleetCheck, Verdict, failure, ok, warning

NEXT_ROTATION = "antiphon.dev/next-rotation"
"""Annotation of the key ring's Secret."""
LATE_S = 600
SAFE_LEAD_S = 300
"""A kubelet looks at a pod's volumes every `syncFrequency`, a minute, and up to a half more; and has to write them.
Where the API server was away, it backs off for 30 s, doubled by chance, before each try to watch or list the Secret,
and two tries may fail after the server is back."""
SETTLING_S = 10
"""From a pod's birth to its route's publication: younger pods are not judged."""


def keys_turn(fleet: Fleet, seen: Observation) -> Verdict:
    secrets = {secret.name: secret for secret in seen.secrets.known()}
    wanted = [fleet.child(part) for part in ("keys", "control")]
    place = fleet.relay.name.namespace
    missing = [name.name for name in wanted if name not in secrets]
    if missing:
        return failure(
            f"The Secret {' and '.join(missing)} is not there: pods that start now cannot.",
            look=f"kubectl -n {place} get secrets -l antiphon.dev/relay={fleet.relay.name.name}",
            cure="The operator makes it anew: see AP104.",
        )
    due = _moment(secrets[wanted[0]].annotations.get(NEXT_ROTATION, ""))
    if due is None:
        return ok()
    late = seen.snapshot.at - due
    if late > LATE_S:
        return failure(
            f"The keys should have been rotated {lasting(late)} ago.",
            look=f"kubectl -n {place} describe secret {wanted[0].name}",
            cure="The operator rotates them: see AP104, and its log. The newest key goes on for 30 days.",
        )
    return ok(f"next rotation in {lasting(-late)}" if late < 0 else "the next rotation is due")


def pods_have_routes(fleet: Fleet, seen: Observation) -> Verdict:
    ready = {
        pod.name.name: pod
        for pod in fleet.transceivers
        if pod.ready and pod.deadline is None and seen.snapshot.at - pod.created_at > SETTLING_S
    }
    there = {pod.name.name for pod in fleet.transceivers if not pod.has_ended}
    active = {block.pod for table in fleet.tables for block in table.blocks if block.state == "Active"}
    look = f"kubectl -n {fleet.relay.name.namespace} get routetables,pods -l antiphon.dev/relay={fleet.relay.name.name}"
    cure = "The operator writes the table: see AP104, and its log."
    without = sorted(set(ready) - active)
    if without:
        return failure(f"Without a route, so that no call reaches them: {_some(without)}.", look=look, cure=cure)
    gone = sorted(active - there)
    if gone:
        return failure(f"In the route table, and not there: {_some(gone)}. Calls to them fail.", look=look, cure=cure)
    return ok(f"{counted(len(active), 'pod')} with routes")


def table_is_whole(fleet: Fleet, _seen: Observation) -> Verdict:
    tables = fleet.tables
    place, name = fleet.relay.name.namespace, fleet.relay.name.name
    look = f"kubectl -n {place} get routetables"
    cure = "The operator writes them anew: see AP104. Until then readers keep what they had."
    if not tables:
        return failure("There is no route table: no pod can be reached.", look=look, cure=cure)
    expected = max(table.shards for table in tables)
    missing = sorted(set(range(expected)) - {table.shard for table in tables})
    if missing:
        said = ", ".join(f"{name}-{shard}" for shard in missing)
        return failure(f"Of {counted(expected, 'shard')} of the route table, {said} is missing.", look=look, cure=cure)
    owners = Counter(block.first for table in tables for block in table.blocks)
    twice = [first for first, count in owners.items() if count > 1]
    if twice:
        return failure(f"Route id {twice[0]} is given away twice.", look=f"{look} -o yaml", cure=cure)
    return ok(counted(expected, "shard"))


def relays_are_in_the_table(fleet: Fleet, _seen: Observation) -> Verdict:
    listed = {relay for table in fleet.tables for relay in table.relays}
    ready = {pod.name.name for pod in fleet.relay_pods if pod.ready}
    missing = sorted(ready - listed)
    if missing:
        return warning(
            f"Not in the route table, so that transceivers take nothing from them: {_some(missing)}.",
            look=f"kubectl -n {fleet.relay.name.namespace} get routetable {fleet.relay.name.name}-0 -o yaml",
            cure="The operator adds them: see AP104, and its log.",
        )
    return ok(counted(len(ready), "relay"))


def keys_arrive_before_their_use(fleet: Fleet, _seen: Observation) -> Verdict:
    lead = fleet.relay.publish_lead_s
    if lead is None or lead >= SAFE_LEAD_S:
        return ok("" if lead is None else f"{lead} s to reach every pod")
    return warning(
        f"A new key is used {lead} s after it was published, and a kubelet may take 90 s to bring it, and three "
        "minutes more where the API server was away: without it, a relay drops the packets of new calls.",
        look="kubectl get --raw /api/v1/nodes/NODE/proxy/configz | grep -o '\"syncFrequency\":[^,]*'",
        cure=f"Set spec.keys.publishLeadSeconds to {SAFE_LEAD_S} or more (rotationPeriodSeconds has to be above it); "
        f"right where every kubelet's syncFrequency is below {lead * 2 // 3} s, but for three minutes after the API "
        "server was away.",
    )


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


CHECKS = (
    FleetCheck("AP501", "keys are there and turn in time", keys_turn),
    FleetCheck("AP502", "every pod has its route, and every route its pod", pods_have_routes),
    FleetCheck("AP503", "the route table is whole", table_is_whole),
    FleetCheck("AP504", "relays are in the route table", relays_are_in_the_table),
    FleetCheck("AP505", "new keys reach every pod before their use", keys_arrive_before_their_use),
)
