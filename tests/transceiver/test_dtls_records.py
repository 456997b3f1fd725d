"""A datagram's records are counted as an endpoint walks them, whatever their bytes are."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.dtls_records import MOST_RECORDS, holds_few_records, packed, sequence_after, split


def record(body: bytes, version: int = 0xFEFD, length: int | None = None) -> bytes:
    return struct.pack("!BHHHLH", 23, version, 1, 0, 7, len(body) if length is None else length) + body


def numbered(epoch: int, sequence: int) -> bytes:
    return struct.pack("!BHHHLH", 22, 0xFEFD, epoch, sequence >> 32, sequence & 0xFFFFFFFF, 1) + b"x"


bodies = st.binary(max_size=40)


@given(st.lists(bodies, min_size=1, max_size=3 * MOST_RECORDS))
def test_few_records_are_taken_and_many_are_not(sent: list[bytes]) -> None:
    assert holds_few_records(b"".join(map(record, sent))) == (len(sent) <= MOST_RECORDS)


@given(st.lists(bodies, min_size=1, max_size=MOST_RECORDS), st.data())
def test_a_record_that_is_cut_short_spoils_its_datagram(sent: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(record, sent))
    last = len(record(sent[-1]))
    assert not holds_few_records(whole[: -data.draw(st.integers(1, last - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(datagram: bytes) -> None:
    assert holds_few_records(datagram) in (True, False)


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(record(b"x", version=0xFEFC), id="the DTLS version that never was"),
        pytest.param(record(b"x", version=0x0303), id="TLS"),
        pytest.param(record(b"x", length=2), id="a record longer than its datagram"),
        pytest.param(record(b"x") + b"\x17", id="a byte too many"),
    ],
)
def test_what_is_not_whole_records_is_refused(datagram: bytes) -> None:
    assert not holds_few_records(datagram)


def test_the_first_hello_may_say_dtls_1_0() -> None:
    assert holds_few_records(record(bytes(60), version=0xFEFF))


@given(st.lists(bodies, max_size=30), st.integers(60, 300))
def test_records_are_told_apart_and_packed_whole_and_in_order(sent: list[bytes], largest: int) -> None:
    records = [record(body) for body in sent]
    assert split(b"".join(records)) == records
    datagrams = packed(records, largest)
    assert [whole for datagram in datagrams for whole in split(datagram)] == records
    assert all(len(datagram) <= largest for datagram in datagrams)
    # No datagram has room for what the next one begins with.
    for one, two in pairwise(datagrams):
        assert len(one) + len(split(two)[0]) > largest


def test_a_record_longer_than_a_datagram_may_be_goes_alone() -> None:
    records = [record(b"x"), record(bytes(100)), record(b"y")]
    assert packed(records, 50) == records


numbers = st.tuples(st.integers(0, 2), st.integers(0, 2**48 - 1))


@given(st.lists(numbers, max_size=10))
def test_the_next_number_lies_beyond_all_that_were_used_under_the_keys(used: list[tuple[int, int]]) -> None:
    expected = max((sequence for epoch, sequence in used if epoch == 1), default=-1) + 1
    assert sequence_after([numbered(epoch, sequence) for epoch, sequence in used]) == expected
