"""How much of a caller's speech comes over on bad networks, and how late: the media engine beside aiortc, same packets.

Real speech, encoded once as a browser does it (Opus at 32 kbit/s, 20 ms, in-band FEC), goes through networks that lose,
delay, reorder and double packets. The networks are traces: seeded, the same for every receiver, on every machine.

By default everything happens in virtual time: receivers are told when each packet came. The engine's is its uplink with
libopus, aiortc's is its jitter buffer with its decoder, which is libopus too. So the figures do not depend on how busy
the machine is. With --live the same traces are played in real time, by a UDP proxy, to a pod's process and to an
RTCPeerConnection: it shows that the virtual receivers are the real ones.

ESTOI is intelligibility from 0 to 1, against what a receiver hears that gets every packet at once. Aiortc leaves out
what is missing, so that what it hands on is soon out of step; one column fills the gaps with silence by the timestamps,
as a careful user would. RED: each packet repeats the one before. NACK: the client sends again what it is asked for,
with a round trip of 40 ms. Prints tables and one line of JSON. ANTIPHON_BENCH_SECONDS bounds the time (without it:
until all is measured); at least one network is.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bench.quality import offline
from bench.quality.conditions import CONDITIONS, Condition
from bench.quality.impairment import FRAME_US, Trace
from bench.quality.live import AS_IT_COMES, IN_STEP, Place, aiortc_call, place
from bench.quality.measures import Measures, measure
from bench.quality.recording import Block, Heard, Recording
from bench.quality.rtp_payload import plain, redundant
from bench.quality.speech import Speech, say
from bench.quality.table import Row, document_of, tables_of

MODES: Final = ("speed", "accuracy")
RTT_US: Final = 40_000
"""Of the call that has NACK. The networks' delays come on top."""


def main() -> None:
    options = parse()
    conditions = [each for each in CONDITIONS if not options.only or any(only in each.name for only in options.only)]
    if not conditions:
        sys.exit("no such condition: " + ", ".join(each.name for each in CONDITIONS))
    print("encoding the speech", file=sys.stderr)
    speech = say(options.seconds)
    if options.live:
        rows = asyncio.run(live(conditions, speech, options.traces))
    else:
        rows = list(in_virtual_time(conditions, speech, options.traces))
    codec = codec_alone(speech)
    how = "in real time, over sockets" if options.live else "in virtual time"
    traces = max(row.trace for row in rows)
    print(f"{speech.seconds:.0f} s of speech, {traces} traces a network, {how}")
    print(f"ESTOI of the codec alone, against what was spoken: {codec:.3f}\n")
    print(tables_of(rows) + "\n")
    load = [round(each, 2) for each in os.getloadavg()]
    report = {"seconds": speech.seconds, "traces": traces, "live": options.live, "codec_estoi": round(codec, 4)}
    print(json.dumps({**report, "cpus": os.cpu_count(), "load": load, "rows": document_of(rows)}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of speech at least, pauses included (default 30)")
    parser.add_argument("--traces", type=int, help="of each network (default 3, with --live 1)")
    parser.add_argument("--only", action="append", metavar="WORDS", help="of a network; may be said again")
    parser.add_argument("--live", action="store_true", help="in real time: about 40 s for each network and trace")
    options = parser.parse_args()
    options.traces = options.traces or (1 if options.live else 3)
    return options


def in_virtual_time(conditions: list[Condition], speech: Speech, traces: int) -> Iterator[Row]:
    program = offline.build_engine()
    for condition, seed in rounds(conditions, traces):
        lost = lost_ms(condition.impairment.trace(seed, len(speech.frames)))
        for receiver, heard in receptions(program, speech, condition, seed):
            yield Row(condition.name, receiver, seed, lost, measure(speech.received, heard))


def rounds(conditions: list[Condition], traces: int) -> Iterator[tuple[Condition, int]]:
    """Every network once, then every one again, as far as the time allows; the first in any case."""
    end = time.monotonic() + float(os.environ.get("ANTIPHON_BENCH_SECONDS", "inf"))
    turns = [(condition, seed) for seed in range(1, traces + 1) for condition in conditions]
    for number, (condition, seed) in enumerate(turns):
        if number and time.monotonic() > end:
            print(f"the time is up: {number} of {len(turns)} are measured", file=sys.stderr)
            return
        print(f"{number + 1} of {len(turns)}: {condition.name}, trace {seed}", file=sys.stderr)
        yield condition, seed


def receptions(program: Path, speech: Speech, condition: Condition, seed: int) -> Iterator[tuple[str, Heard]]:
    trace, *tries = (condition.impairment.trace(seed + 1000 * again, len(speech.frames)) for again in range(3))
    packets, doubled = plain(speech.frames), redundant(speech.frames)
    nack = offline.Again(RTT_US, tuple(tries))
    yield "speed", offline.engine(program, "speed", packets, trace)
    yield "speed, RED", offline.engine(program, "speed", doubled, trace)
    yield "accuracy", offline.engine(program, "accuracy", packets, trace)
    yield "accuracy, NACK", offline.engine(program, "accuracy", packets, trace, nack)
    decoded = offline.aiortc(packets, trace)
    yield IN_STEP, offline.with_silence(decoded, len(packets))
    yield AS_IT_COMES, offline.as_it_comes(decoded, len(packets))


async def live(conditions: list[Condition], speech: Speech, traces: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        async with place(Path(folder)) as pods:
            for condition, seed in rounds(conditions, traces):
                trace = condition.impairment.trace(seed, len(speech.frames))
                measured = await at_once(pods, speech, trace)
                rows += [Row(condition.name, name, seed, lost_ms(trace), each) for name, each in measured.items()]
    return rows


async def at_once(pods: Place, speech: Speech, trace: Trace) -> dict[str, Measures]:
    """One call to each receiver, all at the same time."""
    async with asyncio.TaskGroup() as calls:
        ours = {
            mode + ", RED" * red: calls.create_task(pods.call(mode, speech, trace, red=red))
            for red in (False, True)
            for mode in MODES
        }
        theirs = calls.create_task(aiortc_call(speech, trace))
    taken = {name: each for name, call in ours.items() if (each := call.result()) is not None} | theirs.result()
    return {name: each.measured(speech) for name, each in taken.items()}


def lost_ms(trace: Trace) -> float:
    return sum(fate.is_lost for fate in trace) * FRAME_US / 1000


def codec_alone(speech: Speech) -> float:
    whole = Block(0, (speech.received * 32768).astype("int16"))
    return measure(speech.spoken, Heard(Recording((whole,)), None, None)).estoi


if __name__ == "__main__":
    main()
