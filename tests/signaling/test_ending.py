"""The end of the service: those who send requests learn of it first."""

import asyncio
from dataclasses import dataclass

from antiphon_signaling.ending import Ending


@dataclass
class Server:
    should_exit: bool = False


async def test_it_serves_on_for_a_while_after_it_was_told() -> None:
    ending, server = Ending(), Server()
    stopping = asyncio.create_task(ending.stop(server, 0.05))
    await asyncio.sleep(0)
    states = [(ending.begun, server.should_exit)]
    ending.tell()
    began = asyncio.get_running_loop().time()
    states.append((ending.begun, server.should_exit))
    async with asyncio.timeout(5):
        await stopping
    assert [*states, (ending.begun, server.should_exit)] == [(False, False), (True, False), (True, True)]
    assert asyncio.get_running_loop().time() - began >= 0.05


async def test_told_twice_it_does_not_wait() -> None:
    ending, server = Ending(), Server()
    ending.tell()
    ending.tell()
    async with asyncio.timeout(5):
        await ending.stop(server, 3600)
    assert server.should_exit
