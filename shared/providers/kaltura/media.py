"""Uploaded videos at Kaltura: an entry, an upload token bound to it, and a user for this upload alone.

Called by the reconciler of videos, the readiness poller and the grants, through `ports.Media`. The token is bound to
its entry before the first byte is sent. So a finished upload is processed without another call, and its KS can reach
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    Observation,
    Source,
    UploadGrant,
    UploadSpec,
)
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import SERVER_KS_S, UPLOAD_PATH, KalturaAccount
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.observations import (
    ENTRY,
    OF_CHANGES,
    TOKEN,
    UPLOADER,
    ask_flavors,
    ask_observations,
    observation_of,
)
from shared.providers.kaltura.playback import addresses_grant
from shared.providers.kaltura.refusals import incomplete, is_gone, raise_unless_gone, remaining
from shared.providers.kaltura.signing import Privilege, Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked


PROTOCOL: Final = "kaltura"
"""The protocol of clients: forms to `uploadToken.upload`, each with a chunk and its offset."""

CHUNK_BYTES: Final = 5_000_000
"""The size of a chunk in Kaltura's browser clients."""

COPIER: Final = "copier"
"""The viewer for whom a host reads the file of a video. It is not a uid, because those of Firebase are longer."""

ACTIONS_MARGIN: Final = 20


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
        observe = ask_observations(multi, external_ids)
        multi.send()
        return observe()

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
        reads: dict[str, Asked] = {}
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
            reads[UPLOADER] = multi.ask(lambda c: c.user.get(uploader))
        if TOKEN in external_ids:
            reads[TOKEN] = multi.ask(lambda c: c.uploadToken.get(external_ids[TOKEN]))
        if ENTRY in external_ids:
            reads[ENTRY] = multi.ask(lambda c: c.baseEntry.get(external_ids[ENTRY]))
        multi.send()
        for answer in answers:
            raise_unless_gone(answer)
        return remaining(reads, external_ids)

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
            entries = multi.ask(partial(_list_media, asked, pager), fields=OF_CHANGES)
            answers.append((entries, ask_flavors(multi, entries.result("objects", "_all", "id"))))
        observe = ask_observations(multi, uploads) if uploads else list
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
                    seen = observation_of(entry, flavors_of(entry_id), None)
                    items.append(Change(reference, {ENTRY: entry_id}, changed_at, seen))
        return Changes(tuple(items), len(answers[-1][0].answer().objects) == mapping.PAGE, tuple(observe()))

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


def _list_media(asked: Any, pager: Any, library: Any) -> Any:
    return library.media.list(asked, pager)
