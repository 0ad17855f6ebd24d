"""Admit people to live events at Kaltura: a user for each, playback addresses, a chat token, and the address of a room.

Called by `shared/admissions/joining.py` through `ports.Audience`. Everything is signed here. Kaltura is called only to
create a user whom no instance remembers, and once per instance for the app token that signs chat tokens.

Source of the chat token: kaltura/integrated-events-demo, lib/kaltura-integration/cnc.model.ts.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from shared.core import log
from shared.core.errors import Conflict, Misconfigured, Permanent, ProviderError
from shared.core.paths import cache_path
from shared.ports import Admission, Attendee, Create, Document, ExternalIds, Grant, Update
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.account_cache import DOUBT_PAUSE_S, INSTANCE_KNOWN_S, learned_at, refreshable_at
from shared.providers.kaltura.making import ENTRY, EVENT, GROUP, VIRTUAL_EVENT
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.paging import all_pages
from shared.providers.kaltura.playback import addresses_grant, ending
from shared.providers.kaltura.refusals import raise_unless_gone
from shared.providers.kaltura.signing import Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

CHAT_PRIVILEGES: Final = "cncAuth:true"
"""The session privileges of the one app token that signs chat tokens."""

NO_CHAT_KNOWN_S: Final = 60
"""If the account has no chat token, an instance asks again after this time."""

FORGOTTEN_AT_ONCE: Final = 100
"""The number of users that one request deletes."""
MODERATOR_ROOM_S: Final = 600
"""
The lifetime of a moderator's room address, which is for use at once. After KAF has opened the room, its own session
continues.
"""

MODERATOR_CHAT_S: Final = 3600
"""The lifetime of a moderator's chat token. It cannot be revoked, and makes everybody who has it a moderator."""

_CHAT_TOKEN: Final = "chatToken"
_ACTIVE: Final = 2


@dataclass(slots=True)
class _ChatToken:
    """
    An instance's knowledge of the app token that signs chat tokens.

    Attributes:
        secret: The token's secret, `None` if there is none.
        id: Kaltura's id of it.
        until: Not used after that.
        learned_at: When Kaltura was asked.
        compared_at: When it was last the same as in the document that all instances share.
        asking: Held by the thread that asks for it; the others wait for its answer.
    """

    secret: str | None = field(default=None, repr=False)
    id: str | None = None
    until: datetime | None = None
    learned_at: datetime | None = None
    compared_at: datetime | None = None
    asking: Lock = field(default_factory=Lock)

    def is_known(self, now: datetime) -> bool:
        return self.until is not None and now < self.until

    def learn(self, token_id: str | None, secret: str | None, now: datetime, known_s: int) -> None:
        self.id, self.secret, self.until = token_id, secret, now + timedelta(seconds=known_s)
        self.learned_at = self.compared_at = now


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
    _chat: _ChatToken = field(default_factory=_ChatToken, repr=False, compare=False)

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
        self._ask_what_is_unknown(user_id, attendee, force_refresh=force_refresh)
        return Admission(
            user_id,
            addresses_grant(self.account, external_ids[ENTRY], attendee.uid, lifetime_s, revocation_id),
            self._chat_grant(external_ids, user_id, attendee),
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
        if self.chat_secret is None:
            self._hear_of_chat_token(now)
        waits = (
            refreshable_at(self.account.users.learned_at(user_id, DOUBT_PAUSE_S), now),
            refreshable_at(self._chat.learned_at, now),
            self.account.check_again(),
        )
        return max((at for at in waits if at is not None), default=None)

    def _hear_of_chat_token(self, now: datetime) -> None:
        """
        Take over from the shared document that another instance has confirmed the same token since.
        """
        chat = self._chat
        if chat.learned_at is None or refreshable_at(chat.learned_at, now) is not None:
            return
        document = self._remembered_token()
        at = None if document is None else learned_at(document)
        if document is not None and at is not None and document.fields["value"] == chat.id and at > chat.learned_at:
            chat.learned_at = at

    def _ask_what_is_unknown(self, user_id: str, attendee: Attendee, *, force_refresh: bool) -> None:
        """
        Create the user and find the token, in one request. Nothing is asked if both are known.
        """
        known_s = self.account.known_s.users_s
        is_known = self.account.users.knows(user_id, min(known_s, DOUBT_PAUSE_S) if force_refresh else known_s)
        with ExitStack() as held:
            asks_token = self._lacks_chat_token(force_refresh=force_refresh)
            if asks_token:
                held.enter_context(self._chat.asking)
                asks_token = self._lacks_chat_token(force_refresh=force_refresh)
                if not asks_token:
                    held.close()
            if is_known and not asks_token:
                return
            multi = self.account.client.multi(self.account.admin_ks())
            added = None if is_known else multi.ask(_adding(user_id, attendee.name, self.account.tag))
            token_id = self._remembered_token_id() if asks_token else None
            token = _ask_token(multi, token_id, 1) if asks_token else None
            multi.send()
            if token is not None:
                self._learn_chat_token(token, token_id, is_told=force_refresh)
        if added is not None:
            self._require_added(user_id, attendee.name, added.error)
            self.account.users.learn(user_id)

    def _lacks_chat_token(self, *, force_refresh: bool) -> bool:
        """
        Tell whether the token must be asked for: it is unknown or to be refreshed, or another instance has found
        another one.
        """
        chat, now = self._chat, self.account.clock()
        if self.chat_secret is not None:
            return False
        if not chat.is_known(now) or chat.learned_at is None or chat.compared_at is None:
            return True
        if force_refresh and refreshable_at(chat.learned_at, now) is None:
            return True
        if now - chat.compared_at >= timedelta(seconds=INSTANCE_KNOWN_S):
            if self._remembered_token_id() != chat.id:
                return True
            chat.compared_at = now
        return False

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

    def _remembered_token(self) -> Document | None:
        (document,) = self.account.documents.read(cache_path(_CHAT_TOKEN))
        return None if document is None or document.fields["expiresAt"] <= self.account.clock() else document

    def _remembered_token_id(self) -> str | None:
        document = self._remembered_token()
        return None if document is None else document.fields["value"]

    def _learn_chat_token(self, answer: Asked, token_id: str | None, *, is_told: bool) -> None:
        """
        Keep the token for this instance, and its id, which is not secret, for the others.

        Args:
            answer: Kaltura's answer.
            token_id: The id that is recorded for all instances.
            is_told: Record that it was confirmed, even if the id is unchanged. Not done at the start of each instance.
        """
        now = self.account.clock()
        try:
            token = self._found(answer, token_id)
        except Misconfigured as error:
            log.chat_misconfigured(NAME, error)
            self._chat.learn(None, None, now, NO_CHAT_KNOWN_S)
            return
        until = now + timedelta(seconds=self.account.known_s.chat_token_s)
        if is_told or str(token.id) != token_id:
            path = cache_path(_CHAT_TOKEN)
            fields = {"value": str(token.id), "expiresAt": until, "learnedAt": now}
            try:
                self.account.documents.commit(Create(path, fields))
            except Conflict:
                self.account.documents.commit(Update(path, fields))
        self._chat.learn(str(token.id), str(token.token), now, self.account.known_s.chat_token_s)

    def _found(self, answer: Asked, token_id: str | None) -> Any:
        """
        Return the one token that signs chat tokens, given the answer to the question for the remembered one, or for the
        first page of all.

        Raises:
            Misconfigured: There is none, or more than one (never, until the operator corrects it).
            Transient, Doubtful, Permanent: As for any call.
        """
        if token_id is not None:
            if answer.error is None and signs_chat(answer.answer()):
                return answer.answer()
            if answer.error is not None and not isinstance(answer.error, Permanent):
                raise answer.error
            # The remembered token was deleted or changed, so all are read, once.
            log.cache_was_wrong(NAME, _CHAT_TOKEN, answer.error or _changed())
            return self._found(self.page(1), None)
        return the_chat_token(all_pages(answer, self.page))

    def ask_tokens(self, multi: Multi) -> Asked:
        """
        Ask for the first page of all app tokens.
        """
        return _ask_token(multi, None, 1)

    def page(self, index: int) -> Asked:
        """
        Read a page of all app tokens.

        Raises:
            Transient, Doubtful: It could not be read at all (again).
        """
        multi = self.account.client.multi(self.account.admin_ks())
        page = _ask_token(multi, None, index)
        multi.send()
        return page

    # --- signed here --------------------------------------------------------------------------------------------------

    def _chat_grant(self, external_ids: ExternalIds, user_id: str, attendee: Attendee) -> Grant | None:
        secret = self.chat_secret or self._chat.secret
        if secret is None:
            return None
        import jwt

        partner_id, entry_id = str(self.account.partner_id), external_ids[ENTRY]
        moderates = attendee.is_moderator and external_ids.get(GROUP)
        lifetime_s = min(self.chat_lifetime_s, MODERATOR_CHAT_S) if moderates else self.chat_lifetime_s
        expires_at = self.account.clock() + timedelta(seconds=lifetime_s)
        claims: dict[str, Any] = {
            "partnerId": partner_id,
            "uid": user_id,
            "contextId": entry_id,
            "groups": [mapping.moderators_of(entry_id)] if moderates else [],
            "exp": int(expires_at.timestamp()),
            "isAdmin": False,
            "isScopedUser": True,
        }
        if external_ids.get(VIRTUAL_EVENT):
            claims["virtualEventId"] = external_ids[VIRTUAL_EVENT]
        token = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": partner_id})
        return Grant(url="", token=token, expires_at=expires_at, values={})

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


def the_chat_token(tokens: list[Any]) -> Any:
    """
    Return the one app token that signs chat tokens. Pure.

    Raises:
        Misconfigured: There is none, or more than one (never, until the operator corrects it).
    """
    found = [token for token in tokens if signs_chat(token)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Misconfigured(
            f"The Kaltura account has no active app token with the privileges {CHAT_PRIVILEGES}: "
            "the command `setup` makes it."
        )
    ids = ", ".join(str(token.id) for token in found)
    raise Misconfigured(
        f"The Kaltura account has {len(found)} active app tokens with the privileges {CHAT_PRIVILEGES}: {ids}. "
        "Delete all but one, or set KALTURA_CHAT_TOKEN."
    )


def _ask_token(multi: Multi, token_id: str | None, page: int) -> Asked:
    """
    Ask for the remembered token, or for a page of all that are active.
    """
    from KalturaClient.Plugins.Core import KalturaAppTokenFilter, KalturaAppTokenStatus, KalturaFilterPager

    if token_id is not None:
        return multi.ask(lambda c: c.appToken.get(token_id))
    active = KalturaAppTokenFilter(statusEqual=KalturaAppTokenStatus(KalturaAppTokenStatus.ACTIVE))
    pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=page)
    return multi.ask(lambda c: c.appToken.list(active, pager))


def signs_chat(token: Any) -> bool:
    """
    Tell whether an app token is active and signs chat tokens. Pure.
    """
    return token.sessionPrivileges == CHAT_PRIVILEGES and int(mapping.status_of(token)) == _ACTIVE


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


def _changed() -> ProviderError:
    return Permanent("It signs no chat tokens any more.", provider=NAME, operation="appToken.get", code="CHANGED")
