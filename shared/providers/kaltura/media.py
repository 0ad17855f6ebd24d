"""Uploaded videos at Kaltura: an entry, an upload token bound to it, and a user who is nobody else's.

Called by the visit of videos, the feed and the grants through `ports.Media`. The token is bound to its entry before the
first byte is sent, so that an upload that completes is processed without anybody's help, and its KS can reach nothing
else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.ports import Change, Changes, Grant, MediaState, Observation, Parts, UploadWish
from shared.providers.kaltura import words
from shared.providers.kaltura.account import NAME, UPLOAD_PATH, KalturaAccount
from shared.providers.kaltura.events import incomplete, is_gone, raise_unless_gone
from shared.providers.kaltura.keys import Privilege, Word

ENTRY: Final = "entryId"
TOKEN: Final = "uploadTokenId"
UPLOADER: Final = "uploaderId"

SERVER_KS_S: Final = 300
CHUNK_BYTES: Final = 5_000_000
"""What Kaltura's browser clients send at once."""

ACTIONS_MARGIN: Final = 20


@dataclass(frozen=True, slots=True)
class KalturaMedia:
    """
    Fills `ports.Media`.
    """

    account: KalturaAccount
    name: str = NAME

    def prepare_upload(self, reference: str, wish: UploadWish) -> Parts:
        """
        Make entry and token and bind them, in one request; see `ports.Media`.
        """
        # Made now, so that the first upload of all does not fail when its token is asked for.
        self.account.upload_role_name()
        entry = self._entry(reference, wish)
        uploader = words.uploader_of(self.account.namespace, reference)
        multi = self.account.client.multi(self.account.admin_ks())
        added = multi.ask(lambda c: c.media.add(entry))
        token = multi.ask(lambda c: c.uploadToken.add(_upload_token(wish)), ks=self._uploader_ks(uploader))
        bound = multi.ask(lambda c: c.media.addContent(added.result("id"), _content(token.result("id"))))
        multi.send()
        if added.error is not None:
            # Kaltura goes on after a failed part: a token without an entry must not stay behind.
            if token.error is None:
                self.delete_media({TOKEN: str(token.answer().id), UPLOADER: uploader})
            raise added.error
        for answer in (token, bound):
            if answer.error is not None:
                # The entry exists: the next visit finds it by its reference and completes it.
                raise incomplete(answer.error)
        return {ENTRY: str(added.answer().id), TOKEN: str(token.answer().id), UPLOADER: uploader}

    def find_upload(self, reference: str, wish: UploadWish) -> Parts:
        """
        See `ports.Media`.
        """
        client, ks = self.account.client, self.account.admin_ks()
        uploader = words.uploader_of(self.account.namespace, reference)
        uploader_ks = self._uploader_ks(uploader)
        multi = client.multi(ks)
        entries = multi.ask(lambda c: c.baseEntry.list(self._by_reference(reference)))
        tokens = multi.ask(lambda c: c.uploadToken.list(), ks=uploader_ks)
        multi.send()
        found, open_tokens = entries.answer().objects, tokens.answer().objects
        if not found:
            for token in open_tokens:
                self.delete_media({TOKEN: str(token.id), UPLOADER: uploader})
            return {}
        entry_id = str(found[0].id)
        if open_tokens:
            token_id = str(open_tokens[0].id)
        else:
            token_id = str(client.call(uploader_ks, lambda c: c.uploadToken.add(_upload_token(wish))).id)
        if words.status_of(found[0]) == words.NO_CONTENT:
            client.call(ks, lambda c: c.media.addContent(entry_id, _content(token_id)))
        return {ENTRY: entry_id, TOKEN: token_id, UPLOADER: uploader}

    def observe(self, parts: Parts) -> Observation:
        """
        See `ports.Media`. Entry, flavors and token in one request.
        """
        from KalturaClient.Plugins.Core import KalturaFlavorAssetFilter

        entry_id = parts[ENTRY]
        multi = self.account.client.multi(self.account.admin_ks())
        entry = multi.ask(lambda c: c.media.get(entry_id))
        flavors = multi.ask(lambda c: c.flavorAsset.list(KalturaFlavorAssetFilter(entryIdEqual=entry_id)))
        token = multi.ask(lambda c: c.uploadToken.get(parts[TOKEN]), ks=self._uploader_ks(parts[UPLOADER]))
        multi.send()
        if entry.error is not None and is_gone(entry.error):
            return Observation(MediaState.GONE)
        seen = entry.answer()
        status = words.status_of(seen)
        state = words.media_state(status)
        match state:
            case MediaState.AWAITING_UPLOAD:
                return Observation(state, percent=0 if token.error is not None else _upload_percent(token.answer()))
            case MediaState.PROCESSING:
                return Observation(state, percent=_flavor_percent(flavors.answer().objects))
            case MediaState.READY:
                return Observation(
                    state,
                    percent=100,
                    duration_s=_number(seen.msDuration) / 1000 or _number(seen.duration),
                    size_bytes=_original_bytes(flavors.answer().objects),
                    is_video=_number(seen.width) > 0,
                )
            case _:
                return Observation(state, reason=words.REASONS.get(status))

    def observe_many(self, parts: Sequence[Parts]) -> Sequence[MediaState]:
        """
        See `ports.Media`. An entry that the list does not give counts as gone; whoever acts on that looks at it first.
        """
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter, KalturaFilterPager

        if not parts:
            return []
        asked = KalturaBaseEntryFilter(idIn=",".join(part[ENTRY] for part in parts), statusIn=words.ALIVE)
        pager = KalturaFilterPager(pageSize=words.PAGE)
        page = self.account.client.call(
            self.account.admin_ks(), lambda c: c.baseEntry.list(asked, pager), fields=("id", "status")
        )
        states = {str(entry.id): words.media_state(words.status_of(entry)) for entry in page.objects}
        return [states.get(part[ENTRY], MediaState.GONE) for part in parts]

    def delete_media(self, parts: Parts) -> None:
        """
        See `ports.Media`. Every KS of the upload ends, then token, entry and user go, in one request.
        """
        uploader = parts[UPLOADER]
        multi = self.account.client.multi(self.account.admin_ks())
        multi.ask(lambda c: c.session.end(), ks=self._companion_ks(uploader))
        answers = [
            multi.ask(lambda c: c.uploadToken.delete(parts[TOKEN]), ks=self._uploader_ks(uploader)),
            multi.ask(lambda c: c.user.delete(uploader)),
        ]
        if ENTRY in parts:
            answers.insert(1, multi.ask(lambda c: c.media.delete(parts[ENTRY])))
        multi.send()
        # The end of the session is not looked at: where it has ended before, its own KS is refused.
        for answer in answers:
            raise_unless_gone(answer)

    def changes(self, since: datetime, page: int) -> Changes:
        """
        See `ports.Media`.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaMediaEntryFilter

        asked = KalturaMediaEntryFilter(
            adminTagsLike=self.account.tag,
            updatedAtGreaterThanOrEqual=int(since.timestamp()),
            statusIn=words.ALIVE,
            orderBy="-updatedAt",
        )
        pager = KalturaFilterPager(pageSize=words.PAGE, pageIndex=page)
        answer = self.account.client.call(
            self.account.admin_ks(),
            lambda c: c.media.list(asked, pager),
            fields=("id", "referenceId", "status", "updatedAt"),
        )
        items = []
        for entry in answer.objects:
            reference = words.ours(self.account.namespace, str(entry.referenceId))
            if reference is not None:
                state = words.media_state(words.status_of(entry))
                items.append(Change(reference, datetime.fromtimestamp(entry.updatedAt, UTC), state))
        return Changes(tuple(items), more=len(answer.objects) == words.PAGE)

    def upload_grant(self, parts: Parts, wish: UploadWish, lifetime_s: int) -> Grant:
        """
        See `ports.Media`. The KS can call `uploadToken.upload` at one address for its own token, so many times, so
        long.
        """
        actions = 2 * math.ceil(wish.size_bytes / CHUNK_BYTES) + ACTIONS_MARGIN
        privileges = (
            Privilege(Word.SET_ROLE, self.account.upload_role_name()),
            # The `?` before the star pins the path; see keys.py.
            Privilege(Word.URI_RESTRICT, f"{UPLOAD_PATH}|{UPLOAD_PATH}?*"),
            Privilege(Word.ACTIONS_LIMIT, str(actions)),
            Privilege(Word.SESSION_ID, parts[UPLOADER]),
        )
        return Grant(
            url=f"{self.account.url}{UPLOAD_PATH}",
            token=self.account.user_ks(parts[UPLOADER], privileges, lifetime_s),
            expires_at=self.account.clock() + timedelta(seconds=lifetime_s),
            values={TOKEN: parts[TOKEN], "chunkSizeBytes": CHUNK_BYTES},
        )

    def playback_grant(self, parts: Parts, viewer_uid: str, lifetime_s: int) -> Grant:
        """
        See `ports.Media`. The KS satisfies the access control of this one entry.
        """
        entry_id, partner_id = parts[ENTRY], self.account.partner_id
        privileges = (
            Privilege(Word.SET_ROLE, words.PLAYBACK_BASE_ROLE),
            Privilege(Word.VIEW, entry_id),
        )
        ks = self.account.user_ks(words.viewer_of(viewer_uid), privileges, lifetime_s)
        scheme = self.account.url.partition(":")[0]
        play = f"{self.account.url}/p/{partner_id}/sp/{partner_id}00/playManifest/entryId/{entry_id}"
        return Grant(
            url=f"{play}/format/applehttp/protocol/{scheme}/ks/{ks}/a.m3u8",
            token=ks,
            expires_at=self.account.clock() + timedelta(seconds=lifetime_s),
            values={"progressiveUrl": f"{play}/format/url/protocol/{scheme}/ks/{ks}/a.mp4"},
        )

    def _uploader_ks(self, uploader: str) -> str:
        """
        A KS of the upload's own user for the server's own calls.
        """
        return self.account.user_ks(uploader, (), SERVER_KS_S)

    def _companion_ks(self, uploader: str) -> str:
        """
        A KS whose end is the end of every KS that was handed out for the upload.
        """
        return self.account.user_ks(uploader, (Privilege(Word.SESSION_ID, uploader),), SERVER_KS_S)

    def _entry(self, reference: str, wish: UploadWish) -> Any:
        from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

        return KalturaMediaEntry(
            name=wish.title,
            mediaType=KalturaMediaType(KalturaMediaType.VIDEO),
            referenceId=words.theirs(self.account.namespace, reference),
            adminTags=self.account.tag,
            accessControlId=self.account.access_control_id(),
        )

    def _by_reference(self, reference: str) -> Any:
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        return KalturaBaseEntryFilter(
            referenceIdEqual=words.theirs(self.account.namespace, reference),
            statusIn=words.ALIVE,
            orderBy="+createdAt",
        )


def _upload_token(wish: UploadWish) -> Any:
    from KalturaClient.Plugins.Core import KalturaUploadToken

    return KalturaUploadToken(fileName=wish.file_name, fileSize=wish.size_bytes)


def _content(token_id: Any) -> Any:
    from KalturaClient.Plugins.Core import KalturaUploadedFileTokenResource

    return KalturaUploadedFileTokenResource(token=token_id)


def _number(value: Any) -> float:
    """
    A number of the library's objects, 0 where the answer had none.
    """
    return float(value) if isinstance(value, int | float) else 0.0


def _upload_percent(token: Any) -> int:
    """
    How much of the declared size has arrived.
    """
    declared = _number(token.fileSize)
    return min(100, int(100 * _number(token.uploadedFileSize) / declared)) if declared else 0


def _flavor_percent(flavors: Sequence[Any]) -> int:
    """
    How many of the renditions that will be made are there.
    """
    statuses = [words.status_of(flavor) for flavor in flavors]
    counted = [status for status in statuses if status not in words.FLAVOR_NOT_COUNTED]
    if not counted:
        return 0
    return int(100 * sum(status == words.FLAVOR_READY for status in counted) / len(counted))


def _original_bytes(flavors: Sequence[Any]) -> int | None:
    """
    The size of the file that was uploaded.
    """
    for flavor in flavors:
        if flavor.isOriginal is True:
            exact = _number(getattr(flavor, "sizeInBytes", None))
            return int(exact or _number(flavor.size) * 1024) or None
    return None
