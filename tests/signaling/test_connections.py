"""The bounds on open connections."""

import asyncio
import errno
import logging
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from antiphon_signaling.accept_failures import AcceptFailures
from antiphon_signaling.connections import MOST_CONNECTIONS, Bound, Connections
from signaling_site import site


def test_one_client_may_open_its_share_and_again_when_it_closed_one() -> None:
    connections = Connections(2, most=10)
    assert [connections.opened("192.0.2.1") for _ in range(3)] == [None, None, Bound.ADDRESS]
    assert connections.opened("192.0.2.2") is None
    connections.closed("192.0.2.1")
    assert connections.opened("192.0.2.1") is None


def test_all_clients_together_have_a_bound_also_those_of_a_proxy_on_this_machine() -> None:
    connections = Connections(1, most=3)
    assert [connections.opened("127.0.0.1") for _ in range(4)] == [None, None, None, Bound.TOTAL]
    assert connections.opened("192.0.2.1") is Bound.TOTAL
    connections.closed("127.0.0.1")
    assert connections.opened("192.0.2.1") is None


async def test_one_connection_too_many_is_closed_and_the_others_are_served(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        url = urlsplit(here.url)
        assert (await here.http.get("/livez")).status_code == 200  # keeps one connection
        held = [await asyncio.open_connection(url.hostname, url.port) for _ in range(MOST_CONNECTIONS)]
        try:
            closed = [asyncio.create_task(reader.read(1)) for reader, _ in held]
            done, _ = await asyncio.wait(closed, timeout=2, return_when=asyncio.FIRST_COMPLETED)
            assert done
            assert await here.metric('antiphon_signaling_connections_refused_total{bound="total"}') >= 1
            assert (await here.http.get("/livez")).status_code == 200
        finally:
            for task in closed:
                task.cancel()
            for _, writer in held:
                writer.close()


def test_a_flood_of_failed_accepts_is_one_line_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    handler = AcceptFailures(lambda: now[0])
    no_descriptor = OSError(errno.EMFILE, "Too many open files")
    failure = {"message": "socket.accept() out of system resource", "exception": no_descriptor}
    with closing(asyncio.new_event_loop()) as loop, caplog.at_level(logging.WARNING):
        for _ in range(1000):
            handler(loop, failure)
        now[0] += 11.0
        handler(loop, failure)
        handler(loop, {"message": "something else"})
    ours = [record for record in caplog.records if record.getMessage() == "no connection could be accepted"]
    assert [vars(record)["fields"]["times"] for record in ours] == [1, 1000]
    assert any("something else" in record.getMessage() for record in caplog.records)
