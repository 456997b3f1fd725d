"""A transceiver that cannot start ends with code 2 and one line that names the variable."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from antiphon_wire import KeyRing
from transceiver_process import PATIENCE_S, TOKEN, environment, start

TABLE = (
    '{"clusterID": 0, "clusterName": "test", "generation": 1, "relays": [], "blocks": [], '
    '"pools": [{"name": "agents", "models": [], "default": true}]}'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(KeyRing.generate_json(1_800_000_000))
    (tmp_path / "routes.json").write_text(TABLE)
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that neither TCP nor UDP can be bound to."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        tcp.listen()
        yield "{}:{}".format(*tcp.getsockname())


async def last_word(variables: Mapping[str, str]) -> str:
    process = await start(variables)
    async with asyncio.timeout(PATIENCE_S):
        _, said = await process.communicate()
    assert process.returncode == 2, said.decode()
    assert said.decode().count("\n") == 1, said.decode()
    return said.decode()


async def test_a_variable_that_is_missing(folder: Path) -> None:
    assert (await last_word(environment(folder) | {"ANTIPHON_ROUTES": ""})).startswith("ANTIPHON_ROUTES is required")


@pytest.mark.parametrize(
    ("file", "variable"),
    [
        ("keys.json", "ANTIPHON_KEYS_FILE"),
        ("routes.json", "ANTIPHON_ROUTES_FILE"),
        ("token", "ANTIPHON_CONTROL_TOKEN_FILE"),
    ],
)
async def test_a_file_that_is_not_there_or_wrong(folder: Path, file: str, variable: str) -> None:
    (folder / file).write_text("{}")
    assert (await last_word(environment(folder))).startswith(f"{variable} ")
    (folder / file).unlink()
    said = await last_word(environment(folder))
    assert said.startswith(f"{variable} ")
    assert "cannot be read" in said


@pytest.mark.parametrize("variable", ["ANTIPHON_HOP_ADDRESS", "ANTIPHON_HTTP_ADDRESS"])
async def test_an_address_that_is_taken(folder: Path, taken: str, variable: str) -> None:
    said = await last_word(environment(folder) | {variable: taken})
    assert said.startswith(f"{variable} cannot be bound ({taken}")
