"""What is measured of each server, in which order."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.transceiver.budget import Budget
from bench.transceiver.measurement import Bench
from bench.transceiver.results import ServerResults
from bench.transceiver.sample import Absent, Sample
from bench.transceiver.search import Search
from bench.transceiver.servers import Server
from bench.transceiver.table import Row, of_spread


@dataclass(frozen=True)
class Contest:
    """One server's part in the bench."""

    bench: Bench
    server: Server
    results: ServerResults
    budget: Budget

    def offer(self, calls: int, stage: str) -> None:
        """Unless the server has not held fewer."""
        failed = self.results.lowest_failed()
        if failed is not None and failed < calls:
            say(f"{stage}: {self.server.name}: {calls} calls left out, {failed} did not hold")
        else:
            self._add(calls, stage)

    def highest(self, most: int, tries: int) -> Search:
        search = self.results.search(most=most, tries=tries)
        while (calls := search.next()) is not None:
            bounds = f"{search.held} held, {search.failed or 'none'} failed"
            if not self._add(calls, f"search ({bounds})"):
                break
            search = search.after(calls, held=self.results.failure(calls) is None)
        return search

    def at_share(self, share: float, highest: int) -> None:
        """Twice as long, since it is for delays of which one in a hundred counts."""
        calls = int(share * highest)
        if calls > 0:
            plan = replace(self.bench.plan, window_s=2 * self.bench.plan.window_s)
            self.results.at_share = self._measure(replace(self.bench, plan=plan), calls, f"{100 * share:.0f} % load")

    def profile(self, calls: int) -> list[str]:
        if self.budget.is_spent:
            return ["no profile: the time is up"]
        say(f"profile: {self.server.name}: {calls} calls")
        return self.bench.profile(self.server, calls) or ["no profile: `perf` is missing, or may not be used"]

    def _add(self, calls: int, stage: str) -> bool:
        """False: the time is up."""
        result = self._measure(self.bench, calls, stage)
        if result is None:
            return False
        if isinstance(result, Sample) and self.results.may_be_a_hiccup(result):
            again = self._measure(self.bench, calls, f"{stage}, once more")
            result = again if isinstance(again, Sample) and self.results.holds(again) else result
        self.results.add(result)
        failure = self.results.failure(calls)
        say(f"    {'holds' if failure is None else f'does not hold: {failure}'}")
        return True

    def _measure(self, bench: Bench, calls: int, stage: str) -> Sample | Absent | None:
        if self.budget.is_spent:
            say(f"{stage}: {self.server.name}: {calls} calls left out, the time is up")
            return None
        say(f"{stage}: {self.server.name}: {calls} calls")
        with self.budget.piece():
            result = bench.measure(self.server, calls)
        if isinstance(result, Absent):
            say(f"    {result.why.strip()}")
        else:
            say(f"    {result.costs.server:.3f} CPU-s/call-min, jitter {of_spread(result.delays.jitter)} ms")
        return result


@dataclass(frozen=True)
class Course:
    """What all servers go through."""

    sizes: list[int]
    rounds: int
    most: int
    tries: int
    """In the search for the highest number; 0: there is none, and no share of it."""
    share: float

    def run(self, contests: Sequence[Contest]) -> list[Row | Absent]:
        for round_number in range(self.rounds):
            for calls in self.sizes:
                for contest in contests:
                    contest.offer(calls, f"round {round_number + 1} of {self.rounds}")
        return [row for contest in contests for row in contest.results.rows(self.sizes, self._search(contest))]

    def _search(self, contest: Contest) -> Search | None:
        if self.tries <= 0:
            return None
        search = contest.highest(self.most, self.tries)
        contest.at_share(self.share, search.held)
        return search


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
