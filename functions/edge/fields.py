"""Describe the fields of requests and answers, and read a request by its description.

A request is a frozen dataclass beside its callable. What a field must be is in its type: `Annotated[str, Text(…)]`,
`int` or `bool`, with `| None = None` if it may be left out. The same types are exported to `schema/`
by pydantic, which is never imported in the cloud: it calls the methods that begin with `__get_pydantic_`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, cast, dataclass_transform, get_args, get_origin, get_type_hints

from shared.core import paths
from shared.core.errors import BadRequest

C = TypeVar("C")
F = TypeVar("F")

_declared: Final = dataclass(frozen=True, kw_only=True, repr=False, eq=False, match_args=False)


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=False)
def message(form: type[C]) -> type[C]:
    """
    Declare a request or an answer: a frozen dataclass. It compares nothing and shows nothing: a class that generates
    less code is declared faster in a cold start, and an answer may hold secrets.

    In an answer, a field with a default is left out if it is `None`. A field without a default is always sent.
    """
    return _declared(form)


@dataclass(frozen=True, slots=True)
class Text:
    """
    A string of a certain form.

    Attributes:
        pattern: Must match the whole text.
        form: The form in words, after "must be".
    """

    pattern: re.Pattern[str]
    form: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        pattern = self.pattern.pattern.encode("ascii", "backslashreplace").decode()
        return {**handler(source), "pattern": f"^(?:{pattern})$"}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(schema), "description": self.form}


@dataclass(frozen=True, slots=True)
class Range:
    """
    The least and the most of a number. Not checked in requests: limits of use cases have errors of their own.
    """

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(source), "ge": self.least, "le": self.most}


@dataclass(frozen=True, slots=True)
class Doc:
    """
    A sentence about a field, for docs/api.md and for clients.
    """

    text: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(schema), "description": self.text}


SESSION_ID: Final = Text(paths.SESSION_ID, "a string of 1 to 64 letters, digits or hyphens")
VIDEO_ID: Final = Text(paths.VIDEO_ID, "a string of 20 hexadecimal digits")
HOST: Final = Text(paths.HOST_NAME, "a string of 1 to 20 small letters or digits that begins with a letter")

DELETION_ID: Final = Text(
    re.compile(r"(?!\.{1,2}$)(?!__)[A-Za-z0-9:._-]{1,200}"),
    "a string of 1 to 200 letters, digits, colons, dots, hyphens or underscores that can be a document's id",
)
UID: Final = Text(paths.UID, "a string of 1 to 128 characters without slashes")

EXPORT_PLACE: Final = Text(
    re.compile(r"[A-Za-z]{1,40}/[^/\ud800-\udfff]{0,1500}"), "a string that an earlier page of the export gave"
)
"""The position at which a page of an export begins: a section, and the id of a document."""

REQUEST_ID: Final = Text(
    re.compile(r"[A-Za-z0-9._-]{1,64}"), "a string of 1 to 64 letters, digits, dots, hyphens or underscores"
)
NAME: Final = Text(
    re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]{1,1000}"),
    "a string of 1 to 1,000 characters in one line, without control characters",
)
"""Any text of one line, tabs included. Which names are valid is left to `videos/policy.py`."""

SessionId = Annotated[str, SESSION_ID]
VideoId = Annotated[str, VIDEO_ID]
ErasureId = Annotated[str, VIDEO_ID]
DeletionId = Annotated[str, DELETION_ID]
Uid = Annotated[str, UID]
"""The id of a user of Firebase Auth."""

HostName = Annotated[str, HOST]
ProviderName = Annotated[str, Doc("`kaltura`, `cloudflare`")]
RequestId = Annotated[str, REQUEST_ID]
Name = Annotated[str, NAME]
ExportPlace = Annotated[str, EXPORT_PLACE]

Kind = Text | type[int] | type[bool]

_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
"""A field name that may be repeated to the caller, and in the log."""

_INT64: Final = range(-(2**63), 2**63)
"""The whole numbers that Firestore can store."""

_WRAPPERS: Final = (
    "type.googleapis.com/google.protobuf.Int64Value",
    "type.googleapis.com/google.protobuf.UInt64Value",
)
"""
The types in which Firebase's SDKs wrap a whole number that may be too large for JavaScript. Android's SDK wraps each
Long and iOS's each long long, and so Flutter's does on both. The web SDK wraps none, and the SDK for Python unwraps
none. Source: firebase-android-sdk, firebase-functions/…/Serializer; firebase-ios-sdk,
FirebaseFunctions/Sources/Internal/FunctionsSerializer.swift.
"""

_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")
_EXACT: Final = 2**53
"""Up to this limit a float stands for exactly one whole number."""


def read(data: object, form: type[F]) -> F:
    """
    Return a request, its fields all of the right type and none unknown. Absent optional fields are `None`. Pure.

    Args:
        data: The data as it was received.
        form: The class of the request.

    Raises:
        BadRequest: A field is missing, unknown or of another type (never).
    """
    if not isinstance(data, dict):
        raise BadRequest("Send an object with named fields under data.", reason="DATA_NOT_AN_OBJECT")
    kinds = kinds_of(cast(Any, form))
    if not data.keys() <= kinds.keys():
        raise BadRequest(
            f"These fields are not known here: {_names(data.keys() - kinds.keys())}.", reason="FIELD_UNKNOWN"
        )
    return form(**{name: _field(name, data.get(name), kind, must=must) for name, (kind, must) in kinds.items()})


@cache
def kinds_of(form: type[Any]) -> Mapping[str, tuple[Kind, bool]]:
    """
    Return the kind of each field of a request, and whether it is required.

    Raises:
        TypeError: A field has a type that no request can have (never).
    """
    hints = get_type_hints(form, include_extras=True)
    return {one.name: (_kind(one.name, hints[one.name]), one.default is MISSING) for one in fields(form)}


def _kind(name: str, hint: Any) -> Kind:
    found = [one for one in get_args(hint) if one is not NoneType]
    if get_origin(hint) is not Annotated and len(found) == 1:
        # The type of an optional field: `hint | None`.
        return _kind(name, found[0])
    kind = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Text)), None)
    plain = getattr(hint, "__origin__", hint)
    if kind is None and plain is int:
        return int
    if kind is None and plain is bool:
        return bool
    if kind is None or plain is not str:
        raise TypeError(f"The field {name} of a request must be a whole number, a bool or a string with a form.")
    return kind


def _names(unknown: set[object]) -> str:
    """
    List some of the unknown field names, as far as they may be repeated.
    """
    shown = sorted(name for name in unknown if isinstance(name, str) and _FIELD_NAME.fullmatch(name))[:5]
    return ", ".join([*shown, f"{len(unknown) - len(shown)} more"] if len(shown) < len(unknown) else shown)


def _field(name: str, value: object, kind: Kind, *, must: bool) -> str | int | bool | None:
    if value is None:
        if must:
            raise BadRequest(f"The field {name} is missing.", reason="FIELD_MISSING")
        return None
    if isinstance(kind, Text):
        if isinstance(value, str) and kind.pattern.fullmatch(value):
            return value
        raise BadRequest(f"The field {name} must be {kind.form}.", reason="FIELD_INVALID")
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise BadRequest(f"The field {name} must be true or false.", reason="FIELD_INVALID")
    number = _whole_number(value)
    if number is None:
        raise BadRequest(f"The field {name} must be a whole number of at most 64 bits.", reason="FIELD_INVALID")
    return number


def _whole_number(value: object) -> int | None:
    """
    Return the whole number that an SDK has sent, `None` if it is not one.
    """
    if isinstance(value, dict):
        digits = value.get("value")
        is_wrapped = value.keys() == {"@type", "value"} and value["@type"] in _WRAPPERS
        if not is_wrapped or not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
            return None
        is_unsigned = value["@type"] == _WRAPPERS[1]
        return None if is_unsigned and digits.startswith("-") else _within(int(digits))
    if isinstance(value, float):
        return int(value) if abs(value) <= _EXACT and value.is_integer() else None
    return _within(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _within(number: int) -> int | None:
    return number if number in _INT64 else None
