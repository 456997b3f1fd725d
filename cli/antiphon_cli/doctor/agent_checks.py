"""AP6: what transceivers speak to. Pure."""

from __future__ import annotations

from antiphon_cli.cluster.own_kinds import Condition, TransceiverPool
from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import FleetCheck, Verdict, failure, ok

UNAUTHORIZED = "Unauthorized"


def backend_is_reached(fleet: Fleet, _seen: Observation) -> Verdict:
    for pool in fleet.pools:
        condition = _backend(pool)
        if condition is not None and condition.status == "False" and not condition.reason.endswith(UNAUTHORIZED):
            return failure(
                f"Pool {pool.name} does not reach {pool.backend} ({condition.reason}: {condition.message}).",
                look=_look(pool),
                cure="Is the agent running, is its name right, and does a NetworkPolicy let the pods out?",
            )
    return ok(", ".join(sorted({pool.backend for pool in fleet.pools})) or "no pool")


def key_is_accepted(fleet: Fleet, _seen: Observation) -> Verdict:
    for pool in fleet.pools:
        condition = _backend(pool)
        if condition is not None and condition.status == "False" and condition.reason.endswith(UNAUTHORIZED):
            return failure(
                f"{pool.backend} refuses the API key of pool {pool.name} ({condition.message}).",
                look=_look(pool),
                cure="Put a valid key into the Secret that spec.backend.realtime.apiKeySecretRef names.",
            )
    return ok()


def _backend(pool: TransceiverPool) -> Condition | None:
    return pool.conditions.of("BackendReachable")


def _look(pool: TransceiverPool) -> str:
    return f"kubectl -n {pool.name.namespace} logs -l antiphon.dev/pool={pool.name.name} --tail 20 --prefix"


CHECKS = (
    FleetCheck("AP601", "pools reach their backend", backend_is_reached),
    FleetCheck("AP602", "the backend accepts their key", key_is_accepted),
)
