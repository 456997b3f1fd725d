"""When packets may be sent to a relay."""

from antiphon_relay.readiness import Readiness
from antiphon_wire import RouteTable
from antiphon_wire.environment import Address

HOP = Address("fd00::7", 7100)


def table(*hops: str) -> RouteTable:
    relays = ",".join(f'{{"name": "r", "hop": "{hop}", "workers": 1}}' for hop in hops)
    return RouteTable.from_json(f'{{"clusterID": 0, "clusterName": "c", "generation": 1, "relays": [{relays}]}}')


def test_in_a_cluster_a_relay_waits_for_its_place_in_the_table_and_keeps_it() -> None:
    readiness = Readiness(HOP, needs_place=True)
    lacks = [readiness.lacks]
    for hops in (["10.0.0.1:7100", "[fd00::7]:7101"], ["10.0.0.1:7100", "[fd00::7]:7100"], []):
        readiness.table_taken(table(*hops))
        lacks.append(readiness.lacks)
    assert lacks == ["no route table yet", "the route table does not name this relay yet", None, None]


def test_with_a_file_a_table_is_enough() -> None:
    readiness = Readiness(HOP, needs_place=False)
    lacks = [readiness.lacks]
    readiness.table_taken(table())
    assert [*lacks, readiness.lacks] == ["no route table yet", None]


def test_a_drain_ends_it() -> None:
    readiness = Readiness(HOP, needs_place=False)
    readiness.table_taken(table())
    readiness.draining = True
    assert readiness.lacks == "draining"
