"""The control API of a real process: who may ask, what is refused and how it is said, what a pod says of itself."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from transceiver_caller import connected, offered
from transceiver_offers import CHROMIUM
from transceiver_process import FIRST_ROUTE, Pod, Reply, running_pod

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with running_pod(tmp_path_factory.mktemp("pod"), {"ANTIPHON_CAPACITY": "2"}) as pod:
        yield pod


REQUESTS = [
    ("POST", "/v1/calls"),
    ("GET", "/v1/calls"),
    ("GET", "/v1/calls/rtc_x"),
    ("PATCH", "/v1/calls/rtc_x"),
    ("DELETE", "/v1/calls/rtc_x"),
    ("GET", "/v1/capacity"),
    ("POST", "/v1/handovers"),
    ("POST", "/v1/takeovers"),
    ("POST", "/v1/drain"),
    ("GET", "/v1/nothing"),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("token", ["", "wrong", "wröng"])
async def test_without_the_token_nothing_is_said_or_done(pod: Pod, method: str, path: str, token: str) -> None:
    reply = await pod.ask(method, path, token=token)
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert (await pod.ask("GET", "/v1/capacity")).body["draining"] is False


@pytest.mark.parametrize(
    ("offer", "status", "code"),
    [
        ("hello", 400, "offer_not_sdp"),
        (CHROMIUM.replace("m=audio", "m=video"), 400, "offer_without_audio"),
        (CHROMIUM.replace("a=fingerprint", "a=fingerpaint"), 400, "offer_without_fingerprint"),
        (CHROMIUM.replace("a=ice-ufrag", "a=ice-ufrog"), 400, "offer_without_ice"),
        (CHROMIUM.replace("opus/48000", "opus/8000").replace(" 0 8 ", " "), 400, "offer_without_opus"),
        (CHROMIUM + "a=x:" + "y" * 65_536, 413, "offer_too_large"),
        ("v=0\r\n" * 120_000, 413, "offer_too_large"),
    ],
)
async def test_a_bad_offer_is_refused_with_its_code_and_takes_no_place(
    pod: Pod, offer: str, status: int, code: str
) -> None:
    sample = f'antiphon_transceiver_offers_refused_total{{code="{code}"}}'
    before = await pod.metric(sample)
    reply = await pod.ask("POST", "/v1/calls", {"offer": offer})
    assert (reply.status, reply.code) == (status, code)
    assert len(reply.body["error"]["message"]) > 20
    assert await pod.metric(sample) == before + 1
    assert (await pod.ask("GET", "/v1/capacity")).body["free"] == 2


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"offer": 7},
        {"offer": CHROMIUM, "model": 7},
        {"offer": CHROMIUM, "model": "m" * 300},
        {"offer": CHROMIUM, "session": "text"},
    ],
)
async def test_a_body_of_another_form_is_refused(pod: Pod, body: object) -> None:
    reply = await pod.ask("POST", "/v1/calls", body)
    assert (reply.status, reply.code) == (400, "request_malformed")


async def test_a_full_pod_says_so_and_has_room_again_after_a_hangup(pod: Pod) -> None:
    async with offered(pod) as one, offered(pod), offered(pod) as refused:
        assert (refused.reply.status, refused.reply.code, refused.reply.body["free"]) == (503, "no_capacity", 0)
        capacity = {
            "pod": "t0",
            "capacity": 2,
            "live": 2,
            "free": 0,
            "draining": False,
            "closed": None,
            "backend": "Reachable",
        }
        assert (await pod.ask("GET", "/v1/capacity")).body == capacity
        await pod.ask("DELETE", f"/v1/calls/{one.call_id}")
        async with offered(pod) as welcome:
            assert welcome.reply.body["free"] == 0
            await pod.ask("DELETE", f"/v1/calls/{welcome.call_id}")
    for call in (await pod.ask("GET", "/v1/calls")).body["calls"]:
        await pod.ask("DELETE", f"/v1/calls/{call['call_id']}")


async def test_a_session_may_ask_for_accuracy_and_for_nothing_that_there_is_not(pod: Pod) -> None:
    async def asked(mode: str) -> Reply:
        session = {"instructions": "Be brief.", "antiphon": {"uplink_mode": mode}}
        return await pod.ask("POST", "/v1/calls", {"offer": CHROMIUM, "session": session})

    refused = await asked("haste")
    assert (refused.status, refused.code) == (400, "request_malformed")
    for mode, formats in (("accuracy", "63 111"), ("speed", "111 63")):
        taken = await asked(mode)
        assert f" UDP/TLS/RTP/SAVPF {formats}\r\n" in taken.body["answer"]
        await pod.ask("DELETE", f"/v1/calls/{taken.body['call_id']}")


async def test_calls_are_listed_live_and_ended_and_an_unknown_one_is_not(pod: Pod) -> None:
    async with connected(pod) as conversation:
        calls = {call["call_id"]: call for call in (await pod.ask("GET", "/v1/calls")).body["calls"]}
        assert calls[conversation.call_id]["state"] == "connected"
        await pod.ask("DELETE", f"/v1/calls/{conversation.call_id}")
        calls = {call["call_id"]: call for call in (await pod.ask("GET", "/v1/calls")).body["calls"]}
        assert (calls[conversation.call_id]["state"], calls[conversation.call_id]["reason"]) == ("ended", "hangup")
    reply = await pod.ask("GET", "/v1/calls/rtc_unknown")
    assert (reply.status, reply.code) == (404, "call_unknown")


async def test_health_and_metrics_need_no_token_and_name_nobody(pod: Pod) -> None:
    async with connected(pod) as conversation:
        await conversation.caller.speak(0.1, hertz=440)
        assert await pod.metric("antiphon_transceiver_calls_live") == 1
        assert await pod.metric("antiphon_transceiver_media_packets_received_total") >= 4
        ufrag = conversation.caller.answer.media[0].ice
        assert ufrag is not None
        await pod.ask("DELETE", f"/v1/calls/{conversation.call_id}")
    assert (await pod.text("/livez"))[0] == 200
    assert (await pod.text("/readyz"))[0] == 200
    assert await pod.metric('antiphon_transceiver_setup_seconds_count{stage="dtls"}') >= 1
    assert await pod.metric("antiphon_transceiver_media_packets_received_total") >= 4
    _, exposition = await pod.text("/metrics")
    everything_said = exposition + json.dumps(pod.lines)
    assert str(ufrag.usernameFragment) not in everything_said
    assert str(ufrag.password) not in everything_said
    assert f":{conversation.caller.vip[1]}" not in exposition
    assert "_created" not in exposition
    for sample in (
        "media_surplus_packets_total 0.0",
        "media_surplus_seconds_total 0.0",
        "pacer_missed_ticks_total 0.0",
        "pcm_dropped_seconds_total 0.0",
        'call_mos_bucket{le="1.5",listener="client"} 0.0',
        "dtls_discarded_datagrams_total 0.0",
        'backend_state{state="Reachable"} 1.0',
        'backend_state{state="Unreachable"} 0.0',
        "route_table_generation 1.0",
    ):
        assert f"antiphon_transceiver_{sample}\n" in exposition


async def test_a_pod_without_a_registry_neither_takes_calls_over_nor_hands_them_over(pod: Pod) -> None:
    async with connected(pod) as conversation:
        for path in ("/v1/takeovers", "/v1/handovers"):
            refused = await pod.ask("POST", path, {"pod": "t1", "routes": [FIRST_ROUTE]})
            assert (refused.status, refused.code) == (503, "registry_unavailable")
        call = await pod.call(conversation.call_id)
        assert (call["state"], call["taken_over_from"]) == ("connected", None)
        assert "registry_up" not in (await pod.text("/metrics"))[1]
