from antiphon_cli.local.routes import LocalRoutes
from antiphon_wire import Block, BlockState, Pool, Relay, RouteTable

LONGEST_TICKET_S = 3900


def routes() -> LocalRoutes:
    return LocalRoutes(0, Relay("relay-0", "127.0.0.1:17100", 2), (Pool("agents", ("parrot",), default=True),))


def block(first: int, pod: str = "t0") -> Block:
    return Block(first, pod, "agents", BlockState.ACTIVE, "127.0.0.1:17104", "127.0.0.1:17104")


def test_a_new_block_is_a_multiple_of_eight_and_never_one_of_the_table() -> None:
    table = routes()
    for _ in range(50):
        first = table.unused_block()
        assert first % 8 == 0
        assert 0 < first < 1 << 32
        assert table.with_block(block(first)).unused_block() != first
        table = table.with_block(block(first))


def test_a_lost_block_stays_lost_in_the_table_one_generation_on() -> None:
    before = routes().with_block(block(8)).with_block(block(16, "t1"))
    after = before.with_lost(8, now=1000, kept_s=LONGEST_TICKET_S)
    table = RouteTable.from_json(after.to_json())
    lost, kept = table.block_of(8), table.block_of(16)
    assert lost is not None
    assert kept is not None
    assert (lost.state, kept.state) == (BlockState.LOST, BlockState.ACTIVE)
    assert table.generation == before.generation + 1
    assert RouteTable.from_json(before.to_json()).accepts(table) is None


def test_a_lost_block_leaves_the_table_after_the_longest_ticket() -> None:
    table = routes().with_block(block(8)).with_block(block(16)).with_lost(8, now=0, kept_s=LONGEST_TICKET_S)
    early = table.with_lost(16, now=LONGEST_TICKET_S - 1, kept_s=LONGEST_TICKET_S)
    late = table.with_lost(16, now=LONGEST_TICKET_S + 1, kept_s=LONGEST_TICKET_S)
    assert [entry.first for entry in early.blocks] == [8, 16]
    assert [entry.first for entry in late.blocks] == [16]


def test_many_expired_blocks_leave_in_steps_that_readers_accept() -> None:
    table = routes()
    for number in range(1, 21):
        table = table.with_block(block(number * 8))
    for number in range(1, 20):
        table = table.with_lost(number * 8, now=0, kept_s=LONGEST_TICKET_S)
    newer = table.with_lost(160, now=LONGEST_TICKET_S + 1, kept_s=LONGEST_TICKET_S)
    assert len(newer.blocks) == 10
    assert RouteTable.from_json(table.to_json()).accepts(RouteTable.from_json(newer.to_json())) is None
