"""`python -m antiphon_signaling` as a process of its own."""

import asyncio
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from antiphon_wire import KeyRing
from fake_pod import OFFER, TOKEN, FakePod, listening
from signaling_site import FIRST_ROUTE, SDP, environment, until, write_table

START_S = 20.0


@asynccontextmanager
async def process(variables: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "antiphon_signaling")
    started = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **variables}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def line_with(running: asyncio.subprocess.Process, text: str) -> str:
    assert running.stderr is not None
    async with asyncio.timeout(START_S):
        while text not in (line := (await running.stderr.readline()).decode()):
            assert line, f"ended before it said {text!r}"
    return line


async def url_of(running: asyncio.subprocess.Process) -> str:
    found = re.search(r'url="?(\S+?)"?$', (await line_with(running, "listening")).strip())
    assert found is not None
    return found.group(1)


async def wait_for(http: httpx.AsyncClient, path: str, status: int) -> httpx.Response:
    async with asyncio.timeout(START_S):
        while True:
            try:
                answer = await http.get(path)
            except httpx.ConnectError:
                continue
            if answer.status_code == status:
                return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_is_ready_when_its_files_are_there_and_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "token").write_text(TOKEN)
    async with process(environment(tmp_path)) as running:
        async with httpx.AsyncClient(base_url=await url_of(running), trust_env=False) as http:
            early = await wait_for(http, "/readyz", 503)
            assert early.text == "not ready: no route table and no keys\n"
            (tmp_path / "keys.json").write_text(KeyRing.generate_json(int(time.time())))
            write_table(tmp_path, 1, [], {})
            await wait_for(http, "/readyz", 200)
            assert "Talk" in (await http.get("/")).text
        running.send_signal(number)
        assert await asyncio.wait_for(running.wait(), START_S) == 0


async def test_a_call_that_is_being_set_up_is_still_answered_after_sigterm(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "keys.json").write_text(keys := KeyRing.generate_json(int(time.time())))
    async with (
        listening(FakePod("t0", FIRST_ROUTE, KeyRing.from_json(keys))) as pod,
        process(environment(tmp_path)) as running,
    ):
        write_table(tmp_path, 1, [pod], {"t0": "Active"})
        url = await url_of(running)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            await wait_for(http, "/readyz", 200)
            pod.gate.clear()
            calling = asyncio.create_task(http.post("/v1/realtime/calls", content=OFFER, headers=SDP))
            await until(lambda: bool(pod.offers))
            running.send_signal(signal.SIGTERM)
            await wait_until_refused(url)
            pod.gate.set()
            assert (await calling).status_code == 201
        assert await asyncio.wait_for(running.wait(), START_S) == 0


async def wait_until_refused(url: str) -> None:
    """New connections are no longer taken, so the signal has been heard."""
    async with asyncio.timeout(START_S), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(f"{url}/livez", headers={"connection": "close"})
            except (httpx.NetworkError, httpx.RemoteProtocolError):  # refused, or reset where it was still in the queue
                return


async def test_it_serves_tls_with_the_given_certificate(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    cert, key = self_signed(tmp_path)
    variables = environment(tmp_path, ANTIPHON_TLS_CERT_FILE=str(cert), ANTIPHON_TLS_KEY_FILE=str(key))
    async with process(variables) as running:
        url = await url_of(running)
        assert url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(cert))
        async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False) as http:
            await wait_for(http, "/livez", 200)


@pytest.mark.parametrize(
    ("variables", "token", "says"),
    [
        ({"ANTIPHON_KEYS_FILE": ""}, TOKEN, "ANTIPHON_KEYS_FILE is required"),
        ({}, "short", "ANTIPHON_CONTROL_TOKEN_FILE names a file that must hold"),
        ({"ANTIPHON_CONTROL_TOKEN_FILE": "/nowhere"}, TOKEN, "ANTIPHON_CONTROL_TOKEN_FILE names a file that cannot be"),
        ({"ANTIPHON_HTTP_ADDRESS": "192.0.2.1:1"}, TOKEN, "ANTIPHON_HTTP_ADDRESS cannot be bound"),
    ],
)
async def test_a_wrong_setting_ends_it_with_2_and_one_line(
    tmp_path: Path, variables: dict[str, str], token: str, says: str
) -> None:
    (tmp_path / "token").write_text(token)
    async with process(environment(tmp_path, **variables)) as running:
        assert running.stderr is not None
        said = (await asyncio.wait_for(running.stderr.read(), START_S)).decode()
        assert await running.wait() == 2
        assert says in said
        assert len(said.splitlines()) == 1


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file
