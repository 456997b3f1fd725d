"""The operator with the rights that the chart gives: a process here, with a token of the release's ServiceAccount."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from chart import CHART, NAMESPACE, RELEASE, Helm, operator_environment
from free_ports import free_port
from product import sum_of
from real_kubernetes.cluster import Cluster

ACCOUNT = "antiphon-operator"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
LEADS_S = 60.0


@asynccontextmanager
async def installed_operator(cluster: Cluster, folder: Path) -> AsyncIterator[str]:
    """The URL of its metrics, once it leads. The release is made without pods, and stays."""
    Helm(cluster.kubeconfig)(
        "install", RELEASE, str(CHART), "-n", NAMESPACE, "--wait=hookOnly", "--set", "operator.replicas=0"
    )
    address = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        **operator_environment(),
        "ANTIPHON_HTTP_ADDRESS": address,
        "KUBECONFIG": str(kubeconfig(cluster, folder)),
    }
    log = folder / "operator.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "antiphon_operator", env=environment, stdout=output, stderr=output
        )
    try:
        async with asyncio.timeout(LEADS_S):
            while not await leads(f"http://{address}"):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
        yield f"http://{address}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def kubeconfig(cluster: Cluster, folder: Path) -> Path:
    """The cluster's own, with the token of the operator's account in place of its user."""
    token = cluster.kubectl("create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=1h").strip()
    content = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    content["users"] = [{"name": "operator", "user": {"token": token}}]
    for context in content["contexts"]:
        context["context"]["user"] = "operator"
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


async def leads(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
            return sum_of("antiphon_operator_leads", await response.text()) == 1
    except aiohttp.ClientError:
        return False
