"""How the process starts where something is missing, and how it ends."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from operator_process import operator_process


@asynccontextmanager
async def empty_api(folder: Path) -> AsyncIterator[Path]:
    """The kubeconfig of an API server that knows no kind."""

    async def nothing(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": "the server could not find it"}, status=404)

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", nothing)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    path = folder / "kubeconfig"
    path.write_text(json.dumps(kubeconfig(f"http://{host}:{port}")))
    try:
        yield path
    finally:
        await runner.cleanup()


def kubeconfig(server: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def said(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return str(response.read(), "utf-8")
    except urllib.error.HTTPError as error:
        return str(error.read(), "utf-8")
    except OSError:
        return ""


async def test_missing_kinds_are_named_and_waited_for(tmp_path: Path) -> None:
    async with empty_api(tmp_path) as config:
        with operator_process(config, "antiphon-system", tmp_path) as operator:
            url = f"http://127.0.0.1:{operator.port}"
            await asyncio.to_thread(
                operator.wait_for, lambda: "CustomResourceDefinition of VoiceRelay" in said(f"{url}/readyz"), "it waits"
            )
            assert "kubectl apply" in await asyncio.to_thread(said, f"{url}/readyz")
            assert await asyncio.to_thread(operator.answers, "/livez")
            assert await asyncio.to_thread(operator.stop) == 0
    assert "CustomResourceDefinition of VoiceRelay" in operator.tail()


async def test_an_api_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(kubeconfig("http://127.0.0.1:9")))
    with operator_process(config, "antiphon-system", tmp_path) as operator:
        url = f"http://127.0.0.1:{operator.port}"
        await asyncio.to_thread(operator.wait_for, lambda: "the API server" in said(f"{url}/readyz"), "it waits")
        assert await asyncio.to_thread(operator.stop) == 0


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        pytest.param({"ANTIPHON_NAMESPACE": ""}, "ANTIPHON_NAMESPACE is required", id="a variable is missing"),
        pytest.param({"KUBECONFIG": ""}, "KUBECONFIG is required outside of a pod", id="no cluster is named"),
        pytest.param({"KUBECONFIG": "/nonexistent"}, "the kubeconfig cannot be used", id="no such kubeconfig"),
    ],
)
def test_a_wrong_setting_ends_it_with_two_and_says_which(changed: dict[str, str], line: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")},
        "ANTIPHON_NAMESPACE": "antiphon-system",
        "ANTIPHON_IMAGE_RELAY": "r",
        "ANTIPHON_IMAGE_TRANSCEIVER": "t",
        "ANTIPHON_IMAGE_SIGNALING": "s",
        **changed,
    }
    done = subprocess.run(
        [sys.executable, "-m", "antiphon_operator"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
