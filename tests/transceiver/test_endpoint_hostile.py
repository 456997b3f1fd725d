"""Hostile input at the pod's media socket: no answer, no growth, the live call goes on, and the reason is counted."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from antiphon_transceiver._extension import KIND_DTLS
from antiphon_wire import hop, stun
from hop_relay import Caller, HopRelay, HopSite, check, dtls, open_site, record, rtcp, rtp

ALICE = Caller(port=40_001)
MALLORY = Caller("198.51.100.66", 666)


@pytest.fixture
def site() -> Iterator[HopSite]:
    """With a live call of Alice."""
    site = open_site()
    site.check(ALICE, use_candidate=True)
    site.deliveries(1)
    yield site
    assert site.endpoint.address_of(site.handle) == f"{ALICE.host}:{ALICE.port}"
    site.relay.forward(ALICE, dtls(9999))
    assert site.deliveries(1) == [(site.handle, KIND_DTLS, dtls(9999))]
    site.close()


def unprotected() -> bytes:
    """A check whose MESSAGE-INTEGRITY and FINGERPRINT are cut off, with the length put right."""
    whole = check()[:-32]
    return whole[:2] + (len(whole) - 20).to_bytes(2) + whole[4:]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a wrong MESSAGE-INTEGRITY": (lambda: check(password="another-password-of-22"), "drop_stun_wrong_integrity"),
    "no MESSAGE-INTEGRITY": (unprotected, "drop_stun_malformed"),
    "an unknown call": (lambda: check(ufrag="forged-ticket"), "drop_stun_unknown_call"),
    "another client's ufrag": (lambda: check(remote_ufrag="mallory"), "drop_stun_wrong_username"),
    "truncated STUN": (lambda: check()[:50], "drop_stun_malformed"),
    "STUN with bytes after its end": (lambda: check() + bytes(4), "drop_stun_malformed"),
    "oversized STUN": (lambda: check() + bytes(1500), "drop_stun_malformed"),
    "a STUN answer": (
        lambda: stun.binding_success(transaction_id=os.urandom(12), mapped_address=("192.0.2.1", 1), password="x"),
        "drop_stun_not_request",
    ),
    "DTLS before a check": (dtls, "drop_unchecked_address"),
    "RTP before a check": (lambda: rtp(1), "drop_unchecked_address"),
    "RTCP before a check": (rtcp, "drop_unchecked_address"),
    "TURN channel data": (lambda: bytes([0x40, 0, 0, 4]) + bytes(4), "drop_unknown_protocol"),
    "a few bytes of RTP": (lambda: rtp(1)[:11], "drop_too_short"),
    "nothing at all": (lambda: b"", "drop_too_short"),
}


@pytest.mark.parametrize(("payload", "counter"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_gets_no_answer_and_a_reason(site: HopSite, payload: Callable[[], bytes], counter: str) -> None:
    site.relay.forward(MALLORY, payload())
    site.wait_for(counter)
    assert site.endpoint.receive() == []
    assert site.has_returned_nothing()


def test_a_byte_identical_replay_from_another_address_moves_nothing(site: HopSite) -> None:
    captured = check(use_candidate=True)
    site.relay.forward(ALICE, captured)
    site.relay.returned()
    site.relay.forward(MALLORY, captured)
    site.wait_for("drop_stun_replayed")
    assert site.has_returned_nothing()
    assert site.endpoint.address_of(site.handle) == f"{ALICE.host}:{ALICE.port}"


def test_a_ticket_on_another_route_is_dropped(site: HopSite) -> None:
    site.relay.forward_record(replace(record(MALLORY, check()), route=0x2000))
    site.wait_for("drop_stun_wrong_route")
    assert site.has_returned_nothing()


def test_a_stranger_on_the_hop_is_not_heard(site: HopSite) -> None:
    stranger = HopRelay(site.relay.transceiver)
    stranger.forward(MALLORY, check(use_candidate=True))
    stranger.forward(ALICE, rtp(1))
    site.wait_for("drop_hop_stranger", 2)
    assert site.endpoint.receive() == []
    assert site.has_returned_nothing(stranger)
    stranger.close()


def test_hop_datagrams_of_random_bytes_are_survived_and_counted(site: HopSite) -> None:
    noise = random.Random(8489)
    for number in range(2000):
        start = hop.pack([record(MALLORY, b"")])[: noise.randrange(29)]
        site.relay.udp.sendto(start + noise.randbytes(noise.randrange(1, 1400)), site.relay.transceiver)
        if number % 100 == 99:
            site.wait_for("received_datagrams", number + 2)
    assert sum(count for name, count in site.endpoint.counters().items() if name.startswith("drop_")) >= 2000
    assert site.endpoint.receive() == []
    assert site.has_returned_nothing()


def test_a_datagram_longer_than_any_path_is_dropped_whole(site: HopSite) -> None:
    site.relay.forward(MALLORY, check() + bytes(4000))
    site.wait_for("drop_hop_truncated")


def test_one_good_ticket_from_ten_thousand_sources_checks_eight_of_them(site: HopSite) -> None:
    sources = [Caller(f"198.51.{number // 250}.{number % 250}", 1024 + number) for number in range(10_000)]
    for number, source in enumerate(sources):
        site.relay.forward(source, check())
        answer = stun.parse(site.relay.returned()[0].payload)
        assert answer.xor_mapped_address == (source.host, source.port), number
    assert site.endpoint.address_of(site.handle) == f"{ALICE.host}:{ALICE.port}"
    for batch in range(0, 10_000, 20):
        site.relay.forward_record(*(record(source, dtls()) for source in sources[batch : batch + 20]))
    # Seven besides Alice.
    site.wait_for("drop_unchecked_address", 10_000 - 7)
    assert [kind for _, kind, _ in site.deliveries(7)] == [KIND_DTLS] * 7
    assert site.counter("drop_unchecked_address") == 10_000 - 7


def test_a_flood_on_one_call_fills_its_own_queue_only(site: HopSite) -> None:
    for sequence in range(300):
        site.relay.forward(ALICE, dtls(sequence))
    site.wait_for("drop_call_queue_full", 300 - 256)
    assert [payload for _, _, payload in site.deliveries(256)] == [dtls(sequence) for sequence in range(256)]
    assert site.endpoint.receive() == []
