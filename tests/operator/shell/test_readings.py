"""The gauges of a scrape: what is there now, and nothing of what is gone."""

from antiphon_operator.actions import CutCalls
from antiphon_operator.fleets import FleetKey, Fleets
from antiphon_operator.kinds import kind_of
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Images
from antiphon_operator.readings import readings
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind
from voice_relays import NOW, Site, voice_relay

FIXED = {"relayRef": {"name": "edge"}, "backend": {"type": "Echo"}}


def told(kind: str, name: str, **parts: object) -> Change:
    labels = {"antiphon.dev/relay": "edge", "antiphon.dev/pool": "agents"}
    metadata = {"name": name, "namespace": "voice", "uid": name, "labels": labels}
    manifest = {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": metadata, **parts}
    return Change(ChangeKind.ADDED, ObjectKey("voice", name), manifest)


def condition(name: str, status: str) -> dict[str, str]:
    return {"type": name, "status": status}


def scraped(metrics: Metrics) -> set[str]:
    return {line for line in metrics.text().decode().splitlines() if not line.startswith("#")}


def scraped_fleets() -> tuple[Metrics, Fleets]:
    metrics = Metrics()
    fleets = Fleets(Images("r", "t", "s"), "antiphon-system", metrics, lambda _: None)
    metrics.read_at_scrape(lambda: readings(fleets, [("Pod", 1.5)], lambda: 7.0))
    return metrics, fleets


def test_what_a_fleet_shows() -> None:
    metrics, fleets = scraped_fleets()
    counts = {"desired": 3, "available": 2, "updated": 1}
    relay = told("VoiceRelay", "edge", spec={}, status={"conditions": [condition("Ready", "True")], "relays": counts})
    fleets.heard_relay(relay)
    status = {
        "desiredReplicas": 4,
        "capacity": 120,
        "free": 7,
        "conditions": [condition("Ready", "False"), condition("Stalled", "True")],
    }
    scaling = {"mode": "FreeCapacity", "freeCapacity": {"target": "25%", "minReplicas": 1, "maxReplicas": 9}}
    spec = {"relayRef": {"name": "edge"}, "backend": {"type": "Echo"}, "scaling": scaling}
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
        f'antiphon_operator_calls_free{{{pool},voicerelay="edge"}} 7.0',
        f'antiphon_operator_calls_free_target{{{pool},voicerelay="edge"}} 30.0',
        f'antiphon_operator_drain_cut_calls_total{{{pool},voicerelay="edge"}} 0.0',
        'antiphon_operator_relays{namespace="voice",voicerelay="edge"} 2.0',
        'antiphon_operator_relays_desired{namespace="voice",voicerelay="edge"} 3.0',
        'antiphon_operator_watch_age_seconds{kind="Pod"} 1.5',
        "antiphon_operator_last_good_round_timestamp_seconds 7.0",
    }
    fleets.heard_relay(Change(ChangeKind.DELETED, relay.key, relay.manifest))
    assert not [line for line in scraped(metrics) if 'kind="VoiceRelay"' in line]


def test_a_pool_that_somebody_else_scales_has_no_target() -> None:
    metrics, fleets = scraped_fleets()
    fleets.heard_pool(told("TransceiverPool", "agents", spec=FIXED))
    assert not [line for line in scraped(metrics) if line.startswith("antiphon_operator_calls_free_target")]


def test_calls_that_drain_deadlines_cut_are_counted_by_pool_and_end_with_it() -> None:
    metrics, fleets = scraped_fleets()
    pool = told("TransceiverPool", "agents", spec=FIXED)
    fleets.heard_pool(pool)
    for calls in (2, 1):
        fleets.cut_calls(FleetKey("voice", "edge"), CutCalls("agents", "agents-00000008", calls))
    fleets.cut_calls(FleetKey("voice", "edge"), CutCalls("gone", "gone-00000010", 5))
    cut = 'antiphon_operator_drain_cut_calls_total{namespace="voice",pool="agents",voicerelay="edge"}'
    assert [line for line in scraped(metrics) if "drain_cut" in line] == [f"{cut} 3.0"]
    fleets.heard_pool(Change(ChangeKind.DELETED, pool.key, pool.manifest))
    assert not [line for line in scraped(metrics) if "drain_cut" in line]
    fleets.heard_pool(pool)
    assert f"{cut} 0.0" in scraped(metrics)


def test_the_ages_of_keys_are_those_of_the_secret() -> None:
    metrics, fleets = scraped_fleets()
    fleets.heard_relay(told("VoiceRelay", "edge", spec={}))
    site = Site.of(voice_relay())
    site.settle()
    secret = site.child("Secret", "edge-keys")
    fleets.heard_child(kind_of("v1", "Secret"), Change(ChangeKind.ADDED, ObjectKey("voice", "edge-keys"), secret))
    labels = 'namespace="voice",voicerelay="edge"'
    lines = dict(line.split() for line in scraped(metrics) if line.startswith("antiphon_operator_key_"))
    newest = float(lines[f"antiphon_operator_key_newest_timestamp_seconds{{{labels}}}"])
    due = float(lines[f"antiphon_operator_key_next_rotation_timestamp_seconds{{{labels}}}"])
    assert NOW - 60 <= newest <= NOW
    assert due - newest == 86_400 - 600, "the period, less the time to publish it"
