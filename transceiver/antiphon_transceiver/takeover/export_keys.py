"""What exports are sealed with: a key ring that only transceivers hold, followed as its file changes."""

from antiphon_wire.key_ring import KeyRing, KeyRingError
from antiphon_wire.ticket import TicketError
from antiphon_wire.watched_file import WatchedFile


class ExportKeys:
    def __init__(self, file: WatchedFile[KeyRing]) -> None:
        self._file = file

    def sealing(self, now: float) -> tuple[int, bytes] | None:
        """`(key id, key)`; None: no key may seal at `now`, in seconds since 1970."""
        try:
            return self._file.current.sealing_key(now=int(now))
        except KeyRingError:
            return None

    def opening(self, key_id: int, now: float) -> bytes | None:
        """None: the ring has no such key, or it may not be read any more."""
        try:
            return self._file.current.opening_key(key_id, now=int(now))
        except TicketError:
            return None
