"""One call's DTLS: OpenSSL's handshake, and after it records of our own, so that OpenSSL's object (80 KB) can go.

The handshake may be forgotten at once because only the server has something to repeat after it, its last flight, which
is kept as it was sent (RFC 6347 section 4.2.4): a client that has not heard it says Finished again, in a record that
is authentic, and gets the same bytes again. Its first application data shows that it needs them no more.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable

from antiphon_transceiver._extension import (
    RECORD_APPLICATION,
    RECORD_CLOSED,
    RECORD_FINISHED,
    RECORD_RENEGOTIATION,
    DtlsRecords,
)
from antiphon_transceiver.certificate import Certificate, Certificates
from antiphon_transceiver.dtls_clear_records import ClearRecords
from antiphon_transceiver.dtls_handshake import Handshake, Progress
from antiphon_transceiver.dtls_records import holds_few_records
from antiphon_transceiver.media import SrtpKeys
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint

__all__ = ["Certificate", "Certificates", "DtlsFailedError", "DtlsSession"]

logger = logging.getLogger(__name__)

# Datagrams that wait: a handshake is four flights, and SCTP retransmits what is dropped.
_QUEUE_LIMIT = 64
# The last datagrams of a handshake, which may hold application data as well: sent right after the peer's Finished, or
# come before it.
_MOST_EARLY = 8
# A client waits longer before it says Finished again (RFC 6347 section 4.2.4.1); a flight is several datagrams.
_BETWEEN_LAST_FLIGHTS_S = 0.1

# An alert in the clear may be anybody's. A handshake that really has failed does not go on; another one does, even if a
# flight is lost.
_ALERTED_S = 3.0


class DtlsFailedError(Exception):
    """The handshake failed, or the client's certificate is not the one of its offer."""


class DtlsSession:
    """One call's DTLS association. `deliver` takes records from a checked address, `send` is where ours go."""

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        fingerprints: tuple[Fingerprint, ...],
        send: Callable[[bytes], object],
    ) -> None:
        self.role = role
        self.discarded = 0
        """Datagrams that nobody looked at, or not at all of it: too many waited, they held more than a few records, or
        some that cannot be a part of the handshake."""
        self._certificate = certificate
        self._fingerprints = fingerprints
        self._send = send
        self._datagrams: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE_LIMIT)
        self._records: DtlsRecords | None = None
        self._last_flight: tuple[bytes, ...] = ()
        self._last_flight_sent_at = 0.0
        self._receive: Callable[[bytes], None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._fault: Exception | None = None

    def deliver(self, datagram: bytes) -> None:
        if self._datagrams.full() or not holds_few_records(datagram):
            self.discarded += 1
        else:
            self._datagrams.put_nowait(datagram)

    async def handshake(self) -> SrtpKeys:
        """Runs the handshake and checks the client's certificate; raises DtlsFailedError."""
        handshake = Handshake(self._certificate, self.role)
        early: deque[bytes] = deque(maxlen=_MOST_EARLY)
        self._send_all(handshake.begin())
        try:
            async with asyncio.timeout(None) as patience:
                await self._run(handshake, early, patience)
        except TimeoutError:
            raise DtlsFailedError from None
        secured = handshake.secured(self._fingerprints)
        if secured is None:
            self._send_all(handshake.farewell())
            raise DtlsFailedError
        self._begin(secured.records, secured.last_flight, early)
        return secured.keys

    @property
    def records(self) -> DtlsRecords | None:
        """After the handshake, and before the end."""
        return self._records

    def go_on(self, records: DtlsRecords) -> None:
        """Instead of a handshake: another pod's connection goes on here."""
        self._begin(records, last_flight=(), early=())

    async def closed(self) -> None:
        """Returns when the client has closed the association (close_notify); raises what broke here."""
        await self._closed.wait()
        if self._fault is not None:
            raise self._fault

    def receive_application(self, receive: Callable[[bytes], None]) -> None:
        """Hands the association's application data to `receive`, which must not raise."""
        self._receive = receive

    def send_application(self, data: bytes) -> None:
        """Sends application data; before the handshake and after the end it is dropped, as the network could have."""
        if self._records is not None and not self._closed.is_set():
            self._send_record(self._records.protect(data))

    async def close(self) -> None:
        """Says close_notify and stops."""
        records, self._records = self._records, None
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if records is not None:
            self._send_record(records.close_notify())

    async def _run(self, handshake: Handshake, early: deque[bytes], patience: asyncio.Timeout) -> None:
        clear = ClearRecords(are_of_server=self.role is DtlsRole.CLIENT)
        while handshake.progress is Progress.UNDER_WAY:
            datagram = await self._next_datagram(handshake.timeout_s())
            if datagram is None:
                self._send_all(handshake.expire())
                continue
            early.append(datagram)
            admitted = clear.admit(datagram)
            self.discarded += len(admitted) < len(datagram)
            if admitted:
                self._send_all(handshake.take(admitted))
            if clear.alerted and patience.when() is None:
                patience.reschedule(asyncio.get_running_loop().time() + _ALERTED_S)
            # A full queue is read without a pause otherwise, and the loop belongs to every call of the pod.
            await asyncio.sleep(0)

    def forget(self) -> None:
        """Stops without a word: another pod goes on with the connection."""
        self._records = None
        if self._reader is not None:
            self._reader.cancel()

    def _begin(self, records: DtlsRecords, last_flight: tuple[bytes, ...], early: Iterable[bytes]) -> None:
        self._records = records
        self._last_flight = last_flight
        self._reader = asyncio.get_running_loop().create_task(self._read(early))

    async def _next_datagram(self, timeout_s: float | None) -> bytes | None:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._datagrams.get()
        except TimeoutError:
            return None

    async def _read(self, early: Iterable[bytes]) -> None:
        try:
            for datagram in early:
                self._take(datagram, is_early=True)
            while not self._closed.is_set():
                self._take(await self._datagrams.get(), is_early=False)
                await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - whoever waits for the end raises it, and says which call it was
            self._fault = error
        finally:
            self._closed.set()

    def _take(self, datagram: bytes, *, is_early: bool) -> None:
        if self._records is None:
            return
        for kind, payload in self._records.unprotect(datagram):
            if kind == RECORD_APPLICATION:
                self._last_flight = ()
                if self._receive is not None:
                    self._receive(payload)
            elif kind == RECORD_FINISHED and not is_early:
                self._repeat_last_flight()
            elif kind == RECORD_RENEGOTIATION:
                self._send_record(self._records.no_renegotiation())
            elif kind == RECORD_CLOSED:
                self._closed.set()

    def _repeat_last_flight(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last_flight_sent_at >= _BETWEEN_LAST_FLIGHTS_S:
            self._last_flight_sent_at = now
            self._send_all(self._last_flight)

    def _send_record(self, record: bytes | None) -> None:
        """None: the call's tenure has withheld it."""
        if record is not None:
            self._send(record)

    def _send_all(self, datagrams: Iterable[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram)
