"""The transceiver's native parts: the media socket and the media of all calls."""

from typing import Final, final

__all__ = [
    "CHANNELS_ENDED",
    "CHANNEL_BINARY",
    "CHANNEL_CLOSED",
    "CHANNEL_OPENED",
    "CHANNEL_TEXT",
    "KIND_CHECKED",
    "KIND_CONSENT_LOST",
    "KIND_DTLS",
    "KIND_SETUP_TIMEOUT",
    "LONGEST_EXPORT",
    "RECORD_APPLICATION",
    "RECORD_CLOSED",
    "RECORD_FINISHED",
    "RECORD_RENEGOTIATION",
    "AdoptedCall",
    "CallExport",
    "CallInheritance",
    "CallTenure",
    "DataChannels",
    "DtlsRecords",
    "Endpoint",
    "MediaCall",
    "MediaEngine",
    "NotExportable",
    "NotInheritable",
    "Playout",
    "PlayoutFull",
    "call_cost",
]

KIND_CHECKED: Final[int]
"""The first authenticated check of the call: there is an address to send to."""
KIND_DTLS: Final[int]
"""The payload is one datagram of DTLS records from a checked address."""
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

    def restart_call(self, handle: int, *, ufrag: str, password: str, remote_ufrag: str) -> bool:
        """ICE restart: the call answers to this ufrag too, and to it alone from the first check on that nominates.

        False where the call is over; KeyError if the ufrag names a live call.
        """

    def remove_call(self, handle: int) -> None:
        """Nothing of the call is received or answered any more; of an unknown one, nothing happens."""

    def send(self, handle: int, datagram: bytes) -> bool:
        """To the call's send address; False, and counted, where there is none or the queue is full."""

    def fileno(self) -> int:
        """Readable while `receive` has something."""

    def receive(self, limit: int = 1024) -> list[tuple[int, int, bytes]]:
        """`(handle, kind, payload)` as they came. RTP and RTCP of a call without an engine are of no kind above."""

    def address_of(self, handle: int) -> str | None:
        """The client address that `send` sends to."""

    def counters(self) -> dict[str, int]:
        """All counts since the start, by closed labels; those of dropped datagrams begin with `drop_`."""

class PlayoutFull(Exception):  # noqa: N818 - a state of the queue that the backend is told of, not a failure
    """There is no room for this piece; nothing of it was taken, nor is anything of the same item from now on."""

@final
class Playout:
    """What the caller has been sent of the item that is being played (or was played last)."""

    @property
    def item_id(self) -> str:
        """Empty: nothing was sent, or it belonged to no item."""
    @property
    def played_ms(self) -> int:
        """Media time within the item of the last sample sent."""
    @property
    def unplayed_ms(self) -> int:
        """Of this item, still in the queue; or, as the answer of a flush, thrown away."""
    @property
    def unheard(self) -> tuple[str, ...]:
        """Items in the queue of which nothing was sent yet."""

@final
class MediaEngine:
    """All calls' media, in threads of its own that never hold the GIL: packets in, PCM of many calls out in batches."""

    def __new__(cls, endpoint: Endpoint, *, workers: int = 0, chunk_ms: int = 40) -> MediaEngine:
        """`workers` 0: one per CPU that the process may use. `chunk_ms` 20 … 100: what `receive` gives of a call at
        once. One engine an endpoint: RuntimeError for another."""

    def start(self) -> None:
        """After the endpoint's. Once only."""

    def stop(self) -> None: ...
    def open(
        self,
        handle: int,
        *,
        coding: str,
        payload_type: int,
        ssrc: int,
        cname: str,
        sample_rate: int = 24000,
        red: int | None = None,
        comfort_noise: int | None = None,
        nack: bool = False,
        accuracy: bool = False,
        frame_ms: int = 20,
        bitrate: int = 32000,
        complexity: int = 5,
        fec: bool = True,
        dtx: bool = False,
    ) -> MediaCall:
        """The media of the endpoint's call `handle`: its RTP and RTCP come to the engine from now on. `coding`: "opus",
        "pcmu" or "pcma". `red` is understood and sent; `fec` and `dtx`
        are Opus' `useinbandfec` and `usedtx`, as the client wants them.
        ValueError says what is wrong; KeyError: the endpoint has no such call."""

    def fileno(self) -> int:
        """Readable while `receive` has something. Made so at most 50 times a second for each worker and 100 in all; for
        a mark at once."""

    def receive(self) -> list[tuple[int, bytes]]:
        """`(handle, PCM16 little-endian mono)` of all calls since the last time, in order; of a stopped one nothing."""

    def counters(self) -> dict[str, int]:
        """Since the start, in closed labels. How well the time is kept: slots, late, missed, worst_us, stalls,
        skipped (after a stall of the pacer, or of a worker that slots were left to); slots left to workers, mostly to
        encode first: encoded_for_now, of those late the ones that were so only there: encoded_late; packets of clients
        that their workers took: packets_taken, of them after more than 10 ms: packets_waited_long; sound for Python:
        pcm_batches, pcm_chunks, pcm_waited_us (sum of all chunks), pcm_worst_us, pcm_dropped_ms."""

@final
class MediaCall:
    """One call's media. Every method returns at once: encoding and decoding are others' threads'."""

    def start(
        self,
        profile: str,
        *,
        send_key: bytes,
        send_salt: bytes,
        receive_key: bytes,
        receive_salt: bytes,
        rtt_s: float | None = None,
    ) -> None:
        """DTLS is done; `profile` is OpenSSL's name of it, e.g. "SRTP_AES128_CM_SHA1_80". What was played before begins
        to be heard. Once: RuntimeError. ValueError for another profile, or keys that are not as long as it has them.
        `rtt_s`, e.g. of the handshake, serves until reports measure it."""

    def play(self, pcm: bytes, item_id: str = "") -> None:
        """To be heard after what came before it. PlayoutFull where the queue or the item's cap has no room; ValueError
        for half a sample. Of a stopped call: nothing happens."""

    def play_live(self, pcm: bytes) -> None:
        """The same with sound of no item that comes as fast as it is heard: what piled up of it is left out again."""

    def mark(self) -> None:
        """Of a started call: `receive` gives an empty chunk behind all sound that has come until now. Another mark
        before that is the same one."""

    def end_of_item(self, item_id: str) -> None:
        """No more comes of it: its last frame need not wait to be filled."""

    def flush(self) -> Playout:
        """Ends the sound at once. What of it was heard."""

    def playout(self) -> Playout:
        """The same without flushing."""

    def statistics(self) -> dict[str, int | float | None]:
        """Counts since the start and the last reports' figures, in closed labels.

        int: packets_received, bytes_received, packets_sent, bytes_sent, lost, late, twice, reordered, concealed_ms,
        recovered_ms, pause_ms, heard_ms, wait_ms, undecodable, surplus_packets, surplus_ms, authentication_failures,
        replayed, refused, nacked (packets that we asked for), retransmitted (packets of ours that went again because
        they were asked for), withheld (RTP and RTCP of ours beyond what the call's tenure allows), remote_lost,
        queued_ms, flushed_ms, skipped_ms, passed_over, ran_dry.
        float: jitter_ms. float or None: rtt_ms, mos (of what we hear), remote_mos (of what they hear; by their
        reports), first_heard, first_sent (of `time.monotonic()`)."""

    def stop(self) -> None:
        """Says BYE; afterwards nothing is sent or heard. Again: nothing happens."""

def call_cost(
    *,
    workers: int = 0,
    seconds: float,
    frame_ms: int = 20,
    bitrate: int = 32000,
    complexity: int = 5,
    sample_rate: int = 24000,
) -> tuple[int, int, int]:
    """What the workers' part of an Opus call costs here: as many threads do it for `seconds`, 0 … 10.

    (milliseconds of one call, microseconds of CPU that they took, microseconds that passed). `workers` 0: one per CPU
    that the process may use. ValueError for settings that no call has.
    """

RECORD_APPLICATION: Final[int]
RECORD_CLOSED: Final[int]
"""close_notify, or a fatal alert; nothing after it is let in."""
RECORD_FINISHED: Final[int]
"""The peer has not heard our Finished: the server's last flight has to be sent again, as it was."""
RECORD_RENEGOTIATION: Final[int]
"""The peer asks for another handshake."""

@final
class DtlsRecords:
    """The records of one DTLS 1.2 connection after its handshake, both ways. No number is used twice."""

    def __new__(
        cls,
        suite: str,
        *,
        master_secret: bytes,
        client_random: bytes,
        server_random: bytes,
        is_client: bool,
        next_sequence: int,
    ) -> DtlsRecords:
        """`suite` by OpenSSL's name. `next_sequence` lies beyond the numbers that the handshake has used under the
        keys, by its Finished one at least. ValueError for another suite, or secrets not as long as TLS has them."""

    def unprotect(self, datagram: bytes) -> list[tuple[int, bytes]]:
        """`(RECORD_…, application data)` of each record that is authentic and new; of 16 in a datagram at most."""

    def protect(self, payload: bytes) -> bytes | None:
        """A datagram, 37 bytes longer at most. ValueError above 16,384 bytes, and after 2^48 records.

        None, and counted, where the call's tenure allows no more: to be dropped, as the network could have."""

    def close_notify(self) -> bytes | None: ...
    def no_renegotiation(self) -> bytes | None:
        """The answer to RECORD_RENEGOTIATION."""

    def counters(self) -> dict[str, int]:
        """Of what was not let in: `malformed` (datagrams), `unwanted`, `unauthenticated`, `replayed` (records). Of what
        was not let out: `withheld` (records)."""

CHANNEL_OPENED: Final[int]
CHANNEL_TEXT: Final[int]
CHANNEL_BINARY: Final[int]
CHANNEL_CLOSED: Final[int]
"""In both directions."""
CHANNELS_ENDED: Final[int]
"""The association is over, and all its channels are."""

@final
class DataChannels:
    """One call's data channels over SCTP. It holds no clock: `now_us` is in microseconds from any zero.

    After each call of another kind `events` and `packets` are called until both are empty, and `packets` again when
    `next_timeout_us` has come.
    """

    def __new__(
        cls,
        *,
        is_dtls_client: bool,
        remote_port: int,
        largest_incoming: int,
        largest_outgoing: int,
        largest_backlog: int,
        random: bytes,
    ) -> DataChannels:
        """Bytes of messages, and of what waits for a slow peer, with 128 for each fragment. `random`: 40 bytes."""

    def connect(self) -> None:
        """Begins; the peer may do so too."""

    def handle(self, now_us: int, packet: bytes) -> None:
        """What DTLS has unprotected; whatever its bytes are."""

    def events(self) -> list[tuple[int, int, str]]:
        """`(CHANNEL_… or CHANNELS_ENDED, stream, text)` as they happened. The text of CHANNEL_OPENED is its label, of
        CHANNELS_ENDED a closed label that says why."""

    def packets(self, now_us: int) -> list[bytes]:
        """What DTLS is to protect and send. Nothing while the call's tenure holds them back: see
        `CallTenure.is_held_back`."""

    def next_timeout_us(self) -> int | None:
        """None also while they are held back: there is nothing to wait for but a settled export."""
    def send_text(self, now_us: int, stream: int, text: str) -> bool:
        """Sent until it arrives. False where the channel is not open, or has no room for it."""

    def is_open(self, stream: int) -> bool: ...
    def open_streams(self) -> list[tuple[int, str]]:
        """`(stream, label)` of those that are open, lowest first. Of inherited ones no CHANNEL_OPENED is said."""

    def close(self, stream: int) -> None:
        """What was sent still arrives."""

    def abort(self) -> None:
        """At once, and the peer is told."""

    def counters(self) -> dict[str, int]: ...

LONGEST_EXPORT: Final[int]
"""Bytes of a sealed export: 2 MiB and a little. As a rule it has 600; what a slow client has not got comes on top."""

class NotExportable(Exception):  # noqa: N818 - a state of the call, of which the one who asks is told
    """The call cannot be written down now, and its last export stays. `str()` is one of

    "not_owned": fenced, claimed and not begun, or out of editions;
    "not_started": the media has no keys yet, or was stopped;
    "no_address": no check came yet, or consent is over;
    "flight_unheard": the client may still ask for the DTLS server's last flight;
    "channels_opening": there are data channels and they are not up, or their events were not fetched;
    "too_long": more is on its way in the data channels than an export has room for.
    """

class NotInheritable(Exception):  # noqa: N818 - what is wrong is the export, which came from elsewhere
    """Nobody here goes on from this export. `str()` is one of

    "wrong_length", "unknown_version", "unauthentic", "malformed": it cannot be read (another key, label, release);
    "too_old", "from_the_future", "too_many_leaps", "generations_exhausted", "bad_srtp", "bad_records", "bad_channels":
    it was read and cannot be gone on with; "ufrag_in_use": the call lives in this very process.
    """

@final
class CallExport:
    """An export for the registry, which in one step compares what it holds with `expected`, and stores `sealed`."""

    @property
    def expected(self) -> bytes:
        """The edition that the registry has to hold: 8 bytes, as at 2-9 of a sealed export. Empty: it holds none."""
    @property
    def edition(self) -> bytes:
        """Its own, in `sealed` at 2-9."""
    @property
    def sealed(self) -> bytes:
        """LONGEST_EXPORT at most: a registry that cuts it has lost the call."""
    @property
    def is_final(self) -> bool:
        """Its owner had said its last word."""

@final
class CallTenure:
    """One owner's time with an established call: what it exports, and how much it may still send on that.

    From its making on the media, the records and the channels ask it before they send. Before the first export, and
    where there is no tenure, nothing is held back. Every method returns at once, and may be called from any thread.
    """

    def __new__(
        cls,
        media: MediaCall,
        records: DtlsRecords,
        channels: DataChannels | None,
        *,
        pod: str,
        route: int,
        call_id: str,
        model: str,
        offered_at_ms: int,
    ) -> CallTenure:
        """After `media.start`. `channels` None: none were negotiated. `pod`, `route` and `call_id` are authenticated
        with every export. `offered_at_ms`: since 1970. RuntimeError if one of the parts is another tenure's."""

    def export(self, *, key: bytes, key_id: int, now_ms: int, configuration: bytes) -> CallExport:
        """As the call stands now; final if `close` was called. `key`: 32 bytes, named by `key_id` (0 ... 255).
        `configuration`: for the heir, as it stands (64 KiB at most; ValueError). Raises NotExportable.

        From here on it counts as stored until `settle` says more. One at a time: the next one after this one was
        settled, or given up as unanswered."""

    def settle(self, export: CallExport, held: bytes | None) -> str:
        """What the registry said to it: `None`, it is stored; else the edition that it holds instead (empty: none).
        Where it did not answer this is not called: the next export finds out. Answers "stored"; "fenced": another owner
        has claimed the call, and nothing more is sent; "other": the registry holds another export of ours, from
        which the next one follows; "gone": it holds nothing, see `begin_anew`.

        Afterwards `DataChannels.packets` is to be called: what was held back may go."""

    def begin_anew(self) -> None:
        """The registry has lost the record, and the route table, read after it said so, still has the route here."""

    def close(self) -> None:
        """Nothing more is sent or taken in, for good: what is exported from now on is final. For a handover."""

    @property
    def is_fenced(self) -> bool: ...
    @property
    def is_held_back(self) -> bool:
        """The data channels have something to send and wait for the next export to be stored: it is urgent. Always
        false once the tenure is over."""

@final
class AdoptedCall:
    """A call that was another owner's and goes on here: its keys and channels are up, and no event says so."""

    @property
    def handle(self) -> int:
        """The endpoint's. No KIND_CHECKED comes of it."""
    @property
    def media(self) -> MediaCall:
        """Started."""
    @property
    def records(self) -> DtlsRecords: ...
    @property
    def channels(self) -> DataChannels | None:
        """`packets` is to be called at once: the client hears that somebody is there."""
    @property
    def tenure(self) -> CallTenure: ...

@final
class CallInheritance:
    """Another owner's export on its way to a call of this process: open, `claim`, store, `begin`.

    Whoever drops it before `begin` has sent nothing and changed nothing. It holds the call's keys.
    """

    def __new__(
        cls, sealed: bytes, *, key: bytes, pod: str, route: int, call_id: str, now_ms: int, clock_error_ms: int
    ) -> CallInheritance:
        """`sealed`: any bytes. `pod`: the one that exported it, and that was fenced. `clock_error_ms`: how far
        two pods' clocks may lie apart. Raises NotInheritable."""

    @staticmethod
    def key_id_of(sealed: bytes) -> int:
        """To choose the key by; nobody has authenticated it yet. Raises NotInheritable."""

    @property
    def model(self) -> str: ...
    @property
    def offered_at_ms(self) -> int: ...
    @property
    def configuration(self) -> bytes: ...
    @property
    def is_final(self) -> bool:
        """It was handed over: nothing was sent after it."""
    @property
    def elapsed_ms(self) -> int:
        """Since the export, at most: with `clock_error_ms`."""
    @property
    def has_channels(self) -> bool: ...
    def claim(
        self,
        engine: MediaEngine,
        *,
        pod: str,
        key: bytes,
        key_id: int,
        now_ms: int,
        sample_rate: int = 24000,
        complexity: int = 5,
        fec: bool = True,
    ) -> CallExport:
        """Makes the call, silent, and its first export, as `pod`'s, to be stored before `begin`. Once: RuntimeError.

        Where the registry refuses it or does not answer, all of this is given up, and the record is read again.
        `sample_rate`, `complexity` and `fec` as in `MediaEngine.open`; coding, payload types and bitrate are the
        export's. Raises NotInheritable, ValueError for settings."""

    def begin(self) -> AdoptedCall:
        """The registry has stored the claim: the call is ours and speaks. Once: RuntimeError. Raises NotInheritable if
        the ufrag was taken meanwhile."""
