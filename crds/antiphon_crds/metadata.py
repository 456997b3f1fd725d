"""What a resource is called, and how it points at another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metadata:
    name: str
    namespace: str = "default"
    uid: str = ""
    """Empty where the resource comes from a file."""
    generation: int = 0
    created_at: float = 0.0
    """Unix seconds."""
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SecretKeyRef:
    """One key of a Secret in the resource's own namespace."""

    name: str
    key: str
