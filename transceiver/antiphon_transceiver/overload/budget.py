"""How many calls a machine carries, of what their work in the media threads costs there. Pure.

A rehearsal measures the work of the workers. What a call costs beside it is stated here as a share of that work, for it
is the same machine that does it: measured with 20 calls over loopback, each speaking and hearing without a pause.
"""

from dataclasses import dataclass
from math import floor, inf
from typing import Final

from antiphon_transceiver.backends import BackendKind

LOAD: Final = 0.7
"""Of the CPU, with all calls: what is left is for their beginnings, for bursts and for what else runs there."""

_THREADS: Final = 0.6
"""The socket, the pacer, waking all of them, and the kernel's part in each packet."""
_ECHO: Final = 0.12
_CONVERSATION: Final = 0.1
_MESSAGE_A_SECOND: Final = 0.012
"""Of a conversation: a chunk of sound up and one down."""


@dataclass(frozen=True)
class Work:
    """What the workers were measured to do for one call."""

    cpu_share: float
    """Of a CPU."""


def calls_carried(work: Work, cpus: float, *, kind: BackendKind, chunk_ms: int, workers: float = inf) -> int:
    """At least one. The event loop is one thread, and there are so many workers: more CPUs help them no further."""
    python = work.cpu_share * python_share(kind, chunk_ms)
    whole = work.cpu_share * (1 + _THREADS) + python
    most = min(cpus * LOAD / whole, min(1.0, cpus) * LOAD / python, workers * LOAD / work.cpu_share)
    return max(1, floor(most))


def python_share(kind: BackendKind, chunk_ms: int) -> float:
    """The event loop's work for a call, as a share of the workers'."""
    match kind:
        case BackendKind.ECHO:
            return _ECHO
        case BackendKind.REALTIME:
            return _CONVERSATION + _MESSAGE_A_SECOND * 1000 / chunk_ms
