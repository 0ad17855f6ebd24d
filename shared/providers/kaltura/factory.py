"""Build the ports of an account at Kaltura.

Called by `settings.py` of this folder.
"""

from __future__ import annotations

from shared.ports import ProviderAccount
from shared.providers.kaltura.account import KalturaAccount, KnownFor
from shared.providers.kaltura.audience import KalturaAudience
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.inventory import KalturaInventory
from shared.providers.kaltura.media import KalturaMedia
from shared.providers.kaltura.originals import KalturaOriginals
from shared.providers.kaltura.playback import KalturaViewerKeys
from shared.providers.kaltura.settings import FIND, Settings
from shared.providers.kaltura.setup import KalturaSetup
from shared.providers.kaltura.webhooks import KalturaWebhook
from shared.providers.settings import Context, Provider


def open_account(settings: Settings, context: Context) -> Provider:
    """
    Build the ports of an account.
    """
    account = KalturaAccount(
        url=settings.url,
        partner_id=settings.partner_id,
        admin_secret=settings.admin_secret,
        namespace=context.namespace,
        upload_role=settings.upload_role or None,
        documents=context.documents,
        clock=context.clock,
        room_url=settings.room_url or None,
        known_s=KnownFor(settings.users_known_s, settings.profiles_known_s, settings.chat_token_known_s),
    )
    # Functions that admit nobody do not have the secret that signs chat tokens.
    chat_secret = None if settings.chat_secret in ("", FIND) else settings.chat_secret
    audience = KalturaAudience(account, context.chat_lifetime_s, chat_secret)
    return Provider(
        ProviderAccount(
            KalturaMedia(account),
            KalturaInventory(account),
            KalturaViewerKeys(account),
            originals=KalturaOriginals(account, context.delivery_domains),
            protection="the access-control profile of the entries",
        ),
        KalturaWebhook(account),
        KalturaSetup(account, audience),
        KalturaEvents(account, context.records_events),
        audience,
    )
