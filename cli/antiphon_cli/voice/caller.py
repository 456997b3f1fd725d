"""Places a call and says what came of it. `place_call` is the whole interface."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from antiphon_cli.voice.conversation import Conversation, Ending, Patience
from antiphon_cli.voice.description import LocalDescription, offer
from antiphon_cli.voice.exchange import Accepted, Exchange, ExchangeError, Standing
from antiphon_cli.voice.ice import IceError, IcePath
from antiphon_cli.voice.oai_events import EventChannel
from antiphon_cli.voice.question import Question, write_wav
from antiphon_cli.voice.recording import Recording
from antiphon_cli.voice.report import CallReport, Outcome, Quality
from antiphon_cli.voice.secure_media import (
    DtlsError,
    OutgoingStream,
    SecureMedia,
    new_certificate,
    sha256_fingerprint,
)

ICE_TIMEOUT_S = 5.0
SILENCE_S = 2.0
"""An agent's pause sounds the same as a dead transceiver; after so long the server is asked which it is."""
LOOK_INTERVAL_S = 1.0
ICE_CHARACTERS = string.ascii_letters + string.digits


def never() -> bool:
    return False


@dataclass(frozen=True)
class CallPlan:
    url: str
    question: Question
    model: str | None = None
    record: Path | None = None
    timeout_s: float = 10.0
    """For the HTTP answer, for the DTLS handshake and for an audible answer, each; ICE gets at most 5 s of it."""
    keep_alive_s: float = 0.0
    insecure: bool = False
    enough: Callable[[], bool] = never
    """Asked after each answer; true ends a call that would be kept alive."""


class AudioError(Exception):
    """Connected, and yet nothing was heard; the message is one sentence."""


Progress = Callable[[CallReport], None]


def untold(_report: CallReport) -> None:
    """For those who wait for the end."""


async def place_call(plan: CallPlan, progress: Progress = untold) -> CallReport:
    """Call, ask, listen, hang up. Never raises for what a network or a server does: the report says it.

    `progress` gets the report as far as it is, at every stage and turn.
    """
    return await _Call(plan, progress).run()


async def place_calls(plans: list[CallPlan]) -> list[CallReport]:
    """All at once."""
    return list(await asyncio.gather(*(place_call(plan) for plan in plans)))


class _Call:
    def __init__(self, plan: CallPlan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._certificate = new_certificate()
        self._stream = OutgoingStream(ssrc=secrets.randbits(32), first_sequence=secrets.randbits(15))
        self._local = LocalDescription(
            ufrag=_ice_text(8),
            password=_ice_text(24),
            fingerprint=sha256_fingerprint(self._certificate),
            ssrc=self._stream.ssrc,
        )
        self._report = CallReport()
        self._stage_began = 0.0

    async def run(self) -> CallReport:
        try:
            async with Exchange(self._plan.url, insecure=self._plan.insecure, timeout_s=self._plan.timeout_s) as http:
                accepted = await self._offer(http)
                try:
                    await self._talk(http, accepted)
                finally:
                    await http.hang_up(accepted)
        except ExchangeError as error:
            self._fail(Outcome.HTTP, error)
        except IceError as error:
            self._fail(Outcome.ICE, error)
        except DtlsError as error:
            self._fail(Outcome.DTLS, error)
        except AudioError as error:
            self._fail(Outcome.AUDIO, error)
        return self._report

    async def _offer(self, http: Exchange) -> Accepted:
        self._begin_stage()
        accepted = await http.offer(offer(self._local), self._plan.model)
        self._report = replace(self._report, call_id=accepted.call_id)
        self._note_setup(http_ms=self._end_stage())
        return accepted

    async def _talk(self, http: Exchange, accepted: Accepted) -> None:
        patience = Patience(
            answer_s=self._plan.timeout_s, keep_alive_s=self._plan.keep_alive_s, enough=self._plan.enough
        )
        conversation = Conversation(self._plan.question, patience, self._stream, Recording(self._longest_recording_s))
        try:
            async with self._connected(accepted, conversation) as media:
                connected_s = self._begin_stage()
                noticing = asyncio.create_task(_notice_its_end(http, accepted, media, conversation))
                try:
                    ending = await conversation.run(
                        media,
                        accepted.answer.opus_payload_type,
                        lambda: self._note_conversation(conversation, connected_s),
                    )
                finally:
                    noticing.cancel()
                self._note_conversation(conversation, connected_s)
                self._save_answer(conversation)
                self._note_quality(conversation, media)
                if ending is not Ending.ANSWERED:
                    # Asked before this side closes: after it the server's reason would be that.
                    standing = noticing.result() if ending is Ending.LOST else await http.standing(accepted)
                    raise AudioError(self._unheard(ending, conversation, standing))
        except (IceError, DtlsError) as error:
            standing = await http.standing(accepted)
            raise type(error)(f"{error} ({standing.sentence})" if standing else str(error)) from error

    @asynccontextmanager
    async def _connected(self, accepted: Accepted, conversation: Conversation) -> AsyncIterator[SecureMedia]:
        remote = accepted.answer
        path = IcePath(self._local, remote)
        media = SecureMedia(
            path, self._certificate, self._stream, on_packet=conversation.hear, on_end=conversation.peer_closed
        )
        events = EventChannel(media, conversation.answer_failed) if remote.has_data_channel else None
        try:
            self._begin_stage()
            await path.connect(min(ICE_TIMEOUT_S, self._plan.timeout_s))
            self._note_path(path)
            self._note_setup(ice_ms=self._end_stage())
            await media.handshake(remote, self._plan.timeout_s)
            role = "the server says hello (active)" if remote.dtls_active else "this side says hello (passive)"
            self._report = replace(self._report, dtls=f"{role}, {media.srtp_profile}")
            self._note_setup(dtls_ms=self._end_stage())
            if events is not None:
                events.open()
            yield media
        finally:
            self._note_path(path)
            if events is not None:
                await events.close()
                self._report = replace(self._report, events=tuple(events.types))
            await media.close()
            path.close()

    @property
    def _longest_recording_s(self) -> float:
        """Of the call and an answer that goes on after it; nothing is kept for nobody."""
        if self._plan.record is None:
            return 0.0
        return self._plan.keep_alive_s + self._plan.timeout_s + self._plan.question.duration_s + 120

    def _note_path(self, path: IcePath) -> None:
        if path.candidate is not None:
            rtt_ms = None if path.rtt_s is None else path.rtt_s * 1000
            self._report = replace(self._report, candidate=str(path.candidate), rtt_ms=rtt_ms)

    def _note_conversation(self, conversation: Conversation, connected_s: float) -> None:
        self._report = replace(self._report, turns=tuple(conversation.turn_taking.turns))
        moments = {
            "first_audio_out_ms": conversation.first_sent_s,
            "first_audio_back_ms": conversation.first_heard_s,
        }
        self._note_setup(
            **{name: (moment - connected_s) * 1000 for name, moment in moments.items() if moment is not None}
        )

    def _save_answer(self, conversation: Conversation) -> None:
        answer = conversation.recording.samples()
        if self._plan.record is not None and answer.size:
            write_wav(self._plan.record, answer)
            self._report = replace(self._report, recording=self._plan.record)

    def _note_quality(self, conversation: Conversation, media: SecureMedia) -> None:
        reception = conversation.reception
        quality = Quality(
            packets_sent=conversation.packets_sent,
            packets_received=reception.received if reception else 0,
            packets_lost=reception.lost if reception else 0,
            jitter_ms=reception.jitter_ms if reception else 0.0,
            longest_gap_ms=reception.longest_gap_ms if reception else 0.0,
            lost_on_the_way_up=media.lost_on_the_way_up,
        )
        self._report = replace(self._report, quality=quality)

    def _unheard(self, ending: Ending, conversation: Conversation, standing: Standing | None) -> str:
        because = f" ({standing.sentence})" if standing else ""
        if conversation.an_answer_failed:
            return "the agent's answer failed; see its log"
        if ending in (Ending.NOT_HEARD, Ending.LOST) and standing and standing.ended:
            return f"the call was lost while waiting for an answer; {standing.sentence}"
        if ending is Ending.CLOSED_BY_PEER:
            return f"the other side closed the call before its answer had ended{because}"
        waited = f"within {self._plan.timeout_s:.0f} s of the question's end{because}"
        if conversation.reception is None:
            return f"connected, but no audio packet came {waited}. Is the agent running? See its log"
        return f"{conversation.reception.received} audio packets came, but none could be heard {waited}"

    def _begin_stage(self) -> float:
        self._stage_began = asyncio.get_running_loop().time()
        return self._stage_began

    def _end_stage(self) -> float:
        """Milliseconds since the stage began; the next one begins now."""
        before = self._stage_began
        return (self._begin_stage() - before) * 1000

    def _note_setup(self, **stages: float) -> None:
        self._report = replace(self._report, setup=replace(self._report.setup, **stages))
        self._progress(self._report)

    def _fail(self, outcome: Outcome, error: Exception) -> None:
        self._report = replace(self._report, outcome=outcome, failure=str(error))


async def _notice_its_end(
    http: Exchange, accepted: Accepted, media: SecureMedia, conversation: Conversation
) -> Standing:
    """A transceiver that died cannot say so, and UDP does not either; signaling learns it within a second."""
    loop = asyncio.get_running_loop()
    while True:
        silent_s = loop.time() - media.last_heard_s
        await asyncio.sleep(max(SILENCE_S - silent_s, LOOK_INTERVAL_S))
        if loop.time() - media.last_heard_s <= SILENCE_S:
            continue
        standing = await http.standing(accepted)
        if standing is not None and standing.ended:
            conversation.lost()
            return standing


def _ice_text(length: int) -> str:
    return "".join(secrets.choice(ICE_CHARACTERS) for _ in range(length))
