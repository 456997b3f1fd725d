"""A fleet of which all is well, to be made worse by tests."""

from dataclasses import replace

from antiphon_crds.metadata import Metadata
from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import Backend, BackendType, TransceiverPool, TransceiverPoolSpec
from antiphon_operator.observed import (
    ObservedPool,
    ObservedTable,
    PodLoad,
    TableBlock,
    TableBlockState,
)
from antiphon_wire.control import BackendState
from voice_relays import NOW, Site, pod, voice_relay

ADDRESS = "publicAddresses: [{ip: 203.0.113.7}]"
SERVED: dict[str, Json] = {"replicas": 2, "availableReplicas": 2, "updatedReplicas": 2, "observedGeneration": 1}

NONE: dict[str, Json] = {"availableReplicas": 0}
ONE: dict[str, Json] = {"availableReplicas": 1}


def served(spec: str = f"{{{ADDRESS}}}") -> Site:
    """All is well: two relays, signaling, a pool with one pod."""
    site = Site.of(voice_relay(spec))
    site.settle()
    for key in site.fleet.children:
        if key.kind == "Deployment":
            site.change("Deployment", key.name, status=dict(SERVED))
    table = ObservedTable("edge-0", "1", 0, 1, 1, 0, ("203.0.113.7:3478",), (), (), (block(TableBlockState.ACTIVE),))
    site.fleet = replace(site.fleet, pools=(pool(load(7)),), tables=(table,))
    site.settle()
    return site


def block(state: TableBlockState) -> TableBlock:
    return TableBlock(8, "agents-00000008", "agents", state)


def load(live: int) -> PodLoad:
    return PodLoad(60, live, draining=False, backend=BackendState.REACHABLE, at=NOW)


def pool(*loads: PodLoad) -> ObservedPool:
    resource = TransceiverPool(Metadata("agents", "voice"), TransceiverPoolSpec("edge", Backend(BackendType.ECHO)))
    return ObservedPool(resource, {}, tuple(pod(f"agents-{index}", load=one) for index, one in enumerate(loads)))


def relays(site: Site, **changes: Json) -> None:
    site.change("Deployment", "edge-relay", status={**SERVED, **changes})
