"""What a call costs the transceiver, and how late its sound is, beside other WebRTC servers on the same load.

A generator (pion) places all calls at once and sends 50 Opus packets a second of real speech in each; every server
decodes and encodes. CPU is that of the server's process and all below it, over the window, by the kernel's count;
memory is PSS against the idle server. Everything runs on this machine over loopback: the ratios are what carries over.

  jitter       deviation of the packets' arrival, by the kernel's stamp at the generator, from a 20 ms grid. The
               transceiver's packets come by way of the relay; str0m and pion answer each packet as it comes, so that
               theirs has the generator's own lateness in it.
  bare timer   the same of a thread that only sleeps, in the same window.
  uplink       from a packet's sending until its sound was at the agent, which the generator itself is here.
  handed on    the same of the packets alone that complete a chunk.
  round trip   of an echo, by the sizes of its packets, which follow the speech; good to a frame.
  beside       CPU-s/call-min of what else the calls went through: no part of the server's.
  × libopus    against libopus alone, which decodes and encodes the same speech (printed above the table).

Servers take turns, size by size; afterwards the highest number of calls that holds is sought for each (all connected,
at most 0.1 % lost, p99 of jitter under a bound), and a share of it, 70 %, is measured for longer. The generator needs
its part of the same CPUs, so that number is this machine's. What did not hold for lateness or loss is tried once more,
since the machine may have had a hiccup; a server that did not hold a size is not offered a larger one. The last table
says which goals are met; where one is not, the server's threads follow, and its hottest functions if `perf` may be
used. What the time does not allow is left out, and said.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bench.transceiver.budget import Budget
from bench.transceiver.contest import Contest, Course, say
from bench.transceiver.goals import Verdict, goals_table, verdicts
from bench.transceiver.headline import readme_rows
from bench.transceiver.measurement import Bench, Plan
from bench.transceiver.results import ServerResults
from bench.transceiver.servers import KEYS, servers
from bench.transceiver.table import by_name, document_of, table_of
from bench.transceiver.tools import build, encode_speech, floors_of

FLOOR_S: Final = 3.0
MINUTES: Final = 20.0


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        say("building the generator and the peers (minutes, the first time)")
        tools = build(Path(folder), pion="pion" in options.only)
        budget = Budget(options.minutes * 60)
        spoken = encode_speech(tools.floors, Path(folder))
        floors = floors_of(tools.floors, spoken, FLOOR_S)
        bench = Bench(tools, spoken, Plan(options.warm_up, options.seconds))
        course = Course(options.calls, options.rounds, options.most, options.tries, options.share)
        contests = [
            Contest(bench, server, ServerResults(server.key, floors[server.script], options.jitter_ms), budget)
            for server in servers(tools)
            if server.key in options.only
        ]
        rows = course.run(contests)
        goals = verdicts(rows, options.share)
        print(f"{os.cpu_count()} CPUs, windows of {options.seconds:g} s. Pairs are p50 / p99.")
        for script, floor in floors.items():
            told = f"decode {floor.decode:.3f}, encode {floor.encode:.3f}, together {floor.both:.3f} CPU-s/call-min"
            print(f"libopus alone, {script}: {told}")
        print(f"\n{table_of(rows)}\n\n{goals_table(goals)}\n\nFor the README:\n")
        print("\n".join(readme_rows(rows, options.share)), flush=True)
        for contest in contests:
            explain(contest, goals)
    if options.json is not None:
        about = {"cpus": os.cpu_count(), "kernel": os.uname().release, "window_s": options.seconds}
        document = document_of(rows, floors, about) | {"goals": [asdict(goal) for goal in goals]}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


def explain(contest: Contest, goals: list[Verdict]) -> None:
    """Where a goal is missed: what the server's time went to."""
    missed = [goal.goal for goal in goals if goal.key == contest.server.key and goal.met is False]
    sample = contest.results.largest()
    if not missed or sample is None:
        return
    print(f"\n{contest.server.name}, with {sample.calls} calls, since it missed: {'; '.join(missed)}")
    print(f"  CPU-s/call-min by thread: {by_name(sample.costs.threads)}")
    for line in contest.profile(sample.calls):
        print(f"  {line}", flush=True)


def parse_options() -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    formatter: Callable[..., argparse.HelpFormatter] = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=summary, epilog=details.strip(), formatter_class=formatter)
    minutes = float(os.environ.get("ANTIPHON_BENCH_SECONDS", MINUTES * 60)) / 60
    parser.add_argument("--calls", type=sizes_of, default=[5, 50, 100], metavar="N,N", help="sizes (5,50,100)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before it (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="of all sizes; the medians are told (%(default)s)")
    parser.add_argument("--only", type=keys_of, default=list(KEYS), metavar="KEY,KEY", help=f"of {', '.join(KEYS)}")
    parser.add_argument(
        "--tries", type=int, default=4, help="in the search for the highest number; 0: none (%(default)s)"
    )
    parser.add_argument("--most", type=int, default=400, help="calls ever tried (%(default)s)")
    parser.add_argument("--share", type=float, default=0.7, help="of the highest number, for delays (%(default)s)")
    parser.add_argument("--jitter-ms", type=float, default=20.0, help="p99 that still holds (%(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=minutes, help="for all, once built (%(default)g; ANTIPHON_BENCH_SECONDS / 60)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same as JSON")
    return parser.parse_args()


def sizes_of(text: str) -> list[int]:
    sizes = sorted({int(part) for part in text.split(",")})
    if sizes[0] < 1:
        raise argparse.ArgumentTypeError("a size is at least 1")
    return sizes


def keys_of(text: str) -> list[str]:
    keys = text.split(",")
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(KEYS)}")
    return keys


if __name__ == "__main__":
    main()
