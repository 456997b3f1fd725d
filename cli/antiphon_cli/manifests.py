"""The custom resources as `antiphon up` runs them: YAML in, frozen dataclasses or a list of what is wrong out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import yaml

from antiphon_cli.fields import Fields
from antiphon_cli.ip_literal import is_ip_literal
from antiphon_wire import LONGEST_CALL_S

API_VERSION = "antiphon.dev/v1alpha1"
KINDS = ("VoiceRelay", "TransceiverPool")


class ManifestError(ValueError):
    """The manifests cannot be run; one problem a line, each with its resource and path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class VoiceRelay:
    name: str
    cluster_id: int
    port: int | None
    workers: int | None
    advertised: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    max_flows: int | None
    new_flows_per_prefix: int | None
    flow_idle_s: int | None


@dataclass(frozen=True)
class TransceiverPool:
    name: str
    relay: str
    replicas: int
    models: tuple[str, ...]
    backend_url: str | None
    """None: the pool echoes."""
    connect_timeout_s: int | None
    capacity: int | None
    longest_call_s: int | None
    drain_deadline_s: int | None


@dataclass(frozen=True)
class Manifests:
    relay: VoiceRelay
    pools: tuple[TransceiverPool, ...]
    left_out: tuple[str, ...]
    """What local mode does not do though the manifests ask for it, each with its resource and path."""


@dataclass
class _Reading:
    problems: list[str]
    left_out: list[str]
    relays: list[VoiceRelay]
    pools: list[TransceiverPool]


def parse_manifests(text: str) -> Manifests:
    reading = _Reading([], [], [], [])
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise ManifestError([f"not YAML: {error}"]) from error
    for number, document in enumerate(documents, start=1):
        _read_document(document, number, reading)
    if not reading.problems:
        _check_together(reading)
    if reading.problems:
        raise ManifestError(reading.problems)
    return Manifests(reading.relays[0], tuple(reading.pools), tuple(reading.left_out))


def _read_document(document: object, number: int, reading: _Reading) -> None:
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        reading.problems.append(f"document {number}: has no kind")
        return
    kind, version = document["kind"], document.get("apiVersion")
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        reading.problems.append(f"document {number} ({kind}): metadata.name: Required value")
        return
    resource = f"{kind}/{name}"
    if kind not in KINDS and version == API_VERSION:
        reading.problems.append(f"{resource}: kind: unknown kind '{kind}'; {API_VERSION} has {' and '.join(KINDS)}")
        return
    if kind not in KINDS:
        reading.left_out.append(f"{resource}: for a cluster; local mode runs VoiceRelay and TransceiverPool")
        return
    problems: list[str] = []
    left_out: list[str] = []
    if version != API_VERSION:
        problems.append(f"apiVersion: must be '{API_VERSION}', not '{version}'")
    spec = Fields(document.get("spec", {}), "spec", problems)
    if kind == "VoiceRelay":
        reading.relays.append(_voice_relay(name, spec, left_out))
    else:
        reading.pools.append(_transceiver_pool(name, spec, left_out))
    reading.problems += [f"{resource}: {problem}" for problem in problems]
    reading.left_out += [f"{resource}: {path}" for path in left_out]


def _voice_relay(name: str, spec: Fields, left_out: list[str]) -> VoiceRelay:
    workload, exposure = spec.section("workload"), spec.section("exposure")
    signaling, limits = spec.section("signaling"), spec.section("limits")
    relay = VoiceRelay(
        name=name,
        cluster_id=spec.integer("clusterID", 0, minimum=0, maximum=65535),
        port=_optional(exposure, "port", 65535),
        workers=_optional(workload, "workersPerPod", 256),
        advertised=_advertised(spec),
        allowed_origins=signaling.texts("allowedOrigins"),
        max_flows=_optional(limits, "maxFlowsPerWorker", 1 << 24),
        new_flows_per_prefix=_optional(limits, "newFlowsPerSecondPerPrefix", 1_000_000),
        flow_idle_s=_optional(limits, "flowIdleTimeoutSeconds", 3600),
    )
    left_out += workload.present("kind", "replicas", "kernelPath")
    left_out += exposure.present(
        "type", "externalTrafficPolicy", "healthCheckPort", "annotations", "sourceRanges", "gatewayRef"
    )
    left_out += signaling.present(
        "replicas", "exposure", "host", "apiKeysSecretRef", "clientSecretTTLSeconds", "callsPerMinutePerKey"
    )
    left_out += spec.present("keys", "template")
    left_out += [f"{path}: use --redis URL" for path in spec.present("flowCache")]
    for fields in (workload, exposure, signaling, limits, spec):
        fields.unknown()
    return relay


def _advertised(spec: Fields) -> tuple[str, ...]:
    found = []
    for entry in spec.sections("advertisedAddresses"):
        address = entry.required_text("ip", "203.0.113.7")
        entry.text("region", "")
        if address and not is_ip_literal(address):
            entry.wrong("ip", "must be an IPv4 or IPv6 address such as '203.0.113.7'")
        entry.unknown()
        found.append(address)
    return tuple(found)


def _transceiver_pool(name: str, spec: Fields, left_out: list[str]) -> TransceiverPool:
    session, drain = spec.section("session"), spec.section("drain")
    backend_url, connect_timeout_s = _backend(spec, left_out)
    pool = TransceiverPool(
        name=name,
        relay=_reference(spec, "relayRef"),
        replicas=spec.integer("replicas", 1, minimum=1, maximum=64),
        models=_models(spec),
        backend_url=backend_url,
        connect_timeout_s=connect_timeout_s,
        capacity=_optional(spec, "sessionsPerPod", 10_000),
        longest_call_s=_optional(session, "maxDurationSeconds", LONGEST_CALL_S),
        drain_deadline_s=_optional(drain, "deadlineSeconds", 86_400),
    )
    left_out += spec.present("scaling", "audio", "update", "template")
    left_out += session.present("idleTimeoutSeconds", "endWarningSeconds")
    left_out += drain.present("onDeadline")
    for fields in (session, drain, spec):
        fields.unknown()
    return pool


def _backend(spec: Fields, left_out: list[str]) -> tuple[str | None, int | None]:
    if "backend" not in spec:
        spec.wrong("backend", "Required value: for example {type: Echo}")
        return None, None
    backend = spec.section("backend")
    kind = backend.choice("type", ("Realtime", "Echo"), "Realtime")
    if kind == "Echo":
        if "realtime" in backend:
            backend.wrong("realtime", "may not be specified when `type` is 'Echo'")
        backend.unknown()
        return None, None
    if "realtime" not in backend:
        example = "{url: ws://agent:8080/v1/realtime}"
        backend.wrong("realtime", f"Required value: must be specified when `type` is 'Realtime', for example {example}")
        return None, None
    realtime = backend.section("realtime")
    url = realtime.required_text("url", "ws://agent:8080/v1/realtime")
    if url and not is_websocket_url(url):
        realtime.wrong("url", "must start with 'ws://' or 'wss://' and name a host")
    connect_timeout_s = _optional(realtime, "connectTimeoutSeconds", 300)
    left_out += [f"{path}: use --key-env NAME" for path in realtime.present("apiKeySecretRef")]
    realtime.unknown()
    backend.unknown()
    return url, connect_timeout_s


def _reference(spec: Fields, name: str) -> str:
    if name not in spec:
        spec.wrong(name, "Required value: for example {name: edge}")
        return ""
    reference = spec.section(name)
    target = reference.required_text("name", "edge")
    reference.unknown()
    return target


def _models(spec: Fields) -> tuple[str, ...]:
    models = spec.texts("models")
    for index, model in enumerate(models):
        if not model or models.index(model) != index:
            spec.wrong(f"models[{index}]", "must not be empty or named twice")
    return models


def _optional(fields: Fields, name: str, maximum: int) -> int | None:
    return fields.integer(name, 1, minimum=1, maximum=maximum) if name in fields else None


def _check_together(reading: _Reading) -> None:
    if len(reading.relays) != 1:
        reading.problems.append(f"local mode runs exactly one VoiceRelay; this file has {len(reading.relays)}")
        return
    if not reading.pools:
        reading.problems.append("there is no TransceiverPool: nothing could take a call")
    relay = reading.relays[0].name
    seen: dict[str, str] = {}
    for pool in reading.pools:
        at = f"TransceiverPool/{pool.name}"
        if pool.relay != relay:
            reading.problems.append(f"{at}: spec.relayRef.name: there is no VoiceRelay '{pool.relay}' in this file")
        for model in pool.models:
            if model in seen:
                reading.problems.append(f"{at}: spec.models: '{model}' is served by pool {seen[model]} already")
            seen[model] = pool.name
    if len({pool.name for pool in reading.pools}) != len(reading.pools):
        reading.problems.append("two TransceiverPools have the same name")


def is_websocket_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("ws", "wss") and bool(parts.hostname)
