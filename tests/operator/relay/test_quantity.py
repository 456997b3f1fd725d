"""Kubernetes quantities."""

from decimal import Decimal

import pytest

from antiphon_operator.quantity import quantity


@pytest.mark.parametrize(
    ("spelt", "number"),
    [
        ("2", "2"),
        (2, "2"),
        (0.5, "0.5"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("500m", "0.5"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1000000000000000000"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1024Mi", "1073741824"),
        ("250n", "0.00000025"),
    ],
)
def test_what_it_means(spelt: object, number: str) -> None:
    assert quantity(spelt) == Decimal(number)


@pytest.mark.parametrize("value", ["", "m", "1 Gi", "1GB", "one", None, True, [], {"cpu": 1}, "1e999"])
def test_what_is_none(value: object) -> None:
    assert quantity(value) is None
