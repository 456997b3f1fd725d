"""What a structural schema says of a value: defaults, types, bounds, unknown fields. Pure.

It covers the keywords that our own schemas use (KEYWORDS; a test holds them to it) and says what the API server says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy

from antiphon_crds.documents import Schema
from antiphon_crds.overlay import Json

PRESERVED = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"
LIST_KEYS = "x-kubernetes-list-map-keys"
RULES = "x-kubernetes-validations"
KEYWORDS = {
    *("type", "format", "description", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "maxItems"),
    *("required", "properties", "additionalProperties", "items"),
    *(PRESERVED, INT_OR_STRING, LIST_TYPE, LIST_KEYS, RULES),
}

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
}
_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def filled(value: Json, schema: Schema) -> Json:
    """As the API server stores it: without nulls, and with the defaults of what is absent."""
    if isinstance(value, list) and "items" in schema:
        return [filled(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    preserved = schema.get(PRESERVED, False)
    present = {name: item for name, item in value.items() if item is not None or (preserved and name not in properties)}
    for name, child in properties.items():
        if "default" in child:
            present.setdefault(name, deepcopy(child["default"]))
    return {name: filled(item, properties.get(name) or others or {}) for name, item in present.items()}


def problems(value: Json, schema: Schema, path: str) -> Iterator[str]:
    """One line each, with its path; none: the value has the schema's structure."""
    if schema.get(INT_OR_STRING):
        if not _is_a(value, "integer") and not _is_a(value, "string"):
            yield _wrong_type(value, "integer,string", path)
        return
    wanted = schema.get("type")
    if wanted is not None and not _is_a(value, wanted):
        yield _wrong_type(value, wanted, path)
    elif isinstance(value, dict):
        yield from _of_object(value, schema, path)
    elif isinstance(value, list):
        yield from _of_list(value, schema, path)
    else:
        yield from _of_scalar(value, schema, path)


def below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def shown(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_a(value: Json, wanted: str) -> bool:
    return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _wrong_type(value: Json, wanted: str, path: str) -> str:
    found = _NAMES.get(type(value), type(value).__name__)
    return f'{path}: Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'


def _of_object(value: dict[str, Json], schema: Schema, path: str) -> Iterator[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{below(path, name)}: Required value"
    for name, item in value.items():
        child = properties.get(name) or others
        if child is not None:
            yield from problems(item, child, below(path, name))
        elif not schema.get(PRESERVED):
            yield f'unknown field "{below(path, name)}"; known there: {", ".join(properties)}'


def _of_list(value: list[Json], schema: Schema, path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: Too many: {len(value)}: must have at most {schema['maxItems']} items"
    for index, item in enumerate(value):
        yield from problems(item, schema["items"], f"{path}[{index}]")
    if schema.get(LIST_TYPE) in ("set", "map"):
        identities = [_identity(item, schema) for item in value]
        for index, identity in enumerate(identities):
            if identity in identities[:index]:
                yield f"{path}[{index}]: Duplicate value: {shown(identity)}"


def _identity(item: Json, schema: Schema) -> Json:
    if not isinstance(item, dict):
        return item
    return {key: item.get(key) for key in schema.get(LIST_KEYS, ())}


def _of_scalar(value: Json, schema: Schema, path: str) -> Iterator[str]:
    at = f"{path}: Invalid value: {shown(value)}: {path} in body should be"
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(shown(choice) for choice in schema["enum"])
        yield f"{path}: Unsupported value: {shown(value)}: supported values: {supported}"
    if isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{at} greater than or equal to {schema['minimum']}"
    if isinstance(value, int) and value > schema.get("maximum", value):
        yield f"{at} less than or equal to {schema['maximum']}"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"{at} at least {schema['minLength']} chars long"
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: Too long: may not be more than {schema['maxLength']} bytes"
