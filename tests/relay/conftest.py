from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay_pod import Pod
from relay_pod import pod as open_pod
from relay_site import RelaySite


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    async with open_pod(4096) as opened:
        yield opened


@pytest.fixture
def site(tmp_path: Path, pod: Pod) -> RelaySite:
    return RelaySite(tmp_path, [pod])
