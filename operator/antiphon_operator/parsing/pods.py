"""A pod of a fleet, out of its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from antiphon_operator.kinds import TRANSCEIVER_POOL
from antiphon_operator.labels import COMPONENT_LABEL, POOL_LABEL, RELAY_LABEL
from antiphon_operator.observed import Manifest, NodeState, ObservedPod
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.parsing.placement import Placement, read_placement
from antiphon_operator.transceiver_pod import BUSY_LABEL, REVISION_LABEL, ROUTES_ANNOTATION, ROUTES_GATE

WORKERS: Final = "antiphon.dev/workers"


@dataclass(frozen=True)
class PodRecord:
    """What the pod's manifest says; its node and its load are known from elsewhere."""

    pod: ObservedPod
    """With a usable node and no load."""
    fleet: str
    """The label antiphon.dev/relay."""
    component: str
    pool: str
    """Empty: of no pool."""
    owner: str | None
    """The uid of the TransceiverPool that controls it; None: none does, whatever the labels say."""
    placement: Placement


def read_pod(manifest: Manifest) -> PodRecord:
    body = Fields(manifest)
    metadata = body.within("metadata")
    labels, owner = metadata.within("labels"), _pool_uid(metadata)
    pool = labels.word(POOL_LABEL)
    return PodRecord(
        pod=_observed(body, is_disowned=bool(pool) and owner is None),
        fleet=labels.word(RELAY_LABEL),
        component=labels.word(COMPONENT_LABEL),
        pool=pool,
        owner=owner,
        placement=read_placement(body.within("spec")),
    )


def _pool_uid(metadata: Fields) -> str | None:
    owners = metadata.items("ownerReferences")
    controller = next((one for one in owners if one.flag("controller")), Fields(None))
    return controller.text("uid") if controller.word("kind") == TRANSCEIVER_POOL.name else None


def _observed(body: Fields, *, is_disowned: bool) -> ObservedPod:
    metadata, spec, status = body.within("metadata"), body.within("spec"), body.within("status")
    labels = metadata.within("labels")
    conditions = {one.word("type"): one for one in status.items("conditions")}
    waiting = _waiting(status)
    deadline = metadata.moment("deletionTimestamp")
    return ObservedPod(
        name=metadata.word("name"),
        uid=metadata.word("uid"),
        revision=labels.word(REVISION_LABEL),
        first_route=_number(metadata.within("annotations").text(ROUTES_ANNOTATION)),
        ip=status.text("podIP"),
        node=spec.text("nodeName"),
        node_state=NodeState.USABLE,
        phase=status.word("phase", "Unknown"),
        containers_ready=_holds(conditions.get("ContainersReady")),
        ready=_holds(conditions.get("Ready")),
        routes_published=_holds(conditions.get(ROUTES_GATE)),
        created_at=metadata.moment("creationTimestamp") or 0.0,
        deleted_at=None if deadline is None else deadline - metadata.integer("deletionGracePeriodSeconds"),
        deadline=deadline,
        waiting_reason=waiting.text("reason"),
        waiting_message=waiting.text("message"),
        unschedulable=_unschedulable(conditions.get("PodScheduled")),
        busy=labels.text(BUSY_LABEL) == "true",
        load=None,
        ended_at=_ended_at(status),
        ended_because=_ended_because(status),
        workers=_number(metadata.within("annotations").text(WORKERS)),
        is_disowned=is_disowned,
    )


def _holds(condition: Fields | None) -> bool:
    return condition is not None and condition.word("status") == "True"


def _number(text: str | None) -> int | None:
    """Decimal or 0x…."""
    try:
        return None if text is None else int(text, 0)
    except ValueError:
        return None


def _waiting(status: Fields) -> Fields:
    """Why the first container that waits for more than its start does so."""
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in status.items(name):
            waiting = container.within("state", "waiting")
            if waiting.text("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return waiting
    return Fields(None)


def _ended_at(status: Fields) -> float | None:
    if status.word("phase") not in ("Failed", "Succeeded"):
        return None
    ends = [one.within("state", "terminated").moment("finishedAt") for one in status.items("containerStatuses")]
    return max((end for end in ends if end is not None), default=None)


def _ended_because(status: Fields) -> str | None:
    """Of the first container that ended badly, else what the kubelet says of the pod."""
    if status.word("phase") not in ("Failed", "Succeeded"):
        return None
    for container in status.items("containerStatuses"):
        ended = container.within("state", "terminated")
        code = ended.integer("exitCode")
        if code:
            reason = ended.word("reason", "Error")
            return f"{reason}, exit code {code}" if reason == "Error" else reason
    return status.text("reason")


def _unschedulable(scheduled: Fields | None) -> str | None:
    if scheduled is None or scheduled.word("status") != "False":
        return None
    return scheduled.text("message") or scheduled.word("reason", "Unschedulable")
