"""How an RTP stream arrives: loss and jitter as RFC 3550 defines them. No socket, no clock."""

from __future__ import annotations

CLOCK_RATE = 48_000


class Reception:
    """Counts one stream (RFC 3550 appendices A.1, A.3 and A.8)."""

    def __init__(self, ssrc: int, first_sequence: int) -> None:
        self.ssrc = ssrc
        self._first_sequence = self._highest = first_sequence
        self._received = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._arrived_s: float | None = None
        self._longest_gap_s = 0.0
        self._expected_before = self._received_before = 0

    def packet(self, *, sequence: int, timestamp: int, arrived_s: float) -> None:
        ahead = (sequence - self._highest) & 0xFFFF
        if 0 < ahead < 0x8000:
            self._highest += ahead
        self._received += 1
        if self._arrived_s is not None:
            self._longest_gap_s = max(self._longest_gap_s, arrived_s - self._arrived_s)
        self._arrived_s = arrived_s
        transit = arrived_s * CLOCK_RATE - timestamp
        if self._transit is not None:
            # Timestamps are modulo 2^32: a wrap between two packets is not jitter.
            change = abs((transit - self._transit + 2**31) % 2**32 - 2**31)
            self._jitter += (change - self._jitter) / 16
        self._transit = transit

    @property
    def received(self) -> int:
        return self._received

    @property
    def expected(self) -> int:
        return self._highest - self._first_sequence + 1 if self._received else 0

    @property
    def lost(self) -> int:
        """Duplicates count as received, so this can be negative (RFC 3550 A.3); it is shown as 0 then."""
        return max(0, self.expected - self._received)

    @property
    def jitter(self) -> int:
        """In RTP clock units, as a receiver report carries it."""
        return int(self._jitter)

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / CLOCK_RATE

    @property
    def longest_gap_ms(self) -> float:
        """Between two packets that arrived one after the other, whatever their sequence numbers."""
        return self._longest_gap_s * 1000

    @property
    def highest_sequence(self) -> int:
        return self._highest & 0xFFFFFFFF

    def fraction_lost(self) -> int:
        """Of the packets since the last report, in 1/256."""
        expected, received = self.expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = self.expected, self._received
        lost = expected - received
        return 0 if expected <= 0 or lost <= 0 else min(255, (lost << 8) // expected)
