"""A real transceiver process, real UDP, a client of another make: offer, checks, DTLS, sound."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from aiortc.rtcdtlstransport import RTCCertificate

from transceiver_caller import Caller, RsaCertificate, connected, offered
from transceiver_peer import PeerConnectionCall
from transceiver_process import FIRST_ROUTE, Pod, running_pod
from transceiver_spectrum import loudest_hertz

STAGES = {"backend", "answer", "checked", "dtls", "first_audio_in", "first_audio_out"}
ecdsa, another_rsa = RTCCertificate.generateCertificate, RsaCertificate.generate


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with running_pod(tmp_path_factory.mktemp("pod")) as pod:
        yield pod


@pytest.mark.parametrize("certificate", [ecdsa, another_rsa], ids=["ecdsa", "rsa"])
@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
async def test_a_caller_hears_its_own_voice(pod: Pod, setup: str, certificate: Callable[[], RTCCertificate]) -> None:
    caller = Caller(pod.relay.vip, certificate=certificate(), setup=setup)
    async with connected(pod, caller) as conversation:
        await caller.speak(0.6, hertz=440)
        call = await pod.call(conversation.call_id)
    assert loudest_hertz(bytes(caller.heard)) == pytest.approx(440, abs=8)
    assert call["stats"]["media"]["packets_received"] >= 28
    assert set(call["stats"]["setup_ms"]) == STAGES


async def test_callers_at_once_hear_their_own_voices_and_have_routes_of_their_own(pod: Pod) -> None:
    async with connected(pod) as one, connected(pod) as two, connected(pod) as three:
        tones = {330.0: one, 440.0: two, 550.0: three}
        await asyncio.gather(*(talk.caller.speak(0.6, hertz=hertz) for hertz, talk in tones.items()))
        for hertz, talk in tones.items():
            assert loudest_hertz(bytes(talk.caller.heard)) == pytest.approx(hertz, abs=8)
        routes = {talk.reply.body["route"] for talk in tones.values()}
        assert len(routes) == 3
        assert routes <= set(range(FIRST_ROUTE, FIRST_ROUTE + 8))


@pytest.mark.parametrize("codec", [None, "audio/PCMU", "audio/PCMA"])
async def test_a_whole_peer_connection_of_another_make_talks_to_it(pod: Pod, codec: str | None) -> None:
    async with PeerConnectionCall.placed(pod.answer, codec=codec) as call:
        await call.until_connected()
        heard = await call.hear(0.5)
    assert loudest_hertz(heard) == pytest.approx(call.hertz, abs=10)


async def test_dtls_before_a_valid_check_is_not_answered(pod: Pod) -> None:
    caller = Caller(pod.relay.vip, setup="active")
    async with offered(pod, caller) as conversation:
        pod.relay.routes[caller.udp.address] = conversation.reply.body["route"]
        handshake = asyncio.create_task(caller.secure())
        unchecked = 'antiphon_transceiver_endpoint_events_total{kind="drop_unchecked_address"}'
        await pod.until_metric(unchecked, 1)
        assert (await pod.call(conversation.call_id))["state"] == "new"
        assert caller.leg.incoming.empty()
        await caller.check()
        assert await handshake == "connected"


async def test_the_answer_names_the_public_address_and_when_it_was_ready(pod: Pod) -> None:
    async with offered(pod, model="parrot") as conversation:
        body = conversation.reply.body
        (candidate,) = conversation.caller.answer.media[0].ice_candidates
        assert (candidate.ip, candidate.port) == pod.relay.vip
        assert body["pod"] == "t0"
        assert 50 < body["free"] < 60
        assert body["timings_ms"].keys() == {"backend", "answer"}
        assert 0 < body["timings_ms"]["answer"] < 1000
        call = await pod.call(conversation.call_id)
        assert (call["state"], call["reason"], call["model"], call["pod"]) == ("new", None, "parrot", "t0")
