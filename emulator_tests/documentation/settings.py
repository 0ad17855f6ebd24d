"""docs/settings.md, from `functions/config.py` and the settings of each provider and host.

Called by `pages.py`. A setting tells what it may be by the sentence with which it refuses what it may not be.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from functions import config
from functions.settings import Setting
from shared.providers.registry import chats, cold_stores, hosts, providers
from shared.providers.settings import declarations

WIDTH: Final = 118

HEAD: Final = """\
# Settings

Generated from `functions/config.py` and each `settings.py` in `shared/providers/` by `make docs`: do not edit.

Write settings into `.env.<project id>`. Set secrets with `firebase functions:secrets:set <name>`, and only those of the
accounts that you have. The deployment refuses an invalid value, and says which one and what it must be. White space,
invisible characters and quotes around a value do no harm. Addresses get one form. [Deploying](deploying.md#settings)
says which ones you need.
"""

GROUPS: Final[Mapping[str, str]] = {
    "Deployment": "FUNCTIONS_.*|FIRESTORE_.*|(MAX|MIN)_INSTANCES|.*SERVICE_ACCOUNT|NAMESPACE|VIDEO_PROVIDER",
    "Roles and access": "CLAIM_.*|ALLOW_ANONYMOUS_VIEWERS|ENFORCE_APP_CHECK",
    "Hosts": "HOSTS|USE_HOSTS|DELIVERY_DOMAINS",
    "Uploads and videos": "UPLOAD.*|VIDEO_DURATION_.*|(SESSION|TEACHER)_.*|PROCESSING_.*|RETRY_KEEP_S|LOOKS_MAX",
    "Live events": "LIVE_.*|REAP_GRACE_S|SINGLE_PAGE_APP|EVENT_KNOWN_S",
    "Events for your app": "EVENTARC_.*",
    "Work in the background": "FEED_.*|LATE_COMMIT_S|STRAY_AGE_S|ORPHANS_CLEAN_UP|TASKS_PER_HOUR_MAX",
}
"""The headings of the settings that belong to no provider, each with the names below it."""

OTHERS: Final = "Work in the background"
"""The heading of settings that no group names, such as those of a new resource."""

PROVIDERS_BEFORE: Final = "Hosts"
"""The heading before which the providers are."""

_UNITS: Final[tuple[tuple[int, str, str], ...]] = (
    (24 * 3600, "day", "S"),
    (3600, "hour", "S"),
    (60, "minute", "S"),
    (1024**4, "TiB", "BYTES"),
    (1024**3, "GiB", "BYTES"),
)
_ANYTHING: Final = "\x00"
"""A value that every setting refuses, except those that accept any text."""


def settings_page() -> str:
    """
    Return the page.

    Raises:
        ValueError: A setting is in two groups (never).
    """
    sections = []
    of_resources = [one for settings in config.RESOURCES.values() for one in settings.values()]
    for heading, settings in grouped([*of_resources, *config.OWN]).items():
        if heading == PROVIDERS_BEFORE:
            sections += [_section(providers()[name].title, its.values()) for name, its in config.PROVIDERS.items()]
            sections += [_section(chats()[name].title, its.values()) for name, its in config.CHATS.items()]
            sections += [_section(cold_stores()[name].title, its.values()) for name, its in config.COLD_STORES.items()]
        sections.append(_section(heading, settings))
        if heading == PROVIDERS_BEFORE:
            sections += [_host_section(kind) for kind in hosts()]
    return HEAD + "".join(sections)


def grouped(settings: Iterable[Setting[Any]]) -> Mapping[str, Sequence[Setting[Any]]]:
    """
    Return settings by their headings. Pure. Raises as `settings_page`.
    """
    found: dict[str, list[Setting[Any]]] = {heading: [] for heading in GROUPS}
    for setting in settings:
        found[_heading(setting.name)].append(setting)
    return found


def _section(heading: str, settings: Iterable[Setting[Any]]) -> str:
    return f"\n## {heading}\n\n{_list('setting', list(settings))}"


def _host_section(kind: str) -> str:
    title = hosts()[kind].title
    fields = declarations(hosts()[kind]).values()
    required = {one.name for one in fields if one.is_required}
    settings = [config.declared(one) for one in fields]
    return f"\n### A row of kind `{kind}` in HOSTS\n\n{title}.\n\n{_list('field', settings, required)}"


def _heading(name: str) -> str:
    found = [heading for heading, names in GROUPS.items() if re.fullmatch(names, name)] or [OTHERS]
    if len(found) != 1:
        raise ValueError(f"{name} must be in one group; it is in {found}.")
    return found[0]


def _list(what: str, settings: Sequence[Setting[Any]], required: Collection[str] = ()) -> str:
    rows = [
        f"| `{one.name}` | {'required' if one.name in required else default_of(one)} | {unit_of(one)} |"
        for one in settings
    ]
    told = [_paragraph(one) for one in settings]
    return "\n".join([f"| {what} | default | unit |", "|---|---|---|", *rows, "", *told, ""])


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
