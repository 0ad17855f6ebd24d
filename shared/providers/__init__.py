"""The providers that there are, and what one is.

Called by `functions/wiring.py` alone. A new provider is one folder here and one line in `PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.ports import Clock, Documents, Events, Hook, Media, Strays
from shared.providers import kaltura


@dataclass(frozen=True, slots=True)
class Account:
    """
    One account at a provider.

    Attributes:
        url: Of its API.
        account_id: The provider's id of it.
        secret: Its administrator's.
        namespace: Marks what this deployment makes there; deployments that share an account have different ones.
        upload_role: The provider's role for upload tokens; `None` lets the provider's code make one.
    """

    url: str
    account_id: str
    secret: str = field(repr=False)
    namespace: str
    upload_role: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """
    What one account offers.
    """

    events: Events
    media: Media
    strays: Strays
    hook: Hook


def _kaltura(account: Account, documents: Documents, clock: Clock) -> Provider:
    kaltura_account = kaltura.KalturaAccount(
        url=account.url,
        partner_id=int(account.account_id),
        admin_secret=account.secret,
        namespace=account.namespace,
        upload_role=account.upload_role,
        documents=documents,
        clock=clock,
    )
    return Provider(
        kaltura.KalturaEvents(kaltura_account),
        kaltura.KalturaMedia(kaltura_account),
        kaltura.KalturaStrays(kaltura_account),
        kaltura.KalturaHook(kaltura_account),
    )


PROVIDERS: Final[Mapping[str, Callable[[Account, Documents, Clock], Provider]]] = {"kaltura": _kaltura}
