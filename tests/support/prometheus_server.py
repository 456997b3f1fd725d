"""A real Prometheus on loopback: it scrapes what it is told, and answers queries."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from free_ports import free_port

READY_S = 30.0


@dataclass(frozen=True)
class Target:
    url: str
    """http://127.0.0.1:7190, without the path."""
    labels: Mapping[str, str]


class QueryError(AssertionError):
    """Prometheus does not take the expression; the message is its own."""


@dataclass(frozen=True)
class Prometheus:
    url: str
    process: asyncio.subprocess.Process

    async def query(self, expression: str) -> list[Any]:
        """The samples that are numbers, as [{"metric": …, "value": [at, "1"]}, …]."""
        answer = await self.get("/api/v1/query", {"query": expression})
        if answer["status"] != "success":
            raise QueryError(f"{answer['error']}\n{expression}")
        return [row for row in answer["data"]["result"] if not math.isnan(float(row["value"][1]))]

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.url}{path}", params=parameters) as response:
                return json.loads(await response.text())

    async def is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def scraping(folder: Path, targets: Iterable[Target], rules: Iterable[Path]) -> AsyncIterator[Prometheus]:
    """Every second, so that a rate over a minute has its samples soon."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": [
            {
                "job_name": "antiphon",
                "static_configs": [
                    {"targets": [target.url.removeprefix("http://")], "labels": dict(target.labels)}
                    for target in targets
                ],
            }
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration))
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec("prometheus", *options, cwd=folder, stdout=log, stderr=log)
    server = Prometheus(f"http://{address}", process)
    try:
        async with asyncio.timeout(READY_S):
            while not await server.is_ready():
                assert process.returncode is None, (folder / "prometheus.log").read_text()
                await asyncio.sleep(0.05)
        yield server
    finally:
        process.terminate()
        await process.wait()
