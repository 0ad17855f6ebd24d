"""`schema/callables.json` and `schema/documents.json`, from the classes that describe them.

Called by `pages.py`, and by `api.py`, which writes tables of them. pydantic makes JSON Schema of the classes; it is
needed here only, never in the cloud.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, get_type_hints

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

import main
from functions.edge.callables import CALLABLES
from schema.callables import COMMON, DESCRIBED
from schema.documents import DOCUMENTS, OPEN
from shared.limits.call_budgets import TABLE

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_CONFIG: Final = ConfigDict(regex_engine="python-re")

_OPEN: Final = frozenset(form.__name__ for form in OPEN)


class _Plain(GenerateJsonSchema):
    """
    JSON Schema without titles of fields, which a generator of TypeScript would take for types of their own.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def definitions(forms: Iterable[type[Any]], *, is_request: bool) -> dict[str, Any]:
    """
    Return the definition of each class and of all that it names, by its name.

    Args:
        forms: The classes.
        is_request: Whether a client may send null for an optional field. The server leaves such fields out.

    Raises:
        ValueError: Two classes have the same name (never).
    """
    found: dict[str, Any] = {}
    for form in forms:
        # The configuration of a list is that of what is in it.
        whole = TypeAdapter(list[form], config=_CONFIG).json_schema(  # type: ignore[valid-type]
            schema_generator=_Plain, ref_template="#/$defs/{model}"
        )
        for name, definition in whole["$defs"].items():
            add(found, name, _cleaned(definition, is_request=is_request))
    return found


def add(found: dict[str, Any], name: str, definition: Any) -> None:
    """
    Add a definition.

    Raises:
        ValueError: There is another one of this name (never).
    """
    if found.setdefault(name, definition) != definition:
        raise ValueError(f"Two classes of the schema are called {name}. Give each its own name.")


def _cleaned(definition: Mapping[str, Any], *, is_request: bool) -> dict[str, Any]:
    if "properties" not in definition:
        return dict(definition)
    properties = {name: _property(one, is_request=is_request) for name, one in definition["properties"].items()}
    return {**definition, "additionalProperties": definition["title"] in _OPEN, "properties": properties}


def _property(told: Mapping[str, Any], *, is_request: bool) -> dict[str, Any]:
    cleaned = {name: value for name, value in told.items() if name not in ("default", "nullable")}
    if "default" not in told or told.get("nullable"):
        return cleaned
    options = [one for one in cleaned.pop("anyOf", []) if one != {"type": "null"}]
    if not is_request:
        return {**(options[0] if len(options) == 1 else {"anyOf": options}), **cleaned}
    # A description is shown beside the type, wherever the class has it.
    described = next((one.pop("description") for one in options if "description" in one), None)
    return {"anyOf": [*options, {"type": "null"}], **({} if described is None else {"description": described})}


def forms_of(name: str) -> tuple[type[Any], type[Any]]:
    """
    Return the classes of a callable's request and answer.
    """
    # It is imported, and so declared, when it is asked for.
    getattr(main, name)
    declared = CALLABLES[name]
    names = vars(__import__(main.FUNCTIONS[name], fromlist=["_"]))
    return declared.form, get_type_hints(declared.function, names)["return"]


@cache
def callables() -> Mapping[str, Any]:
    """
    Return `callables.json`.
    """
    defs: dict[str, Any] = {}
    properties = {}
    for name, described in DESCRIBED.items():
        request, answer = forms_of(name)
        for form, is_request in ((request, True), (answer, False)):
            for defined, definition in definitions([form], is_request=is_request).items():
                add(defs, defined, definition)
        budget = TABLE[CALLABLES[name].work].budget
        properties[name] = {
            "type": "object",
            "additionalProperties": False,
            "required": ["request", "answer"],
            "properties": {
                "request": {"$ref": f"#/$defs/{request.__name__}"},
                "answer": {"$ref": f"#/$defs/{answer.__name__}"},
            },
            "examples": [{"request": described.request, "answer": described.answer}],
            "errors": list(described.errors),
            "budget": {
                "kind": CALLABLES[name].work.value,
                "atOnce": budget.burst,
                "perMinute": budget.per_minute,
            },
        }
    return {**_whole("Callables", properties, defs), "errors": COMMON}


@cache
def documents() -> Mapping[str, Any]:
    """
    Return `documents.json`.
    """
    defs = definitions(DOCUMENTS.values(), is_request=False)
    return _whole("Documents", {path: {"$ref": f"#/$defs/{form.__name__}"} for path, form in DOCUMENTS.items()}, defs)


def _whole(title: str, properties: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
        "$defs": dict(sorted(defs.items())),
    }


def as_text(schema: Mapping[str, Any]) -> str:
    """
    Return the text of a file.
    """
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
