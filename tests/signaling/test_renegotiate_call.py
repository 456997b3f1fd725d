"""A later offer of a live call: it goes to the pod that owns the call, and its answer comes back."""

from pathlib import Path

import pytest

from antiphon_wire.control import RESTART_INTERVAL_S, ControlErrorCode
from fake_pod import OFFER, refusal
from signaling_site import SDP, Site, site

LATER = OFFER + "a=ice-ufrag:another\r\n"


async def new_call(here: Site) -> str:
    answer = await here.http.post("/v1/realtime/calls", content=OFFER, headers=SDP)
    return answer.headers["location"]


async def test_the_answer_comes_from_the_pod_that_owns_the_call(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        for location in [await new_call(here) for _ in range(4)]:
            call_id = location.rsplit("/", 1)[1]
            answer = await here.http.patch(location, content=LATER, headers=SDP)
            assert (answer.status_code, answer.text) == (200, f"v=0\r\ns={call_id}\r\n")
            assert answer.headers["content-type"] == "application/sdp"
            assert answer.headers["cache-control"] == "no-store"
            owner = next(pod for pod in here.pods if call_id in pod.live)
            assert owner.later_offers[-1] == {"offer": LATER}


async def test_a_call_of_a_draining_pod_is_answered_too(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        await here.publish({"t0": "Draining"})
        assert (await here.http.patch(location, content=LATER, headers=SDP)).status_code == 200


@pytest.mark.parametrize(
    ("pods", "status", "code", "retry_after"),
    [
        ((409, ControlErrorCode.OFFER_CHANGES_CALL), 409, "offer_changes_call", None),
        ((429, ControlErrorCode.RESTART_TOO_SOON), 429, "restart_too_soon", str(RESTART_INTERVAL_S)),
        ((400, ControlErrorCode.OFFER_WITHOUT_ICE), 400, "offer_without_ice", None),
        ((503, ControlErrorCode.NOT_READY), 502, "transceiver_failed", "1"),
        ((500, ControlErrorCode.INTERNAL_ERROR), 502, "transceiver_failed", "1"),
        ((404, ControlErrorCode.CALL_UNKNOWN), 404, "call_not_found", None),
        ((418, "teapot"), 502, "transceiver_failed", None),
    ],
)
async def test_what_the_pod_refuses_the_caller_is_told(
    tmp_path: Path, pods: tuple[int, str], status: int, code: str, retry_after: str | None
) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        here.pods[0].failure = refusal(*pods)
        answer = await here.http.patch(location, content=LATER, headers=SDP)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.headers.get("retry-after") == retry_after


async def test_an_ended_call_says_why_it_is_over_and_a_lost_pod_that_it_is_lost(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        ended, lost = await new_call(here), await new_call(here)
        await here.http.post(f"{ended}/hangup")
        gone = await here.http.patch(ended, content=LATER, headers=SDP)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "hangup")
        await here.publish({"t0": "Lost"})
        gone = await here.http.patch(lost, content=LATER, headers=SDP)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "transceiver_lost")


async def test_only_ids_of_ours_are_asked_for(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        await new_call(here)
        answer = await here.http.patch("/v1/realtime/calls/rtc_x", content=LATER, headers=SDP)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "call_not_found")
        assert here.pods[0].later_offers == []


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"{}", "application/sdp", 400, "offer_not_sdp"),
        (b"v=0\r\n" * 20_000, "application/sdp", 413, "offer_too_large"),
        (b"a=ice-ufrag:x\r\n", "application/trickle-ice-sdpfrag", 415, "unsupported_media_type"),
        (b"--b--", "multipart/form-data; boundary=b", 415, "unsupported_media_type"),
    ],
)
async def test_a_body_that_is_no_offer_is_refused_before_a_pod_sees_it(
    tmp_path: Path, body: bytes, media_type: str, status: int, code: str
) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        answer = await here.http.patch(location, content=body, headers={"content-type": media_type})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert here.pods[0].later_offers == []


async def test_a_page_of_an_allowed_origin_may_and_another_may_not(tmp_path: Path) -> None:
    async with site(tmp_path, 60, ANTIPHON_ALLOWED_ORIGINS="https://app.example.com") as here:
        location = await new_call(here)
        preflight = {"origin": "https://app.example.com", "access-control-request-method": "PATCH"}
        allowed = await here.http.options(location, headers=preflight)
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        page = {**SDP, "origin": "https://app.example.com"}
        assert (await here.http.patch(location, content=LATER, headers=page)).status_code == 200
        stranger = await here.http.patch(
            location, content=LATER, headers={**SDP, "origin": "https://elsewhere.example"}
        )
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (403, "origin_not_allowed")
