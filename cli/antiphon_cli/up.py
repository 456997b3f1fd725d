"""`antiphon up`: the whole service on this machine, from the manifests that a cluster takes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon_cli.local.addresses import LOOPBACK, default_route_address
from antiphon_cli.local.agent import NONE, AgentError, find_agent
from antiphon_cli.local.environment import inherited
from antiphon_cli.local.flags import flag_problems, inherited_problems, with_inherited_origins
from antiphon_cli.local.own_command import DEFAULT_STATE_DIR, own_command
from antiphon_cli.local.plan import (
    InternalPorts,
    LocalPlan,
    UpOptions,
    replicas,
    transceiver_plans,
    udp_port,
    vip,
    warnings,
)
from antiphon_cli.local.ports import Port, PortsError, Protocol, free_ports, free_run, reserved_range, trouble
from antiphon_cli.local.shown_path import shown_path
from antiphon_cli.local.state_dir import Run, StateDir, StateDirError, write_private
from antiphon_cli.manifests import ManifestError, Manifests, parse_manifests
from antiphon_cli.version import version

FIRST_INTERNAL_PORT = 17_100
INTERNAL_PORTS = 200
MOST_WORKERS = 4
"""More than a machine's own calls ever need; --workers sets any number."""
REFUSED = 2
"""Exit code when nothing was started."""


@dataclass(frozen=True)
class UpRequest:
    options: UpOptions
    file: Path | None
    agent: str | None
    key_env: str | None
    state_dir: Path


class UpError(Exception):
    """Nothing was started; the message says why, and what to do."""


def up(request: UpRequest, environ: Mapping[str, str]) -> int:
    """Runs until it is stopped; the exit code."""
    try:
        with (
            reserved_range(FIRST_INTERNAL_PORT, INTERNAL_PORTS) as first_port,
            contextlib.closing(StateDir(request.state_dir)) as state,
        ):
            plan = _plan(request, environ, first_port)
            _check_ports(plan)
            _greet(plan)
            return asyncio.run(_run(plan, state, request, environ))
    except (UpError, AgentError, StateDirError, PortsError) as error:
        _say(f"antiphon: {error}", error=True)
        return REFUSED


def _plan(request: UpRequest, environ: Mapping[str, str], first_port: int) -> LocalPlan:
    options = _options(request, environ)
    file = request.file or _quickstart()
    manifests = _read_manifests(file)
    agent = None if options.backend_url else find_agent(request.agent, manifests, file.parent)
    stated = manifests.relay.spec.workload.workers_per_pod
    workers = options.workers or stated or min(MOST_WORKERS, len(os.sched_getaffinity(0)))
    transceivers = sum(replicas(pool, options) for pool in manifests.pools)
    ports = _internal_ports(first_port, workers, transceivers)
    return LocalPlan(
        manifests=manifests,
        options=options,
        vip=vip(manifests, options, default_route_address()),
        udp_port=udp_port(manifests, options),
        workers=workers,
        ports=ports,
        agent=agent,
        transceivers=transceiver_plans(manifests, options, ports, agent),
        agent_declined=request.agent == NONE,
    )


def _options(request: UpRequest, environ: Mapping[str, str]) -> UpOptions:
    """Checked, and with the origins that the environment allows."""
    problems = [*flag_problems(request.options), *inherited_problems(environ)]
    if request.key_env is not None and not environ.get(request.key_env):
        problems.append(f"--key-env {request.key_env}: there is no such variable in the environment, or it is empty")
    if problems:
        raise UpError("\nantiphon: ".join(problems))
    return with_inherited_origins(request.options, environ)


def _quickstart() -> Path:
    """The checkout's examples/, from wherever the command is called, or those of the current folder."""
    for root in (Path.cwd(), Path(__file__).parents[2]):
        if (root / "examples" / "quickstart.yaml").is_file():
            return root / "examples" / "quickstart.yaml"
    raise UpError(
        "examples/quickstart.yaml is not here: it is in Antiphon's repository, not in the installed package. "
        "Run this in a checkout, or give your own manifests: antiphon up -f FILE"
    )


def _read_manifests(file: Path) -> Manifests:
    try:
        return parse_manifests(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UpError(f"{file} cannot be read: {error}") from error
    except ManifestError as error:
        raise UpError(f"{file} cannot be run:\n" + "\n".join(f"  {problem}" for problem in error.problems)) from error


def _internal_ports(first: int, workers: int, transceivers: int) -> InternalPorts:
    """Loopback ports that only the parts use among themselves: near each other, and free now."""
    hop = free_run(Protocol.UDP, LOOPBACK, first, workers)
    both = (Protocol.UDP, Protocol.TCP)
    http, agent, *pods = free_ports(both, LOOPBACK, hop + workers, 2 + transceivers)
    return InternalPorts(hop, http, agent, pods)


def _check_ports(plan: LocalPlan) -> None:
    udp = Port(Protocol.UDP, plan.vip, plan.udp_port)
    http = Port(Protocol.TCP, plan.http_host, plan.options.http_port)
    found = (
        trouble(udp, f"antiphon up --port {plan.udp_port + 1}"),
        trouble(http, f"antiphon up --http-port {plan.options.http_port + 1}"),
    )
    troubles = [sentence for sentence in found if sentence is not None]
    if troubles:
        raise UpError("\nantiphon: ".join(troubles))


def _greet(plan: LocalPlan) -> None:
    scope = f"HTTPS on {plan.vip} (--lan)" if plan.options.lan else "page on loopback only (--lan for phones)"
    _say(f"antiphon {version()}, local mode, {scope}")
    for warning in warnings(plan):
        _say(f"  note: {warning}")
    # The relay, signaling and maybe an agent stand beside the transceivers.
    processes = 2 + len(plan.transceivers) + (plan.agent is not None)
    _say(f"  starting {processes} processes, about 2 s")


async def _run(plan: LocalPlan, state: StateDir, request: UpRequest, environ: Mapping[str, str]) -> int:
    # The HTTP client takes a third of a second to import: not before the first line is out.
    from antiphon_cli.local.children import Children
    from antiphon_cli.local.pods import Pods
    from antiphon_cli.local.probes import Probes
    from antiphon_cli.local.run import count_calls, run_children
    from antiphon_cli.supervisor import StartError

    key_env = request.key_env
    await _note_what_is_missing(plan, request.file or Path("quickstart.yaml"))
    token = state.begin()
    if plan.options.lan:
        _write_certificate(plan, state)
    if key_env is not None:
        write_private(state.backend_key, environ[key_env])
    certificate = state.certificate if plan.options.lan else None
    async with Probes(token=token, certificate=certificate) as probes:
        pods = Pods(plan, state.publish_routes)
        variables = inherited(environ, {key_env} if key_env else set())
        backend_key = state.backend_key if key_env else None
        children = Children(plan, state, probes, variables, backend_key).all(pods)
        told = tuple(child.told for child in children)
        state.record(Run(os.getpid(), time.time(), plan.talk_url, plan.options.lan, told))
        counting = asyncio.create_task(count_calls(plan.transceivers, pods.counted, probes.live_calls, _say))
        try:
            await run_children(children, _say, lambda: _tell_how_to_go_on(plan, state))
        except StartError as error:
            _say(f"antiphon: {error}", error=True)
            return 1
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)
    _say("Stopped.")
    return 0


async def _note_what_is_missing(plan: LocalPlan, file: Path) -> None:
    from antiphon_cli.local.outside import notes, outsides
    from antiphon_cli.local.probes import accepts_connections

    for note in await notes(outsides(plan, file.name), accepts_connections):
        _say(f"  note: {note}")


def _write_certificate(plan: LocalPlan, state: StateDir) -> None:
    from antiphon_cli.local.certificate import self_signed

    certificate, key = self_signed(plan.vip, dt.datetime.now(dt.UTC))
    write_private(state.certificate, certificate)
    write_private(state.certificate_key, key)


def _tell_how_to_go_on(plan: LocalPlan, state: StateDir) -> None:
    insecure = " --insecure" if plan.options.lan else ""
    phone = " (on a phone too; accept the self-signed certificate)" if plan.options.lan else ""
    _say(f"Talk:   {plan.talk_url}{phone}")
    command = own_command()
    default = state.path == DEFAULT_STATE_DIR.resolve()
    folder = "" if default else f" --state-dir {shlex.quote(shown_path(state.path))}"
    again = f"`{command} status{folder}` shows this table again"
    _say(f"Check:  {command} call {plan.talk_url}{insecure}")
    _say(f"SDKs:   OpenAI base URL {plan.talk_url}/v1, any key")
    _say(f"Ctrl-C ends calls politely; logs in {shown_path(state.logs)}; {again}")


def _say(line: str, *, error: bool = False) -> None:
    # Whoever read the output may be gone (`antiphon up | head`); the calls are not.
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stderr if error else sys.stdout, flush=True)
