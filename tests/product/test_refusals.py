"""What callers are told when they cannot be served: the right status, in OpenAI's shape, with what to do."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from free_ports import free_port
from product import Product, running, until
from transceiver_offers import CHROMIUM

pytestmark = pytest.mark.timeout(120)

SDP = {"Content-Type": "application/sdp"}


@dataclass(frozen=True)
class Refusal:
    status: int
    code: str
    message: str
    retry_after: str | None


async def offer(product: Product, body: str | bytes, query: str = "") -> Refusal:
    url = f"{product.url}/v1/realtime/calls{query}"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=SDP) as response:
        answer: dict[str, Any] = await response.json()
        error = answer["error"]
        assert set(error) == {"type", "code", "param", "message"}
        return Refusal(response.status, error["code"], error["message"], response.headers.get("Retry-After"))


async def test_bad_offers_are_told_what_is_wrong(tmp_path: Path) -> None:
    good = CHROMIUM
    video_only = good.replace("m=audio", "m=video").replace("opus/48000/2", "VP8/90000")
    no_fingerprint = "".join(line for line in good.splitlines(keepends=True) if "fingerprint" not in line)
    rows: list[tuple[str | bytes, int, str]] = [
        ('{"sdp": "…"}', 400, "offer_not_sdp"),
        ("", 400, "offer_not_sdp"),
        (good.split("m=audio")[0], 400, "offer_without_audio"),
        (video_only, 400, "offer_without_audio"),
        (no_fingerprint, 400, "offer_without_fingerprint"),
        (b"v=0\r\n" + b"a=x\r\n" * 200_000, 413, "offer_too_large"),
    ]
    async with running(tmp_path, ["--transceivers", "1"]) as product:
        for body, status, code in rows:
            refusal = await offer(product, body)
            assert (refusal.status, refusal.code) == (status, code)
            assert len(refusal.message) > 20
        unknown = await offer(product, good, "?model=nobody")
        assert (unknown.status, unknown.code) == (404, "model_not_found")
        assert "nobody" in unknown.message


@asynccontextmanager
async def one_place_product(tmp_path: Path) -> AsyncIterator[Product]:
    text = (Path(__file__).parents[2] / "examples" / "quickstart.yaml").read_text()
    manifest = tmp_path / "small.yaml"
    manifest.write_text(text.replace("replicas: 2", "replicas: 2\n  sessionsPerPod: 1"))
    async with running(tmp_path / "state", ["-f", str(manifest), "--agent", "examples/parrot/parrot.py"]) as product:
        yield product


async def test_full_pods_answer_503_with_when_to_come_back(tmp_path: Path) -> None:
    async with one_place_product(tmp_path) as product, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(f"{product.url}/v1/realtime/calls", data=CHROMIUM, headers=SDP) as response:
                assert response.status == 201
        full = await offer(product, CHROMIUM)
        assert (full.status, full.code) == (503, "no_capacity")
        assert full.retry_after is not None
        assert int(full.retry_after) >= 1


async def test_a_dead_backend_is_a_502(tmp_path: Path) -> None:
    options = ["--agent", "none", "--backend", f"ws://127.0.0.1:{free_port()}/v1/realtime"]
    async with running(tmp_path, options) as product:
        dead = await offer(product, CHROMIUM)
        assert (dead.status, dead.code) == (502, "backend_unreachable")


async def test_no_transceiver_is_a_503(tmp_path: Path) -> None:
    async with running(tmp_path, ["--transceivers", "1"]) as product:
        os.kill(product.pid("t0"), signal.SIGKILL)
        await until(lambda: any("t0 ended" in line for line in product.lines), 5, product)
        # So that nobody starts it again meanwhile.
        product.process.send_signal(signal.SIGSTOP)
        try:
            gone = await offer(product, CHROMIUM)
        finally:
            product.process.send_signal(signal.SIGCONT)
        assert gone.status == 503
        assert gone.code == "no_transceiver"
        assert gone.retry_after is not None
