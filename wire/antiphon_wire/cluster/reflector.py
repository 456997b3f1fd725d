"""Keeps the objects of one kind as the server has them: lists once, then watches, whatever happens in between."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Final

import aiohttp

from antiphon_wire.cluster.backoff import Backoff
from antiphon_wire.cluster.list_page import read_list_page
from antiphon_wire.cluster.manifest import Manifest, ManifestError
from antiphon_wire.cluster.object_store import Change, ObjectStore
from antiphon_wire.cluster.resource_kind import ResourceKind
from antiphon_wire.cluster.watch_lines import EventKind, WatchEvent, WatchLineError, WatchLines

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

logger = logging.getLogger(__name__)

PAGE: Final = 500
LIST_S: Final = 30.0
CONNECT_S: Final = 5.0
WATCH_S: Final = 300
"""After this long, and up to a half more, the server ends a watch: so watches spread over its replicas again."""
SILENCE_S: Final = 75.0
"""A bookmark comes about every minute: a connection that is silent for longer leads nowhere, and who has heard of
none for longer does not know what the server says now."""
SHORTEST_WATCH_S: Final = 0.5
"""A watch that ends sooner without an event did not work, however politely it ended."""


class Trouble(StrEnum):
    """Why a list or a watch did not go on; a metric's label."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    REFUSED = "refused"
    """The server answered, but not with what was asked for."""
    GONE = "gone"
    """The server has no changes since our version, so that everything is listed again."""
    MALFORMED = "malformed"


class Reflector:
    """`run` never ends but by being cancelled; `store` is what is known, also while the server is away.

    `heard` is called with every change, in order, and with None each time a whole list was taken; it must not block.
    `keep` makes of an object what is stored and told of it: most of some kinds' objects is of no use to anybody here.
    """

    def __init__(
        self,
        client: "ApiClient",
        kind: ResourceKind,
        heard: Callable[[Change | None], None] = lambda _: None,
        *,
        keep: Callable[[Manifest], Manifest] = lambda manifest: manifest,
        silence_s: float = SILENCE_S,
        watch_s: int = WATCH_S,
    ) -> None:
        self.store = ObjectStore()
        self.synced = asyncio.Event()
        """Set when the first list was taken, and never cleared."""
        self.lists = 0
        self.watches = 0
        self.troubles = dict.fromkeys(Trouble, 0)
        self._client = client
        self._kind = kind
        self._heard = heard
        self._keep = keep
        self._silence_s = silence_s
        self._watch_s = watch_s
        self._backoff = Backoff()
        self._listed = False
        self._complaint = ""
        self._interrupted = False
        self._alive_at = monotonic()

    @property
    def in_date(self) -> bool:
        """Whether what is known is what the server says now, as far as anybody can know."""
        return self.synced.is_set() and not self._interrupted and self.age_s <= self._silence_s

    @property
    def age_s(self) -> float:
        """Since the server last said anything: below a minute or so while a watch lives."""
        return monotonic() - self._alive_at

    def put(self, manifest: Manifest) -> None:
        """Takes the answer to a write of ours, told as a change at once and not again when the watch has it."""
        self._tell(self.store.put(self._keep(manifest)))

    async def run(self) -> None:
        while True:
            try:
                if not self._listed:
                    await self._list()
                await self._watch()
            except _TroubleError as error:
                self._note(error)
                await asyncio.sleep(self._backoff.wait_s())

    async def _list(self) -> None:
        manifests: list[Manifest] = []
        token = ""
        timeout = aiohttp.ClientTimeout(total=LIST_S, sock_connect=CONNECT_S)
        while True:
            async with self._asked({"limit": str(PAGE), "continue": token}, timeout) as response:
                page = read_list_page(await response.read())
                manifests += map(self._keep, page.items)
                token = page.token
                if not token:
                    changes = self.store.replace(manifests, page.version)
                    break
        self.lists += 1
        self._listed = True
        self._interrupted = False
        self._alive_at = monotonic()
        self._tell(changes)
        self.synced.set()
        self._heard(None)

    async def _watch(self) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": str(self.store.version),
            "timeoutSeconds": str(round(self._watch_s * random.uniform(1.0, 1.5))),  # noqa: S311
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self._silence_s)
        lines = WatchLines()
        async with self._asked(query, timeout) as response:
            self.watches += 1
            self._interrupted = False
            began_at = self._alive_at = monotonic()
            async for chunk in response.content.iter_any():
                for event in lines.feed(chunk):
                    self._take(event)
                self._works()
        if monotonic() - began_at < SHORTEST_WATCH_S and self._alive_at == began_at:
            raise _TroubleError(Trouble.REFUSED, "the server ended the watch at once")
        self._works()

    def _take(self, event: WatchEvent) -> None:
        match event.kind:
            case EventKind.ADDED | EventKind.MODIFIED:
                self._tell(self.store.added_or_modified(self._keep(event.object)))
            case EventKind.DELETED:
                self._tell(self.store.deleted(self._keep(event.object)))
            case EventKind.BOOKMARK:
                self.store.seen(event.object)
            case EventKind.ERROR:
                self._listed = False
                raise _refused(event.object.get("code"))

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            self._heard(change)

    def _works(self) -> None:
        self._alive_at = monotonic()
        self._backoff.succeeded()
        if self._complaint:
            logger.info("watching again", extra={"fields": {"kind": self._kind.plural}})
            self._complaint = ""

    def _note(self, error: "_TroubleError") -> None:
        self.troubles[error.trouble] += 1
        self._interrupted = True
        if error.trouble is Trouble.GONE:
            self._listed = False
        why = str(error)
        if why != self._complaint:
            fields = {"kind": self._kind.plural, "trouble": error.trouble.value, "why": why}
            logger.warning("not watching, what is known stays", extra={"fields": fields})
        self._complaint = why

    @asynccontextmanager
    async def _asked(
        self, query: Mapping[str, str], within: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One GET of the kind; raises _TroubleError for what goes wrong with it, also while its body is read."""
        try:
            request = await self._client.param_serialize(
                "GET",
                self._kind.path,
                query_params=self._query(query),
                auth_settings=["BearerToken"],
            )
            answered = await self._client.call_api(*request, _request_timeout=within)
            async with answered.response as response, _dropped_when_left(response):
                if response.status != 200:
                    raise _refused(response.status)
                yield response
        except (ManifestError, WatchLineError) as error:
            raise _TroubleError(Trouble.MALFORMED, str(error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise _TroubleError(Trouble.UNREACHABLE, f"no connection within {CONNECT_S:g} s") from error
        except TimeoutError as error:
            raise _TroubleError(Trouble.SILENT, "the server says nothing") from error
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            # Not its text, which may hold what a log should not.
            raise _TroubleError(Trouble.UNREACHABLE, type(error).__name__) from error

    def _query(self, query: Mapping[str, str]) -> dict[str, str]:
        selectors = {"labelSelector": self._kind.label_selector, "fieldSelector": self._kind.field_selector}
        return {name: value for name, value in (selectors | dict(query)).items() if value}


@asynccontextmanager
async def _dropped_when_left(response: aiohttp.ClientResponse) -> AsyncIterator[None]:
    """A watch that is left before its end: TLS's goodbye would wait for the server's, and outlive the event loop."""
    try:
        yield
    finally:
        connection = response.connection  # None once the body was read to its end
        if connection is not None and connection.transport is not None:
            connection.transport.abort()


class _TroubleError(Exception):
    def __init__(self, trouble: Trouble, why: str) -> None:
        super().__init__(why)
        self.trouble = trouble


_GONE: Final = frozenset({410, 504})
"""The version is too old, or newer than anything that the server has, which was restored from a backup."""


def _refused(status: object) -> _TroubleError:
    return _TroubleError(Trouble.GONE if status in _GONE else Trouble.REFUSED, f"the server answered {status}")
