"""Whether a figure grows, told so that single outliers say nothing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Trend:
    """A straight line through a figure's samples (Theil–Sen)."""

    seconds: float
    begin: float
    end: float

    @property
    def growth(self) -> float:
        return self.end - self.begin


def trend(at_s: Sequence[float], values: Sequence[float]) -> Trend | None:
    """None: fewer than two moments."""
    times, figures = np.asarray(at_s, float), np.asarray(values, float)
    slopes = _slopes(times, figures)
    if not len(slopes):
        return None
    slope = float(np.median(slopes))
    start = float(np.median(figures - slope * times))
    first, last = float(times.min()), float(times.max())
    return Trend(last - first, start + slope * first, start + slope * last)


def _slopes(times: NDArray[np.float64], figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of all pairs."""
    earlier, later = np.triu_indices(len(times), 1)
    apart = times[later] - times[earlier]
    known = apart != 0
    return np.asarray((figures[later] - figures[earlier])[known] / apart[known])
