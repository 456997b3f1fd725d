"""CustomResourceDefinitions: what a cluster has installed, and what this version of Antiphon comes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from antiphon_cli.cluster.document import Document


@dataclass(frozen=True)
class Definition:
    name: str
    """Plural and group."""
    established: bool
    schemas: Mapping[str, str]
    """Hash of the schema by served version. The API server stores schemas as they are."""

    @classmethod
    def read(cls, document: Document) -> Self:
        conditions = document.section("status").sections("conditions")
        versions = document.section("spec").sections("versions")
        return cls(
            name=document.section("metadata").text("name"),
            established=any(
                each.text("type") == "Established" and each.text("status") == "True" for each in conditions
            ),
            schemas={
                version.text("name"): version.section("schema").digest()
                for version in versions
                if version.flag("served")
            },
        )


def known_definitions() -> tuple[Definition, ...]:
    """Those of this version."""
    from antiphon_crds.documents import documents

    return tuple(Definition.read(Document(document)) for document in documents())
