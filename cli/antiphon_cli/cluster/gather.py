"""Reads a cluster into a `Snapshot`: what a user may not read is in it as a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from antiphon_cli.cluster.api_server import ApiServer
from antiphon_cli.cluster.connection import Connection
from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.network import Service
from antiphon_cli.cluster.numbers import PodNumbers
from antiphon_cli.cluster.own_kinds import Name, RouteTable, TransceiverPool, VoiceRelay
from antiphon_cli.cluster.reading import Known, NotReadError, Reading, RefusalReason, Refused
from antiphon_cli.cluster.records import Event, Lease
from antiphon_cli.cluster.snapshot import Operator, Snapshot
from antiphon_cli.cluster.workloads import RELAY_LABEL, Pod, Workload, watched_namespaces

T = TypeVar("T")
U = TypeVar("U")

CORE = "/api/v1"
APPS = "/apis/apps/v1"
OWN = "/apis/antiphon.dev/v1alpha1"
OPERATOR_LABELS = "app.kubernetes.io/name=antiphon,app.kubernetes.io/component=operator"
OPERATOR_NAMESPACE = "antiphon-system"
"""Where the operator is looked for by those who may not look everywhere."""
PODS_AT_ONCE = 16
POD_TIMEOUT_S = 3.0
ALL_PODS_TIMEOUT_S = 10.0


async def gather(connection: Connection) -> Snapshot:
    """Raises `NotReadError` where the API server itself does not answer."""
    api, namespace = connection.api, connection.namespace
    at = await api.date()

    def of(root: str, plural: str, read: Callable[[Document], T], **query: str) -> Awaitable[Reading[tuple[T, ...]]]:
        return listed(api, place(root, namespace, plural), read, **query)

    relays, pools, tables = await asyncio.gather(
        of(OWN, "voicerelays", VoiceRelay.read),
        of(OWN, "transceiverpools", TransceiverPool.read),
        of(OWN, "routetables", RouteTable.read),
    )
    pods, deployments, daemon_sets, services, events, operators = await asyncio.gather(
        of(CORE, "pods", Pod.read, labelSelector=RELAY_LABEL),
        of(APPS, "deployments", Workload.read_deployment, labelSelector=RELAY_LABEL),
        of(APPS, "daemonsets", Workload.read_daemon_set, labelSelector=RELAY_LABEL),
        of(CORE, "services", Service.read, labelSelector=RELAY_LABEL),
        of(CORE, "events", Event.read, fieldSelector="type=Warning"),
        _operators(api),
    )
    return Snapshot(
        context=connection.context,
        namespace=namespace,
        at=at,
        relays=relays,
        pools=pools,
        tables=tables,
        pods=pods,
        workloads=_both(deployments, daemon_sets),
        services=services,
        operators=operators,
        events=events,
    )


async def ask_pods(api: ApiServer, pods: Iterable[Pod]) -> Mapping[Name, Reading[PodNumbers]]:
    """Through the API server's proxy, since pods' addresses are the cluster's own. /metrics asks for no token."""
    turns = asyncio.Semaphore(PODS_AT_ONCE)
    ends_at = asyncio.get_running_loop().time() + ALL_PODS_TIMEOUT_S

    async def ask(pod: Pod) -> Reading[PodNumbers]:
        path = f"{CORE}/namespaces/{pod.name.namespace}/pods/{pod.name.name}:{pod.http_port}/proxy/metrics"
        async with turns:
            if asyncio.get_running_loop().time() > ends_at:
                return Refused(RefusalReason.UNREACHABLE, "it was not asked: others took too long to answer")
            return await attempted(api.text(path, timeout_s=POD_TIMEOUT_S), PodNumbers.read)

    asked = [pod for pod in pods if pod.phase == "Running" and pod.http_port is not None]
    answers = await asyncio.gather(*(ask(pod) for pod in asked))
    return {pod.name: answer for pod, answer in zip(asked, answers, strict=True)}


def place(root: str, namespace: str | None, plural: str) -> str:
    return f"{root}/{plural}" if namespace is None else f"{root}/namespaces/{namespace}/{plural}"


async def listed(
    api: ApiServer, path: str, read: Callable[[Document], T], *, accept: str = "application/json", **query: str
) -> Reading[tuple[T, ...]]:
    return await attempted(
        api.listing(path, accept=accept, **query), lambda items: tuple(read(document) for document in items)
    )


async def attempted(asked: Awaitable[U], read: Callable[[U], T]) -> Reading[T]:
    try:
        return Known(read(await asked))
    except NotReadError as error:
        return Refused(error.reason, str(error))


async def _operators(api: ApiServer) -> Reading[tuple[Operator, ...]]:
    everywhere = await _operators_at(api, f"{APPS}/deployments")
    if isinstance(everywhere, Known):
        return everywhere
    there = await _operators_at(api, place(APPS, OPERATOR_NAMESPACE, "deployments"))
    return there if isinstance(there, Known) else everywhere


async def _operators_at(api: ApiServer, path: str) -> Reading[tuple[Operator, ...]]:
    found = await listed(api, path, lambda document: document, labelSelector=OPERATOR_LABELS)
    if isinstance(found, Refused):
        return found
    operators = []
    for deployment in found.value:
        workload = Workload.read_deployment(deployment)
        path = place("/apis/coordination.k8s.io/v1", workload.name.namespace, "leases")
        leases = await listed(api, path, Lease.read, fieldSelector=f"metadata.name={workload.name.name}")
        if isinstance(leases, Refused):
            return leases
        operators.append(Operator(workload, watched_namespaces(deployment), next(iter(leases.value), None)))
    return Known(tuple(operators))


def _both(some: Reading[tuple[T, ...]], others: Reading[tuple[T, ...]]) -> Reading[tuple[T, ...]]:
    if isinstance(some, Refused):
        return some
    return others if isinstance(others, Refused) else Known((*some.value, *others.value))
