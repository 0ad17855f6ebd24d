"""The API's wire: request bodies in all their forms to nested parameters, results to XML, JSON, JSONP and PHP.

Called by `responses`. Knows no service; objects are written by their type in the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape

from starlette.datastructures import UploadFile
from starlette.requests import Request

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Record

JSON, XML, PHP, JSONP = 1, 2, 3, 9

_ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: Types that are their own JSON form.
_SCALARS = (str, int, float, bool)
_MAX_FIELD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ResponseProfile:
    """Which properties an answer carries: those named (`includes`) or all but those named."""

    includes: bool
    fields: frozenset[str]


@lru_cache(maxsize=1000)
def _kept(profile: ResponseProfile, type_name: str) -> list[str]:
    """Which of a type's properties a trimmed answer carries. Pure."""
    return [name for name in SCHEMA.properties(type_name) if (name in profile.fields) is profile.includes]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request's parameters, nested, and its file parts by parameter name."""

    parameters: dict[str, Any]
    files: dict[str, UploadFile]


async def read_request(request: Request, path: str) -> Parsed:
    """Read a request; later sources win: body, files, query, path.

    Args:
        request: The request; its body is read whole, files are spooled to disk.
        path: The normalised path.
    """
    parameters: dict[str, Any] = {}
    files: dict[str, UploadFile] = {}
    content_type = request.headers.get("content-type", "")
    if request.method == "POST":
        # With a charset the real server does not recognise JSON and ignores the body.
        if content_type == "application/json":
            _merge(parameters, _json_object(await request.body()))
        elif content_type.startswith("multipart/form-data"):
            form = await request.form(max_files=1000, max_fields=10000, max_part_size=_MAX_FIELD_BYTES)
            for key, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[key] = value
                elif key == "json":
                    _merge(parameters, _json_object(value.encode()))
                else:
                    _put(parameters, key, value)
        elif content_type.startswith("application/x-www-form-urlencoded"):
            for key, value in (await request.form(max_fields=10000)).multi_items():
                _put(parameters, key, str(value))
    for key, value in request.query_params.multi_items():
        _put(parameters, key, value)
    for key, value in _path_pairs(path).items():
        _put(parameters, key, value)
    return Parsed(parameters, files)


def read_response_profile(raw: Any) -> ResponseProfile | None:
    """The response profile among the parameters, if it names fields. Pure."""
    if not isinstance(raw, Mapping) or not raw.get("fields"):
        return None
    fields = frozenset(part.strip() for part in str(raw["fields"]).split(","))
    return ResponseProfile(str(raw.get("type", "1")) != "2", fields)


def resolve_references(value: Any, results: list[Any]) -> Any:
    """Replace `{N:result:path}` anywhere in nested parameters by what request N answered. Pure.

    The greedy match is the real server's: of two references in one text only an unresolvable whole is seen.
    """
    if isinstance(value, Mapping):
        return {key: resolve_references(each, results) for key, each in value.items()}
    if isinstance(value, list):
        return [resolve_references(each, results) for each in value]
    if not isinstance(value, str) or ":result" not in value:
        return value
    found = re.search(r"\{([0-9]+):result:?(.*)?\}", value)
    if found is None or not 1 <= int(found[1]) <= len(results):
        return value
    return value.replace(found[0], _value_at(results[int(found[1]) - 1], found[2].split(":")))


def _value_at(result: Any, path: list[str]) -> str:
    names = [name for name in path if name]
    for at, name in enumerate(names):
        if isinstance(result, Mapping):
            result = result.get(name)
        elif isinstance(result, list) and name == "_all":
            # As the real server puts it, with a comma after the last one too.
            attribute = next(iter(names[at + 1 :]), "")
            found = [each.get(attribute) for each in result if isinstance(each, Mapping)]
            return "".join(f"{value}," for value in found if value is not None)
        elif isinstance(result, list) and name.isdigit() and int(name) < len(result):
            result = result[int(name)]
        else:
            return ""
    if isinstance(result, bool):
        return "1" if result else ""
    return str(result) if isinstance(result, (str, int, float)) else ""


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


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _put(parameters: dict[str, Any], key: str, value: str) -> None:
    """Put a flat parameter into its place; `a:b` and `a[b]` both mean b inside a."""
    *folders, name = re.sub(r"\[([^\]]*)\]", r":\1", key).split(":")
    place = parameters
    for folder in folders:
        inner = place.get(folder)
        if not isinstance(inner, dict):
            inner = place[folder] = {}
        place = inner
    place[name] = value


def _merge(parameters: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if ":" in key:
            # A JSON body may carry flat multirequest keys too.
            *folders, name = key.split(":")
            nested: Any = {name: value}
            for folder in reversed(folders[1:]):
                nested = {folder: nested}
            _merge(parameters, {folders[0]: nested})
        elif isinstance(value, Mapping) and isinstance(parameters.get(key), dict):
            _merge(parameters[key], value)
        else:
            parameters[key] = dict(value) if isinstance(value, Mapping) else value


def _path_pairs(path: str) -> dict[str, str]:
    """The `/key/value` pairs after `/api_v3`, the first of a key wins."""
    parts = [part for part in path.split("/api_v3", 1)[-1].split("/") if part]
    if parts and parts[0] == "index.php":
        parts = parts[1:]
    pairs: dict[str, str] = {}
    for key, value in zip(parts[::2], [*parts[1::2], ""], strict=False):
        pairs.setdefault(key, value)
    return pairs
