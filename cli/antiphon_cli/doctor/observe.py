"""Reads and tries what the checks judge."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from antiphon_cli.call import HELLO
from antiphon_cli.cluster.ailments import is_ready
from antiphon_cli.cluster.api_server import METADATA_ONLY, ApiServer, Right
from antiphon_cli.cluster.connection import Connection
from antiphon_cli.cluster.definitions import Definition, known_definitions
from antiphon_cli.cluster.gather import CORE, attempted, gather, listed, place
from antiphon_cli.cluster.network import Namespace, NetworkPolicy
from antiphon_cli.cluster.own_kinds import Name
from antiphon_cli.cluster.reading import Known, NotReadError, Reading, RefusalReason, Refused, items
from antiphon_cli.cluster.records import Secret
from antiphon_cli.cluster.snapshot import Fleet, Snapshot, fleets
from antiphon_cli.cluster.tunnel import tunnel
from antiphon_cli.cluster.workloads import RELAY_LABEL, Autoscaler, Node
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.rights import INSTALL, READ
from antiphon_cli.voice.caller import CallPlan, place_call
from antiphon_cli.voice.question import read_question
from antiphon_cli.voice.report import CallReport

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AUTOSCALING = "/apis/autoscaling/v2"
NETWORKING = "/apis/networking.k8s.io/v1"
OWN_GROUP = ".antiphon.dev"
LOOKUP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Errand:
    """What is to be tried, besides reading."""

    call: bool
    """Place a real call to every fleet."""
    signaling_url: str | None = None
    """Where; None: each fleet's Service, through the API server."""
    install_rights: bool = False
    clock: Callable[[], float] = time.time
    say: Callable[[str], None] = lambda _said: None
    """Told before something slow."""


async def observe(connection: Connection, errand: Errand) -> Observation:
    """Raises `NotReadError` where the API server does not answer."""
    api, namespace = connection.api, connection.namespace
    ahead_s = await _clock_ahead(api, errand.clock)
    version = (await api.document("/version")).text("gitVersion")
    snapshot = await gather(connection)
    definitions, secrets, autoscalers, policies, nodes = await asyncio.gather(
        listed(api, DEFINITIONS, Definition.read),
        listed(api, place(CORE, namespace, "secrets"), Secret.read, accept=METADATA_ONLY, labelSelector=RELAY_LABEL),
        listed(api, place(AUTOSCALING, namespace, "horizontalpodautoscalers"), Autoscaler.read),
        listed(api, place(NETWORKING, namespace, "networkpolicies"), NetworkPolicy.read),
        listed(api, f"{CORE}/nodes", Node.read),
    )
    seen = Observation(
        snapshot=snapshot,
        version=version,
        clock_ahead_s=ahead_s,
        definitions=definitions,
        expected=known_definitions(),
        secrets=secrets,
        autoscalers=autoscalers,
        policies=policies,
        namespaces=await _namespaces(api, snapshot),
        nodes=nodes,
        rights=await _rights(api, READ, namespace),
        install_rights=await _rights(api, INSTALL, namespace) if errand.install_rights else {},
        resolved=await _resolved(snapshot),
    )
    return replace(seen, calls=await _calls(api, snapshot, errand)) if errand.call else seen


async def _clock_ahead(api: ApiServer, clock: Callable[[], float]) -> float:
    began = clock()
    there = await api.date()
    # The header is rounded down: half a second more is the best guess.
    return there + 0.5 - (began + clock()) / 2


async def _namespaces(api: ApiServer, snapshot: Snapshot) -> Mapping[str, Reading[Namespace]]:
    names = {relay.name.namespace for relay in items(snapshot.relays)} | (
        {snapshot.namespace} if snapshot.namespace else set()
    )
    ordered = sorted(names)
    readings = await asyncio.gather(
        *(attempted(api.document(f"{CORE}/namespaces/{name}"), Namespace.read) for name in ordered)
    )
    return dict(zip(ordered, readings, strict=True))


async def _rights(api: ApiServer, rights: Sequence[Right], namespace: str | None) -> Mapping[Right, bool]:
    answers = await asyncio.gather(*(api.may(right, namespace) for right in rights))
    return dict(zip(rights, answers, strict=True))


async def _resolved(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    names = sorted({name for service in items(snapshot.services) for name in service.hostnames})
    found = await asyncio.gather(*(_addresses(name) for name in names))
    return dict(zip(names, found, strict=True))


async def _addresses(name: str) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError):
        return ()
    return tuple(sorted({str(address[0]) for *_, address in found}))


async def _calls(api: ApiServer, snapshot: Snapshot, errand: Errand) -> Mapping[Name, Reading[CallReport]]:
    """One after the other, so that they do not disturb one another's figures."""
    if isinstance(snapshot.relays, Refused) or isinstance(snapshot.pools, Refused):
        return {}
    callable_fleets = [fleet for fleet in fleets(snapshot) if _takes_calls(fleet)]
    if errand.signaling_url is not None and len(callable_fleets) > 1:
        refusal = Refused(
            RefusalReason.FAILED, "--signaling names one of several VoiceRelays; choose its namespace with -n"
        )
        return dict.fromkeys((fleet.relay.name for fleet in callable_fleets), refusal)
    return {fleet.relay.name: await _call(api, fleet, errand) for fleet in callable_fleets}


def _takes_calls(fleet: Fleet) -> bool:
    return any(is_ready(pool) for pool in fleet.pools)


async def _call(api: ApiServer, fleet: Fleet, errand: Errand) -> Reading[CallReport]:
    name = fleet.relay.name
    if errand.signaling_url is not None:
        errand.say(f"AP401 calls {name} at {errand.signaling_url} …")
        return Known(await _placed(errand.signaling_url))
    errand.say(f"AP401 calls {name}: HTTP through the API server, then UDP from here …")
    try:
        async with tunnel(api, fleet.child("signaling"), tls=fleet.relay.signaling_tls) as url:
            return Known(await _placed(url))
    except NotReadError as error:
        return Refused(error.reason, str(error))


async def _placed(url: str) -> CallReport:
    return await place_call(CallPlan(url, read_question(HELLO)))
