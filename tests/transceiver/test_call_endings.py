"""How calls end: each with one reason, which the client, the control API and the metrics are told."""

import signal
from pathlib import Path

import pytest

from transceiver_caller import WRONG_FINGERPRINT, Caller, connected, offered
from transceiver_process import running_pod

RTCP_BYE = 203


def ended(reason: str) -> str:
    return f'antiphon_transceiver_calls_ended_total{{reason="{reason}"}}'


async def test_a_hangup_says_goodbye_on_every_layer_and_can_be_repeated(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod, connected(pod) as conversation:
        caller, path = conversation.caller, f"/v1/calls/{conversation.call_id}"
        await caller.speak(0.1, hertz=440)
        reply = await pod.ask("DELETE", path)
        assert (reply.status, reply.body["state"], reply.body["reason"]) == (200, "ended", "hangup")
        await caller.until_dtls("closed")
        assert any(packet_types(packet)[-1] == RTCP_BYE for packet in caller.rtcp_heard)
        again = await pod.ask("DELETE", path)
        assert (again.status, again.body["reason"]) == (200, "hangup")
        assert again.body["stats"]["media"]["packets_received"] > 0
        assert await pod.metric(ended("hangup")) == 1
        assert await pod.metric("antiphon_transceiver_calls_live") == 0


async def test_a_client_that_closes_dtls_has_ended_its_call(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod, connected(pod) as conversation:
        await conversation.caller.dtls.stop()
        call = await pod.until(conversation.call_id, "ended")
        assert call["reason"] == "client_closed"


async def test_a_certificate_that_is_not_the_offers_is_refused_and_the_client_is_told(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod:
        caller = Caller(pod.relay.vip, fingerprint=WRONG_FINGERPRINT)
        async with offered(pod, caller) as conversation:
            await caller.check()
            await caller.secure()
            call = await pod.until(conversation.call_id, "ended")
            assert call["reason"] == "dtls_failed"
            assert call["stats"]["media"]["packets_sent"] == 0
            await caller.until_dtls("closed")


@pytest.mark.parametrize(
    ("variable", "checks_first", "reason"),
    [
        ("ANTIPHON_SETUP_WINDOW_S", False, "setup_timeout"),
        ("ANTIPHON_CONSENT_S", True, "consent_lost"),
        ("ANTIPHON_LONGEST_CALL_S", True, "max_duration"),
    ],
)
async def test_a_call_that_runs_out_of_time_ends(
    tmp_path: Path, variable: str, reason: str, *, checks_first: bool
) -> None:
    async with running_pod(tmp_path, {variable: "1"}) as pod, offered(pod) as conversation:
        if checks_first:
            await conversation.caller.check()
        call = await pod.until(conversation.call_id, "ended")
        assert call["reason"] == reason
        # Without the setting it were 30 s at least.
        assert 0.9 <= call["age_s"] < 20


async def test_a_drain_refuses_new_calls_lets_live_ones_go_on_and_then_the_process_ends(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod:
        async with connected(pod) as conversation:
            assert (await pod.ask("POST", "/v1/drain")).body == drained(live=1)
            async with offered(pod) as refused:
                assert (refused.reply.status, refused.reply.code, refused.reply.body["free"]) == (503, "draining", 0)
            assert (await pod.text("/readyz"))[0] == 503
            assert (await pod.text("/livez"))[0] == 200
            await conversation.caller.speak(0.2, hertz=440)
            assert conversation.caller.heard
        assert await pod.stopped() == 0


async def test_sigterm_gives_calls_until_the_deadline(tmp_path: Path) -> None:
    async with running_pod(tmp_path, {"ANTIPHON_DRAIN_DEADLINE_S": "0.5"}) as pod, connected(pod) as conversation:
        pod.process.send_signal(signal.SIGTERM)
        await conversation.caller.until_dtls("closed")
        assert await pod.stopped() == 0
        assert "reason=drain_deadline" in pod.logged("call ended")[0]


async def test_a_second_sigint_does_not_wait_for_the_deadline(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod, connected(pod):
        pod.process.send_signal(signal.SIGINT)
        await pod.until_logged("draining")
        pod.process.send_signal(signal.SIGINT)
        assert await pod.stopped() == 0


async def test_an_idle_pod_stops_at_once(tmp_path: Path) -> None:
    async with running_pod(tmp_path) as pod:
        pod.process.send_signal(signal.SIGTERM)
        assert await pod.stopped() == 0
        assert pod.logged("stopped")
        assert not [line for line in pod.lines if "traceback" in line.lower()]


def drained(live: int) -> dict[str, object]:
    return {
        "pod": "t0",
        "capacity": 60,
        "live": live,
        "free": 0,
        "draining": True,
        "closed": None,
        "backend": "Reachable",
    }


def packet_types(compound: bytes) -> list[int]:
    types = []
    while compound:
        types.append(compound[1])
        compound = compound[4 * (int.from_bytes(compound[2:4]) + 1) :]
    return types
