"""When a question ended and its answer began and ended. No clock: every moment is an argument, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

ENDING_SILENCE_S = 1.2
"""An answer that was heard and then not heard for this long has ended."""


@dataclass(frozen=True)
class Turn:
    question_ended_s: float
    answer_began_s: float
    answer_ended_s: float

    @property
    def delay_ms(self) -> float:
        """From the end of the question to the answer's first audible packet. Negative: it began before (an echo)."""
        return (self.answer_began_s - self.question_ended_s) * 1000

    @property
    def answer_s(self) -> float:
        return self.answer_ended_s - self.answer_began_s


class TurnTaking:
    """One question at a time and its answer."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._question_ended: float | None = None
        self._began: float | None = None
        self._last_heard: float | None = None

    def ask(self) -> None:
        """A new question begins; what was heard of an answer before belongs to the one before."""
        self._question_ended = self._began = self._last_heard = None

    def question_ended(self, now: float) -> None:
        self._question_ended = now

    def heard(self, now: float) -> None:
        """An audible packet of the other side came."""
        if self._began is None:
            self._began = now
        self._last_heard = now

    def waiting_for_answer_s(self, now: float) -> float:
        """How long the question has been over with nothing heard."""
        if self._question_ended is None or self._began is not None:
            return 0.0
        return now - self._question_ended

    def finish(self, now: float) -> Turn | None:
        """The turn, once the question is over and its answer was heard and has ended."""
        if self._question_ended is None or self._began is None or self._last_heard is None:
            return None
        if now - max(self._last_heard, self._question_ended) < ENDING_SILENCE_S:
            return None
        turn = Turn(self._question_ended, self._began, self._last_heard)
        self.turns.append(turn)
        self.ask()
        return turn
