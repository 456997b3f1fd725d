"""The client's events channel: SCTP and DCEP by aiortc over the call's DTLS, made safe against its peer.

The only file that knows private names of `aiortc.rtcsctptransport` (as of 1.16): `_handle_data`, `_receive`,
`_receive_data_chunk`, `_receive_forward_tsn_chunk`, `_receive_sack_chunk`, `_get_inbound_stream`, `_inbound_streams`,
`_abort`, `_set_state`, `_sack_needed`, `_advertised_rwnd`, `_last_received_tsn`, `_local_tsn`, `_last_sacked_tsn`,
`_data_channels`, and what it calls of a DTLS transport: `_role`, `_register_data_receiver`,
`_unregister_data_receiver`, `_send_data`. aiortc bounds neither what it reassembles nor what an acknowledgement makes
it do.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from aiortc import RTCDataChannel, rtcsctptransport
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import (
    DataChunk,
    ForwardTsnChunk,
    InboundStream,
    RTCSctpCapabilities,
    RTCSctpTransport,
    SackChunk,
)

from antiphon_transceiver.dtls import DtlsSession
from antiphon_transceiver.negotiation import LARGEST_MESSAGE, DataChannelOffer, DtlsRole
from antiphon_transceiver.sctp_guard import is_well_formed

logger = logging.getLogger(__name__)

EVENTS_LABEL = "oai-events"
"""The label that OpenAI's SDKs open; other channels are closed again."""

LARGEST_BACKLOG = 1024 * 1024
"""Bytes of events that wait for a slow client; what comes on top is dropped and counted."""

_MOST_CHANNELS = 16
_MOST_STREAMS = 16
_RECEIVE_WINDOW = 128 * 1024
# aiortc searches all held chunks of a stream for each that comes. So a chunk takes at least this much of the window,
# which then holds 128 of them; a browser's fragments are larger.
_LEAST_CHARGE = 1024
# Chunks ahead of the next expected one: more than the window holds, and few enough for one SACK in one datagram.
_FURTHEST_AHEAD = 256
_TSN_MODULO = 2**32

# A DATA chunk's payload such that headers (12 + 16) and DTLS record (37) stay within 1200 bytes, which the hop has room
# for; aiortc's own figure makes 1226.
rtcsctptransport.USERDATA_MAX_LENGTH = 1132


@dataclass
class ChannelCounters:
    events_received: int = 0
    events_sent: int = 0
    events_dropped: int = 0
    malformed_packets: int = 0


class EventsChannel:
    """Text both ways. What is sent before the client has opened the channel waits, in order."""

    def __init__(self, dtls: DtlsSession, offer: DataChannelOffer, receive: Callable[[str], None]) -> None:
        self.counters = ChannelCounters()
        self._offer = offer
        self._receive = receive
        self._channel: RTCDataChannel | None = None
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._association = _Association(_Carrier(dtls, self._deliver))
        self._association.on("datachannel", self._opened)

    async def start(self) -> None:
        await self._association.start(RTCSctpCapabilities(self._offer.largest_message), self._offer.port)

    def send(self, text: str) -> bool:
        """False, and counted, when the event is too large or the client too slow."""
        size = len(text.encode())
        backlog = self._waiting_bytes if self._channel is None else self._channel.bufferedAmount
        closed = self._channel is not None and self._channel.readyState != "open"
        if closed or size > self._offer.largest_message or backlog + size > LARGEST_BACKLOG:
            self.counters.events_dropped += 1
            return False
        if self._channel is None:
            self._waiting.append(text)
            self._waiting_bytes += size
        else:
            self._channel.send(text)
            self.counters.events_sent += 1
        return True

    async def stop(self) -> None:
        await self._association.stop()

    def _opened(self, channel: RTCDataChannel) -> None:
        taken = self._channel is not None and self._channel.readyState == "open"
        if channel.label != EVENTS_LABEL or taken:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._heard)
        self._waiting_bytes = 0
        while self._waiting:
            self.send(self._waiting.popleft())

    def _heard(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.counters.events_received += 1
            self._receive(message)
        else:
            self.counters.events_dropped += 1

    async def _deliver(self, packet: bytes) -> None:
        """The root of all that a peer's SCTP packet can cause: what it breaks is its own association, not the call."""
        if not is_well_formed(packet):
            self.counters.malformed_packets += 1
            return
        try:
            await self._association.deliver(packet)
        except Exception:  # noqa: BLE001 - aiortc meets hostile chunks with asserts and whatever its state then raises
            self.counters.malformed_packets += 1
            logger.warning("sctp packet refused", extra={"fields": {"count": self.counters.malformed_packets}})


class _Carrier:
    """What RTCSctpTransport asks of a DTLS transport, and no more."""

    state = "connected"

    def __init__(self, dtls: DtlsSession, deliver: Callable[[bytes], Awaitable[None]]) -> None:
        self._dtls = dtls
        self._deliver = deliver
        self._role = "server" if dtls.role is DtlsRole.SERVER else "client"

    def _register_data_receiver(self, _receiver: object) -> None:
        self._dtls.receive_application(self._deliver)

    def _unregister_data_receiver(self, _receiver: object) -> None:
        pass

    async def _send_data(self, data: bytes) -> None:
        await self._dtls.send_application(data)


class _Association(RTCSctpTransport):
    """RTCSctpTransport with bounds on what a peer can make it hold or compute."""

    def __init__(self, carrier: _Carrier) -> None:
        super().__init__(cast(RTCDtlsTransport, carrier))
        self._advertised_rwnd = _RECEIVE_WINDOW
        self._is_given_up = False

    async def deliver(self, packet: bytes) -> None:
        if not self._is_given_up:
            await self._handle_data(packet)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if len(data) > LARGEST_MESSAGE:
            return
        if pp_id == rtcsctptransport.WEBRTC_DCEP and data[0] == rtcsctptransport.DATA_CHANNEL_OPEN:
            if stream_id in self._data_channels or len(self._data_channels) >= _MOST_CHANNELS:
                return
            data = _as_reliable(data)
        await super()._receive(stream_id, pp_id, data)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if self._last_received_tsn is None or self._is_given_up:
            return
        ahead = (chunk.tsn - self._last_received_tsn) % _TSN_MODULO
        is_new = 0 < ahead < _TSN_MODULO // 2
        room = self._advertised_rwnd - _charge(chunk)
        # Only the next expected chunk may overdraw the window, since it can complete a message and free it again.
        if is_new and (ahead > _FURTHEST_AHEAD or (room < 0 and ahead > 1)):
            # RFC 9260 section 6.2: the sender of what is dropped is told so at once.
            self._sack_needed = True
            return
        if is_new and room < -LARGEST_MESSAGE:
            await self._give_up()
            return
        await super()._receive_data_chunk(chunk)
        self._measure_window()

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        # A stream named twice would be searched twice.
        chunk.streams = list(dict(chunk.streams).items())
        await super()._receive_forward_tsn_chunk(chunk)
        self._measure_window()

    def _get_inbound_stream(self, stream_id: int) -> InboundStream:
        """A stream above the limit is acknowledged, as RFC 9260 section 6.5 has it, and forgotten."""
        if stream_id not in self._inbound_streams and len(self._inbound_streams) >= _MOST_STREAMS:
            return InboundStream()
        return super()._get_inbound_stream(stream_id)

    def _measure_window(self) -> None:
        """From what is held: aiortc counts bytes alone, and loses those of a stream that is reset."""
        held = (chunk for stream in self._inbound_streams.values() for chunk in stream.reassembly)
        self._advertised_rwnd = _RECEIVE_WINDOW - sum(map(_charge, held))

    async def _give_up(self) -> None:
        """Ends the association for good, and with it what it holds and what its peer can make it do."""
        self._is_given_up = True
        self._inbound_streams.clear()
        await self._abort()
        self._set_state(self.State.CLOSED)

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        outstanding = (self._local_tsn - chunk.cumulative_tsn) % _TSN_MODULO
        if outstanding > (self._local_tsn - self._last_sacked_tsn) % _TSN_MODULO:
            return
        chunk.gaps = _plausible_gaps(chunk.gaps, outstanding)
        await super()._receive_sack_chunk(chunk)


def _charge(chunk: DataChunk) -> int:
    return max(len(chunk.user_data), _LEAST_CHARGE)


def _plausible_gaps(gaps: list[tuple[int, int]], outstanding: int) -> list[tuple[int, int]]:
    """The gap blocks that name sent chunks, in order and apart: so they cost no more than what is outstanding."""
    plausible: list[tuple[int, int]] = []
    last = 0
    for start, end in gaps:
        if last < start <= end < outstanding:
            plausible.append((start, end))
            last = end
    return plausible


def _as_reliable(opening: bytes) -> bytes:
    """A DCEP OPEN (RFC 8832 section 5.1) without its limits on retransmission: events are not to be lost.

    It also keeps us off aiortc's abandoning of chunks, which has stalled whole associations (its issue 1438).
    """
    return (
        opening[:1] + bytes([opening[1] & 0x80]) + opening[2:4] + bytes(4) + opening[8:] if len(opening) >= 12 else b""
    )
