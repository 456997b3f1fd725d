"""The HTTP half of a call: the offer out, the answer in, and the hang-up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp

from antiphon_cli.voice.description import AnswerError, RemoteDescription, parse_answer

CALLS_PATH = "/v1/realtime/calls"
LONGEST_ANSWER = 64 * 1024
OWN_END = "client_closed"
"""A call's end that this side brought about: no reason for anything."""


class ExchangeError(Exception):
    """Signaling did not give a usable answer; the message is one sentence."""


@dataclass(frozen=True)
class Accepted:
    answer: RemoteDescription
    location: str | None
    """Absolute; None when the server gave none, and then the call cannot be hung up by HTTP."""

    @property
    def call_id(self) -> str | None:
        return self.location.rsplit("/", 1)[-1] if self.location else None


@dataclass(frozen=True)
class Standing:
    """What the server says of a call."""

    ended: bool
    sentence: str


def calls_url(url: str) -> str:
    """`http://host:port` or the full calls URL."""
    if "://" not in url:
        url = f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ExchangeError(f"{url!r} is not an http:// or https:// URL; example: http://127.0.0.1:8080")
    path = CALLS_PATH if parts.path in ("", "/") else parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


class Exchange:
    """One HTTP connection, for one call."""

    def __init__(self, url: str, *, insecure: bool, timeout_s: float) -> None:
        self._url = calls_url(url)
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        connector = aiohttp.TCPConnector(ssl=not insecure)
        self._http = aiohttp.ClientSession(timeout=timeout, connector=connector)
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def offer(self, sdp: str, model: str | None) -> Accepted:
        query = {} if model is None else {"model": model}
        headers = {"Content-Type": "application/sdp", "Accept": "application/sdp"}
        try:
            async with self._http.post(self._url, data=sdp.encode(), params=query, headers=headers) as response:
                body = (await response.content.read(LONGEST_ANSWER)).decode("utf-8", "replace")
                if not response.ok:
                    raise ExchangeError(_refusal(response.status, response.reason, body))
                location = response.headers.get("Location")
        except aiohttp.ClientConnectorCertificateError as error:
            cure = "for the self-signed one of `antiphon up --lan` add --insecure"
            raise ExchangeError(f"the certificate of {self._url} is not trusted; {cure}") from error
        except TimeoutError as error:
            raise ExchangeError(f"no answer from {self._url} in {self._timeout_s:.0f} s") from error
        except aiohttp.ClientError as error:
            raise ExchangeError(f"no answer from {self._url} ({error}). Is `antiphon up` running?") from error
        try:
            answer = parse_answer(body)
        except AnswerError as error:
            raise ExchangeError(f"the answer of {self._url} cannot be used: {error}") from error
        return Accepted(answer, urljoin(self._url, location) if location else None)

    async def hang_up(self, accepted: Accepted) -> None:
        """Best effort: a call that is not hung up ends by the server's own time limits."""
        if accepted.location is None:
            return
        try:
            async with self._http.post(f"{accepted.location}/hangup") as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return

    async def standing(self, accepted: Accepted) -> Standing | None:
        """None: it says nothing that can be understood."""
        if accepted.location is None:
            return None
        try:
            async with self._http.get(accepted.location) as response:
                # Only a 410 is about the call; a 404 or a 502 is about who was asked.
                ended = response.status == HTTPStatus.GONE
                document = json.loads((await response.content.read(LONGEST_ANSWER)).decode("utf-8", "replace"))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        if not isinstance(document, dict):
            return None
        error, state = document.get("error"), document.get("state")
        if isinstance(error, dict) and isinstance(error.get("code"), str):
            if ended and error["code"] == OWN_END:
                return None
            return Standing(ended, f"{'the server ended it' if ended else 'the server says'}: {error['code']}")
        return Standing(ended, f"the server says the call is {state}") if isinstance(state, str) else None


def _refusal(status: int, reason: str | None, body: str) -> str:
    """OpenAI's error shape in one sentence, else the status line."""
    try:
        error = json.loads(body)["error"]
        return f"{status} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{status} {reason or ''}".strip()
