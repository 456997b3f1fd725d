"""Every expression of the dashboards and alerts is asked of a real Prometheus that scrapes the product during calls."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

import product
from antiphon_wire import KeyRing
from chart import CHART, NAMESPACE, ROOT
from installed_operator import installed_operator
from product import Product
from prometheus_server import Prometheus, Target, scraping
from real_kubernetes.cluster import Cluster
from real_kubernetes.control_plane import control_plane
from real_kubernetes.run_folder import run_folder
from redis_server import redis_server

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.redis,
    pytest.mark.prometheus,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

SAMPLES_S = 30.0
ALERT_FILES = sorted((CHART / "alerts").glob("*.yaml"))
VARIABLES = {"$namespace": ".*", "$voicerelay": ".*", "$pool": ".*", "$__rate_interval": "1m"}
SELECTOR = re.compile(r"\{__name__[^}]*\}|\bantiphon[\w:]*(?:\{[^}]*\})?")
EXAMPLE = ROOT / "examples" / "kubernetes" / "voice.yaml"


def panels() -> dict[str, str]:
    """Every expression of a dashboard, by its panel's title."""
    found = {}
    for path in sorted((CHART / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            (target,) = panel["targets"]
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found[panel["title"]] = expression
    return found


def rules() -> dict[str, str]:
    return {
        rule.get("alert") or rule["record"]: rule["expr"]
        for path in ALERT_FILES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }


def targets(running: Product) -> list[Target]:
    """With the labels that the fleet's ServiceMonitor gives them."""
    found = []
    for entry in json.loads((running.state / "run.json").read_text())["children"]:
        name = entry["name"].split()[-1]
        labels = {"namespace": "voice", "voicerelay": "edge", "pod": name}
        if name.startswith("t"):
            labels["pool"] = "agents"
        if name != "agent":
            found.append(Target(entry["url"], labels))
    return found


async def call(running: Product) -> None:
    command = [sys.executable, "-m", "antiphon_cli", "call", running.url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def until_sampled(prometheus: Prometheus, expression: str) -> None:
    async with asyncio.timeout(SAMPLES_S):
        while not await prometheus.query(expression):
            await asyncio.sleep(0.2)


@asynccontextmanager
async def operated(folder: Path) -> AsyncIterator[tuple[Target, Cluster]]:
    """An operator that runs the example's fleet on a control plane without nodes."""
    with run_folder("metrics") as place, control_plane(place) as plane:
        plane.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        async with installed_operator(plane.cluster, folder) as url:
            plane.cluster.kubectl("apply", "-f", str(EXAMPLE))
            # Only such a pool has a number of calls to be kept free.
            scaled = json.dumps({"spec": {"scaling": {"mode": "FreeCapacity"}}})
            plane.cluster.kubectl("patch", "transceiverpools", "agents", "--type=merge", f"--patch={scaled}")
            yield Target(url, {"pod": "antiphon-operator-0"}), plane.cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def prometheus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """After two calls and a refusal; the second call is what rates see of series that the first one began."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    async with AsyncExitStack() as stack:
        operator, cluster = await stack.enter_async_context(operated(folder))
        redis, registry = [await stack.enter_async_context(redis_server()) for _ in range(2)]
        options = ["--redis", redis.url, "--transceivers", "1"]
        export_keys = folder / "export-keys.json"
        export_keys.write_text(KeyRing.generate_json(int(time.time())))
        exports = {"ANTIPHON_EXPORT_URL": registry.url, "ANTIPHON_EXPORT_KEYS_FILE": str(export_keys)}
        running = await stack.enter_async_context(product.running(folder / "state", options, exports))
        scraped = [*targets(running), operator]
        server = await stack.enter_async_context(scraping(folder, scraped, ALERT_FILES))
        ended = "sum(antiphon_transceiver_calls_ended_total)"
        for count in (1, 2):
            await call(running)
            await until_sampled(server, f"{ended} >= {count}")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{running.url}/v1/realtime/calls", data=b"no") as response:
                assert response.status >= 400
        await until_sampled(server, "sum(antiphon_signaling_requests_refused_total) >= 1")
        # The rounds of the fleet's birth came before the first scrape.
        cluster.kubectl("delete", "secret", "edge-control")
        yield server


@pytest.mark.parametrize("title", panels())
async def test_a_panel_has_something_to_draw(prometheus: Prometheus, title: str) -> None:
    await until_sampled(prometheus, panels()[title])


@pytest.mark.parametrize("name", rules())
async def test_a_rule_speaks_of_series_that_are_there(prometheus: Prometheus, name: str) -> None:
    """A healthy fleet fires nothing; but each selector must find series, the counters of faults their zeros."""
    expression = rules()[name]
    await prometheus.query(expression)
    selectors = SELECTOR.findall(expression)
    assert selectors
    for selector in selectors:
        await until_sampled(prometheus, selector)


async def test_prometheus_itself_finds_no_fault_with_the_rules(prometheus: Prometheus) -> None:
    groups = (await prometheus.get("/api/v1/rules"))["data"]["groups"]
    loaded = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert loaded.keys() == rules().keys()
    assert {rule["health"] for rule in loaded.values()} <= {"ok", "unknown"}
    assert not [name for name, rule in loaded.items() if rule.get("lastError")]
    firing = {name for name, rule in loaded.items() if rule["type"] == "alerting" and rule["state"] == "firing"}
    assert firing <= {"AntiphonNoRelay"}, "which is so: the operator's fleet is on a control plane without nodes"
