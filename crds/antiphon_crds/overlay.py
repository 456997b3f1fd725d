"""What a resource adds to the pods that are made for it: a partial PodTemplateSpec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True)
class PodOverlay:
    """Merged over the operator's pod: mappings by key; containers, volumes, variables, mounts and ports by name; other
    lists replaced."""

    template: Mapping[str, Json] = field(default_factory=dict)
