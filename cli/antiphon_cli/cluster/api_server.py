"""Asks the API server. Every failure is a `NotReadError` that says what could not be read and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.reading import NotReadError, RefusalReason

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

REQUEST_TIMEOUT_S = 10.0
PAGE = 500
JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""The server leaves the rest out: a Secret's data does not travel."""


@dataclass(frozen=True)
class Right:
    """Something that a user may be allowed to do."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    clusterwide: bool = False

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}{'/' if self.subresource else ''}{self.subresource}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class ApiServer:
    def __init__(self, client: ApiClient, url: str) -> None:
        self._client = client
        self.url = url

    async def document(self, path: str) -> Document:
        return _json(await self._get(path, accept=JSON), path)

    async def listing(self, path: str, *, accept: str = JSON, **query: str) -> tuple[Document, ...]:
        """All items, page by page."""
        items: list[Document] = []
        resume: dict[str, str] = {}
        while True:
            target = f"{path}?{urlencode({**query, **resume, 'limit': str(PAGE)})}"
            page = _json(await self._get(target, accept=accept), path)
            items += page.sections("items")
            resume = {"continue": page.section("metadata").text("continue")}
            if not resume["continue"]:
                return tuple(items)

    async def text(self, path: str, *, timeout_s: float) -> str:
        return (await self._get(path, accept="*/*", timeout_s=timeout_s)).body.decode("utf-8", "replace")

    async def date(self) -> float:
        """The server's clock, in whole seconds, rounded down."""
        answer = await self._get("/version", accept=JSON)
        try:
            return parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (KeyError, ValueError) as error:
            raise NotReadError(RefusalReason.FAILED, "the API server's answer has no Date") from error

    async def may(self, right: Right, namespace: str | None) -> bool:
        attributes = {
            "verb": right.verb,
            "group": right.group,
            "resource": right.resource,
            "subresource": right.subresource,
            "namespace": "" if right.clusterwide else namespace or "",
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        headers = {"Accept": JSON, "Content-Type": JSON}
        answer = await self.passed_on("POST", path, headers, review, timeout_s=REQUEST_TIMEOUT_S)
        return _json(_checked(answer, path), path).section("status").flag("allowed")

    async def passed_on(
        self, method: str, target: str, headers: Mapping[str, str], body: object, *, timeout_s: float
    ) -> Answer:
        """One request; whatever is answered is the answer, as behind the API server's proxy to pods and Services."""
        import ssl

        from kubernetes.aio.client.exceptions import ApiException

        try:
            request = await self._client.param_serialize(
                method, target, header_params=dict(headers), auth_settings=["BearerToken"]
            )
            response = await self._client.call_api(
                method, request[1], request[2], body=body, _request_timeout=aiohttp.ClientTimeout(total=timeout_s)
            )
            return Answer(response.status, response.headers, await response.read())  # type: ignore[no-untyped-call] # of the library
        except TimeoutError as error:
            raise NotReadError(RefusalReason.UNREACHABLE, f"no answer from {self.url} in {timeout_s:.0f} s") from error
        except (aiohttp.ClientError, ssl.SSLError, OSError, ApiException) as error:
            raise NotReadError(RefusalReason.UNREACHABLE, f"no answer from {self.url} ({error})") from error

    async def _get(self, target: str, *, accept: str, timeout_s: float = REQUEST_TIMEOUT_S) -> Answer:
        answer = await self.passed_on("GET", target, {"Accept": accept}, None, timeout_s=timeout_s)
        return _checked(answer, target.split("?")[0])


def _checked(answer: Answer, path: str) -> Answer:
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer
    said = _said(answer)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise NotReadError(RefusalReason.FORBIDDEN, said)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotReadError(RefusalReason.NOT_FOUND, f"{path} is not there ({said})")
    raise NotReadError(RefusalReason.FAILED, f"{path} was answered with {answer.status} ({said})")


def _said(answer: Answer) -> str:
    """A Status object's message, else the first line of whatever a proxied server says."""
    text = answer.body.decode("utf-8", "replace").strip()
    try:
        return Document(json.loads(text)).text("message") or str(answer.status)
    except ValueError:
        return text.splitlines()[0][:200] if text else str(answer.status)


def _json(answer: Answer, path: str) -> Document:
    try:
        return Document(json.loads(answer.body))
    except ValueError as error:
        raise NotReadError(RefusalReason.FAILED, f"{path} was answered with something that is not JSON") from error
