from pathlib import Path

import pytest

from antiphon_cli.manifests import ManifestError, parse_manifests
from antiphon_wire import LONGEST_CALL_S

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"

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
    assert (manifests.relay.name, manifests.relay.cluster_id) == ("edge", 0)
    assert (agents.name, agents.relay, agents.replicas, agents.models) == ("agents", "edge", 2, ("parrot",))
    assert agents.backend_url == "ws://parrot:8765/v1/realtime"
    assert manifests.left_out == ()


def test_every_field_that_local_mode_honours_is_read() -> None:
    manifests = parse_manifests(
        both(
            relay_spec="""{clusterID: 7, workload: {workersPerPod: 2}, exposure: {port: 4000},
              advertisedAddresses: [{ip: 192.0.2.7, region: eu}], signaling: {allowedOrigins: ["https://a.example"]},
              limits: {maxFlowsPerWorker: 100, newFlowsPerSecondPerPrefix: 5, flowIdleTimeoutSeconds: 20}}""",
            pool_spec="""{relayRef: {name: edge}, replicas: 3, models: [a, b], sessionsPerPod: 10,
              session: {maxDurationSeconds: 600}, drain: {deadlineSeconds: 9},
              backend: {type: Realtime, realtime: {url: wss://b.example/v1, connectTimeoutSeconds: 3}}}""",
        )
    )
    edge, (agents,) = manifests.relay, manifests.pools
    assert (edge.cluster_id, edge.workers, edge.port, edge.advertised) == (7, 2, 4000, ("192.0.2.7",))
    assert (edge.allowed_origins, edge.max_flows) == (("https://a.example",), 100)
    assert (edge.new_flows_per_prefix, edge.flow_idle_s) == (5, 20)
    assert (agents.replicas, agents.models, agents.capacity) == (3, ("a", "b"), 10)
    assert (agents.longest_call_s, agents.drain_deadline_s, agents.connect_timeout_s) == (600, 9, 3)


def test_a_call_may_last_as_long_as_every_part_allows() -> None:
    (agents,) = parse_manifests(both(pool_spec=good_pool(f", session: {{maxDurationSeconds: {LONGEST_CALL_S}}}"))).pools
    assert agents.longest_call_s == LONGEST_CALL_S


def test_an_echo_pool_has_no_backend_url() -> None:
    manifests = parse_manifests(both(pool_spec="{relayRef: {name: edge}, backend: {type: Echo}}"))
    assert manifests.pools[0].backend_url is None


def test_what_local_mode_does_not_do_is_said_and_not_refused() -> None:
    service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: parrot}\nspec: {anything: at all}\n"
    manifests = parse_manifests(
        both(
            relay_spec="{workload: {kind: DaemonSet}, exposure: {type: NodePort}, flowCache: {redisURLSecretRef: {}}}",
            pool_spec=good_pool(", scaling: {mode: External}, session: {endWarningSeconds: 5}"),
        )
        + service
    )
    assert manifests.left_out == (
        "VoiceRelay/edge: spec.workload.kind",
        "VoiceRelay/edge: spec.exposure.type",
        "VoiceRelay/edge: spec.flowCache: use --redis URL",
        "TransceiverPool/agents: spec.scaling",
        "TransceiverPool/agents: spec.session.endWarningSeconds",
        "Service/parrot: for a cluster; local mode runs VoiceRelay and TransceiverPool",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "not YAML"),
        ("- 1", "document 1: has no kind"),
        ("kind: VoiceRelay", "document 1 (VoiceRelay): metadata.name: Required value"),
        (
            "apiVersion: antiphon.dev/v1alpha1\nkind: VoiceRely\nmetadata: {name: edge}",
            "VoiceRely/edge: kind: unknown kind 'VoiceRely'; antiphon.dev/v1alpha1 has VoiceRelay and TransceiverPool",
        ),
        (relay().replace("v1alpha1", "v9"), "VoiceRelay/edge: apiVersion: must be 'antiphon.dev/v1alpha1'"),
        (relay("5"), "VoiceRelay/edge: spec: must be a mapping"),
        (relay("{exposure: {prot: 1}}"), "VoiceRelay/edge: spec.exposure.prot: unknown field. Known here: "),
        (relay("{exposure: {port: 70000}}"), "spec.exposure.port: must be a whole number from 1 to 65535"),
        (relay("{exposure: {port: true}}"), "spec.exposure.port: must be a whole number from 1 to 65535"),
        (relay("{clusterID: -1}"), "spec.clusterID: must be a whole number from 0 to 65535"),
        (relay("{advertisedAddresses: [{ip: edge.example}]}"), "spec.advertisedAddresses[0].ip: must be an IPv4 or"),
        (relay("{signaling: {allowedOrigins: [1]}}"), "spec.signaling.allowedOrigins[0]: must be a string"),
        (relay(), "there is no TransceiverPool"),
        (pool(good_pool()), "local mode runs exactly one VoiceRelay; this file has 0"),
        (pool("{relayRef: {name: edge}}"), "spec.backend: Required value"),
        (pool("{backend: {type: Echo}}"), "spec.relayRef: Required value: for example {name: edge}"),
        (pool("{relayRef: {name: edge}, backend: {type: Pcm}}"), "spec.backend.type: must be one of Realtime, Echo"),
        (
            pool("{relayRef: {name: edge}, backend: {type: Realtime}}"),
            "spec.backend.realtime: Required value: must be specified when `type` is 'Realtime'",
        ),
        (
            pool("{relayRef: {name: edge}, backend: {type: Realtime, realtime: {url: 'https://x/v1'}}}"),
            "spec.backend.realtime.url: must start with 'ws://' or 'wss://'",
        ),
        (
            pool("{relayRef: {name: edge}, backend: {type: Echo, realtime: {url: 'ws://x'}}}"),
            "spec.backend.realtime: may not be specified when `type` is 'Echo'",
        ),
        (
            pool(good_pool(", session: {maxDurationSeconds: 1814401}")),
            "spec.session.maxDurationSeconds: must be a whole number from 1 to 1814400",
        ),
        (pool(good_pool(", replicas: 0")), "spec.replicas: must be a whole number from 1 to 64"),
        (pool(good_pool(", model: parrot")), "spec.model: unknown field"),
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
    assert len(refused.value.problems) == 5
