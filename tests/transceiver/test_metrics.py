"""What the pod's metrics say of calls, live and ended, and of the engine."""

import gc
from dataclasses import replace
from pathlib import Path

from antiphon_transceiver.backends import BackendStatistics
from antiphon_transceiver.call import CallState, Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.capacity import Capacity
from antiphon_transceiver.data_channel import ChannelCounters
from antiphon_transceiver.media import EngineStatistics, MediaStatistics
from antiphon_transceiver.metrics import Metrics, Snapshot
from antiphon_transceiver.overload import Sign, Throttling
from antiphon_wire.control import BackendState, EndReason
from antiphon_wire.table_source import FileTables

MEDIA = MediaStatistics(
    packets_received=100,
    reordered=3,
    twice=2,
    nacked=5,
    retransmitted=7,
    withheld=4,
    heard_ms=2000,
    pause_ms=500,
    ran_dry=1,
)
LIVE = CallRecord("rtc_1", 8, None, CallState.CONNECTED, None, 2.0, {}, MEDIA, ChannelCounters(), BackendStatistics())
ENDED = replace(LIVE, state=CallState.ENDED, reason=EndReason.HANGUP, milestones_ms={Milestone.FIRST_AUDIO_IN: 90.0})


def samples(metrics: Metrics) -> dict[str, float]:
    lines = metrics.exposition().decode().splitlines()
    rows = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("antiphon_transceiver_"): float(value) for name, value in rows}


def watched(live: list[CallRecord], engine: EngineStatistics | None = None) -> Metrics:
    metrics = Metrics()
    tables = FileTables(Path("/nowhere"))
    capacity, throttling, backend = Capacity(60, measured=70), Throttling(40, 3), BackendState.REACHABLE
    capacity.closed = Sign.LATE
    metrics.watch(lambda: Snapshot(capacity, live, {}, engine or EngineStatistics(), throttling, backend, tables))
    return metrics


def test_what_grows_is_the_sum_of_the_live_and_the_ended() -> None:
    metrics = watched([LIVE])
    metrics.call_ended(ENDED)
    metrics.call_ended(ENDED)
    found = samples(metrics)
    for name, of_one in (
        ("received", 100),
        ("reordered", 3),
        ("twice", 2),
        ("nacked", 5),
        ("retransmitted", 7),
        ("withheld", 4),
    ):
        assert found[f"media_packets_{name}_total"] == 3 * of_one
    assert (found["media_heard_seconds_total"], found["media_pause_seconds_total"]) == (6.0, 1.5)
    assert found["media_ran_dry_total"] == 3
    assert found['setup_seconds_count{stage="first_audio_in"}'] == 2


def test_an_ended_call_gives_the_scores_that_are_known_and_a_live_one_none() -> None:
    metrics = watched([replace(LIVE, media=replace(MEDIA, mos=1.0, remote_mos=1.0))])
    metrics.call_ended(replace(ENDED, media=replace(MEDIA, mos=4.39)))
    metrics.call_ended(replace(ENDED, media=replace(MEDIA, mos=4.31, remote_mos=2.4)))
    found = samples(metrics)
    assert found['call_mos_count{listener="backend"}'] == 2
    assert found['call_mos_bucket{le="4.3",listener="backend"}'] == 0
    assert found['call_mos_bucket{le="4.4",listener="backend"}'] == 2
    assert found['call_mos_sum{listener="client"}'] == 2.4


def test_before_the_first_call_every_series_is_there() -> None:
    found = samples(watched([]))
    assert found['call_mos_count{listener="client"}'] == 0
    assert found["pacer_missed_ticks_total"] == 0


def test_what_python_keeps_is_seen() -> None:
    metrics = watched([])
    # What other tests left would go meanwhile.
    gc.collect()
    before = samples(metrics)["python_blocks"]
    kept = [[number] for number in range(10_000)]
    assert samples(metrics)["python_blocks"] - before >= len(kept)


def test_why_admission_is_closed_is_one_sign_of_all() -> None:
    found = samples(watched([]))
    closed = {name: value for name, value in found.items() if name.startswith("admission_closed")}
    assert closed == {f'admission_closed{{sign="{sign}"}}': float(sign is Sign.LATE) for sign in Sign}
    assert (found["calls_free"], found["calls_capacity"], found["calls_measured"]) == (0, 60, 70)
    assert (found["cpu_limit_periods_total"], found["cpu_throttled_periods_total"]) == (40, 3)


def test_the_engines_time_is_said_in_seconds() -> None:
    engine = EngineStatistics(
        slots=1000,
        late=20,
        missed=3,
        skipped=2,
        stalls=1,
        worst_us=25_000,
        encoded_late=4,
        pcm_chunks=500,
        pcm_waited_us=1_500_000,
        pcm_worst_us=30_000,
        pcm_dropped_ms=40,
    )
    found = samples(watched([], engine))
    ticks = {name: found[f"pacer_{name}_total"] for name in ("ticks", "late_ticks", "missed_ticks", "skipped_ticks")}
    assert ticks == {"ticks": 1000, "late_ticks": 20, "missed_ticks": 3, "skipped_ticks": 2}
    assert (found["pacer_stalls_total"], found["pacer_encoded_late_total"]) == (1, 4)
    assert (found["pacer_worst_lateness_seconds"], found["pcm_worst_wait_seconds"]) == (0.025, 0.03)
    assert (found["pcm_chunks_total"], found["pcm_wait_seconds_total"]) == (500, 1.5)
    assert found["pcm_dropped_seconds_total"] == 0.04


def test_figures_that_the_engine_has_beside_ours_are_left_out_and_times_are_rounded() -> None:
    figures: dict[str, int | float | None] = dict.fromkeys(MediaStatistics.__dataclass_fields__, 0)
    read = MediaStatistics.of(figures | {"jitter_ms": 1.23456, "mos": None, "another": 7})
    assert (read.jitter_ms, read.mos) == (1.235, None)
