"""What crosses between Antiphon's parts: tickets, hop records, route tables; and how each part is set up."""

from antiphon_wire.key_ring import KeyRing, KeyRingError
from antiphon_wire.route_table import BLOCK_SIZE, Block, BlockState, Moved, Pool, Relay, RouteTable, RouteTableError
from antiphon_wire.ticket import LONGEST_CALL_S, MINT_SLACK_S, CallId, Minted, Ticket, TicketError, TicketReason

__all__ = [
    "BLOCK_SIZE",
    "LONGEST_CALL_S",
    "MINT_SLACK_S",
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
