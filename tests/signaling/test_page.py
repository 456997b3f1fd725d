"""The page: what is served, and its pure modules run in Node."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from antiphon_signaling.page_files import read_page
from antiphon_wire.control import EndReason
from signaling_site import site

HERE = Path(__file__).parent
NEW_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:")


@pytest.mark.node
@pytest.mark.parametrize("module", ["states", "turns"])
def test_the_pages_pure_modules_pass_their_tests(module: str) -> None:
    environment = {**os.environ, "END_REASONS": ",".join(EndReason)}
    command = ["node", "--test", str(HERE / "page" / f"{module}.test.mjs")]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    files = read_page()
    assert {"index.html", "style.css", "page.js", "states.js", "call.js", "icon.svg"} <= set(files)
    assert sum(len(file.content) for file in files.values()) < 60 * 1024
    for name, file in files.items():
        remote = set(re.findall(rb"https?://[^\s\"'`)]+", file.content)) - {b"http://www.w3.org/2000/svg"}
        assert not remote, name
        assert name == "icon.svg" or not NEW_INLINE.search(file.content), name


async def test_the_page_and_every_file_it_names_are_served_with_a_strict_policy(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here:
        page = await here.http.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"].startswith("default-src 'self';")
        assert "microphone=(self)" in page.headers["permissions-policy"]
        named = set(re.findall(r'(?:href|src)="([^"]+)"', page.text))
        imported = {f"page/{name}" for file in read_page().values() for name in imports(file.content)}
        assert imported <= named  # every module is preloaded: none is found only after another arrived
        for name in named:
            assert (await here.http.get(f"/{name}")).status_code == 200, name


def imports(module: bytes) -> list[str]:
    return re.findall(r'^import .* from "\./(\w+\.js)"', module.decode(), re.MULTILINE)


async def test_a_page_that_the_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here:
        first = await here.http.get("/page/style.css")
        again = await here.http.get("/page/style.css", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_the_page_is_told_where_it_is(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here:
        config = (await here.http.get("/page/config.json")).json()
        assert config["vip"] == ["192.0.2.2:3478"]
        assert config["pools"] == [{"name": "agents", "models": ["parrot"], "default": True}]
        assert config["longest_call_s"] == 3600
        assert re.fullmatch(r"\d+\.\d+\.\d+", config["version"])
