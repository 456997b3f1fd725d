"""How much time a run may still take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Bounds a run that is made of pieces of which none is much longer than those before it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._longest_s = 0.0

    @property
    def is_spent(self) -> bool:
        """Another piece might not end in time."""
        return time.monotonic() + self._longest_s > self._end

    @contextmanager
    def piece(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._longest_s = max(self._longest_s, time.monotonic() - began)
