"""The highest number of calls that holds, in few tries. Pure."""

from dataclasses import dataclass, replace
from typing import Final, Self

FINE_ENOUGH: Final = 10
"""Parts: the search ends when the two bounds differ by less than a tenth of the lower one."""
FIRST: Final = 5


@dataclass(frozen=True)
class Search:
    held: int
    """Calls that were seen to hold; 0: none yet."""
    failed: int | None
    """Calls that were seen not to."""
    most: int
    """No more are tried."""
    tries: int
    """That are left."""

    def next(self) -> int | None:
        """How many calls to try; None: `held` is the answer, as good as it gets."""
        if self.tries <= 0:
            return None
        if self.failed is None:
            wanted = min(self.most, 2 * self.held or FIRST)
            return wanted if wanted > self.held else None
        if self.failed - self.held <= max(1, self.held // FINE_ENOUGH):
            return None
        return (self.held + self.failed) // 2

    def after(self, calls: int, *, held: bool) -> Self:
        """What a try of so many calls says, which `next` wished for: it is between the two bounds."""
        left = self.tries - 1
        return replace(self, held=calls, tries=left) if held else replace(self, failed=calls, tries=left)

    @property
    def ended_open(self) -> bool:
        """Nothing failed: the server may hold more."""
        return self.failed is None
