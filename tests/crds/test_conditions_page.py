"""docs/reference/conditions.md lists the reasons that the operator gives, all of them and no others."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from antiphon_operator.pods_reason import PodsReason
from antiphon_operator.pool import reason as pool
from antiphon_operator.pool.autoscaler import Limit
from antiphon_operator.relay import reason as relay

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "conditions.md").read_text()

REASONS: dict[str, tuple[type[StrEnum], ...]] = {
    "VoiceRelay": (
        relay.AddressReason,
        relay.ResolvedReason,
        PodsReason,
        relay.KeysReason,
        relay.RoutesReason,
        relay.ProgressReason,
    ),
    "TransceiverPool": (
        PodsReason,
        pool.RoutesReason,
        pool.BackendReason,
        pool.CapacityReason,
        Limit,
        pool.UpdatedReason,
        pool.DrainingReason,
    ),
}


def tables(kind: str) -> list[list[str]]:
    """Of one kind's section: the reasons of each table."""
    section = PAGE.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    return [re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) for table in section.split("\n### ")[1:]]


@pytest.mark.parametrize("kind", REASONS)
def test_each_table_has_the_reasons_of_its_condition(kind: str) -> None:
    assert [sorted(table) for table in tables(kind)] == [
        sorted(reason.value for reason in reasons) for reasons in REASONS[kind]
    ]
