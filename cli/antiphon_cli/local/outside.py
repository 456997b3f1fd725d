"""What a run leans on that it does not start itself: backends and Redis. Where nothing answers a note says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from antiphon_cli.local.addresses import LOOPBACK
from antiphon_cli.local.plan import LocalPlan
from antiphon_wire.environment import Address

DEFAULT_PORTS = {"ws": 80, "wss": 443, "redis": 6379, "rediss": 6379}

AcceptsConnections = Callable[[str, int], Awaitable[bool]]


@dataclass(frozen=True)
class Outside:
    host: str
    port: int
    note: str
    """Said when nothing answers there."""


def outsides(plan: LocalPlan, manifests_name: str) -> list[Outside]:
    agent = (LOOPBACK, plan.ports.agent) if plan.agent is not None else None
    urls = dict.fromkeys(pod.backend_url for pod in plan.transceivers if pod.backend_url is not None)
    found = [_backend(url, plan, manifests_name) for url in urls if _place(url) != agent]
    redis_url = plan.options.redis_url
    if redis_url is not None and urlsplit(redis_url).scheme in DEFAULT_PORTS:
        consequence = "calls work, but a relay that restarts waits for the next STUN check"
        found.append(Outside(*_place(redis_url), f"no Redis at {_shown(redis_url)}: {consequence}"))
    return found


async def notes(found: list[Outside], accepts_connections: AcceptsConnections) -> list[str]:
    """Not errors: what does not answer yet may come later."""
    answered = await asyncio.gather(*(accepts_connections(outside.host, outside.port) for outside in found))
    return [outside.note for outside, answers in zip(found, answered, strict=True) if not answers]


def _backend(url: str, plan: LocalPlan, manifests_name: str) -> Outside:
    host, port = _place(url)
    if plan.options.backend_url is not None:
        return Outside(host, port, f"nothing answers at {_shown(url)} (--backend): calls fail until something does")
    folder = f"no folder {host}/ beside {manifests_name}" if plan.agent is None and "." not in host else ""
    missing = f"; {folder}" if folder and not plan.agent_declined else ""
    return Outside(host, port, f"nothing answers at {_shown(url)}{missing}. Give --agent PATH or --backend URL")


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)


def _shown(url: str) -> str:
    """Without what may be a secret: user, password, query."""
    return f"{urlsplit(url).scheme}://{Address(*_place(url))}"
