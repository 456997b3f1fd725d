"""Whether anything of a transceiver grows, or its playout drifts, while calls come and go.

`antiphon up` runs with two transceivers: half of the calls talk to an echo, half to the example agent. Half of each
stay from beginning to end; the others last a while and are replaced, and every third group vanishes without a word.
Sampled are memory, Python objects (garbage is collected every 2 s), open files and threads of the processes, late
frames and the wait of PCM. The calls that stay are looked at for a few seconds at a time: their RTP clock against the
wall's, sound that is missing, how long an echo takes.

Each figure's trend (Theil–Sen, without the first third) is held against what is no growth. Exit code 1, and a sentence
for each figure that grows. Without --calls there are as many as keep 70 % of the machine's CPUs busy, which is tried
first (three minutes). --judge growth,drift leaves out how well the time is kept, for machines with other work.
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
from bench.transceiver.generator import Keep
from bench.transceiver.soak_calls import SoakCalls
from bench.transceiver.soak_drift import series_of, silent
from bench.transceiver.soak_load import CpuTime, calls_at
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
TRIAL: Final = Course(75.0, 25.0, Keep(first_s=1.0, every_s=10.0))
"""Of calls whose load is tried. All groups have come after one life; for the last two some may be gone."""


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build_generator(folder)
        with antiphon_up(folder, list(POOLS.values()), EXAMPLE_AGENT, variables()) as up:
            calls = options.calls or calls_at(SHARE, lambda calls: busy_with(calls, up, program, folder))
            say(f"{calls} calls, half to the echo and half to the example agent, {options.minutes:g} minutes")
            soak = soak_of(up, program, folder, calls, Course.of(options.minutes * 60))
            watched, before = processes(up), CpuTime.read()
            watch(soak, watched)
            busy = CpuTime.read().share_since(before)
            endings = [f"{each.name}: {told}" for each in watched if (told := each.endings())]
        series = [each for process in watched for each in process.series()]
        wrong = []
        for party in soak.parties:
            recording = soak.recording(party)
            series += series_of(recording, party)
            if lost := silent(recording, party, soak.course.silence_s):
                wrong.append(f"{len(lost)} of {party.staying} calls to {party.name} that stay went silent")
            wrong += soak.tallies[party.name].complaints(party.name, busy=Kind.TIME not in options.judge)
    print(f"{calls} calls kept {busy:.0%} of {os.cpu_count()} CPUs busy", *endings, sep="\n")
    sys.exit(tell(options, series, wrong, soak))


def variables() -> dict[str, str]:
    """Of all processes of the product."""
    paths = [str(Path(__file__).parent / "soak_site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"ANTIPHON_CONSENT_S": str(CONSENT_S), "PYTHONPATH": os.pathsep.join(paths)}


def busy_with(calls: int, up: AntiphonUp, program: Path, folder: Path) -> float:
    """The share of the CPUs, with so many calls of which the others come and go."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        soak = soak_of(up, program, Path(name), calls, TRIAL)
        with ThreadPoolExecutor(soak.threads) as pool:
            running = soak.begin(pool)
            try:
                wait(running, TRIAL.life_s, FIRST_EXCEPTION)
                before = CpuTime.read()
                wait(running, TRIAL.seconds - 2 * TRIAL.life_s, FIRST_EXCEPTION)
                busy = CpuTime.read().share_since(before)
            except BaseException:
                soak.stop()
                raise
            for future in running:
                future.result()
    say(f"tried: {calls} calls keep {busy:.0%} of the CPUs busy")
    return busy


def soak_of(up: AntiphonUp, program: Path, folder: Path, calls: int, course: Course) -> SoakCalls:
    parties = [party_of(up, name, (calls + 1) // 2, folder) for name in POOLS]
    return SoakCalls(program, parties, course, folder)


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
    parser.add_argument("--calls", type=int, help="at once, in all (default: as many as keep 70 %% of the CPUs busy)")
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
