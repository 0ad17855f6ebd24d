"""What viewers hold at Kaltura: addresses that play one entry, a KS for Kaltura's own player, and the end of both.

Called by `events.py`, `media.py` and `audience.py`, and through `ports.ViewerKeys`. Leaves to `account.py` the roles,
and to others who may watch and for how long.

No KS can be kept from reading entries by id on the API, so the one that everybody gets opens addresses and nothing
else. The list of sessions that were ended is asked by the API alone: an address ends by its expiry.
Source: kaltura/server, KSecureEntryHelper::validateKs, kSessionBase::isValidUriRestrict, playManifestAction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.core.errors import WrongState
from shared.ports import MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL, ExternalIds, Grant
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.signing import Privilege, Word

THUMBNAIL_WIDTH: Final = 640

_INVALID_KS: Final = "INVALID_KS"

PLAYER_KS_MAX_S: Final = 24 * 3600
"""Kaltura remembers for so long that a session was ended. Source: kaltura/server, invalidSessionPeer."""

MULTIREQUEST_PATH: Final = "/api_v3/service/multirequest"
"""Where Kaltura's player asks for everything at once, as it spells it."""


def addresses_grant(
    account: KalturaAccount, entry_id: str, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
) -> Grant:
    """
    Let somebody play one entry, of whatever kind, and see its picture. The KS stands in the query, so that it can be
    confined to the whole path of each address: what comes after the `?` changes nothing of what is served.
    """
    host, root, play = account.url, f"/p/{account.partner_id}", _play_path(account, entry_id)
    scheme = host.partition(":")[0]
    paths = {
        MANIFEST_URL: f"{play}/format/applehttp/protocol/{scheme}/a.m3u8",
        PROGRESSIVE_URL: f"{play}/format/url/protocol/{scheme}/a.mp4",
        THUMBNAIL_URL: f"{root}/thumbnail/entry_id/{entry_id}/width/{THUMBNAIL_WIDTH}",
    }
    privileges = (
        Privilege(Word.VIEW, entry_id),
        Privilege(Word.SET_ROLE, account.addresses_role_name()),
        Privilege(Word.URI_RESTRICT, "|".join(f"{path}?*" for path in paths.values())),
        Privilege(Word.DISABLE_ENTITLEMENT_FOR_ENTRY, entry_id),
        *ending(revocation_id),
    )
    ks = account.user_ks(mapping.viewer_of(viewer_uid), privileges, lifetime_s)
    addresses = {name: f"{host}{path}?ks={ks}" for name, path in paths.items()}
    return Grant(
        url=addresses[MANIFEST_URL],
        token=ks,
        expires_at=account.clock() + timedelta(seconds=lifetime_s),
        values=addresses,
        bare_url=f"{host}{paths[MANIFEST_URL]}",
    )


@dataclass(frozen=True, slots=True)
class KalturaViewerKeys:
    """
    Fills `ports.ViewerKeys`.
    """

    account: KalturaAccount

    def player_key(self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str) -> Grant:
        """
        See `ports.ViewerKeys`. The player puts the KS into the path of the addresses that it makes, so these can be
        pinned up to the entry only, and it asks the API for the entry: what else the KS can read there is for the
        account's own settings to say (`doctor`).
        """
        role = self.account.player_role_name()
        if role is None:
            raise WrongState(
                "This Kaltura account does not allow new roles, so its player cannot get a KS. "
                "Play manifestUrl or progressiveUrl instead.",
                reason="NO_PLAYER_KEY",
            )
        privileges = player_privileges(self.account, external_ids["entryId"], role, revocation_id)
        if external_ids.get("virtualEventId"):
            privileges += (Privilege(Word.VIRTUAL_EVENT_ID, external_ids["virtualEventId"]),)
        lifetime_s = min(lifetime_s, PLAYER_KS_MAX_S)
        ks = self.account.user_ks(mapping.watcher_of(viewer_uid), privileges, lifetime_s)
        return Grant("", ks, self.account.clock() + timedelta(seconds=lifetime_s), {"ks": ks})

    def is_ended(self, revocation_id: str) -> bool:
        """
        See `ports.ViewerKeys`.
        """
        (refused,) = self._with_each([revocation_id], lambda c: c.session.get())
        return refused

    def end(self, revocation_ids: Sequence[str]) -> None:
        """
        See `ports.ViewerKeys`. Each is ended with a KS that carries the same `sessionid`: where it was ended before,
        that KS is refused.
        """
        self._with_each(revocation_ids, lambda c: c.session.end())

    def _with_each(self, revocation_ids: Sequence[str], ask: Callable[[Any], Any]) -> list[bool]:
        """
        Ask something of Kaltura with a KS for each id, in one request; another one shows that a refusal is not for a
        wrong secret, or a wrong clock.

        Returns:
            Whether each KS was refused.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        known = multi.ask(lambda c: c.session.get())
        answers = [multi.ask(ask, ks=self.account.admin_ks(*ending(one))) for one in revocation_ids]
        multi.send()
        known.answer()
        for answer in answers:
            if answer.error is not None and answer.error.code != _INVALID_KS:
                raise answer.error
        return [answer.error is not None for answer in answers]


def player_privileges(
    account: KalturaAccount, entry_id: str, role: str, revocation_id: str | None
) -> tuple[Privilege, ...]:
    """
    Return what a KS for Kaltura's player is confined to: one address of the API, with what the role lets it ask there,
    and everything below one entry's own.
    """
    paths = (
        MULTIREQUEST_PATH,
        f"{MULTIREQUEST_PATH}?*",
        f"{_play_path(account, entry_id)}/*",
        f"/p/{account.partner_id}/thumbnail/entry_id/{entry_id}/*",
    )
    return (
        Privilege(Word.VIEW, entry_id),
        Privilege(Word.SET_ROLE, role),
        Privilege(Word.URI_RESTRICT, "|".join(paths)),
        Privilege(Word.DISABLE_ENTITLEMENT_FOR_ENTRY, entry_id),
        *ending(revocation_id),
    )


def _play_path(account: KalturaAccount, entry_id: str) -> str:
    return f"/p/{account.partner_id}/sp/{account.partner_id}00/playManifest/entryId/{entry_id}"


def ending(revocation_id: str | None) -> tuple[Privilege, ...]:
    """
    What lets a KS be ended: the same id in another one, which is ended at Kaltura. Pure.
    """
    return () if revocation_id is None else (Privilege(Word.SESSION_ID, revocation_id),)
