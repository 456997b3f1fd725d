"""What house style says about shape and a machine can check."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("wire", "relay", "transceiver", "signaling", "crds", "operator", "cli")
MAX_LINES = 400
MAX_FUNCTION_LINES = 40
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service"}


def tracked(*patterns: str) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for line in sorted(set(listing.splitlines())) if (path := ROOT / line).is_file()]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


SOURCES = [path for path in tracked("*.py", "*.rs", "*.js") if path.relative_to(ROOT).parts[0] != "tests"]
TESTS = tracked("tests/*.py")


def test_the_standard_librarys_operator_is_not_shadowed() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "tests" / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_the_inner_shape(part: str) -> None:
    package = ROOT / part / f"antiphon_{part}"
    assert (package / "py.typed").exists()
    if part in ("relay", "transceiver", "signaling"):
        assert {"__main__.py", "settings.py", "metrics.py"} <= {path.name for path in package.iterdir()}


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_a_file_is_one_noun_of_bounded_size(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".py"], ids=name)
def test_functions_are_short(path: Path) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert not long


@pytest.mark.parametrize("path", [path for path in TESTS if path != Path(__file__)], ids=name)
def test_tests_have_no_mocks_and_no_fixed_sleeps(path: Path) -> None:
    text = path.read_text()
    for smell in ("unittest.mock", "MagicMock", "monkeypatch.setattr", "mocker.", "time.sleep(1", "time.sleep(2"):
        assert smell not in text, smell


@pytest.mark.parametrize("crate", ["wire/src", "relay/packet/src", "transceiver/media/src"])
def test_pure_crates_touch_no_socket_clock_or_thread(crate: str) -> None:
    for path in (ROOT / crate).rglob("*.rs"):
        text = path.read_text()
        for impure in ("UdpSocket", "Instant::now", "SystemTime::now", "std::thread", "std::env", "std::fs", "libc::"):
            assert impure not in text, f"{name(path)} uses {impure}"


def test_what_pins_python_packages_names_no_place_to_get_them() -> None:
    assert "://" not in (ROOT / "requirements.txt").read_text()
    assert ROOT / "uv.lock" not in tracked("uv.lock")
