"""What crosses between Antiphon's parts: tickets, hop records, route tables; and how each part is set up."""

from antiphon_wire.key_ring import KeyRing, KeyRingError
from antiphon_wire.route_table import Block, BlockState, Moved, Pool, Relay, RouteTable, RouteTableError
from antiphon_wire.ticket import CallId, Minted, Ticket, TicketError, TicketReason

__all__ = [
    "Block",
    "BlockState",
    "CallId",
    "KeyRing",
    "KeyRingError",
    "Minted",
    "Moved",
    "Pool",
    "Relay",
    "RouteTable",
    "RouteTableError",
    "Ticket",
    "TicketError",
    "TicketReason",
]
