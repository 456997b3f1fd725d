"""Rules in the part of CEL that the schemas use."""

import pytest

from antiphon_crds.documents import KINDS, schema
from antiphon_crds.overlay import Json
from antiphon_crds.rules import RuleError, holds, parsed
from custom_resources import rules_of


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("self == 1", 1, True),
        ("self != 1", 1, False),
        ("self < 2 && self >= 1", 1, True),
        ("self > 2 || self <= 0", 1, False),
        ("!(self > 2) && self != 3", 1, True),
        ("has(self.a)", {"a": 0}, True),
        ("!has(self.b)", {"a": 0}, True),
        ("!has(self.a.b) || self.a.b == 'x || !y && z'", {"a": {"b": "x || !y && z"}}, True),
        ("self.size() <= 2", "abc", False),
        ("self.matches('^a+$')", "aa\n", False),
        (r"self.matches(r'^\S+$')", "a b", False),
        ("self.matches('b')", "abc", True),
        ("self.endsWith('-relay')", "edge-relay", True),
        ("type(self) == int", 5, True),
        ("type(self) == string", "5", True),
        ("type(self) == int", True, False),
        ("oldSelf.hasValue() && oldSelf.value().a == self.a", {"a": 1}, False),
        ("isIP(self)", "203.0.113.7", True),
        ("isIP(self)", "2001:db8::7", True),
        ("isIP(self)", "203.0.113.07", False),
        ("isIP(self)", "fe80::1%eth0", False),
        ("isIP(self)", "::ffff:203.0.113.7", False),
        ("isCIDR(self)", "198.51.100.0/24", True),
        ("isCIDR(self)", "198.51.100.7/24", True),
        ("isCIDR(self)", "198.51.100.0/33", False),
        ("isCIDR(self)", "198.51.100.0/255.255.255.0", False),
        ("isCIDR(self)", "2001:db8::/032", False),
        ("isCIDR(self)", "/8", False),
    ],
)
def test_a_rule_holds_or_not(rule: str, value: Json, *, expected: bool) -> None:
    assert holds(rule, value) is expected


@pytest.mark.parametrize(
    "rule",
    ["self.exists(x, x > 1)", "self + 1 == 2", "lambda: 1", "self ?", "1 < self < 3", "__import__('os')", "other"],
)
def test_what_is_not_of_that_part_is_refused(rule: str) -> None:
    with pytest.raises(RuleError):
        holds(rule, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_of_the_schemas_is_understood(kind: str) -> None:
    rules = list(rules_of(schema(kind)))
    assert rules
    for rule in rules:
        parsed(rule["rule"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_says_what_is_wrong(kind: str) -> None:
    for rule in rules_of(schema(kind)):
        assert rule["message"].strip() == rule["message"] != ""
