"""The only file that writes to the Kubernetes API, and that reads from it beside the watches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Final

import aiohttp

from antiphon_operator.actions import Action, Apply, Create, Delete, Patch, Replace
from antiphon_operator.kinds import Kind, kind_of
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Manifest
from antiphon_wire.cluster.manifest import ManifestError, version_of

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

FIELD_MANAGER: Final = "antiphon-operator"
_JSON: Final = "application/json"
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"


class Failure(StrEnum):
    """Why a request did not do what it was for; a metric's label."""

    CONFLICT = "conflict"
    """Somebody else wrote the object since we read it."""
    CONTENDED = "contended"
    """Nothing was created, for others changed a quota's count at that moment: the same request may do better."""
    EXISTS = "exists"
    """What was to be created is there already."""
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    """Invalid or forbidden: the same request would fail again."""
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    """No connection, or the server failed."""
    TIMEOUT = "timeout"


class ApiError(Exception):
    def __init__(self, failure: Failure, status: int, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.status = status
        """HTTP's; 0: there was no answer."""


@dataclass(frozen=True)
class Listed:
    items: tuple[Manifest, ...]
    version: int
    """The list is of this resourceVersion."""


class Cluster:
    def __init__(self, client: ApiClient, metrics: Metrics, request_timeout_s: float) -> None:
        """`request_timeout_s` holds for the whole of every request: leadership counts on it."""
        client.user_agent = FIELD_MANAGER
        self._client = client
        self._metrics = metrics
        self._timeout_s = request_timeout_s
        self.answered_at = monotonic()
        """When the API server last answered anything, by the monotonic clock."""

    async def execute(self, action: Action, *, forced: bool = True) -> Manifest | None:
        """The object as it was written; None: there was nothing to write. Raises ApiError.

        `forced`: an Apply takes fields over from whoever set them; else that is a conflict.
        """
        match action:
            case Create(manifest):
                return await self._create(manifest)
            case Apply(manifest):
                query = {"fieldManager": FIELD_MANAGER, "force": "true" if forced else "false"}
                return await self._ask("PATCH", *_place(manifest), query=query, body=manifest, content=_APPLY)
            case Replace(manifest):
                return await self._ask("PUT", *_place(manifest), query={"fieldManager": FIELD_MANAGER}, body=manifest)
            case Delete():
                return await self._delete(action)
            case Patch():
                kind = kind_of(action.api_version, action.kind)
                path = kind.path(action.namespace, action.name, action.subresource.value)
                content = _STRATEGIC if action.strategic else _MERGE
                query = {"fieldManager": FIELD_MANAGER}
                return await self._ask("PATCH", kind, path, query=query, body=action.body, content=content)

    async def read(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """None: there is no such object. Raises ApiError."""
        try:
            return await self._ask("GET", kind, kind.path(namespace, name))
        except ApiError as error:
            if error.failure is Failure.NOT_FOUND:
                return None
            raise

    async def read_all(self, kind: Kind, namespace: str | None) -> Listed:
        """Raises ApiError."""
        found = await self._ask("GET", kind, kind.path(namespace), verb="list")
        items = found.get("items")
        try:
            version = version_of(found)
        except ManifestError as error:
            raise ApiError(Failure.UNAVAILABLE, 200, str(error)) from None
        return Listed(
            tuple(item for item in items if isinstance(item, dict)) if isinstance(items, list) else (), version
        )

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind. Raises ApiError."""
        try:
            found = await self._ask("GET", kind, f"/apis/{kind.api_version}", verb="discover")
        except ApiError as error:
            if error.failure is Failure.NOT_FOUND:
                return False
            raise
        resources = found.get("resources")
        names = (
            {item.get("name") for item in resources if isinstance(item, dict)} if isinstance(resources, list) else ()
        )
        return kind.plural in names

    async def _create(self, manifest: Manifest) -> Manifest | None:
        kind, path = _place(manifest)
        try:
            return await self._ask(
                "POST", kind, path.rpartition("/")[0], query={"fieldManager": FIELD_MANAGER}, body=manifest
            )
        except ApiError as error:
            if error.failure is Failure.EXISTS:
                return None
            if error.failure is Failure.CONFLICT:
                # Of what was not there nobody wrote another version.
                raise ApiError(Failure.CONTENDED, error.status, str(error)) from None
            raise

    async def _delete(self, action: Delete) -> Manifest | None:
        kind = kind_of(action.api_version, action.kind)
        options: dict[str, object] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if action.uid is not None:
            options["preconditions"] = {"uid": action.uid}
        if action.grace_seconds is not None:
            options["gracePeriodSeconds"] = action.grace_seconds
        try:
            found = await self._ask("DELETE", kind, kind.path(action.namespace, action.name), body=options)
        except ApiError as error:
            # A conflict is another object under this name: ours is gone as well.
            if error.failure in (Failure.NOT_FOUND, Failure.CONFLICT):
                return None
            raise
        # An object that goes on until its grace has ended; else a Status.
        return found if found.get("kind") == kind.name else None

    async def _ask(  # noqa: PLR0913 - the parts of one HTTP request
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        content: str = _JSON,
        verb: str = "",
    ) -> Manifest:
        verb = verb or method.lower()
        try:
            status, raw = await self._send(method, path, query or {}, body, content)
        except TimeoutError:
            self._metrics.api_request(verb, kind.name, 0)
            raise ApiError(Failure.TIMEOUT, 0, f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            self._metrics.api_request(verb, kind.name, 0)
            raise ApiError(Failure.UNAVAILABLE, 0, type(error).__name__) from None
        self._metrics.api_request(verb, kind.name, status)
        self.answered_at = monotonic()
        answer = _read(raw)
        if status >= 300:
            raise ApiError(_failure(status, answer), status, str(answer.get("message", f"HTTP {status}")))
        if not answer:
            raise ApiError(Failure.UNAVAILABLE, status, "the answer is no object")
        return answer

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, object] | None, content: str
    ) -> tuple[int, bytes]:
        async with asyncio.timeout(self._timeout_s):
            request = await self._client.param_serialize(
                method,
                path,
                query_params=dict(query),
                header_params={"Accept": _JSON, "Content-Type": content},
                auth_settings=["BearerToken"],
            )
            verb, url, headers, *_ = request
            answered = await self._client.call_api(verb, url, headers, body, _request_timeout=self._timeout_s)
            return answered.status, await answered.response.read()


_FAILURES: Final = {401: Failure.UNAUTHORIZED, 404: Failure.NOT_FOUND, 409: Failure.CONFLICT, 429: Failure.THROTTLED}


def _failure(status: int, answer: Manifest) -> Failure:
    # 409 has many causes, of which only this one says that the name is taken.
    if status == 409 and answer.get("reason") == "AlreadyExists":
        return Failure.EXISTS
    return _FAILURES.get(status, Failure.UNAVAILABLE if status >= 500 else Failure.REFUSED)


def _place(manifest: Manifest) -> tuple[Kind, str]:
    """The kind, and the URL path, of an object that we wrote ourselves."""
    metadata = manifest["metadata"]
    if not isinstance(metadata, dict):
        raise TypeError("a manifest without metadata")
    kind = kind_of(str(manifest["apiVersion"]), str(manifest["kind"]))
    namespace = metadata.get("namespace")
    return kind, kind.path(str(namespace) if namespace else None, str(metadata["name"]))


def _read(raw: bytes) -> Manifest:
    """A proxy's page, say, is an empty object."""
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
