"""What is known of a backend, and when it is worth looking again."""

from antiphon_transceiver.backends import BackendHealth, BackendSettings, health_of
from antiphon_transceiver.backends.backend import BackendKind
from antiphon_wire.control import BackendState


def test_a_backend_is_fresh_for_ten_seconds_after_it_was_reached() -> None:
    health = BackendHealth()
    assert not health.fresh(0.0)
    health.connected(100.0)
    assert health.fresh(110.0)
    assert not health.fresh(110.1)


def test_a_failure_ends_it_at_once() -> None:
    health = BackendHealth()
    health.connected(100.0)
    health.failed(100.0, BackendState.UNAUTHORIZED)
    assert not health.fresh(100.0)
    assert health.state is BackendState.UNAUTHORIZED


def test_a_conversation_that_the_backend_ended_says_nothing_against_it_but_the_next_call_makes_sure() -> None:
    health = BackendHealth()
    health.connected(100.0)
    health.lost()
    assert not health.fresh(100.0)
    assert health.state is BackendState.REACHABLE


def test_an_echo_is_always_there_and_another_backend_is_not_known_before_it_was_tried() -> None:
    assert health_of(BackendSettings(BackendKind.ECHO)).state is BackendState.REACHABLE
    assert health_of(BackendSettings(BackendKind.REALTIME)).state is BackendState.NOT_PROBED


def test_a_probe_is_due_at_the_start_and_then_while_no_call_tried() -> None:
    health = BackendHealth()
    assert health.probe_due_in(100.0, 30.0) == 0.0
    health.connected(100.0)
    assert health.probe_due_in(110.0, 30.0) == 20.0
    health.connected(125.0)
    assert health.probe_due_in(130.0, 30.0) == 25.0


def test_a_backend_that_is_not_there_is_looked_for_sooner() -> None:
    health = BackendHealth()
    health.failed(100.0, BackendState.UNREACHABLE)
    assert health.probe_due_in(100.0, 30.0) == 10.0
    assert health.probe_due_in(100.0, 5.0) == 5.0
