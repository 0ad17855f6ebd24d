"""One Kaltura account: its keys, its client, and the few things that are made in it once and remembered.

Called by `events.py`, `media.py` and `strays.py`. Leaves to `client.py` how a call travels and to `keys.py` how a KS
is signed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared import log
from shared.errors import Conflict, Permanent, ProviderError, Transient
from shared.paths import cache_path, known_user_path
from shared.ports import (
    MANIFEST_URL,
    PROGRESSIVE_URL,
    THUMBNAIL_URL,
    Clock,
    Create,
    Delete,
    Document,
    Documents,
    Fields,
    Grant,
    Update,
)
from shared.providers.kaltura import words
from shared.providers.kaltura.keys import KeyMint, Kind, Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Client

NAME: Final = "kaltura"

ADMIN_USER: Final = "greenroom"
"""The Kaltura user as whom the server itself speaks."""

SETTING_UP_S: Final = 90
"""For so long whoever makes something of the account keeps others away; longer than he can live."""

SERVER_KS_S: Final = 1800
"""Of a KS for the server's own calls: far longer than any takes, for Kaltura judges it by its own clock, which may be
ten minutes ahead of ours."""

PLUGINS: Final = ("Schedule", "Group", "VirtualEvent", "EventNotification", "HttpNotification")
"""What of the library is loaded beside its core."""

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 25.0

THUMBNAIL_WIDTH: Final = 640

UPLOAD_PATH: Final = "/api_v3/service/uploadtoken/action/upload"
"""Lower case, as Kaltura's own clients spell it: a KS restricted to it compares letter by letter."""

USERS_REMEMBERED_MAX: Final = 20_000
"""So many users an instance remembers at the most; their documents remember them all."""

_ACCESS_CONTROL: Final = "accessControl"
_UPLOAD_ROLE: Final = "uploadRole"
_USERS: Final = "users"
ACCESS_CONTROL_NAME: Final = "GREENROOM_KS_REQUIRED"
UPLOAD_ROLE_NAME: Final = "GREENROOM_UPLOAD"
_SYSTEM_NAMES: Final = {_ACCESS_CONTROL: ACCESS_CONTROL_NAME, _UPLOAD_ROLE: UPLOAD_ROLE_NAME}
_DOUBTS: Final = {"ACCESS_CONTROL_ID_NOT_FOUND": _ACCESS_CONTROL}
"""What an answer of Kaltura's says is not there, though we remember it."""

DOUBT_PAUSE_S: Final = 60
"""What was learned within so many seconds is not doubted again, whatever was refused."""


@dataclass(frozen=True, slots=True)
class KnownFor:
    """
    For how many seconds we believe that something is still there before we look again.

    Attributes:
        users_s: Users.
        profiles_s: What the account needs once: the access-control profile, the role of uploads.
        chat_token_s: The app token that signs chat tokens.
    """

    users_s: int = 30 * 24 * 3600
    profiles_s: int = 30 * 24 * 3600
    chat_token_s: int = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class KalturaAccount:
    """
    One account; safe to share between threads.

    Attributes:
        url: Of the server, without `/api_v3`.
        partner_id: The account's number.
        admin_secret: Signs every KS.
        namespace: Marks what this deployment makes.
        upload_role: The role of upload KSs; `None` makes one.
        documents: Where it is remembered what was made.
        clock: Now, in UTC.
        room_url: Of the account's KAF, where its rooms are entered; `None` where it has none.
        known_s: For how long it is believed that something is still there.
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
        The client; the library behind it is imported when the first call is made.
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
        Signs KSs.
        """
        if "mint" not in self._built:
            self._built["mint"] = KeyMint(self.partner_id, self.admin_secret)
        mint: KeyMint = self._built["mint"]
        return mint

    @property
    def tag(self) -> str:
        """
        The tag on everything that this deployment makes.
        """
        return words.tag_of(self.namespace)

    def admin_ks(self) -> str:
        """
        A KS for the server's own calls: sees everything, whatever the account's entitlement.
        """
        privileges = (Privilege(Word.DISABLE_ENTITLEMENT),)
        return self.mint.mint(ADMIN_USER, privileges, lifetime_s=SERVER_KS_S, now=self.clock(), kind=Kind.ADMIN)

    def user_ks(self, user_id: str, privileges: tuple[Privilege, ...], lifetime_s: int) -> str:
        """
        A KS for somebody else.
        """
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=self.clock())

    def repeatable_ks(self, user_id: str, privileges: tuple[Privilege, ...], expires_at: datetime) -> str:
        """
        A KS for somebody else that is the same whenever it is asked for.
        """
        now = self.clock()
        lifetime_s = int(expires_at.timestamp()) - int(now.timestamp())
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=now, is_repeatable=True)

    @property
    def has_rooms(self) -> bool:
        """
        Whether scheduled events have a room.
        """
        return self.room_url is not None

    def playback_grant(
        self, entry_id: str, viewer_uid: str, lifetime_s: int, virtual_event_id: str | None = None
    ) -> Grant:
        """
        Let somebody play one entry, of whatever kind, and see its picture: the KS satisfies the access control of that
        entry alone. What he does then counts for the virtual event, where it is of one.
        """
        privileges: tuple[Privilege, ...] = (
            Privilege(Word.SET_ROLE, words.PLAYBACK_BASE_ROLE),
            Privilege(Word.VIEW, entry_id),
        )
        if virtual_event_id:
            privileges += (Privilege(Word.VIRTUAL_EVENT_ID, virtual_event_id),)
        ks = self.user_ks(words.viewer_of(viewer_uid), privileges, lifetime_s)
        scheme = self.url.partition(":")[0]
        root = f"{self.url}/p/{self.partner_id}"
        play = f"{root}/sp/{self.partner_id}00/playManifest/entryId/{entry_id}"
        bare_url = f"{play}/format/applehttp/protocol/{scheme}/a.m3u8"
        manifest_url = f"{play}/format/applehttp/protocol/{scheme}/ks/{ks}/a.m3u8"
        return Grant(
            url=manifest_url,
            token=ks,
            expires_at=self.clock() + timedelta(seconds=lifetime_s),
            values={
                "ks": ks,
                MANIFEST_URL: manifest_url,
                PROGRESSIVE_URL: f"{play}/format/url/protocol/{scheme}/ks/{ks}/a.mp4",
                THUMBNAIL_URL: f"{root}/thumbnail/entry_id/{entry_id}/width/{THUMBNAIL_WIDTH}/ks/{ks}",
            },
            bare_url=bare_url,
        )

    def access_control_id(self) -> int:
        """
        The access-control profile that lets nobody play without a KS for the very entry.

        Raises:
            Transient, Doubtful, Permanent: As any call.
        """
        return int(self._once(_ACCESS_CONTROL, self._find_or_make_access_control))

    def upload_role_name(self) -> str:
        """
        The role of upload KSs: it can call `uploadToken.upload` and nothing else.

        Raises:
            Transient, Doubtful, Permanent: As any call.
        """
        return self.upload_role or self._once(_UPLOAD_ROLE, self._find_or_make_upload_role)

    def doubted(self, error: ProviderError) -> ProviderError:
        """
        What to raise for an error of Kaltura's. Where it says that something is not there that we remember, that is
        forgotten, and the same thing may be asked again: then it is looked for, and made where it is missing. Only what
        was learned a moment ago is not forgotten, so that nothing goes round.
        """
        key = _DOUBTS.get(error.code)
        if key is None:
            return error
        (document,) = self.documents.read(cache_path(key))
        remembered = self._built.get(key)
        if document is not None and remembered is not None and document.fields["value"] == remembered[0]:
            learned_at = document.fields["expiresAt"] - timedelta(seconds=self.known_s.profiles_s)
            if self.clock() - learned_at < timedelta(seconds=DOUBT_PAUSE_S):
                return error
        log.cache_was_wrong(NAME, key, error)
        self._forget(key, document)
        sentence = "The account is being set up again."
        return Transient(sentence, provider=NAME, operation=error.operation, code=error.code)

    def forget_what_was_made(self) -> None:
        """
        Look at the account itself next time, whatever is remembered of what was made in it once.
        """
        documents = self.documents.read(*map(cache_path, _SYSTEM_NAMES))
        for key, document in zip(_SYSTEM_NAMES, documents, strict=True):
            self._forget(key, document)

    def _forget(self, key: str, document: Document | None) -> None:
        self._built.pop(key, None)
        if document is not None and document.fields["value"] is not None:
            with suppress(Conflict):
                self.documents.commit(Update(document.path, {"value": None}, if_version=document.version))

    def knows_user(self, user_id: str, known_s: int) -> bool:
        """
        Whether a user was made, or found, within so many seconds.
        """
        now = self.clock()
        users: dict[str, datetime] = self._built.setdefault(_USERS, {})
        if user_id not in users:
            (document,) = self.documents.read(known_user_path(user_id))
            if document is None:
                return False
            self._remember_user(user_id, document.fields["knownAt"])
        return now - users[user_id] < timedelta(seconds=known_s)

    def learn_user(self, user_id: str) -> None:
        """
        Remember that there is a user: this instance does, and his document for all others.
        """
        now, path = self.clock(), known_user_path(user_id)
        fields = {"knownAt": now, "expiresAt": now + timedelta(seconds=self.known_s.users_s)}
        try:
            self.documents.commit(Create(path, fields))
        except Conflict:
            with suppress(Conflict):
                # Whoever forgets him in between is right: then he is asked for once more.
                self.documents.commit(Update(path, fields))
        self._remember_user(user_id, now)

    def forget_user(self, user_id: str) -> None:
        """
        Remember no more that there is a user; other instances do for as long as they live.
        """
        self.documents.commit(Delete(known_user_path(user_id)))
        self._built.setdefault(_USERS, {}).pop(user_id, None)

    def _remember_user(self, user_id: str, known_at: datetime) -> None:
        users: dict[str, datetime] = self._built.setdefault(_USERS, {})
        if len(users) >= USERS_REMEMBERED_MAX:
            users.clear()
        users[user_id] = known_at

    def _once(self, key: str, find_or_make: Callable[[str], str]) -> str:
        """
        What was made once: remembered by the instance, by `kalturaCache/{key}`, by the account itself under its name.
        After `known_s.profiles_s` it is looked for again.
        """
        path, now = cache_path(key), self.clock()
        remembered = self._built.get(key)
        if remembered is not None and now < remembered[1]:
            return str(remembered[0])
        (document,) = self.documents.read(path)
        known = None if document is None else document.fields
        if known is not None and known["value"] is not None:
            # Who finds it old looks for it; meanwhile the others go on with what is most probably still there.
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
            value = find_or_make(_SYSTEM_NAMES[key])
        except (Transient, Permanent):
            self.documents.commit(Update(path, {"claimedUntil": now}, if_version=version))
            raise
        made = {
            "value": value,
            "expiresAt": now + timedelta(seconds=self.known_s.profiles_s),
            "claimedUntil": now,
        }
        self.documents.commit(Update(path, made, if_version=version))
        return self._remember(key, made)

    def _remember(self, key: str, known: Fields) -> str:
        self._built[key] = (known["value"], known["expiresAt"])
        return str(known["value"])

    def _find_or_make_access_control(self, system_name: str) -> str:
        from KalturaClient.Plugins.Core import (
            KalturaAccessControlBlockAction,
            KalturaAccessControlProfile,
            KalturaAccessControlProfileFilter,
            KalturaAuthenticatedCondition,
            KalturaNullableBoolean,
            KalturaRule,
            KalturaStringValue,
        )

        ks = self.admin_ks()
        known = KalturaAccessControlProfileFilter(systemNameEqual=system_name)
        found = self.client.call(ks, lambda c: c.accessControlProfile.list(known)).objects
        if found:
            return str(found[0].id)
        without_ks = KalturaAuthenticatedCondition(
            not_=KalturaNullableBoolean(KalturaNullableBoolean.TRUE_VALUE),
            privileges=[KalturaStringValue(value=Word.VIEW.value)],
        )
        profile = KalturaAccessControlProfile(
            name="Greenroom: a KS for the entry is required",
            systemName=system_name,
            rules=[KalturaRule(conditions=[without_ks], actions=[KalturaAccessControlBlockAction()])],
        )
        return str(self.client.call(ks, lambda c: c.accessControlProfile.add(profile)).id)

    def _find_or_make_upload_role(self, system_name: str) -> str:
        """
        Kaltura's own role for uploads also lets its bearer make entries, so a narrower one is made where the account
        allows it. Either way the KS is confined to one address besides.
        """
        from KalturaClient.Plugins.Core import (
            KalturaPermission,
            KalturaPermissionStatus,
            KalturaPermissionType,
            KalturaUserRole,
            KalturaUserRoleFilter,
            KalturaUserRoleStatus,
        )

        ks = self.admin_ks()
        known = KalturaUserRoleFilter(systemNameEqual=system_name)
        found = self.client.call(ks, lambda c: c.userRole.list(known)).objects
        if found:
            return str(found[0].id)
        permission = KalturaPermission(
            name=system_name,
            friendlyName="Greenroom: send the bytes of an upload",
            type=KalturaPermissionType(KalturaPermissionType.NORMAL),
            status=KalturaPermissionStatus(KalturaPermissionStatus.ACTIVE),
        )
        role = KalturaUserRole(
            name="Greenroom: upload",
            systemName=system_name,
            description="May call uploadToken.upload and nothing else.",
            permissionNames=system_name,
            status=KalturaUserRoleStatus(KalturaUserRoleStatus.ACTIVE),
        )
        try:
            permission.permissionItemsIds = self._upload_permission_item(ks)
            try:
                self.client.call(ks, lambda c: c.permission.add(permission))
            except Permanent as error:
                if error.code != "PERMISSION_ALREADY_EXISTS":
                    raise
            return str(self.client.call(ks, lambda c: c.userRole.add(role)).id)
        except Permanent as error:
            log.upload_role_refused(error)
            return words.UPLOAD_BASE_ROLE

    def _upload_permission_item(self, ks: str) -> str:
        """
        The id of the permission to call `uploadToken.upload`; the list cannot be filtered by it, so it is read.
        """
        for page_index in itertools.count(1):
            page = self._permission_items(ks, page_index)
            for item in page:
                where = (str(getattr(item, "service", "")).lower(), str(getattr(item, "action", "")).lower())
                if where == ("uploadtoken", "upload"):
                    return str(item.id)
            if len(page) < words.PAGE:
                break
        raise Permanent(
            "The account has no permission to call uploadToken.upload.",
            provider=NAME,
            operation="permissionItem.list",
            code="PERMISSION_ITEM_NOT_FOUND",
        )

    def _permission_items(self, ks: str, page_index: int) -> list[Any]:
        from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaPermissionItemFilter

        pager = KalturaFilterPager(pageSize=words.PAGE, pageIndex=page_index)
        items: list[Any] = self.client.call(
            ks, lambda c: c.permissionItem.list(KalturaPermissionItemFilter(), pager)
        ).objects
        return items


def _busy(key: str) -> Transient:
    return Transient("The account is being set up.", provider=NAME, operation=key, code="BUSY", retry_after_s=2)


def all_pages(first: Asked, page: Callable[[int], Asked]) -> list[Any]:
    """
    Everything that a list has, given its first page and how to ask for another.

    Raises:
        Transient, Doubtful, Permanent: A page could not be had.
    """
    found: list[Any] = []
    index, objects = 1, first.answer().objects
    while True:
        found += objects
        if len(objects) < words.PAGE:
            return found
        index += 1
        objects = page(index).answer().objects
