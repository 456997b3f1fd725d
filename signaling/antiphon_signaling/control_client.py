"""Asks transceivers over their control API, on connections that stay open between calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from antiphon_signaling import pod_answers
from antiphon_signaling.offer import Offer
from antiphon_signaling.pod_answers import CallReport, Created, PodAnswerError, PodRefusal
from antiphon_wire.control import ControlErrorCode

CONNECT_TIMEOUT_S = 0.5
"""Pods are one switch away; a longer wait only delays the try at the next pod."""
CREATE_TIMEOUT_S = 8.0
"""A pod that creates a call connects to its backend first, which may take it 5 s."""
ASK_TIMEOUT_S = 1.0
KEEP_ALIVE_S = 30.0
"""Below the 75 s after which an idle aiohttp server closes: never write to a connection that was just closed."""


class PodUnreachableError(Exception):
    """No connection, or it broke, or the answer did not come in time: another pod may do better."""


class PodFaultyError(Exception):
    """The pod answered, but nothing that the control API knows."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


class ControlClient:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    @asynccontextmanager
    async def opened(cls, token: str) -> AsyncIterator[ControlClient]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S)
        headers = {"authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers, trust_env=False) as session:
            yield cls(session)

    async def create(self, control: str, offer: Offer, *, model: str) -> Created | PodRefusal:
        body = {"offer": offer.sdp, "model": model, "session": offer.session}
        answer = await self._ask("POST", control, "/v1/calls", body=body, within_s=CREATE_TIMEOUT_S)
        try:
            if answer.status == 201:
                return pod_answers.created(answer.body)
            return pod_answers.refusal(answer.body)
        except PodAnswerError as error:
            raise PodFaultyError(f"HTTP {answer.status}, {error}") from None

    async def call(self, control: str, call_id: str) -> CallReport | None:
        return await self._call("GET", control, call_id)

    async def renegotiate(self, control: str, call_id: str, sdp: str) -> str | PodRefusal | CallReport | None:
        """The answer to a later offer; a report: the call is over; None: the pod knows no such call."""
        path = f"/v1/calls/{call_id}"
        answer = await self._ask("PATCH", control, path, body={"offer": sdp}, within_s=ASK_TIMEOUT_S)
        try:
            if answer.status == 200:
                return pod_answers.later_answer(answer.body)
            if answer.status == 410:
                return pod_answers.call_report(answer.body)
            refusal = pod_answers.refusal(answer.body)
        except PodAnswerError as error:
            raise PodFaultyError(f"HTTP {answer.status}, {error}") from None
        return None if refusal.code is ControlErrorCode.CALL_UNKNOWN else refusal

    async def hang_up(self, control: str, call_id: str) -> CallReport | None:
        return await self._call("DELETE", control, call_id)

    async def free_calls(self, control: str) -> int:
        answer = await self._ask("GET", control, "/v1/capacity", body=None, within_s=ASK_TIMEOUT_S)
        try:
            if answer.status == 200:
                return pod_answers.free_calls(answer.body)
        except PodAnswerError as error:
            raise PodFaultyError(str(error)) from None
        raise PodFaultyError(f"HTTP {answer.status}")

    async def _call(self, method: str, control: str, call_id: str) -> CallReport | None:
        """None: the pod answers, and knows no such call."""
        answer = await self._ask(method, control, f"/v1/calls/{call_id}", body=None, within_s=ASK_TIMEOUT_S)
        try:
            if answer.status == 200:
                return pod_answers.call_report(answer.body)
        except PodAnswerError as error:
            raise PodFaultyError(str(error)) from None
        if answer.status == 404:
            return None
        raise PodFaultyError(f"HTTP {answer.status}")

    async def _ask(
        self, method: str, control: str, path: str, *, body: Mapping[str, object] | None, within_s: float
    ) -> _Answer:
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_TIMEOUT_S)
        url = f"http://{control}{path}"
        try:
            async with self._session.request(
                method, url, json=body, timeout=timeout, allow_redirects=False
            ) as response:
                return _Answer(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PodUnreachableError(type(error).__name__) from None
