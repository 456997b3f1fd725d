"""What a pod knows of its backend without a call, by real connections to real servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from antiphon_transceiver.backends import (
    BackendHealth,
    BackendKind,
    BackendSettings,
    BackendUnreachable,
    CallRequest,
    create_backend,
    keep_probed,
)
from antiphon_wire.control import BackendState
from realtime_server import eventually, http_server, realtime_server


@asynccontextmanager
async def probed(url: str, health: BackendHealth, *, every_s: float = 30.0, **more: object) -> AsyncIterator[None]:
    settings = BackendSettings(BackendKind.REALTIME, URL(url), probe_s=every_s, **more)  # type: ignore[arg-type]
    probing = asyncio.create_task(keep_probed(settings, health))
    try:
        yield
    finally:
        probing.cancel()


@pytest.mark.parametrize(
    ("status", "model", "state"),
    [
        (401, None, BackendState.UNAUTHORIZED),
        (403, "parrot", BackendState.UNAUTHORIZED),
        (404, None, BackendState.UNREACHABLE),
        (503, None, BackendState.UNREACHABLE),
        (400, "parrot", BackendState.UNREACHABLE),
        (400, None, BackendState.REACHABLE),  # it misses a model, which only a call names
    ],
)
async def test_a_status_says_what_is_wrong(status: int, model: str | None, state: BackendState) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    health = BackendHealth()
    health.model = model
    async with http_server("/v1/realtime", refuse) as address, probed(f"ws://{address}/v1/realtime", health):
        await eventually(lambda: health.state is state)


async def test_a_backend_that_is_there_is_reached_by_the_name_of_the_last_calls_model() -> None:
    async with realtime_server() as server:
        settings, health = BackendSettings(BackendKind.REALTIME, URL(server.url)), BackendHealth()
        call = create_backend(settings, CallRequest("parrot"), health)
        await call.connect()
        await call.close()
        async with probed(server.url, health, every_s=0.05):
            await eventually(lambda: server.departures >= 3)
        assert [conversation.model for conversation in server.conversations[:3]] == ["parrot"] * 3
        assert health.state is BackendState.REACHABLE


async def test_a_backend_that_goes_away_and_comes_back_is_noticed() -> None:
    health = BackendHealth()
    async with realtime_server() as server:
        url = server.url
        async with probed(url, health, every_s=0.05):
            await eventually(lambda: health.state is BackendState.REACHABLE)
    async with probed(url, health, every_s=0.05):
        await eventually(lambda: health.state is BackendState.UNREACHABLE)


async def test_no_probe_is_made_while_calls_tell() -> None:
    async with realtime_server() as server:
        health = BackendHealth()
        health.connected(asyncio.get_running_loop().time())
        async with probed(server.url, health):
            # A call connects in the meantime, and it is the only one.
            call = create_backend(BackendSettings(BackendKind.REALTIME, URL(server.url)), CallRequest(), health)
            await call.connect()
            await call.close()
        assert server.arrivals == 1


async def test_a_key_that_cannot_be_read_is_no_authorisation(tmp_path: Path) -> None:
    async with realtime_server() as server:
        health = BackendHealth()
        async with probed(server.url, health, key_file=tmp_path / "absent"):
            await eventually(lambda: health.state is BackendState.UNAUTHORIZED)


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1"])
async def test_a_certificate_that_nobody_trusts_or_that_is_anothers_is_told_apart(tmp_path: Path, address: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(self_signed(tmp_path, address))
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        health = BackendHealth()
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
        async with probed(url, health):
            await eventually(lambda: health.state is BackendState.CERTIFICATE_INVALID)
        backend = create_backend(BackendSettings(BackendKind.REALTIME, URL(url)), CallRequest(), health)
        with pytest.raises(BackendUnreachable, match="certificate that is not valid for it"):
            await backend.connect()


async def test_a_server_that_speaks_no_tls_is_unreachable() -> None:
    async with realtime_server() as server:
        health = BackendHealth()
        async with probed(server.url.replace("ws://", "wss://"), health):
            await eventually(lambda: health.state is BackendState.UNREACHABLE)


def self_signed(folder: Path, address: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "backend")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
