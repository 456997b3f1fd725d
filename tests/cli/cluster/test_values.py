"""What is read of objects and of pods' figures, and how it is told: over values, without a cluster."""

import subprocess
import sys

import pytest

from antiphon_cli.cluster.api_server import Answer
from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.numbers import PodNumbers
from antiphon_cli.cluster.own_kinds import Condition, Conditions
from antiphon_cli.cluster.pod_rows import PodRow
from antiphon_cli.cluster.records import Event
from antiphon_cli.cluster.scope import names_a_cluster
from antiphon_cli.cluster.tunnel import api_refusal
from antiphon_cli.cluster.words import lasting
from antiphon_cli.cluster.workloads import Pod, watched_namespaces

RELAY_EXPOSITION = """\
# TYPE antiphon_relay_forwarded_packets_total counter
antiphon_relay_forwarded_packets_total{direction="uplink"} 600.0
antiphon_relay_forwarded_packets_total{direction="downlink"} 399.0
antiphon_relay_dropped_packets_total{reason="no_route"} 1.0
antiphon_relay_dropped_packets_total{reason="queue_full"} 0.0
antiphon_relay_flows 12.0
antiphon_relay_flows_limit 65536.0
a line that is none
antiphon_relay_broken nonsense
"""


def test_what_is_absent_or_of_another_type_is_its_default() -> None:
    document = Document({"text": 5, "number": "x", "list": {"no": "list"}, "section": [], "time": "yesterday"})
    assert (document.text("text"), document.integer("number"), document.count("number")) == ("5", None, 0)
    assert (document.sections("list"), document.section("section").text("x"), document.moment("time")) == ((), "", None)
    assert (document.texts("absent"), document.pairs("absent"), "absent" in document) == ((), {}, False)
    assert Document("no mapping").text("anything") == ""


@pytest.mark.parametrize("text", ["1970-01-01T00:00:10Z", "1970-01-01T00:00:10.000000Z", "1970-01-01T01:00:10+01:00"])
def test_times_are_unix_seconds(text: str) -> None:
    assert Document({"time": text}).moment("time") == 10.0


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    one, other = Document({"a": 1, "b": {"c": 2, "d": 3}}), Document({"b": {"d": 3, "c": 2}, "a": 1})
    assert one.digest() == other.digest() != Document({"a": 1}).digest()


def test_a_relays_figures_are_summed_over_labels() -> None:
    numbers = PodNumbers.read(RELAY_EXPOSITION)
    assert (numbers.flows, numbers.packets, numbers.drops) == (12, 999, (("no_route", 1),))
    assert (numbers.calls, numbers.is_draining) == (None, False)


ROW = PodRow("edge-relay-a", "node-a", "ready", None, None, None, None)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (ROW, "edge-relay-a   ready   node-a"),
        (
            PodRow("a", "n", "ready", None, PodNumbers.read(RELAY_EXPOSITION), None, None),
            "a   ready   n   flows 12   forwarded 999, dropped 0.10% (most: no_route)",
        ),
        (
            PodRow("b", "n", "draining", 16, PodNumbers(calls=3, capacity=60), 750.0, None),
            "b   draining   routes 0x00000010   n   3/60 calls   deadline in 12 min",
        ),
        (PodRow("c", "n", "draining", 16, None, -5.0, None), "c   draining   routes 0x00000010   n   deadline is over"),
        (PodRow("d", "", "not ready", None, None, None, "ImagePullBackOff"), "d   not ready   ImagePullBackOff"),
    ],
)
def test_a_pod_is_one_line(row: PodRow, text: str) -> None:
    assert row.text() == text


@pytest.mark.parametrize(
    ("seconds", "told"), [(-3, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (10 * 86_400, "10 d")]
)
def test_amounts_of_time_are_told_in_the_largest_unit_of_which_there_are_two(seconds: float, told: str) -> None:
    assert lasting(seconds) == told


def test_a_resource_without_conditions_waits_for_its_operator() -> None:
    ready = Conditions.read(Document(None)).ready
    assert (ready.status, ready.reason) == ("Unknown", "WaitingForOperator")
    assert Conditions((Condition("Ready", "True", "Serving", "", None),)).ready.is_true


def test_why_a_pod_is_not_ready_is_read() -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    starting = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    assert pod_with({"containerStatuses": [starting, waiting]}).trouble == "ImagePullBackOff: no such image"
    assert pod_with({"containerStatuses": [starting]}).trouble is None
    assert pod_with({"conditions": [unschedulable]}).trouble == "Unschedulable: 0/1 nodes"


def pod_with(status: dict[str, object]) -> Pod:
    return Pod.read(Document({"status": status}))


def test_an_events_time_is_its_latest() -> None:
    times = {"firstTimestamp": "1970-01-01T00:00:10Z", "lastTimestamp": "1970-01-01T00:00:50Z", "eventTime": None}
    assert Event.read(Document({**times, "type": "Warning"})).at == 50.0


def test_the_namespaces_of_an_operator_are_read_from_its_deployment() -> None:
    container = {"env": [{"name": "ANTIPHON_WATCH_NAMESPACES", "value": "voice, other"}]}
    deployment = {"spec": {"template": {"spec": {"containers": [container]}}}}
    assert watched_namespaces(Document(deployment)) == ("voice", "other")
    assert watched_namespaces(Document({})) == ()


def test_only_the_api_servers_own_refusals_are_told_as_such() -> None:
    refusal = b'{"kind": "Status", "reason": "ServiceUnavailable", "message": "no endpoints"}'
    assert api_refusal(Answer(503, {}, refusal)) == {"code": "ServiceUnavailable", "message": "no endpoints"}
    assert api_refusal(Answer(503, {}, b'{"error": {"code": "no_capacity"}}')) is None
    assert api_refusal(Answer(500, {}, b"<html>")) is None
    assert api_refusal(Answer(201, {}, b"v=0")) is None


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"KUBECONFIG": "/nonexistent"}, False),
        ({"KUBECONFIG": f"/nonexistent:{__file__}"}, True),
        ({"KUBECONFIG": "/nonexistent", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}, True),
    ],
)
def test_a_cluster_is_named_by_a_file_that_exists_or_by_a_pods_variables(environ: dict[str, str], named: bool) -> None:
    assert names_a_cluster(environ) == named


def test_help_loads_no_client() -> None:
    program = (
        "import sys, antiphon_cli.__main__, antiphon_cli.status; print([m for m in sys.modules if 'kubernetes' in m])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout.strip() == "[]"
