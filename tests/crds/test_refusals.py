"""A wrong resource is refused, in the same words, by a real API server and by the parser that reads files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon_crds.documents import API_VERSION, schema
from antiphon_crds.overlay import Json
from antiphon_crds.resource import ResourceError
from antiphon_crds.rules import is_of_a_transition
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay
from custom_resources import Namespace, refusal_lines, rules_of
from real_kubernetes.cluster import KubectlError

PARSERS = {"VoiceRelay": VoiceRelay.parse, "TransceiverPool": TransceiverPool.parse}
Row = Mapping[str, Any]
ROWS: list[Row] = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())

each_refusal = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{kind(row)}: {row.get('relay') or row['pool']}")


def kind(row: Row) -> str:
    return "VoiceRelay" if "relay" in row else "TransceiverPool"


def document(row: Row) -> dict[str, Json]:
    metadata: dict[str, Json] = {"name": row.get("name", "edge")}
    return {"apiVersion": API_VERSION, "kind": kind(row), "metadata": metadata, "spec": row["spec"]}


@pytest.mark.cluster
@each_refusal
def test_the_api_server_refuses(row: Row, namespace: Namespace) -> None:
    with pytest.raises(KubectlError) as error:
        namespace.create(document(row))
    assert refusal_lines(error.value) == [row["line"]]


@each_refusal
def test_the_parser_refuses_in_the_same_words(row: Row) -> None:
    with pytest.raises(ResourceError) as error:
        PARSERS[kind(row)](document(row))
    (said,) = error.value.problems
    assert said.partition("; known there: ")[0] == row["line"]


@pytest.mark.parametrize("name", PARSERS)
def test_every_rule_is_broken_by_one_of_them(name: str) -> None:
    lines = [row["line"] for row in ROWS if kind(row) == name]
    for rule in rules_of(schema(name)):
        if not is_of_a_transition(rule):
            assert any(line.endswith(rule["message"]) for line in lines), rule["rule"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = {"clusterID": -1, "exposure": {"type": "NodePort", "prot": 1}, "limits": 5}
    with pytest.raises(ResourceError) as error:
        VoiceRelay.parse(document({"relay": "all of it", "spec": wrong}))
    assert [problem.partition(": ")[0].partition(";")[0] for problem in error.value.problems] == [
        "spec.clusterID",
        'unknown field "spec.exposure.prot"',
        "spec.limits",
    ]
