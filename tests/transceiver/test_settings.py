"""The transceiver's settings: defaults, and what is said of a wrong value."""

from pathlib import Path

import pytest

from antiphon_transceiver.backends import BackendKind
from antiphon_transceiver.settings import Settings, read_control_token
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
    assert (settings.capacity, settings.setup_window_s, settings.consent_s) == (60, 60.0, 30.0)
    assert (settings.longest_call_s, settings.drain_deadline_s) == (3600.0, 30.0)


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
        ("ANTIPHON_KEYS_FILE", ""),
    ],
)
def test_a_wrong_value_is_named_with_an_example(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"^{variable} .*for example {variable}="):
        Settings.from_env(LEAST | {variable: value})


def test_a_realtime_backend_needs_a_websocket_url() -> None:
    with pytest.raises(SettingError, match="ANTIPHON_BACKEND_URL"):
        Settings.from_env(LEAST | {"ANTIPHON_BACKEND": "realtime", "ANTIPHON_BACKEND_URL": "http://agent"})
    with pytest.raises(SettingError, match="ANTIPHON_BACKEND_URL"):
        Settings.from_env(LEAST | {"ANTIPHON_BACKEND": "realtime"})


@pytest.mark.parametrize("content", ["short", "two words of thirty-two characters", ""])
def test_a_control_token_that_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(SettingError, match="ANTIPHON_CONTROL_TOKEN_FILE"):
        read_control_token(path)


def test_a_control_token_may_end_with_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("t" * 32 + "\n")
    assert read_control_token(path) == "t" * 32
