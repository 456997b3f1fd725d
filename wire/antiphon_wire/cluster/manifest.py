"""A Kubernetes object as JSON, and the few fields of it that every object has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]


class ManifestError(ValueError):
    """What a server sent is no Kubernetes object."""


@dataclass(frozen=True, order=True)
class ObjectKey:
    """What an object of one kind is known by."""

    namespace: str
    """Empty for what belongs to no namespace."""
    name: str


def key_of(manifest: Manifest) -> ObjectKey:
    metadata = metadata_of(manifest)
    name, namespace = metadata.get("name"), metadata.get("namespace", "")
    if not (isinstance(name, str) and name and isinstance(namespace, str)):
        raise ManifestError("an object without a name")
    return ObjectKey(namespace, name)


def version_of(manifest: Manifest) -> int:
    """`resourceVersion`, which grows with every write of the kind (comparable by contract since Kubernetes 1.35)."""
    version = metadata_of(manifest).get("resourceVersion")
    if not (isinstance(version, str) and version.isascii() and version.isdigit()):
        raise ManifestError("an object without a resourceVersion")
    return int(version)


def metadata_of(manifest: Manifest) -> Manifest:
    metadata = manifest.get("metadata") if isinstance(manifest, Mapping) else None
    if not isinstance(metadata, Mapping):
        raise ManifestError("no object with metadata")
    return metadata
