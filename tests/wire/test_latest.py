"""A value that tasks wait for."""

import asyncio

from antiphon_wire.latest import Latest


async def test_readers_get_what_they_do_not_know_at_once_and_every_change_after_it() -> None:
    latest: Latest[str] = Latest()
    newcomer, knower = latest.changes(), latest.changes("one")
    latest.set(one := "one")
    assert await anext(newcomer) == "one"
    waiting = [asyncio.ensure_future(anext(each)) for each in (newcomer, knower)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    latest.set(one)
    await asyncio.sleep(0)
    latest.set("two")
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == ["two", "two"]


async def test_a_slow_reader_gets_the_last_of_what_it_missed() -> None:
    latest: Latest[int] = Latest()
    changes = latest.changes()
    for value in (1, 2, 3):
        latest.set(value)
    assert await anext(changes) == 3
    assert latest.age_s < 60
