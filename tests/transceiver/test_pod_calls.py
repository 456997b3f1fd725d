"""The pod's calls over a real endpoint: what an error of ours leaves behind, and how it is said."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from aiohttp.test_utils import TestClient, TestServer

from antiphon_transceiver._extension import Endpoint
from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.control_api import ControlApi
from antiphon_transceiver.dtls import Certificates
from antiphon_transceiver.live_call import Surroundings
from antiphon_transceiver.media import Pacer
from antiphon_transceiver.metrics import Metrics
from antiphon_transceiver.pod_calls import Followed, PodCalls
from antiphon_transceiver.settings import Settings
from antiphon_wire.control import EndReason
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.table_source import FileTables
from antiphon_wire.watched_file import WatchedFile
from transceiver_offers import CHROMIUM
from transceiver_process import TOKEN, environment

TABLE = (
    '{"clusterID": 0, "clusterName": "test", "generation": 1, "relays": [], "blocks": [], '
    '"pools": [{"name": "agents", "models": [], "default": true}]}'
)
REALTIME = {"ANTIPHON_BACKEND": "realtime", "ANTIPHON_BACKEND_URL": "ws://127.0.0.1:9/v1/realtime"}
NO_SESSION = CallRequest(session="[]")
"""Not to be had over HTTP: the control API refuses it before."""


@dataclass
class Places:
    """The real endpoint, and which calls have a place there."""

    endpoint: Endpoint = field(default_factory=lambda: Endpoint("127.0.0.1:0", setup_window_s=60, consent_s=30))
    taken: set[int] = field(default_factory=set)
    added: int = 0
    broken: bool = False

    def add_call(self, *, route: int, ufrag: str, password: str, remote_ufrag: str) -> int:
        if self.broken:
            raise OSError("a fault of the endpoint")
        handle = self.endpoint.add_call(route=route, ufrag=ufrag, password=password, remote_ufrag=remote_ufrag)
        self.taken.add(handle)
        self.added += 1
        return handle

    def remove_call(self, handle: int) -> None:
        self.endpoint.remove_call(handle)
        self.taken.remove(handle)


def pod_calls(folder: Path, places: Places, metrics: Metrics, variables: Mapping[str, str]) -> PodCalls:
    (folder / "keys.json").write_text(KeyRing.generate_json(int(time.time())))
    (folder / "routes.json").write_text(TABLE)
    settings = Settings.from_env(environment(folder) | dict(variables))
    tables = FileTables(folder / "routes.json")
    tables.load()
    followed = Followed(WatchedFile(settings.keys_file, KeyRing.from_json), tables)
    endpoint = cast(Endpoint, places)
    return PodCalls(settings, followed, Surroundings(endpoint, Certificates(), Pacer(), 60), metrics)


async def test_a_call_that_could_not_be_made_gives_everything_back(tmp_path: Path) -> None:
    places = Places()
    calls = pod_calls(tmp_path, places, Metrics(), REALTIME)
    with pytest.raises(ValueError, match="session"):
        await calls.create(CHROMIUM, NO_SESSION)
    assert (places.added, places.taken) == (1, set())
    assert calls.capacity.live == 0
    assert calls.records() == []


async def test_an_error_of_ours_is_said_in_the_words_of_the_api(tmp_path: Path) -> None:
    places, metrics = Places(broken=True), Metrics()
    calls = pod_calls(tmp_path, places, metrics, {})
    authorization = {"Authorization": f"Bearer {TOKEN}"}
    async with TestClient(TestServer(ControlApi(calls, metrics, "t0", TOKEN).application())) as http:
        async with http.post("/v1/calls", json={"offer": CHROMIUM}, headers=authorization) as reply:
            assert reply.status == 500
            assert (await reply.json())["error"]["code"] == "internal_error"
        places.broken = False
        async with http.post("/v1/calls", json={"offer": CHROMIUM}, headers=authorization) as reply:
            assert reply.status == 201
    assert b"antiphon_transceiver_requests_failed_total 1.0" in metrics.exposition()
    assert calls.capacity.live == 1
    calls.end_all(EndReason.DRAIN_DEADLINE)
    await calls.gone()
    assert (calls.capacity.live, places.taken) == (0, set())
