"""Typed reading of the environment: what is wrong is said with the variable's name and an example."""

import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar, overload

from antiphon_wire.ticket import LONGEST_CALL_S

DEFAULT_LONGEST_CALL_S: Final = 3600

_D = TypeVar("_D")


class SettingError(ValueError):
    """A variable is missing or wrong; the text is one line for the person who set it."""

    def __init__(self, name: str, problem: str, example: str) -> None:
        super().__init__(f"{name} {problem}; for example {name}={example}")
        self.name = name


@dataclass(frozen=True, order=True)
class Address:
    """An IP literal and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `192.0.2.2:3478` or `[2001:db8::1]:3478`."""
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not (colon and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError("not an IP address with a port")
        ip = ipaddress.ip_address(host[1:-1] if bracketed else host)
        if bracketed != (ip.version == 6) or "%" in host:
            raise ValueError("not an IP address with a port")
        return cls(str(ip), int(port))

    @classmethod
    def parse_own(cls, text: str) -> Self:
        """Reads the same, and `2001:db8::1:3478`: what becomes of `$(POD_IP):3478` in a pod with an IPv6 address."""
        host, _, port = text.rpartition(":")
        bare = ":" in host and not host.startswith("[")
        return cls.parse(f"[{host}]:{port}" if bare else text)

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Environment:
    """Reads variables from a mapping; a variable that is empty counts as absent.

    Every method refuses an absent variable that has no default. A default of `None` makes the variable optional.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    @overload
    def text(self, name: str, *, example: str = ...) -> str: ...
    @overload
    def text(self, name: str, *, default: _D, example: str = ...) -> str | _D: ...
    def text(self, name: str, *, default: object = ..., example: str = "…") -> object:
        found = self._find(name)
        return _default(name, default, example) if found is None else found

    @overload
    def address(self, name: str) -> Address: ...
    @overload
    def address(self, name: str, *, default: str | Address) -> Address: ...
    @overload
    def address(self, name: str, *, default: None) -> Address | None: ...
    def address(self, name: str, *, default: object = ...) -> Address | None:
        """One of this process's own, whose IPv6 address need not stand in brackets."""
        found = self._find(name) or _default(name, default, _ADDRESS_EXAMPLE)
        if found is None or isinstance(found, Address):
            return found
        return _read_address(name, str(found), Address.parse_own)

    @overload
    def addresses(self, name: str) -> tuple[Address, ...]: ...
    @overload
    def addresses(self, name: str, *, default: str | tuple[Address, ...]) -> tuple[Address, ...]: ...
    def addresses(self, name: str, *, default: object = ...) -> tuple[Address, ...]:
        """A comma-separated list without repetitions."""
        found = self._find(name) or _default(name, default, _ADDRESSES_EXAMPLE)
        if isinstance(found, tuple):
            return found
        texts = [text.strip() for text in str(found).split(",") if text.strip()]
        addresses = tuple(_read_address(name, text, Address.parse) for text in texts)
        if len(set(addresses)) != len(addresses):
            raise SettingError(name, "names an address twice", _ADDRESSES_EXAMPLE)
        return addresses

    @overload
    def integer(self, name: str, *, minimum: int = ..., maximum: int = ...) -> int: ...
    @overload
    def integer(self, name: str, *, default: _D, minimum: int = ..., maximum: int = ...) -> int | _D: ...
    def integer(self, name: str, *, default: object = ..., minimum: int = 0, maximum: int = 2**63 - 1) -> object:
        """A whole number, decimal or 0x…."""
        example = str(max(minimum, 1))
        found = self._find(name)
        if found is None:
            return _default(name, default, example)
        try:
            number = int(found, 16 if found.lower().startswith("0x") else 10)
        except ValueError:
            raise SettingError(name, f"must be a whole number, not {found!r}", example) from None
        _check_bounds(name, number, minimum, maximum)
        return number

    @overload
    def seconds(self, name: str, *, minimum: float = ..., maximum: float = ...) -> float: ...
    @overload
    def seconds(self, name: str, *, default: _D, minimum: float = ..., maximum: float = ...) -> float | _D: ...
    def seconds(self, name: str, *, default: object = ..., minimum: float = 0.0, maximum: float = 10.0**9) -> object:
        found = self._find(name)
        if found is None:
            return _default(name, default, _SECONDS_EXAMPLE)
        try:
            number = float(found)
        except ValueError:
            raise SettingError(name, f"must be a number of seconds, not {found!r}", _SECONDS_EXAMPLE) from None
        _check_bounds(name, number, minimum, maximum)
        return number

    @overload
    def path(self, name: str) -> Path: ...
    @overload
    def path(self, name: str, *, default: str | Path) -> Path: ...
    @overload
    def path(self, name: str, *, default: None) -> Path | None: ...
    def path(self, name: str, *, default: object = ...) -> Path | None:
        found = self._find(name) or _default(name, default, "/etc/antiphon/…")
        return None if found is None else Path(str(found))

    @overload
    def choice(self, name: str, choices: tuple[str, ...]) -> str: ...
    @overload
    def choice(self, name: str, choices: tuple[str, ...], *, default: _D) -> str | _D: ...
    def choice(self, name: str, choices: tuple[str, ...], *, default: object = ...) -> object:
        found = self._find(name)
        if found is None:
            return _default(name, default, choices[0])
        if found not in choices:
            raise SettingError(name, f"must be one of {', '.join(choices)}, not {found!r}", choices[0])
        return found

    def longest_call_s(self) -> int:
        """`ANTIPHON_LONGEST_CALL_S`, read in one way: who mints tickets and who checks them must agree on it."""
        name = "ANTIPHON_LONGEST_CALL_S"
        return self.integer(name, default=DEFAULT_LONGEST_CALL_S, minimum=1, maximum=LONGEST_CALL_S)

    def _find(self, name: str) -> str | None:
        return self._variables.get(name, "").strip() or None


_ADDRESS_EXAMPLE: Final = "192.0.2.2:3478"
_ADDRESSES_EXAMPLE: Final = "192.0.2.2:3478,[2001:db8::1]:3478"
_SECONDS_EXAMPLE: Final = "5"


def _default(name: str, default: object, example: str) -> object:
    if default is ...:
        raise SettingError(name, "is required", example)
    return default


def _read_address(name: str, text: str, parse: Callable[[str], Address]) -> Address:
    try:
        return parse(text)
    except ValueError:
        raise SettingError(name, f"must be an IP address and a port, not {text!r}", _ADDRESS_EXAMPLE) from None


def _check_bounds(name: str, number: float, minimum: float, maximum: float) -> None:
    # Written so that NaN fails.
    if not minimum <= number <= maximum:
        raise SettingError(name, f"must lie between {minimum} and {maximum}, not {number}", str(minimum))
