"""What `antiphon up` will run: manifests and options in, every child's place in the machine out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from antiphon_cli.local.addresses import LOOPBACK, is_loopback
from antiphon_cli.local.routes import LocalRoutes
from antiphon_cli.manifests import Manifests
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_wire import Pool, Relay
from antiphon_wire.environment import Address

DEFAULT_HTTP_PORT = 8080
DRAIN_DEADLINE_S = 5
"""Ctrl-C waits so long for live calls, unless the pool's manifest says otherwise."""


@dataclass(frozen=True)
class UpOptions:
    """The command line; None: as the manifests say, or the default."""

    port: int | None = None
    http_port: int = DEFAULT_HTTP_PORT
    vip: str | None = None
    lan: bool = False
    redis_url: str | None = None
    transceivers: int | None = None
    backend_url: str | None = None
    allowed_origins: tuple[str, ...] = ()
    workers: int | None = None


@dataclass(frozen=True)
class Agent:
    """The agent that runs as a child: its program, and the host name by which manifests call it (None: all do)."""

    program: Path
    host_name: str | None


@dataclass(frozen=True)
class InternalPorts:
    """Chosen free on loopback just before the start."""

    relay_hop: int
    relay_http: int
    agent: int
    transceivers: Sequence[int]
    """Each is a transceiver's port for both, UDP (hop) and TCP (control)."""


@dataclass(frozen=True)
class TransceiverPlan:
    name: str
    pool: TransceiverPool
    port: int
    backend_url: str | None
    drain_deadline_s: int = DRAIN_DEADLINE_S

    @property
    def address(self) -> str:
        return str(Address(LOOPBACK, self.port))


@dataclass(frozen=True)
class LocalPlan:
    manifests: Manifests
    options: UpOptions
    vip: str
    udp_port: int
    workers: int
    ports: InternalPorts
    agent: Agent | None
    transceivers: tuple[TransceiverPlan, ...]
    agent_declined: bool = False
    """`--agent none`: that there is none is no surprise."""

    @property
    def http_host(self) -> str:
        return self.vip if self.options.lan else LOOPBACK

    @property
    def talk_url(self) -> str:
        scheme = "https" if self.options.lan else "http"
        return f"{scheme}://{Address(self.http_host, self.options.http_port)}"

    @property
    def relay_address(self) -> str:
        return str(Address(self.vip, self.udp_port))

    @property
    def longest_call_s(self) -> int:
        """Of all pools: relay and signaling check tickets of them all."""
        return max(pool.spec.session.max_duration_seconds for pool in self.manifests.pools)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        own = (self.talk_url,) if self.options.lan else ()
        local = ("http://localhost:*", "http://127.0.0.1:*")
        return (*local, *own, *self.manifests.relay.spec.signaling.allowed_origins, *self.options.allowed_origins)

    def first_routes(self) -> LocalRoutes:
        pools = self.manifests.pools
        return LocalRoutes(
            cluster_id=self.manifests.relay.spec.cluster_id,
            relay=Relay("relay-0", str(Address(LOOPBACK, self.ports.relay_hop)), self.workers),
            pools=tuple(
                Pool(pool.metadata.name, pool.spec.models, default=index == 0) for index, pool in enumerate(pools)
            ),
        )


def udp_port(manifests: Manifests, options: UpOptions) -> int:
    return options.port or manifests.relay.spec.exposure.port


def vip(manifests: Manifests, options: UpOptions, default_route: str) -> str:
    stated = manifests.relay.spec.public_addresses
    return options.vip or (stated[0].ip if stated else default_route)


def replicas(pool: TransceiverPool, options: UpOptions) -> int:
    return options.transceivers or pool.spec.replicas


def transceiver_plans(
    manifests: Manifests, options: UpOptions, ports: InternalPorts, agent: Agent | None
) -> tuple[TransceiverPlan, ...]:
    pools = [pool for pool in manifests.pools for _ in range(replicas(pool, options))]
    return tuple(
        TransceiverPlan(
            f"t{index}",
            pool,
            port,
            backend_url(pool, options, agent, ports.agent),
            drain_deadline_s(pool, manifests),
        )
        for index, (pool, port) in enumerate(zip(pools, ports.transceivers, strict=True))
    )


def drain_deadline_s(pool: TransceiverPool, manifests: Manifests) -> int:
    return pool.spec.drain.deadline_seconds if pool.metadata.name in manifests.with_drain_deadline else DRAIN_DEADLINE_S


def stated_url(pool: TransceiverPool) -> str | None:
    """The backend that the manifest names; None: the pool echoes."""
    return pool.spec.backend.realtime.url if pool.spec.backend.realtime else None


def backend_url(pool: TransceiverPool, options: UpOptions, agent: Agent | None, agent_port: int) -> str | None:
    """Where the pool's calls go: --backend, else the agent that runs here, else what the manifest says."""
    if options.backend_url is not None:
        return options.backend_url
    stated = stated_url(pool)
    if stated is None or agent is None:
        return stated
    parts = urlsplit(stated)
    if agent.host_name not in (None, parts.hostname):
        return stated
    return urlunsplit(("ws", str(Address(LOOPBACK, agent_port)), parts.path, parts.query, ""))


def warnings(plan: LocalPlan) -> list[str]:
    """What a newcomer would else find out the hard way."""
    said = [f"not in local mode: {left_out}" for left_out in plan.manifests.left_out]
    if is_loopback(plan.vip):
        said.append(f"callers will be told {plan.vip}: Firefox refuses loopback; for it give --vip ADDRESS")
    if plan.options.transceivers is not None and len(plan.manifests.pools) > 1:
        said.append(f"--transceivers {plan.options.transceivers} is for each of {len(plan.manifests.pools)} pools")
    return said
