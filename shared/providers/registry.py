"""The providers, hosts, chat servers and cold stores that a deployment can have: one line each.

Everything else iterates over them: `functions/` declares their settings, gives out their secrets and opens those that
are configured, and the pages of docs/ are generated from the same declarations. A line names a folder here, whose
`settings.py` has a class `Settings`, or `ArchiveSettings` for a cold store: one folder can have both. Importing that
must stay cheap, because every cold start does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Final, TypeVar

from shared.core.errors import Misconfigured
from shared.providers.settings import ChatSettings, ColdStoreSettings, HostSettings, ProviderSettings, declarations

S = TypeVar("S", ProviderSettings, HostSettings, ChatSettings, ColdStoreSettings)

PROVIDERS: Final = (
    "kaltura",
    "cloudflare",
)
"""Among the providers that have an account here, the first is the default provider."""

HOSTS: Final = (
    "bunny",
    "s3",
)

CHATS: Final = ("xmpp",)

COLD_STORES: Final = (
    "s3",
    "gcs",
)
"""Where originals are archived. The first that has a bucket here is the archive."""


@cache
def providers() -> Mapping[str, type[ProviderSettings]]:
    """
    Return the settings of each provider, by our name of it. Raises as `load`, and if the setting is not known by which
    a deployment has an account there.
    """
    return _with_account(load(PROVIDERS, ProviderSettings))


@cache
def hosts() -> Mapping[str, type[HostSettings]]:
    """
    Return the settings of each kind of host, by our name of it. Raises as `load`.
    """
    return load(HOSTS, HostSettings)


@cache
def chats() -> Mapping[str, type[ChatSettings]]:
    """
    Return the settings of each kind of chat server, by our name of it. Raises as `providers`.
    """
    return _with_account(load(CHATS, ChatSettings))


@cache
def cold_stores() -> Mapping[str, type[ColdStoreSettings]]:
    """
    Return the settings of each kind of cold store, by our name of it. Raises as `providers`.
    """
    return _with_account(load(COLD_STORES, ColdStoreSettings, "ArchiveSettings"))


def _with_account(found: dict[str, type[S]]) -> Mapping[str, type[S]]:
    for name, settings in found.items():
        if sum(one.is_account for one in declarations(settings).values()) != 1:
            raise Misconfigured(f"shared/providers/{name}/settings.py must have exactly one setting with is_account.")
    return found


def load(names: Sequence[str], form: type[S], called: str = "Settings") -> dict[str, type[S]]:
    """
    Import the settings of the folders with these names.

    Args:
        names: The folders.
        form: What the class of each must be.
        called: The name of that class.

    Raises:
        Misconfigured: A folder is registered twice, or its settings have another form (never).
    """
    found: dict[str, type[S]] = {}
    for name in names:
        if name in found:
            raise Misconfigured(f"{name} is registered twice in shared/providers/registry.py. Remove one of the lines.")
        kind = getattr(import_module(f"{__package__}.{name}.settings"), called, None)
        if not isinstance(kind, type) or not issubclass(kind, form):
            raise Misconfigured(
                f"shared/providers/{name}/settings.py must have a class {called} that is one of {form.__name__}."
            )
        found[name] = kind
    return found
