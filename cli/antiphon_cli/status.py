"""`antiphon status`: what `antiphon up` runs in a state folder, asked of each child now."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from antiphon_cli.local.own_command import own_command
from antiphon_cli.local.probes import Probes
from antiphon_cli.local.state_dir import Run, RunningChild, is_running, read_run
from antiphon_cli.version import version


def status(state_dir: Path) -> int:
    """0: all ready; 1: something is not, or nothing runs."""
    run = read_run(state_dir)
    if run is None or not is_running(state_dir):
        print(f"nothing runs with {state_dir}. Start it: {own_command()} up")
        return 1
    return asyncio.run(_status(run, state_dir))


async def _status(run: Run, state_dir: Path) -> int:
    token = (state_dir / "control-token").read_text().strip()
    certificate = state_dir / "certificate.pem" if run.insecure else None
    async with Probes(token=token, certificate=certificate) as probes:
        rows = await asyncio.gather(*(_row(child, probes) for child in run.children))
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
