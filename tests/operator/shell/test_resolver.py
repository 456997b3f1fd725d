"""Host names of load balancers, looked up beside the rounds."""

import asyncio
from collections.abc import Callable

from antiphon_operator.fleets import FleetKey
from antiphon_operator.resolver import Resolver

EDGE = FleetKey("voice", "edge")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_name_is_looked_up_and_its_fleet_told() -> None:
    told: list[FleetKey] = []
    resolver = Resolver(told.append)
    resolver.want(EDGE, ("localhost",))
    resolver.want(EDGE, ("localhost",))
    assert resolver.resolutions == {}
    await until(lambda: told != [])
    assert told == [EDGE], "one look-up for a name at a time"
    resolution = resolver.resolutions["localhost"]
    assert "127.0.0.1" in resolution.addresses
    assert resolution.error is None


async def test_a_name_that_nobody_has_is_an_error_without_addresses() -> None:
    told: list[FleetKey] = []
    resolver = Resolver(told.append)
    resolver.want(EDGE, ("no-such-host.invalid", "too-long." * 40))
    await until(lambda: len(told) == 2)
    assert all(one.addresses == () and one.error for one in resolver.resolutions.values())


async def test_looking_up_ends_with_the_process() -> None:
    told: list[FleetKey] = []
    resolver = Resolver(told.append)
    resolver.want(EDGE, ("localhost",))
    await resolver.close()
    assert told == []
