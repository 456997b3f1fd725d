"""Services, network policies and namespaces. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from antiphon_cli.cluster.document import Document
from antiphon_cli.cluster.own_kinds import Name

POD_SECURITY_LABEL = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True)
class Port:
    name: str
    protocol: str
    number: int


@dataclass(frozen=True)
class Service:
    name: Name
    labels: Mapping[str, str]
    type: str
    ports: tuple[Port, ...]
    external_traffic_policy: str
    session_affinity: str
    ips: tuple[str, ...]
    """Of its load balancer."""
    hostnames: tuple[str, ...]

    @classmethod
    def read(cls, document: Document) -> Self:
        spec = document.section("spec")
        ingress = document.section("status").section("loadBalancer").sections("ingress")
        return cls(
            name=Name.read(document),
            labels=document.section("metadata").pairs("labels"),
            type=spec.text("type"),
            ports=tuple(
                Port(port.text("name"), port.text("protocol"), port.count("port")) for port in spec.sections("ports")
            ),
            external_traffic_policy=spec.text("externalTrafficPolicy"),
            session_affinity=spec.text("sessionAffinity"),
            ips=tuple(entry.text("ip") for entry in ingress if "ip" in entry),
            hostnames=tuple(entry.text("hostname") for entry in ingress if "hostname" in entry),
        )


@dataclass(frozen=True)
class NetworkPolicy:
    name: Name
    labels: Mapping[str, str]
    selects_all: bool
    """Every pod of its namespace."""
    denies_ingress: bool
    """It is about ingress and allows none."""

    @classmethod
    def read(cls, document: Document) -> Self:
        spec = document.section("spec")
        selector = spec.section("podSelector")
        return cls(
            name=Name.read(document),
            labels=document.section("metadata").pairs("labels"),
            selects_all=not selector.pairs("matchLabels") and not selector.sections("matchExpressions"),
            denies_ingress="Ingress" in spec.texts("policyTypes") and not spec.sections("ingress"),
        )


@dataclass(frozen=True)
class Namespace:
    name: str
    pod_security: str
    """The enforced Pod Security level; empty: none is named."""

    @classmethod
    def read(cls, document: Document) -> Self:
        metadata = document.section("metadata")
        return cls(metadata.text("name"), metadata.pairs("labels").get(POD_SECURITY_LABEL, ""))
