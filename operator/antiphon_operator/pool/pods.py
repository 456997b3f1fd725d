"""The pod of a pool, and what makes it outdated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from antiphon_crds.documents import API_VERSION
from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import BackendType, TransceiverPool
from antiphon_operator.drift import digest
from antiphon_operator.labels import COMPONENT_LABEL, MANAGED_BY_LABEL, OPERATOR, POOL_LABEL, RELAY_LABEL
from antiphon_operator.observed import Fleet, Manifest, TableBlock
from antiphon_operator.pod_overlay import RESTRICTED_CONTAINER, RESTRICTED_POD, overlaid
from antiphon_operator.relay.child import Component
from antiphon_operator.relay.families import Families
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.pod_parts import (
    CONTROL_DIR,
    mount,
    probe,
    secret_volume,
    shared_mounts,
    shared_variables,
    shared_volumes,
    variable,
    variable_of_pod,
)
from antiphon_operator.relay.port import HTTP
from antiphon_operator.transceiver_pod import CONTROL_PORT, HOP_PORT, REVISION_LABEL, ROUTES_ANNOTATION, ROUTES_GATE

SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"
KILL_MARGIN_S: Final = 30
"""From the drain deadline, at which the pod ends its calls and says so, to SIGKILL."""
BACKEND_DIR: Final = "/etc/antiphon/backend"
CONTAINER: Final = "transceiver"


@dataclass(frozen=True)
class PodTemplate:
    """What every new pod of a pool is, but for its block."""

    metadata: dict[str, Json]
    spec: dict[str, Json]
    revision: str

    def pod(self, block: TableBlock) -> Manifest:
        annotations, labels = self.metadata["annotations"], self.metadata["labels"]
        metadata: dict[str, Json] = {
            **self.metadata,
            "name": block.pod,
            "annotations": {**_mapping(annotations), ROUTES_ANNOTATION: str(block.first)},
            "labels": {**_mapping(labels), REVISION_LABEL: self.revision},
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.spec}


def pod_template(fleet: Fleet, pool: TransceiverPool, families: Families) -> PodTemplate:
    template: dict[str, Json] = {
        "metadata": {"labels": labels(pool), "annotations": {SAFE_TO_EVICT: "true"}},
        "spec": _spec(fleet, pool, families),
    }
    merged = overlaid(template, pool.spec.template)
    spec = {**_mapping(merged["spec"]), **_not_to_be_overlaid(pool)}
    described: dict[str, Json] = {**_mapping(merged["metadata"]), "namespace": pool.metadata.namespace}
    revision = digest([described, spec])
    return PodTemplate({**described, "ownerReferences": [owner(pool)]}, spec, revision)


def selector(pool: TransceiverPool) -> dict[str, Json]:
    return {"app.kubernetes.io/name": "antiphon", POOL_LABEL: pool.metadata.name}


def labels(pool: TransceiverPool) -> dict[str, Json]:
    """Of everything that belongs to the pool."""
    return {
        **selector(pool),
        COMPONENT_LABEL: Component.TRANSCEIVER.value,
        "app.kubernetes.io/instance": pool.metadata.name,
        MANAGED_BY_LABEL: OPERATOR,
        RELAY_LABEL: pool.spec.relay_ref,
    }


def child_metadata(pool: TransceiverPool, name: str) -> dict[str, Json]:
    """Of an object that goes with the pool."""
    return {
        "name": name,
        "namespace": pool.metadata.namespace,
        "labels": labels(pool),
        "annotations": {},
        "ownerReferences": [owner(pool)],
    }


def owner(pool: TransceiverPool) -> dict[str, Json]:
    return {
        "apiVersion": API_VERSION,
        "kind": "TransceiverPool",
        "name": pool.metadata.name,
        "uid": pool.metadata.uid,
        "controller": True,
    }


def _spec(fleet: Fleet, pool: TransceiverPool, families: Families) -> dict[str, Json]:
    names = FleetNames(fleet.relay.metadata.name)
    volumes = [*shared_volumes(fleet.relay), secret_volume("control", names.control)]
    mounts = [*shared_mounts(), mount("control", CONTROL_DIR)]
    realtime = pool.spec.backend.realtime
    if realtime is not None and realtime.api_key_secret_ref is not None:
        volume = secret_volume("backend", realtime.api_key_secret_ref.name)
        items: list[Json] = [{"key": realtime.api_key_secret_ref.key, "path": "key"}]
        volumes.append({**volume, "secret": {**_mapping(volume["secret"]), "items": items}})
        mounts.append(mount("backend", BACKEND_DIR))
    spread: dict[str, Json] = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(pool)},
    }
    return {
        "serviceAccountName": names.account,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": dict(RESTRICTED_POD),
        "containers": [_container(fleet, pool, families, mounts)],
        "volumes": volumes,
        "topologySpreadConstraints": [spread],
    }


def _not_to_be_overlaid(pool: TransceiverPool) -> dict[str, Json]:
    return {
        # A container that is started again would own routes without their calls.
        "restartPolicy": "Never",
        "readinessGates": [{"conditionType": ROUTES_GATE}],
        "terminationGracePeriodSeconds": pool.spec.drain.deadline_seconds + KILL_MARGIN_S,
    }


def _container(fleet: Fleet, pool: TransceiverPool, families: Families, mounts: list[Json]) -> dict[str, Json]:
    return {
        "name": CONTAINER,
        "image": fleet.images.transceiver,
        "imagePullPolicy": fleet.images.pull_policy,
        "env": _variables(fleet, pool, families),
        "ports": [
            {"name": "hop", "containerPort": HOP_PORT, "protocol": "UDP"},
            {"name": HTTP, "containerPort": CONTROL_PORT, "protocol": "TCP"},
        ],
        "startupProbe": probe("/livez", period_s=1, failures=120),
        "readinessProbe": probe("/readyz", period_s=1, failures=3),
        # Its end cuts calls, so a minute of silence it takes.
        "livenessProbe": probe("/livez", period_s=10, failures=6),
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
        "securityContext": dict(RESTRICTED_CONTAINER),
        # Where it ends with an error, its last log lines say why in the pod's status.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def _variables(fleet: Fleet, pool: TransceiverPool, families: Families) -> list[Json]:
    spec = pool.spec
    return [
        variable_of_pod("ANTIPHON_POD", "metadata.name"),
        # Kubernetes expands $(NAME) from variables that stand before it.
        variable_of_pod("ANTIPHON_POD_IP", "status.podIP"),
        variable_of_pod("ANTIPHON_ROUTES", f"metadata.annotations['{ROUTES_ANNOTATION}']"),
        variable("ANTIPHON_HOP_ADDRESS", families.of_variable("ANTIPHON_POD_IP", HOP_PORT)),
        variable("ANTIPHON_HTTP_ADDRESS", families.wildcard(CONTROL_PORT)),
        *shared_variables(fleet.relay),
        variable("ANTIPHON_CONTROL_TOKEN_FILE", f"{CONTROL_DIR}/token"),
        variable("ANTIPHON_CAPACITY", spec.sessions_per_pod),
        variable("ANTIPHON_LONGEST_CALL_S", spec.session.max_duration_seconds),
        variable("ANTIPHON_DRAIN_DEADLINE_S", spec.drain.deadline_seconds),
        *_backend(pool),
    ]


def _backend(pool: TransceiverPool) -> list[Json]:
    realtime = pool.spec.backend.realtime
    if pool.spec.backend.type is BackendType.ECHO or realtime is None:
        return [variable("ANTIPHON_BACKEND", "echo")]
    variables: list[Json] = [
        variable("ANTIPHON_BACKEND", "realtime"),
        variable("ANTIPHON_BACKEND_URL", realtime.url),
        variable("ANTIPHON_BACKEND_CONNECT_TIMEOUT_S", realtime.connect_timeout_seconds),
    ]
    if realtime.api_key_secret_ref is not None:
        variables.append(variable("ANTIPHON_BACKEND_KEY_FILE", f"{BACKEND_DIR}/key"))
    return variables


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
