"""The quality bench's proxy does to RTP what the trace says, and to nothing else."""

import struct
from dataclasses import dataclass, field

from aiortc import RTCPeerConnection
from hypothesis import given
from hypothesis import strategies as st

from bench.quality.description import offering_red, opus_payload_type, reached_at, takes_red
from bench.quality.impairment import LOST, UNHARMED, Fate, Impairment, Trace
from bench.quality.proxy import Numbering, impairment_proxy, is_rtp
from bench.quality.rtp_payload import OPUS, RED, plain, red_payload
from realtime_server import eventually
from transceiver_caller import frame_passed
from transceiver_relay import Host, open_socket

FRAMES = tuple(bytes([number] * 20) for number in range(40))


@dataclass
class Ends:
    """A client and a server with the proxy between them: what each has received."""

    trace: Trace
    back_trace: Trace = ()
    at_server: list[bytes] = field(default_factory=list)
    at_client: list[bytes] = field(default_factory=list)

    async def exchange(self, up: list[bytes], down: list[bytes], *, arriving: int, paced: bool = False) -> None:
        """Until so many datagrams in all have arrived; all are sent at once, or 20 ms apart."""

        def answer(datagram: bytes, sender: Host) -> None:
            if not self.at_server:
                for each in down:
                    server.transport.sendto(each, sender)
            self.at_server.append(datagram)

        server = await open_socket(answer)
        client = await open_socket(lambda datagram, _: self.at_client.append(datagram))
        async with impairment_proxy(self.trace, self.back_trace) as proxy:
            proxy.server = server.address
            for each in up:
                client.transport.sendto(each, proxy.front.address)
                if paced:
                    await frame_passed()
            await eventually(lambda: len(self.at_server) + len(self.at_client) >= arriving)
        client.transport.close()
        server.transport.close()


def packets(first_sequence: int = 65_530) -> list[bytes]:
    """Whose numbers turn over on the way."""
    return [
        struct.pack("!BBHLL", 0x80, OPUS, (first_sequence + number) % 2**16, number * 960, 7) + frame
        for number, frame in enumerate(FRAMES)
    ]


async def test_packets_are_lost_doubled_and_held_back_as_the_trace_says() -> None:
    held = Fate((150_000,))
    ends = Ends((UNHARMED, LOST, UNHARMED, Fate((0, 100_000)), held, UNHARMED))
    said = packets()[:8]

    await ends.exchange(said, [], arriving=8)

    assert ends.at_server == [said[number] for number in (0, 2, 3, 5, 6, 7, 3, 4)]


async def test_what_is_not_rtp_passes_and_counts_for_nothing() -> None:
    check, record, report = b"\x00\x01" + bytes(18), b"\x16\xfe\xfd" + bytes(20), b"\x80\xc8" + bytes(26)
    said = packets()[:2]
    ends = Ends((LOST, UNHARMED))

    await ends.exchange([check, record, report, *said], [], arriving=4)

    assert ends.at_server == [check, record, report, said[1]]


async def test_the_way_back_has_its_own_trace() -> None:
    said = packets()[:4]
    ends = Ends((), (UNHARMED, LOST, UNHARMED, UNHARMED))

    await ends.exchange(said, said, arriving=7)

    assert ends.at_server == said
    assert ends.at_client == [said[0], said[2], said[3]]


async def test_a_whole_trace_arrives_with_as_many_copies_as_it_has() -> None:
    trace = Impairment(loss=0.2, jitter_us=20_000, duplication=0.3).trace(3, len(FRAMES))
    copies = [len(fate.delays_us) for fate in trace]
    ends = Ends(trace)
    said = packets()

    # The first is what the numbers are counted from.
    await ends.exchange(said, [], arriving=sum(copies))

    assert [ends.at_server.count(each) for each in said] == copies


async def test_a_queue_stays_a_queue() -> None:
    trace = Impairment(jitter_us=60_000, in_order=True).trace(2, 25)
    ends = Ends(trace)
    said = packets()[:25]

    await ends.exchange(said, [], arriving=25, paced=True)

    assert ends.at_server == said


@given(st.integers(0, 2**16 - 1), st.lists(st.integers(-300, 300), max_size=300))
def test_packets_are_numbered_across_the_turn_of_the_circle(first: int, steps: list[int]) -> None:
    numbering, number, highest = Numbering(), 0, 0
    assert numbering.number(struct.pack("!BBHLL", 0x80, OPUS, first, 0, 0)) == 0
    for step in steps:
        number = highest + step
        highest = max(highest, number)
        datagram = struct.pack("!BBHLL", 0x80, OPUS, (first + number) % 2**16, 0, 0)
        assert numbering.number(datagram) == number


def test_sent_packets_are_rtp_and_reports_are_not() -> None:
    sent = [packet.packet(ssrc=9) for packet in plain(FRAMES)]

    assert all(is_rtp(packet) for packet in sent)
    assert [packet[1] >> 7 for packet in sent] == [1] + [0] * (len(sent) - 1)
    assert not any(is_rtp(bytes([0x80, kind]) + bytes(20)) for kind in (200, 201, 205, 206))
    assert not is_rtp(b"\x80\x6f")


def test_red_says_the_frame_before_again() -> None:
    payload = red_payload(b"now", b"before")

    # RFC 2198 §3: F, block PT (7), timestamp offset (14), block length (10); then F and PT of the primary.
    (header,) = struct.unpack_from("!L", payload)
    assert (header >> 31, header >> 24 & 0x7F, header >> 10 & 0x3FFF, header & 0x3FF) == (1, OPUS, 960, 6)
    assert payload[4:] == bytes([OPUS]) + b"before" + b"now"
    assert red_payload(b"now", b"") == red_payload(b"now", bytes(1024)) == bytes([OPUS]) + b"now"


async def test_descriptions_lead_through_the_proxy_and_offer_red() -> None:
    connection = RTCPeerConnection()
    connection.addTransceiver("audio")
    connection.createDataChannel("events")
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp
    await connection.close()

    changed = offering_red(reached_at(offer, "127.0.0.9", 1234))

    candidates = [line for line in changed.splitlines() if line.startswith("a=candidate:")]
    assert [line.split(" ", 4)[4] for line in candidates] == ["127.0.0.9 1234 typ host"] * 2
    media = next(line for line in changed.splitlines() if line.startswith("m=audio"))
    assert media.split(" ")[3] == str(opus_payload_type(changed)) == str(opus_payload_type(offer))
    assert media.endswith(f" {RED}")
    assert takes_red(changed)
    assert not takes_red(offer)
