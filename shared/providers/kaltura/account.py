"""A Kaltura account: its keys, its client, and the few things that are created in it once and remembered.

Called by the adapters of this folder. HTTP is left to `client`, signing a KS to `signing.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.core import log
from shared.core.errors import Conflict, Permanent, ProviderError, Transient
from shared.core.paths import cache_path, known_user_path
from shared.ports import (
    Clock,
    Create,
    Delete,
    Document,
    Documents,
    Fields,
    Update,
)
from shared.providers.kaltura import made, mapping
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.signing import KeyMint, Kind, Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Client

ADMIN_USER: Final = "greenroom"
"""The Kaltura user that the server itself acts as."""

SETTING_UP_S: Final = 90
"""The lease of an instance that creates something in the account; longer than the instance can run."""

SERVER_KS_S: Final = 1800
"""
The lifetime of a KS for the server's own calls: far longer than any call takes, because Kaltura checks it by its own
clock, which may be ten minutes ahead of ours.
"""

PLUGINS: Final = ("Schedule", "Group", "VirtualEvent", "EventNotification", "HttpNotification")
"""The plugins of the library that are loaded beside its core."""

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 25.0

UPLOAD_PATH: Final = "/api_v3/service/uploadtoken/action/upload"
"""Lower case, as Kaltura's own clients spell it, because the restriction of a KS compares letter by letter."""

USERS_REMEMBERED_MAX: Final = 20_000
"""The maximum number of users that an instance remembers. Their documents remember all."""

_USERS: Final = "users"
_DOUBTS: Final = {"ACCESS_CONTROL_ID_NOT_FOUND": made.ACCESS_CONTROL}
"""Error codes of Kaltura's that mean that a remembered thing does not exist, with the key of that thing."""

DOUBT_PAUSE_S: Final = 60
"""A thing that was learned less than this many seconds ago is not asked for again, whatever was refused."""

INSTANCE_KNOWN_S: Final = 60
"""
How long an instance uses its own copy of a document that all instances share. If one instance finds something new, the
others use it no later than this.
"""


@dataclass(frozen=True, slots=True)
class KnownFor:
    """
    The seconds for which things are assumed to exist before they are checked again.

    Attributes:
        users_s: Users.
        profiles_s: The things that an account needs once: the access-control profile and the roles.
        chat_token_s: The app token that signs chat tokens.
    """

    users_s: int = 30 * 24 * 3600
    profiles_s: int = 30 * 24 * 3600
    chat_token_s: int = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class KalturaAccount:
    """
    An account at Kaltura; safe to share between threads.

    Attributes:
        url: The address of the server, without `/api_v3`.
        partner_id: The account's number.
        admin_secret: Signs every KS.
        namespace: Marks what this deployment creates.
        upload_role: The role of upload KSs; `None` creates one.
        documents: Remember what was created.
        clock: Now, in UTC.
        room_url: The address of the account's KAF, which opens its rooms; `None` if it has none.
        known_s: How long things are assumed to exist.
    """

    url: str
    partner_id: int
    admin_secret: str = field(repr=False)
    namespace: str
    upload_role: str | None
    documents: Documents
    clock: Clock
    room_url: str | None = None
    known_s: KnownFor = field(default_factory=KnownFor)
    _built: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def client(self) -> Client:
        """
        Return the client. The library behind it is imported with the first call.
        """
        if "client" not in self._built:
            from shared.providers.kaltura.client import Client

            self._built["client"] = Client(
                self.url,
                plugins=PLUGINS,
                connect_timeout_s=CONNECT_TIMEOUT_S,
                answer_timeout_s=ANSWER_TIMEOUT_S,
            )
        client: Client = self._built["client"]
        return client

    @property
    def mint(self) -> KeyMint:
        """
        Return what signs KSs.
        """
        if "mint" not in self._built:
            self._built["mint"] = KeyMint(self.partner_id, self.admin_secret)
        mint: KeyMint = self._built["mint"]
        return mint

    @property
    def tag(self) -> str:
        """
        Return the tag on everything that this deployment creates.
        """
        return mapping.tag_of(self.namespace)

    def admin_ks(self, *more: Privilege) -> str:
        """
        Return a KS for the server's own calls. It sees everything, whatever the account's entitlement.
        """
        privileges = (Privilege(Word.DISABLE_ENTITLEMENT), *more)
        return self.mint.mint(ADMIN_USER, privileges, lifetime_s=SERVER_KS_S, now=self.clock(), kind=Kind.ADMIN)

    def user_ks(self, user_id: str, privileges: tuple[Privilege, ...], lifetime_s: int) -> str:
        """
        Return a KS for another user.
        """
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=self.clock())

    def repeatable_ks(self, user_id: str, privileges: tuple[Privilege, ...], expires_at: datetime) -> str:
        """
        Return a KS for another user that is the same each time it is asked for.
        """
        now = self.clock()
        lifetime_s = int(expires_at.timestamp()) - int(now.timestamp())
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=now, is_repeatable=True)

    @property
    def has_rooms(self) -> bool:
        """
        Tell whether scheduled events have a room.
        """
        return self.room_url is not None

    def theirs(self, reference: str) -> str:
        """
        Return the reference id at Kaltura for our reference.
        """
        return mapping.theirs(self.namespace, reference, self.admin_secret)

    def ours(self, reference_id: object) -> str | None:
        """
        Return our reference for a reference id at Kaltura; `None` if it is not this deployment's.
        """
        return mapping.ours(self.namespace, str(reference_id))

    def made_under(self, reference: str, field_name: str = "referenceId") -> dict[str, str]:
        """
        Return the list filter for things created under our reference, by this release or an earlier one.

        Args:
            reference: Our reference.
            field_name: The field that has the reference in the listed objects.
        """
        if "," in reference:
            # A comma would split the reference in two. Only a back end can choose such an id for a session.
            return {f"{field_name}Equal": self.theirs(reference)}
        return {f"{field_name}In": f"{self.theirs(reference)},{mapping.unmarked(self.namespace, reference)}"}

    def access_control_id(self) -> int:
        """
        Return the id of the access-control profile that lets nobody play without a KS for exactly that entry.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """

        def find_or_make() -> str:
            return made.find_or_make_access_control(self.client, self.admin_ks())

        return int(self._once(made.ACCESS_CONTROL, find_or_make))

    def upload_role_name(self) -> str:
        """
        Return the role of upload KSs, which can call `uploadToken.upload` and nothing else.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """
        return self.upload_role or self._role(made.UPLOAD_ROLE)

    def addresses_role_name(self) -> str:
        """
        Return the role of KSs that only open addresses: it can call nothing that needs a KS. The KS is already confined
        to its addresses, and the role is a second protection. So no viewer waits for it: while it cannot be created,
        Kaltura's own role is used.
        """
        try:
            return self._role(made.ADDRESSES_ROLE)
        except ProviderError:
            until = self.clock() + timedelta(seconds=INSTANCE_KNOWN_S)
            self._built[made.ADDRESSES_ROLE.key] = (made.ADDRESSES_ROLE.stand_in, until)
            return made.ADDRESSES_ROLE.stand_in

    def player_role_name(self) -> str | None:
        """
        Return the role of KSs for Kaltura's player, which can call what loads an entry and nothing else. `None` if the
        account does not allow new roles.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """
        return self._role(made.PLAYER_ROLE) or None

    def _role(self, role: made.Role) -> str:
        return self._once(role.key, lambda: made.find_or_make_role(self.client, self.admin_ks(), role))

    def doubted(self, error: ProviderError) -> ProviderError:
        """
        Return the error to raise for an error of Kaltura's. If Kaltura says that a remembered thing does not exist, it
        is forgotten, and the call may be repeated: then the thing is searched for, and created if it is missing. A
        thing that was learned a moment ago is not forgotten, so that there is no endless loop.
        """
        key = _DOUBTS.get(error.code)
        if key is None:
            return error
        (document,) = self.documents.read(cache_path(key))
        remembered = self._built.get(key)
        is_current = document is not None and remembered is not None and document.fields["value"] == remembered[0]
        if is_current and document and refreshable_at(learned_at(document), self.clock()) is not None:
            return error
        log.cache_was_wrong(NAME, key, error)
        self._forget(key, document)
        sentence = "The account is being set up again. Try again."
        return Transient(sentence, provider=NAME, operation=error.operation, code=error.code)

    def forget_what_was_made(self) -> None:
        """
        Forget what was created in the account once, so that the next use checks the account itself.
        """
        documents = self.documents.read(*map(cache_path, made.SYSTEM_NAMES))
        for key, document in zip(made.SYSTEM_NAMES, documents, strict=True):
            self._forget(key, document)

    def look_again(self) -> datetime | None:
        """
        Check whether the things that were created in the account once still exist. What is missing is forgotten, and
        created at its next use. One call, and none if all were learned a moment ago.

        Returns:
            When they can be checked again, if they were not checked now; `None` if they were.

        Raises:
            Transient, Doubtful, Permanent: As for any call.
        """
        now = self.clock()
        read = self.documents.read(*map(cache_path, made.SYSTEM_NAMES))
        known = {
            key: document
            for key, document in zip(made.SYSTEM_NAMES, read, strict=True)
            if document is not None and document.fields["value"]
        }
        if not known:
            return None
        waits = [refreshable_at(learned_at(document), now) for document in known.values()]
        if None not in waits:
            return min(at for at in waits if at is not None)
        until = now + timedelta(seconds=self.known_s.profiles_s)
        there = made.find_all(self.client, self.admin_ks())
        for key, document in known.items():
            if document.fields["value"] not in (there.get(key), made.stand_in(key)):
                log.cache_was_wrong(NAME, key, _vanished())
                self._forget(key, document)
                continue
            with suppress(Conflict):
                self.documents.commit(
                    Update(document.path, {"expiresAt": until, "learnedAt": now}, if_version=document.version)
                )
        return None

    def _forget(self, key: str, document: Document | None) -> None:
        self._built.pop(key, None)
        if document is not None and document.fields["value"] is not None:
            with suppress(Conflict):
                self.documents.commit(Update(document.path, {"value": None}, if_version=document.version))

    def knows_user(self, user_id: str, known_s: int) -> bool:
        """
        Tell whether a user was created, or found, within that many seconds: by this instance, or by another one, which
        recorded it since.
        """
        known_at = self.user_learned_at(user_id, known_s)
        return known_at is not None and self.clock() - known_at < timedelta(seconds=known_s)

    def user_learned_at(self, user_id: str, known_s: int) -> datetime | None:
        """
        Return when a user was last created, or found; `None` if no instance remembers.

        Args:
            user_id: The user's id at Kaltura.
            known_s: If this instance learned it longer ago, the document is read, because another may have learned it
                since.
        """
        users: dict[str, datetime] = self._built.setdefault(_USERS, {})
        known_at = users.get(user_id)
        if known_at is not None and self.clock() - known_at < timedelta(seconds=known_s):
            return known_at
        (document,) = self.documents.read(known_user_path(user_id))
        if document is None:
            users.pop(user_id, None)
            return None
        self._remember_user(user_id, document.fields["knownAt"])
        return users[user_id]

    def learn_user(self, user_id: str) -> None:
        """
        Remember that a user exists, in this instance and in a document for all others.
        """
        now, path = self.clock(), known_user_path(user_id)
        fields = {"knownAt": now, "expiresAt": now + timedelta(seconds=self.known_s.users_s)}
        try:
            self.documents.commit(Create(path, fields))
        except Conflict:
            with suppress(Conflict):
                # If the document is deleted in between, the user is only asked for once more.
                self.documents.commit(Update(path, fields))
        self._remember_user(user_id, now)

    def forget_user(self, user_id: str) -> None:
        """
        Forget that a user exists. Other instances remember it for as long as they run.
        """
        self.documents.commit(Delete(known_user_path(user_id)))
        self._built.setdefault(_USERS, {}).pop(user_id, None)

    def _remember_user(self, user_id: str, known_at: datetime) -> None:
        users: dict[str, datetime] = self._built.setdefault(_USERS, {})
        if len(users) >= USERS_REMEMBERED_MAX:
            users.clear()
        users[user_id] = known_at

    def _once(self, key: str, find_or_make: Callable[[], str]) -> str:
        """
        Return something that is created once. It is remembered by the instance for `INSTANCE_KNOWN_S`, by
        `kalturaCache/{key}`, and by the account itself under its name. After `known_s.profiles_s` it is searched for
        again.
        """
        path, now = cache_path(key), self.clock()
        remembered = self._built.get(key)
        if remembered is not None and now < remembered[1]:
            return str(remembered[0])
        (document,) = self.documents.read(path)
        known = None if document is None else document.fields
        if known is not None and known["value"] is not None:
            # If it is expired, one instance searches for it. Meanwhile the others use the old value, which most
            # probably still exists.
            if now < known["expiresAt"] or known["claimedUntil"] > now:
                return self._remember(key, known)
        elif known is not None and known["claimedUntil"] > now:
            raise _busy(key)
        claim = {"claimedUntil": now + timedelta(seconds=SETTING_UP_S)}
        try:
            write = (
                Create(path, {"value": None, "expiresAt": now, **claim})
                if document is None
                else Update(path, claim, if_version=document.version)
            )
            (version,) = self.documents.commit(write)
        except Conflict:
            raise _busy(key) from None
        try:
            value = find_or_make()
        except (Transient, Permanent):
            self.documents.commit(Update(path, {"claimedUntil": now}, if_version=version))
            raise
        found = {
            "value": value,
            "expiresAt": now + timedelta(seconds=self.known_s.profiles_s),
            "learnedAt": now,
            "claimedUntil": now,
        }
        self.documents.commit(Update(path, found, if_version=version))
        return self._remember(key, found)

    def _remember(self, key: str, known: Fields) -> str:
        until = self.clock() + timedelta(seconds=INSTANCE_KNOWN_S)
        self._built[key] = (known["value"], min(until, max(known["expiresAt"], known["claimedUntil"])))
        return str(known["value"])


def learned_at(document: Document) -> datetime | None:
    """
    Return when Kaltura last confirmed what a document of `kalturaCache` remembers; `None` if an earlier release wrote
    it. Pure.
    """
    at: datetime | None = document.fields.get("learnedAt")
    return at


def refreshable_at(learned_at: datetime | None, now: datetime) -> datetime | None:
    """
    Return when Kaltura may be asked again for something learned at an instant; `None` if it may be now. Pure.
    """
    at = None if learned_at is None else learned_at + timedelta(seconds=DOUBT_PAUSE_S)
    return None if at is None or at <= now else at


def _vanished() -> Permanent:
    return Permanent("The object does not exist at Kaltura any more.", provider=NAME, operation="list", code="GONE")


def _busy(key: str) -> Transient:
    return Transient(
        "The account is being set up. Try again.", provider=NAME, operation=key, code="BUSY", retry_after_s=2
    )


def all_pages(first: Asked, page: Callable[[int], Asked]) -> list[Any]:
    """
    Return everything that a list has, given its first page and a function that asks for another.

    Raises:
        Transient, Doubtful, Permanent: A page could not be read.
    """
    found: list[Any] = []
    index, objects = 1, first.answer().objects
    while True:
        found += objects
        if len(objects) < mapping.PAGE:
            return found
        index += 1
        objects = page(index).answer().objects
