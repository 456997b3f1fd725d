"""Which web origins may use the API: the CORS policy, pure (Fetch standard, "CORS protocol")."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

EXPOSED_HEADERS = "Location, Server-Timing, x-request-id, Retry-After"
ALLOWED_METHODS = "GET, POST, PATCH"
PREFLIGHT_MAX_AGE_S = 7200
"""Chromium remembers a preflight no longer than this; without it a call costs a second round trip."""

_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(\s*,\s*[A-Za-z0-9-]+)*")
_DEFAULT_PORT = {"http": 80, "https": 443}


class OriginPatternError(ValueError):
    """A configured origin is not of the form scheme://host[:port]."""


@dataclass(frozen=True)
class OriginPattern:
    """One allowed origin; `port` None stands for any port."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> OriginPattern:
        any_port = text.endswith(":*")
        scheme, host, port = _split(text[:-2] if any_port else text)
        if any_port and text.count(":") > 2 and not text.endswith("]:*"):
            raise OriginPatternError(f"{text!r}: one port or *, not both")
        return cls(scheme, host, None if any_port else port)

    def matches(self, origin: str) -> bool:
        try:
            scheme, host, port = _split(origin)
        except OriginPatternError:
            return False
        return (scheme, host) == (self.scheme, self.host) and self.port in (None, port)


@dataclass(frozen=True)
class OriginPolicy:
    patterns: tuple[OriginPattern, ...] = ()
    everyone: bool = False
    """`*` was written out: a public API on purpose."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> OriginPolicy:
        wanted = [text.strip() for text in texts if text.strip()]
        return cls(tuple(OriginPattern.parse(text) for text in wanted if text != "*"), "*" in wanted)

    def allows(self, origin: str, *, host: str, reads: bool = False) -> bool:
        """Whether `origin` may call the service that the request's Host header names; `reads`: with GET.

        Most GETs of a page's own server bear no Origin, so that refusing the others (module scripts) guards nothing.
        """
        return (
            self.everyone
            or any(pattern.matches(origin) for pattern in self.patterns)
            or (_is_own(origin, host) and (reads or self._cannot_be_rebound(origin)))
        )

    def _cannot_be_rebound(self, origin: str) -> bool:
        """Anyone can point a name of theirs at our address (DNS rebinding): their page then looks like our own.

        They cannot do so with an address, with localhost, with a name that is configured, or over https: a browser
        that came by https has seen a certificate for the name.
        """
        scheme, host, _ = _split(origin)
        named = host == "localhost" or any(pattern.host == host for pattern in self.patterns)
        return scheme == "https" or named or _is_address(host)

    def refusal(self, origin: str) -> str:
        return (
            f"Origin {origin[:200]!r} is not allowed here. Add it to ANTIPHON_ALLOWED_ORIGINS of the signaling "
            "service, for example http://localhost:5173, or http://localhost:* for any port."
        )


def preflight_headers(origin: str, requested: str) -> list[tuple[str, str]]:
    headers = [
        *response_headers(origin),
        ("access-control-allow-methods", ALLOWED_METHODS),
        ("access-control-max-age", str(PREFLIGHT_MAX_AGE_S)),
    ]
    # SDKs add headers of their own by the dozen; none of them can do harm here, so what was asked for is allowed.
    if len(requested) <= 1024 and _HEADER_NAMES.fullmatch(requested.strip()):
        headers.append(("access-control-allow-headers", requested.strip()))
    return headers


def response_headers(origin: str) -> Sequence[tuple[str, str]]:
    return (("access-control-allow-origin", origin), ("access-control-expose-headers", EXPOSED_HEADERS))


def _is_own(origin: str, host: str) -> bool:
    """Browsers send Origin with every POST, also to the page's own server.

    The scheme is left out of the comparison: behind a proxy that ends TLS we see http where the browser says https.
    """
    try:
        scheme, origin_host, origin_port = _split(origin)
        _, own_host, own_port = _split(f"{scheme}://{host}")
    except OriginPatternError:
        return False
    return (origin_host, origin_port) == (own_host, own_port)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _split(origin: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(origin)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise OriginPatternError(f"{origin!r}: {error}") from None
    bare = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if scheme not in _DEFAULT_PORT or not host or not bare:
        raise OriginPatternError(f"{origin!r} is not an origin such as https://app.example.com")
    return scheme, host, port if port is not None else _DEFAULT_PORT[scheme]
