"""The custom resources as `antiphon up` runs them: YAML in, typed resources or a list of what is wrong out. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from antiphon_crds.documents import API_VERSION
from antiphon_crds.overlay import Json
from antiphon_crds.resource import ResourceError
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay

KINDS = ("VoiceRelay", "TransceiverPool")
MOST_REPLICAS = 64
"""Processes of one pool."""

LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "VoiceRelay": {
        "spec.workload.kind": "",
        "spec.workload.replicas": "",
        "spec.exposure.type": "",
        "spec.exposure.externalTrafficPolicy": "",
        "spec.exposure.loadBalancerClass": "",
        "spec.exposure.annotations": "",
        "spec.exposure.sourceRanges": "",
        "spec.signaling.replicas": "",
        "spec.signaling.exposure": "",
        "spec.signaling.port": "use --http-port",
        "spec.signaling.annotations": "",
        "spec.signaling.tlsSecretRef": "use --lan",
        "spec.signaling.template": "",
        "spec.keys": "",
        "spec.flowCache": "use --redis URL",
        "spec.template": "",
    },
    "TransceiverPool": {
        "spec.scaling": "",
        "spec.backend.realtime.apiKeySecretRef": "use --key-env NAME",
        "spec.update": "",
        "spec.template": "",
    },
}
"""What local mode cannot honour: paths, and what to do instead where there is something."""


class ManifestError(ValueError):
    """The manifests cannot be run; one problem a line, each with its resource and path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Manifests:
    relay: VoiceRelay
    pools: tuple[TransceiverPool, ...]
    left_out: tuple[str, ...] = ()
    """What local mode does not do though the manifests ask for it, each with its resource and path."""
    with_drain_deadline: frozenset[str] = frozenset()
    """Names of the pools whose manifest gives a drain deadline: the default is for clusters, not for Ctrl-C."""


@dataclass
class _Reading:
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    relays: list[VoiceRelay] = field(default_factory=list)
    pools: list[TransceiverPool] = field(default_factory=list)
    with_drain_deadline: set[str] = field(default_factory=set)


def parse_manifests(text: str) -> Manifests:
    reading = _Reading()
    for number, document in enumerate(_documents(text), start=1):
        _read_document(document, number, reading)
    if not reading.problems:
        reading.problems += _problems_together(reading.relays, reading.pools)
    if reading.problems:
        raise ManifestError(reading.problems)
    pools, deadlines = tuple(reading.pools), frozenset(reading.with_drain_deadline)
    return Manifests(reading.relays[0], pools, tuple(reading.left_out), deadlines)


def _documents(text: str) -> list[Json]:
    try:
        found = [document for document in yaml.safe_load_all(text) if document is not None]
        # As kubectl reads it: YAML's dates and number keys are strings of JSON.
        return [json.loads(json.dumps(document, default=str)) for document in found]
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise ManifestError([f"not YAML: {error}"]) from error


def _read_document(document: Json, number: int, reading: _Reading) -> None:
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        reading.problems.append(f"document {number}: has no kind")
        return
    kind, version = document["kind"], document.get("apiVersion")
    name = _at(document, "metadata.name")
    if not isinstance(name, str) or not name:
        reading.problems.append(f"document {number} ({kind}): metadata.name: Required value")
    elif kind in KINDS:
        _read_resource(f"{kind}/{name}", document, reading)
    elif version == API_VERSION:
        known = " and ".join(KINDS)
        reading.problems.append(f"{kind}/{name}: kind: unknown kind '{kind}'; {API_VERSION} has {known}")
    else:
        reading.left_out.append(f"{kind}/{name}: for a cluster; local mode runs VoiceRelay and TransceiverPool")


def _read_resource(resource: str, document: dict[str, Json], reading: _Reading) -> None:
    kind = str(document["kind"])
    try:
        if kind == "VoiceRelay":
            reading.relays.append(VoiceRelay.parse(document))
        else:
            pool = TransceiverPool.parse(document)
            reading.pools.append(pool)
            if _at(document, "spec.drain.deadlineSeconds") is not None:
                reading.with_drain_deadline.add(pool.metadata.name)
    except ResourceError as error:
        reading.problems += [f"{resource}: {problem}" for problem in error.problems]
        return
    for path, instead in LEFT_OUT[kind].items():
        if _at(document, path) is not None:
            reading.left_out.append(f"{resource}: {path}: {instead}" if instead else f"{resource}: {path}")


def _at(document: Json, path: str) -> Json:
    """What the file itself says there; None: nothing."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _problems_together(relays: list[VoiceRelay], pools: list[TransceiverPool]) -> Iterable[str]:
    if len(relays) != 1:
        yield f"local mode runs exactly one VoiceRelay; this file has {len(relays)}"
        return
    if not pools:
        yield "there is no TransceiverPool: nothing could take a call"
    relay = relays[0].metadata.name
    served_by: dict[str, str] = {}
    for pool in pools:
        at, name = f"TransceiverPool/{pool.metadata.name}", pool.spec.relay_ref
        if not 1 <= pool.spec.replicas <= MOST_REPLICAS:
            yield f"{at}: spec.replicas: local mode runs 1 to {MOST_REPLICAS} processes for a pool"
        if name != relay:
            yield f"{at}: spec.relayRef.name: there is no VoiceRelay '{name}' in this file"
        for model in pool.spec.models:
            if model in served_by:
                yield f"{at}: spec.models: '{model}' is served by pool {served_by[model]} already"
            served_by[model] = pool.metadata.name
    if len({pool.metadata.name for pool in pools}) != len(pools):
        yield "two TransceiverPools have the same name"
