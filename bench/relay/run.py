"""CPU of the relay for each forwarded packet, beside a plain recvmmsg/sendmmsg loop in the same run.

Everything is on this machine's loopback: one load generator plays the clients and an echoing transceiver, and offers
each forwarder the same packets in turn, round after round. The figure is the forwarder's whole process (for the relay
Python included), user and kernel time by the scheduler's count, over the packets that it forwarded in either direction.
Loopback is not a network: the ratio to the plain loop is what carries over, the nanoseconds are this machine's.
Prints a table and one line of JSON. ANTIPHON_BENCH_SECONDS bounds the time of offering packets (default 60); building,
and starting a forwarder for each measurement, come on top.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from antiphon_wire import KeyRing, Ticket, stun

ROOT: Final = Path(__file__).parent.parent.parent
LISTEN: Final = "127.0.0.1:19478"
HOP: Final = "127.0.0.1:19100"
HTTP: Final = "127.0.0.1:19080"
TRANSCEIVER: Final = "127.0.0.1:19200"
ROUTE: Final = 4096


@dataclass(frozen=True)
class Forwarder:
    name: str
    echo: str
    """How the transceiver answers: see udp_load."""

    @property
    def is_relay(self) -> bool:
        return self.echo != "plain"


FORWARDERS: Final = (
    Forwarder("plain recvmmsg/sendmmsg loop", "plain"),
    Forwarder("relay, one record a datagram", "single"),
    Forwarder("relay, records packed", "packed"),
)


@dataclass(frozen=True)
class Sample:
    cpu_ns: float
    """For each forwarded packet."""
    packets: int
    lost: float
    """Of the round trips, the share that did not come back within the window."""


@dataclass(frozen=True)
class Row:
    forwarder: str
    cpu_ns: int
    lowest_ns: int
    highest_ns: int
    of_plain: float
    packets: int
    lost: float


@dataclass(frozen=True)
class Plan:
    """What each forwarder is offered, and how often."""

    flows: int
    rate: int
    """Client packets a second; each comes back."""
    rounds: int
    warm_up_s: float
    window_s: float

    @classmethod
    def within(cls, seconds: float, *, flows: int, rate: int) -> Self:
        """Five rounds where each measurement can be as long as a second."""
        rounds = max(1, min(5, int(seconds / len(FORWARDERS))))
        each_s = seconds / (rounds * len(FORWARDERS))
        return cls(flows, rate, rounds, warm_up_s=round(each_s / 4, 3), window_s=round(each_s * 3 / 4, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU of the relay for each forwarded packet")
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=20_000, help="client packets a second; each comes back")
    options = parser.parse_args()
    seconds = float(os.environ.get("ANTIPHON_BENCH_SECONDS", "60"))
    plan = Plan.within(seconds, flows=options.flows, rate=options.rate)
    tools = build_tools()
    samples: dict[str, list[Sample]] = {forwarder.name: [] for forwarder in FORWARDERS}
    for round_number in range(plan.rounds):
        print(f"round {round_number + 1} of {plan.rounds}", file=sys.stderr)
        for forwarder in FORWARDERS:
            samples[forwarder.name].append(measure(forwarder, tools, plan))
    rows = rows_of(samples)
    print(f"{plan.flows} flows, {plan.rate} packets/s each way, one worker, {os.cpu_count()} CPUs\n")
    print(table_of(rows))
    report = {
        **asdict(plan),
        "payload_bytes": 160,
        "kernel": os.uname().release,
        "cpus": os.cpu_count(),
        "rows": [asdict(row) for row in rows],
    }
    print(json.dumps(report))


def build_tools() -> Path:
    """Builds the load generator and the plain loop; the relay is the one that is installed."""
    command = [str(ROOT / "scripts/cargo"), "build", "--release", "-p", "antiphon-relay-extension", "--examples"]
    built = subprocess.run([*command, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    loads = [each["executable"] for each in artifacts if each.get("target", {}).get("name") == "udp_load"]
    return Path(loads[0]).parent


def measure(forwarder: Forwarder, tools: Path, plan: Plan) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        start = relay if forwarder.is_relay else plain_loop
        with start(Path(folder), tools) as process:
            checks = checks_of(Path(folder), plan.flows) if forwarder.is_relay else ["ab"] * plan.flows
            return offer(forwarder, tools, plan, process, checks)


def offer(
    forwarder: Forwarder,
    tools: Path,
    plan: Plan,
    process: "subprocess.Popen[str]",
    checks: list[str],
) -> Sample:
    offered = [str(plan.rate), str(plan.warm_up_s), str(plan.window_s), forwarder.echo]
    command = [str(tools / "udp_load"), LISTEN, TRANSCEIVER, *offered]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        load.stdin.write("\n".join(checks))
        load.stdin.close()
        assert load.stdout.readline().strip() == "measuring"
        before_ns = cpu_ns_of(process.pid)
        counted = json.loads(load.stdout.readline())
        used_ns = cpu_ns_of(process.pid) - before_ns
    packets = counted["uplink"] + counted["downlink"]
    return Sample(used_ns / max(packets, 1), packets, 1 - counted["downlink"] / counted["sent"])


def cpu_ns_of(pid: int) -> int:
    """Time on a CPU of all the process's threads, from the scheduler: finer than the ticks of /proc/PID/stat."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


@contextmanager
def plain_loop(_: Path, tools: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [str(tools / "plain_forwarder"), LISTEN, TRANSCEIVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@contextmanager
def relay(folder: Path, _: Path) -> Iterator["subprocess.Popen[str]"]:
    (folder / "keys.json").write_text(KeyRing.generate_json(int(time.time())))
    block = {"first": ROUTE, "pod": "t0", "pool": "p", "state": "Active", "hop": TRANSCEIVER, "control": HTTP}
    table = {"clusterID": 0, "clusterName": "bench", "generation": 1, "blocks": [block]}
    (folder / "routes.json").write_text(json.dumps(table))
    environment = {
        **os.environ,
        "ANTIPHON_KEYS_FILE": str(folder / "keys.json"),
        "ANTIPHON_ROUTES_FILE": str(folder / "routes.json"),
        "ANTIPHON_HTTP_ADDRESS": HTTP,
        "ANTIPHON_LISTEN": LISTEN,
        "ANTIPHON_HOP_ADDRESS": HOP,
        "ANTIPHON_WORKERS": "1",
        "ANTIPHON_NEW_FLOWS_PER_PREFIX": "1000000",
    }
    command = [sys.executable, "-m", "antiphon_relay"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr is not None
        assert " bound " in process.stderr.readline()
        wait_until_started()
        yield process
        process.kill()


def wait_until_started() -> None:
    """What the relay does last is to answer HTTP; the CPU of its start is no packet's."""
    host, port = HTTP.rsplit(":", 1)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def checks_of(folder: Path, flows: int) -> list[str]:
    """Each flow's first packet: a connectivity check with a ticket of its own, in hex."""
    ring = KeyRing.from_json((folder / "keys.json").read_text())
    now = int(time.time())
    return [check_of(ring, nonce, now) for nonce in range(flows)]


def check_of(ring: KeyRing, nonce: int, now: int) -> str:
    minted = ring.mint(Ticket(cluster_id=0, route=ROUTE, expires_at=now + 3600, nonce=nonce), now=now)
    return stun.binding_request(
        transaction_id=nonce.to_bytes(12),
        username=f"{minted.ufrag}:load",
        password=minted.password,
        priority=1,
        use_candidate=True,
        controlling=1,
    ).hex()


def rows_of(samples: dict[str, list[Sample]]) -> list[Row]:
    plain_ns = statistics.median(sample.cpu_ns for sample in samples[FORWARDERS[0].name])
    rows = []
    for name, each in samples.items():
        figures = [sample.cpu_ns for sample in each]
        median_ns = statistics.median(figures)
        rows.append(
            Row(
                forwarder=name,
                cpu_ns=round(median_ns),
                lowest_ns=round(min(figures)),
                highest_ns=round(max(figures)),
                of_plain=round(median_ns / plain_ns, 2),
                packets=sum(sample.packets for sample in each),
                lost=round(statistics.median(sample.lost for sample in each), 4),
            )
        )
    return rows


def table_of(rows: list[Row]) -> str:
    lines = ["| forwarder | CPU-ns for each packet (lowest–highest) | of the plain loop | lost |", "|---|---|---|---|"]
    for row in rows:
        spread = f"{row.cpu_ns} ({row.lowest_ns}–{row.highest_ns})"
        lines.append(f"| {row.forwarder} | {spread} | {row.of_plain:.2f} | {row.lost:.2%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
