"""Records in the clear, which anybody can have sent: what cannot be a part of a handshake does not reach it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.dtls_clear_records import MOST_MESSAGE_BYTES, ClearRecords
from antiphon_transceiver.dtls_records import split

CLIENT_HELLO, SERVER_HELLO, SERVER_HELLO_DONE, FINISHED = 1, 2, 14, 20


def record(kind: int, body: bytes, *, epoch: int = 0, number: int = 0) -> bytes:
    return struct.pack("!BHHHLH", kind, 0xFEFD, epoch, number >> 32, number & 0xFFFFFFFF, len(body)) + body


def message(
    kind: int, fragment: bytes, *, total: int | None = None, offset: int = 0, length: int | None = None
) -> bytes:
    total = len(fragment) if total is None else total
    length = len(fragment) if length is None else length
    return bytes([kind]) + total.to_bytes(3) + b"\0\0" + offset.to_bytes(3) + length.to_bytes(3) + fragment


def of_server() -> ClearRecords:
    return ClearRecords(are_of_server=True)


@pytest.mark.parametrize(
    "admitted",
    [
        pytest.param(record(22, message(SERVER_HELLO, bytes(70))), id="a message"),
        pytest.param(record(22, message(SERVER_HELLO, bytes(10), total=70, offset=60)), id="a fragment"),
        pytest.param(record(22, message(SERVER_HELLO, bytes(9)) + message(SERVER_HELLO_DONE, b"")), id="two messages"),
        pytest.param(record(20, b"\1"), id="ChangeCipherSpec"),
        pytest.param(record(22, b"anything", epoch=1), id="under the keys, whatever it is"),
    ],
)
def test_what_may_be_meant_is_admitted(admitted: bytes) -> None:
    assert of_server().admit(admitted) == admitted


@pytest.mark.parametrize(
    "left_out",
    [
        pytest.param(record(21, b"\2\x28"), id="an alert"),
        pytest.param(record(23, b"data"), id="application data"),
        pytest.param(record(99, b"data"), id="a type that is none"),
        pytest.param(record(20, b"\2"), id="another ChangeCipherSpec"),
        pytest.param(record(22, b"", epoch=2), id="keys after the next"),
        pytest.param(record(22, b""), id="no message"),
        pytest.param(record(22, message(SERVER_HELLO, bytes(70))[:-1]), id="a message cut off"),
        pytest.param(record(22, message(SERVER_HELLO, bytes(70)) + b"\2"), id="a header cut off"),
        pytest.param(record(22, message(CLIENT_HELLO, bytes(70))), id="a client's message"),
        pytest.param(record(22, message(0, b"")), id="HelloRequest"),
        pytest.param(record(22, message(FINISHED, bytes(12))), id="Finished without keys"),
        pytest.param(record(22, message(SERVER_HELLO, bytes(40), total=40, offset=30)), id="beyond its message"),
        pytest.param(record(22, message(SERVER_HELLO, bytes(9), total=MOST_MESSAGE_BYTES + 1)), id="too long"),
        pytest.param(record(22, message(SERVER_HELLO, b"", total=70)), id="a fragment of nothing"),
        pytest.param(record(22, message(SERVER_HELLO, b"", total=70, offset=70)), id="nothing behind a message"),
        pytest.param(record(22, message(SERVER_HELLO, b"")), id="a message of nothing"),
        pytest.param(record(22, message(SERVER_HELLO_DONE, b"x")), id="more than nothing"),
    ],
)
def test_what_cannot_be_meant_is_left_out_and_what_lies_beside_it_is_not(left_out: bytes) -> None:
    good = record(22, message(SERVER_HELLO, bytes(70)))
    clear = of_server()
    assert clear.admit(left_out) == b""
    assert clear.admit(left_out + good) == good
    assert clear.alerted == (left_out[0] == 21)


def test_a_clients_messages_are_a_clients() -> None:
    clear = ClearRecords(are_of_server=False)
    hello = record(22, message(CLIENT_HELLO, bytes(70)))
    assert clear.admit(hello) == hello
    assert clear.admit(record(22, message(SERVER_HELLO, bytes(70)))) == b""


def test_records_are_numbered_anew_so_that_none_pushes_another_out_of_the_replay_window() -> None:
    clear = of_server()
    hello = message(SERVER_HELLO, bytes(70))
    numbers = [2**48 - 1, 0, 5, 5]
    admitted = [clear.admit(record(22, hello, number=number)) for number in numbers]
    assert admitted == [record(22, hello, number=number) for number in range(4)]
    under_keys = record(22, hello, epoch=1, number=2**48 - 1)
    assert clear.admit(under_keys) == under_keys


bodies = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda kind, fragment, total, offset: message(kind, fragment, total=total, offset=offset),
        st.integers(0, 25),
        st.binary(max_size=40),
        st.integers(0, 2**24 - 1) | st.integers(0, 80),
        st.integers(0, 2**24 - 1) | st.integers(0, 80),
    ),
)
records = st.builds(
    lambda kind, body, epoch, number: record(kind, body, epoch=epoch, number=number),
    st.integers(18, 26),
    bodies,
    st.integers(0, 2),
    st.integers(0, 2**48 - 1),
)


@given(st.lists(records, max_size=8), st.booleans())
def test_of_any_records_some_are_admitted_whole_and_in_order(sent: list[bytes], are_of_server: bool) -> None:
    admitted = split(ClearRecords(are_of_server=are_of_server).admit(b"".join(sent)))
    left = iter(sent)
    for one in admitted:
        assert any((one[:5], one[11:]) == (other[:5], other[11:]) for other in left)
        assert one[0] in (20, 22) or one[3:5] == b"\0\1"
