"""Pods, what makes them, and where they run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.own_kinds import Name

RELAY_LABEL = "antiphon.dev/relay"
POOL_LABEL = "antiphon.dev/pool"
COMPONENT_LABEL = "app.kubernetes.io/component"
ROUTES_ANNOTATION = "antiphon.dev/routes"
WATCHED_VARIABLE = "ANTIPHON_WATCH_NAMESPACES"
HTTP_PORT = "http"
"""Name of the port where every pod has its health and metrics."""


@dataclass(frozen=True)
class Pod:
    name: Name
    labels: Mapping[str, str]
    phase: str
    ready: bool
    node: str
    http_port: int | None
    routes: int | None
    """First route id of its block."""
    created_at: float
    deadline: float | None
    """When it is killed; None: it is not asked to end."""
    trouble: str | None
    """Why a container waits or the scheduler finds no node: a reason and its message."""
    unschedulable: bool

    @property
    def relay(self) -> str:
        return self.labels.get(RELAY_LABEL, "")

    @property
    def pool(self) -> str:
        return self.labels.get(POOL_LABEL, "")

    @property
    def component(self) -> str:
        return self.labels.get(COMPONENT_LABEL, "")

    @property
    def has_ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @classmethod
    def read(cls, document: Document) -> Self:
        metadata, status = document.section("metadata"), document.section("status")
        scheduled = _condition(status, "PodScheduled")
        unschedulable = scheduled.text("reason") == "Unschedulable"
        return cls(
            name=Name.read(document),
            labels=metadata.pairs("labels"),
            phase=status.text("phase"),
            ready=_condition(status, "Ready").text("status") == "True",
            node=document.section("spec").text("nodeName"),
            http_port=_http_port(document.section("spec")),
            routes=_number(metadata.pairs("annotations").get(ROUTES_ANNOTATION, "")),
            created_at=metadata.moment("creationTimestamp") or 0.0,
            deadline=metadata.moment("deletionTimestamp"),
            trouble=f"Unschedulable: {scheduled.text('message')}" if unschedulable else _waiting(status),
            unschedulable=unschedulable,
        )


@dataclass(frozen=True)
class Workload:
    """A Deployment or a DaemonSet."""

    kind: str
    name: Name
    labels: Mapping[str, str]
    desired: int
    available: int
    failure: str | None
    """Why its pods cannot be created, as its controller says."""

    @property
    def component(self) -> str:
        return self.labels.get(COMPONENT_LABEL, "")

    @classmethod
    def read_deployment(cls, document: Document) -> Self:
        status = document.section("status")
        failing = _condition(status, "ReplicaFailure")
        return cls(
            kind="Deployment",
            name=Name.read(document),
            labels=document.section("metadata").pairs("labels"),
            desired=document.section("spec").count("replicas"),
            available=status.count("availableReplicas"),
            failure=failing.text("message") if failing.text("status") == "True" else None,
        )

    @classmethod
    def read_daemon_set(cls, document: Document) -> Self:
        status = document.section("status")
        return cls(
            kind="DaemonSet",
            name=Name.read(document),
            labels=document.section("metadata").pairs("labels"),
            desired=status.count("desiredNumberScheduled"),
            available=status.count("numberAvailable"),
            failure=None,
        )


def watched_namespaces(deployment: Document) -> tuple[str, ...]:
    """Of an operator's Deployment; empty: all."""
    containers = deployment.section("spec").section("template").section("spec").sections("containers")
    variables = (variable for container in containers for variable in container.sections("env"))
    named = (variable.text("value") for variable in variables if variable.text("name") == WATCHED_VARIABLE)
    return tuple(name.strip() for text in named for name in text.split(",") if name.strip())


@dataclass(frozen=True)
class Node:
    name: str
    ready: bool
    cordoned: bool

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            name=document.section("metadata").text("name"),
            ready=_condition(document.section("status"), "Ready").text("status") == "True",
            cordoned=document.section("spec").flag("unschedulable"),
        )


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    name: Name
    target_kind: str
    target: str
    troubles: tuple[str, ...]
    """Conditions that do not hold: reason and message."""

    @classmethod
    def read(cls, document: Document) -> Self:
        target = document.section("spec").section("scaleTargetRef")
        conditions = document.section("status").sections("conditions")
        return cls(
            name=Name.read(document),
            target_kind=target.text("kind"),
            target=target.text("name"),
            troubles=tuple(
                f"{condition.text('reason')}: {condition.text('message')}"
                for condition in conditions
                if condition.text("type") in ("AbleToScale", "ScalingActive") and condition.text("status") == "False"
            ),
        )


def _condition(status: Document, type_: str) -> Document:
    found = (condition for condition in status.sections("conditions") if condition.text("type") == type_)
    return next(found, Document(None))


def _waiting(status: Document) -> str | None:
    for container in (*status.sections("initContainerStatuses"), *status.sections("containerStatuses")):
        waiting = container.section("state").section("waiting")
        if waiting.text("reason") not in ("", "ContainerCreating", "PodInitializing"):
            return f"{waiting.text('reason')}: {waiting.text('message')}".rstrip(": ")
    return None


def _http_port(spec: Document) -> int | None:
    ports = (port for container in spec.sections("containers") for port in container.sections("ports"))
    return next((port.integer("containerPort") for port in ports if port.text("name") == HTTP_PORT), None)


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None
