"""AP7: scaling, and room for it. Pure."""

from __future__ import annotations

from collections import defaultdict

from antiphon_cli.cluster.own_kinds import TransceiverPool
from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.cluster.words import counted, lasting
from antiphon_cli.cluster.workloads import Autoscaler
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import ClusterCheck, FleetCheck, Verdict, failure, ok, warning

OVERDUE_S = 60
"""From a drain's deadline to the kubelet's report that the pod is gone."""


def one_scaler(fleet: Fleet, seen: Observation) -> Verdict:
    scaled = _autoscalers(fleet, seen)
    for pool, autoscalers in scaled:
        names = ", ".join(autoscaler.name.name for autoscaler in autoscalers)
        look = f"kubectl -n {pool.name.namespace} get hpa"
        if pool.scaling_mode != "External":
            return failure(
                f"Autoscaler {names} targets pool {pool.name}, whose scaling.mode is {pool.scaling_mode}: two scalers.",
                look=look,
                cure="Set spec.scaling.mode to External, or delete the autoscaler.",
            )
        if len(autoscalers) > 1:
            said = f"Autoscalers {names} all target pool {pool.name}: they undo each other's work."
            return failure(said, look=look, cure="Leave one.")
    return ok()


def autoscaler_has_metrics(fleet: Fleet, seen: Observation) -> Verdict:
    scaled = _autoscalers(fleet, seen)
    for _, autoscalers in scaled:
        for autoscaler in autoscalers:
            if autoscaler.troubles:
                return failure(
                    f"Autoscaler {autoscaler.name} does not scale ({autoscaler.troubles[0]}).",
                    look=f"kubectl -n {autoscaler.name.namespace} describe hpa {autoscaler.name.name}",
                    cure="Install the adapter that serves its metric: metrics-server, for CPU.",
                )
    return ok(counted(len(scaled), "autoscaled pool") if scaled else "no autoscaler")


def nodes_take_pods(seen: Observation) -> Verdict:
    usable = [node for node in seen.nodes.known() if node.ready and not node.cordoned]
    if usable:
        return ok(counted(len(usable), "node"))
    return failure(
        "No node is ready and schedulable.", look="kubectl get nodes", cure="Add a node, or kubectl uncordon one."
    )


def pods_find_a_node(fleet: Fleet, _seen: Observation) -> Verdict:
    homeless = [pod for pod in (*fleet.relay_pods, *fleet.transceivers) if pod.unschedulable]
    if not homeless:
        return ok()
    pod = homeless[0]
    return failure(
        f"{counted(len(homeless), 'pod')} without a node: {pod.name.name} ({pod.trouble}). Updates need room for"
        " maxSurge more pods than there are.",
        look=f"kubectl -n {pod.name.namespace} describe pod {pod.name.name}",
        cure="Add nodes, or lower the requests in spec.template or spec.update.maxSurge.",
    )


def drains_end(fleet: Fleet, seen: Observation) -> Verdict:
    now = seen.snapshot.at
    for pod in fleet.transceivers:
        if pod.deadline is not None and now - pod.deadline > OVERDUE_S and not pod.has_ended:
            return failure(
                f"Pod {pod.name.name} should have ended {lasting(now - pod.deadline)} ago.",
                look=f"kubectl -n {pod.name.namespace} describe pod {pod.name.name}; kubectl describe node {pod.node}",
                cure="Its node does not answer, or something holds it by a finalizer.",
            )
    cordoned = {node.name for node in seen.nodes.known() if node.cordoned}
    left = [pod for pod in fleet.transceivers if pod.node in cordoned and pod.deadline is None and not pod.has_ended]
    if left:
        return warning(
            f"{counted(len(left), 'pod')} on a cordoned node and not draining: {left[0].name.name} on {left[0].node}.",
            look=f"kubectl -n {left[0].name.namespace} get pods -o wide -l antiphon.dev/pool",
            cure="The operator drains them once replacements are ready: see AP104 and AP704.",
        )
    return ok()


def _autoscalers(fleet: Fleet, seen: Observation) -> list[tuple[TransceiverPool, list[Autoscaler]]]:
    pools = {pool.name: pool for pool in fleet.pools}
    scaled: dict[TransceiverPool, list[Autoscaler]] = defaultdict(list)
    for autoscaler in seen.autoscalers.known():
        if autoscaler.target_kind != "TransceiverPool":
            continue
        for name, pool in pools.items():
            if (name.namespace, name.name) == (autoscaler.name.namespace, autoscaler.target):
                scaled[pool].append(autoscaler)
    return list(scaled.items())


CHECKS = (
    FleetCheck("AP701", "one scaler for each pool", one_scaler),
    FleetCheck("AP702", "autoscalers have their metrics", autoscaler_has_metrics),
    ClusterCheck("AP703", "there are nodes that take pods", nodes_take_pods, before_install=True),
    FleetCheck("AP704", "pods find a node", pods_find_a_node),
    FleetCheck("AP705", "drains begin and end", drains_end),
)
