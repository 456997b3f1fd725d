"""STUN messages and hop records through the Python face: what is written is read, what is not ours is refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire import hop, stun

transaction_ids = st.binary(min_size=12, max_size=12)
hosts = st.ip_addresses().map(lambda ip: getattr(ip, "ipv4_mapped", None) or ip).map(str)
ports = st.integers(0, 65535)
records = st.builds(
    hop.Record,
    route=st.integers(0, 2**32 - 1),
    client_host=hosts,
    client_port=ports,
    local_index=st.integers(0, 255),
    payload=st.binary(max_size=200),
    no_pack=st.booleans(),
    tlvs=st.lists(st.builds(hop.Tlv, st.integers(1, 255), st.binary(max_size=20)), max_size=4).map(tuple),
)


@given(transaction_ids, st.text(max_size=60), st.text(max_size=30), st.integers(0, 2**32 - 1), st.booleans())
def test_a_request_is_read_as_it_was_written(
    transaction_id: bytes, username: str, password: str, priority: int, use_candidate: bool
) -> None:
    request = stun.parse(
        stun.binding_request(
            transaction_id=transaction_id,
            username=username,
            password=password,
            priority=priority,
            use_candidate=use_candidate,
            controlling=2**64 - 1,
        )
    )
    assert (request.kind, request.transaction_id, request.username) == (stun.Kind.REQUEST, transaction_id, username)
    assert (request.priority, request.use_candidate, request.controlling) == (priority, use_candidate, 2**64 - 1)
    assert request.verify(password)
    assert not request.verify(password + "x")


@given(transaction_ids, hosts, ports)
def test_a_response_is_read_as_it_was_written(transaction_id: bytes, host: str, port: int) -> None:
    response = stun.parse(
        stun.binding_success(transaction_id=transaction_id, mapped_address=(host, port), password="password")
    )
    assert (response.kind, response.xor_mapped_address) == (stun.Kind.SUCCESS, (host, port))
    assert response.verify("password")


def test_a_message_shows_neither_ufrag_nor_address() -> None:
    request = stun.binding_request(
        transaction_id=bytes(12), username="ticket:peer", password="p", priority=1, use_candidate=False, controlling=1
    )
    response = stun.binding_success(transaction_id=bytes(12), mapped_address=("192.0.2.1", 9), password="p")
    record = hop.Record(1, "192.0.2.1", 50_000, 0, request)
    shown = repr(stun.parse(request)) + repr(stun.parse(response)) + repr(record)
    assert "ticket" not in shown
    assert "192.0.2.1" not in shown


@given(st.binary(max_size=200))
def test_no_bytes_fail_in_another_way(datagram: bytes) -> None:
    with pytest.raises(stun.StunError):
        stun.parse(datagram)
    try:
        unpacked = hop.unpack(datagram)
    except hop.HopError:
        return
    assert hop.unpack(hop.pack(unpacked)) == unpacked


@given(st.lists(records, max_size=5))
def test_records_are_unpacked_as_they_were_packed(packed: list[hop.Record]) -> None:
    assert hop.unpack(hop.pack(packed)) == packed


def test_a_v4_mapped_client_is_an_ipv4_client() -> None:
    (record,) = hop.unpack(hop.pack([hop.Record(1, "::ffff:192.0.2.1", 9, 0, b"")]))
    assert record.client_host == "192.0.2.1"


@pytest.mark.parametrize(
    "record",
    [
        hop.Record(1, "localhost", 9, 0, b""),
        hop.Record(1, "192.0.2.1", 9, 0, bytes(65_536)),
        hop.Record(1, "192.0.2.1", 9, 0, b"", tlvs=(hop.Tlv(0, b""),)),
        hop.Record(1, "192.0.2.1", 9, 0, b"", tlvs=(hop.Tlv(1, bytes(256)),)),
        hop.Record(1, "192.0.2.1", 9, 0, b"", tlvs=(hop.Tlv(1, bytes(255)),) * 4),
    ],
    ids=["a host name", "too long a payload", "padding as a TLV", "too long a TLV", "too many TLVs"],
)
def test_a_record_that_cannot_be_read_again_is_not_packed(record: hop.Record) -> None:
    with pytest.raises(hop.HopError):
        hop.pack([record])


@pytest.mark.parametrize(
    "write",
    [
        lambda: hop.pack([hop.Record(2**32, "192.0.2.1", 9, 0, b"")]),
        lambda: hop.pack([hop.Record(1, "192.0.2.1", 9, 256, b"")]),
    ],
    ids=["a route of 33 bits", "a local index of nine bits"],
)
def test_a_number_too_large_for_its_field_is_an_error(write: Callable[[], bytes]) -> None:
    with pytest.raises(OverflowError):
        write()
