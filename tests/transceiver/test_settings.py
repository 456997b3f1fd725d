"""The transceiver's settings: defaults, and what is said of a wrong value."""

import pytest
from yarl import URL

from antiphon_transceiver.backends import BackendKind
from antiphon_transceiver.settings import Settings
from antiphon_wire.environment import Address, SettingError

LEAST = {
    "ANTIPHON_ROUTES": "0x1000",
    "ANTIPHON_VIP": "192.0.2.2:3478,[2001:db8::1]:3478",
    "ANTIPHON_KEYS_FILE": "/keys",
    "ANTIPHON_ROUTES_FILE": "/routes",
    "ANTIPHON_CONTROL_TOKEN_FILE": "/token",
}


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = Settings.from_env(LEAST)
    assert settings.first_route == 4096
    assert settings.vip == (Address("192.0.2.2", 3478), Address("2001:db8::1", 3478))
    assert str(settings.hop_address) == "127.0.0.1:7200"
    assert settings.backend.kind is BackendKind.ECHO
    assert settings.backend.connect_timeout_s == 5.0
    assert (settings.capacity, settings.setup_window_s, settings.consent_s) == (60, 15.0, 30.0)
    assert (settings.longest_call_s, settings.drain_deadline_s) == (3600, 30.0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTIPHON_ROUTES", ""),
        ("ANTIPHON_ROUTES", "4097"),
        ("ANTIPHON_ROUTES", "0xffffffff"),
        ("ANTIPHON_VIP", "example.org:3478"),
        ("ANTIPHON_VIP", ","),
        ("ANTIPHON_BACKEND", "pcm"),
        ("ANTIPHON_CAPACITY", "0"),
        ("ANTIPHON_CONSENT_S", "never"),
        ("ANTIPHON_LONGEST_CALL_S", "1814401"),
        ("ANTIPHON_LONGEST_CALL_S", "0.5"),
        ("ANTIPHON_KEYS_FILE", ""),
        ("ANTIPHON_ROUTES_FILE", ""),
        ("ANTIPHON_BACKEND_PROBE_S", "-1"),
    ],
)
def test_a_wrong_value_is_named_with_an_example(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"^{variable} .*for example {variable}="):
        Settings.from_env(LEAST | {variable: value})


def test_in_a_cluster_the_tables_name_the_public_address_unless_a_variable_does() -> None:
    cluster = {
        "ANTIPHON_ROUTES_FILE": "",
        "ANTIPHON_ROUTE_TABLES": "voice/edge",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    }
    assert Settings.from_env(LEAST | cluster | {"ANTIPHON_VIP": ""}).vip == ()
    assert Settings.from_env(LEAST | cluster).vip == (Address("192.0.2.2", 3478), Address("2001:db8::1", 3478))


@pytest.mark.parametrize(
    "url", ["", "http://agent", "agent", "ws://", "ws:///v1", "ws://[", "ws://h:99999/x", "ws://h:0/x", "ws://h:port/x"]
)
def test_a_realtime_backend_needs_a_websocket_url(url: str) -> None:
    name = "ANTIPHON_BACKEND_URL"
    with pytest.raises(SettingError, match=rf"^{name} .*for example {name}=ws://"):
        Settings.from_env(LEAST | {"ANTIPHON_BACKEND": "realtime", name: url})


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:8090/v1/realtime", "wss://agent.example/v1/realtime", "ws://[::1]:80/"]
)
def test_a_backends_url_is_read_once(url: str) -> None:
    settings = Settings.from_env(LEAST | {"ANTIPHON_BACKEND": "realtime", "ANTIPHON_BACKEND_URL": url})
    assert settings.backend.url == URL(url)
