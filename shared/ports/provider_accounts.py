"""The accounts of a deployment: one for each provider, and everything in which something can be deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shared.core.errors import Transient
from shared.ports.grants import ExternalIds
from shared.ports.hosts import Hosts
from shared.ports.inventory import Inventory
from shared.ports.videos import Media
from shared.ports.viewer_keys import ViewerKeys


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """
    One provider account that holds videos.

    Attributes:
        media: The videos.
        inventory: Everything of ours there.
        viewer_keys: The keys that people hold there; `None` where nothing that is given out can be ended.
    """

    media: Media
    inventory: Inventory
    viewer_keys: ViewerKeys | None = None


ProviderAccounts = Mapping[str, ProviderAccount]
"""The accounts of one deployment, by our names of their providers."""


class Keeper(Protocol):
    """
    Whoever has videos, or copies of them, and can delete them.
    """

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        See `Media.delete_media`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """
    One account that something may be left at.

    Attributes:
        keeper: What is recorded there.
        inventory: Everything of ours there.
    """

    keeper: Keeper
    inventory: Inventory


Places = Mapping[str, Place]
"""All of them, providers and hosts, by our names."""


def places(provider_accounts: ProviderAccounts, hosts: Hosts) -> Places:
    """
    Everywhere that something of ours may be. Pure.
    """
    at_providers = {
        name: Place(provider_account.media, provider_account.inventory)
        for name, provider_account in provider_accounts.items()
    }
    return at_providers | {name: Place(host, host) for name, host in hosts.items()}


A = TypeVar("A")


def holder_of(provider_accounts: Mapping[str, A], provider: str) -> A:
    """
    The account that has something, by what is recorded of it. Pure.

    Raises:
        Transient: This deployment has no such account at the moment (again, once it has).
    """
    provider_account = provider_accounts.get(provider)
    if provider_account is None:
        raise Transient(
            f"This deployment has no account at {provider}. Set it up again, or restore the video elsewhere.",
            provider=provider,
            operation="choose",
            code="NO_SUCH_PROVIDER",
        )
    return provider_account
