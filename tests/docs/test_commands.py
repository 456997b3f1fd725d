"""Every command in a ```console block of the README and the docs runs, in the order of its page, and ends well."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
# Long-running commands: what they print when they are ready.
READY = "Talk:"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
    # Figures need minutes; that the commands run needs a second.
    "ANTIPHON_BENCH_SECONDS": "1",
}

pytestmark = pytest.mark.timeout(300)


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def test_the_readme_has_the_two_commands() -> None:
    assert {"make up", "make test"} <= set(commands(ROOT / "README.md"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_pages_commands_run(page: Path, tmp_path: Path) -> None:
    with running_products(tmp_path) as start:
        for command in commands(page):
            if command == "make test":
                # This is what runs now; once more would never end.
                run(["make", "--dry-run", "test"])
            elif re.match(r"(make|antiphon) up\b", command):
                start(command)
            else:
                run(["bash", "-c", command])


def run(command: list[str]) -> None:
    result = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, f"{command[-1]}\n{result.stdout}\n{result.stderr}"


@contextmanager
def running_products(scratch: Path) -> Iterator[Callable[[str], None]]:
    """Starts commands that go on until they are interrupted; one at a time, as a reader would."""
    current: list[subprocess.Popen[bytes]] = []

    def stop() -> None:
        while current:
            process = current.pop()
            os.killpg(process.pid, signal.SIGINT)
            process.wait(40)

    def start(command: str) -> None:
        stop()
        output = scratch / "up.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", command], cwd=ROOT, env=ENVIRONMENT, stdout=file, stderr=file, start_new_session=True
            )
        current.append(process)
        deadline = time.monotonic() + 90
        while READY not in output.read_text():
            assert process.poll() is None, f"{command}\n{output.read_text()}"
            assert time.monotonic() < deadline, f"{command}\n{output.read_text()}"
            time.sleep(0.1)

    try:
        yield start
    finally:
        stop()
