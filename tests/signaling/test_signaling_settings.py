"""The settings, from a mapping."""

from pathlib import Path

import pytest

from antiphon_signaling.settings import Settings
from antiphon_wire.environment import Address, SettingError
from signaling_site import environment


def test_the_defaults_serve_on_loopback_without_tls_and_allow_no_foreign_origin() -> None:
    settings = Settings.from_env(environment(Path("/run"), ANTIPHON_HTTP_ADDRESS=""))
    assert settings.http_address == Address("127.0.0.1", 8080)
    assert settings.tls is None
    assert not settings.allowed_origins.allows("http://localhost:3000", host="127.0.0.1:8080")
    assert settings.vip == (Address("192.0.2.2", 3478),)


def test_in_a_cluster_load_balancers_get_time_to_learn_of_the_end() -> None:
    cluster = {
        "ANTIPHON_ROUTES_FILE": "",
        "ANTIPHON_ROUTE_TABLES": "voice/edge",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    }
    assert Settings.from_env(environment(Path("/run"), **cluster)).drain_s == 5.0
    assert Settings.from_env(environment(Path("/run"), **cluster, ANTIPHON_DRAIN_S="1.5")).drain_s == 1.5
    assert Settings.from_env(environment(Path("/run"))).drain_s == 0.0


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"ANTIPHON_KEYS_FILE": ""}, "ANTIPHON_KEYS_FILE"),
        ({"ANTIPHON_HTTP_ADDRESS": "localhost:8080"}, "ANTIPHON_HTTP_ADDRESS"),
        ({"ANTIPHON_ALLOWED_ORIGINS": "app.example.com"}, "ANTIPHON_ALLOWED_ORIGINS"),
        ({"ANTIPHON_TLS_CERT_FILE": "/tls/cert.pem"}, "ANTIPHON_TLS_KEY_FILE"),
        ({"ANTIPHON_TLS_KEY_FILE": "/tls/key.pem"}, "ANTIPHON_TLS_CERT_FILE"),
        ({"ANTIPHON_OFFER_TIMEOUT_S": "soon"}, "ANTIPHON_OFFER_TIMEOUT_S"),
        ({"ANTIPHON_ROUTES_FILE": ""}, "ANTIPHON_ROUTES_FILE"),
        ({"ANTIPHON_DRAIN_S": "-1"}, "ANTIPHON_DRAIN_S"),
        ({"ANTIPHON_CONNECTIONS_PER_ADDRESS": "0"}, "ANTIPHON_CONNECTIONS_PER_ADDRESS"),
        ({"ANTIPHON_LONGEST_CALL_S": "1814401"}, "ANTIPHON_LONGEST_CALL_S"),
        ({"ANTIPHON_LOG_LEVEL": "loud"}, "ANTIPHON_LOG_LEVEL"),
    ],
)
def test_a_wrong_variable_is_named_with_an_example(variables: dict[str, str], names: str) -> None:
    with pytest.raises(SettingError) as wrong:
        Settings.from_env(environment(Path("/run"), **variables))
    assert wrong.value.name == names
    assert f"for example {names}=" in str(wrong.value)
