"""docs/settings.md, from `functions/config.py`.

Called by `pages.py`. A setting tells what it may be by the sentence with which it refuses what it may not be.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

from functions import config
from shared.core.reading import Setting

WIDTH: Final = 118

HEAD: Final = """\
# Settings

Generated from `functions/config.py` by `make docs`: do not edit.

Write settings into `.env.<project id>`. Set secrets with `firebase functions:secrets:set <name>`, and only those of the
accounts that you have. The deployment refuses an invalid value, and says which one and what it must be. White space,
invisible characters and quotes around a value do no harm. Addresses get one form. [Deploying](deploying.md#settings)
says which ones you need.
"""

GROUPS: Final[Mapping[str, str]] = {
    "Deployment": "FUNCTIONS_REGION|FUNCTIONS_URL|(MAX|MIN)_INSTANCES|.*SERVICE_ACCOUNT|NAMESPACE|VIDEO_PROVIDER",
    "Roles and access": "CLAIM_.*|ALLOW_ANONYMOUS_VIEWERS|ENFORCE_APP_CHECK",
    "Kaltura": "KALTURA_.*|.*_KNOWN_S|SINGLE_PAGE_APP",
    "Cloudflare Stream": "CLOUDFLARE_.*",
    "Hosts": "HOSTS|USE_HOSTS|DELIVERY_DOMAINS",
    "Uploads and videos": "UPLOAD.*|VIDEO_DURATION_.*|(SESSION|TEACHER)_.*|PROCESSING_.*|RETRY_KEEP_S|LOOKS_MAX",
    "Live events": "LIVE_.*|REAP_GRACE_S",
    "Work in the background": "FEED_.*|LATE_COMMIT_S|STRAY_AGE_S|ORPHANS_CLEAN_UP|TASKS_PER_HOUR_MAX",
}
"""The headings of the page, each with the names below it."""

_UNITS: Final[tuple[tuple[int, str, str], ...]] = (
    (24 * 3600, "day", "S"),
    (3600, "hour", "S"),
    (60, "minute", "S"),
    (1024**4, "TiB", "BYTES"),
    (1024**3, "GiB", "BYTES"),
)
_ANYTHING: Final = "\x00"
"""A value that every setting refuses, except those that accept any text."""


def settings_page(settings: Iterable[Setting[Any]] | None = None) -> str:
    """
    Return the page.

    Args:
        settings: Those to describe; all of `functions/config.py` without it.

    Raises:
        ValueError: A setting is in no group, or in two (never).
    """
    known = [one for one in vars(config).values() if isinstance(one, Setting)] if settings is None else list(settings)
    grouped: dict[str, list[Setting[Any]]] = {heading: [] for heading in GROUPS}
    for setting in known:
        grouped[_heading(setting.name)].append(setting)
    sections = (f"\n## {heading}\n\n{_list(of_it)}" for heading, of_it in grouped.items() if of_it)
    return HEAD + "".join(sections)


def _heading(name: str) -> str:
    found = [heading for heading, names in GROUPS.items() if re.fullmatch(names, name)]
    if len(found) != 1:
        raise ValueError(f"{name} must be in exactly one group; it is in {found}.")
    return found[0]


def _list(settings: Iterable[Setting[Any]]) -> str:
    rows = [f"| `{one.name}` | {default_of(one)} | {unit_of(one)} |" for one in settings]
    told = [_paragraph(one) for one in settings]
    return "\n".join(["| setting | default | unit |", "|---|---|---|", *rows, "", *told, ""])


def _paragraph(setting: Setting[Any]) -> str:
    must = requirement_of(setting)
    text = f"- `{setting.name}`: {setting.description}{must and f' It {must}.'}"
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def requirement_of(setting: Setting[Any]) -> str:
    """
    Return what a setting must be, "must be true or false"; empty where any text will do. Pure.
    """
    try:
        setting.read(_ANYTHING)
    except ValueError as error:
        return str(error)
    return ""


def default_of(setting: Setting[Any]) -> str:
    """
    Return how a setting's default is shown. Pure.
    """
    value = setting.default
    if setting.is_secret:
        return "secret"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value}`{_in_words(setting.name, value)}"
    return f"`{value}`" if isinstance(value, str) and value else "empty"


def unit_of(setting: Setting[Any]) -> str:
    """
    Return the unit of a setting, by its name; empty where it has none. Pure.
    """
    words = setting.name.split("_")
    if not isinstance(setting.default, int) or isinstance(setting.default, bool):
        return ""
    return "seconds" if words[-1] == "S" else "bytes" if "BYTES" in words else "number"


def _in_words(name: str, value: int) -> str:
    for size, unit, of_kind in _UNITS:
        if of_kind in name.split("_") and value and value % size == 0:
            count = value // size
            return f" ({count} {unit}{'s' if count > 1 and of_kind == 'S' else ''})"
    return ""
