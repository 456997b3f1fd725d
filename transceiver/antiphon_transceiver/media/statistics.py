"""What the engine counts of one call, and of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class MediaStatistics:
    """One call's, since its beginning; the fields are named as the engine names them."""

    packets_received: int = 0
    bytes_received: int = 0
    """Of SRTP, as they came."""
    packets_sent: int = 0
    bytes_sent: int = 0
    """Of SRTP, as they went."""
    lost: int = 0
    late: int = 0
    twice: int = 0
    reordered: int = 0
    """Behind later ones, and in time."""
    heard_ms: int = 0
    """All sound that was made of the client's packets, and what follows of it."""
    pause_ms: int = 0
    """Silence of a client that pauses."""
    concealed_ms: int = 0
    recovered_ms: int = 0
    """Lost, and heard all the same: by FEC, by RED, or because it was asked for."""
    undecodable: int = 0
    surplus_packets: int = 0
    """Beyond 200 a second: not even authenticated."""
    surplus_ms: int = 0
    """Sound beyond the time that passed: not decoded."""
    authentication_failures: int = 0
    replayed: int = 0
    refused: int = 0
    """Malformed, of another payload type, or of one SSRC too many."""
    nacked: int = 0
    """The client's packets that we asked for."""
    retransmitted: int = 0
    """Our packets that went again because the client asked for them."""
    withheld: int = 0
    """RTP and RTCP of ours that the call's tenure did not let out."""
    remote_lost: int = 0
    """Of our packets, as the client reports."""
    queued_ms: int = 0
    flushed_ms: int = 0
    """Of our sound, thrown away by flushes."""
    skipped_ms: int = 0
    """Of our live sound, left out because it was late."""
    passed_over: int = 0
    """Times that our live sound waited for one frame more, to be encoded in time from then on."""
    ran_dry: int = 0
    """Times that our sound stopped before its end was known."""
    wait_ms: int = 0
    """What a gap would wait now."""
    jitter_ms: float = 0.0
    rtt_ms: float | None = None
    mos: float | None = None
    """Estimate of what we hear: 1 … 4.41 (ITU-T G.107)."""
    remote_mos: float | None = None
    """Estimate of what the client hears, by its reports."""

    @classmethod
    def of(cls, figures: Mapping[str, int | float | None]) -> Self:
        """Figures that have no field are left out."""
        named = {field.name: _rounded(figures[field.name]) for field in fields(cls)}
        return cls(**named)  # type: ignore[arg-type] # whole numbers where they are due: the engine sees to it


@dataclass(frozen=True)
class FirstSound:
    """When there was any, of the monotonic clock in seconds."""

    heard_at: float | None = None
    """From the client."""
    sent_at: float | None = None


@dataclass(frozen=True)
class EngineStatistics:
    """How well the time is kept, over all calls; the fields are named as the engine names them."""

    slots: int = 0
    """Frames' times that came."""
    late: int = 0
    """Of them more than 5 ms late."""
    missed: int = 0
    """Of them later than a frame is long: listeners may have heard it."""
    skipped: int = 0
    """Left out after a stall, or because a worker was that far behind."""
    stalls: int = 0
    worst_us: int = 0
    encoded_late: int = 0
    """Of the late ones those that were left to an encoding thread and late only there."""
    packets_taken: int = 0
    """Packets of clients that their workers took."""
    packets_waited_long: int = 0
    """Of them after more than 10 ms."""
    pcm_chunks: int = 0
    """Pieces of clients' sound that were fetched."""
    pcm_waited_us: int = 0
    """Of all of them together: how long they waited for it."""
    pcm_worst_us: int = 0
    pcm_dropped_ms: int = 0
    """Not fetched within two seconds."""

    @classmethod
    def of(cls, counters: Mapping[str, int]) -> Self:
        """Counters that have no field are left out."""
        return cls(**{field.name: counters[field.name] for field in fields(cls)})


def _rounded(figure: float | None) -> int | float | None:
    return round(figure, 3) if isinstance(figure, float) else figure
