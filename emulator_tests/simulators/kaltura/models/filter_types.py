"""The properties of each filter of the API, from `schema/filters.schema`.

Called by `responses` to read a filter off the wire. A property that the sent type does not have is dropped, as
KalturaRequestDeserializer::buildObject does; what a property means is left to `models.filters` and the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent.parent / "schema" / "filters.schema"


def _load() -> tuple[dict[str, str], dict[str, list[str]]]:
    parents: dict[str, str] = {}
    own: dict[str, list[str]] = {}
    name = ""
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            own[name] += line.split()
            continue
        name, _, parent = line.partition(" : ")
        parents[name], own[name] = parent, []
    return parents, own


_PARENTS, _OWN = _load()


def is_filter(name: str) -> bool:
    """Tell whether a type is a filter. Pure."""
    return name in _PARENTS


@cache
def properties(name: str) -> frozenset[str]:
    """The properties of a filter type, inherited ones included. Pure."""
    inherited = properties(_PARENTS[name]) if _PARENTS[name] else frozenset()
    return inherited | frozenset(_OWN[name])


@cache
def is_a(name: str, ancestor: str) -> bool:
    """Tell whether a filter type is another one or derives from it. Pure."""
    return name in _PARENTS and (name == ancestor or is_a(_PARENTS[name], ancestor))


def read(raw: Any, declared: str) -> dict[str, Any]:
    """A filter as the action sees it: of the sent type if that derives from the declared one. Pure.

    Returns:
        Its `objectType` and the known properties that were sent.
    """
    if not isinstance(raw, Mapping):
        return {"objectType": declared}
    sent = str(raw.get("objectType", ""))
    name = sent if is_a(sent, declared) else declared
    known = properties(name)
    return {"objectType": name, **{key: value for key, value in raw.items() if key in known}}
