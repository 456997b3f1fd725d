"""The reference pages in docs/reference, written from the definitions. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from antiphon_crds.documents import API_VERSION, Schema, definition, schema
from antiphon_crds.structure import INT_OR_STRING, RULES, below

_SIZES = {"maxLength": "at most {} characters", "maxItems": "at most {} items"}


def page(kind: str) -> str:
    whole = schema(kind)
    parts = [
        f"# {kind}",
        f"<!-- Written by scripts/reference from crds/antiphon_crds/{kind.lower()}.yaml. -->",
        whole["description"],
        _names(kind),
        "## Spec",
        _table(whole["properties"]["spec"], "spec"),
    ]
    rules = list(_rules(whole, ""))
    if rules:
        parts += ["## Rules", "Besides wrong types and numbers, these are refused:"]
        parts += ["\n".join(f"- {line}" for line in rules)]
    status = whole["properties"].get("status")
    if status is not None:
        parts += ["## Status", status["description"], _table(status, "status"), _first_status(status)]
    parts += ["## Columns of `kubectl get`", _columns(kind)]
    return "\n\n".join(parts) + "\n"


def _names(kind: str) -> str:
    names = definition(kind)["names"]
    called = ", ".join(f"`{name}`" for name in (names["plural"], names["singular"], *names["shortNames"]))
    also = "".join(f"; `kubectl get {category}` lists it too" for category in names.get("categories", ()))
    scaled = "scale" in definition(kind)["versions"][0].get("subresources", {})
    scale = " Its `scale` subresource is for `kubectl scale`, HPA and KEDA." if scaled else ""
    return f"`{API_VERSION}`, in a namespace. kubectl calls it {called}{also}.{scale}"


def _table(node: Schema, path: str) -> str:
    rows = ["| field | type | default | |", "|---|---|---|---|", *_rows(node, path)]
    return "\n".join(rows)


def _rows(node: Schema, path: str) -> Iterator[str]:
    for name, child in node.get("properties", {}).items():
        at = below(path, name)
        default = "required" if name in node.get("required", ()) else _default(child)
        yield f"| `{at}` | {_type(child)} | {default} | {_cell(child['description'])} |"
        inner = child.get("items", child)
        yield from _rows(inner, f"{at}[]" if "items" in child else at)


def _type(node: Schema) -> str:
    if "enum" in node:
        return ", ".join(f"`{choice}`" for choice in node["enum"])
    if node.get(INT_OR_STRING):
        return "integer or string"
    if "items" in node:
        return f"list of {node['items']['type']}s{_sizes(node)}"
    if "additionalProperties" in node:
        return f"map of {node['additionalProperties']['type']}s"
    if "minimum" in node and "maximum" in node:
        return f"{node['type']}, {node['minimum']} to {node['maximum']}"
    return f"{node['type']}{_sizes(node)}"


def _sizes(node: Schema) -> str:
    return "".join(f", {words.format(node[keyword])}" for keyword, words in _SIZES.items() if keyword in node)


def _default(node: Schema) -> str:
    if "default" not in node or node["default"] in ({}, []):
        return ""
    default = node["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _rules(node: Schema, path: str) -> Iterator[str]:
    for rule in node.get(RULES, ()):
        at = f"{path}{rule.get('fieldPath', '')}".removeprefix(".")
        yield f"`{at}` {rule['message']}." if at else f"{rule['message']}."
    for name, child in node.get("properties", {}).items():
        yield from _rules(child, below(path, name))
        yield from _rules(child.get("items", {}), f"{below(path, name)}[]")


def _first_status(status: Schema) -> str:
    (condition,) = status["default"]["conditions"]
    said = f"`{condition['type']}` is `{condition['status']}` for the reason `{condition['reason']}`"
    return f"Before any operator has seen the resource, {said}:\n\n```text\n{condition['message']}\n```"


def _columns(kind: str) -> str:
    rows = ["| column | shown | |", "|---|---|---|"]
    for column in definition(kind)["versions"][0]["additionalPrinterColumns"]:
        shown = "with `-o wide`" if column.get("priority") else "always"
        rows.append(f"| {column['name'].upper()} | {shown} | {_cell(column.get('description', ''))} |")
    return "\n".join(rows)
