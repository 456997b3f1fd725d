"""When admission closes and opens, and when a call goes: by rows, by properties, and by another way to reckon it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.overload.admission import (
    CLOSES_AFTER,
    MARKS,
    OPENS_AFTER,
    Admission,
    Sign,
    is_calm,
    strain,
)
from antiphon_transceiver.overload.period import Period

CALM, BETWEEN = Period(), Period(late_share=0.1)
MISSED, LATE, CPU = Period(missed_share=0.5, late_share=0.9), Period(late_share=0.9), Period(cpu_share=0.95)
SHED_AFTER = 3

FIGURES = {
    Sign.MISSED: "missed_share",
    Sign.LATE: "late_share",
    Sign.WORKERS_BEHIND: "long_wait_share",
    Sign.LOOP_BEHIND: "chunk_wait_ms",
    Sign.THROTTLED: "throttled_share",
    Sign.CPU: "cpu_share",
}

periods = st.lists(st.sampled_from([CALM, BETWEEN, MISSED, LATE, CPU]), max_size=60)
figures = st.builds(
    Period,
    missed_share=st.floats(0, 1),
    late_share=st.floats(0, 1),
    long_wait_share=st.floats(0, 1),
    chunk_wait_ms=st.floats(0, 2000),
    throttled_share=st.floats(0, 1),
    cpu_share=st.floats(0, 1.5),
)


def story(told: Sequence[Period], shed_after: int = SHED_AFTER) -> list[Admission]:
    """How it stands after each period."""
    found = [Admission()]
    for period in told:
        found.append(found[-1].after(period, shed_after=shed_after))
    return found[1:]


@pytest.mark.parametrize("sign", Sign)
def test_each_sign_strains_above_its_first_mark_and_is_calm_at_its_second(sign: Sign) -> None:
    marks = MARKS[sign]

    def at(value: float) -> Period:
        return replace(CALM, **{FIGURES[sign]: value})

    assert strain(at(marks.strained_above)) is None
    assert strain(at(marks.strained_above * 1.01)) is sign
    assert is_calm(at(marks.calm_at))
    assert not is_calm(at(marks.calm_at * 1.01))
    assert marks.calm_at < marks.strained_above


def test_of_several_signs_the_weightiest_is_named() -> None:
    every = Period(1.0, 1.0, 1.0, 1000.0, 1.0, 1.0)
    assert strain(every) is Sign.MISSED
    assert strain(replace(every, missed_share=0.0)) is Sign.LATE
    assert list(MARKS) == list(Sign)


@given(figures)
def test_no_period_is_strained_and_calm(period: Period) -> None:
    assert not (strain(period) is not None and is_calm(period))


@pytest.mark.parametrize(
    ("told", "closed"),
    [
        pytest.param([LATE], None, id="one strained period"),
        pytest.param([LATE, LATE], None, id="a stall that lies in two periods"),
        pytest.param([LATE, LATE, CALM, LATE, LATE], None, id="two such stalls"),
        pytest.param([LATE] * 3, Sign.LATE, id="three in a row"),
        pytest.param([LATE, LATE, CPU], Sign.CPU, id="three of different signs: the last is named"),
        pytest.param([*[LATE] * 3, MISSED], Sign.LATE, id="what closed it stands"),
        pytest.param([*[LATE] * 3, *[CALM] * 4], Sign.LATE, id="calm for not long enough"),
        pytest.param([*[LATE] * 3, *[CALM] * 4, BETWEEN, *[CALM] * 4], Sign.LATE, id="calm with a break"),
        pytest.param([*[LATE] * 3, *[CALM] * 5], None, id="calm for long enough"),
        pytest.param([*[LATE] * 3, *[BETWEEN] * 50], Sign.LATE, id="between the marks it stays closed"),
        pytest.param([BETWEEN] * 50, None, id="between the marks it stays open"),
    ],
)
def test_admission_closes_and_opens(told: list[Period], closed: Sign | None) -> None:
    assert story(told)[-1].closed is closed


@pytest.mark.parametrize(
    ("told", "sheds"),
    [
        pytest.param([MISSED] * 5, [], id="three to close, two more are not enough"),
        pytest.param([MISSED] * 6, [5], id="three after it closed"),
        pytest.param([MISSED] * 8, [5, 6, 7], id="one a period as long as it goes on"),
        pytest.param([*[MISSED] * 6, CALM, MISSED, MISSED], [5], id="a better period, and it begins anew"),
        pytest.param([*[MISSED] * 6, LATE, MISSED, MISSED], [5], id="late is not missed"),
        pytest.param([*[LATE] * 50], [], id="nobody goes for a sign that something may be missed"),
        pytest.param([*[LATE] * 3, *[MISSED] * 3], [5], id="closed by a sign, then missed"),
        pytest.param([LATE, *[MISSED, MISSED, CALM, CALM] * 10], [], id="stalls again and again with calm between"),
        pytest.param([CALM, *[MISSED] * 3, *[CALM] * 9], [], id="a stall that closes it"),
    ],
)
def test_the_newest_call_goes(told: list[Period], sheds: list[int]) -> None:
    assert [number for number, admission in enumerate(story(told)) if admission.sheds] == sheds


def test_with_0_no_call_ever_goes() -> None:
    assert not any(admission.sheds for admission in story([MISSED] * 50, shed_after=0))


@given(told=periods, shed_after=st.integers(0, 6))
def test_it_is_as_the_last_periods_say(told: list[Period], shed_after: int) -> None:
    """Reckoned from the whole history each time, without a count that is carried along."""
    found = story(told, shed_after)
    strained = [strain(period) is not None for period in told]
    calm = [is_calm(period) for period in told]

    def last_run(of: list[bool], length: int, end: int) -> int:
        """Where the last of so many in a row ends that lies before `end`; -1: nowhere."""
        ends = [last for last in range(length - 1, end) if all(of[last - length + 1 : last + 1])]
        return max(ends, default=-1)

    def is_closed(end: int) -> bool:
        return last_run(strained, CLOSES_AFTER, end) > last_run(calm, OPENS_AFTER, end)

    for number, admission in enumerate(found):
        assert (admission.closed is not None) == is_closed(number + 1)
        last = range(number - shed_after + 1, number + 1)
        missed = [each >= 0 and strain(told[each]) is Sign.MISSED and is_closed(each) for each in last]
        assert admission.sheds == (shed_after > 0 and all(missed))


@given(told=st.lists(figures, max_size=30))
def test_no_run_of_misses_that_is_shorter_than_both_waits_sheds(told: list[Period]) -> None:
    """However long a history: three misses in a row are the least, and six periods."""
    for number, admission in enumerate(story(told)):
        if admission.sheds:
            run = told[max(0, number - SHED_AFTER + 1) : number + 1]
            assert len(run) == SHED_AFTER
            assert all(strain(period) is Sign.MISSED for period in run)
            assert number + 1 >= CLOSES_AFTER + SHED_AFTER


@given(st.lists(figures, max_size=30))
def test_from_whatever_was_calm_opens_and_strain_closes(told: list[Period]) -> None:
    assert story([*told, *[CALM] * OPENS_AFTER])[-1].closed is None
    assert story([*told, *[CPU] * CLOSES_AFTER])[-1].closed is not None
