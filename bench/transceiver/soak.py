"""Whether anything of a transceiver grows, or its playout drifts, while calls come and go.

`antiphon up` runs with two transceivers: half of the calls talk to an echo, half to the example agent. Half of each
stay from beginning to end; the others last a while and are replaced, and every third group vanishes without a word.
Sampled are memory, Python objects (garbage is collected every 2 s), open files and threads of the processes, late
frames and the wait of PCM. The calls that stay are looked at for a few seconds at a time: their RTP clock against the
wall's, sound that is missing, how long an echo takes.

Each figure's trend (Theil–Sen, without the first third) is held against what is no growth. Exit code 1, and a sentence
for each figure that grows. Without --calls the highest number that holds is sought first (some minutes; it needs Rust),
and 70 % of it is taken. --judge growth,drift leaves out how well the time is kept, for machines with other work.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bench.transceiver.antiphon_up import AGENT_POOL, ECHO_POOL, EXAMPLE_AGENT, AntiphonUp, Pool, antiphon_up
from bench.transceiver.contest import say
from bench.transceiver.soak_calls import SoakCalls
from bench.transceiver.soak_drift import series_of, silent
from bench.transceiver.soak_load import most_calls
from bench.transceiver.soak_plan import Course, Party
from bench.transceiver.soak_speech import write_speech
from bench.transceiver.soak_verdict import Kind, Series, complaints, findings_of, findings_table
from bench.transceiver.soak_watch import Watched
from bench.transceiver.tools import build_generator

SHARE: Final = 0.7
POOLS: Final[dict[str, Pool]] = {"echo": ECHO_POOL, "agent": AGENT_POOL}
CONSENT_S: Final = 8
"""Soon enough for calls that vanished to end while it is watched."""
BESIDE: Final = ("relay", "signaling", "agent")
TOLD: Final = 20
"""Lines of progress."""


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls = most_calls(folder, SHARE) if options.calls is None else dict.fromkeys(POOLS, (options.calls + 1) // 2)
        say(f"{calls['echo']} calls to the echo, {calls['agent']} to the example agent, {options.minutes:g} minutes")
        program = build_generator(folder)
        with antiphon_up(folder, list(POOLS.values()), EXAMPLE_AGENT, variables()) as up:
            parties = [party_of(up, name, calls[name], folder) for name in POOLS]
            soak = SoakCalls(program, parties, Course.of(options.minutes * 60), folder)
            watched = processes(up)
            watch(soak, watched)
            endings = [f"{each.name}: {told}" for each in watched if (told := each.endings())]
        series = [each for process in watched for each in process.series()]
        wrong = []
        for party in parties:
            recording = soak.recording(party)
            series += series_of(recording, party)
            if lost := silent(recording, party, soak.course.silence_s):
                wrong.append(f"{len(lost)} of {party.staying} calls to {party.name} that stay went silent")
            wrong += soak.tallies[party.name].complaints(party.name, busy=Kind.TIME not in options.judge)
    print("\n".join(endings))
    sys.exit(tell(options, series, wrong, soak))


def variables() -> dict[str, str]:
    """Of all processes of the product."""
    paths = [str(Path(__file__).parent / "soak_site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"ANTIPHON_CONSENT_S": str(CONSENT_S), "PYTHONPATH": os.pathsep.join(paths)}


def party_of(up: AntiphonUp, name: str, calls: int, folder: Path) -> Party:
    speech = folder / f"{name}.packets"
    sizes = write_speech(speech, with_answers=name == "agent")
    return Party(name, f"{up.url}?model={POOLS[name].model}", calls, speech, sizes, is_echo=name == "echo")


def processes(up: AntiphonUp) -> list[Watched]:
    """The transceivers are numbered as their pools are."""
    pods = [
        Watched(f"t{number} ({name})", up.children[f"t{number}"], up.metrics_url(f"t{number}"), int(name == "agent"))
        for number, name in enumerate(POOLS)
    ]
    return pods + [Watched(name, up.children[name], None, 0) for name in BESIDE]


def watch(soak: SoakCalls, watched: list[Watched]) -> None:
    """Until all calls have ended, or a process has that should not."""
    with ThreadPoolExecutor(soak.threads) as pool:
        running = soak.begin(pool)
        try:
            sample(soak.course.seconds, watched, running)
        except BaseException:
            soak.stop()
            raise
        for future in running:
            future.result()


def sample(seconds: float, watched: list[Watched], running: "list[Future[None]]") -> None:
    began, told_s = time.monotonic(), 0.0
    while (at_s := time.monotonic() - began) < seconds:
        readings = [each.read(at_s) for each in watched]
        if at_s >= told_s:
            told_s += seconds / TOLD
            memory = ", ".join(
                f"{each.name} {reading.memory_kib / 1024:.1f} MiB"
                for each, reading in zip(watched, readings, strict=True)
            )
            live = sum(reading.totals.get("calls_live", 0) for reading in readings)
            say(f"{at_s / 60:.1f} min: {live:.0f} calls, {memory}")
        done, _ = wait(running, min(5.0, seconds / 60), FIRST_EXCEPTION)
        for future in done:
            future.result()
        if len(done) == len(running):
            return


def tell(options: argparse.Namespace, series: list[Series], wrong: list[str], soak: SoakCalls) -> int:
    findings = findings_of(series, soak.course.seconds / 3)
    print(findings_table(findings, options.judge) + "\n")
    for party in soak.parties:
        tally = soak.tallies[party.name]
        replaced = f"{tally.connected} of {tally.asked} others connected, {tally.vanished} vanished"
        print(f"{party.name}: {party.staying} calls stayed, {replaced}")
    wrong += complaints(findings, options.judge)
    for sentence in wrong:
        print(f"soak: {sentence}", flush=True)
    if options.json is not None:
        calls = {name: asdict(tally) for name, tally in soak.tallies.items()}
        told = {"minutes": options.minutes, "calls": calls, "series": [asdict(each) for each in series], "wrong": wrong}
        options.json.write_text(json.dumps(told) + "\n")
    return int(bool(wrong))


def parse_options() -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    formatter: Callable[..., argparse.HelpFormatter] = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=summary, epilog=details.strip(), formatter_class=formatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of calls (%(default)g)")
    parser.add_argument("--calls", type=int, help="at once, in all (default: 70 %% of the highest number that holds)")
    parser.add_argument(
        "--judge", type=kinds_of, default=kinds_of("growth,drift,time"), metavar="KIND,KIND", help="(growth,drift,time)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample")
    return parser.parse_args()


def kinds_of(text: str) -> list[Kind]:
    try:
        return [Kind(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    main()
