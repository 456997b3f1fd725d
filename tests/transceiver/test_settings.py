"""The transceiver's settings: defaults, and what is said of a wrong value."""

from pathlib import Path

import pytest
from yarl import URL

from antiphon_transceiver.backends import BackendKind
from antiphon_transceiver.media import MediaSettings, UplinkMode
from antiphon_transceiver.overload import CapacitySetting, OverloadSettings
from antiphon_transceiver.settings import Settings
from antiphon_transceiver.takeover import ExportSettings
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
    assert settings.capacity == CapacitySetting(most=None, probe_s=0.25)
    assert settings.overload == OverloadSettings(period_s=1.0, shed_after=5)
    assert (settings.setup_window_s, settings.consent_s) == (15.0, 30.0)
    assert (settings.longest_call_s, settings.drain_deadline_s) == (3600, 30.0)
    assert settings.media == MediaSettings(
        chunk_ms=40, bitrate=32_000, complexity=5, frame_ms=20, uplink_mode=UplinkMode.SPEED, workers=0
    )


def test_how_calls_sound_can_be_set() -> None:
    variables = {
        "ANTIPHON_AUDIO_CHUNK_MS": "100",
        "ANTIPHON_OPUS_BITRATE": "24000",
        "ANTIPHON_OPUS_COMPLEXITY": "0",
        "ANTIPHON_OPUS_FRAME_MS": "40",
        "ANTIPHON_UPLINK_MODE": "accuracy",
        "ANTIPHON_MEDIA_WORKERS": "3",
    }
    assert Settings.from_env(LEAST | variables).media == MediaSettings(
        chunk_ms=100, bitrate=24_000, complexity=0, frame_ms=40, uplink_mode=UplinkMode.ACCURACY, workers=3
    )


def test_the_capacity_is_a_number_or_what_is_measured() -> None:
    assert Settings.from_env(LEAST | {"ANTIPHON_CAPACITY": "auto"}).capacity.most is None
    assert Settings.from_env(LEAST | {"ANTIPHON_CAPACITY": "40"}).capacity.most == 40
    unmeasured = LEAST | {"ANTIPHON_CAPACITY_PROBE_S": "0"}
    assert Settings.from_env(unmeasured | {"ANTIPHON_CAPACITY": "40"}).capacity == CapacitySetting(40, 0)
    with pytest.raises(SettingError, match=r"^ANTIPHON_CAPACITY must be a number"):
        Settings.from_env(unmeasured)


EXPORTS = {
    "ANTIPHON_EXPORT_KEYS_FILE": "/export-keys",
    "ANTIPHON_EXPORT_URL": "redis://:secret@192.0.2.7:6379/1",
}


def test_calls_are_written_down_where_there_is_a_place_and_a_key_for_it() -> None:
    assert Settings.from_env(LEAST).exports is None
    exports = Settings.from_env(LEAST | EXPORTS).exports
    assert exports == ExportSettings(
        Path("/export-keys"), "redis://:secret@192.0.2.7:6379/1", replicas=0, interval_s=3.0, clock_error_s=0.5
    )
    assert "secret" not in repr(exports)


@pytest.mark.parametrize("missing", EXPORTS)
def test_a_key_without_a_place_or_a_place_without_a_key_is_a_mistake(missing: str) -> None:
    with pytest.raises(SettingError, match=f"^{missing} is required beside ANTIPHON_EXPORT_"):
        Settings.from_env(LEAST | {name: value for name, value in EXPORTS.items() if name != missing})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTIPHON_EXPORT_URL", "http://192.0.2.7"),
        ("ANTIPHON_EXPORT_URL", "redis://:pa/ss@192.0.2.7"),
        ("ANTIPHON_EXPORT_INTERVAL_S", "0"),
        ("ANTIPHON_EXPORT_INTERVAL_S", "31"),
        ("ANTIPHON_EXPORT_REPLICAS", "-1"),
        ("ANTIPHON_EXPORT_CLOCK_ERROR_S", "nan"),
    ],
)
def test_a_wrong_value_about_exports_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable} "):
        Settings.from_env(LEAST | EXPORTS | {variable: value})


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
        ("ANTIPHON_CAPACITY", "many"),
        ("ANTIPHON_CAPACITY_PROBE_S", "2.5"),
        ("ANTIPHON_OVERLOAD_PERIOD_S", "-1"),
        ("ANTIPHON_SHED_AFTER_PERIODS", "1001"),
        ("ANTIPHON_CONSENT_S", "never"),
        ("ANTIPHON_LONGEST_CALL_S", "1814401"),
        ("ANTIPHON_LONGEST_CALL_S", "0.5"),
        ("ANTIPHON_KEYS_FILE", ""),
        ("ANTIPHON_ROUTES_FILE", ""),
        ("ANTIPHON_BACKEND_PROBE_S", "-1"),
        ("ANTIPHON_AUDIO_CHUNK_MS", "19"),
        ("ANTIPHON_AUDIO_CHUNK_MS", "101"),
        ("ANTIPHON_OPUS_BITRATE", "5999"),
        ("ANTIPHON_OPUS_COMPLEXITY", "11"),
        ("ANTIPHON_OPUS_FRAME_MS", "60"),
        ("ANTIPHON_UPLINK_MODE", "haste"),
        ("ANTIPHON_MEDIA_WORKERS", "-1"),
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
