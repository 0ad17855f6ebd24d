"""The formats of an answer: XML, JSON, JSONP and PHP.

Called by `responses/dispatch.py` for answers and by `notifications` for what it sends. Objects are written by their
type in the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Record

JSON, XML, PHP, JSONP = 1, 2, 3, 9

_ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: Types that are their own JSON form.
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class ResponseProfile:
    """The properties of an answer: those named (`includes`), or all but those named."""

    includes: bool
    fields: frozenset[str]


@lru_cache(maxsize=1000)
def _kept(profile: ResponseProfile, type_name: str) -> list[str]:
    """Return the properties of a type that a response profile keeps. Pure."""
    return [name for name in SCHEMA.properties(type_name) if (name in profile.fields) is profile.includes]


def read_response_profile(raw: Any) -> ResponseProfile | None:
    """The response profile among the parameters, if it names fields. Pure."""
    if not isinstance(raw, Mapping) or not raw.get("fields"):
        return None
    fields = frozenset(part.strip() for part in str(raw["fields"]).split(","))
    return ResponseProfile(str(raw.get("type", "1")) != "2", fields)


def write(
    result: Any,
    response_format: int,
    *,
    seconds: float,
    callback: str = "callback",
    ignore_null: bool = False,
    profile: ResponseProfile | None = None,
) -> tuple[str, str]:
    """Write a result, an `ApiError`, or a multirequest's list of both.

    Returns:
        The body and its content type.

    Raises:
        ApiError: UNKNOWN_RESPONSE_FORMAT.
    """
    if response_format == XML:
        out: list[str] = ['<?xml version="1.0" encoding="utf-8"?><xml><result>']
        _Xml(out, ignore_null).value(result, profile)
        out.append(f"</result><executionTime>{seconds:.6f}</executionTime></xml>")
        return "".join(out), "text/xml; charset=utf-8"
    if response_format == JSON:
        return json.dumps(plain(result, profile)), "application/json; charset=utf-8"
    if response_format == JSONP:
        return f"{callback}({json.dumps(plain(result, profile))});", "application/javascript; charset=utf-8"
    if response_format == PHP:
        return _php(plain(result, profile)), "text/html; charset=utf-8"
    raise ApiError("UNKNOWN_RESPONSE_FORMAT", response_format)


def plain(value: Any, profile: ResponseProfile | None = None) -> Any:
    """The JSON form of a result: nulls dropped, internal properties left out. Pure."""
    if isinstance(value, ApiError):
        return {
            "code": value.code,
            "message": value.message,
            "objectType": "KalturaAPIException",
            "args": value.arguments or [],
        }
    if isinstance(value, list):
        return [plain(each, profile) for each in value]
    if not isinstance(value, dict):
        return value
    name = value.get("objectType", "")
    if name not in SCHEMA.types:
        return {key: plain(each, profile) for key, each in value.items() if each is not None}
    names = SCHEMA.properties(name)
    kept = {"objectType": name}
    for key in names if profile is None else _kept(profile, name):
        each = value.get(key)
        if each is not None:
            kept[key] = each if type(each) in _SCALARS else plain(each)
    return kept


class _Xml:
    """Writes results as XML into a list of pieces."""

    def __init__(self, out: list[str], ignore_null: bool) -> None:
        self._out = out
        self._ignore_null = ignore_null

    def value(self, value: Any, profile: ResponseProfile | None) -> None:
        """Write a value; the profile trims the outermost objects of a known type in it."""
        if value is None:
            return
        if isinstance(value, bool):
            self._out.append("1" if value else "0")
        elif isinstance(value, (int, float)):
            self._out.append(_number(value))
        elif isinstance(value, str):
            self._out.append(_text(value))
        elif isinstance(value, ApiError):
            self._error(value)
        elif isinstance(value, list):
            for each in value:
                self._out.append("<item>")
                self.value(each, profile)
                self._out.append("</item>")
        elif "objectType" in value:
            self._object(value, profile)
        else:
            for key, each in value.items():
                self._out.append(f"<item><itemKey>{_text(str(key))}</itemKey>")
                self.value(each, profile)
                self._out.append("</item>")

    def _object(self, record: Record, profile: ResponseProfile | None) -> None:
        name = record["objectType"]
        self._out.append(f"<objectType>{name}</objectType>")
        if name not in SCHEMA.types:
            self._properties(record, [key for key in record if key != "objectType"], profile)
        elif profile is None:
            self._properties(record, SCHEMA.properties(name), None)
        else:
            self._properties(record, _kept(profile, name), None)

    def _properties(self, record: Record, names: Iterable[str], profile: ResponseProfile | None) -> None:
        for key in names:
            each = record.get(key)
            if each is not None or not self._ignore_null:
                self._out.append(f"<{key}>")
                self.value(each, profile)
                self._out.append(f"</{key}>")

    def _error(self, error: ApiError) -> None:
        arguments = "".join(
            "<item><objectType>KalturaApiExceptionArg</objectType>"
            f"<name>{name}</name><value>{_text(value)}</value></item>"
            for name, value in error.arguments.items()
        )
        self._out.append(
            f"<error><code>{error.code}</code><message>{_text(error.message)}</message>"
            f"<objectType>KalturaAPIException</objectType><args>{arguments}</args></error>"
        )


def _text(text: str) -> str:
    return escape(_ILLEGAL_IN_XML.sub("", text))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _php(value: Any) -> str:
    if value is None:
        return "N;"
    if isinstance(value, bool):
        return f"b:{int(value)};"
    if isinstance(value, int):
        return f"i:{value};"
    if isinstance(value, float):
        return f"d:{value!r};"
    if isinstance(value, str):
        return f's:{len(value.encode())}:"{value}";'
    pairs = list(enumerate(value)) if isinstance(value, list) else list(value.items())
    body = "".join(_php(key) + _php(each) for key, each in pairs)
    return f"a:{len(pairs)}:{{{body}}}"
