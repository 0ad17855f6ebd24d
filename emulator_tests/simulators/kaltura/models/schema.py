"""The vocabulary of the API: object types, their properties and enumerations, read from the `schema` folder.

Called by `wire` (to write objects), `responses` (to read arguments) and the services (to check what may be set).
Leaves the meaning of every property to the services.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError

Record = dict[str, Any]

#: A time argument whose magnitude is at most this is relative to now (ten years of seconds).
RELATIVE_TIME_LIMIT_S = 315_360_000

_FOLDER = Path(__file__).parents[1] / "schema"
_SCALARS = ("str", "int", "float", "bool", "time")
#: kXml::isXMLValidContent.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Enumeration:
    """The allowed values of one enumeration; `kind` says how they travel, `int` or `str`."""

    name: str
    kind: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a property's value; None for no limit. Lengths are bytes of UTF-8, as PHP counts them."""

    min_bytes: int | None = None
    max_bytes: int | None = None
    cut: int | None = None
    min: int | None = None
    max: int | None = None

    def applied(self, value: Any, name: str) -> Any:
        """A value within its limits, cut where it is one that is cut; KalturaRequestDeserializer::validateParameter.

        Raises:
            ApiError: PROPERTY_VALIDATION_MIN_LENGTH, _MAX_LENGTH, _MIN_VALUE or _MAX_VALUE.
        """
        size = len(to_text(value).encode("utf-8", "surrogatepass"))
        if self.min_bytes is not None and size < self.min_bytes:
            raise ApiError("PROPERTY_VALIDATION_MIN_LENGTH", name, self.min_bytes)
        if self.max_bytes is not None and size > self.max_bytes:
            raise ApiError("PROPERTY_VALIDATION_MAX_LENGTH", name, self.max_bytes)
        if self.min is not None and value < self.min:
            raise ApiError("PROPERTY_VALIDATION_MIN_VALUE", name, self.min)
        if self.max is not None and value > self.max:
            raise ApiError("PROPERTY_VALIDATION_MAX_VALUE", name, self.max)
        return value if self.cut is None or size <= self.cut else cut_bytes(str(value), self.cut)


_NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an object type; `kind` is a scalar kind, `enum`, `object` or `array`, `of` the named type."""

    name: str
    kind: str
    of: str
    read_only: bool
    insert_only: bool
    admin_only: bool
    limits: Limits
    #: What is looked at only when an object is stored, with the type's name in the error.
    own_limits: Limits


@dataclass(frozen=True)
class ObjectType:
    """One object type with the properties it declares itself."""

    name: str
    parent: str
    abstract: bool
    own: tuple[Property, ...]


class Schema:
    """Every known type and enumeration."""

    def __init__(self, types: dict[str, ObjectType], enumerations: dict[str, Enumeration]) -> None:
        self.types = types
        self.enumerations = enumerations
        self._properties: dict[str, dict[str, Property]] = {}

    @cached_property
    def ancestry(self) -> Mapping[str, tuple[str, ...]]:
        """Each type's name with the names of all it derives from, nearest first."""
        chains: dict[str, tuple[str, ...]] = {}
        for name in self.types:
            chain, current = [name], self.types[name].parent
            while current:
                chain.append(current)
                current = self.types[current].parent
            chains[name] = tuple(chain)
        return chains

    def is_a(self, name: str, ancestor: str) -> bool:
        """Return whether type `name` is `ancestor` or derives from it. Pure."""
        return ancestor in self.ancestry.get(name, ())

    def properties(self, name: str) -> dict[str, Property]:
        """All properties of a type by name, inherited ones first. Pure."""
        found = self._properties.get(name)
        if found is None:
            found = {}
            for ancestor in reversed(self.ancestry[name]):
                found.update({each.name: each for each in self.types[ancestor].own})
            self._properties[name] = found
        return found

    def read_object(self, raw: Mapping[str, Any], declared: str, parameter: str, now: int) -> Record:
        """Turn the wire form of an object into a record holding only what was sent.

        Args:
            raw: Nested wire values; strings, numbers, booleans, lists and mappings.
            declared: Type named by the action; `objectType` counts only if it derives from it.
            parameter: Name used in errors.
            now: Unix seconds that relative times count from.

        Raises:
            ApiError: OBJECT_TYPE_ABSTRACT, INVALID_ENUM_VALUE, INVALID_PARAMETER_CHAR or one of
                PROPERTY_VALIDATION_*, never to be repeated unchanged.
        """
        sent = str(raw.get("objectType", ""))
        name = sent if self.is_a(sent, declared) else declared
        if self.types[name].abstract:
            raise ApiError("OBJECT_TYPE_ABSTRACT", name)
        record: Record = {"objectType": name}
        for each in self.properties(name).values():
            if f"{each.name}__null" in raw:
                record[each.name] = None
            elif each.name in raw and raw[each.name] is not None:
                record[each.name] = self._read_value(raw[each.name], each, parameter, now)
        return record

    def read_scalar(self, raw: Any, kind: str, parameter: str, now: int) -> Any:
        """Turn one wire scalar into its value; `kind` is a scalar kind or an enumeration's name.

        Raises:
            ApiError: INVALID_ENUM_VALUE, or INVALID_PARAMETER_CHAR for a character that XML does not allow.
        """
        if kind in self.enumerations:
            return self._read_enumerated(raw, self.enumerations[kind], parameter)
        if kind == "int":
            return to_int(raw)
        if kind == "time":
            return to_instant(to_int(raw), now)
        if kind == "float":
            return to_float(raw)
        if kind == "bool":
            return to_bool(raw)
        text = to_text(raw)
        if _NOT_IN_XML.search(text):
            raise ApiError("INVALID_PARAMETER_CHAR", parameter)
        return text

    def _read_value(self, raw: Any, each: Property, parameter: str, now: int) -> Any:
        if each.kind == "object":
            return self.read_object(raw, each.of, each.name, now) if isinstance(raw, Mapping) else None
        if each.kind == "array":
            return [
                self.read_object(item, each.of, each.name, now)
                for item in array_items(raw)
                if isinstance(item, Mapping)
            ]
        return each.limits.applied(self.read_scalar(raw, each.of or each.kind, each.name, now), each.name)

    def _read_enumerated(self, raw: Any, enumeration: Enumeration, parameter: str) -> Any:
        text = to_text(raw).strip()
        # An integer enumeration takes the empty string as "not given", as the real service does.
        if text == "":
            return None
        if enumeration.kind == "int":
            text = str(to_int(raw))
        if text not in enumeration.values:
            raise ApiError("INVALID_ENUM_VALUE", text, parameter, enumeration.name)
        # Core values of text enumerations are numbers in the real database, and travel as such in JSON.
        return int(text) if text.lstrip("-").isdigit() else text


def array_items(raw: Any) -> list[Any]:
    """The items of a wire array: a list, or a mapping with numeric keys; `{"-": ""}` is the empty array. Pure."""
    if isinstance(raw, list):
        return raw
    if isinstance(raw, Mapping):
        numbered = [key for key in raw if str(key).lstrip("-").isdigit()]
        return [raw[key] for key in sorted(numbered, key=int)]
    return []


def cut_bytes(text: str, size: int) -> str:
    """The beginning of a text that is at most so many bytes of UTF-8, without a cut character. Pure."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")


def to_text(raw: Any) -> str:
    """The text of a wire scalar. Pure."""
    if isinstance(raw, bool):
        return "1" if raw else ""
    if isinstance(raw, str):
        return raw
    return "" if isinstance(raw, (Mapping, list)) or raw is None else str(raw)


def to_int(raw: Any) -> int:
    """The integer a wire scalar means; text without one is 0, as in PHP. Pure."""
    return int(to_float(raw))


def to_float(raw: Any) -> float:
    """The number a wire scalar means; text without one is 0, as in PHP. Pure."""
    try:
        number = float(to_text(raw).strip() or 0)
    except ValueError:
        return 0.0
    return number if number == number and abs(number) != float("inf") else 0.0


def to_bool(raw: Any) -> bool:
    """The truth a wire scalar means: `false` in any case, `0` and the empty string are false. Pure."""
    return to_text(raw).lower() not in ("", "0", "false")


def to_instant(seconds: int, now: int) -> int | None:
    """The instant a time argument means: -1 removes it, small magnitudes are relative to now. Pure."""
    if seconds == -1:
        return None
    return now + seconds if abs(seconds) <= RELATIVE_TIME_LIMIT_S and seconds != 0 else seconds


def _load() -> Schema:
    enumerations: dict[str, Enumeration] = {}
    for line in _lines("enums.schema"):
        name, kind, *values = line.split()
        enumerations[name] = Enumeration(name, kind, frozenset(values))
    types: dict[str, ObjectType] = {"KalturaObjectBase": ObjectType("KalturaObjectBase", "", True, ())}
    for file in ("entries.schema", "accounts.schema", "events.schema", "players.schema", "search.schema"):
        _load_types(_lines(file), types, enumerations)
    return Schema(types, enumerations)


def _load_types(lines: list[str], types: dict[str, ObjectType], enumerations: dict[str, Enumeration]) -> None:
    for line in lines:
        if not line.startswith(" "):
            abstract = line.startswith("abstract ")
            name, _, parent = line.removeprefix("abstract ").partition(" : ")
            types[name] = current = ObjectType(name, parent or "KalturaObjectBase", abstract, ())
            continue
        name, kind, *flags = line.split()
        of = ""
        if kind.startswith("["):
            kind, of = "array", kind[1:-1]
        elif kind in enumerations:
            kind, of = "enum", kind
        elif kind not in _SCALARS:
            kind, of = "object", kind
        found = Property(
            name,
            kind,
            of,
            "read-only" in flags,
            "insert-only" in flags,
            "admin-only" in flags,
            _limits([flag for flag in flags if not flag.startswith("own-")]),
            _limits([flag.removeprefix("own-") for flag in flags if flag.startswith("own-")]),
        )
        current = ObjectType(current.name, current.parent, current.abstract, (*current.own, found))
        types[current.name] = current


def _limits(flags: list[str]) -> Limits:
    numbers = (flag.partition("=") for flag in flags if "=" in flag)
    given = {name.replace("-", "_"): int(number) for name, _, number in numbers}
    return Limits(**given) if given else _NO_LIMITS


def _lines(file: str) -> list[str]:
    text = (_FOLDER / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


SCHEMA = _load()
