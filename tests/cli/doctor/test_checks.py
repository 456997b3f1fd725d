"""What checks say at their edges: over values, without a cluster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from antiphon_cli.cluster.definitions import known_definitions
from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.network import Namespace, Service
from antiphon_cli.cluster.own_kinds import Name, RouteTable, TransceiverPool, VoiceRelay
from antiphon_cli.cluster.reading import Known, Reading, RefusalReason, Refused
from antiphon_cli.cluster.records import Lease, Secret
from antiphon_cli.cluster.snapshot import Operator, Snapshot
from antiphon_cli.cluster.workloads import Node, Pod, Workload
from antiphon_cli.doctor.checks import CHECKS, chosen, findings
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import Level
from antiphon_cli.voice.report import CallReport, Outcome

NOW = 1_800_000_000.0
EDGE = Name("voice", "edge")


def read(document: object) -> Document:
    return Document(document)


RELAY = VoiceRelay.read(
    read(
        {
            "metadata": {"namespace": "voice", "name": "edge", "generation": 1},
            "spec": {"exposure": {"type": "LoadBalancer", "port": 3478}},
            "status": {
                "observedGeneration": 1,
                "endpoint": "203.0.113.7:3478",
                "addresses": [{"ip": "203.0.113.7", "port": 3478}],
                "relays": {"desired": 1, "available": 1},
                "conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}],
            },
        }
    )
)
POOL = TransceiverPool.read(
    read(
        {
            "metadata": {"namespace": "voice", "name": "agents", "generation": 1},
            "spec": {"relayRef": {"name": "edge"}, "backend": {"type": "Echo"}, "scaling": {"mode": "Fixed"}},
            "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]},
        }
    )
)
SERVICE = Service.read(
    read(
        {
            "metadata": {"namespace": "voice", "name": "edge-relay"},
            "spec": {"type": "LoadBalancer", "ports": [{"protocol": "UDP", "port": 3478}], "sessionAffinity": "None"},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}},
        }
    )
)


def pod(name: str, component: str, **changes: object) -> Pod:
    labels = {"antiphon.dev/relay": "edge", "app.kubernetes.io/component": component}
    labels |= {"antiphon.dev/pool": "agents"} if component == "transceiver" else {}
    conditions = [{"type": "Ready", "status": "True"}]
    document = {
        "metadata": {"namespace": "voice", "name": name, "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "node-a"},
        "status": {"phase": "Running", "conditions": conditions},
    }
    return replace(Pod.read(read(document)), **changes)  # type: ignore[arg-type]


RELAY_POD = pod("edge-relay-a", "relay")
TRANSCEIVER = pod("agents-00000008", "transceiver")
TABLE = RouteTable.read(
    read(
        {
            "metadata": {"namespace": "voice", "name": "edge-0"},
            "spec": {
                "relayRef": {"name": "edge"},
                "shards": 1,
                "relays": [{"name": "edge-relay-a"}],
                "blocks": [{"first": 8, "pod": "agents-00000008", "pool": "agents", "state": "Active"}],
            },
        }
    )
)
OPERATOR = Operator(
    Workload("Deployment", Name("antiphon-system", "antiphon-operator"), {}, 1, 1, None),
    namespaces=(),
    lease=Lease(Name("antiphon-system", "antiphon-operator"), "antiphon-operator-x", NOW - 10, 15),
)
SNAPSHOT = Snapshot(
    context="test",
    namespace="voice",
    at=NOW,
    relays=Known((RELAY,)),
    pools=Known((POOL,)),
    tables=Known((TABLE,)),
    pods=Known((RELAY_POD, TRANSCEIVER)),
    workloads=Known((Workload("DaemonSet", Name("voice", "edge-relay"), {}, 1, 1, None),)),
    services=Known((SERVICE,)),
    operators=Known((OPERATOR,)),
    events=Known(()),
)
INSTALLED = tuple(replace(definition, established=True) for definition in known_definitions())
HEALTHY = Observation(
    snapshot=SNAPSHOT,
    version="v1.37.1",
    clock_ahead_s=0.0,
    definitions=Known(INSTALLED),
    expected=known_definitions(),
    secrets=Known((Secret(Name("voice", "edge-keys"), {}), Secret(Name("voice", "edge-control"), {}))),
    autoscalers=Known(()),
    policies=Known(()),
    namespaces={"voice": Known(Namespace("voice", "restricted"))},
    nodes=Known((Node("node-a", ready=True, cordoned=False),)),
    rights={},
    calls={EDGE: Known(CallReport())},
)
FORBIDDEN = Refused(RefusalReason.FORBIDDEN, "you may not")


def lease(renewed_at: float, holder: str = "antiphon-operator-x") -> Operator:
    return replace(OPERATOR, lease=Lease(OPERATOR.workload.name, holder, renewed_at, 15))


def snapshot(**changes: object) -> Callable[[Observation], Observation]:
    return lambda seen: replace(seen, snapshot=replace(seen.snapshot, **changes))  # type: ignore[arg-type]


def seen(**changes: object) -> Callable[[Observation], Observation]:
    return lambda seen: replace(seen, **changes)  # type: ignore[arg-type]


def failed(outcome: Outcome) -> Mapping[Name, Reading[CallReport]]:
    return {EDGE: Known(CallReport(outcome=outcome, failure="it is so"))}


@dataclass(frozen=True)
class Case:
    name: str
    code: str
    change: Callable[[Observation], Observation]
    level: Level
    says: str = ""


CASES = (
    Case("the oldest version that will do", "AP101", seen(version="v1.30.0"), Level.OK, "v1.30.0"),
    Case("a version before it", "AP101", seen(version="v1.29.9+k3s1"), Level.FAILURE, "is v1.29.9+k3s1"),
    Case("a version that cannot be read", "AP101", seen(version="latest"), Level.SKIPPED),
    Case("definitions that may not be read", "AP102", seen(definitions=FORBIDDEN), Level.SKIPPED, "you may not"),
    Case(
        "definitions whose names another group has taken",
        "AP102",
        seen(definitions=Known(known_definitions())),
        Level.FAILURE,
        "is not established",
    ),
    Case("a Lease renewed within its time", "AP104", snapshot(operators=Known((lease(NOW - 15),))), Level.OK),
    Case("a Lease over its time", "AP104", snapshot(operators=Known((lease(NOW - 30),))), Level.FAILURE, "30 s ago"),
    Case("a released Lease", "AP104", snapshot(operators=Known((lease(NOW, ""),))), Level.FAILURE, "nobody holds"),
    Case(
        "an idle operator for other namespaces",
        "AP104",
        snapshot(operators=Known((replace(lease(0), namespaces=("other",)), OPERATOR))),
        Level.OK,
    ),
    Case("clocks just close enough", "AP105", seen(clock_ahead_s=-4.9), Level.OK),
    Case("clocks just too far apart", "AP105", seen(clock_ahead_s=5.0), Level.FAILURE, "5 s ahead of"),
    Case(
        "no address before any operator has looked",
        "AP201",
        snapshot(relays=Known((replace(RELAY, addresses=(), endpoint=""),))),
        Level.FAILURE,
        "Callers have no address to send to.",
    ),
    Case(
        "an IPv6 address that is spelled otherwise",
        "AP203",
        snapshot(
            relays=Known((replace(RELAY, public_addresses=("2001:DB8:0:0::1",)),)),
            services=Known((replace(SERVICE, ips=("2001:db8::1",)),)),
        ),
        Level.OK,
        "2001:DB8",
    ),
    Case(
        "host network needs no Service",
        "AP301",
        snapshot(relays=Known((replace(RELAY, exposure="HostNetwork"),)), services=Known(())),
        Level.OK,
    ),
    Case(
        "a Service that is gone", "AP301", snapshot(services=Known(())), Level.FAILURE, "voice/edge-relay is not there"
    ),
    Case(
        "relays that cannot be created",
        "AP304",
        snapshot(
            pods=Known((TRANSCEIVER,)),
            workloads=Known((Workload("Deployment", Name("voice", "edge-relay"), {}, 1, 0, "exceeded quota"),)),
        ),
        Level.FAILURE,
        "(exceeded quota)",
    ),
    Case("one node is all there is", "AP305", seen(), Level.OK),
    Case(
        "a call that fails at DTLS",
        "AP401",
        seen(calls=failed(Outcome.DTLS)),
        Level.FAILURE,
        "failed at DTLS: it is so",
    ),
    Case("a call that nobody hears", "AP401", seen(calls=failed(Outcome.AUDIO)), Level.FAILURE, "failed at audio"),
    Case("the proxy may not be used", "AP401", seen(calls={EDGE: FORBIDDEN}), Level.SKIPPED, "you may not"),
    Case(
        "a pod that was born just now has no route yet",
        "AP502",
        snapshot(tables=Known((replace(TABLE, blocks=()),)), pods=Known((replace(TRANSCEIVER, created_at=NOW - 5),))),
        Level.OK,
    ),
    Case(
        "a draining pod has no Active block",
        "AP502",
        snapshot(tables=Known((replace(TABLE, blocks=()),)), pods=Known((replace(TRANSCEIVER, deadline=NOW + 60),))),
        Level.OK,
    ),
    Case(
        "a drain that did not end",
        "AP705",
        snapshot(pods=Known((replace(TRANSCEIVER, deadline=NOW - 300),))),
        Level.FAILURE,
        "agents-00000008 should have ended 5 min ago",
    ),
    Case(
        "a drain at its deadline", "AP705", snapshot(pods=Known((replace(TRANSCEIVER, deadline=NOW - 30),))), Level.OK
    ),
    Case("nodes that may not be read", "AP703", seen(nodes=FORBIDDEN), Level.SKIPPED, "you may not"),
    Case(
        "host network in a baseline namespace",
        "AP802",
        lambda was: replace(
            snapshot(relays=Known((replace(RELAY, exposure="HostNetwork"),)))(was),
            namespaces={"voice": Known(Namespace("voice", "baseline"))},
        ),
        Level.FAILURE,
        "enforces baseline",
    ),
    Case(
        "host network needs a privileged namespace",
        "AP801",
        lambda was: replace(
            snapshot(relays=Known((replace(RELAY, exposure="HostNetwork"),)))(was),
            namespaces={"voice": Known(Namespace("voice", "privileged"))},
        ),
        Level.OK,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.name}")
def test_a_check_at_its_edge(case: Case) -> None:
    (finding,) = findings(chosen([case.code], before_install=False), case.change(HEALTHY))
    assert (finding.verdict.level, case.says in finding.verdict.said) == (case.level, True), finding.verdict


def test_everything_holds_of_a_healthy_cluster() -> None:
    found = list(findings(CHECKS, HEALTHY))
    assert {finding.verdict for finding in found if finding.verdict.level is not Level.OK} == set()


def test_nothing_is_judged_where_nothing_may_be_read() -> None:
    refused = snapshot(relays=FORBIDDEN)(HEALTHY)
    fleets = [finding for finding in findings(CHECKS, refused) if finding.code[:3] in ("AP2", "AP3", "AP4", "AP5")]
    assert {(finding.verdict.level, finding.verdict.said) for finding in fleets} == {(Level.SKIPPED, "you may not")}


def test_a_namespace_without_a_voice_relay_is_said() -> None:
    empty = snapshot(relays=Known(()))(HEALTHY)
    (finding,) = findings(chosen(["AP201"], before_install=False), empty)
    assert finding.verdict.said == "there is no VoiceRelay in namespace voice"
