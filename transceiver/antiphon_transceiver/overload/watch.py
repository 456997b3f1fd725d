"""Looks at the pod's counters once a period, and does what the admission says."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic, process_time, thread_time
from typing import Protocol

from antiphon_transceiver.media import EngineStatistics
from antiphon_transceiver.overload.admission import Admission, Sign
from antiphon_transceiver.overload.cpu_allowance import CpuAllowance
from antiphon_transceiver.overload.period import Period, Totals
from antiphon_transceiver.overload.settings import OverloadSettings

logger = logging.getLogger(__name__)


class Calls(Protocol):
    """The pod's."""

    def close_admission(self, sign: Sign | None) -> None:
        """None: it opens."""

    def shed_newest(self) -> None:
        """Ends the newest call, if there are so many that it helps."""


class OverloadWatch:
    def __init__(
        self,
        settings: OverloadSettings,
        allowance: CpuAllowance,
        engine: Callable[[], EngineStatistics],
        calls: Calls,
    ) -> None:
        self._settings = settings
        self._allowance = allowance
        self._engine = engine
        self._calls = calls

    async def run(self) -> None:
        """In the event loop's thread, whose CPU time is one of the figures."""
        if self._settings.period_s == 0:
            return
        admission, before = Admission(), self._totals()
        while True:
            await asyncio.sleep(self._settings.period_s)
            now = self._totals()
            period = Period.between(before, now, cpus=self._allowance.cpus())
            before, earlier = now, admission
            admission = earlier.after(period, shed_after=self._settings.shed_after)
            if admission.closed is not earlier.closed:
                self._tell(admission.closed, period)
            if admission.sheds:
                self._calls.shed_newest()

    def _totals(self) -> Totals:
        return Totals(monotonic(), self._engine(), process_time(), thread_time(), self._allowance.throttling())

    def _tell(self, closed: Sign | None, period: Period) -> None:
        self._calls.close_admission(closed)
        if closed is None:
            logger.info("admission opens")
            return
        figures = {name: round(figure, 3) for name, figure in vars(period).items() if figure}
        logger.warning("admission closes", extra={"fields": {"sign": closed.value, **figures}})
