import numpy as np
import pytest

from antiphon_cli.voice.reception import Reception
from antiphon_cli.voice.recording import Recording
from antiphon_cli.voice.turns import ENDING_SILENCE_S, TurnTaking


def test_an_answer_after_the_question_is_timed_from_its_end() -> None:
    turns = TurnTaking()
    turns.ask()
    turns.question_ended(10.0)
    assert turns.waiting_for_answer_s(10.4) == pytest.approx(0.4)
    for now in (10.5, 10.52, 11.0):
        turns.heard(now)
        assert turns.finish(now) is None
    turn = turns.finish(11.01 + ENDING_SILENCE_S)
    assert turn is not None
    assert turn.delay_ms == pytest.approx(500)
    assert turn.answer_s == pytest.approx(0.5)


def test_an_echo_begins_before_the_question_ends_and_finishes_after_it() -> None:
    turns = TurnTaking()
    turns.heard(9.0)
    turns.heard(9.5)
    assert turns.finish(20.0) is None
    turns.question_ended(10.0)
    turn = turns.finish(10.01 + ENDING_SILENCE_S)
    assert turn is not None
    assert turn.delay_ms == pytest.approx(-1000)


def test_a_second_question_has_its_own_answer() -> None:
    turns = TurnTaking()
    for start in (0.0, 100.0):
        turns.question_ended(start)
        turns.heard(start + 0.25)
        assert turns.finish(start + 10) is not None
    assert [round(turn.delay_ms) for turn in turns.turns] == [250, 250]


def receive(*sequences: int, first: int | None = None) -> Reception:
    """Packets every 20 ms, in this order, arriving in step with their timestamps."""
    reception = Reception(1, first if first is not None else sequences[0])
    for sequence in sequences:
        step = (sequence - sequences[0]) & 0xFFFF
        reception.packet(sequence=sequence, timestamp=(step * 960) & 0xFFFFFFFF, arrived_s=step * 0.02)
    return reception


def test_nothing_lost_is_nothing_lost_also_over_a_wrap() -> None:
    reception = receive(65534, 65535, 0, 1)
    assert (reception.received, reception.expected, reception.lost) == (4, 4, 0)
    assert reception.jitter_ms == pytest.approx(0)


def test_gaps_are_losses_and_reordering_is_not() -> None:
    assert receive(1, 2, 4, 5).lost == 1
    assert receive(1, 3, 2, 4).lost == 0
    assert receive(1, 2, 2, 3).lost == 0


def test_a_report_has_the_loss_since_the_last_one() -> None:
    reception = receive(1, 2, 3, 5)
    assert reception.fraction_lost() == 256 // 5
    assert reception.fraction_lost() == 0


def test_jitter_follows_the_rfc() -> None:
    reception = Reception(1, 0)
    reception.packet(sequence=0, timestamp=0, arrived_s=0)
    reception.packet(sequence=1, timestamp=960, arrived_s=0.036)
    assert reception.jitter_ms == pytest.approx(1.0)


def test_the_longest_gap_is_that_of_arrivals() -> None:
    reception = Reception(1, 0)
    for sequence, arrived_s in ((0, 0.0), (1, 0.02), (2, 0.54), (3, 0.55)):
        reception.packet(sequence=sequence, timestamp=sequence * 960, arrived_s=arrived_s)
    assert reception.longest_gap_ms == pytest.approx(520)


def test_the_recording_is_laid_out_by_timestamps_whatever_the_order() -> None:
    recording = Recording(longest_s=1)
    ones, twos = np.ones(960, dtype=np.int16), np.full(960, 2, dtype=np.int16)
    recording.add(5000, ones)
    recording.add(5000 + 3 * 960, twos)
    recording.add(5000 + 960, twos)
    recording.add(5000 + 48_000, ones)
    whole = recording.samples()
    assert whole.size == 4 * 960
    assert list(whole[::960]) == [1, 2, 0, 2]
