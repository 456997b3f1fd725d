"""A datagram's records are counted as an endpoint walks them, whatever their bytes are."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.dtls_records import MOST_RECORDS, holds_few_records


def record(body: bytes, version: int = 0xFEFD, length: int | None = None) -> bytes:
    return struct.pack("!BHHHLH", 23, version, 1, 0, 7, len(body) if length is None else length) + body


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
