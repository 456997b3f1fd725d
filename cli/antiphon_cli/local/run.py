"""One run of `antiphon up`, from the first child's start to the last one's end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence

from antiphon_cli.backoff import Backoff
from antiphon_cli.local.children import Child
from antiphon_cli.local.plan import TransceiverPlan
from antiphon_cli.supervisor import Supervisor

COUNT_INTERVAL_S = 1.0
STOP_ORDER = ("signaling", "transceiver", "relay", "agent")
"""No new calls, then no calls, then nothing left for the relay and the agent to do."""


async def run_children(children: Sequence[Child], say: Callable[[str], None], started: Callable[[], None]) -> None:
    """Until SIGINT or SIGTERM; then every child has ended. Raises `StartError` when one cannot be started."""
    supervisor = Supervisor([child.plan for child in children], say)
    stop = _stop_on_signals(supervisor, say)
    told = {child.told.name: child.told.what for child in children}
    starting = asyncio.create_task(
        supervisor.start(lambda name, took_s: say(f"  {name:<14} {told[name]:<54} {took_s:4.1f} s"))
    )
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            started()
        await stop.wait()
        longest_s = max(child.plan.stop_timeout_s for child in children)
        say(f"\nStopping: no new calls; live ones have at most {longest_s:.0f} s to end. Ctrl-C again ends them now.")
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await supervisor.stop([[c.told.name for c in children if c.told.part == part] for part in STOP_ORDER])


async def count_calls(
    transceivers: Sequence[TransceiverPlan],
    counted: Callable[[TransceiverPlan, int], None],
    live_calls: Callable[[str], Awaitable[int | None]],
    say: Callable[[str], None],
) -> None:
    """For ever, so that a transceiver's death can say how many calls it cost."""
    backoff = Backoff()
    while True:
        wait_s = COUNT_INTERVAL_S
        try:
            for pod in transceivers:
                live = await live_calls(f"http://{pod.address}")
                if live is not None:
                    counted(pod, live)
            backoff.succeeded()
        except Exception as error:  # noqa: BLE001 - a task's root, per round: without a next one no death would be priced
            wait_s = backoff.failed()
            say(f"calls cannot be counted ({type(error).__name__}: {error}); again in {wait_s:.1f} s")
        await asyncio.sleep(wait_s)


def _stop_on_signals(supervisor: Supervisor, say: Callable[[str], None]) -> asyncio.Event:
    stop = asyncio.Event()

    def asked_to_stop() -> None:
        if stop.is_set():
            say("Ending now.")
            supervisor.hurry()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop)
    return stop
