"""What came of a call, and how it is said. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from antiphon_cli.voice.turns import Turn


class Outcome(Enum):
    """How far a call came; the value is the process's exit code."""

    OK = 0
    HTTP = 10
    ICE = 11
    DTLS = 12
    AUDIO = 13

    @property
    def stage(self) -> str:
        return {Outcome.OK: "ok", Outcome.AUDIO: "audio"}.get(self, self.name)


@dataclass(frozen=True)
class Setup:
    """Milliseconds of each stage; None: not reached."""

    http_ms: float | None = None
    ice_ms: float | None = None
    dtls_ms: float | None = None
    first_audio_out_ms: float | None = None
    first_audio_back_ms: float | None = None
    """From the end of DTLS to the first packet of the other side, audible or not."""

    @property
    def total_ms(self) -> float | None:
        stages = (self.http_ms, self.ice_ms, self.dtls_ms, self.first_audio_out_ms)
        reached = [stage for stage in stages if stage is not None]
        return sum(reached) if len(reached) == len(stages) else None


@dataclass(frozen=True)
class Quality:
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    longest_gap_ms: float = 0.0
    """Between two packets of the answer's stream; 20 ms and a little where nothing went wrong."""
    lost_on_the_way_up: float | None = None
    """Fraction, as the other side's receiver reports said; None: it sent none."""

    @property
    def lost_on_the_way_down(self) -> float:
        expected = self.packets_received + self.packets_lost
        return self.packets_lost / expected if expected else 0.0


@dataclass(frozen=True)
class CallReport:
    outcome: Outcome = Outcome.OK
    failure: str | None = None
    """One sentence: what failed and what to do."""
    call_id: str | None = None
    candidate: str | None = None
    rtt_ms: float | None = None
    dtls: str | None = None
    """Who sent the ClientHello, and the SRTP profile."""
    setup: Setup = field(default_factory=Setup)
    turns: tuple[Turn, ...] = ()
    quality: Quality = field(default_factory=Quality)
    events: tuple[str, ...] = ()
    """Types of the server events that came over the data channel, in order, without repeats in a row."""
    recording: Path | None = None

    def document(self) -> dict[str, object]:
        """For `-o json`."""
        return {
            "outcome": self.outcome.stage,
            "failure": self.failure,
            "call_id": self.call_id,
            "candidate": self.candidate,
            "rtt_ms": _rounded(self.rtt_ms),
            "dtls": self.dtls,
            "setup_ms": {
                "http": _rounded(self.setup.http_ms),
                "ice": _rounded(self.setup.ice_ms),
                "dtls": _rounded(self.setup.dtls_ms),
                "first_audio_out": _rounded(self.setup.first_audio_out_ms),
                "total": _rounded(self.setup.total_ms),
            },
            "first_audio_back_ms": _rounded(self.setup.first_audio_back_ms),
            "turns": [
                {"delay_ms": _rounded(turn.delay_ms), "answer_s": round(turn.answer_s, 3)} for turn in self.turns
            ],
            "packets": {
                "sent": self.quality.packets_sent,
                "received": self.quality.packets_received,
                "lost": self.quality.packets_lost,
            },
            "loss_up": self.quality.lost_on_the_way_up,
            "loss_down": self.quality.lost_on_the_way_down,
            "jitter_ms": _rounded(self.quality.jitter_ms),
            "longest_gap_ms": _rounded(self.quality.longest_gap_ms),
            "events": list(self.events),
            "recording": None if self.recording is None else str(self.recording),
        }


def progress_lines(report: CallReport) -> list[str]:
    """For people: a line per stage that was reached and per turn. While a call goes on there are ever more of them."""
    return [*_setup_lines(report), *_turn_lines(report)]


def closing_lines(report: CallReport) -> list[str]:
    """What is known at the end, then the failure or `ok`."""
    said = []
    if report.quality.packets_received:
        said.append(_quality_line(report.quality))
    if report.recording is not None:
        said.append(f"answer saved to {report.recording}")
    said.append("ok" if report.outcome is Outcome.OK else f"× {report.outcome.stage}: {report.failure}")
    return said


def _setup_lines(report: CallReport) -> list[str]:
    setup, said = report.setup, []
    if setup.http_ms is not None:
        said.append(_line("offer -> answer", setup.http_ms, f"call {report.call_id}" if report.call_id else ""))
    if setup.ice_ms is not None:
        said.append(_line("first STUN -> answer", setup.ice_ms, f"{report.candidate}, RTT {report.rtt_ms or 0:.1f} ms"))
    if setup.dtls_ms is not None:
        said.append(_line("DTLS", setup.dtls_ms, report.dtls or ""))
    if setup.first_audio_out_ms is not None:
        said.append(_line("first audio out", setup.first_audio_out_ms, f"set-up {setup.total_ms or 0:.0f} ms"))
    return said


def _turn_lines(report: CallReport) -> list[str]:
    said = []
    for number, turn in enumerate(report.turns, start=1):
        note = f"answer {turn.answer_s:.1f} s"
        if turn.delay_ms < 0:
            note += ", begun before the question had ended: is this an echo?"
        said.append(f"turn {number:<2} you stopped -> agent heard {turn.delay_ms:6.0f} ms   {note}")
    return said


def _quality_line(quality: Quality) -> str:
    up = "" if quality.lost_on_the_way_up is None else f"{quality.lost_on_the_way_up:.1%} up, "
    down = f"{quality.lost_on_the_way_down:.1%} down"
    packets = f"{quality.packets_sent} packets out, {quality.packets_received} in"
    return f"loss {up}{down}   jitter {quality.jitter_ms:.1f} ms   {packets}"


def _line(stage: str, took_ms: float, note: str) -> str:
    return f"{stage:<22}{took_ms:6.0f} ms   {note}".rstrip()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
