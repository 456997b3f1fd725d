"""What `antiphon up` reads. That single resources are refused as the API server does it: tests/crds."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon_cli.local.plan import stated_url
from antiphon_cli.manifests import LEFT_OUT, ManifestError, parse_manifests
from antiphon_crds.documents import Schema, schema
from antiphon_crds.transceiver_pool import Drain, Realtime, Session
from antiphon_crds.voice_relay import Limits, PublicAddress
from antiphon_wire import LONGEST_CALL_S

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.yaml"
MANIFESTS_PAGE = ROOT / "docs" / "manifests.md"

RELAY = """
apiVersion: antiphon.dev/v1alpha1
kind: VoiceRelay
metadata: {name: edge}
"""
POOL = """
apiVersion: antiphon.dev/v1alpha1
kind: TransceiverPool
metadata: {name: agents}
"""
GOOD_BACKEND = "{type: Realtime, realtime: {url: ws://agent:8080/v1/realtime}}"


def relay(spec: str = "{}") -> str:
    return f"{RELAY}spec: {spec}\n"


def pool(spec: str) -> str:
    return f"{POOL}spec: {spec}\n"


def both(*, relay_spec: str = "{}", pool_spec: str) -> str:
    return f"{relay(relay_spec)}---{pool(pool_spec)}"


def good_pool(more: str = "") -> str:
    return f"{{relayRef: {{name: edge}}, models: [parrot], backend: {GOOD_BACKEND}{more}}}"


def test_the_quickstart_is_two_transceivers_of_one_pool_behind_one_relay() -> None:
    manifests = parse_manifests(QUICKSTART.read_text())
    (agents,) = manifests.pools
    assert (manifests.relay.metadata.name, manifests.relay.spec.cluster_id) == ("edge", 0)
    assert (agents.metadata.name, agents.spec.relay_ref) == ("agents", "edge")
    assert (agents.spec.replicas, agents.spec.models) == (2, ("parrot",))
    assert stated_url(agents) == "ws://parrot:8765/v1/realtime"
    assert manifests.left_out == ()


def test_every_field_that_local_mode_honours_is_read() -> None:
    manifests = parse_manifests(
        both(
            relay_spec="""{clusterID: 7, workload: {workersPerPod: 2}, exposure: {port: 4000},
              publicAddresses: [{ip: 192.0.2.7, region: eu}], signaling: {allowedOrigins: ["https://a.example"]},
              limits: {maxFlowsPerWorker: 100, newFlowsPerSecondPerPrefix: 5, flowIdleTimeoutSeconds: 20}}""",
            pool_spec="""{relayRef: {name: edge}, replicas: 3, models: [a, b], sessionsPerPod: 10,
              session: {maxDurationSeconds: 600}, drain: {deadlineSeconds: 9},
              backend: {type: Realtime, realtime: {url: wss://b.example/v1, connectTimeoutSeconds: 3}}}""",
        )
    )
    edge, agents = manifests.relay.spec, manifests.pools[0].spec
    assert (edge.cluster_id, edge.workload.workers_per_pod, edge.exposure.port) == (7, 2, 4000)
    assert edge.public_addresses == (PublicAddress("192.0.2.7", "eu"),)
    assert edge.signaling.allowed_origins == ("https://a.example",)
    assert edge.limits == Limits(100, 5, 20)
    assert (agents.replicas, agents.models, agents.sessions_per_pod) == (3, ("a", "b"), 10)
    assert (agents.session, agents.drain) == (Session(600), Drain(9))
    assert agents.backend.realtime == Realtime("wss://b.example/v1", connect_timeout_seconds=3)
    assert manifests.left_out == ()


def test_a_call_may_last_as_long_as_every_part_allows() -> None:
    (agents,) = parse_manifests(both(pool_spec=good_pool(f", session: {{maxDurationSeconds: {LONGEST_CALL_S}}}"))).pools
    assert agents.spec.session.max_duration_seconds == LONGEST_CALL_S


def test_an_echo_pool_states_no_url() -> None:
    manifests = parse_manifests(both(pool_spec="{relayRef: {name: edge}, backend: {type: Echo}}"))
    assert stated_url(manifests.pools[0]) is None


def test_values_are_read_as_kubectl_reads_them() -> None:
    text = "{type: LoadBalancer, annotations: {1: 'yes', day: 2026-11-21}}"
    manifests = parse_manifests(both(relay_spec=f"{{exposure: {text}}}", pool_spec=good_pool()))
    assert manifests.relay.spec.exposure.annotations == (("1", "yes"), ("day", "2026-11-21"))


@pytest.mark.parametrize("kind", ["VoiceRelay", "TransceiverPool"])
def test_every_field_is_honoured_or_said_to_be_left_out(kind: str) -> None:
    section = MANIFESTS_PAGE.read_text().partition(f"\n## {kind}")[2].partition("\n## ")[0]
    honoured = set(re.findall(r"^\| `(spec\.[\w.\[\]]+)`", section, re.MULTILINE))
    assert honoured
    unknown = honoured - set(leaves(schema(kind)["properties"]["spec"], "spec"))
    assert not unknown, "the page names fields that there are not"
    for path in leaves(schema(kind)["properties"]["spec"], "spec"):
        left_out = any(path == said or path.startswith((f"{said}.", f"{said}[")) for said in LEFT_OUT[kind])
        assert (path in honoured) != left_out, path


def leaves(node: Schema, path: str) -> Iterator[str]:
    if "items" in node:
        yield from leaves(node["items"], f"{path}[]")
    elif "properties" in node and path != "spec.template":
        for name, child in node["properties"].items():
            yield from leaves(child, f"{path}.{name}")
    else:
        yield path


def test_what_local_mode_does_not_do_is_said_and_not_refused() -> None:
    service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: parrot}\nspec: {anything: at all}\n"
    manifests = parse_manifests(
        both(
            relay_spec="""{workload: {kind: DaemonSet}, exposure: {type: NodePort, port: 30478},
              flowCache: {redisURLSecretRef: {name: redis, key: url}}}""",
            pool_spec=good_pool(", scaling: {mode: External}"),
        )
        + service
    )
    assert manifests.left_out == (
        "VoiceRelay/edge: spec.workload.kind",
        "VoiceRelay/edge: spec.exposure.type",
        "VoiceRelay/edge: spec.flowCache: use --redis URL",
        "TransceiverPool/agents: spec.scaling",
        "Service/parrot: for a cluster; local mode runs VoiceRelay and TransceiverPool",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "not YAML"),
        ("&a [*a]", "not YAML: Circular reference"),
        ("? {a: 1}\n: b", "not YAML"),
        ("- 1", "document 1: has no kind"),
        ("kind: VoiceRelay", "document 1 (VoiceRelay): metadata.name: Required value"),
        (
            "apiVersion: antiphon.dev/v1alpha1\nkind: VoiceRely\nmetadata: {name: edge}",
            "VoiceRely/edge: kind: unknown kind 'VoiceRely'; antiphon.dev/v1alpha1 has VoiceRelay and TransceiverPool",
        ),
        (relay().replace("v1alpha1", "v9"), "VoiceRelay/edge: apiVersion: must be 'antiphon.dev/v1alpha1'"),
        (relay("5"), 'VoiceRelay/edge: spec: Invalid value: "integer": spec in body must be of type object'),
        (
            relay("{exposure: {prot: 1}}"),
            'VoiceRelay/edge: unknown field "spec.exposure.prot"; known there: type, port',
        ),
        (relay("{exposure: {port: 70000}}"), "spec.exposure.port in body should be less than or equal to 65535"),
        (relay("{exposure: {port: true}}"), "spec.exposure.port in body must be of type integer"),
        (relay(), "there is no TransceiverPool"),
        (pool(good_pool()), "local mode runs exactly one VoiceRelay; this file has 0"),
        (pool("{relayRef: {name: edge}}"), "TransceiverPool/agents: spec.backend: Required value"),
        (
            both(pool_spec=good_pool(", replicas: 65")),
            "TransceiverPool/agents: spec.replicas: local mode runs 1 to 64 processes for a pool",
        ),
        (
            both(pool_spec=good_pool(", replicas: 0")),
            "TransceiverPool/agents: spec.replicas: local mode runs 1 to 64 processes for a pool",
        ),
        (
            f"{both(pool_spec=good_pool())}---{pool(good_pool()).replace('name: agents', 'name: others')}",
            "TransceiverPool/others: spec.models: 'parrot' is served by pool agents already",
        ),
        (
            both(pool_spec=good_pool().replace("name: edge", "name: egde")),
            "TransceiverPool/agents: spec.relayRef.name: there is no VoiceRelay 'egde' in this file",
        ),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_path_and_the_cure(text: str, problem: str) -> None:
    with pytest.raises(ManifestError) as refused:
        parse_manifests(text)
    assert any(problem in said for said in refused.value.problems), refused.value.problems


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ManifestError) as refused:
        parse_manifests(both(relay_spec="{clusterID: x, limits: {a: 1}}", pool_spec="{replicas: many}"))
    assert len(refused.value.problems) == 5, refused.value.problems
