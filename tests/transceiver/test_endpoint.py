"""The pod's media socket over real UDP: hop datagrams in, deliveries to Python, datagrams back to the right relay."""

import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from antiphon_transceiver._extension import (
    KIND_CHECKED,
    KIND_CONSENT_LOST,
    KIND_DTLS,
    KIND_SETUP_TIMEOUT,
    Endpoint,
)
from antiphon_wire import hop, stun
from hop_relay import PASSWORD, ROUTE, Caller, HopSite, add_call, check, dtls, open_site, record, rtcp, rtp

ALICE = Caller(port=40_001)
BOB = Caller(port=40_002)


@pytest.fixture
def site() -> Iterator[HopSite]:
    site = open_site()
    yield site
    site.close()


def test_a_check_is_answered_with_the_clients_address_and_starts_the_call(site: HopSite) -> None:
    assert site.endpoint.address_of(site.handle) is None
    request = check()
    site.relay.forward(ALICE, request)
    (answer,) = site.relay.returned()
    message = stun.parse(answer.payload)
    assert message.kind is stun.Kind.SUCCESS
    assert message.transaction_id == stun.parse(request).transaction_id
    assert message.xor_mapped_address == (ALICE.host, ALICE.port)
    assert message.verify(PASSWORD)
    assert (answer.client_host, answer.client_port, answer.route) == (ALICE.host, ALICE.port, ROUTE)
    assert len(answer.payload) <= len(request)
    assert site.deliveries(1) == [(site.handle, KIND_CHECKED, b"")]
    assert site.endpoint.address_of(site.handle) == f"{ALICE.host}:{ALICE.port}"


def test_what_was_sent_before_the_stop_still_goes_out() -> None:
    for _ in range(400):
        site = open_site()
        site.check(ALICE)
        # It keeps the socket's thread from waiting, so that the last words come at any of its steps.
        for _ in range(30):
            site.relay.udp.sendto(b"noise", site.relay.transceiver)
        assert site.endpoint.send(site.handle, b"last words")
        site.endpoint.stop()
        assert site.relay.returned()[0].payload == b"last words"
        site.close()


def test_ipv6_on_the_hop_and_at_the_client() -> None:
    site = open_site("::1")
    caller = Caller("2001:db8::7", 40_000)
    message = site.check(caller)
    assert message.xor_mapped_address == ("2001:db8::7", 40_000)
    assert site.endpoint.address_of(site.handle) == "[2001:db8::7]:40000"
    assert site.endpoint.send(site.handle, b"down")
    assert site.relay.returned()[0].payload == b"down"
    site.close()


def test_the_answer_echoes_local_index_and_unknown_tlvs(site: HopSite) -> None:
    tlvs = (hop.Tlv(0x70, b"far ingress"),)
    site.relay.forward_record(replace(record(ALICE, check()), local_index=3, tlvs=tlvs))
    (answer,) = site.relay.returned()
    assert (answer.local_index, answer.tlvs) == (3, tlvs)
    assert site.endpoint.send(site.handle, b"media too")
    (media,) = site.relay.returned()
    assert (media.local_index, media.tlvs, media.payload) == (3, tlvs, b"media too")


def test_dtls_is_told_from_rtp_and_rtcp(site: HopSite) -> None:
    site.check(ALICE)
    payloads = [rtp(1), dtls(), rtcp()]
    site.relay.forward_record(*(record(ALICE, payload) for payload in payloads))
    deliveries = site.deliveries(4)
    assert [payload for _, _, payload in deliveries] == [b"", *payloads]
    assert [payload for _, kind, payload in deliveries if kind == KIND_DTLS] == [dtls()]


def test_the_descriptor_is_readable_exactly_while_something_waits(site: HopSite) -> None:
    site.check(ALICE)
    for sequence in range(5):
        site.relay.forward(ALICE, dtls(sequence))
    # `deliveries` waits for the descriptor before each fetch: five of one.
    assert [site.deliveries(1)[0][1] for _ in range(6)] == [KIND_CHECKED] + [KIND_DTLS] * 5
    assert select.select([site.endpoint.fileno()], [], [], 0)[0] == []
    assert site.endpoint.receive() == []


def test_a_nomination_moves_the_send_address(site: HopSite) -> None:
    site.check(ALICE)
    site.check(BOB)
    assert site.endpoint.address_of(site.handle) == f"{ALICE.host}:{ALICE.port}"
    site.check(BOB, use_candidate=True)
    assert site.endpoint.address_of(site.handle) == f"{BOB.host}:{BOB.port}"
    assert site.deliveries(1) == [(site.handle, KIND_CHECKED, b"")]
    assert site.counter("send_addresses_moved") == 1


def test_a_burst_of_many_calls_shares_datagrams(site: HopSite) -> None:
    handles = [site.handle] + [add_call(site.endpoint, f"ticket-{number}") for number in range(20)]
    site.check(ALICE)
    for number, _ in enumerate(handles[1:]):
        site.relay.forward(Caller(port=50_000 + number), check(ufrag=f"ticket-{number}"))
        site.relay.returned()
    before = site.counter("sent_datagrams")
    frames = {handle: rtp(handle, 80) for handle in handles}
    for handle, frame in frames.items():
        assert site.endpoint.send(handle, frame)
    arrived: list[bytes] = []
    while len(arrived) < len(frames):
        arrived += [answer.payload for answer in site.relay.returned()]
    assert arrived == list(frames.values())
    site.wait_for("sent_records", 2 * len(handles))
    # 120 bytes a record: 11 fit a datagram. The thread may have woken within the burst.
    assert site.counter("sent_datagrams") - before < len(handles)


def test_a_relay_that_cannot_unpack_gets_single_records(site: HopSite) -> None:
    site.relay.forward_record(replace(record(ALICE, check()), no_pack=True))
    site.relay.returned()
    for sequence in range(5):
        site.endpoint.send(site.handle, rtp(sequence))
    assert [len(site.relay.returned()) for _ in range(5)] == [1] * 5


def test_no_check_ends_the_setup_window_and_none_since_ends_consent() -> None:
    site = open_site(setup_window_s=0.1, consent_s=0.2)
    checked = add_call(site.endpoint, "another-ticket")
    site.relay.forward(ALICE, check(ufrag="another-ticket"))
    assert [delivery[:2] for delivery in site.deliveries(3)] == [
        (checked, KIND_CHECKED),
        (site.handle, KIND_SETUP_TIMEOUT),
        (checked, KIND_CONSENT_LOST),
    ]
    site.close()


def test_sending_is_refused_before_a_check_and_after_the_end(site: HopSite) -> None:
    assert not site.endpoint.send(site.handle, b"nowhere")
    assert site.counter("drop_send_no_address") == 1
    site.check(ALICE)
    site.endpoint.remove_call(site.handle)
    site.endpoint.remove_call(site.handle)
    assert not site.endpoint.send(site.handle, b"nobody")
    assert site.counter("drop_send_unknown_call") == 1


def test_a_ufrag_names_one_live_call(site: HopSite) -> None:
    with pytest.raises(KeyError):
        add_call(site.endpoint)
    site.endpoint.remove_call(site.handle)
    assert add_call(site.endpoint) != site.handle


def test_stun_is_answered_while_python_holds_the_interpreter(site: HopSite) -> None:
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        site.relay.forward(ALICE, check())
        spun_until = time.perf_counter() + 0.5
        while time.perf_counter() < spun_until:
            pass
        assert select.select([site.relay.udp], [], [], 0)[0]
    finally:
        sys.setswitchinterval(switch_interval)


def test_a_restarted_call_answers_to_its_new_ufrag_and_after_a_nomination_to_no_other(site: HopSite) -> None:
    again = {"ufrag": "another-ticket", "password": PASSWORD[::-1], "remote_ufrag": "caller-again"}
    site.check(ALICE, use_candidate=True)
    assert site.endpoint.restart_call(site.handle, **again)
    assert site.check(ALICE).kind is stun.Kind.SUCCESS
    site.relay.forward(BOB, check(**again, use_candidate=True))
    message = stun.parse(site.relay.returned()[0].payload)
    assert (message.kind, message.verify(again["password"])) == (stun.Kind.SUCCESS, True)
    assert site.endpoint.address_of(site.handle) == f"{BOB.host}:{BOB.port}"
    site.relay.forward(ALICE, check())
    site.wait_for("drop_stun_unknown_call")
    assert site.counter("ice_restarts") == 1
    with pytest.raises(KeyError):
        site.endpoint.restart_call(site.handle, **again)
    site.endpoint.remove_call(site.handle)
    assert not site.endpoint.restart_call(site.handle, **again)


def test_stopping_frees_the_port_and_is_final(site: HopSite) -> None:
    port = site.relay.transceiver[1]
    site.endpoint.stop()
    site.endpoint.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as same:
        same.bind(("127.0.0.1", port))
    with pytest.raises(RuntimeError):
        site.endpoint.start()


def test_a_port_in_use_is_said_at_the_start(site: HopSite) -> None:
    second = Endpoint(f"127.0.0.1:{site.relay.transceiver[1]}", setup_window_s=1, consent_s=1)
    with pytest.raises(OSError, match="in use"):
        second.start()


@pytest.mark.parametrize(
    "relays", [[("relay-0:7100", 1)], [("127.0.0.1", 1)], [("127.0.0.1:65535", 2)], [("127.0.0.1:1", 0)]]
)
def test_relays_that_are_no_addresses_are_refused(site: HopSite, relays: list[tuple[str, int]]) -> None:
    with pytest.raises(ValueError, match=r"127|relay"):
        site.endpoint.set_relays(relays)
    assert site.check(ALICE).kind is stun.Kind.SUCCESS


def test_each_worker_of_a_relay_is_known_by_its_own_port(site: HopSite) -> None:
    ports = [int(relay.address.rsplit(":", 1)[1]) for relay in site.relays]
    site.endpoint.set_relays([(f"127.0.0.1:{min(ports)}", max(ports) - min(ports) + 1)])
    for relay in site.relays:
        assert site.check(ALICE, relay=relay).kind is stun.Kind.SUCCESS


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_times_that_are_none_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="consent_s"):
        Endpoint("127.0.0.1:0", setup_window_s=1, consent_s=seconds)
