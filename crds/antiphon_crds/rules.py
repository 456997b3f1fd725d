"""The schemas' CEL rules, applied to a value without an API server. Pure.

The part of CEL that our rules use is Python's grammar with other words for and, or, not. So a rule is read by Python's
parser and evaluated here; what is not listed here is refused, and a test reads every rule of every schema.
"""

from __future__ import annotations

import ast
import ipaddress
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from antiphon_crds.documents import Schema
from antiphon_crds.overlay import Json
from antiphon_crds.structure import RULES, below, shown

_LITERAL = re.compile(r"(r?'[^']*')")
_WORDS = ((re.compile(r"&&"), " and "), (re.compile(r"\|\|"), " or "), (re.compile(r"!(?!=)"), " not "))


class RuleError(ValueError):
    """A rule uses what is not implemented here."""


def problems(value: Json, schema: Schema, path: str) -> Iterator[str]:
    """One line for each rule that does not hold of a new object, in the API server's words. Its structure is checked
    before.
    """
    for rule in schema.get(RULES, ()):
        if not is_of_a_transition(rule) and not holds(rule["rule"], value):
            yield _line(rule, value, path)
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield from problems(value[name], child, below(path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(item, schema["items"], f"{path}[{index}]")


def is_of_a_transition(rule: Schema) -> bool:
    """Compares with the object before: says nothing of a new one."""
    return "oldSelf" in rule["rule"] and not rule.get("optionalOldSelf", False)


def holds(rule: str, value: Json) -> bool:
    """Of a new object: oldSelf has no value."""
    return bool(_evaluate(parsed(rule), {"self": value, "oldSelf": None}))


@cache
def parsed(rule: str) -> ast.expr:
    parts = _LITERAL.split(" ".join(rule.split()))
    for index in range(0, len(parts), 2):
        for word, replacement in _WORDS:
            parts[index] = word.sub(replacement, parts[index])
    try:
        return ast.parse("".join(parts).strip(), mode="eval").body
    except SyntaxError as error:
        raise RuleError(f"not understood: {rule}") from error


def _line(rule: Schema, value: Json, path: str) -> str:
    at, message = f"{path}{rule.get('fieldPath', '')}", rule["message"]
    match rule.get("reason"):
        case "FieldValueForbidden":
            said = f"Forbidden: {message}"
        case "FieldValueRequired":
            said = f"Required value: {message}"
        case _ if isinstance(value, dict):
            said = f"Invalid value: {message}"
        case _:
            said = f"Invalid value: {shown(value)}: {message}"
    return f"{at}: {said}" if at else said


def _is_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # The API server takes neither zones nor IPv4 addresses written as IPv6 ones.
    return "%" not in text and getattr(address, "ipv4_mapped", None) is None


def _is_cidr(text: str) -> bool:
    address, _, length = text.partition("/")
    if not _is_ip(address) or not (length.isdecimal() and length.isascii()):
        return False
    return int(length) <= ipaddress.ip_address(address).max_prefixlen and str(int(length)) == length


def _matches(text: str, pattern: str) -> bool:
    # RE2's `$` is the end of the text; Python's also stands before a last newline.
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text, re.ASCII) is not None


def _type(value: object) -> str:
    return {bool: "bool", int: "int", str: "string"}.get(type(value), "other")


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[..., object]] = {"isIP": _is_ip, "isCIDR": _is_cidr, "type": _type}
_METHODS: Mapping[str, Callable[..., object]] = {
    "size": len,
    "matches": _matches,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "hasValue": lambda old: old is not None,
}


def _evaluate(node: ast.expr, scope: Mapping[str, Json]) -> Any:
    match node:
        case ast.BoolOp() | ast.UnaryOp() | ast.Compare():
            return _evaluate_operator(node, scope)
        case ast.Call():
            return _evaluate_call(node, scope)
        case ast.Attribute(value=parent, attr=name):
            return _evaluate(parent, scope)[name]
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id=name) if name in scope:
            return scope[name]
        case ast.Name(id=("int" | "string") as name):
            return name
    raise RuleError(f"not understood: {ast.unparse(node)}")


def _evaluate_operator(node: ast.BoolOp | ast.UnaryOp | ast.Compare, scope: Mapping[str, Json]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_evaluate(part, scope) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_evaluate(part, scope) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _evaluate(operand, scope)
        case ast.Compare(left=left, ops=[comparison], comparators=[right]) if type(comparison) in _COMPARISONS:
            return _COMPARISONS[type(comparison)](_evaluate(left, scope), _evaluate(right, scope))
    raise RuleError(f"not understood: {ast.unparse(node)}")


def _evaluate_call(node: ast.Call, scope: Mapping[str, Json]) -> Any:
    arguments = (_evaluate(argument, scope) for argument in node.args)
    match node:
        # Of a map it is the keys.
        case ast.Call(func=ast.Attribute(value=parent, attr="all"), args=[ast.Name(id=name), condition]):
            return all(_evaluate(condition, {**scope, name: item}) for item in _evaluate(parent, scope))
        case ast.Call(func=ast.Name(id="has"), args=[ast.Attribute(value=parent, attr=name)]):
            return name in _evaluate(parent, scope)
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*arguments)
        case ast.Call(func=ast.Attribute(value=parent, attr=name)) if name in _METHODS:
            return _METHODS[name](_evaluate(parent, scope), *arguments)
    raise RuleError(f"not understood: {ast.unparse(node)}")
