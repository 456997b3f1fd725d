"""What a relay is set to; `docs/interfaces.md` lists the variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from antiphon_relay._extension import MAX_LISTEN
from antiphon_wire.environment import Address, Environment, SettingError
from antiphon_wire.logs import LEVELS
from antiphon_wire.table_setting import TableSetting, table_setting


@dataclass(frozen=True)
class Settings:
    keys_file: Path
    tables: TableSetting
    http: Address
    """Health and metrics."""
    listen: tuple[Address, ...]
    """Client-side UDP addresses."""
    hop: Address
    """The first worker's; worker i has the port plus i."""
    workers: int
    max_flows: int
    """For the whole process: bounds its memory, about 100 bytes each."""
    flow_idle_s: int
    """A client checks at least every 6 s (RFC 7675 §5.1), so this forgives a few lost checks."""
    new_flows_per_prefix: int
    """A second, per /24 or /56; twice as many at once."""
    longest_call_s: int
    """Of any pool: bounds how far ahead a ticket may expire."""
    clock_skew_s: int
    redis_url: str | None
    drain_s: float
    """How long packets are served after SIGTERM while another relay can take the flows over."""
    grace_s: float
    """The same at most, while none can."""
    log_level: str

    @classmethod
    def from_env(cls, variables: Mapping[str, str], *, cpus: int) -> Self:
        """`cpus`: how many this process may use."""
        env = Environment(variables)
        return cls(
            keys_file=env.path("ANTIPHON_KEYS_FILE"),
            tables=table_setting(variables),
            http=env.address("ANTIPHON_HTTP_ADDRESS"),
            listen=listen_of(env),
            hop=env.address("ANTIPHON_HOP_ADDRESS", default="127.0.0.1:7100"),
            workers=env.integer("ANTIPHON_WORKERS", default=cpus, minimum=1, maximum=256),
            max_flows=env.integer("ANTIPHON_MAX_FLOWS", default=65536, minimum=1, maximum=1 << 24),
            flow_idle_s=env.integer("ANTIPHON_FLOW_IDLE_S", default=30, minimum=1, maximum=3600),
            new_flows_per_prefix=env.integer("ANTIPHON_NEW_FLOWS_PER_PREFIX", default=50, minimum=1, maximum=1_000_000),
            longest_call_s=env.longest_call_s(),
            clock_skew_s=env.integer("ANTIPHON_CLOCK_SKEW_S", default=60, maximum=3600),
            redis_url=env.text("ANTIPHON_REDIS_URL", default=None, example="redis://127.0.0.1:6379"),
            drain_s=env.seconds("ANTIPHON_DRAIN_S", default=5.0, maximum=3600),
            grace_s=env.seconds("ANTIPHON_GRACE_S", default=25.0, maximum=3600),
            log_level=env.choice("ANTIPHON_LOG_LEVEL", LEVELS, default="info"),
        )


def listen_of(env: Environment) -> tuple[Address, ...]:
    name = "ANTIPHON_LISTEN"
    addresses = env.addresses(name, default="0.0.0.0:3478")
    if len(addresses) > MAX_LISTEN:
        problem = f"names {len(addresses)} addresses, and a relay has at most {MAX_LISTEN}"
        raise SettingError(name, problem, "0.0.0.0:3478,[::]:3478")
    return addresses
