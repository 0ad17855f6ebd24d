"""Build what viewers get from Kaltura: addresses that play one entry, a KS for Kaltura's own player, and the end of
both.

Called by `events`, `media.py` and `audience.py`, and through `ports.ViewerKeys`. Roles are left to `account.py`. Who
may watch, and for how long, is left to others.

No KS can be prevented from reading entries by id on the API, so the KS that every viewer gets opens addresses and
nothing else. Only the API checks the list of ended sessions: an address ends when it expires. Source: kaltura/server,
KSecureEntryHelper::validateKs, kSessionBase::isValidUriRestrict, playManifestAction.
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
"""How long Kaltura remembers that a session was ended. Source: kaltura/server, invalidSessionPeer."""

MULTIREQUEST_PATH: Final = "/api_v3/service/multirequest"
"""The path where Kaltura's player asks for everything at once, as the player spells it."""


def addresses_grant(
    account: KalturaAccount, entry_id: str, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
) -> Grant:
    """
    Return addresses by which a viewer plays one entry, of whatever kind, and sees its thumbnail. The KS is in the
    query, so that it can be confined to the whole path of each address: nothing after the `?` changes what is served.
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
        See `ports.ViewerKeys`. The player puts the KS into the path of the addresses that it builds, so these can only
        be pinned up to the entry. It also asks the API for the entry. What else the KS can read there depends on the
        account's own settings (`doctor`).
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
        See `ports.ViewerKeys`. Each is ended with a KS that has the same `sessionid`. If it was ended before, that KS
        is refused.
        """
        self._with_each(revocation_ids, lambda c: c.session.end())

    def _with_each(self, revocation_ids: Sequence[str], ask: Callable[[Any], Any]) -> list[bool]:
        """
        Make one call with a KS for each id, in one request. Another KS shows that a refusal is not due to a wrong
        secret, or a wrong clock.

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
    Return the privileges of a KS for Kaltura's player: one address of the API, with the calls that the role allows
    there, and everything below the addresses of one entry.
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
    Return the privilege by which a KS can be ended: another KS with the same id is ended at Kaltura. Pure.
    """
    return () if revocation_id is None else (Privilege(Word.SESSION_ID, revocation_id),)
