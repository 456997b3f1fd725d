"""The route table as its readers have it: the document, and what a cluster says beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_wire.environment import Address
from antiphon_wire.route_table import RouteTable


@dataclass(frozen=True)
class FleetTable:
    routes: RouteTable
    vip: tuple[Address, ...] = ()
    """The public addresses, the preferred one first. Empty: not known, or not said here."""


@dataclass(frozen=True)
class WatchState:
    """How the watch of a cluster's tables goes."""

    age_s: float
    """Since the API server last said anything."""
    troubles: Mapping[str, int]
    """How often it was interrupted, by the reason."""
