"""The gauges of a scrape: what is there now, and nothing of what is gone."""

from antiphon_operator.fleets import Fleets
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Images
from antiphon_operator.readings import readings
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind


def told(kind: str, name: str, **parts: object) -> Change:
    labels = {"antiphon.dev/relay": "edge", "antiphon.dev/pool": "agents"}
    metadata = {"name": name, "namespace": "voice", "uid": name, "labels": labels}
    manifest = {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": metadata, **parts}
    return Change(ChangeKind.ADDED, ObjectKey("voice", name), manifest)


def condition(name: str, status: str) -> dict[str, str]:
    return {"type": name, "status": status}


def scraped(metrics: Metrics) -> set[str]:
    return {line for line in metrics.text().decode().splitlines() if not line.startswith("#")}


def test_what_a_fleet_shows() -> None:
    metrics = Metrics()
    fleets = Fleets(Images("r", "t", "s"), "antiphon-system", metrics, lambda _: None)
    metrics.read_at_scrape(lambda: readings(fleets, [("Pod", 1.5)], lambda: 7.0))
    relay = told("VoiceRelay", "edge", spec={}, status={"conditions": [condition("Ready", "True")]})
    fleets.heard_relay(relay)
    status = {"desiredReplicas": 4, "conditions": [condition("Ready", "False"), condition("Stalled", "True")]}
    spec = {"relayRef": {"name": "edge"}, "backend": {"type": "Echo"}}
    fleets.heard_pool(told("TransceiverPool", "agents", spec=spec, status=status))
    ready = {"phase": "Running", "conditions": [condition("Ready", "True")]}
    for number, state in enumerate([ready, ready, {"phase": "Pending"}, {"phase": "Failed"}, {"phase": "Running"}]):
        fleets.heard_pod(told("Pod", f"agents-{number}", status=state))
    pool = 'namespace="voice",pool="agents"'
    assert scraped(metrics) >= {
        'antiphon_operator_resource_ready{kind="VoiceRelay",name="edge",namespace="voice"} 1.0',
        'antiphon_operator_resource_stalled{kind="VoiceRelay",name="edge",namespace="voice"} 0.0',
        'antiphon_operator_resource_ready{kind="TransceiverPool",name="agents",namespace="voice"} 0.0',
        'antiphon_operator_resource_stalled{kind="TransceiverPool",name="agents",namespace="voice"} 1.0',
        f'antiphon_operator_pods{{{pool},state="Ready",voicerelay="edge"}} 2.0',
        f'antiphon_operator_pods{{{pool},state="NotReady",voicerelay="edge"}} 1.0',
        f'antiphon_operator_pods{{{pool},state="Pending",voicerelay="edge"}} 1.0',
        f'antiphon_operator_pods{{{pool},state="Ended",voicerelay="edge"}} 1.0',
        f'antiphon_operator_pods{{{pool},state="Draining",voicerelay="edge"}} 0.0',
        f'antiphon_operator_pods_desired{{{pool},voicerelay="edge"}} 4.0',
        'antiphon_operator_watch_age_seconds{kind="Pod"} 1.5',
        "antiphon_operator_last_good_round_timestamp_seconds 7.0",
    }
    fleets.heard_relay(Change(ChangeKind.DELETED, relay.key, relay.manifest))
    assert not [line for line in scraped(metrics) if 'kind="VoiceRelay"' in line]
