"""Antiphon's own kinds as a cluster holds them, with what their conditions say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from antiphon_cli.cluster.document import Document

GROUP = "antiphon.dev"
READY = "Ready"


@dataclass(frozen=True)
class Condition:
    type: str
    status: str
    """True, False or Unknown."""
    reason: str
    message: str
    since: float | None

    @property
    def is_true(self) -> bool:
        return self.status == "True"

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            type=document.text("type"),
            status=document.text("status"),
            reason=document.text("reason"),
            message=document.text("message"),
            since=document.moment("lastTransitionTime"),
        )


UNSEEN = Condition(READY, "Unknown", "WaitingForOperator", "no operator has seen this resource yet", None)


@dataclass(frozen=True)
class Conditions:
    all: tuple[Condition, ...]

    @property
    def ready(self) -> Condition:
        return self.of(READY) or UNSEEN

    def of(self, type_: str) -> Condition | None:
        return next((condition for condition in self.all if condition.type == type_), None)

    @classmethod
    def read(cls, status: Document) -> Self:
        return cls(tuple(Condition.read(condition) for condition in status.sections("conditions")))


@dataclass(frozen=True)
class Name:
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def read(cls, document: Document) -> Self:
        metadata = document.section("metadata")
        return cls(metadata.text("namespace"), metadata.text("name"))


@dataclass(frozen=True)
class VoiceRelay:
    name: Name
    generation: int
    exposure: str
    port: int
    public_addresses: tuple[str, ...]
    """spec.publicAddresses; empty: the Service's."""
    signaling_tls: bool
    publish_lead_s: int | None
    """spec.keys.publishLeadSeconds."""
    endpoint: str
    """status.endpoint, as callers use it; empty: none yet."""
    addresses: tuple[str, ...]
    """status.addresses, IP literals."""
    observed_generation: int
    relays_desired: int
    relays_available: int
    calls: int
    key_epoch: int | None
    conditions: Conditions

    @classmethod
    def read(cls, document: Document) -> Self:
        spec, status = document.section("spec"), document.section("status")
        exposure, relays = spec.section("exposure"), status.section("relays")
        return cls(
            name=Name.read(document),
            generation=document.section("metadata").count("generation"),
            exposure=exposure.text("type"),
            port=exposure.count("port"),
            public_addresses=tuple(address.text("ip") for address in spec.sections("publicAddresses")),
            signaling_tls="tlsSecretRef" in spec.section("signaling"),
            publish_lead_s=spec.section("keys").integer("publishLeadSeconds"),
            endpoint=status.text("endpoint"),
            addresses=tuple(address.text("ip") for address in status.sections("addresses")),
            observed_generation=status.count("observedGeneration"),
            relays_desired=relays.count("desired"),
            relays_available=relays.count("available"),
            calls=status.count("calls"),
            key_epoch=status.integer("keyEpoch"),
            conditions=Conditions.read(status),
        )


@dataclass(frozen=True)
class TransceiverPool:
    name: Name
    generation: int
    relay: str
    """Name of its VoiceRelay, in its namespace."""
    scaling_mode: str
    backend: str
    """The backend's URL, or the type of one without."""
    observed_generation: int
    desired: int
    replicas: int
    available: int
    draining: int
    calls: int
    capacity: int
    free: int
    conditions: Conditions

    @classmethod
    def read(cls, document: Document) -> Self:
        spec, status = document.section("spec"), document.section("status")
        backend = spec.section("backend")
        return cls(
            name=Name.read(document),
            generation=document.section("metadata").count("generation"),
            relay=spec.section("relayRef").text("name"),
            scaling_mode=spec.section("scaling").text("mode"),
            backend=backend.section("realtime").text("url") or backend.text("type"),
            observed_generation=status.count("observedGeneration"),
            desired=status.count("desiredReplicas"),
            replicas=status.count("replicas"),
            available=status.count("availableReplicas"),
            draining=status.count("drainingReplicas"),
            calls=status.count("calls"),
            capacity=status.count("capacity"),
            free=status.count("free"),
            conditions=Conditions.read(status),
        )


@dataclass(frozen=True)
class Block:
    first: int
    pod: str
    pool: str
    state: str
    """Reserved, Active, Draining or Lost."""


@dataclass(frozen=True)
class RouteTable:
    name: Name
    relay: str
    shard: int
    shards: int
    generation: int
    relays: tuple[str, ...]
    """Names of relay pods; on shard 0."""
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, document: Document) -> Self:
        spec = document.section("spec")
        return cls(
            name=Name.read(document),
            relay=spec.section("relayRef").text("name"),
            shard=spec.count("shard"),
            shards=spec.count("shards"),
            generation=spec.count("generation"),
            relays=tuple(relay.text("name") for relay in spec.sections("relays")),
            blocks=tuple(
                Block(block.count("first"), block.text("pod"), block.text("pool"), block.text("state"))
                for block in spec.sections("blocks")
            ),
        )
