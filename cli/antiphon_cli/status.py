"""`antiphon status`: what `antiphon up` runs in a state folder, asked of each child now; else what a cluster runs."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon_cli.cluster.scope import Scope, names_a_cluster
from antiphon_cli.local.own_command import own_command
from antiphon_cli.local.probes import Probes
from antiphon_cli.local.state_dir import Run, RunningChild, is_running, read_run
from antiphon_cli.version import version


@dataclass(frozen=True)
class StatusRequest:
    state_dir: Path
    scope: Scope
    cluster: bool
    """Whether a cluster is asked for, whatever runs here."""
    as_json: bool


def status(request: StatusRequest, environ: Mapping[str, str]) -> int:
    """0: all ready; 1: something is not, or nothing runs."""
    run = None if request.cluster else _run_of(request.state_dir)
    if run is not None:
        return asyncio.run(_local(run, request))
    if request.cluster or names_a_cluster(environ):
        if not request.cluster:
            print(f"nothing runs here with {request.state_dir}; this is the cluster", file=sys.stderr)
        from antiphon_cli.cluster.look import look

        return asyncio.run(look(request.scope, environ, as_json=request.as_json))
    print(f"nothing runs with {request.state_dir}. Start it: {own_command()} up")
    return 1


def _run_of(state_dir: Path) -> Run | None:
    run = read_run(state_dir)
    return run if run is not None and is_running(state_dir) else None


async def _local(run: Run, request: StatusRequest) -> int:
    token = (request.state_dir / "control-token").read_text().strip()
    certificate = request.state_dir / "certificate.pem" if run.insecure else None
    async with Probes(token=token, certificate=certificate) as probes:
        rows = await asyncio.gather(*(_row(child, probes) for child in run.children))
    if request.as_json:
        children = [
            {"name": child.name, "what": child.what, "state": state}
            for child, state in zip(run.children, rows, strict=True)
        ]
        print(json.dumps({"pid": run.pid, "talk": run.talk, "children": children}, indent=1))
    else:
        print(f"antiphon {version()}, local mode, up for {time.time() - run.started_at:.0f} s (pid {run.pid})")
        for child, state in zip(run.children, rows, strict=True):
            print(f"  {child.name:<14} {child.what:<54} {state}")
        print(f"Talk:   {run.talk}")
    return 0 if all(state != NOT_READY for state in rows) else 1


NOT_READY = "not ready"


async def _row(child: RunningChild, probes: Probes) -> str:
    if not await probes.is_ready(child.url):
        return NOT_READY
    live = await probes.live_calls(child.url) if child.part == "transceiver" else None
    return "ready" if live is None else f"ready, {live} {'call' if live == 1 else 'calls'}"
