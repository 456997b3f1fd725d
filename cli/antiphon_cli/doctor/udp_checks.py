"""AP3: the way of packets to the relays. Pure."""

from __future__ import annotations

from antiphon_cli.cluster.network import Service
from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.cluster.words import counted
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import FleetCheck, Verdict, failure, ok, warning

HOST_NETWORK = "HostNetwork"


def service_is_there(fleet: Fleet, _seen: Observation) -> Verdict:
    if fleet.relay.exposure == HOST_NETWORK:
        return ok("host network: there is no Service")
    service = fleet.service("relay")
    name = fleet.child("relay")
    look = f"kubectl -n {name.namespace} get service {name.name} -o yaml"
    if service is None:
        return failure(f"The UDP Service {name} is not there.", look=look, cure="See AP104: the operator makes it.")
    if fleet.relay.port not in [port.number for port in service.ports if port.protocol == "UDP"]:
        said = f"The Service {name} has no UDP port {fleet.relay.port}, where answers send callers to."
        return failure(said, look=look, cure="See AP104: the operator sets it from spec.exposure.port.")
    return ok(f"{service.type}, UDP {fleet.relay.port}")


def callers_address_is_kept(fleet: Fleet, _seen: Observation) -> Verdict:
    service = fleet.service("relay")
    if service is None or service.external_traffic_policy != "Cluster":
        return ok()
    return warning(
        f"The Service {service.name} has externalTrafficPolicy Cluster: relays see nodes instead of callers, so that"
        " limits for each network prefix count all callers as one.",
        look=_field(service, "externalTrafficPolicy"),
        cure="Set spec.exposure.externalTrafficPolicy to Local, if the load balancer can do it.",
    )


def flows_are_spread(fleet: Fleet, _seen: Observation) -> Verdict:
    service = fleet.service("relay")
    if service is None or service.session_affinity != "ClientIP":
        return ok()
    return failure(
        f"The Service {service.name} has sessionAffinity ClientIP: all callers behind one NAT share one relay.",
        look=_field(service, "sessionAffinity"),
        cure=f"kubectl -n {service.name.namespace} patch service {service.name.name}"
        """ -p '{"spec":{"sessionAffinity":"None"}}'""",
    )


def relays_are_ready(fleet: Fleet, _seen: Observation) -> Verdict:
    pods = [pod for pod in fleet.relay_pods if pod.deadline is None and not pod.has_ended]
    ready = [pod for pod in pods if pod.ready]
    workload = fleet.relay_workload
    wanted = workload.desired if workload is not None else fleet.relay.relays_desired
    place = fleet.relay.name.namespace
    selector = f"antiphon.dev/relay={fleet.relay.name.name},app.kubernetes.io/component=relay"
    look = f"kubectl -n {place} get pods -o wide -l {selector}"
    why = next((pod.trouble for pod in pods if pod.trouble), None) or (workload.failure if workload else None)
    because = f" ({why})" if why else ""
    if not ready:
        return failure(f"No relay is ready, so that no packet arrives{because}.", look=look, cure="See their log.")
    if len(ready) < wanted:
        said = f"{len(ready)} of {counted(wanted, 'relay')} are ready{because}."
        return warning(said, look=look, cure="See the log of the one that is not; calls go on over the others.")
    return ok(f"{len(ready)} of {wanted}")


def a_node_may_be_lost(fleet: Fleet, seen: Observation) -> Verdict:
    ready = [pod for pod in fleet.relay_pods if pod.ready]
    nodes = sorted({pod.node for pod in ready})
    usable = [node.name for node in seen.nodes.known() if node.ready and not node.cordoned]
    if len(nodes) != 1 or len(usable) < 2:
        return ok(f"on {counted(len(nodes), 'node')}")
    alone = "The only relay is" if len(ready) == 1 else f"All {len(ready)} relays are"
    return warning(
        f"{alone} on node {nodes[0]}: its loss ends every call until another is ready.",
        look=f"kubectl -n {fleet.relay.name.namespace} get pods -o wide -l app.kubernetes.io/component=relay",
        cure="Set spec.workload.replicas to 2 or more; if they still share a node, look for room on the others.",
    )


def _field(service: Service, field: str) -> str:
    return f"kubectl -n {service.name.namespace} get service {service.name.name} -o jsonpath='{{.spec.{field}}}'"


CHECKS = (
    FleetCheck("AP301", "the UDP Service is there", service_is_there),
    FleetCheck("AP302", "callers' addresses are kept", callers_address_is_kept),
    FleetCheck("AP303", "callers are spread over the relays", flows_are_spread),
    FleetCheck("AP304", "relays are ready", relays_are_ready),
    FleetCheck("AP305", "relays survive the loss of a node", a_node_may_be_lost),
)
