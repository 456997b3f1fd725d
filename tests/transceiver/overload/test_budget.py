"""How many calls a machine carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends import BackendKind
from antiphon_transceiver.media import MediaSettings
from antiphon_transceiver.overload import CapacitySetting, rehearse
from antiphon_transceiver.overload.budget import LOAD, Work, calls_carried, python_share

WORK = Work(0.008)
"""About 8 ms a second."""

works = st.floats(0.0005, 0.5).map(Work)
machines = st.floats(0.01, 512)
kinds = st.sampled_from(BackendKind)
chunks = st.integers(20, 100)


@pytest.mark.parametrize(
    ("cpus", "kind", "chunk_ms", "calls"),
    [
        pytest.param(1.0, BackendKind.ECHO, 40, 50, id="echo: 13.8 ms a call"),
        pytest.param(1.0, BackendKind.REALTIME, 40, 43, id="a conversation: 16 ms"),
        pytest.param(1.0, BackendKind.REALTIME, 20, 38, id="in half as long messages: 18.4 ms"),
        pytest.param(3.0, BackendKind.REALTIME, 40, 131, id="three times as many"),
        pytest.param(64.0, BackendKind.REALTIME, 40, 218, id="what one event loop does: 3.2 ms a call"),
        pytest.param(0.25, BackendKind.REALTIME, 40, 10, id="a quarter"),
        pytest.param(0.001, BackendKind.ECHO, 40, 1, id="never none"),
    ],
)
def test_calls(cpus: float, kind: BackendKind, chunk_ms: int, calls: int) -> None:
    assert calls_carried(WORK, cpus, kind=kind, chunk_ms=chunk_ms) == calls


def test_fewer_workers_than_cpus_carry_fewer_calls() -> None:
    assert calls_carried(Work(1 / 128), 8.0, kind=BackendKind.ECHO, chunk_ms=40, workers=2) == 179


@given(work=works, cpus=machines, kind=kinds, chunk_ms=chunks)
def test_the_calls_fit_beside_the_headroom_and_one_more_would_not(
    work: Work, cpus: float, kind: BackendKind, chunk_ms: int
) -> None:
    calls = calls_carried(work, cpus, kind=kind, chunk_ms=chunk_ms)
    python = work.cpu_share * python_share(kind, chunk_ms)

    def fit(number: float) -> bool:
        whole = number * (1.6 * work.cpu_share + python)
        return whole <= cpus * LOAD and number * python <= min(1.0, cpus) * LOAD

    rounding = 1e-6
    assert calls == 1 or fit(calls - rounding)
    assert not fit(calls + 1 + rounding)


@given(work=works, cpus=machines, more=st.floats(1, 4), kind=kinds, chunk_ms=chunks)
def test_more_cpus_and_longer_chunks_never_carry_fewer_and_more_work_never_more(
    work: Work, cpus: float, more: float, kind: BackendKind, chunk_ms: int
) -> None:
    calls = calls_carried(work, cpus, kind=kind, chunk_ms=chunk_ms)
    assert calls_carried(work, cpus * more, kind=kind, chunk_ms=chunk_ms) >= calls
    assert calls_carried(work, cpus, kind=kind, chunk_ms=100) >= calls
    assert calls_carried(Work(work.cpu_share * more), cpus, kind=kind, chunk_ms=chunk_ms) <= calls


@pytest.mark.parametrize("kind", BackendKind)
def test_a_quarter_of_a_cpu_is_measured_to_carry_far_less_than_two(kind: BackendKind) -> None:
    setting = CapacitySetting(probe_s=0.05)
    few = rehearse(setting, MediaSettings(), kind, cpus=0.25)
    many = rehearse(setting, MediaSettings(), kind, cpus=2.0)
    assert few is not None
    assert many is not None
    assert 1 <= 2 * few < many


def test_more_work_a_frame_is_measured_to_carry_fewer_calls() -> None:
    setting = CapacitySetting(probe_s=0.05)
    hard = rehearse(setting, MediaSettings(complexity=10, frame_ms=10), BackendKind.ECHO, cpus=8.0)
    easy = rehearse(setting, MediaSettings(complexity=0, frame_ms=40), BackendKind.ECHO, cpus=8.0)
    assert hard is not None
    assert easy is not None
    assert hard < easy


def test_without_a_measurement_nothing_is_known() -> None:
    assert rehearse(CapacitySetting(60, probe_s=0), MediaSettings(), BackendKind.ECHO, cpus=2.0) is None
