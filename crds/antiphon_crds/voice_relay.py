"""VoiceRelay: the public UDP address, its relays, and signaling. The fields are described in voicerelay.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from antiphon_crds.fields import Fields
from antiphon_crds.metadata import Metadata, SecretKeyRef
from antiphon_crds.overlay import Json, PodOverlay
from antiphon_crds.resource import Resource


class WorkloadKind(StrEnum):
    DEPLOYMENT = "Deployment"
    DAEMON_SET = "DaemonSet"


class ExposureType(StrEnum):
    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    HOST_NETWORK = "HostNetwork"


class TrafficPolicy(StrEnum):
    LOCAL = "Local"
    CLUSTER = "Cluster"


class SignalingExposure(StrEnum):
    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


@dataclass(frozen=True)
class Workload:
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    replicas: int | None = None
    """Only with a Deployment; None: two."""
    workers_per_pod: int | None = None
    """None: one for each CPU of the relay container's limit, else two."""


@dataclass(frozen=True)
class Exposure:
    type: ExposureType = ExposureType.LOAD_BALANCER
    port: int = 3478
    external_traffic_policy: TrafficPolicy = TrafficPolicy.LOCAL
    load_balancer_class: str | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    source_ranges: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublicAddress:
    ip: str
    region: str | None = None


@dataclass(frozen=True)
class Signaling:
    replicas: int = 2
    exposure: SignalingExposure = SignalingExposure.CLUSTER_IP
    port: int = 80
    annotations: tuple[tuple[str, str], ...] = ()
    tls_secret_ref: str | None = None
    """Name of a kubernetes.io/tls Secret."""
    allowed_origins: tuple[str, ...] = ()
    template: PodOverlay = field(default_factory=PodOverlay)


@dataclass(frozen=True)
class Keys:
    rotation_period_seconds: int = 86_400
    publish_lead_seconds: int = 600
    """From a key's publication to its first use: by then every pod has read it."""


@dataclass(frozen=True)
class Limits:
    max_flows_per_worker: int = 65_536
    new_flows_per_second_per_prefix: int = 50
    flow_idle_timeout_seconds: int = 30


@dataclass(frozen=True)
class VoiceRelaySpec:
    cluster_id: int = 0
    workload: Workload = field(default_factory=Workload)
    exposure: Exposure = field(default_factory=Exposure)
    public_addresses: tuple[PublicAddress, ...] = ()
    """Empty: the Service's addresses."""
    signaling: Signaling = field(default_factory=Signaling)
    keys: Keys = field(default_factory=Keys)
    flow_cache: SecretKeyRef | None = None
    """spec.flowCache.redisURLSecretRef; None: no Redis."""
    limits: Limits = field(default_factory=Limits)
    template: PodOverlay = field(default_factory=PodOverlay)


@dataclass(frozen=True)
class VoiceRelay:
    metadata: Metadata
    spec: VoiceRelaySpec

    @classmethod
    def parse(cls, document: Mapping[str, Json], *, stored: bool = False) -> VoiceRelay:
        """As a file has it, or as the API server stored it; raises ResourceError."""
        resource = Resource.parse("VoiceRelay", document, stored=stored)
        spec = resource.spec
        return cls(
            resource.metadata,
            VoiceRelaySpec(
                cluster_id=spec.integer("clusterID"),
                workload=_workload(spec.section("workload")),
                exposure=_exposure(spec.section("exposure")),
                public_addresses=tuple(
                    PublicAddress(address.text("ip"), address.optional_text("region"))
                    for address in spec.sections("publicAddresses")
                ),
                signaling=_signaling(spec.section("signaling")),
                keys=_keys(spec.section("keys")),
                flow_cache=spec.section("flowCache").secret_key("redisURLSecretRef") if "flowCache" in spec else None,
                limits=_limits(spec.section("limits")),
                template=spec.overlay("template"),
            ),
        )


def _workload(fields: Fields) -> Workload:
    return Workload(
        kind=WorkloadKind(fields.text("kind")),
        replicas=fields.optional_integer("replicas"),
        workers_per_pod=fields.optional_integer("workersPerPod"),
    )


def _exposure(fields: Fields) -> Exposure:
    return Exposure(
        type=ExposureType(fields.text("type")),
        port=fields.integer("port"),
        external_traffic_policy=TrafficPolicy(fields.text("externalTrafficPolicy")),
        load_balancer_class=fields.optional_text("loadBalancerClass"),
        annotations=fields.pairs("annotations"),
        source_ranges=fields.texts("sourceRanges"),
    )


def _signaling(fields: Fields) -> Signaling:
    return Signaling(
        replicas=fields.integer("replicas"),
        exposure=SignalingExposure(fields.text("exposure")),
        port=fields.integer("port"),
        annotations=fields.pairs("annotations"),
        tls_secret_ref=fields.section("tlsSecretRef").text("name") if "tlsSecretRef" in fields else None,
        allowed_origins=fields.texts("allowedOrigins"),
        template=fields.overlay("template"),
    )


def _keys(fields: Fields) -> Keys:
    return Keys(
        rotation_period_seconds=fields.integer("rotationPeriodSeconds"),
        publish_lead_seconds=fields.integer("publishLeadSeconds"),
    )


def _limits(fields: Fields) -> Limits:
    return Limits(
        max_flows_per_worker=fields.integer("maxFlowsPerWorker"),
        new_flows_per_second_per_prefix=fields.integer("newFlowsPerSecondPerPrefix"),
        flow_idle_timeout_seconds=fields.integer("flowIdleTimeoutSeconds"),
    )
