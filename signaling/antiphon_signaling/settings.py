"""All settings of the signaling service; docs/interfaces.md, "Variables"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon_signaling.origins import OriginPatternError, OriginPolicy
from antiphon_wire.environment import Address, Environment, SettingError
from antiphon_wire.logs import LEVELS
from antiphon_wire.table_setting import ClusterTable, TableSetting, table_setting


@dataclass(frozen=True)
class TlsFiles:
    cert: Path
    key: Path


@dataclass(frozen=True)
class Settings:
    keys_file: Path
    """The key ring: reads call ids."""
    tables: TableSetting
    """The route table: which pods there are, and which of them take calls."""
    control_token_file: Path
    """The bearer token of the transceivers' control API."""
    http_address: Address
    """Where the public API, the page, health and metrics are served."""
    tls: TlsFiles | None
    """Without it plain HTTP: browsers then give a microphone on localhost only."""
    allowed_origins: OriginPolicy
    """Web origins that may call the API beside the page's own."""
    vip: tuple[Address, ...]
    """What answers name; only shown on the page, since transceivers write the answers. Empty: the table has it."""
    longest_call_s: int
    """The page warns before it; transceivers enforce it."""
    offer_timeout_s: float
    """For a request's head, then for an offer's body: a phone sends its 2 KiB well within it, a slow-loris does not."""
    drain_s: float
    """After SIGTERM, served on while load balancers learn of it."""
    connections_per_address: int
    """A proxy in front counts as one address."""
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        env = Environment(environ)
        tables = table_setting(environ)
        return cls(
            keys_file=env.path("ANTIPHON_KEYS_FILE"),
            tables=tables,
            control_token_file=env.path("ANTIPHON_CONTROL_TOKEN_FILE"),
            http_address=env.address("ANTIPHON_HTTP_ADDRESS", default="127.0.0.1:8080"),
            tls=_tls(env),
            allowed_origins=_origins(env),
            vip=env.addresses("ANTIPHON_VIP", default=""),
            longest_call_s=env.longest_call_s(),
            offer_timeout_s=env.seconds("ANTIPHON_OFFER_TIMEOUT_S", default=5.0, minimum=0.1, maximum=60.0),
            drain_s=env.seconds("ANTIPHON_DRAIN_S", default=_drain_s(tables), maximum=3600.0),
            connections_per_address=env.integer(
                "ANTIPHON_CONNECTIONS_PER_ADDRESS", default=200, minimum=1, maximum=1_000_000
            ),
            log_level=env.choice("ANTIPHON_LOG_LEVEL", LEVELS, default="info"),
        )


def _drain_s(tables: TableSetting) -> float:
    """Outside of a cluster nobody has to learn of it."""
    return 5.0 if isinstance(tables, ClusterTable) else 0.0


def _origins(env: Environment) -> OriginPolicy:
    try:
        return OriginPolicy.parse(env.text("ANTIPHON_ALLOWED_ORIGINS", default="").split(","))
    except OriginPatternError as error:
        raise SettingError("ANTIPHON_ALLOWED_ORIGINS", f"is wrong: {error}", "http://localhost:*") from None


def _tls(env: Environment) -> TlsFiles | None:
    cert = env.path("ANTIPHON_TLS_CERT_FILE", default=None)
    key = env.path("ANTIPHON_TLS_KEY_FILE", default=None)
    if cert is not None and key is not None:
        return TlsFiles(cert, key)
    if cert is None and key is None:
        return None
    missing = "ANTIPHON_TLS_CERT_FILE" if cert is None else "ANTIPHON_TLS_KEY_FILE"
    raise SettingError(missing, "is required, since the other half is set", "/etc/antiphon/tls.pem")
