"""The pod's calls over a real endpoint: what an error of ours leaves behind, and how it is said."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from aiohttp.test_utils import TestClient, TestServer

from antiphon_transceiver._extension import Endpoint
from antiphon_transceiver.answer import LocalDescription
from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.capacity import CallRefusedError, Capacity, Refusal
from antiphon_transceiver.control_api import ControlApi
from antiphon_transceiver.dtls import Certificates
from antiphon_transceiver.live_call import Surroundings
from antiphon_transceiver.media import AudioAgreement, MediaEngine, MediaSettings
from antiphon_transceiver.metrics import Metrics
from antiphon_transceiver.negotiation import parse_offer
from antiphon_transceiver.pod_calls import Followed, PodCalls
from antiphon_transceiver.settings import Settings
from antiphon_transceiver.takeover.configuration import CallConfiguration
from antiphon_transceiver.takeover.heir import Heritage
from antiphon_transceiver.takeover.registry import Place
from antiphon_wire.control import EndReason
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.table_source import FileTables
from antiphon_wire.watched_file import WatchedFile
from hop_relay import ROUTE
from moving_call import CALL_ID, KEY, KEY_ID, MovingCall
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
    engine: MediaEngine = field(init=False)
    taken: set[int] = field(default_factory=set)
    added: int = 0
    broken: bool = False

    def __post_init__(self) -> None:
        self.engine = MediaEngine(self.endpoint, workers=1)

    def add_call(self, *, route: int, ufrag: str, password: str, remote_ufrag: str) -> int:
        if self.broken:
            raise OSError("a fault of the endpoint")
        handle = self.endpoint.add_call(route=route, ufrag=ufrag, password=password, remote_ufrag=remote_ufrag)
        self.taken.add(handle)
        self.added += 1
        return handle

    def remove_call(self, handle: int) -> None:
        self.endpoint.remove_call(handle)
        # One that was taken over has its place by the engine.
        self.taken.discard(handle)

    def send(self, handle: int, payload: bytes) -> bool:
        return self.endpoint.send(handle, payload)


def pod_calls(folder: Path, places: Places, metrics: Metrics, variables: Mapping[str, str]) -> PodCalls:
    (folder / "keys.json").write_text(KeyRing.generate_json(int(time.time())))
    (folder / "routes.json").write_text(TABLE)
    settings = Settings.from_env(environment(folder) | dict(variables))
    tables = FileTables(folder / "routes.json")
    tables.load()
    followed = Followed(WatchedFile(settings.keys_file, KeyRing.from_json), tables)
    surroundings = Surroundings(cast(Endpoint, places), Certificates(), places.engine, 3600)
    return PodCalls(settings, Capacity(8), followed, surroundings, metrics)


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
    async with TestClient(TestServer(ControlApi(calls, metrics, None, "t0", TOKEN).application())) as http:
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


@pytest.fixture
def silent_backend() -> Iterator[str]:
    """Connections are taken, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/"


async def test_a_call_that_is_shed_before_its_answer_was_one_too_many_and_not_one_of_a_drain(
    tmp_path: Path, silent_backend: str
) -> None:
    variables = {"ANTIPHON_BACKEND_URL": silent_backend, "ANTIPHON_BACKEND_CONNECT_TIMEOUT_S": "0.5"}
    places = Places()
    calls = pod_calls(tmp_path, places, Metrics(), REALTIME | variables)
    older, newer = (asyncio.create_task(calls.create(CHROMIUM, CallRequest())) for _ in range(2))
    while places.added < 2:
        await asyncio.sleep(0)
    calls.shed_newest()
    calls.shed_newest()
    assert calls.capacity.live == 1, "the last one stays"
    calls.end_all(EndReason.DRAIN_DEADLINE)
    refusals = []
    for task in (older, newer):
        with pytest.raises(CallRefusedError) as refused:
            await task
        refusals.append(refused.value.refusal)
    assert refusals == [Refusal.DRAINING, Refusal.NO_CAPACITY]
    await calls.gone()
    assert (calls.capacity.live, places.taken, calls.records()) == (0, set(), [])


@pytest.fixture
async def moving() -> AsyncIterator[MovingCall]:
    call = MovingCall()
    yield call
    await call.end()


@pytest.mark.parametrize(("offered_s_ago", "stays"), [(60.0, "the other pod's"), (-60.0, "ours")])
async def test_a_call_that_was_taken_over_is_shed_by_its_own_age_and_not_by_when_it_came(
    tmp_path: Path, moving: MovingCall, offered_s_ago: float, stays: str
) -> None:
    """It always comes after the call that began here. An offer that our clock has yet to reach is of now."""
    places = Places()
    calls = pod_calls(tmp_path, places, Metrics(), {})
    await calls.create(CHROMIUM, CallRequest())
    (ours,) = calls.live_records()
    await inherit(calls, places.engine, moving, time.time() - offered_s_ago)
    assert {call.taken_over_from for call in calls.live_records()} == {None, "pod-0"}
    calls.shed_newest()
    shed, stayed = (CALL_ID, ours.call_id) if stays == "ours" else (ours.call_id, CALL_ID)
    assert [call.call_id for call in calls.live_records()] == [stayed]
    record = calls.record(shed)
    assert record is not None
    assert record.reason is EndReason.OVERLOAD
    calls.end_all(EndReason.DRAIN_DEADLINE)
    await calls.gone()


async def inherit(calls: PodCalls, engine: MediaEngine, moving: MovingCall, offered_at: float) -> None:
    """A call of another pod goes on here. `offered_at`: seconds since 1970."""
    owner = await moving.begin()
    assert owner.store(moving.registry) == "stored"
    owner.stop()
    inheritance = moving.inherit(moving.registry.sealed, owner)
    claim = inheritance.claim(engine, pod="t0", key=KEY, key_id=KEY_ID, now_ms=int(time.time() * 1000))
    assert moving.registry.replace(claim) is None
    offer = parse_offer(CHROMIUM)
    agreement = AudioAgreement.of(offer.audio, MediaSettings())
    local = LocalDescription(7, "1" + "A" * 23, "p" * 24, ":".join(["AB"] * 32), 4242, agreement, ())
    assert calls.reserve() is None
    heritage = Heritage(
        place=Place(ROUTE, CALL_ID),
        pod=owner.pod,
        model=None,
        offered_at_ms=int(offered_at * 1000),
        configuration=CallConfiguration(CallRequest(), offer, local),
        generation=claim.edition[:4],
    )
    calls.adopt(inheritance.begin(), heritage)
