"""What is wrong with the flags of `antiphon up`, told by their names: a child would name its variables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from antiphon_cli.ip_literal import is_ip_literal
from antiphon_cli.local.plan import UpOptions

ORIGINS_VARIABLE = "ANTIPHON_ALLOWED_ORIGINS"


def with_inherited_origins(options: UpOptions, environ: Mapping[str, str]) -> UpOptions:
    """What the environment allows is allowed too: signaling's variable is written anew for it."""
    return replace(options, allowed_origins=(*options.allowed_origins, *_inherited_origins(environ)))


def inherited_problems(environ: Mapping[str, str]) -> list[str]:
    return _origin_problems(ORIGINS_VARIABLE, _inherited_origins(environ))


def flag_problems(options: UpOptions) -> list[str]:
    found = []
    if options.backend_url is not None and not _is_websocket_url(options.backend_url):
        found.append(f"--backend {options.backend_url}: must start with 'ws://' or 'wss://' and name a host")
    if options.redis_url is not None and not _is_redis_url(options.redis_url):
        # Not repeated: it may hold a password.
        found.append("--redis: must be a URL such as redis://127.0.0.1:6379")
    if options.vip is not None and not is_ip_literal(options.vip):
        found.append(f"--vip {options.vip}: must be an IPv4 or IPv6 address of this machine, such as 192.0.2.7")
    return found + _origin_problems("--allow-origin", options.allowed_origins)


def _inherited_origins(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(origin.strip() for origin in environ.get(ORIGINS_VARIABLE, "").split(",") if origin.strip())


def _origin_problems(source: str, origins: Iterable[str]) -> list[str]:
    wrong = [origin for origin in origins if not _is_origin(origin)]
    return [f"{source} '{origin}': must be an origin such as https://app.example.com" for origin in wrong]


def _is_origin(text: str) -> bool:
    if text == "*":
        return True
    try:
        parts = urlsplit(text.removesuffix(":*"))
        # Reading it is what checks it.
        _ = parts.port
    except ValueError:
        return False
    bare = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and bare and " " not in text


def _is_websocket_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("ws", "wss") and bool(parts.hostname)


def _is_redis_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return (parts.scheme in ("redis", "rediss") and bool(parts.hostname)) or (
        parts.scheme == "unix" and bool(parts.path)
    )
