"""One resource, from the API server or from a file: checked with its kind's own schema, and its defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from antiphon_crds import rules, structure
from antiphon_crds.documents import API_VERSION, Schema, schema
from antiphon_crds.fields import Fields
from antiphon_crds.metadata import Metadata
from antiphon_crds.overlay import Json


class ResourceError(ValueError):
    """The resource is not one that the API server would take; one problem a line, each with its path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Resource:
    metadata: Metadata
    spec: Fields

    @classmethod
    def parse(cls, kind: str, document: Mapping[str, Json], *, stored: bool) -> Resource:
        """`stored`: the API server took it. By which rules, and what the object was before, only the server knew; rules
        that came later must not make a fleet unreadable that runs.
        """
        for name, wanted in (("apiVersion", API_VERSION), ("kind", kind)):
            if document.get(name) != wanted:
                raise ResourceError([f"{name}: must be '{wanted}', not '{document.get(name)}'"])
        metadata = _metadata(document.get("metadata"))
        checked = {name: value for name, value in document.items() if name not in ("metadata", "status")}
        whole = schema(kind)
        properties = {name: child for name, child in whole["properties"].items() if name != "status"}
        filled = structure.filled(checked, {"properties": properties})
        problems = _problems(filled, {**whole, "properties": properties}, metadata.name, stored=stored)
        if problems or not isinstance(filled, dict) or not isinstance(filled["spec"], dict):
            raise ResourceError(problems)
        return cls(metadata, Fields(filled["spec"]))


def _problems(filled: Json, whole: Schema, name: str, *, stored: bool) -> list[str]:
    found = list(structure.problems(filled, whole, ""))
    if not found and not stored and isinstance(filled, dict):
        found = list(rules.problems({**filled, "metadata": {"name": name}}, whole, ""))
    return found


def _metadata(value: Json) -> Metadata:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        raise ResourceError(["metadata.name: Required value"])
    fields = Fields({name: item for name, item in value.items() if item is not None})
    created = fields.optional_text("creationTimestamp")
    try:
        return Metadata(
            name=fields.text("name"),
            namespace=fields.optional_text("namespace") or "default",
            uid=fields.optional_text("uid") or "",
            generation=fields.optional_integer("generation") or 0,
            created_at=datetime.fromisoformat(created).timestamp() if created else 0.0,
            annotations=fields.pairs("annotations"),
        )
    except (TypeError, ValueError) as error:
        raise ResourceError([f"metadata: {error}"]) from error
