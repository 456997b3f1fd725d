"""Where calls are written down, so that they outlive their process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from redis.asyncio.connection import parse_url

from antiphon_wire.environment import Environment, SettingError

_KEYS, _URL = "ANTIPHON_EXPORT_KEYS_FILE", "ANTIPHON_EXPORT_URL"
_URL_EXAMPLE = "redis://127.0.0.1:6379/1"


@dataclass(frozen=True)
class ExportSettings:
    keys_file: Path
    """A key ring of its own, which only transceivers hold: who has it can read the calls."""
    url: str = field(repr=False)
    """Of a Redis that keeps what it has acknowledged. It may hold a password."""
    replicas: int
    """That have to have an export before it counts as stored: as many as may be promoted."""
    interval_s: float
    """Between two exports of a call."""
    clock_error_s: float
    """How far two pods' clocks may lie apart."""

    @classmethod
    def from_env(cls, env: Environment) -> Self | None:
        """None: calls are not written down. Raises SettingError."""
        keys_file, url = env.path(_KEYS, default=None), env.text(_URL, default=None, example=_URL_EXAMPLE)
        if keys_file is None and url is None:
            return None
        if keys_file is None:
            raise SettingError(_KEYS, f"is required beside {_URL}", "/etc/antiphon/export-keys/keys.json")
        if url is None:
            raise SettingError(_URL, f"is required beside {_KEYS}", _URL_EXAMPLE)
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise SettingError(_URL, "must be a redis://, rediss:// or unix:// URL", _URL_EXAMPLE)
        try:
            parse_url(url)
        except ValueError:
            # Its text may hold a part of the password.
            problem = "cannot be read; is a / or # of the password not %-encoded?"
            raise SettingError(_URL, problem, _URL_EXAMPLE) from None
        return cls(
            keys_file=keys_file,
            url=url,
            replicas=env.integer("ANTIPHON_EXPORT_REPLICAS", default=0, maximum=16),
            interval_s=env.seconds("ANTIPHON_EXPORT_INTERVAL_S", default=3.0, minimum=0.1, maximum=30),
            clock_error_s=env.seconds("ANTIPHON_EXPORT_CLOCK_ERROR_S", default=0.5, maximum=10),
        )
