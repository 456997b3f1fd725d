"""Secrets without their data, leases and events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.own_kinds import Name


@dataclass(frozen=True)
class Secret:
    """Only its metadata was asked for."""

    name: Name
    annotations: Mapping[str, str]

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(Name.read(document), document.section("metadata").pairs("annotations"))


@dataclass(frozen=True)
class Lease:
    name: Name
    holder: str
    """Empty: released."""
    renewed_at: float | None
    duration_s: int

    @classmethod
    def read(cls, document: Document) -> Self:
        spec = document.section("spec")
        return cls(
            name=Name.read(document),
            holder=spec.text("holderIdentity"),
            renewed_at=spec.moment("renewTime"),
            duration_s=spec.count("leaseDurationSeconds"),
        )


@dataclass(frozen=True)
class Event:
    kind: str
    """Of what it is about."""
    about: Name
    reason: str
    message: str
    at: float
    warning: bool

    @classmethod
    def read(cls, document: Document) -> Self:
        about = document.section("involvedObject")
        times = (document.moment("eventTime"), document.moment("lastTimestamp"), document.moment("firstTimestamp"))
        return cls(
            kind=about.text("kind"),
            about=Name(about.text("namespace"), about.text("name")),
            reason=document.text("reason"),
            message=document.text("message"),
            at=max((time for time in times if time is not None), default=0.0),
            warning=document.text("type") == "Warning",
        )
