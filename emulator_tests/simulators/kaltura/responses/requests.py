"""Requests of the API: bodies in all their forms, the query and the path, read into nested parameters.

Called by `urls`, and by `dispatch` for the references between the parts of a multirequest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

_MAX_FIELD_BYTES = 16 * 1024 * 1024


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
