from antiphon_transceiver.backends import BackendHealth


def test_a_backend_is_fresh_for_ten_seconds_after_it_was_reached() -> None:
    health = BackendHealth()
    assert not health.fresh(0.0)
    health.connected(100.0)
    assert health.fresh(110.0)
    assert not health.fresh(110.1)


def test_a_failure_ends_it_at_once() -> None:
    health = BackendHealth()
    health.connected(100.0)
    health.failed()
    assert not health.fresh(100.0)
