"""Admit people to live events at Kaltura: a user for each, playback addresses, a chat token, and the address of a room.

Called by `shared/sessions/admissions/joining.py` through `ports.Audience`. Everything is signed here. Kaltura is called
only to create a user whom no instance remembers, and once per instance for the app token that signs chat tokens
(`chat.py`).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from shared.core import log
from shared.core.errors import Permanent, ProviderError
from shared.ports import Admission, Attendee, ExternalIds, Grant
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.account_cache import DOUBT_PAUSE_S, refreshable_at
from shared.providers.kaltura.chat import AppTokenState, ChatSigner
from shared.providers.kaltura.events.parts import ENTRY, EVENT, VIRTUAL_EVENT
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.playback import addresses_grant, ending
from shared.providers.kaltura.refusals import raise_unless_gone
from shared.providers.kaltura.signing import Privilege, Word

FORGOTTEN_AT_ONCE: Final = 100
"""The number of users that one request deletes."""

MODERATOR_ROOM_S: Final = 600
"""
The lifetime of a moderator's room address, which is for use at once. After KAF has opened the room, its own session
continues.
"""


@dataclass(frozen=True, slots=True)
class KalturaAudience:
    """
    Fills `ports.Audience`.

    Attributes:
        account: The account that has the events.
        chat_lifetime_s: The lifetime of a chat token.
        chat_secret: The secret that signs chat tokens; `None` looks it up in the account.
    """

    account: KalturaAccount
    chat_lifetime_s: int
    chat_secret: str | None = field(default=None, repr=False)
    _chat: AppTokenState = field(default_factory=AppTokenState, repr=False, compare=False)

    @property
    def chat(self) -> ChatSigner:
        """
        Return what signs chat tokens.
        """
        return ChatSigner(self.account, self.chat_lifetime_s, self.chat_secret, self._chat)

    def admit(
        self,
        external_ids: ExternalIds,
        attendee: Attendee,
        lifetime_s: int,
        *,
        revocation_id: str | None = None,
        force_refresh: bool = False,
    ) -> Admission:
        """
        See `ports.Audience`.
        """
        user_id = mapping.viewer_of(attendee.uid)
        refreshable_at = self._refreshable_at(user_id) if force_refresh else None
        self._require_known(user_id, attendee, force_refresh=force_refresh)
        return Admission(
            user_id,
            addresses_grant(self.account, external_ids[ENTRY], attendee.uid, lifetime_s, revocation_id),
            self.chat.grant(external_ids, user_id, attendee),
            self._room_grant(external_ids, user_id, attendee, lifetime_s, revocation_id),
            refreshable_at,
        )

    def knows(self, uid: str) -> bool:
        """
        See `ports.Audience`.
        """
        return self.account.users.knows(mapping.viewer_of(uid), self.account.known_s.users_s)

    def forget(self, uid: str | None) -> bool:
        """
        See `ports.Audience`. Users that this deployment created have its tag. Users without it belong to the school's
        other systems. Two requests.
        """
        users, is_all = self._all_ours() if uid is None else (self._user(mapping.viewer_of(uid)), True)
        ours = [str(user.id) for user in users if self.account.tag in mapping.tags_of(user)]
        if ours:
            multi = self.account.client.multi(self.account.admin_ks())
            answers = [multi.ask(partial(_delete_user, user_id)) for user_id in ours]
            multi.send()
            for answer in answers:
                raise_unless_gone(answer)
        for user_id in ours if uid is None else [mapping.viewer_of(uid)]:
            self.account.users.forget(user_id)
        return is_all

    def _user(self, user_id: str) -> list[Any]:
        multi = self.account.client.multi(self.account.admin_ks())
        asked = multi.ask(lambda c: c.user.get(user_id))
        multi.send()
        raise_unless_gone(asked)
        return [] if asked.error is not None else [asked.answer()]

    def _all_ours(self) -> tuple[list[Any], bool]:
        """
        Return a page of users with our tag, and whether it is the last page.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaUserFilter

        tagged = KalturaUserFilter(tagsMultiLikeOr=self.account.tag)
        page = KalturaFilterPager(pageSize=FORGOTTEN_AT_ONCE)
        found = self.account.client.call(self.account.admin_ks(), lambda c: c.user.list(tagged, page)).objects
        return found, len(found) < FORGOTTEN_AT_ONCE

    # --- calls to Kaltura ---------------------------------------------------------------------------------------------

    def _refreshable_at(self, user_id: str) -> datetime | None:
        """
        Check what was created in the account once. Return when everything can be checked again, if some of it was
        checked a moment ago, by any instance; `None` if all was checked now.
        """
        now = self.account.clock()
        waits = (
            refreshable_at(self.account.users.learned_at(user_id, DOUBT_PAUSE_S), now),
            self.chat.refreshable_at(now),
            self.account.check_again(),
        )
        return max((at for at in waits if at is not None), default=None)

    def _require_known(self, user_id: str, attendee: Attendee, *, force_refresh: bool) -> None:
        """
        Create the user, and find the app token that signs chat tokens, in one request. Nothing is asked if both are
        known.
        """
        known_s = self.account.known_s.users_s
        is_known = self.account.users.knows(user_id, min(known_s, DOUBT_PAUSE_S) if force_refresh else known_s)
        chat = self.chat
        with ExitStack() as held:
            asks_token = chat.is_unknown(force_refresh=force_refresh)
            if asks_token:
                held.enter_context(self._chat.asking)
                asks_token = chat.is_unknown(force_refresh=force_refresh)
                if not asks_token:
                    held.close()
            if is_known and not asks_token:
                return
            multi = self.account.client.multi(self.account.admin_ks())
            added = None if is_known else multi.ask(_adding(user_id, attendee.name, self.account.tag))
            learn_token = chat.ask(multi, confirms=force_refresh) if asks_token else None
            multi.send()
            if learn_token is not None:
                learn_token()
        if added is not None:
            self._require_added(user_id, attendee.name, added.error)
            self.account.users.learn(user_id)

    def _require_added(self, user_id: str, name: str, error: ProviderError | None) -> None:
        """
        Create a user without a name if Kaltura refused the one with a name: it may refuse more names than its source
        shows.

        Raises:
            Transient, Doubtful, Permanent: The user could not be created.
        """
        # Another instance may have created the user at the same time.
        if isinstance(error, Permanent) and error.code != mapping.USER_EXISTS and mapping.person_names_of(name):
            log.name_refused(NAME, error)
            multi = self.account.client.multi(self.account.admin_ks())
            nameless = multi.ask(_adding(user_id, "", self.account.tag))
            multi.send()
            error = nameless.error
        if error is not None and error.code != mapping.USER_EXISTS:
            raise error

    # --- signed here --------------------------------------------------------------------------------------------------

    def _room_grant(
        self, external_ids: ExternalIds, user_id: str, attendee: Attendee, lifetime_s: int, revocation_id: str | None
    ) -> Grant | None:
        """
        Return the address at which KAF opens the event's room. Its KS is part of the address, so it is a KS that the
        API itself refuses.
        """
        if self.account.room_url is None or not external_ids.get(EVENT):
            return None
        privileges: tuple[Privilege, ...] = (
            Privilege(Word.EVENT_ID, external_ids[EVENT]),
            Privilege(Word.ROLE, "adminRole" if attendee.is_moderator else "viewerRole"),
            Privilege(Word.USER_CONTEXTUAL_ROLE, "0" if attendee.is_moderator else "3"),
            Privilege(Word.ACTIONS_LIMIT, "-1"),
            *ending(revocation_id),
        )
        if attendee.is_moderator:
            lifetime_s = min(lifetime_s, MODERATOR_ROOM_S)
        if external_ids.get(VIRTUAL_EVENT):
            privileges += (Privilege(Word.VIRTUAL_EVENT_ID, external_ids[VIRTUAL_EVENT]),)
        ks = self.account.user_ks(user_id, privileges, lifetime_s)
        return Grant(
            url=f"{self.account.room_url}/virtualEvent/launch?ks={ks}",
            token=ks,
            expires_at=self.account.clock() + timedelta(seconds=lifetime_s),
        )


def _delete_user(user_id: str, library: Any) -> Any:
    return library.user.delete(user_id)


def _adding(user_id: str, name: str, tag: str) -> Any:
    from KalturaClient.Plugins.Core import KalturaUser

    user = KalturaUser(id=user_id, tags=tag)
    names = mapping.person_names_of(name)
    if names is not None:
        user.firstName, last_name, user.screenName = names
        if last_name:
            user.lastName = last_name
    return lambda c: c.user.add(user)
