"""`place_call` against a small WebRTC server on loopback: each stage, each way to fail, what is measured."""

import asyncio
import wave
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from antiphon_cli.__main__ import cli
from antiphon_cli.call import HELLO
from antiphon_cli.voice.caller import CallPlan, place_call, place_calls
from antiphon_cli.voice.oai_events import ServerEvent, read_event
from antiphon_cli.voice.question import Question, read_question, read_wav, write_wav
from antiphon_cli.voice.report import CallReport, Outcome, closing_lines, progress_lines
from lite_server import Behaviour, lite_server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiortc", "ignore::DeprecationWarning:OpenSSL")


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """Half a second of a tone, so that a call is short."""
    path = tmp_path_factory.mktemp("question") / "tone.wav"
    write_wav(path, (8000 * np.sin(np.arange(24_000) * 0.06)).astype(np.int16))
    return read_question(path)


async def test_an_echo_is_heard_timed_and_recorded(tmp_path: Path) -> None:
    record = tmp_path / "answer.wav"
    async with lite_server() as server:
        report = await place_call(CallPlan(server.url, read_question(HELLO), model="parrot", record=record))
        assert server.nominated.is_set()
    assert report.outcome is Outcome.OK, report.failure
    assert (server.models, server.hung_up, report.call_id) == (["parrot"], ["rtc_test"], "rtc_test")
    assert report.setup.total_ms is not None
    assert 0 < report.setup.total_ms < 2000
    assert report.quality.packets_lost == 0
    assert len(report.turns) == 1
    # An echo begins while the question is still being said, and lasts as long.
    spoken_s = read_wav(HELLO).size / 48000
    assert -spoken_s * 1000 - 100 < report.turns[0].delay_ms < 0
    assert report.turns[0].answer_s == pytest.approx(spoken_s, abs=0.25)
    assert likeness(read_wav(record), read_wav(HELLO)) > 0.8
    assert closing_lines(report)[-1] == "ok"


async def test_a_passive_server_works_too(question: Question) -> None:
    async with lite_server(Behaviour(active=False)) as server:
        report = await place_call(CallPlan(server.url, question))
    assert report.outcome is Outcome.OK, report.failure
    assert report.dtls is not None
    assert "passive" in report.dtls


async def test_loss_is_counted(question: Question) -> None:
    async with lite_server(Behaviour(loses_every=10)) as server:
        report = await place_call(CallPlan(server.url, question))
    assert report.outcome is Outcome.OK, report.failure
    assert report.quality.lost_on_the_way_down == pytest.approx(0.1, abs=0.02)


async def test_the_question_is_asked_again_while_the_call_is_kept_alive(question: Question) -> None:
    async with lite_server() as server:
        report = await place_call(CallPlan(server.url, question, keep_alive_s=4))
    assert report.outcome is Outcome.OK, report.failure
    assert len(report.turns) >= 2


async def test_a_call_that_is_kept_alive_ends_with_the_answer_after_which_it_is_enough(question: Question) -> None:
    said: list[CallReport] = []
    async with lite_server() as server:
        plan = CallPlan(server.url, question, keep_alive_s=600, enough=lambda: len(said[-1].turns) == 2)
        report = await place_call(plan, said.append)
    assert report.outcome is Outcome.OK, report.failure
    assert len(report.turns) == 2


async def test_calls_at_the_same_time_are_each_their_own(question: Question) -> None:
    async with lite_server() as one, lite_server(Behaviour(loses_every=5)) as other:
        whole, lossy = await place_calls([CallPlan(one.url, question), CallPlan(other.url, question)])
    assert (whole.outcome, lossy.outcome) == (Outcome.OK, Outcome.OK)
    assert whole.quality.packets_lost == 0
    assert lossy.quality.packets_lost > 0


@pytest.mark.parametrize(
    ("behaviour", "outcome", "sentence"),
    [
        (
            Behaviour(status=503, error_body='{"error": {"code": "no_capacity", "message": "All pods are full."}}'),
            Outcome.HTTP,
            "503 no_capacity: All pods are full.",
        ),
        (Behaviour(status=502, error_body="<html>"), Outcome.HTTP, "502 Bad Gateway"),
        (Behaviour(answers_stun=False), Outcome.ICE, "no answer from 127.0.0.1:"),
        (Behaviour(right_fingerprint=False), Outcome.DTLS, "the handshake failed"),
        (Behaviour(echoes=False), Outcome.AUDIO, "no audio packet came within 3 s"),
        (Behaviour(closes_after=20), Outcome.AUDIO, "the other side closed the call"),
    ],
    ids=lambda value: value.stage if isinstance(value, Outcome) else None,
)
async def test_a_failure_names_its_stage(
    question: Question, behaviour: Behaviour, outcome: Outcome, sentence: str
) -> None:
    async with lite_server(behaviour) as server:
        report = await place_call(CallPlan(server.url, question, timeout_s=3))
    assert report.outcome is outcome
    assert report.failure is not None
    assert sentence in report.failure
    assert closing_lines(report)[-1] == f"× {outcome.stage}: {report.failure}"
    if outcome not in (Outcome.HTTP, Outcome.OK):
        assert server.hung_up == ["rtc_test"]


async def test_every_stage_and_turn_is_told_as_it_happens(question: Question) -> None:
    told: list[tuple[CallReport, int]] = []
    async with lite_server() as server:

        def progress(report: CallReport) -> None:
            told.append((report, len(server.hung_up)))

        report = await place_call(CallPlan(server.url, question, keep_alive_s=4), progress)
    assert all(hung_up == 0 for _, hung_up in told), "none of it is kept for the end"
    shown = [progress_lines(state) for state, _ in told]
    lengths = [len(said) for said in dict.fromkeys(map(tuple, shown))]
    assert lengths == [*range(1, len(shown[-1]) + 1)]
    for before, after in pairwise(shown):
        assert after[: len(before)] == before, "what was told is not taken back"
    stages = [line.split("  ")[0] for line in shown[-1]]
    assert stages[:6] == ["offer -> answer", "first STUN -> answer", "DTLS", "first audio out", "turn 1", "turn 2"]
    assert len(progress_lines(report)) == len(shown[-1])


async def test_a_call_whose_transceiver_died_ends_when_signaling_knows_it_and_not_by_patience(
    question: Question,
) -> None:
    began = asyncio.get_running_loop().time()
    async with lite_server(Behaviour(echoes=False, silent_after=20, look_status=410)) as server:
        report = await place_call(CallPlan(server.url, question, timeout_s=30))
    assert report.outcome is Outcome.AUDIO
    assert report.failure == "the call was lost while waiting for an answer; the server ended it: transceiver_lost"
    assert asyncio.get_running_loop().time() - began < 8


async def test_a_silent_call_that_the_server_does_not_call_ended_goes_on(question: Question) -> None:
    async with lite_server(Behaviour(echoes=False, silent_after=5, look_status=502)) as server:
        report = await place_call(CallPlan(server.url, question, timeout_s=4))
        assert server.looks > 1
    assert report.failure is not None
    assert "no audio packet came within 4 s of the question's end" in report.failure


async def test_the_callers_own_end_is_told_as_no_reason(question: Question) -> None:
    async with lite_server(Behaviour(closes_after=20)) as server:
        report = await place_call(CallPlan(server.url, question, timeout_s=1))
        assert server.looks > 0, "the server was asked, and said client_closed"
    assert report.failure == "the other side closed the call before its answer had ended"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('{"type": "response.done", "response": {"status": "failed"}}', ServerEvent("response.done", True)),
        ('{"type": "response.done", "response": {"status": "completed"}}', ServerEvent("response.done", False)),
        ('{"type": "response.created", "response": {"status": "failed"}}', ServerEvent("response.created", False)),
        ('{"type": 5}', None),
        ("{", None),
        (b"{}", None),
    ],
)
def test_a_failed_answer_is_read_from_its_event(message: object, expected: ServerEvent | None) -> None:
    assert read_event(message) == expected


def test_a_recording_that_could_not_be_saved_is_refused_before_the_call(tmp_path: Path) -> None:
    record = tmp_path / "none" / "a.wav"
    result = CliRunner().invoke(cli, ["call", "http://127.0.0.1:9", "--record", str(record)])
    assert result.exit_code == 2
    assert f"--record {record}: there is no folder {record.parent}" in result.output


async def test_nobody_there_is_an_http_failure_that_says_what_to_start(question: Question) -> None:
    async with lite_server() as server:
        gone = server.url
    report = await place_call(CallPlan(gone, question, timeout_s=1))
    assert report.outcome is Outcome.HTTP
    assert report.failure is not None
    assert "Is `antiphon up` running?" in report.failure


async def test_a_report_is_a_document_too(question: Question) -> None:
    async with lite_server() as server:
        report = await place_call(CallPlan(server.url, question))
    document = replace(report, recording=Path("answer.wav")).document()
    assert document["outcome"] == "ok"
    assert document["recording"] == "answer.wav"
    assert set(document["setup_ms"]) == {"http", "ice", "dtls", "first_audio_out", "total"}  # type: ignore[call-overload]


def test_the_hello_is_short_speech() -> None:
    with wave.open(str(HELLO)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert 1 < file.getnframes() / file.getframerate() < 2


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """The highest normalised correlation at any offset."""
    a, b = heard[::8].astype(float), said[::8].astype(float)
    return float(np.correlate(a, b, "full").max() / np.sqrt(np.sum(a**2) * np.sum(b**2)))
