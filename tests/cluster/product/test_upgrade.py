"""`helm upgrade` during calls: from the last tagged version; before there is one, from this version to other values."""

import asyncio
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployed_fleet import CHART, IMAGES, OPERATOR_NAMESPACE, ROOT, DeployedFleet, helm, lost, until, values
from real_kubernetes.programs import image_store
from real_kubernetes.real_cluster import RealCluster

# Images of the tag are built where there is one.
pytestmark = [pytest.mark.kubelet, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Version:
    chart: Path
    values: Mapping[str, str] = field(default_factory=dict)


PARTS = ("relay", "signaling", "transceiver")
THIS = Version(CHART)
# Both change the operator's pods and nothing of a fleet.
NEXT = Version(CHART, {"operator.logLevel": "debug", "operator.podLabels.release": "next"})


async def test_calls_outlive_an_upgrade(fleet: DeployedFleet, tmp_path: Path) -> None:
    previous = await asyncio.to_thread(previous_version, fleet.real, tmp_path)
    try:
        await upgrade(fleet, previous)
        await settled(fleet, previous)
        operators, pods = operator_pods(fleet), fleet_pods(fleet)
        callers = await fleet.call(calls=4, stay=True)
        await fleet.until_live(4)

        await upgrade(fleet, NEXT)
        assert sum(fleet.live().values()) == 4, "the calls are older than the upgrade"
        await until(lambda: not operators & operator_pods(fleet), "other operators are there instead", 60)
        await settled(fleet, NEXT)
        if previous == THIS:
            assert fleet_pods(fleet) == pods, "a new operator leaves pods as they are that it would make the same"
        (during,) = await (await fleet.call()).reports()
        reports = await callers.reports()
        assert {report["outcome"] for report in [during, *reports]} == {"ok"}, reports
        assert lost(reports) == 0
    finally:
        await upgrade(fleet, THIS)
        await settled(fleet, THIS)


async def upgrade(fleet: DeployedFleet, version: Version) -> None:
    """As docs/install.md has it; ends when the operator is ready."""
    chart, chosen = str(version.chart), values(**version.values)
    command = ("upgrade", "antiphon", chart, "-n", OPERATOR_NAMESPACE, "--wait", "--timeout=120s", *chosen)
    await asyncio.to_thread(helm, fleet.real, *command)


async def settled(fleet: DeployedFleet, version: Version) -> None:
    """The operator has given the fleet the version's images, and it is ready."""
    tag = version.values.get("images.tag", "test")

    def is_so() -> bool:
        pods = [pod for part in PARTS for pod in fleet.pods(part)]
        return all(pod["spec"]["containers"][0]["image"].endswith(f":{tag}") for pod in pods)

    await until(is_so, f"all pods are of {tag}", 300)
    await asyncio.to_thread(fleet.ready)


def operator_pods(fleet: DeployedFleet) -> set[str]:
    selector = "app.kubernetes.io/name=antiphon,app.kubernetes.io/component=operator"
    return set(fleet.cluster.kubectl("get", "pods", "-n", OPERATOR_NAMESPACE, "-l", selector, "-o", "name").split())


def fleet_pods(fleet: DeployedFleet) -> set[str]:
    return {pod["metadata"]["uid"] for part in PARTS for pod in fleet.pods(part)}


def previous_version(real: RealCluster, folder: Path) -> Version:
    """The newest tag before this commit, with its images in the nodes; this version where there is no tag."""
    found = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "HEAD^"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        return THIS
    tag = found.stdout.strip()
    sources = subprocess.run(["git", "archive", tag], cwd=ROOT, capture_output=True, check=True)
    tree = folder / "tree"
    tree.mkdir()
    subprocess.run(["tar", "--extract"], cwd=tree, input=sources.stdout, check=True)
    for archive in built_images(tree, tag, folder):
        for node in real.nodes:
            node.run("ctr", "--namespace=k8s.io", "images", "import", str(archive), timeout_s=180)
        # Half a gigabyte each.
        archive.unlink()
    return Version(tree / "charts" / "antiphon", {"images.tag": tag})


def built_images(tree: Path, tag: str, folder: Path) -> Iterator[Path]:
    """Archives, built by the tag's own script, in the same way as this version's; with caches of its own."""
    home = image_store().parent
    # Cargo would take this version's crates for the tag's: they are younger.
    caches = home / f"tmp-{tag}"
    caches.mkdir(exist_ok=True)
    base = "localhost/antiphon-base:bookworm"
    environment = {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
        "BUILDAH_ISOLATION": "chroot",
        "TMPDIR": str(caches),
        "BUILDER": "buildah",
        "BASE": base,
        "TOOLCHAIN": base,
    }
    cargo, rustup = (
        os.environ.get(f"{name}_HOME", str(Path.home() / f".{name.lower()}")) for name in ("CARGO", "RUSTUP")
    )
    volumes = (f"{cargo}:/usr/local/cargo", f"{rustup}:/usr/local/rustup:ro", "/etc/ssl/certs:/etc/ssl/certs:ro")
    mounts = [f"--volume={volume}" for volume in volumes]
    # `helm test` is not run with the tag.
    names = [name for name in IMAGES if name != "cli"]
    subprocess.run([tree / "scripts/images", "--tag", tag, *names, "--", *mounts], env=environment, check=True)
    for name in names:
        image, archive = f"localhost/antiphon-{name}:{tag}", folder / f"{name}.tar"
        subprocess.run(["buildah", "push", image, f"docker-archive:{archive}:{image}"], env=environment, check=True)
        yield archive
