"""Sign chat tokens for live events, and find the app token of the account whose secret signs them.

Called by `audience.py`, which sends the request for the app token with others, and by `setup.py`. The id of the app
token is remembered in a document for all instances; its secret only in each instance.

Source of the chat token: kaltura/integrated-events-demo, lib/kaltura-integration/cnc.model.ts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from shared.core import log
from shared.core.errors import Conflict, Misconfigured, Permanent, ProviderError
from shared.core.paths import cache_path
from shared.ports import Attendee, Create, Document, ExternalIds, Grant, Update
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.account_cache import INSTANCE_KNOWN_S, learned_at, refreshable_at
from shared.providers.kaltura.events.parts import ENTRY, GROUP, VIRTUAL_EVENT
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.paging import all_pages

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

CHAT_PRIVILEGES: Final = "cncAuth:true"
"""The session privileges of the one app token that signs chat tokens."""

NO_CHAT_KNOWN_S: Final = 60
"""If the account has no chat token, an instance asks again after this time."""

MODERATOR_CHAT_S: Final = 3600
"""The lifetime of a moderator's chat token. It cannot be revoked, and makes everybody who has it a moderator."""

_CHAT_TOKEN: Final = "chatToken"
_ACTIVE: Final = 2


@dataclass(slots=True)
class AppTokenState:
    """
    An instance's knowledge of the app token that signs chat tokens.

    Attributes:
        secret: The token's secret, `None` if there is none.
        id: Its id at Kaltura.
        until: When it is to be asked for again.
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
class ChatSigner:
    """
    What signs chat tokens.

    Attributes:
        account: The account that has the app token.
        lifetime_s: The lifetime of a chat token.
        configured_secret: The secret that signs chat tokens; `None` looks it up in the account.
        state: This instance's knowledge of the app token.
    """

    account: KalturaAccount
    lifetime_s: int
    configured_secret: str | None = field(repr=False)
    state: AppTokenState = field(repr=False)

    def grant(self, external_ids: ExternalIds, user_id: str, attendee: Attendee) -> Grant | None:
        """
        Return a chat token for a live event; `None` if nothing can sign it.
        """
        secret = self.configured_secret or self.state.secret
        if secret is None:
            return None
        import jwt

        partner_id, entry_id = str(self.account.partner_id), external_ids[ENTRY]
        moderates = attendee.is_moderator and external_ids.get(GROUP)
        lifetime_s = min(self.lifetime_s, MODERATOR_CHAT_S) if moderates else self.lifetime_s
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

    def is_unknown(self, *, force_refresh: bool) -> bool:
        """
        Tell whether the app token must be asked for: it is unknown or to be refreshed, or another instance has found
        another one.
        """
        chat, now = self.state, self.account.clock()
        if self.configured_secret is not None:
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

    def ask(self, multi: Multi, *, confirms: bool) -> Callable[[], None]:
        """
        Ask for the remembered app token, or for the first page of all.

        Args:
            multi: The request that asks.
            confirms: Whether to record that the app token was confirmed, even if its id is unchanged.

        Returns:
            A function that learns the app token once the request is answered; raises as `Asked.answer`.
        """
        token_id = self._remembered_token_id()
        answer = _ask_token(multi, token_id, 1)
        return lambda: self._learn(answer, token_id, confirms=confirms)

    def refreshable_at(self, now: datetime) -> datetime | None:
        """
        Return when the app token may be asked for again; `None` if it may be now.
        """
        if self.configured_secret is None:
            self._take_over_confirmation(now)
        return refreshable_at(self.state.learned_at, now)

    def _take_over_confirmation(self, now: datetime) -> None:
        """
        Take over from the shared document that another instance has confirmed the same token since.
        """
        chat = self.state
        if chat.learned_at is None or refreshable_at(chat.learned_at, now) is not None:
            return
        document = self._remembered_token()
        at = None if document is None else learned_at(document)
        if document is not None and at is not None and document.fields["value"] == chat.id and at > chat.learned_at:
            chat.learned_at = at

    def _remembered_token(self) -> Document | None:
        (document,) = self.account.documents.read(cache_path(_CHAT_TOKEN))
        return None if document is None or document.fields["expiresAt"] <= self.account.clock() else document

    def _remembered_token_id(self) -> str | None:
        document = self._remembered_token()
        return None if document is None else document.fields["value"]

    def _learn(self, answer: Asked, token_id: str | None, *, confirms: bool) -> None:
        """
        Keep the token for this instance, and its id, which is not secret, for the others.

        Args:
            answer: Kaltura's answer.
            token_id: The id that is recorded for all instances.
            confirms: Record that it was confirmed, even if the id is unchanged. Not done at the start of each instance.
        """
        now = self.account.clock()
        try:
            token = self._found(answer, token_id)
        except Misconfigured as error:
            log.chat_misconfigured(NAME, error)
            self.state.learn(None, None, now, NO_CHAT_KNOWN_S)
            return
        until = now + timedelta(seconds=self.account.known_s.chat_token_s)
        if confirms or str(token.id) != token_id:
            path = cache_path(_CHAT_TOKEN)
            fields = {"value": str(token.id), "expiresAt": until, "learnedAt": now}
            try:
                self.account.documents.commit(Create(path, fields))
            except Conflict:
                self.account.documents.commit(Update(path, fields))
        self.state.learn(str(token.id), str(token.token), now, self.account.known_s.chat_token_s)

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


def _changed() -> ProviderError:
    return Permanent("It signs no chat tokens any more.", provider=NAME, operation="appToken.get", code="CHANGED")
