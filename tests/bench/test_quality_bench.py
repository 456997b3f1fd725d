"""The quality bench end to end, small: receivers in virtual time, and real ones behind the proxy."""

import asyncio
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.quality import offline
from bench.quality.impairment import LOST, UNHARMED, Impairment, Trace
from bench.quality.live import AS_IT_COMES, IN_STEP, aiortc_call, place
from bench.quality.measures import Measures, measure
from bench.quality.rtp_payload import plain, redundant
from bench.quality.speech import Speech, say
from bench.quality.table import Row, document_of, tables_of

ROOT = Path(__file__).parent.parent.parent
needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="builds the engine's uplink")


@pytest.fixture(scope="module")
def speech() -> Speech:
    return say(3)


@pytest.fixture(scope="module")
def program() -> Path:
    return offline.build_engine()


def every(number: int, packets: int) -> Trace:
    """Without each so many-th packet; the last one comes, or nobody would know what is missing."""
    return tuple(LOST if each % number == number // 2 and each < packets - 1 else UNHARMED for each in range(packets))


def test_the_speech_is_the_same_every_time_and_can_be_heard(speech: Speech) -> None:
    assert say(3).frames == speech.frames
    assert len(speech.frames) * 960 == len(speech.received) * 2 == len(speech.spoken) * 2
    # The lowest bits of an Opus packet's first byte: one frame (RFC 6716 §3.1).
    assert {frame[0] & 3 for frame in speech.frames} == {0}


@needs_cargo
@pytest.mark.timeout(600)
def test_the_engine_hears_all_at_once_and_repairs_what_it_can(speech: Speech, program: Path) -> None:
    packets, doubled = plain(speech.frames), redundant(speech.frames)
    unharmed, lossy = (UNHARMED,) * len(packets), every(10, len(packets))

    clean, by_fec, by_red = (
        measure(speech.received, offline.engine(program, "speed", sent, trace))
        for sent, trace in ((packets, unharmed), (packets, lossy), (doubled, lossy))
    )

    assert clean.estoi == pytest.approx(1, abs=0.001)
    assert (clean.median_ms, clean.not_as_said_ms) == (0, 0)
    lost_ms = 20 * sum(fate.is_lost for fate in lossy)
    assert by_fec.recovered_ms is not None
    assert by_fec.recovered_ms > 0
    assert by_fec.recovered_ms + (by_fec.not_as_said_ms or 0) == by_red.recovered_ms == lost_ms
    assert by_red.estoi == pytest.approx(1, abs=0.01)
    assert 0.9 < by_fec.estoi < by_red.estoi


@needs_cargo
@pytest.mark.timeout(600)
def test_the_engine_asks_again_and_waits_for_the_answer(speech: Speech, program: Path) -> None:
    packets = plain(speech.frames)
    lossy, unharmed = every(10, len(packets)), (UNHARMED,) * len(packets)

    answered = offline.engine(program, "accuracy", packets, lossy, offline.Again(40_000, (unharmed,)))
    ignored = offline.engine(program, "accuracy", packets, lossy, offline.Again(40_000, ((LOST,) * len(packets),)))

    lost_ms = 20 * sum(fate.is_lost for fate in lossy)
    # Nothing is asked for before a second packet has shown that the first is missing.
    assert answered.recovered_ms == lost_ms
    assert ignored.not_as_said_ms is not None
    assert ignored.not_as_said_ms > 0
    assert measure(speech.received, answered).estoi == pytest.approx(1, abs=0.01)


def test_aiortc_leaves_out_what_is_missing_and_is_late_ever_after(speech: Speech) -> None:
    packets = plain(speech.frames)
    once = tuple(LOST if number == 60 else UNHARMED for number in range(len(packets)))

    whole, clean = (offline.aiortc(packets, trace) for trace in (once, (UNHARMED,) * len(packets)))

    figures = measure(speech.received, offline.as_it_comes(clean, len(packets)))
    assert figures.estoi == pytest.approx(1, abs=0.001)
    assert (figures.median_ms, figures.not_as_said_ms) == (80, 0)
    in_step = measure(speech.received, offline.with_silence(whole, len(packets)))
    assert in_step.drift_ms == pytest.approx(0, abs=1)
    assert in_step.last_ms == pytest.approx(280, abs=30)
    assert in_step.not_as_said_ms is not None
    assert in_step.not_as_said_ms >= 20


@pytest.mark.timeout(300)
async def test_a_pod_and_aiortc_hear_the_same_packets_through_the_proxy(tmp_path: Path) -> None:
    speech = say(1)
    trace = Impairment(loss=0.05).trace(1, len(speech.frames))

    async with place(tmp_path) as pods:
        pod, theirs = await asyncio.gather(pods.call("speed", speech, trace, red=False), aiortc_call(speech, trace))

    assert pod is not None
    ours = pod.measured(speech)
    assert ours.estoi > theirs[IN_STEP].measured(speech).estoi
    assert (ours.not_as_said_ms or 0) + (ours.recovered_ms or 0) == 20 * sum(fate.is_lost for fate in trace)
    assert set(theirs) == {IN_STEP, AS_IT_COMES}
    virtual = offline.with_silence(offline.aiortc(plain(speech.frames), trace), len(speech.frames))
    assert theirs[IN_STEP].heard.not_as_said_ms == virtual.not_as_said_ms


def test_tables_have_a_line_for_each_network_and_a_column_for_each_receiver() -> None:
    calm = Measures(1.0, 80.0, 81.0, 80.0, 90.0, 0.0, 1.0, 20.0, 0.0, 0.0)
    storm = replace(calm, estoi=0.5, longest_wait_ms=300.0, not_as_said_ms=400.0, recovered_ms=60.0)
    lost_track = replace(storm, found=0.1, estoi=0.3)
    rows = [
        *(Row("calm", name, trace, 0.0, calm) for trace in (1, 2) for name in ("a", "b")),
        Row("storm", "a", 1, 20.0, storm),
        Row("storm", "a", 2, 40.0, replace(storm, estoi=0.7)),
        Row("storm", "b", 1, 20.0, lost_track),
        Row("storm", "b", 2, 40.0, lost_track),
    ]

    tables = tables_of(rows).split("\n\n")

    assert [table.splitlines()[0] for table in tables[1::2]] == ["| | lost, ms | a | b |"] * 4
    assert [table.splitlines()[2:] for table in tables[1::2]] == [
        ["| calm | 0 | 1.000 | 1.000 |", "| storm | 30 | 0.600 | 0.300 |"],
        ["| calm | 0 | 80 (81) | 80 (81) |", "| storm | 30 | 80 (81) | – |"],
        ["| calm | 0 | 0 | 0 |", "| storm | 30 | 400 (60) | 400 (60) |"],
        ["| calm | 0 | 20 | 20 |", "| storm | 30 | 300 | 300 |"],
    ]
    assert [row["estoi"] for row in document_of(rows)] == [1.0] * 4 + [0.5, 0.7, 0.3, 0.3]


@needs_cargo
@pytest.mark.timeout(600)
def test_the_command_prints_tables_and_json() -> None:
    command = [sys.executable, "bench/quality/run.py", "--seconds", "3", "--traces", "1", "--only", "loss 10 %"]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    report = json.loads(ran.stdout.splitlines()[-1])

    assert {row["condition"] for row in report["rows"]} == {"loss 10 %"}
    scores = {row["receiver"]: row["estoi"] for row in report["rows"]}
    assert scores["speed, RED"] > scores["speed"] > scores[IN_STEP]
    assert "| loss 10 % |" in ran.stdout
