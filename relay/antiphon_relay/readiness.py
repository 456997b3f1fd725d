"""Whether packets may be sent to this relay. Pure."""

from antiphon_wire import RouteTable
from antiphon_wire.environment import Address


class Readiness:
    """Readiness moves live flows, so once a relay has its place in the table nothing that is shared takes it away."""

    def __init__(self, hop: Address, *, needs_place: bool) -> None:
        """`needs_place`: transceivers take datagrams only from relays that the table names, and others write it."""
        self._hop = hop
        self._has_place = not needs_place
        self._serves = False
        self.draining = False

    def table_taken(self, table: RouteTable) -> None:
        self._serves = True
        self._has_place = self._has_place or any(Address.parse(relay.hop) == self._hop for relay in table.relays)

    @property
    def lacks(self) -> str | None:
        """Why no packets should come; None: they may."""
        if self.draining:
            return "draining"
        if not self._serves:
            return "no route table yet"
        return None if self._has_place else "the route table does not name this relay yet"
