"""How long a fleet rests between rounds."""

from antiphon_operator.pace import LEAST_GAP_S, MOST_GAP_S, MOST_RETRY_S, Pace


def test_a_fleet_takes_at_most_a_fifth_of_a_processor() -> None:
    pace = Pace()
    assert pace.after(0.001, failed=False) == LEAST_GAP_S
    assert pace.after(1.0, failed=False) == 4.0
    assert pace.after(60.0, failed=False) == MOST_GAP_S


def test_failures_wait_longer_and_success_forgives() -> None:
    pace = Pace()
    waits = [pace.after(0.0, failed=True) for _ in range(30)]
    assert waits[0] <= 0.2
    assert waits[4] > waits[0]
    assert all(MOST_RETRY_S / 2 <= wait <= MOST_RETRY_S for wait in waits[8:])
    assert pace.after(0.0, failed=False) == LEAST_GAP_S
    assert pace.after(0.0, failed=True) <= 0.2
