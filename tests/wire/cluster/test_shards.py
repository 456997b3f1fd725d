"""RouteTable objects put together: whatever comes, in whatever order, one good table is the result."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire import Block, BlockState, Pool, Relay
from antiphon_wire.cluster.shards import Shard, ShardError, Shards, read_shard, shard_manifest
from antiphon_wire.environment import Address

RELAYS = (Relay("edge-relay-x", "10.244.0.7:7100", 2),)
POOLS = (Pool("agents", ("parrot",), default=True),)
VIP = (Address("203.0.113.7", 3478), Address("2001:db8::7", 3478))


def block(first: int, pod: str = "agents-1", state: BlockState = BlockState.ACTIVE) -> Block:
    return Block(first, pod, "agents", state, "10.244.0.9:7200", "10.244.0.9:7300")


def shard(
    number: int, generation: int, *firsts: int, shards: int = 1, pod: str = "agents-1", cluster: int = 0
) -> Shard:
    blocks = tuple(block(first, pod) for first in firsts)
    fleet = {"vip": VIP, "relays": RELAYS, "pools": POOLS} if number == 0 else {}
    return Shard("edge", number, shards, generation, cluster, "voice/edge", blocks=blocks, **fleet)  # type: ignore[arg-type]


def taken(*shards: Shard) -> Shards:
    """Each of them in force at once."""
    together = Shards("edge")
    for each in shards:
        together.take(each)
        together.in_force = together.known
    return together


def firsts(shards: Shards) -> list[int]:
    table = shards.assembled()
    assert table is not None
    return sorted(block.first for block in table.routes.blocks)


SHARDS = st.builds(
    lambda number, more, generation, blocks: shard(number, generation, *blocks, shards=number + 1 + more),
    number=st.integers(0, 5),
    more=st.integers(0, 5),
    generation=st.integers(0, 2**62),
    blocks=st.sets(st.integers(0, 2**29 - 1).map(lambda number: number * 8), max_size=8),
)


@given(SHARDS)
def test_a_shard_is_read_as_it_was_written(written: Shard) -> None:
    assert read_shard(shard_manifest(written)) == written


def test_shard_0_brings_what_is_the_fleets_and_all_bring_blocks() -> None:
    table = taken(shard(0, 7, 8, shards=2), shard(1, 9, 16, shards=2)).assembled()
    assert table is not None
    assert (table.vip, table.routes.relays, table.routes.pools) == (VIP, RELAYS, POOLS)
    assert (table.routes.cluster_id, table.routes.cluster_name, table.routes.generation) == (0, "voice/edge", 9)
    assert [block.first for block in table.routes.blocks] == [8, 16]


def test_without_shard_0_there_is_no_table_yet() -> None:
    assert taken(shard(1, 1, 8, shards=2)).assembled() is None


def test_a_shard_that_is_missing_leaves_the_others_what_they_are() -> None:
    assert firsts(taken(shard(0, 1, 8, shards=3), shard(2, 1, 24, shards=3))) == [8, 24]


def test_a_newer_content_replaces_an_older_one_and_never_the_other_way_round() -> None:
    shards = taken(shard(0, 5, 8), shard(0, 6, 16))
    assert firsts(shards) == [16]
    with pytest.raises(ShardError, match="lower than that of the one in force"):
        shards.take(shard(0, 5, 8))
    assert firsts(shards) == [16]


def test_what_is_held_back_may_be_replaced_by_anything_that_is_not_older_than_what_is_in_force() -> None:
    shards = taken(shard(0, 10, 8, 16))
    shards.take(shard(0, 20))
    for backup in (shard(0, 15, 8), shard(0, 10, 8, 16)):
        shards.take(backup)
        assert shards.known == (backup,)
    with pytest.raises(ShardError, match="lower"):
        shards.take(shard(0, 9, 8))


def test_what_is_cached_is_not_said_until_the_cluster_says_it() -> None:
    shards = Shards("edge")
    for number in range(2):
        shards.remember(shard(number, 5, 8 * number, shards=2))
    seen = [shards.are_said]
    for number in range(2):
        shards.take(shard(number, 5, 8 * number, shards=2))
        seen.append(shards.are_said)
    assert seen == [False, False, True]


@pytest.mark.parametrize(
    ("unsaid", "counted", "are_said"),
    [
        pytest.param("edge-1", 2, False, id="one that is counted was deleted"),
        pytest.param("edge-1", 1, True, id="one that is not counted any more was deleted"),
        pytest.param("edge-7", 2, True, id="an object of nobody's was deleted"),
        pytest.param("edge-7", 3, False, id="one that is counted is not there yet"),
    ],
)
def test_a_table_is_said_while_all_that_it_counts_is(unsaid: str, counted: int, *, are_said: bool) -> None:
    shards = taken(shard(1, 5, 16, shards=2), shard(0, 6, 8, shards=counted))
    shards.unsay(unsaid)
    assert shards.are_said == are_said
    shards.unsay_all()
    assert not shards.are_said


def test_what_was_written_last_says_how_many_shards_there_are() -> None:
    shards = taken(shard(0, 5, 8, shards=2), shard(1, 5, 16, shards=2))
    assert firsts(shards) == [8, 16]
    shards.take(shard(0, 6, 8, 16, shards=1))
    assert firsts(shards) == [8, 16]
    shards.take(shard(0, 7, 8, shards=1))
    assert firsts(shards) == [8]


def test_a_block_that_moves_between_shards_is_there_once_as_it_was_written_last() -> None:
    shards = taken(shard(0, 5, 8, 16, shards=1), shard(1, 6, 16, shards=2, pod="agents-2"))
    table = shards.assembled()
    assert table is not None
    assert {(block.first, block.pod) for block in table.routes.blocks} == {(8, "agents-1"), (16, "agents-2")}


def test_a_shard_of_another_cluster_or_relay_is_refused() -> None:
    shards = taken(shard(0, 5, 8, shards=2))
    with pytest.raises(ShardError, match="clusterID"):
        shards.take(shard(1, 5, 16, shards=2, cluster=1))
    with pytest.raises(ShardError, match="other's"):
        shards.take(read_shard(named("other")))
    assert firsts(shards) == [8]


def named(relay: str) -> dict[str, Any]:
    manifest = shard_manifest(shard(0, 9, 8))
    return {"metadata": {"name": f"{relay}-0"}, "spec": {**manifest["spec"], "relayRef": {"name": relay}}}


@given(st.lists(SHARDS, max_size=12))
def test_whatever_shards_come_the_table_is_good_and_its_generation_grows(news: list[Shard]) -> None:
    shards, generation = Shards("edge"), 0
    for each in news:
        try:
            shards.take(each)
        except ShardError:
            continue
        table = shards.assembled()
        assert (table is None) == all(known.number != 0 for known in shards.known)
        if table is not None:
            shards.in_force = shards.known
            assert table.routes.generation >= generation
            generation = table.routes.generation
            # Every block that is counted is there, and none that is not.
            newest = max(shards.known, key=lambda known: (known.generation, known.number))
            counted = {block.first for known in shards.known if known.number < newest.shards for block in known.blocks}
            assert {block.first for block in table.routes.blocks} == counted


def test_reserved_blocks_and_those_without_an_address_are_left_out() -> None:
    manifest = shard_manifest(shard(0, 1, 8))
    manifest["spec"]["blocks"] += [
        {"first": 16, "pod": "agents-2", "pool": "agents", "state": "Reserved"},
        {"first": 24, "pod": "agents-3", "pool": "agents", "state": "Lost", "lostAt": "2026-11-21T05:00:00Z"},
    ]
    manifest["spec"]["blocks"][0] |= {"state": "Lost", "lostAt": "2026-11-21T05:00:00Z"}
    assert [(block.first, block.state) for block in read_shard(manifest).blocks] == [(8, BlockState.LOST)]


def test_whoever_needs_no_blocks_is_not_kept_by_a_bad_one() -> None:
    manifest = shard_manifest(shard(0, 1, 8))
    manifest["spec"]["blocks"][0]["hop"] = "nowhere"
    with pytest.raises(ShardError):
        read_shard(manifest)
    read = read_shard(manifest, with_blocks=False)
    assert (read.blocks, read.relays, read.vip) == ((), RELAYS, VIP)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shard": 1}, "shard 1 of 1"),
        ({"shard": -1}, "shard is not a whole number"),
        ({"shard": True}, "shard is not a whole number"),
        ({"shards": 10_000}, "shards is not a whole number from 0 to 4096"),
        ({"generation": "7"}, "generation is not a whole number"),
        ({"clusterID": 70_000}, "not a route table"),
        ({"clusterName": None}, "clusterName is not a string"),
        ({"relayRef": {"name": "other"}}, "its name is not other-0"),
        ({"relayRef": None}, "an object is expected"),
        ({"vip": ["203.0.113.7"]}, "vip: '203.0.113.7' is no address with a port"),
        ({"vip": "203.0.113.7:3478"}, "vip is not a list"),
        ({"relays": [{"name": "x", "hop": "10.0.0.1:7100", "workers": 0}]}, "must have 1 worker"),
        (
            {"blocks": [{"first": 9, "pod": "p", "pool": "p", "state": "Active", "hop": "10.0.0.1:1", "control": "x"}]},
            "socket address",
        ),
        ({"blocks": [{"first": 8, "state": "Active", "hop": "10.0.0.1:1", "control": "10.0.0.1:2"}]}, "missing field"),
    ],
)
def test_a_bad_shard_is_refused_and_says_what_is_wrong(change: dict[str, Any], says: str) -> None:
    manifest = shard_manifest(shard(0, 1, 8))
    manifest["spec"] |= change
    with pytest.raises(ShardError, match=says):
        read_shard(manifest)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["metadata", "name", "spec", "shard", "shards", "relayRef", "vip", "blocks", "first"]),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_a_shard_or_refused(document: Any) -> None:
    with suppress(ShardError):
        read_shard(document)
