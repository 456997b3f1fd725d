"""TransceiverPool: pods that hold calls and speak to one backend. The fields are described in transceiverpool.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from antiphon_crds.fields import Fields
from antiphon_crds.metadata import Metadata, SecretKeyRef
from antiphon_crds.overlay import Json, PodOverlay
from antiphon_crds.resource import Resource


class ScalingMode(StrEnum):
    FIXED = "Fixed"
    """spec.replicas, written by people."""
    FREE_CAPACITY = "FreeCapacity"
    """The operator keeps calls free; spec.replicas stays as it is."""
    EXTERNAL = "External"
    """spec.replicas, written by HPA or KEDA through the scale subresource."""


class BackendType(StrEnum):
    REALTIME = "Realtime"
    ECHO = "Echo"


@dataclass(frozen=True)
class Share:
    """An int-or-percent: `5` or `20%`."""

    value: int
    is_percent: bool = False

    @classmethod
    def parse(cls, value: int | str) -> Share:
        return cls(value) if isinstance(value, int) else cls(int(value.removesuffix("%")), is_percent=True)

    def of(self, whole: int) -> int:
        """Rounded up, so that a share of something is never nothing; 0 % is 0."""
        return -(-whole * self.value // 100) if self.is_percent else self.value


@dataclass(frozen=True)
class FreeCapacity:
    target: Share = Share(20, is_percent=True)
    """Calls to keep free: a number, or a share of the pool's capacity."""
    min_replicas: int = 1
    max_replicas: int = 10
    scale_down_stabilization_seconds: int = 300


@dataclass(frozen=True)
class Scaling:
    mode: ScalingMode = ScalingMode.FIXED
    free_capacity: FreeCapacity = field(default_factory=FreeCapacity)


@dataclass(frozen=True)
class Realtime:
    url: str
    api_key_secret_ref: SecretKeyRef | None = None
    connect_timeout_seconds: int = 5


@dataclass(frozen=True)
class Backend:
    type: BackendType
    realtime: Realtime | None = None


@dataclass(frozen=True)
class Session:
    max_duration_seconds: int = 3600


@dataclass(frozen=True)
class Drain:
    deadline_seconds: int = 3600


@dataclass(frozen=True)
class Update:
    max_surge: Share = Share(25, is_percent=True)
    max_unavailable: Share = Share(0)


@dataclass(frozen=True)
class TransceiverPoolSpec:
    relay_ref: str
    """Name of the VoiceRelay in the same namespace."""
    backend: Backend
    replicas: int = 1
    models: tuple[str, ...] = ()
    scaling: Scaling = field(default_factory=Scaling)
    sessions_per_pod: int = 60
    session: Session = field(default_factory=Session)
    drain: Drain = field(default_factory=Drain)
    update: Update = field(default_factory=Update)
    template: PodOverlay = field(default_factory=PodOverlay)


@dataclass(frozen=True)
class TransceiverPool:
    metadata: Metadata
    spec: TransceiverPoolSpec

    @classmethod
    def parse(cls, document: Mapping[str, Json], *, stored: bool = False) -> TransceiverPool:
        """As a file has it, or as the API server stored it; raises ResourceError."""
        resource = Resource.parse("TransceiverPool", document, stored=stored)
        spec = resource.spec
        return cls(
            resource.metadata,
            TransceiverPoolSpec(
                relay_ref=spec.section("relayRef").text("name"),
                backend=_backend(spec.section("backend")),
                replicas=spec.integer("replicas"),
                models=spec.texts("models"),
                scaling=_scaling(spec.section("scaling")),
                sessions_per_pod=spec.integer("sessionsPerPod"),
                session=Session(spec.section("session").integer("maxDurationSeconds")),
                drain=Drain(spec.section("drain").integer("deadlineSeconds")),
                update=_update(spec.section("update")),
                template=spec.overlay("template"),
            ),
        )


def _backend(fields: Fields) -> Backend:
    realtime = None
    if "realtime" in fields:
        section = fields.section("realtime")
        realtime = Realtime(
            url=section.text("url"),
            api_key_secret_ref=section.secret_key("apiKeySecretRef"),
            connect_timeout_seconds=section.integer("connectTimeoutSeconds"),
        )
    return Backend(BackendType(fields.text("type")), realtime)


def _scaling(fields: Fields) -> Scaling:
    free_capacity = FreeCapacity()
    if "freeCapacity" in fields:
        section = fields.section("freeCapacity")
        free_capacity = FreeCapacity(
            target=Share.parse(section.int_or_text("target")),
            min_replicas=section.integer("minReplicas"),
            max_replicas=section.integer("maxReplicas"),
            scale_down_stabilization_seconds=section.integer("scaleDownStabilizationSeconds"),
        )
    return Scaling(ScalingMode(fields.text("mode")), free_capacity)


def _update(fields: Fields) -> Update:
    return Update(
        max_surge=Share.parse(fields.int_or_text("maxSurge")),
        max_unavailable=Share.parse(fields.int_or_text("maxUnavailable")),
    )
