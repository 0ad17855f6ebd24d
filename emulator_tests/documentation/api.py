"""The tables of docs/api.md: documents, callables and budgets, from the schema.

Called by `pages.py`. What is not in a type is written by hand around them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from emulator_tests.documentation.schema import callables, documents
from functions.edge.answers import error_codes
from schema.callables import COMMON, DESCRIBED
from schema.documents import DOCUMENTS, STATES
from shared.limits.call_budgets import TABLE

WIDTH: Final = 118

FOR_ADMINISTRATORS: Final = (
    "kalturaSession/{sessionId}",
    "copies/{videoId}-{host}",
    "hosts/{host}",
    "archive/{entryId}",
    "pendingDeletions/{deletionId}",
    "reports/orphans",
    "reports/archive",
    "reports/archiveSavings",
)
"""The documents that share one section of the page."""

Schema = Mapping[str, Any]


def blocks() -> Mapping[str, str]:
    """
    Return each generated part of the page, by the name of its marks. A class is shown where the page first needs it.
    """
    shown: dict[str, str] = {}
    told: dict[str, str] = {}
    defs = documents()["$defs"]
    for path, form in DOCUMENTS.items():
        if path not in FOR_ADMINISTRATORS:
            told[path] = "\n\n".join(_tables(form.__name__, defs, shown, path, "or absent"))
    told["states of a video"] = _states()
    told["documents for administrators"] = "\n\n".join(
        text
        for path in FOR_ADMINISTRATORS
        for text in (f"#### {path}", *_tables(DOCUMENTS[path].__name__, defs, shown, path, "or absent"))
    )
    told["budgets"] = _budgets()
    for name in DESCRIBED:
        told[name] = "\n\n".join(_callable(name, shown))
    told["codes of all and of none"] = _other_codes()
    return {name: f"{text}\n" for name, text in told.items()}


def _callable(name: str, shown: dict[str, str]) -> Iterator[str]:
    schema = callables()
    told, defs = schema["properties"][name], schema["$defs"]
    request, answer = (told["properties"][part]["$ref"].rpartition("/")[2] for part in ("request", "answer"))
    yield from _tables(request, defs, {}, name, "optional", heading="request")
    if answer in shown:
        yield f"The answer is that of [`{shown[answer]}`](#{shown[answer].lower()})."
    else:
        yield from _tables(answer, defs, shown, name, "or absent", heading="answer")
    errors = ", ".join(f"`{code}`" for code in told["errors"])
    yield _filled(f"Errors: {errors}.")
    (example,) = told["examples"]
    for part in ("request", "answer"):
        yield f"```json\n{_json(example[part])}\n```"


def _tables(
    name: str, defs: Schema, shown: dict[str, str], place: str, absent: str, heading: str = "field"
) -> Iterator[str]:
    """
    Return the table of a class, and those of the classes that its fields name and the page has not shown yet.
    """
    shown[name] = place
    definition = defs[name]
    rows = [f"| {heading} | type | |", "|---|---|---|"]
    for field, told in definition["properties"].items():
        is_required = field in definition.get("required", ())
        rows.append(f"| `{field}` | {_type(told, defs)}{'' if is_required else f', {absent}'} | {_about(told, defs)} |")
    yield "\n".join(rows).replace("|  |", "| |")
    for inner in _named(definition["properties"].values()):
        if inner not in shown and "properties" in defs[inner] and inner != "Timestamp":
            first, *rest = _tables(inner, defs, shown, place, absent)
            yield _filled(f"`{inner}`: {defs[inner]['description']}")
            yield first
            yield from rest


def _named(schemas: Iterable[Any]) -> Iterator[str]:
    for schema in schemas:
        if isinstance(schema, Mapping):
            if "$ref" in schema:
                yield schema["$ref"].rpartition("/")[2]
            yield from _named(schema.values())
        elif isinstance(schema, list):
            yield from _named(schema)


def _type(schema: Schema, defs: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "string" if "enum" in defs[name] else name if name == "Timestamp" else f"`{name}`"
    if "anyOf" in schema:
        return " or ".join(_type(one, defs) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'], defs)}"
        case "object":
            inner = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
            return f"map of {_type(inner, defs)}" if isinstance(inner, Mapping) else "map"
        case "string" if schema.get("format") == "date-time":
            return "ISO text"
        case "integer":
            return "whole number"
        case str(kind):
            return kind
        case _:
            return "any"


def _about(schema: Schema, defs: Schema) -> str:
    values = ", ".join(f"`{value}`" for value in _values(schema, defs))
    return "; ".join(filter(None, [values, schema.get("description", "").removeprefix("a string of ")]))


def _values(schema: Schema, defs: Schema) -> Iterator[str]:
    yield from schema.get("enum", ())
    for one in schema.get("anyOf", ()):
        yield from _values(one, defs)
    if "$ref" in schema:
        yield from defs[schema["$ref"].rpartition("/")[2]].get("enum", ())


def _states() -> str:
    rows = ["| state | means | stages |", "|---|---|---|"]
    for state, meaning in STATES.items():
        stages = ", ".join(f"`{stage.value}`" for stage in meaning.stages)
        rows.append(f"| `{state.value}` | {meaning.text} | {stages} |".replace("|  |", "| |"))
    return "\n".join(rows)


def _budgets() -> str:
    rows = ["| kind | callables | at once | then in a minute |", "|---|---|---|---|"]
    told = callables()["properties"]
    for work, row in TABLE.items():
        names = ", ".join(f"`{name}`" for name, one in told.items() if one["budget"]["kind"] == work.value)
        rows.append(f"| {work.value} | {names} | {row.budget.burst} | {row.budget.per_minute} |")
    return "\n".join(rows)


def _other_codes() -> str:
    told = {code for one in DESCRIBED.values() for code in one.errors} | set(COMMON)
    others = [code for code in error_codes() if code not in told]
    return "\n\n".join(
        _filled(f"From {whose}: {', '.join(f'`{code}`' for code in codes)}.")
        for whose, codes in (("every callable", COMMON), ("none", others))
    )


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)


def _json(value: Any, indent: int = 0) -> str:
    """
    Return JSON in as few lines as the width of the page allows.
    """
    text = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or indent + len(text) <= WIDTH - len('"fields": ,'):
        return text
    pad, end = " " * (indent + 2), " " * indent
    if isinstance(value, list):
        items = [f"{pad}{_json(inner, indent + 2)}" for inner in value]
    else:
        items = [f"{pad}{json.dumps(name)}: {_json(inner, indent + 2)}" for name, inner in value.items()]
    return f"{text[0]}\n{f',{chr(10)}'.join(items)}\n{end}{text[-1]}"
