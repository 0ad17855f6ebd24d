"""The providers that there are, and what one is.

Called by `functions/wiring.py` alone. A new provider is one folder here and one line in `PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.ports import Audience, Clock, Documents, Events, Holder, Hook, Setup
from shared.providers import kaltura


@dataclass(frozen=True, slots=True)
class Account:
    """
    One account at Kaltura.

    Attributes:
        url: Of its API.
        account_id: The provider's id of it.
        secret: Its administrator's.
        namespace: Marks what this deployment makes there; deployments that share an account have different ones.
        upload_role: The provider's role for upload tokens; `None` lets the provider's code make one.
        room_url: Where its rooms are entered; `None` where it has none.
        records: Whether live events are recorded.
        chat_secret: What signs chat tokens; `None` lets the provider's code find it.
        chat_lifetime_s: Of a chat token.
        users_known_s: For how long it is believed that a user is there.
        profiles_known_s: Likewise what the account needs once.
        chat_known_s: Likewise what signs chat tokens.
    """

    url: str
    account_id: str
    secret: str = field(repr=False)
    namespace: str
    upload_role: str | None = None
    room_url: str | None = None
    records: bool = True
    chat_secret: str | None = field(default=None, repr=False)
    chat_lifetime_s: int = 24 * 3600
    users_known_s: int = 30 * 24 * 3600
    profiles_known_s: int = 30 * 24 * 3600
    chat_known_s: int = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Provider:
    """
    What one account offers; `None` is what it does not.
    """

    holder: Holder
    hook: Hook
    setup: Setup
    events: Events | None = None
    audience: Audience | None = None


def _kaltura(account: Account, documents: Documents, clock: Clock) -> Provider:
    kaltura_account = kaltura.KalturaAccount(
        url=account.url,
        partner_id=int(account.account_id),
        admin_secret=account.secret,
        namespace=account.namespace,
        upload_role=account.upload_role,
        documents=documents,
        clock=clock,
        room_url=account.room_url,
        known_s=kaltura.KnownFor(account.users_known_s, account.profiles_known_s, account.chat_known_s),
    )
    audience = kaltura.KalturaAudience(kaltura_account, account.chat_lifetime_s, account.chat_secret)
    return Provider(
        Holder(kaltura.KalturaMedia(kaltura_account), kaltura.KalturaStrays(kaltura_account)),
        kaltura.KalturaHook(kaltura_account),
        kaltura.KalturaSetup(kaltura_account, audience),
        kaltura.KalturaEvents(kaltura_account, account.records),
        audience,
    )


PROVIDERS: Final[Mapping[str, Callable[[Account, Documents, Clock], Provider]]] = {"kaltura": _kaltura}
