"""The operator against a real control plane with simulated pods: what a fleet of N transceiver pods costs.

etcd, the API server, its controllers, the simulated kubelet and the operator share this one machine, so the times
are those of the whole; requests, bytes and the operator's own memory and processor time are the operator's alone.
Every size is measured once in each round, and the medians are printed: a table and one line of JSON. What no longer
fits into the time is left out. Needs the Kubernetes programs (`scripts/kubernetes`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median_low
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from kwok_fleet import KwokFleet, kwok_fleet
from operator_process import OperatorProcess, wait_for
from real_kubernetes.cluster import KubectlError
from real_kubernetes.kwok import KwokCluster, kwok_cluster
from real_kubernetes.programs import program

SIZES = (100, 300, 1000)
IDLE_S = 20.0


@dataclass(frozen=True)
class Cost:
    pods: int
    converged_s: float
    requests: int
    """Of the operator, but for watches, its Lease and discovery."""
    requests_per_pod: float
    cpu_s: float
    rss_mib: float
    watch_kib: float
    """Sent to one watcher of the RouteTables while the fleet grew."""
    replace_s: float
    """From a pod's deletion until another one serves in its place."""
    replace_kib: float
    replace_requests: int
    idle_cpu_percent: float
    """Of one processor, with nothing to do but to ask every pod for its calls."""


@contextmanager
def watched_bytes(fleet: KwokFleet) -> Iterator[Path]:
    """A file that grows by what a relay's watch of the RouteTables is sent."""
    sent = fleet.folder / "watched"
    path = f"/apis/antiphon.dev/v1alpha1/namespaces/{fleet.namespace}/routetables?watch=true"
    kubeconfig = fleet.kwok.control_plane.cluster.kubeconfig
    with sent.open("wb") as output:
        watcher = subprocess.Popen(
            [program("kubectl"), f"--kubeconfig={kubeconfig}", "get", "--raw", path], stdout=output
        )
        try:
            yield sent
        finally:
            watcher.terminate()
            watcher.wait()


def requests_of(operator: OperatorProcess) -> int:
    left_out = ('kind="Lease"', 'verb="discover"')
    return total(
        operator, "antiphon_operator_api_requests_total", lambda series: not any(x in series for x in left_out)
    )


def pods_made(operator: OperatorProcess) -> int:
    return total(operator, "antiphon_operator_actions_total", lambda series: 'action="Create",kind="Pod"' in series)


def pods_ready(operator: OperatorProcess) -> int:
    return total(operator, "antiphon_operator_pods{", lambda series: 'state="Ready"' in series)


def total(operator: OperatorProcess, name: str, counts: Callable[[str], bool]) -> int:
    lines = [line.rpartition(" ") for line in operator.metrics().splitlines() if line.startswith(name)]
    return sum(round(float(value)) for series, _, value in lines if counts(series))


def wait_available(fleet: KwokFleet, operator: OperatorProcess, pods: int, patience_s: float) -> None:
    """By one watch: a kubectl for every look would take a good part of a processor from what is measured."""
    wanted = f"jsonpath={{.status.availableReplicas}}={pods}"
    try:
        fleet.kwok.control_plane.cluster.wait("transceiverpool/agents", wanted, fleet.namespace, int(patience_s))
    except KubectlError as error:
        raise TimeoutError(f"{error}\n{operator.tail()}") from None


def names(fleet: KwokFleet) -> set[str]:
    return set(fleet.kubectl("get", "pods", "-l", "antiphon.dev/pool=agents", "-o", "name").split())


def measure(kwok: KwokCluster, pods: int, patience_s: float) -> Cost:
    with (
        tempfile.TemporaryDirectory() as folder,
        kwok_fleet(kwok, Path(folder)) as fleet,
        fleet.operator(f"operator-{pods}") as operator,
    ):
        operator.wait_leads()
        fleet.apply(replicas=0)
        wait_for(lambda: fleet.kubectl("get", "routetables", "-o", "name") != "", "the fleet is there")
        with watched_bytes(fleet) as sent:
            cost = grow(fleet, operator, sent, pods, patience_s)
        fleet.scale(0)
        wait_for(lambda: not names(fleet), "the pods are gone", 120)
        return cost


def grow(fleet: KwokFleet, operator: OperatorProcess, sent: Path, pods: int, patience_s: float) -> Cost:
    asked, cpu, begun = requests_of(operator), operator.metric("process_cpu_seconds_total"), time.monotonic()
    fleet.scale(pods)
    wait_available(fleet, operator, pods, patience_s)
    converged_s = time.monotonic() - begun
    grown = requests_of(operator) - asked
    cpu_s = operator.metric("process_cpu_seconds_total") - cpu
    bytes_grown = sent.stat().st_size

    asked, made, gone = requests_of(operator), pods_made(operator), min(names(fleet))
    begun = time.monotonic()
    fleet.kubectl("delete", gone, "--force", "--grace-period=0", "--wait=false")
    operator.wait_for(lambda: pods_made(operator) > made and pods_ready(operator) == pods, "it is replaced")
    replace_s = time.monotonic() - begun
    replace_requests, bytes_replaced = requests_of(operator) - asked, sent.stat().st_size - bytes_grown

    cpu = operator.metric("process_cpu_seconds_total")
    time.sleep(IDLE_S)
    idle = (operator.metric("process_cpu_seconds_total") - cpu) / IDLE_S
    return Cost(
        pods=pods,
        converged_s=converged_s,
        requests=grown,
        requests_per_pod=grown / pods,
        cpu_s=cpu_s,
        rss_mib=operator.metric("process_resident_memory_bytes") / 2**20,
        watch_kib=bytes_grown / 1024,
        replace_s=replace_s,
        replace_kib=bytes_replaced / 1024,
        replace_requests=replace_requests,
        idle_cpu_percent=idle * 100,
    )


COLUMNS = {
    "pods": "{0.pods}",
    "all serve after s": "{0.converged_s:.1f}",
    "API requests": "{0.requests}",
    "per pod": "{0.requests_per_pod:.2f}",
    "CPU s": "{0.cpu_s:.2f}",
    "RSS MiB": "{0.rss_mib:.0f}",
    "KiB to a watcher": "{0.watch_kib:.0f}",
    "one replaced after s": "{0.replace_s:.1f}",
    "KiB": "{0.replace_kib:.0f}",
    "requests": "{0.replace_requests}",
    "idle CPU %": "{0.idle_cpu_percent:.1f}",
}


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure; the lower one of an even number."""
    values = {one.name: median_low(getattr(cost, one.name) for cost in costs) for one in fields(Cost)}
    return Cost(**values)


def expected_s(pods: int, took_s: dict[int, float]) -> float:
    """How long that size will take, by those that were measured; 0 before any was."""
    return took_s.get(pods) or min((took * pods / size for size, took in took_s.items()), default=0.0)


def main() -> None:
    wanted = arguments()
    end = time.monotonic() + wanted.seconds
    costs: dict[int, list[Cost]] = {pods: [] for pods in wanted.sizes}
    with tempfile.TemporaryDirectory() as folder, kwok_cluster(Path(folder)) as kwok:
        took_s: dict[int, float] = {}
        for count in range(wanted.rounds):
            for pods in wanted.sizes:
                begun = time.monotonic()
                left_s = end - begun
                if left_s < expected_s(pods, took_s):
                    continue
                costs[pods].append(measure(kwok, pods, max(left_s, 60.0)))
                took_s[pods] = time.monotonic() - begun
                print(f"round {count + 1} of {wanted.rounds}: {pods} pods measured", file=sys.stderr)
    print(f"{os.cpu_count()} CPUs\n\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    found = [middle(of_size) for of_size in costs.values() if of_size]
    for cost in found:
        print("| " + " | ".join(form.format(cost) for form in COLUMNS.values()) + " |")
    print(json.dumps([asdict(cost) for cost in found]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/operator/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, metavar="PODS", help="fleets to measure (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="over all sizes (%(default)s)")
    parser.add_argument("--seconds", type=float, default=900.0, help="bound of the whole (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
