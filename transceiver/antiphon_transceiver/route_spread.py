"""Which of the pod's route ids the next call gets. Pure."""

from antiphon_wire.route_table import BLOCK_SIZE


class RouteSpread:
    """Spreads calls over the block's eight route ids, so that a draining pod's calls can move in eighths."""

    def __init__(self, first: int) -> None:
        self._calls = dict.fromkeys(range(first, first + BLOCK_SIZE), 0)

    def take(self) -> int:
        """The route id with the fewest calls."""
        route = min(self._calls, key=self._calls.__getitem__)
        self._calls[route] += 1
        return route

    def give_back(self, route: int) -> None:
        self._calls[route] -= 1
