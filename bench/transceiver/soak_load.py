"""How many calls a soak is to have, where nobody says it."""

from pathlib import Path
from typing import Final

from bench.transceiver.budget import Budget
from bench.transceiver.contest import Contest
from bench.transceiver.measurement import Bench, Plan
from bench.transceiver.results import ServerResults
from bench.transceiver.servers import servers
from bench.transceiver.tools import build, encode_speech, floors_of

LONGEST_S: Final = 600.0
PLAN: Final = Plan(warm_up_s=2.0, window_s=4.0)
FIRST: Final = 50
MOST, TRIES = 800, 8
MOST_JITTER_MS: Final = 20.0
SERVER_OF: Final = {"echo": "echo", "agent": "realtime"}


def most_calls(folder: Path, share: float) -> dict[str, int]:
    """Half of the machine's share for each kind of call."""
    tools = build(folder, pion=False)
    spoken = encode_speech(tools.floors, folder)
    floors = floors_of(tools.floors, spoken, 1.0)
    found = {}
    for name, key in SERVER_OF.items():
        server = next(server for server in servers(tools) if server.key == key)
        results = ServerResults(key, floors[server.script], MOST_JITTER_MS)
        contest = Contest(Bench(tools, spoken, PLAN), server, results, Budget(LONGEST_S / len(SERVER_OF)))
        contest.offer(FIRST, "search")
        found[name] = max(1, int(contest.highest(MOST, TRIES).held * share / 2))
    return found
