"""Which of the pod's route ids the next call gets. Pure."""

from antiphon_wire.route_table import BLOCK_SIZE


class RouteSpread:
    """Spreads calls over the block's eight route ids, so that a draining pod's calls can move in eighths."""

    def __init__(self, first: int) -> None:
        self._calls = dict.fromkeys(range(first, first + BLOCK_SIZE), 0)
        self._withheld: frozenset[int] = frozenset()

    def count(self, route: int) -> None:
        """A call that came with its route; one of another pod's block is not spread here."""
        if route in self._calls:
            self._calls[route] += 1

    def take(self) -> int | None:
        """The route id with the fewest calls; None: all are withheld."""
        route = min(self._calls.keys() - self._withheld, key=lambda one: (self._calls[one], one), default=None)
        if route is not None:
            self._calls[route] += 1
        return route

    def withhold(self, routes: frozenset[int]) -> None:
        """No more calls for these: they go to another pod."""
        self._withheld |= routes

    def allow(self, routes: frozenset[int]) -> None:
        """They stay after all."""
        self._withheld -= routes

    def give_back(self, route: int) -> None:
        if route in self._calls:
            self._calls[route] -= 1
