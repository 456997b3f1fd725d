"""One release and one fleet for all tests of this folder: each leaves it as it found it."""

import subprocess
from collections.abc import AsyncIterator, Generator, Iterator

import pytest

from deployed_fleet import DeployedFleet, deployed_fleet, installed
from real_kubernetes.cluster import KubectlError
from real_kubernetes.real_cluster import RealCluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What the others were seen to need is judged after them.
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed tells what its fleet's pods said."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        for deployed in item.funcargs.values():
            if isinstance(deployed, DeployedFleet):
                try:
                    report.sections += [(f"log of {pod}", said) for pod, said in deployed.logs().items()]
                except (KubectlError, subprocess.TimeoutExpired) as error:
                    report.sections.append(("no logs of pods", str(error)))
    return report


@pytest.fixture(scope="session")
def release(real_cluster: RealCluster) -> Iterator[RealCluster]:
    with installed(real_cluster):
        yield real_cluster


@pytest.fixture(scope="session")
def fleet(release: RealCluster) -> Iterator[DeployedFleet]:
    with deployed_fleet(release, "voice") as deployed:
        yield deployed


@pytest.fixture(autouse=True)
async def no_caller_is_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Also where a test failed while its calls went on, or where they made a pod close its admission."""
    yield
    if "fleet" in request.fixturenames:
        deployed = request.getfixturevalue("fleet")
        assert isinstance(deployed, DeployedFleet)
        await deployed.hang_up()
        await deployed.until_admission_is_open()
