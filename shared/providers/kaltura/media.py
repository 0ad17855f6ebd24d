"""Uploaded videos at Kaltura: an entry, an upload token bound to it, and a user for this upload alone.

Called by the reconciler of videos, the readiness poller and the grants, through `ports.Media`. The token is bound to
its entry before the first byte is sent. So a finished upload is processed without another call, and its KS can reach
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import Permanent
from shared.ports import (
    PROGRESSIVE_URL,
    Allowance,
    Change,
    Changes,
    ExternalIds,
    Grant,
    MediaState,
    Observation,
    Source,
    Stage,
    UploadGrant,
    UploadSpec,
)
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import SERVER_KS_S, UPLOAD_PATH, KalturaAccount
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.playback import addresses_grant
from shared.providers.kaltura.refusals import incomplete, is_gone, raise_unless_gone, remaining
from shared.providers.kaltura.signing import Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

ENTRY: Final = "entryId"
TOKEN: Final = "uploadTokenId"
UPLOADER: Final = "uploaderId"

PROTOCOL: Final = "kaltura"
"""The protocol of clients: forms to `uploadToken.upload`, each with a chunk and its offset."""

CHUNK_BYTES: Final = 5_000_000
"""The size of a chunk in Kaltura's browser clients."""

COPIER: Final = "copier"
"""The viewer for whom a host reads the file of a video. It is not a uid, because those of Firebase are longer."""

ACTIONS_MARGIN: Final = 20

_OF_ENTRIES: Final = ("id", "status", "moderationStatus", "mediaType", "msDuration", "duration", "width")
_OF_FLAVORS: Final = ("id", "entryId", "status", "size", "sizeInBytes", "containerFormat")
_OF_TOKENS: Final = ("id", "fileSize", "uploadedFileSize")
_OF_CHANGES: Final = (*_OF_ENTRIES, "referenceId", "updatedAt")


@dataclass(frozen=True, slots=True)
class KalturaMedia:
    """
    Fills `ports.Media`.
    """

    account: KalturaAccount
    name: str = NAME

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        See `ports.Media`. Creates entry and token and binds them, in one request.
        """
        # Created now, so that the very first upload does not fail without its role, and its first viewer does not wait.
        self.account.upload_role_name()
        self.account.addresses_role_name()
        entry = self._entry(reference, spec)
        uploader = mapping.uploader_of(self.account.namespace, reference)
        multi = self.account.client.multi(self.account.admin_ks())
        added = multi.ask(lambda c: c.media.add(entry))
        token = multi.ask(lambda c: c.uploadToken.add(_upload_token(spec)), ks=self._uploader_ks(uploader))
        bound = multi.ask(lambda c: c.media.addContent(added.result("id"), _content(token.result("id"))))
        multi.send()
        if added.error is not None:
            # Kaltura continues after a failed part: a token without an entry must not stay behind.
            if token.error is None:
                self.delete_media({TOKEN: str(token.answer().id), UPLOADER: uploader})
            raise self.account.doubted(added.error)
        for answer in (token, bound):
            if answer.error is not None:
                # The entry exists: the next reconcile finds it by its reference and completes it.
                raise incomplete(answer.error)
        return {ENTRY: str(added.answer().id), TOKEN: str(token.answer().id), UPLOADER: uploader}

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        See `ports.Media`.
        """
        client, ks = self.account.client, self.account.admin_ks()
        uploader = mapping.uploader_of(self.account.namespace, reference)
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
            token_id = str(client.call(uploader_ks, lambda c: c.uploadToken.add(_upload_token(spec))).id)
        if mapping.status_of(found[0]) == mapping.NO_CONTENT:
            client.call(ks, lambda c: c.media.addContent(entry_id, _content(token_id)))
        return {ENTRY: entry_id, TOKEN: token_id, UPLOADER: uploader}

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        See `ports.Media`. Kaltura creates the entry of a recording by itself. It is as public as the live entry, and
        has neither our reference nor our tag, by which the readiness poller and the sweep recognise our things. An
        orphan may have an upload's user, and with it a token.
        """
        recording = spec.recording or {}
        entry = self._entry(reference, spec)
        entry.mediaType = NotImplemented
        uploader = recording.get(UPLOADER)
        multi = self.account.client.multi(self.account.admin_ks())
        updated = multi.ask(lambda c: c.media.update(recording[ENTRY], entry))
        tokens = None
        if uploader is not None:
            tokens = multi.ask(lambda c: c.uploadToken.list(), ks=self._uploader_ks(uploader))
        multi.send()
        if updated.error is not None:
            raise self.account.doubted(updated.error)
        return recording if tokens is None else {**_first_token(tokens.answer().objects), **recording}

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        """
        See `ports.Media`. Reads entries, their flavors and their tokens, in one request.
        """
        if not external_ids:
            return []
        multi = self.account.client.multi(self.account.admin_ks())
        seen = _ask_all(multi, external_ids)
        multi.send()
        return seen()

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        """
        See `ports.Media`.
        """
        from KalturaClient.Plugins.Core import KalturaMediaEntry

        entry_id, ks = external_ids[ENTRY], self.account.admin_ks()
        named = KalturaMediaEntry(name=mapping.name_of(spec.title))
        try:
            self.account.client.call(ks, lambda c: c.media.update(entry_id, named))
        except Permanent as error:
            if not is_gone(error):
                raise

    def reprocess(self, external_ids: ExternalIds) -> None:
        """
        See `ports.Media`.
        """
        self.account.client.call(self.account.admin_ks(), lambda c: c.media.convert(external_ids[ENTRY]))

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        See `ports.Media`. Ends the issued KS first, so that no more bytes arrive; then deletes token, entry and user,
        and checks each, in one request. A recording has an entry only. If an orphan was given back and not yet
        completed, its token is found by its user.
        """
        uploader = external_ids.get(UPLOADER)
        if uploader is not None:
            external_ids = {**self._token_of(uploader), **external_ids} if TOKEN not in external_ids else external_ids
        multi = self.account.client.multi(self.account.admin_ks())
        answers: list[Asked] = []
        looks: dict[str, Asked] = {}
        if uploader is not None:
            # The result of ending the session is ignored: if it has ended before, its own KS is refused.
            multi.ask(lambda c: c.session.end(), ks=self._companion_ks(uploader))
        if TOKEN in external_ids and uploader is not None:
            answers.append(
                multi.ask(lambda c: c.uploadToken.delete(external_ids[TOKEN]), ks=self._uploader_ks(uploader))
            )
        if ENTRY in external_ids:
            answers.append(multi.ask(lambda c: c.media.delete(external_ids[ENTRY])))
        if uploader is not None:
            answers.append(multi.ask(lambda c: c.user.delete(uploader)))
            looks[UPLOADER] = multi.ask(lambda c: c.user.get(uploader))
        if TOKEN in external_ids:
            looks[TOKEN] = multi.ask(lambda c: c.uploadToken.get(external_ids[TOKEN]))
        if ENTRY in external_ids:
            looks[ENTRY] = multi.ask(lambda c: c.baseEntry.get(external_ids[ENTRY]))
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)
        return remaining(looks, external_ids)

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        """
        See `ports.Media`. Reads entries and their flavors, whose ids Kaltura fills in itself, in one request with the
        observation of uploads.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaMediaEntryFilter

        asked = KalturaMediaEntryFilter(
            adminTagsLike=self.account.tag,
            updatedAtGreaterThanOrEqual=int(since.timestamp()),
            statusIn=mapping.ARRIVED,
            moderationStatusIn=mapping.MODERATED,
            orderBy="-updatedAt",
        )
        multi = self.account.client.multi(self.account.admin_ks())
        answers = []
        for index in range(page, page + pages):
            pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=index)
            entries = multi.ask(partial(_list_media, asked, pager), fields=_OF_CHANGES)
            answers.append((entries, _ask_flavors(multi, entries.result("objects", "_all", "id"))))
        told = _ask_all(multi, uploads) if uploads else list
        multi.send()
        items = []
        for entries, flavors in answers:
            found = entries.answer().objects
            if not found:
                # Kaltura refuses to list the flavors of no entries.
                continue
            flavors_of = flavors.answer()
            for entry in found:
                reference = self.account.ours(entry.referenceId)
                if reference is not None:
                    entry_id, changed_at = str(entry.id), datetime.fromtimestamp(entry.updatedAt, UTC)
                    seen = _observation(entry, flavors_of(entry_id), None)
                    items.append(Change(reference, {ENTRY: entry_id}, changed_at, seen))
        return Changes(tuple(items), len(answers[-1][0].answer().objects) == mapping.PAGE, tuple(told()))

    def requests_for(self, size_bytes: int) -> int:
        """
        See `ports.Media`.
        """
        return 2 * math.ceil(size_bytes / CHUNK_BYTES) + ACTIONS_MARGIN

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        """
        See `ports.Media`. The KS can call `uploadToken.upload` at one address for its own token, with a limit of calls
        and time. Kaltura counts the calls for each KS, so the same allowance is the same KS.
        """
        privileges = (
            Privilege(Word.SET_ROLE, self.account.upload_role_name()),
            # The `?` before the star pins the path; see signing.py.
            Privilege(Word.URI_RESTRICT, f"{UPLOAD_PATH}|{UPLOAD_PATH}?*"),
            Privilege(Word.ACTIONS_LIMIT, str(allowance.requests)),
            Privilege(Word.SESSION_ID, external_ids[UPLOADER]),
        )
        ks = self.account.repeatable_ks(external_ids[UPLOADER], privileges, allowance.expires_at)
        return UploadGrant(
            protocol=PROTOCOL,
            url=f"{self.account.url}{UPLOAD_PATH}",
            token=ks,
            expires_at=allowance.expires_at,
            values={"ks": ks, TOKEN: external_ids[TOKEN], "chunkSizeBytes": CHUNK_BYTES},
        )

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        See `ports.Media`.
        """
        return addresses_grant(self.account, external_ids[ENTRY], viewer_uid, lifetime_s, revocation_id)

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        """
        See `ports.Media`. The uploaded file, byte for byte.
        """
        grant = addresses_grant(self.account, external_ids[ENTRY], COPIER, lifetime_s)
        return Source(str(grant.values[PROGRESSIVE_URL]))

    def _uploader_ks(self, uploader: str) -> str:
        """
        Return a KS of the upload's own user for the server's own calls.
        """
        return self.account.user_ks(uploader, (), SERVER_KS_S)

    def _token_of(self, uploader: str) -> ExternalIds:
        """
        Return the token of an upload, by its user; empty if there is none.
        """
        listed = self.account.client.call(self._uploader_ks(uploader), lambda c: c.uploadToken.list())
        return _first_token(listed.objects)

    def _companion_ks(self, uploader: str) -> str:
        """
        Return a KS that ends, with itself, every KS that was issued for the upload.
        """
        return self.account.user_ks(uploader, (Privilege(Word.SESSION_ID, uploader),), SERVER_KS_S)

    def _entry(self, reference: str, spec: UploadSpec) -> Any:
        from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

        return KalturaMediaEntry(
            name=mapping.name_of(spec.title),
            mediaType=KalturaMediaType(KalturaMediaType.VIDEO),
            referenceId=self.account.theirs(reference),
            adminTags=self.account.tag,
            accessControlId=self.account.access_control_id(),
            partnerData=spec.stamp or NotImplemented,
        )

    def _by_reference(self, reference: str) -> Any:
        from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

        return KalturaBaseEntryFilter(
            statusIn=mapping.ALIVE,
            moderationStatusIn=mapping.MODERATED,
            orderBy="+createdAt",
            **self.account.made_under(reference),
        )


def _upload_token(spec: UploadSpec) -> Any:
    from KalturaClient.Plugins.Core import KalturaUploadToken

    return KalturaUploadToken(fileName=mapping.file_name_of(spec.file_name), fileSize=spec.size_bytes)


def _first_token(tokens: Sequence[Any]) -> ExternalIds:
    return {TOKEN: str(tokens[0].id)} if tokens else {}


def _content(token_id: Any) -> Any:
    from KalturaClient.Plugins.Core import KalturaUploadedFileTokenResource

    return KalturaUploadedFileTokenResource(token=token_id)


def _number(value: Any) -> float:
    """
    Return a number of the library's objects, 0 if the answer had none.
    """
    return float(value) if isinstance(value, int | float) else 0.0


def _list_media(asked: Any, pager: Any, library: Any) -> Any:
    return library.media.list(asked, pager)


@dataclass(frozen=True, slots=True)
class _Flavors:
    """
    The flavors of one entry.

    Attributes:
        source: The uploaded one, `None` if there is none.
        every: All of them; `None` if they are not known.
    """

    source: Any
    every: Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class _FlavorsAnswer:
    """
    The calls of a multirequest that ask for the flavors of several entries.
    """

    sources: Asked
    every: Asked

    def answer(self) -> Callable[[str], _Flavors]:
        """
        Return a function that returns the flavors of an entry, by its id.

        Raises:
            Transient, Doubtful, Permanent: As `Asked.answer`.
        """
        source_of = {str(flavor.entryId): flavor for flavor in self.sources.answer().objects}
        page = self.every.answer().objects
        flavors_of: dict[str, list[Any]] = {}
        for flavor in page:
            flavors_of.setdefault(str(flavor.entryId), []).append(flavor)
        # An entry has up to ten flavors. For many entries one page has only some of them, and does not show which are
        # missing.
        whole = len(page) < mapping.PAGE
        return lambda entry_id: _Flavors(source_of.get(entry_id), flavors_of.get(entry_id, []) if whole else None)


def _ask_all(multi: Multi, external_ids: Sequence[ExternalIds]) -> Callable[[], Sequence[Observation]]:
    """
    Ask for the state of up to a page of videos.

    Returns:
        A function that returns the observations, in the order asked, once the request is answered; raises as
        `Asked.answer`.
    """
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaUploadTokenFilter

    ids = ",".join(sorted({one[ENTRY] for one in external_ids}))
    token_ids = ",".join(sorted({one[TOKEN] for one in external_ids if TOKEN in one}))
    page = KalturaFilterPager(pageSize=mapping.PAGE)
    entries = multi.ask(lambda c: c.baseEntry.getByIds(ids), fields=_OF_ENTRIES, many=True)
    flavors = _ask_flavors(multi, ids)
    tokens = multi.ask(lambda c: c.uploadToken.list(KalturaUploadTokenFilter(idIn=token_ids), page), fields=_OF_TOKENS)

    def seen() -> Sequence[Observation]:
        by_id = {str(entry.id): entry for entry in entries.answer()}
        flavors_of = flavors.answer()
        token_by_id = {} if tokens.error else {str(token.id): token for token in tokens.answer().objects}
        return [
            _observation(by_id.get(one[ENTRY]), flavors_of(one[ENTRY]), token_by_id.get(one.get(TOKEN, "")))
            for one in external_ids
        ]

    return seen


def _ask_flavors(multi: Multi, entry_ids: str) -> _FlavorsAnswer:
    """
    Ask for the flavors of up to a page of entries: the uploaded one of each, and all of them, which give the percent.
    """
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaFlavorAssetFilter

    page = KalturaFilterPager(pageSize=mapping.PAGE)
    sources = KalturaFlavorAssetFilter(entryIdIn=entry_ids, flavorParamsIdEqual=mapping.SOURCE_FLAVOR)
    every = KalturaFlavorAssetFilter(entryIdIn=entry_ids)
    return _FlavorsAnswer(
        multi.ask(lambda c: c.flavorAsset.list(sources, page), fields=_OF_FLAVORS),
        multi.ask(lambda c: c.flavorAsset.list(every, page), fields=_OF_FLAVORS),
    )


def _observation(entry: Any, flavors: _Flavors, token: Any) -> Observation:
    """
    Return the state of a video.

    Args:
        entry: Its entry; `None` if it is gone.
        flavors: The flavors of the entry.
        token: The token of the upload, `None` if there is none.
    """
    if entry is None:
        return Observation(MediaState.GONE)
    status = mapping.status_of(entry)
    state = mapping.media_state(status)
    source = flavors.source
    media_type = None if source is None else mapping.media_type(source.containerFormat)
    size_bytes = None if source is None else _bytes_of(source)
    if mapping.is_rejected(entry) and state not in (MediaState.ERROR, MediaState.GONE):
        return Observation(MediaState.REJECTED)
    match state:
        case MediaState.AWAITING_UPLOAD:
            received_bytes = 0 if token is None else int(_number(token.uploadedFileSize))
            return Observation(
                state,
                percent=0 if token is None else _upload_percent(token),
                stage=Stage.RECEIVING if received_bytes else Stage.AWAITING_BYTES,
                received_bytes=received_bytes,
            )
        case MediaState.PROCESSING:
            percent = None if flavors.every is None else _flavor_percent(flavors.every)
            return Observation(state, percent=percent, stage=mapping.STAGES.get(status), size_bytes=size_bytes)
        case MediaState.READY:
            return Observation(
                state,
                percent=100,
                duration_s=_number(entry.msDuration) / 1000 or _number(entry.duration),
                size_bytes=size_bytes,
                media_type=media_type,
                is_video=_number(entry.width) > 0 and not mapping.is_picture(entry),
            )
        case _:
            # Kaltura recognised the file as a video and could not convert it. Another attempt may succeed.
            retryable = status == mapping.CONVERSION_FAILED and media_type is not None
            reason = mapping.NOT_CONVERTED if retryable else mapping.REASONS.get(status)
            return Observation(state, media_type=media_type, reason=reason, retryable=retryable)


def _upload_percent(token: Any) -> int:
    """
    Return how many percent of the declared size have arrived.
    """
    declared = _number(token.fileSize)
    return min(100, int(100 * _number(token.uploadedFileSize) / declared)) if declared else 0


def _flavor_percent(flavors: Sequence[Any]) -> int:
    """
    Return how many percent of the planned renditions exist.
    """
    statuses = [mapping.status_of(flavor) for flavor in flavors]
    counted = [status for status in statuses if status not in mapping.FLAVOR_NOT_COUNTED]
    if not counted:
        return 0
    return int(100 * sum(status == mapping.FLAVOR_READY for status in counted) / len(counted))


def _bytes_of(flavor: Any) -> int | None:
    """
    Return the size of a flavor's file: the exact one, or the one in KB, which Kaltura rounds.
    """
    exact = _number(getattr(flavor, "sizeInBytes", None))
    return int(exact or _number(flavor.size) * 1024) or None
