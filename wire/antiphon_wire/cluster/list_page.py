"""One page of a list. Pure."""

import json
from dataclasses import dataclass

from antiphon_wire.cluster.manifest import Manifest, ManifestError, metadata_of, version_of


@dataclass(frozen=True)
class ListPage:
    items: tuple[Manifest, ...]
    version: int
    """Of the whole list: a watch goes on from it."""
    token: str
    """Asks for the next page; empty: this was the last one."""


def read_list_page(body: bytes) -> ListPage:
    """Raises ManifestError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ManifestError("a list that is not JSON") from None
    token = metadata_of(document).get("continue", "")
    # Null is a list without items, as Go writes one.
    items = document.get("items", ...)
    if not (isinstance(token, str) and isinstance(items, list | None)):
        raise ManifestError("no list of objects")
    return ListPage(tuple(items or ()), version_of(document), token)
