"""The RouteTable objects: what is written, what is left alone, and what readers must never meet."""

import random
from dataclasses import replace

import pytest

from antiphon_operator.actions import Action, Create, Replace
from antiphon_operator.observed import Fleet, ObservedPool, ObservedTable, TableBlock, TableBlockState
from antiphon_operator.parsing.route_tables import read_route_table
from antiphon_operator.routes.ledger import (
    MOST_LOST,
    Ledger,
    followed,
    forgets_next_at,
    lost_for_s,
    stored,
    successors,
)
from antiphon_operator.routes.tables import BLOCKS_A_SHARD, MOST_SHARDS, table_writes
from antiphon_wire import Pool
from transceiver_pools import ECHO, block, fleet, name, pod, reservation, starting, table, transceiver_pool
from voice_relays import NOW
from voice_relays import pod as relay_pod

LOST = TableBlockState.LOST
AGENTS = transceiver_pool()
VIP = ("203.0.113.7:3478",)


def as_it_is(*blocks: TableBlock, shard: int = 0, shards: int = 1) -> ObservedTable:
    """A table that needs no change while its blocks do not."""
    pools = (Pool("agents", (), default=True),) if shard == 0 else ()
    return table(*blocks, shard=shard, shards=shards, vip=VIP if shard == 0 else (), pools=pools)


def fleet_with(*tables: ObservedTable, pods: tuple[int, ...] = ()) -> Fleet:
    return fleet(ObservedPool(AGENTS, {}, tuple(pod(number) for number in pods)), tables=tables)


def written(actions: tuple[Action, ...]) -> dict[str, ObservedTable]:
    """By name, as they are read again."""
    manifests = [action.manifest for action in actions if isinstance(action, Create | Replace)]
    return {found.name: found for found in map(read_route_table, manifests)}


def writes(seen: Fleet, now: float = NOW, *, decides: bool = False) -> tuple[Action, ...]:
    return table_writes(seen, followed(stored(seen), seen, now), now, decides=decides)


def test_the_first_table_is_made_with_what_is_the_fleets() -> None:
    seen = replace(fleet_with(), relay_pods=(relay_pod("edge-relay-1"),))
    (action,) = writes(seen)
    assert isinstance(action, Create)
    found = written((action,))["edge-0"]
    assert (found.shard, found.shards, found.vip, found.pools) == (0, 1, VIP, (Pool("agents", (), default=True),))
    assert [relay.hop for relay in found.relays] == ["10.244.0.7:7100"]
    assert found.generation == int(NOW * 1000)


def test_the_oldest_pool_takes_calls_that_name_no_model() -> None:
    other = transceiver_pool("{relayRef: {name: edge}, backend: {type: Echo}, models: [parrot]}", name="other")
    seen = fleet(ObservedPool(AGENTS, {}, ()), ObservedPool(other, {}, ()))
    assert written(writes(seen))["edge-0"].pools == (
        Pool("agents", (), default=True),
        Pool("other", ("parrot",), default=False),
    )


def test_a_table_that_says_what_is_so_is_not_written() -> None:
    assert writes(fleet_with(as_it_is(block(pod(1)), block(pod(2))), pods=(1, 2))) == ()


def test_what_is_read_again_is_what_was_written() -> None:
    lost = block(pod(3), LOST, lost_at=NOW - 60)
    seen = fleet_with(as_it_is(reservation(9), lost), pods=(1, 2))
    found = written(writes(seen))["edge-0"]
    assert set(found.blocks) == {block(pod(1)), block(pod(2)), lost, reservation(9)}


def test_only_the_shard_of_a_change_is_written_and_only_over_what_was_read() -> None:
    shards = (as_it_is(block(pod(1)), shards=2), as_it_is(block(pod(2)), shard=1, shards=2))
    (action,) = writes(fleet_with(*shards, pods=(1,)))
    assert isinstance(action, Replace)
    assert action.manifest["metadata"] == {
        **dict(action.manifest["metadata"]),  # type: ignore[arg-type]  # a mapping of JSON
        "name": "edge-1",
        "resourceVersion": "rv-1",
    }
    assert written((action,))["edge-1"].blocks == (block(pod(2), LOST, lost_at=NOW),)


def test_a_round_that_decides_also_writes_shard_0_first() -> None:
    shards = (as_it_is(block(pod(1)), shards=2), as_it_is(block(pod(2)), shard=1, shards=2))
    assert list(written(writes(fleet_with(*shards, pods=(1,)), decides=True))) == ["edge-0", "edge-1"]
    assert list(written(writes(fleet_with(*shards, pods=(1, 2)), decides=True))) == ["edge-0"]


def test_the_generation_is_larger_than_every_one_before_also_when_the_clock_went_back() -> None:
    ahead = replace(as_it_is(shards=2), generation=10**15)
    seen = fleet_with(ahead, as_it_is(shard=1, shards=2), pods=(1,))
    assert [found.generation for found in written(writes(seen)).values()] == [10**15 + 1]


def test_a_full_shard_is_followed_by_another_and_both_say_so() -> None:
    numbers = tuple(range(BLOCKS_A_SHARD + 1))
    seen = fleet_with(as_it_is(*(block(pod(number)) for number in numbers[:-1])), pods=numbers)
    found = written(writes(seen))
    assert {name: (table.shards, len(table.blocks)) for name, table in found.items()} == {
        "edge-0": (2, BLOCKS_A_SHARD),
        "edge-1": (2, 1),
    }


def test_room_in_a_shard_is_used_before_another_is_made() -> None:
    shards = (as_it_is(block(pod(1)), shards=2), as_it_is(block(pod(2)), shard=1, shards=2))
    found = written(writes(fleet_with(*shards, pods=(1, 2, 3))))
    assert list(found) == ["edge-0"]
    assert found["edge-0"].blocks == (block(pod(1)), block(pod(3)))


def test_a_deleted_table_is_made_again_from_the_pods() -> None:
    others = (as_it_is(block(pod(1)), shards=3), as_it_is(block(pod(3)), shard=2, shards=3))
    (action,) = writes(fleet_with(*others, pods=(1, 2, 3)))
    assert isinstance(action, Create)
    found = written((action,))["edge-1"]
    assert (found.shard, found.shards, found.blocks) == (1, 3, (block(pod(2)),))


def test_a_last_table_that_is_not_seen_is_made_again_before_anything_is_decided_without_it() -> None:
    """It may be there, without its label: then nothing can be made under its name, and it is labelled again."""
    hidden = as_it_is(block(pod(2)), block(pod(3), LOST, lost_at=NOW - 60), reservation(4), shard=1, shards=2)
    seen = fleet_with(as_it_is(block(pod(1)), shards=2), pods=(1, 2))
    first, *others = writes(seen, decides=True)
    assert isinstance(first, Create)
    assert written((first,))["edge-1"].blocks == (block(pod(2)),)
    assert [found.shards for found in written((first, *others)).values()] == [2, 2]
    assert writes(replace(seen, tables=(*seen.tables, hidden))) == ()


def test_what_says_how_many_shards_there_are_is_believed_within_reason() -> None:
    made = writes(fleet_with(as_it_is(block(pod(1)), shards=4096), pods=(1,)))
    assert len(made) == MOST_SHARDS


def test_all_tables_deleted_are_made_again_from_the_pods() -> None:
    draining = pod(2, deleted_at=NOW - 5, deadline=NOW + 3625)
    seen = fleet(ObservedPool(AGENTS, {}, (pod(1), draining, starting(3))))
    assert written(writes(seen))["edge-0"].blocks == (
        block(pod(1)),
        block(pod(2), TableBlockState.DRAINING),
        reservation(3),
    )


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param(table(block(pod(1), hop="10.9.9.9:7200"), block(pod(2))), id="a pod elsewhere"),
        pytest.param(table(block(pod(1), LOST, lost_at=NOW - 1), block(pod(2))), id="a pod that is said to be lost"),
        pytest.param(table(block(pod(1))), id="a pod left out"),
        pytest.param(table(block(pod(1)), block(pod(2)), block(pod(1))), id="a pod twice"),
        pytest.param(table(block(pod(1)), block(pod(2)), block(pod(3), pod="mine")), id="a pod with another name"),
        pytest.param(table(block(pod(1)), block(pod(2)), cluster_id=4), id="another cluster"),
        pytest.param(table(block(pod(1)), block(pod(2)), vip=("198.51.100.1:1",)), id="another address"),
    ],
)
def test_what_somebody_wrote_into_a_table_is_written_over(edited: ObservedTable) -> None:
    found = written(writes(fleet_with(edited, pods=(1, 2))))["edge-0"]
    assert (found.blocks, found.shards, found.cluster_id, found.vip) == ((block(pod(1)), block(pod(2))), 1, 0, VIP)


def test_a_block_that_stands_in_two_shards_stays_in_the_first() -> None:
    shards = (as_it_is(block(pod(1)), shards=2), as_it_is(block(pod(1)), block(pod(2)), shard=1, shards=2))
    found = written(writes(fleet_with(*shards, pods=(1, 2))))
    assert {name: table.blocks for name, table in found.items()} == {"edge-1": (block(pod(2)),)}


def test_a_table_of_another_name_is_left_alone() -> None:
    """It may be another fleet's ledger, which somebody labelled."""
    strange = replace(table(block(pod(7))), name="west-0", generation=10**15)
    assert writes(fleet_with(as_it_is(), strange)) == ()
    (action,) = writes(fleet_with(as_it_is(), strange, pods=(1,)))
    assert written((action,))["edge-0"].generation == int(NOW * 1000) + 1


def test_an_address_that_is_not_known_at_this_moment_stays_in_the_table() -> None:
    relay = replace(fleet().relay.spec, public_addresses=())
    seen = fleet_with(as_it_is(block(pod(1))), pods=(1,))
    assert writes(replace(seen, relay=replace(seen.relay, spec=relay))) == ()


def test_a_lost_block_is_forgotten_when_no_ticket_can_name_it() -> None:
    seen = fleet_with(as_it_is(block(pod(1), LOST, lost_at=NOW)))
    keep_s = lost_for_s(seen)
    assert keep_s >= 3600 + 6 * 60
    assert forgets_next_at(stored(seen), seen) == NOW + keep_s
    assert writes(seen, NOW + keep_s - 1) == ()
    assert written(writes(seen, NOW + keep_s))["edge-0"].blocks == ()


def test_of_too_many_lost_blocks_the_oldest_are_forgotten() -> None:
    shards = [
        as_it_is(
            *(block(pod(number), LOST, lost_at=NOW - number // 2) for number in range(shard * 200, shard * 200 + 200)),
            shard=shard,
            shards=22,
        )
        for shard in range(22)
    ]
    seen = fleet_with(*shards)
    left = followed(stored(seen), seen, NOW).blocks.values()
    assert len(left) == MOST_LOST
    assert min(one.lost_at or 0 for one in left) == NOW - MOST_LOST // 2 + 1


def test_a_pod_made_after_its_block_was_lost_is_found_out() -> None:
    lost = Ledger({pod(1).first_route or 0: block(pod(1), LOST, lost_at=NOW - 60)})
    assert successors(lost, [starting(1, created_at=NOW - 30), starting(2)]) == {name(1)}
    assert successors(lost, [starting(1, created_at=NOW - 90)]) == frozenset()
    assert successors(lost, [pod(1, created_at=NOW - 30)]) == frozenset()


def test_no_block_that_readers_know_leaves_the_table_before_it_was_lost() -> None:
    """They hold back a table that leaves out more than half of the live blocks."""
    rng = random.Random(3)
    seen = fleet_with(as_it_is(*(block(pod(number)) for number in range(40))), pods=tuple(range(40)))
    for _ in range(30):
        alive = tuple(one for one in seen.pools[0].pods if rng.random() < 0.7)
        seen = replace(seen, pools=(replace(seen.pools[0], pods=alive),))
        before = {one.first for one in seen.tables[0].blocks}
        after = written(writes(seen)).get("edge-0", seen.tables[0])
        assert before <= {one.first for one in after.blocks}
        seen = replace(seen, tables=(after,))


def test_the_pools_longest_call_is_what_lost_blocks_wait_for() -> None:
    short = transceiver_pool(ECHO[:-1] + ", session: {maxDurationSeconds: 60}}")
    long = transceiver_pool(ECHO[:-1] + ", session: {maxDurationSeconds: 7200}}", name="long")
    both = fleet(ObservedPool(short, {}, ()), ObservedPool(long, {}, ()))
    assert lost_for_s(both) - lost_for_s(fleet(ObservedPool(short, {}, ()))) == 7140
