"""The transceiver's native parts: the media socket and the Opus codec."""

from typing import Final, final

__all__ = [
    "KIND_CHECKED",
    "KIND_CONSENT_LOST",
    "KIND_DTLS",
    "KIND_RTCP",
    "KIND_RTP",
    "KIND_SETUP_TIMEOUT",
    "Endpoint",
    "OpusDecoder",
    "OpusEncoder",
]

KIND_CHECKED: Final[int]
"""The first authenticated check of the call: there is an address to send to."""
KIND_DTLS: Final[int]
"""The payload is one datagram of DTLS records from a checked address."""
KIND_RTP: Final[int]
KIND_RTCP: Final[int]
KIND_SETUP_TIMEOUT: Final[int]
"""No valid check within the set-up window; said once."""
KIND_CONSENT_LOST: Final[int]
"""No valid check for the consent time; said once."""

@final
class Endpoint:
    """The pod's one UDP socket: a thread of its own unpacks the hop, answers STUN and sorts the rest by call."""

    def __new__(cls, hop_address: str, *, setup_window_s: float, consent_s: float, queue_limit: int = 256) -> Endpoint:
        """`queue_limit`: datagrams of one call that may wait for `receive`; what exceeds it is dropped and counted."""

    def start(self) -> str:
        """Binds and serves; the bound `host:port`. Once only."""

    def stop(self) -> None: ...
    def set_relays(self, relays: list[tuple[str, int]]) -> None:
        """`(address, workers)` of each relay: its hop datagrams come from that port and the `workers` - 1 above it."""

    def add_call(self, *, route: int, ufrag: str, password: str, remote_ufrag: str) -> int:
        """A handle that is never used twice; KeyError if the ufrag names a live call."""

    def remove_call(self, handle: int) -> None:
        """Nothing of the call is received or answered any more; of an unknown one, nothing happens."""

    def send(self, handle: int, datagram: bytes) -> bool:
        """To the call's send address; False, and counted, where there is none or the queue is full."""

    def fileno(self) -> int:
        """Readable while `receive` has something."""

    def receive(self, limit: int = 1024) -> list[tuple[int, int, bytes, int]]:
        """`(handle, kind, payload, via)` as they came; `via` is 0 for the return path in use, else for `adopt`."""

    def adopt(self, handle: int, via: int) -> None:
        """The media authenticated a datagram that came by `via`: send that way from now on."""

    def address_of(self, handle: int) -> str | None:
        """The client address that `send` sends to."""

    def counters(self) -> dict[str, int]:
        """All counts since the start, by closed labels; those of dropped datagrams begin with `drop_`."""

@final
class OpusEncoder:
    """Mono, for voice. In-band FEC is on when `packet_loss_percent` is above 0."""

    def __new__(
        cls,
        sample_rate: int,
        *,
        bitrate: int = 32000,
        complexity: int = 5,
        packet_loss_percent: int = 0,
        dtx: bool = False,
    ) -> OpusEncoder: ...
    def encode(self, pcm: bytes) -> bytes:
        """One packet from one frame of 10, 20, 40 or 60 ms of 16-bit little-endian PCM; else ValueError."""

@final
class OpusDecoder:
    """Mono, at the sample rate asked for, whatever the sender's."""

    def __new__(cls, sample_rate: int) -> OpusDecoder: ...
    def decode(self, packet: bytes, *, fec: bool = False) -> bytes:
        """PCM of `packet`; with `fec`, of the lost one before it, as far as it is known. ValueError if corrupt."""

    def conceal(self, samples: int) -> bytes:
        """PCM in place of a lost packet: a multiple of 2.5 ms up to 120 ms."""
