"""Calls that outlive their process: written down by their owner, taken over by an heir. See docs/decisions/0009."""

from antiphon_transceiver.takeover.counters import Refused, TakeoverCounters, Unexported, Untaken
from antiphon_transceiver.takeover.settings import ExportSettings

__all__ = ["ExportSettings", "Refused", "TakeoverCounters", "Unexported", "Untaken"]
