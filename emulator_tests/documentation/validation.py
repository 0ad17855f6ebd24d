"""Validate values against the schema: the part of JSON Schema that it uses, and nothing else.

Called by the tests that compare what the system writes and answers with `schema/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from emulator_tests.testbed.places import ROOT

_TYPES: Final[Mapping[str, Any]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": int | float,
    "null": type(None),
}

_KNOWN: Final = frozenset(
    {
        *("type", "enum", "const", "anyOf", "$ref", "title", "description"),
        *("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "items"),
        *("pattern", "format", "minimum", "maximum"),
    }
)


@cache
def schema_of(file: str) -> Mapping[str, Any]:
    """
    Return a file of `schema/`.
    """
    schema: Mapping[str, Any] = json.loads((ROOT / "schema" / file).read_text())
    return schema


def faults_of_answer(name: str, answer: Any) -> list[str]:
    """
    Return everything in the answer of a callable that its schema does not allow.
    """
    return _faults_of_part(name, "answer", answer)


def faults_of_request(name: str, request: Any) -> list[str]:
    """
    Return everything in the request of a callable that its schema does not allow.
    """
    return _faults_of_part(name, "request", request)


def faults_of_document(path: str, fields: Any) -> list[str]:
    """
    Return everything in a document that the schema of its path, such as `videos/{videoId}`, does not allow.
    """
    schema = schema_of("documents.json")
    return list(faults(as_stored(fields), schema["properties"][path], schema["$defs"]))


def _faults_of_part(name: str, part: str, value: Any) -> list[str]:
    schema = schema_of("callables.json")
    return list(faults(value, schema["properties"][name]["properties"][part], schema["$defs"]))


def as_stored(value: Any) -> Any:
    """
    Return the fields of a document as the schema has them: an instant as seconds and nanoseconds. Pure.
    """
    if isinstance(value, datetime):
        seconds = int(value.timestamp() // 1)
        return {"seconds": seconds, "nanoseconds": value.microsecond * 1000}
    if isinstance(value, Mapping):
        return {name: as_stored(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_stored(inner) for inner in value]
    return value


def faults(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """
    Find everything in a value that the schema does not allow, each with its place. Pure.

    Raises:
        ValueError: The schema has a keyword that is not known here (never).
    """
    unknown = schema.keys() - _KNOWN
    if unknown:
        raise ValueError(f"The schema has keywords that are not checked: {sorted(unknown)}.")
    if "$ref" in schema:
        yield from faults(value, defs[schema["$ref"].rpartition("/")[2]], defs, place)
    if "anyOf" in schema and all(any(faults(value, one, defs)) for one in schema["anyOf"]):
        yield f"{place}: none of the types"
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
        yield f"{place}: not of the type {kind}"
        return
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{place}: not one of the values"
    if isinstance(value, str):
        yield from _faults_of_text(value, schema, place)
    elif isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{place}: out of range"
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from faults(one, schema.get("items", {}), defs, f"{place}[{number}]")
    elif isinstance(value, dict):
        yield from _faults_of_object(value, schema, defs, place)


def _faults_of_text(value: str, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    # In JSON Schema `$` is the end of the text, in Python also a line break before it.
    if "pattern" in schema and not re.search(re.sub(r"\$$", r"\\Z", schema["pattern"]), value):
        yield f"{place}: not of the form"
    if "format" in schema:
        try:
            is_utc = value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            is_utc = False
        if not is_utc:
            yield f"{place}: not an instant in UTC"


def _faults_of_object(
    value: dict[str, Any], schema: Mapping[str, Any], defs: Mapping[str, Any], place: str
) -> Iterator[str]:
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place}.{name}: missing"
    for name, inner in value.items():
        named = next((one for pattern, one in patterns.items() if re.search(pattern, name)), None)
        told = properties.get(name, named if named is not None else schema.get("additionalProperties", not patterns))
        if told is False:
            yield f"{place}.{name}: not known"
        elif told is not True:
            yield from faults(inner, told, defs, f"{place}.{name}")
