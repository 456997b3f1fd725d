"""A real Firefox whose microphone is a tone, driven by WebDriver BiDi (W3C), which it serves itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from browser import Person

FIREFOX = "firefox-esr"
TONE_HZ = 400
PREFERENCES: dict[str, bool | int] = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.default": 0,
    "media.navigator.audio.fake_frequency": TONE_HZ,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "toolkit.telemetry.enabled": False,
}
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
STARTED_WITHIN_S = ANSWERED_WITHIN_S = 60.0


class PageError(Exception):
    """What the browser said to a command, or the page's script threw."""


@dataclass
class FirefoxPage:
    """What tests need of a page; the methods are Playwright's."""

    _socket: aiohttp.ClientWebSocketResponse
    _numbers: Iterator[int]
    _context: str = ""

    async def open(self, url: str) -> None:
        await self._command("session.new", {"capabilities": {}})
        self._context = (await self._command("browsingContext.getTree", {}))["contexts"][0]["context"]
        await self._command("browsingContext.navigate", {"context": self._context, "url": url, "wait": "complete"})

    async def evaluate(self, expression: str, arg: Any = None) -> Any:
        """Calls the function with `arg`; both ways what JSON can say."""
        argument = {"type": "string", "value": json.dumps(arg)}
        function = f"async argument => JSON.stringify((await ({expression})(JSON.parse(argument))) ?? null)"
        parameters = {
            "functionDeclaration": function,
            "arguments": [argument],
            "target": {"context": self._context},
            "awaitPromise": True,
            "userActivation": True,
        }
        outcome = await self._command("script.callFunction", parameters)
        if outcome["type"] == "exception":
            raise PageError(outcome["exceptionDetails"]["text"])
        return json.loads(outcome["result"]["value"])

    async def click(self, selector: str) -> None:
        await self.evaluate("selector => document.querySelector(selector).click()", selector)

    async def _command(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One at a time; events are not subscribed to."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while (answer := await self._answer()).get("id") != number:
                pass
        if answer["type"] == "error":
            raise PageError(f"{method}: {answer['error']}: {answer['message']}")
        return dict(answer["result"])

    async def _answer(self) -> dict[str, Any]:
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise PageError("Firefox has gone")
        return dict(message.json())


FirefoxCaller = Person[FirefoxPage]


@asynccontextmanager
async def firefox_caller(url: str, folder: Path) -> AsyncIterator[FirefoxCaller]:
    """Firefox at `url`; its profile is made in the folder."""
    async with _served(folder) as address, aiohttp.ClientSession() as session:
        # What was recorded comes in one message.
        async with session.ws_connect(f"{address}/session", max_msg_size=0) as socket:
            page = FirefoxPage(socket, count(1))
            await page.open(url)
            yield Person(page)


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[str]:
    """A browser; where it takes commands."""
    profile = folder / "profile"
    profile.mkdir()
    settings = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(settings))
    command = (FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0")
    browser = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert browser.stderr is not None
    draining = None
    try:
        address = await asyncio.wait_for(_address(browser.stderr), STARTED_WITHIN_S)
        # What it says afterwards is read, or it would stand still.
        draining = asyncio.create_task(browser.stderr.read())
        yield address
    finally:
        if browser.returncode is None:
            browser.terminate()
        try:
            await asyncio.wait_for(browser.wait(), 20)
        except TimeoutError:
            browser.kill()
            await browser.wait()
        if draining is not None:
            draining.cancel()


async def _address(said: asyncio.StreamReader) -> str:
    lines = []
    async for line in said:
        lines.append(line.decode())
        if found := LISTENING.search(lines[-1]):
            return found[1]
    raise AssertionError("Firefox ended:\n" + "".join(lines))
