"""The CustomResourceDefinitions as they are installed: the one place that says what fields there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

import yaml

from antiphon_crds.overlay import Json

API_GROUP = "antiphon.dev"
API_VERSION = f"{API_GROUP}/v1alpha1"
KINDS = ("VoiceRelay", "TransceiverPool", "RouteTable")

Schema = Mapping[str, Any]
"""A structural schema. It is ours, so its shape is known without a type for each keyword."""


def text(kind: str) -> str:
    """The YAML file of a kind."""
    return files(__package__).joinpath(f"{kind.lower()}.yaml").read_text("utf-8")


@cache
def document(kind: str) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", yaml.safe_load(text(kind)))


def documents() -> tuple[Mapping[str, Json], ...]:
    return tuple(document(kind) for kind in KINDS)


def definition(kind: str) -> Schema:
    """The spec of the CustomResourceDefinition: names, columns, subresources."""
    return cast("Schema", cast("Schema", document(kind))["spec"])


def schema(kind: str) -> Schema:
    """What the API server checks objects of a kind with."""
    return cast("Schema", definition(kind)["versions"][0]["schema"]["openAPIV3Schema"])
