"""Read the table of hosts, the setting HOSTS: one line of JSON, checked row by row.

Called by `wiring.py`, to which it is left to build the hosts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.core.errors import Misconfigured
from shared.core.paths import HOST_NAME
from shared.core.reading import clean, url
from shared.hosts.table import Terms

TEXTS: Final[Mapping[str, Mapping[str, str | None]]] = {
    "bunny": {
        "libraryId": None,
        "apiKey": None,
        "playbackUrl": None,
        "tokenKey": None,
        "url": "https://video.bunnycdn.com",
    },
    "s3": {"url": None, "bucket": None, "accessKey": None, "secretKey": None, "region": "us-east-1"},
}
"""The further fields of a row of each kind, with their defaults. `None`: the field is required."""

_SENT: Final = re.compile("[ -~]+")
"""The characters that a header can carry, because keys are sent in one."""

_COMMON: Final = frozenset({"name", "kind", "pricePerGb", "mbpsMax"})


@dataclass(frozen=True, slots=True)
class Row:
    """
    A row of the table.

    Attributes:
        name: Our name of the host, or the name of a provider.
        terms: Its price and its bandwidth.
        kind: `bunny` or `s3`; `None` for a provider.
        texts: The further fields of the row, by their names in JSON.
    """

    name: str
    terms: Terms
    kind: str | None
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)


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
    if kind is None and name not in providers:
        raise Misconfigured(f"The row {name} of HOSTS has no kind: write bunny or s3. Only providers have none.")
    if kind is not None and (not isinstance(kind, str) or kind not in TEXTS or name in ("kaltura", "cloudflare")):
        raise Misconfigured(
            f"The row {name} of HOSTS has the wrong kind: write bunny or s3, and leave it out for a provider."
        )
    usual = TEXTS.get(kind, {}) if kind is not None else {}
    unknown = sorted(str(one)[:40] for one in row if one not in _COMMON and one not in usual)
    if unknown:
        raise Misconfigured(f"The row {name} of HOSTS has unknown fields: {', '.join(unknown)}. Leave them out.")
    terms = Terms(_number(row, name, "pricePerGb", least=0.0, usual=math.inf), _limit(row, name))
    return Row(name, terms, kind, {one: _text(row, name, one, default) for one, default in usual.items()})


def _text(row: Mapping[str, Any], name: str, one: str, default: str | None) -> str:
    told = row.get(one, default)
    value = clean(told) if isinstance(told, str) else ""
    if not value:
        raise Misconfigured(f"The row {name} of HOSTS needs a text in {one}.")
    if one in ("url", "playbackUrl"):
        return _address(value, name, one)
    if not _SENT.fullmatch(value):
        raise Misconfigured(f"In the row {name} of HOSTS {one} must be one line of ASCII characters.")
    return value


def _address(value: str, name: str, one: str) -> str:
    try:
        return url(value)
    except ValueError as error:
        raise Misconfigured(f"In the row {name} of HOSTS, {one} {error}.") from None


def _limit(row: Mapping[str, Any], name: str) -> float | None:
    return None if row.get("mbpsMax") is None else _number(row, name, "mbpsMax", least=0.001, usual=0.0)


def _number(row: Mapping[str, Any], name: str, one: str, *, least: float, usual: float) -> float:
    value = row.get(one, usual)
    if not isinstance(value, float) or not value >= least:
        raise Misconfigured(f"In the row {name} of HOSTS, {one} must be a number of at least {least:g}.")
    return value
