"""What the transceiver is told by its environment."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from yarl import URL

from antiphon_transceiver.backends import BackendKind, BackendSettings
from antiphon_transceiver.media import MediaSettings, UplinkMode
from antiphon_transceiver.media.settings import FRAME_LENGTHS_MS
from antiphon_transceiver.overload.settings import CapacitySetting, OverloadSettings
from antiphon_transceiver.takeover.settings import ExportSettings
from antiphon_wire.environment import Address, Environment, SettingError
from antiphon_wire.logs import LEVELS
from antiphon_wire.route_table import BLOCK_SIZE
from antiphon_wire.table_setting import TableFile, TableSetting, table_setting


@dataclass(frozen=True)
class Settings:
    pod: str
    """This pod's name in the route table."""
    first_route: int
    """First of the eight route ids that this pod owns."""
    hop_address: Address
    """The one UDP socket, towards the relays."""
    vip: tuple[Address, ...]
    """The public addresses: one candidate of every answer each, the preferred one first. Empty: the table has them."""
    http_address: Address
    """Control API, health and metrics."""
    keys_file: Path
    tables: TableSetting
    control_token_file: Path
    backend: BackendSettings
    media: MediaSettings
    capacity: CapacitySetting
    overload: OverloadSettings
    longest_call_s: int
    """A call that lasts longer ends; a ticket lives as long as this and a little more."""
    setup_window_s: float
    """From the answer to the first valid check."""
    consent_s: float
    """A call without a valid check for this long ends (RFC 7675)."""
    drain_deadline_s: float
    """After the drain began, what is still live ends."""
    exports: ExportSettings | None
    """None: a call ends with its pod."""
    log_level: str

    @classmethod
    def from_env(cls, variables: Mapping[str, str]) -> Self:
        """Raises SettingError."""
        env = Environment(variables)
        tables = table_setting(variables)
        return cls(
            pod=env.text("ANTIPHON_POD", default=socket.gethostname()),
            first_route=_first_route(env),
            hop_address=env.address("ANTIPHON_HOP_ADDRESS", default="127.0.0.1:7200"),
            vip=_vip(env, tables),
            http_address=env.address("ANTIPHON_HTTP_ADDRESS", default="127.0.0.1:7300"),
            keys_file=env.path("ANTIPHON_KEYS_FILE"),
            tables=tables,
            control_token_file=env.path("ANTIPHON_CONTROL_TOKEN_FILE"),
            backend=_backend(env),
            media=_media(env),
            capacity=_capacity(env),
            overload=OverloadSettings(
                period_s=env.seconds("ANTIPHON_OVERLOAD_PERIOD_S", default=1.0, maximum=60.0),
                shed_after=env.integer("ANTIPHON_SHED_AFTER_PERIODS", default=5, minimum=0, maximum=1000),
            ),
            longest_call_s=env.longest_call_s(),
            setup_window_s=env.seconds("ANTIPHON_SETUP_WINDOW_S", default=15.0, minimum=0.1, maximum=3600),
            consent_s=env.seconds("ANTIPHON_CONSENT_S", default=30.0, minimum=0.1, maximum=3600),
            drain_deadline_s=env.seconds("ANTIPHON_DRAIN_DEADLINE_S", default=30.0, maximum=7 * 86_400),
            exports=ExportSettings.from_env(env),
            log_level=env.choice("ANTIPHON_LOG_LEVEL", LEVELS, default="info"),
        )


def _capacity(env: Environment) -> CapacitySetting:
    name, measured = "ANTIPHON_CAPACITY", "auto"
    probe_s = env.seconds("ANTIPHON_CAPACITY_PROBE_S", default=0.25, maximum=2.0)
    if env.text(name, default=measured) != measured:
        return CapacitySetting(env.integer(name, minimum=1, maximum=100_000), probe_s)
    if probe_s == 0:
        raise SettingError(name, "must be a number where ANTIPHON_CAPACITY_PROBE_S is 0", "60")
    return CapacitySetting(None, probe_s)


def _first_route(env: Environment) -> int:
    first = env.integer("ANTIPHON_ROUTES", maximum=2**32 - BLOCK_SIZE)
    if first % BLOCK_SIZE:
        raise SettingError("ANTIPHON_ROUTES", f"must be a multiple of {BLOCK_SIZE}", "305419896")
    return first


def _vip(env: Environment, tables: TableSetting) -> tuple[Address, ...]:
    vip = env.addresses("ANTIPHON_VIP", default=())
    if not vip and isinstance(tables, TableFile):
        raise SettingError("ANTIPHON_VIP", "is required", "192.0.2.2:3478")
    return vip


def _backend(env: Environment) -> BackendSettings:
    kind = BackendKind(env.choice("ANTIPHON_BACKEND", tuple(kind.value for kind in BackendKind), default="echo"))
    return BackendSettings(
        kind=kind,
        url=_backend_url(env) if kind is BackendKind.REALTIME else URL(),
        key_file=env.path("ANTIPHON_BACKEND_KEY_FILE", default=None),
        connect_timeout_s=env.seconds("ANTIPHON_BACKEND_CONNECT_TIMEOUT_S", default=5.0, minimum=0.1, maximum=60),
        probe_s=env.seconds("ANTIPHON_BACKEND_PROBE_S", default=30.0, maximum=3600),
    )


def _media(env: Environment) -> MediaSettings:
    modes, frames = tuple(mode.value for mode in UplinkMode), tuple(str(length) for length in FRAME_LENGTHS_MS)
    return MediaSettings(
        chunk_ms=env.integer("ANTIPHON_AUDIO_CHUNK_MS", default=40, minimum=20, maximum=100),
        bitrate=env.integer("ANTIPHON_OPUS_BITRATE", default=32_000, minimum=6_000, maximum=510_000),
        complexity=env.integer("ANTIPHON_OPUS_COMPLEXITY", default=5, minimum=0, maximum=10),
        frame_ms=int(env.choice("ANTIPHON_OPUS_FRAME_MS", frames, default="20")),
        uplink_mode=UplinkMode(env.choice("ANTIPHON_UPLINK_MODE", modes, default=UplinkMode.SPEED.value)),
        workers=env.integer("ANTIPHON_MEDIA_WORKERS", default=0, minimum=0, maximum=1024),
    )


def _backend_url(env: Environment) -> URL:
    name, example = "ANTIPHON_BACKEND_URL", "ws://127.0.0.1:8090/v1/realtime"
    try:
        url = URL(env.text(name, example=example))
    except ValueError as error:
        raise SettingError(name, f"is no URL ({error})", example) from error
    if url.scheme not in ("ws", "wss") or not url.host or not url.port:
        raise SettingError(name, "must be a ws:// or wss:// URL with a host", example)
    return url
