"""RouteTable, the operator's ledger: the API server holds it to what readers rely on."""

from collections.abc import Iterator

import pytest
import yaml

from custom_resources import Namespace, refusal_lines
from real_kubernetes.cluster import KubectlError

pytestmark = pytest.mark.cluster

SPEC = """
relayRef: {name: edge}
shard: 0
shards: 1
generation: 1763704800123
clusterID: 0
clusterName: voice/edge
vip: ["203.0.113.7:3478"]
relays: [{name: edge-relay-x2k9, hop: "10.244.0.7:7100", workers: 2}]
pools: [{name: agents, models: [parrot], default: true}]
blocks:
  - {first: 305419896, pod: agents-02468acf, pool: agents, state: Active, hop: "10.0.0.9:72", control: "10.0.0.9:73"}
"""


@pytest.fixture
def table(namespace: Namespace) -> Iterator[str]:
    spec = yaml.safe_load(SPEC)
    metadata = {"name": "edge-0"}
    namespace.create({"apiVersion": "antiphon.dev/v1alpha1", "kind": "RouteTable", "metadata": metadata, "spec": spec})
    yield "edge-0"
    namespace.delete("rtable", "edge-0")


def test_a_table_is_stored_as_it_is_written(namespace: Namespace, table: str) -> None:
    assert namespace.stored("rtable", table)["spec"] == yaml.safe_load(SPEC)


def test_every_state_of_a_block_is_taken(namespace: Namespace, table: str) -> None:
    namespace.patch(
        "rtable",
        table,
        """{generation: 1763704800124, blocks: [
          {first: 0, pod: a, pool: agents, state: Reserved},
          {first: 8, pod: b, pool: agents, state: Draining, hop: "10.0.0.9:7200", control: "10.0.0.9:7300"},
          {first: 4294967288, pod: c, pool: agents, state: Lost, lostAt: "2026-11-21T06:00:00Z"}]}""",
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(
            "{generation: 1}",
            "spec.generation: Invalid value: must not go back: readers keep the table of the largest generation",
            id="an older generation",
        ),
        pytest.param("{shard: 1}", "spec.shard: Invalid value: must be less than `shards`", id="a shard too many"),
        pytest.param(
            "{blocks: [{first: 9, pod: a, pool: agents, state: Reserved}]}",
            "spec.blocks[0].first: Invalid value: 9: spec.blocks[0].first in body should be a multiple of 8",
            id="a block that is not at a block's place",
        ),
        pytest.param(
            "{blocks: [{first: 8, pod: a, pool: p, state: Reserved}, {first: 8, pod: b, pool: p, state: Reserved}]}",
            'spec.blocks[1]: Duplicate value: {"first":8}',
            id="a block of two pods",
        ),
        pytest.param(
            "{blocks: [{first: 8, pod: a, pool: agents, state: Active}]}",
            "spec.blocks[0]: Invalid value: `hop` and `control` must be specified when `state` is 'Active'",
            id="an active pod that is nowhere",
        ),
        pytest.param(
            "{blocks: [{first: 8, pod: a, pool: agents, state: Lost}]}",
            "spec.blocks[0].lostAt: Required value: must be specified when `state` is 'Lost': it says when the block "
            "may be given away again",
            id="a lost pod since nobody knows when",
        ),
        pytest.param(
            "{blocks: [{first: 8, pod: a, pool: agents, state: Gone}]}",
            'spec.blocks[0].state: Unsupported value: "Gone": supported values: "Reserved", "Active", "Draining", '
            '"Lost"',
            id="a state that there is not",
        ),
    ],
)
def test_a_table_that_readers_could_not_use_is_refused(
    namespace: Namespace, table: str, change: str, line: str
) -> None:
    with pytest.raises(KubectlError) as error:
        namespace.patch("rtable", table, change)
    assert refusal_lines(error.value) == [line]
