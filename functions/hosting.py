"""Read the table of hosts, the setting HOSTS: one line of JSON, checked row by row. Each kind of host declares its
fields in its own folder.

Called by `wiring.py`, to which it is left to build the hosts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.settings import listed
from shared.core.errors import Misconfigured
from shared.core.paths import HOST_NAME
from shared.core.reading import clean
from shared.hosts.table import Terms
from shared.providers.registry import hosts
from shared.providers.registry import providers as all_providers
from shared.providers.settings import Declaration, HostSettings, declarations

_COMMON: Final = frozenset({"name", "kind", "pricePerGb", "mbpsMax"})


@dataclass(frozen=True, slots=True)
class Row:
    """
    A row of the table.

    Attributes:
        name: Our name of the host, or the name of a provider.
        terms: Its price and its bandwidth.
        host: The settings of the host; `None` for a provider.
    """

    name: str
    terms: Terms
    host: HostSettings | None


def read_table(told: str, providers: Sequence[str]) -> list[Row]:
    """
    Return the rows of the table. Pure.

    Args:
        told: The text of the setting.
        providers: The names of the providers of this deployment.

    Raises:
        Misconfigured: A field is missing, unknown or of another type; the sentence holds no secret (never).
    """
    try:
        rows = json.loads(told, parse_int=float)
    except ValueError:
        raise Misconfigured("HOSTS is not valid JSON: write it as docs/hosts.md shows.") from None
    if not isinstance(rows, list) or not rows:
        raise Misconfigured("HOSTS is not a list of hosts: write it as docs/hosts.md shows, or set USE_HOSTS to false.")
    read = [_row(row, number, providers) for number, row in enumerate(rows, 1)]
    names = [row.name for row in read]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Misconfigured(f"HOSTS has two rows with the name {twice[0]}. Give each host its own name.")
    return read


def _row(row: Any, number: int, providers: Sequence[str]) -> Row:
    if not isinstance(row, dict):
        raise Misconfigured(f"Row {number} of HOSTS must be a JSON object.")
    name, kind = row.get("name"), row.get("kind")
    if not isinstance(name, str) or not HOST_NAME.fullmatch(name):
        raise Misconfigured(f"Row {number} of HOSTS needs a name of up to 20 lowercase letters and digits.")
    kinds = listed(hosts(), "or")
    if kind is None and name not in providers:
        raise Misconfigured(f"The row {name} of HOSTS has no kind: write {kinds}. Only providers have none.")
    if kind is not None and (not isinstance(kind, str) or kind not in hosts() or name in all_providers()):
        raise Misconfigured(
            f"The row {name} of HOSTS has the wrong kind: write {kinds}, and leave it out for a provider."
        )
    declared = {} if kind is None else declarations(hosts()[kind])
    known = _COMMON | {one.name for one in declared.values()}
    unknown = sorted(str(one)[:40] for one in row if one not in known)
    if unknown:
        raise Misconfigured(f"The row {name} of HOSTS has unknown fields: {', '.join(unknown)}. Leave them out.")
    terms = Terms(_number(row, name, "pricePerGb", least=0.0, usual=math.inf), _limit(row, name))
    values = {field: _value(row, name, one) for field, one in declared.items()}
    return Row(name, terms, None if kind is None else hosts()[kind](**values))


def _value(row: Mapping[str, Any], name: str, declared: Declaration) -> Any:
    if declared.name not in row and not declared.is_required:
        return declared.default
    told = row.get(declared.name)
    text = clean(told) if isinstance(told, str) else ""
    if not text:
        raise Misconfigured(f"The row {name} of HOSTS needs a text in {declared.name}.")
    try:
        return declared.read(text)
    except ValueError as error:
        raise Misconfigured(f"In the row {name} of HOSTS, {declared.name} {error}.") from None


def _limit(row: Mapping[str, Any], name: str) -> float | None:
    return None if row.get("mbpsMax") is None else _number(row, name, "mbpsMax", least=0.001, usual=0.0)


def _number(row: Mapping[str, Any], name: str, one: str, *, least: float, usual: float) -> float:
    value = row.get(one, usual)
    if not isinstance(value, float) or not value >= least:
        raise Misconfigured(f"In the row {name} of HOSTS, {one} must be a number of at least {least:g}.")
    return value
