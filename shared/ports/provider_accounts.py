"""The accounts of a deployment: one per provider, and every account and host where things can be deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shared.core.errors import Transient
from shared.ports.grants import ExternalIds
from shared.ports.hosts import Hosts
from shared.ports.inventory import Inventory
from shared.ports.originals import Originals
from shared.ports.videos import Media
from shared.ports.viewer_keys import ViewerKeys


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """
    One provider account that holds videos.

    Attributes:
        media: The videos.
        inventory: Everything of ours there.
        viewer_keys: The viewers' keys there; `None` if the provider cannot end what was given out.
        originals: The files of its videos, for archiving; `None` if the provider does not give them.
        protection: What lets only viewers with a token play, and can be changed in the provider's console.
    """

    media: Media
    inventory: Inventory
    viewer_keys: ViewerKeys | None = None
    originals: Originals | None = None
    protection: str = "the protection of its videos"


ProviderAccounts = Mapping[str, ProviderAccount]
"""The accounts of one deployment, by our names of their providers."""


class Keeper(Protocol):
    """
    A provider or host that can delete videos or copies.
    """

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        See `Media.delete_media`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """
    One account or host that may hold things of ours.

    Attributes:
        keeper: Deletes videos or copies that documents name.
        inventory: Everything of ours there.
    """

    keeper: Keeper
    inventory: Inventory


Places = Mapping[str, Place]
"""All accounts and hosts, by our names."""


def places(provider_accounts: ProviderAccounts, hosts: Hosts) -> Places:
    """
    Return every account and host that may hold things of ours. Pure.
    """
    at_providers = {
        name: Place(provider_account.media, provider_account.inventory)
        for name, provider_account in provider_accounts.items()
    }
    return at_providers | {name: Place(host, host) for name, host in hosts.items()}


A = TypeVar("A")


def holder_of(provider_accounts: Mapping[str, A], provider: str) -> A:
    """
    Return the account of a provider that a document names. Pure.

    Raises:
        Transient: This deployment has no account at that provider now (again, once it has).
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
