"""Settings from the environment: what is read, and that a refusal names the variable and shows an example."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire import LONGEST_CALL_S
from antiphon_wire.environment import DEFAULT_LONGEST_CALL_S, Address, Environment, SettingError

LEVELS = ("info", "debug")


@given(st.builds(Address, st.ip_addresses().map(str), st.integers(0, 65535)))
def test_an_address_is_read_as_it_was_written(address: Address) -> None:
    assert Address.parse(str(address)) == address


def test_one_of_our_own_may_be_written_as_kubernetes_puts_a_pods_address_before_a_port() -> None:
    env = Environment(
        {"X": "fd00:10:244::7:7100", "Y": "10.244.0.7:7100", "Z": "[fd00::7]:7100", "LIST": "fd00::7:7100"}
    )
    assert env.address("X") == Address("fd00:10:244::7", 7100)
    assert env.address("Y") == Address("10.244.0.7", 7100)
    assert env.address("Z") == Address("fd00::7", 7100)
    # A list is written by people, who may forget a port.
    with pytest.raises(SettingError, match="must be an IP address and a port"):
        env.addresses("LIST")


@given(st.builds(Address, st.ip_addresses().map(str), st.integers(0, 65535)))
def test_with_or_without_brackets_it_is_the_same_address(address: Address) -> None:
    assert Address.parse_own(str(address)) == Address.parse_own(f"{address.host}:{address.port}") == address


def test_an_address_knows_its_family() -> None:
    assert Address.parse("192.0.2.2:3478").family == socket.AF_INET
    assert Address.parse("[2001:DB8:0::1]:3478") == Address("2001:db8::1", 3478)
    assert Address.parse("[2001:db8::1]:3478").family == socket.AF_INET6


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "192.0.2.2", "192.0.2.2:", ":3478", "192.0.2.2:65536", "192.0.2.2:-1", "192.0.2.2:+1"),
        *("192.0.2.2: 1", "192.0.2.2:٣", "2001:db8::1:3478", "[192.0.2.2]:1", "[::1]", "[fe80::1%eth0]:1"),
        *("localhost:1", "192.0.2:1"),
    ],
)
def test_what_is_not_an_ip_literal_with_a_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Address.parse(text)


def test_what_is_set_is_read() -> None:
    env = Environment(
        {
            "TEXT": " a ",
            "A": "[::1]:1",
            "LIST": "192.0.2.2:1, [::1]:1,",
            "N": "12",
            "HEX": "0X10",
            "S": "0.5",
            "P": "/a",
        }
    )
    assert env.text("TEXT") == "a"
    assert env.address("A", default="192.0.2.2:1") == Address("::1", 1)
    assert env.addresses("LIST") == (Address("192.0.2.2", 1), Address("::1", 1))
    assert (env.integer("N"), env.integer("HEX"), env.seconds("S")) == (12, 16, 0.5)
    assert env.path("P", default=None) == Path("/a")
    assert Environment({"L": "debug"}).choice("L", LEVELS) == "debug"


@pytest.mark.parametrize("variables", [{}, {"X": ""}, {"X": "  "}], ids=["absent", "empty", "blank"])
def test_what_is_not_set_has_its_default(variables: dict[str, str]) -> None:
    env = Environment(variables)
    assert env.text("X", default=None) is None
    assert env.address("X", default="192.0.2.2:1") == Address("192.0.2.2", 1)
    assert env.address("X", default=None) is None
    assert env.addresses("X", default="") == ()
    assert env.addresses("X", default=(Address("::1", 1),)) == (Address("::1", 1),)
    assert (env.integer("X", default=0), env.seconds("X", default=0.0)) == (0, 0.0)
    assert env.path("X", default="/a") == Path("/a")
    assert env.choice("X", LEVELS, default="info") == "info"


@pytest.mark.parametrize("text", ["0", "-1", "0.5", "1814401", "25 d"])
def test_the_longest_call_is_whole_seconds_up_to_21_days(text: str) -> None:
    assert Environment({}).longest_call_s() == DEFAULT_LONGEST_CALL_S
    assert Environment({"ANTIPHON_LONGEST_CALL_S": "1814400"}).longest_call_s() == LONGEST_CALL_S
    with pytest.raises(SettingError, match="ANTIPHON_LONGEST_CALL_S"):
        Environment({"ANTIPHON_LONGEST_CALL_S": text}).longest_call_s()


REQUIRED: list[Callable[[Environment], object]] = [
    lambda env: env.text("X"),
    lambda env: env.address("X"),
    lambda env: env.addresses("X"),
    lambda env: env.integer("X"),
    lambda env: env.seconds("X"),
    lambda env: env.path("X"),
    lambda env: env.choice("X", LEVELS),
]


@pytest.mark.parametrize("read", REQUIRED)
def test_what_is_required_and_not_set_is_an_error(read: Callable[[Environment], object]) -> None:
    with pytest.raises(SettingError, match=r"^X is required; for example X=.+$"):
        read(Environment({}))


@pytest.mark.parametrize(
    ("value", "read", "says"),
    [
        ("pod-0:1", lambda env: env.address("X"), "X must be an IP address and a port, not 'pod-0:1'; for example X="),
        ("192.0.2.2:1,x", lambda env: env.addresses("X"), "X must be an IP address and a port, not 'x'"),
        ("[::1]:1,[::0001]:1", lambda env: env.addresses("X"), "X names an address twice"),
        ("1.5", lambda env: env.integer("X"), "X must be a whole number, not '1.5'"),
        ("0xg", lambda env: env.integer("X"), "X must be a whole number"),
        ("-1", lambda env: env.integer("X"), "X must lie between 0 and"),
        ("9", lambda env: env.integer("X", minimum=1, maximum=8), "X must lie between 1 and 8, not 9; for example X=1"),
        ("soon", lambda env: env.seconds("X"), "X must be a number of seconds, not 'soon'"),
        ("nan", lambda env: env.seconds("X"), "X must lie between"),
        ("inf", lambda env: env.seconds("X"), "X must lie between"),
        ("loud", lambda env: env.choice("X", LEVELS), "X must be one of info, debug, not 'loud'; for example X=info"),
    ],
)
def test_a_wrong_value_is_an_error_of_one_line(value: str, read: Callable[[Environment], object], says: str) -> None:
    with pytest.raises(SettingError) as wrong:
        read(Environment({"X": value}))
    assert says in str(wrong.value)
    assert wrong.value.name == "X"
    assert "\n" not in str(wrong.value)
