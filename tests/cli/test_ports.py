import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from antiphon_cli.__main__ import cli
from antiphon_cli.local.ports import Port, Protocol, find_holder, free_ports, free_run, reserved_range, trouble

KINDS = {Protocol.UDP: socket.SOCK_DGRAM, Protocol.TCP: socket.SOCK_STREAM}
MY_PROGRAM = Path("/proc/self/comm").read_text().strip()


@contextmanager
def taken(protocol: Protocol, address: str = "127.0.0.1") -> Iterator[int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, KINDS[protocol]) as holder:
        holder.bind((address, 0))
        if protocol is Protocol.TCP:
            holder.listen()
        yield holder.getsockname()[1]


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_taken_port_is_told_with_its_holder_and_the_remedy(protocol: Protocol, address: str) -> None:
    with taken(protocol, address) as number:
        port = Port(protocol, "127.0.0.1", number)
        holder = find_holder(port)
        assert holder is not None
        assert (holder.program, holder.pid) == (MY_PROGRAM, os.getpid())
        said = trouble(port, "antiphon up --port 1")
    expected = f"127.0.0.1:{number}/{protocol.value} is in use by {MY_PROGRAM} (pid {os.getpid()}). "
    assert said == f"{expected}Stop it, or: antiphon up --port 1"


def test_a_free_port_is_no_trouble() -> None:
    with taken(Protocol.UDP) as number:
        pass
    assert trouble(Port(Protocol.UDP, "127.0.0.1", number), "…") is None


def test_an_address_that_is_not_ours_is_told_apart() -> None:
    said = trouble(Port(Protocol.UDP, "192.0.2.1", 3478), "…")
    assert said == "192.0.2.1:3478/udp: this machine has no address 192.0.2.1. Try: antiphon up --vip ADDRESS"


def test_free_ports_step_over_what_is_taken() -> None:
    with taken(Protocol.UDP) as udp, taken(Protocol.TCP) as tcp:
        both = (Protocol.UDP, Protocol.TCP)
        assert udp not in free_ports(both, "127.0.0.1", udp, 3)
        assert tcp not in free_ports(both, "127.0.0.1", tcp, 3)
        assert free_run(Protocol.UDP, "127.0.0.1", max(udp - 1, 1024), 4) > udp


@pytest.mark.parametrize(
    ("protocol", "option", "remedy"),
    [(Protocol.UDP, "--port", "--port"), (Protocol.TCP, "--http-port", "--http-port")],
)
def test_up_refuses_before_it_starts_anything(protocol: Protocol, option: str, remedy: str, tmp_path: Path) -> None:
    with taken(protocol) as number:
        arguments = ["up", "--vip", "127.0.0.1", option, str(number), "--state-dir", str(tmp_path / "state")]
        result = CliRunner().invoke(cli, arguments, obj={})
    assert result.exit_code == 2
    assert f"127.0.0.1:{number}/{protocol.value} is in use by {MY_PROGRAM}" in result.output
    assert f"antiphon up {remedy} {number + 1}" in result.output
    assert not (tmp_path / "state" / "keys.json").exists()


def test_two_that_start_together_look_at_different_ports() -> None:
    with reserved_range(20_000, 100) as one, reserved_range(20_000, 100) as other:
        assert (one, other) == (20_000, 20_100)
    with reserved_range(20_000, 100) as again:
        assert again == 20_000
