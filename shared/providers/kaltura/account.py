"""One Kaltura account: its keys, its client, and the few things that are made in it once and remembered.

Called by `events.py`, `media.py` and `strays.py`. Leaves to `client.py` how a call travels and to `keys.py` how a KS
is signed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from shared import log
from shared.errors import Conflict, Permanent, Transient
from shared.paths import cache_path
from shared.ports import Clock, Create, Documents, Grant, Update
from shared.providers.kaltura import words
from shared.providers.kaltura.keys import KeyMint, Kind, Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Client

NAME: Final = "kaltura"

ADMIN_USER: Final = "greenroom"
"""The Kaltura user as whom the server itself speaks."""

SETTING_UP_S: Final = 90
"""For so long whoever makes something of the account keeps others away; longer than he can live."""

ADMIN_KS_S: Final = 300
PLUGINS: Final = ("Schedule", "EventNotification", "HttpNotification")
"""What of the library is loaded beside its core."""

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 25.0

THUMBNAIL_WIDTH: Final = 640

UPLOAD_PATH: Final = "/api_v3/service/uploadtoken/action/upload"
"""Lower case, as Kaltura's own clients spell it: a KS restricted to it compares letter by letter."""

_ACCESS_CONTROL: Final = "accessControl"
_UPLOAD_ROLE: Final = "uploadRole"
_SYSTEM_NAMES: Final = {_ACCESS_CONTROL: "GREENROOM_KS_REQUIRED", _UPLOAD_ROLE: "GREENROOM_UPLOAD"}


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
    """

    url: str
    partner_id: int
    admin_secret: str = field(repr=False)
    namespace: str
    upload_role: str | None
    documents: Documents
    clock: Clock
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
        return self.mint.mint(ADMIN_USER, privileges, lifetime_s=ADMIN_KS_S, now=self.clock(), kind=Kind.ADMIN)

    def user_ks(self, user_id: str, privileges: tuple[Privilege, ...], lifetime_s: int) -> str:
        """
        A KS for somebody else.
        """
        return self.mint.mint(user_id, privileges, lifetime_s=lifetime_s, now=self.clock())

    def playback_grant(self, entry_id: str, viewer_uid: str, lifetime_s: int) -> Grant:
        """
        Let somebody play one entry, of whatever kind, and see its picture: the KS satisfies the access control of that
        entry alone.
        """
        privileges = (
            Privilege(Word.SET_ROLE, words.PLAYBACK_BASE_ROLE),
            Privilege(Word.VIEW, entry_id),
        )
        ks = self.user_ks(words.viewer_of(viewer_uid), privileges, lifetime_s)
        scheme = self.url.partition(":")[0]
        root = f"{self.url}/p/{self.partner_id}"
        play = f"{root}/sp/{self.partner_id}00/playManifest/entryId/{entry_id}"
        return Grant(
            url=f"{play}/format/applehttp/protocol/{scheme}/ks/{ks}/a.m3u8",
            token=ks,
            expires_at=self.clock() + timedelta(seconds=lifetime_s),
            values={
                "progressiveUrl": f"{play}/format/url/protocol/{scheme}/ks/{ks}/a.mp4",
                "thumbnailUrl": f"{root}/thumbnail/entry_id/{entry_id}/width/{THUMBNAIL_WIDTH}/ks/{ks}",
            },
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

    def _once(self, key: str, find_or_make: Callable[[str], str]) -> str:
        """
        What was made once: remembered by the instance, by `kalturaCache/{key}`, by the account itself under its name.
        """
        if key in self._built:
            return str(self._built[key])
        path, now = cache_path(key), self.clock()
        (document,) = self.documents.read(path)
        if document is not None and document.fields["value"] is not None:
            value: str = document.fields["value"]
            self._built[key] = value
            return value
        busy = Transient("The account is being set up.", provider=NAME, operation=key, code="BUSY", retry_after_s=2)
        if document is not None and document.fields["claimedUntil"] > now:
            raise busy
        claim = {"value": None, "claimedUntil": now + timedelta(seconds=SETTING_UP_S)}
        try:
            write = Create(path, claim) if document is None else Update(path, claim, if_version=document.version)
            (version,) = self.documents.commit(write)
        except Conflict:
            raise busy from None
        try:
            value = find_or_make(_SYSTEM_NAMES[key])
        except (Transient, Permanent):
            self.documents.commit(Update(path, {"claimedUntil": now}, if_version=version))
            raise
        self.documents.commit(Update(path, {"value": value}, if_version=version))
        self._built[key] = value
        return value

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
