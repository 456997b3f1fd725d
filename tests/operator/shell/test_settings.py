"""The operator's variables, and what is said when one is wrong."""

import pytest

from antiphon_operator.lease import Timing
from antiphon_operator.observed import Images
from antiphon_operator.settings import Settings
from antiphon_wire.environment import Address, SettingError

REQUIRED = {
    "ANTIPHON_NAMESPACE": "antiphon-system",
    "ANTIPHON_IMAGE_RELAY": "r/relay:1",
    "ANTIPHON_IMAGE_TRANSCEIVER": "r/transceiver:1",
    "ANTIPHON_IMAGE_SIGNALING": "r/signaling:1",
}


def test_what_is_required_is_enough() -> None:
    settings = Settings.from_env(REQUIRED, host="operator-0")
    assert settings.namespace == "antiphon-system"
    assert settings.watch_namespaces == ()
    assert settings.images == Images("r/relay:1", "r/transceiver:1", "r/signaling:1", "IfNotPresent")
    assert settings.http_address == Address("0.0.0.0", 8080)
    assert (settings.lease_name, settings.lease) == ("antiphon-operator", Timing(15))
    assert settings.capacity_poll_s == 2.0


def test_two_processes_of_one_host_are_two_holders() -> None:
    first, second = (Settings.from_env(REQUIRED, host="operator-0").identity for _ in range(2))
    assert first != second
    assert first.startswith("operator-0-")
    assert Settings.from_env(REQUIRED | {"ANTIPHON_IDENTITY": "pod-x"}, host="operator-0").identity == "pod-x"


def test_namespaces_are_named_once() -> None:
    named = {"ANTIPHON_WATCH_NAMESPACES": "voice, demo,voice,", "ANTIPHON_MONITORING_NAMESPACES": "monitoring"}
    settings = Settings.from_env(REQUIRED | named, host="h")
    assert (settings.watch_namespaces, settings.monitoring_namespaces) == (("demo", "voice"), ("monitoring",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTIPHON_NAMESPACE", ""),
        ("ANTIPHON_NAMESPACE", "Voice"),
        ("ANTIPHON_WATCH_NAMESPACES", "voice,no_such"),
        ("ANTIPHON_MONITORING_NAMESPACES", "*"),
        ("ANTIPHON_IMAGE_RELAY", ""),
        ("ANTIPHON_IMAGE_PULL_POLICY", "Sometimes"),
        ("ANTIPHON_LEASE_S", "1"),
        ("ANTIPHON_CAPACITY_POLL_S", "0"),
        ("ANTIPHON_HTTP_ADDRESS", "localhost"),
        ("ANTIPHON_LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        Settings.from_env(REQUIRED | {name: value}, host="h")
