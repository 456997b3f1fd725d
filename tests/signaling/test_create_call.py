"""Creating calls over real HTTP: the service in this process, fake pods behind their real control API."""

import asyncio
import json
from pathlib import Path

import pytest

from antiphon_wire.control import ControlErrorCode
from fake_pod import OFFER, Failure, refusal
from signaling_site import SDP, site, until

CALLS = "/v1/realtime/calls"


async def test_an_sdp_offer_is_answered_with_201_and_everything_a_client_needs(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/sdp"
        assert answer.text.startswith("v=0")
        assert answer.headers["location"] == f"{CALLS}/{next(iter(here.pods[0].live))}"
        assert answer.headers["x-request-id"].startswith("req_")
        stages = dict(entry.split(";dur=") for entry in answer.headers["server-timing"].split(", "))
        assert list(stages) == ["read", "place", "transceiver", "backend", "answer", "total"]
        assert float(stages["backend"]) == 1.5
        assert here.pods[0].offers == [{"offer": OFFER, "model": "parrot", "session": None}]
        assert await here.metric('antiphon_signaling_calls_created_total{pool="agents"}') == 1


@pytest.mark.parametrize("named", [False, True], ids=["as fields", "as files with names"])
async def test_a_multipart_offer_hands_the_session_to_the_pod(tmp_path: Path, named: bool) -> None:
    session = {"type": "realtime", "model": "parrot", "audio": {"output": {"voice": "ash"}}}
    parts = {
        "sdp": ("offer.sdp" if named else None, OFFER, "application/sdp"),
        "session": ("session.json" if named else None, json.dumps(session), "application/json"),
    }
    async with site(tmp_path, 60) as here:
        answer = await here.http.post(CALLS, files=parts)
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/sdp")
        assert here.pods[0].offers == [{"offer": OFFER, "model": "parrot", "session": session}]


async def test_the_model_in_the_url_or_in_the_session_chooses_the_pool(tmp_path: Path) -> None:
    pools = [
        {"name": "agents", "models": ["parrot", "owl"], "default": True},
        {"name": "empty", "models": ["dodo"], "default": False},
    ]
    async with site(tmp_path, 60) as here:
        await here.publish({"t0": "Active"}, pools=pools)
        assert (await here.http.post(f"{CALLS}?model=owl", content=OFFER, headers=SDP)).status_code == 201
        assert here.pods[0].offers[-1]["model"] == "owl"
        session = {"sdp": (None, OFFER), "session": (None, '{"model": "dodo"}')}
        absent = await here.http.post(f"{CALLS}?model=owl", files=session)
        assert (absent.status_code, absent.json()["error"]["code"]) == (503, "no_transceiver")
        unknown = await here.http.post(f"{CALLS}?model=moa", content=OFFER, headers=SDP)
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
        assert unknown.json()["error"]["message"] == "No pool serves model 'moa'. Models here: dodo, owl, parrot."


async def test_calls_fill_the_pods_one_by_one_until_all_are_full(tmp_path: Path) -> None:
    async with site(tmp_path, 1, 2) as here:
        for _ in range(3):
            assert (await here.http.post(CALLS, content=OFFER, headers=SDP)).status_code == 201
        assert [len(pod.live) for pod in here.pods] == [1, 2]
        full = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert (full.status_code, full.headers["retry-after"]) == (503, "4")
        assert full.json() == {
            "error": {
                "type": "server_error",
                "code": "no_capacity",
                "param": None,
                "message": "No place is free in pool agents (2 pods asked). Retry in 4 s, or add pods.",
            }
        }
        assert await here.metric('antiphon_signaling_requests_refused_total{code="no_capacity"}') == 1


async def test_offers_at_one_moment_spread_although_no_pod_has_answered_yet(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        # Both have said how much room they have.
        while await here.metric('antiphon_signaling_free_calls{pool="agents"}') < 120:
            continue
        for pod in here.pods:
            pod.gate.clear()
        offers = [asyncio.create_task(here.http.post(CALLS, content=OFFER, headers=SDP)) for _ in range(6)]
        await until(lambda: sum(len(pod.offers) for pod in here.pods) == 6)
        for pod in here.pods:
            pod.gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*offers)] == [201] * 6
        assert [len(pod.offers) for pod in here.pods] == [3, 3]


async def test_a_pod_that_filled_up_unseen_is_passed_over(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 5) as here:
        await until(lambda: all(pod.connections for pod in here.pods))
        here.pods[0].failure = refusal(503, "no_capacity")
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert answer.status_code == 201
        assert [len(pod.offers) for pod in here.pods] == [1, 1]
        assert await here.metric('antiphon_signaling_placement_tries_total{outcome="full"}') == 1


async def test_a_dead_pod_is_passed_over_and_then_left_for_last(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 5) as here:
        here.pods[0].control = "127.0.0.1:9"  # the discard port: nobody listens
        await here.publish({"t0": "Active", "t1": "Active"})
        for _ in range(2):
            assert (await here.http.post(CALLS, content=OFFER, headers=SDP)).status_code == 201
        assert len(here.pods[1].live) == 2
        assert await here.metric('antiphon_signaling_placement_tries_total{outcome="unreachable"}') <= 1


async def test_no_pod_at_all_and_only_dead_pods_are_no_transceiver(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        for states, control in (({}, ""), ({"t0": "Lost"}, ""), ({"t0": "Active"}, "127.0.0.1:9")):
            here.pods[0].control = control or here.pods[0].control
            await here.publish(states)
            answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["error"]["code"] == "no_transceiver"


async def test_pods_that_drain_say_so(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        for pod in here.pods:
            pod.failure = refusal(503, "draining")
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
        assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "offer_without_audio"),
        (400, "offer_without_fingerprint"),
        (400, "offer_without_ice"),
        (400, "offer_without_opus"),
        (413, "offer_too_large"),
    ],
)
async def test_what_a_pod_finds_wrong_is_passed_on_and_no_other_pod_is_asked(
    tmp_path: Path, status: int, code: str
) -> None:
    async with site(tmp_path, 60, 60) as here:
        for pod in here.pods:
            pod.failure = refusal(status, code, "as the pod says")
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert answer.status_code == status
        expected = {"type": "invalid_request_error", "code": code, "param": "sdp", "message": "as the pod says"}
        assert answer.json() == {"error": expected}
        assert sum(len(pod.offers) for pod in here.pods) == 1


async def test_a_session_that_the_pod_cannot_read_is_the_callers_error(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        for pod in here.pods:
            pod.failure = refusal(400, "request_malformed", "as the pod says")
        answer = await here.http.post(CALLS, files={"sdp": (None, OFFER), "session": (None, "{}")})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "session_not_json", "session")
        assert sum(len(pod.offers) for pod in here.pods) == 1


async def test_the_agents_address_is_told_to_the_log_and_not_to_the_public(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(tmp_path, 60, 60) as here:
        for pod in here.pods:
            pod.failure = refusal(502, "backend_unreachable", "ws://10.1.2.3:9000 refused the connection")
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["code"]) == (502, "server_error", "backend_unreachable")
        assert error["message"].startswith("The voice agent behind pool agents does not answer.")
        assert "10.1.2.3" not in answer.text
        assert sum(len(pod.offers) for pod in here.pods) == 1
    (why,) = [vars(said)["fields"]["why"] for said in caplog.records if said.message == "backend unreachable"]
    assert "10.1.2.3:9000" in why


@pytest.mark.parametrize(
    "failure",
    [Failure(500, "oops"), Failure(201, "{}"), Failure(201, "no json"), Failure(400, '{"error": {"code": "new"}}')],
    ids=["status 500", "201 without a call", "201 without JSON", "an unknown code"],
)
async def test_a_pod_that_breaks_the_control_api_is_passed_over_and_a_502_when_it_is_alone(
    tmp_path: Path, failure: Failure
) -> None:
    async with site(tmp_path, 60, 5) as here:
        await until(lambda: all(pod.connections for pod in here.pods))
        here.pods[0].failure = failure
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert answer.status_code == 201
        assert [len(pod.offers) for pod in here.pods] == [1, 1]
        assert await here.metric('antiphon_signaling_placement_tries_total{outcome="faulty"}') == 1
        await here.publish({"t0": "Active"})
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "transceiver_failed")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (503, ControlErrorCode.NOT_READY, "not_ready"),
        (401, ControlErrorCode.UNAUTHORIZED, "faulty"),
        (400, ControlErrorCode.REQUEST_MALFORMED, "faulty"),
    ],
)
async def test_a_pod_whose_siblings_can_do_better_fails_no_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, code: ControlErrorCode, outcome: str
) -> None:
    async with site(tmp_path, 60, 5) as here:
        await until(lambda: all(pod.connections for pod in here.pods))
        here.pods[0].failure = refusal(status, code)
        assert (await here.http.post(CALLS, content=OFFER, headers=SDP)).status_code == 201
        assert [len(pod.offers) for pod in here.pods] == [1, 1]
        assert await here.metric(f'antiphon_signaling_placement_tries_total{{outcome="{outcome}"}}') == 1
        assert [vars(said)["fields"]["why"] for said in caplog.records if said.message == "pod passed over"] == [code]


async def test_pods_of_which_none_may_mint_are_no_transceiver(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        for pod in here.pods:
            pod.failure = refusal(503, ControlErrorCode.NOT_READY)
        answer = await here.http.post(CALLS, content=OFFER, headers=SDP)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_transceiver")
        assert answer.headers["retry-after"] == "2"
        assert "none of which is ready" in answer.json()["error"]["message"]


async def test_offers_use_the_connection_that_the_capacity_poll_keeps_warm(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        await until(lambda: bool(here.pods[0].connections))
        for _ in range(5):
            assert (await here.http.post(CALLS, content=OFFER, headers=SDP)).status_code == 201
        assert len(here.pods[0].connections) == 1
