"""The relay's variables, and what is said when one is wrong."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from antiphon_relay.settings import Settings
from antiphon_wire.environment import SettingError
from relay_pod import Pod
from relay_site import RelaySite

REQUIRED = {
    "ANTIPHON_KEYS_FILE": "/keys",
    "ANTIPHON_ROUTES_FILE": "/routes",
    "ANTIPHON_HTTP_ADDRESS": "127.0.0.1:8080",
}


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = Settings.from_env(REQUIRED, cpus=3)
    table = (Path(__file__).parent.parent.parent / "docs/interfaces.md").read_text()
    for name, value in {
        "ANTIPHON_LISTEN": settings.listen[0],
        "ANTIPHON_HOP_ADDRESS": settings.hop,
        "ANTIPHON_MAX_FLOWS": settings.max_flows,
        "ANTIPHON_FLOW_IDLE_S": settings.flow_idle_s,
        "ANTIPHON_NEW_FLOWS_PER_PREFIX": settings.new_flows_per_prefix,
        "ANTIPHON_DRAIN_S": f"{settings.drain_s:g}",
    }.items():
        documented = [line.split("|")[2].strip() for line in table.splitlines() if line.startswith(f"| `{name}`")]
        assert f"`{value}`" in documented or str(value) in documented, name
    assert settings.workers == 3
    assert settings.redis_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTIPHON_LISTEN", "localhost:3478"),
        ("ANTIPHON_WORKERS", "0"),
        ("ANTIPHON_MAX_FLOWS", "many"),
        ("ANTIPHON_DRAIN_S", "nan"),
        ("ANTIPHON_LONGEST_CALL_S", "2160000"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        Settings.from_env(REQUIRED | {name: value}, cpus=1)


def test_as_many_listen_addresses_as_a_worker_can_serve() -> None:
    addresses = [f"127.0.0.{host}:3478" for host in range(1, 18)]
    settings = Settings.from_env(REQUIRED | {"ANTIPHON_LISTEN": ",".join(addresses[:16])}, cpus=1)
    assert len(settings.listen) == 16
    with pytest.raises(SettingError, match=r"ANTIPHON_LISTEN names 17 addresses, and a relay has at most 16"):
        Settings.from_env(REQUIRED | {"ANTIPHON_LISTEN": ",".join(addresses)}, cpus=1)


async def test_a_bad_value_ends_the_process_with_2_and_one_line() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "antiphon_relay",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **REQUIRED, "ANTIPHON_WORKERS": "zero"},
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().count("\n") == 1
    assert "ANTIPHON_WORKERS" in said.decode()


async def test_a_taken_port_ends_the_process_and_is_named(site: RelaySite, pod: Pod) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", site.port))
        with pytest.raises(AssertionError, match=rf"127\.0\.0\.1:{site.port}"):
            async with site.relay():
                pass
