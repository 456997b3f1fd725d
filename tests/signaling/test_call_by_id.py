"""Asking for a call and hanging it up: the id alone finds the pod, and the answer says why a call is over."""

from pathlib import Path

import httpx
import pytest

from antiphon_signaling.errors import ended
from antiphon_wire.control import EndReason
from fake_pod import OFFER, FakePod
from signaling_site import SDP, Site, site


async def new_call(here: Site) -> str:
    """The Location of a call that was just created."""
    answer = await here.http.post("/v1/realtime/calls", content=OFFER, headers=SDP)
    assert answer.status_code == 201
    return answer.headers["location"]


def owner(here: Site, location: str) -> FakePod:
    return next(pod for pod in here.pods if location.rsplit("/", 1)[1] in pod.live)


async def test_a_live_call_is_reported_by_the_pod_that_owns_it(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        for _ in range(4):
            location = await new_call(here)
            report = await here.http.get(location)
            assert report.status_code == 200
            assert report.json() == {
                "id": location.rsplit("/", 1)[1],
                "object": "realtime.call",
                "state": "connected",
                "pod": owner(here, location).name,
                "age_s": 1.25,
                "stats": {"packets_received": 50},
            }


async def test_hanging_up_ends_the_call_and_doing_it_again_is_fine(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        for _ in range(2):
            assert (await here.http.post(f"{location}/hangup")).status_code == 200
        assert here.pods[0].ended == {location.rsplit("/", 1)[1]: "hangup"}
        gone = await here.http.get(location)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "hangup")


@pytest.mark.parametrize("reason", [reason for reason in EndReason if reason is not EndReason.MOVED])
async def test_an_ended_call_is_gone_with_its_reason(tmp_path: Path, reason: EndReason) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        here.pods[0].end(location.rsplit("/", 1)[1], reason.value)
        gone = await here.http.get(location)
        expected = {"type": "invalid_request_error", "code": reason.value, "param": None}
        assert gone.status_code == 410
        assert gone.json() == {"error": {**expected, "message": ended(reason).message}}
        assert ended(reason).message.startswith("The call has ended: ")


@pytest.mark.parametrize("states", [{"t0": "Lost"}, {}], ids=["marked lost", "not in the table"])
async def test_a_call_whose_pod_is_gone_says_transceiver_lost(tmp_path: Path, states: dict[str, str]) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        await here.publish(states)
        gone = await here.http.get(location)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "transceiver_lost")
        assert (await here.http.post(f"{location}/hangup")).status_code == 200


async def test_a_call_that_moves_is_asked_for_at_its_new_pod(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        location = await new_call(here)
        call_id = location.rsplit("/", 1)[1]
        old = owner(here, location)
        heir = next(pod for pod in here.pods if pod is not old)
        old.end(call_id, "moved")
        for ask in (here.http.get(location), here.http.post(f"{location}/hangup")):
            assert says_moving(await ask)
        await here.publish({old.name: "Lost", heir.name: "Active"}, moved={old.name: heir.name})
        assert says_moving(await here.http.get(location)), "the heir does not have it yet"
        assert says_moving(await here.http.patch(location, content=OFFER, headers=SDP))
        heir.live.add(call_id)
        assert (await here.http.get(location)).json()["pod"] == heir.name
        assert (await here.http.patch(location, content=OFFER, headers=SDP)).status_code == 200
        assert (await here.http.post(f"{location}/hangup")).status_code == 200
        assert heir.ended == {call_id: "hangup"}


async def test_a_call_that_moved_is_lost_with_the_pod_that_it_moved_to(tmp_path: Path) -> None:
    async with site(tmp_path, 60, 60) as here:
        location = await new_call(here)
        old = owner(here, location)
        heir = next(pod for pod in here.pods if pod is not old)
        await here.publish({old.name: "Active", heir.name: "Lost"}, moved={old.name: heir.name})
        gone = await here.http.get(location)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "transceiver_lost")


def says_moving(answer: httpx.Response) -> bool:
    told = (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"])
    return told == (503, "call_moving", "1")


async def test_a_call_of_a_draining_pod_goes_on(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        await here.publish({"t0": "Draining"})
        assert (await here.http.get(location)).status_code == 200
        refused = await here.http.post("/v1/realtime/calls", content=OFFER, headers=SDP)
        assert refused.json()["error"]["code"] == "no_transceiver"


async def test_a_pod_that_does_not_answer_is_not_called_lost_before_the_table_says_so(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        here.pods[0].control = "127.0.0.1:9"  # the discard port: nobody listens
        await here.publish({"t0": "Active"})
        silent = await here.http.get(location)
        assert (silent.status_code, silent.headers["retry-after"]) == (502, "1")
        assert silent.json()["error"]["code"] == "transceiver_failed"


async def test_only_authentic_ids_of_calls_that_exist_find_one(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        location = await new_call(here)
        call_id = location.rsplit("/", 1)[1]
        forged = call_id[:-3] + ("AAA" if call_id[-3:] != "AAA" else "BBB")
        here.pods[0].live.clear()  # what the pod has forgotten
        for wrong in (forged, call_id, "rtc_", "x" * 3000, "rtc_A%2F..%2F..%2Fcapacity", "../capacity"):
            for answer in (
                await here.http.get(f"/v1/realtime/calls/{wrong}"),
                await here.http.post(f"/v1/realtime/calls/{wrong}/hangup"),
            ):
                assert answer.status_code == 404, wrong
                assert answer.json()["error"]["code"] in {"call_not_found", "path_not_found"}
        assert (await here.http.get(location)).json()["error"]["code"] == "call_not_found"


async def test_a_bad_table_is_held_back_and_counted(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        (tmp_path / "routes.json").write_text("{}")
        while await here.metric('antiphon_signaling_file_changes_held_total{file="routes"}') < 1:
            continue
        assert (await here.http.post("/v1/realtime/calls", content=OFFER, headers=SDP)).status_code == 201
        assert (await here.http.get("/readyz")).status_code == 200
