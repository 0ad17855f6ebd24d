"""Uploaded videos at Cloudflare Stream: direct creator uploads by TUS.

Called by the reconciler of videos, the readiness poller and the grants, through `ports.Media`. The limits are sent in
the header `Upload-Metadata`, because Cloudflare ignores a body there. The address that bytes are sent to is returned
once only, and anybody who has it may send them. So it is stored sealed. If the answer of a creation was lost, the
upload is deleted and created anew.

Source: cloudflare/cloudflare-docs, stream/uploading-videos/direct-creator-uploads and resumable-uploads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.core.errors import Permanent, Transient, WrongState
from shared.limits.buckets import Priority
from shared.ports import (
    CHANGES_MAX,
    MANIFEST_URL,
    PROGRESS_TOLD,
    THUMBNAIL_URL,
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
from shared.providers.cloudflare import mapping
from shared.providers.cloudflare.account import NAME, UID, UPLOAD, CloudflareAccount, Item, unless_gone
from shared.providers.cloudflare.signing import TOKEN_LIFETIME_MAX_S, UploadAddress

PROTOCOL: Final = "tus"
"""The protocol of clients: https://tus.io/protocols/resumable-upload, to an address that exists already."""

TUS: Final = "1.0.0"

CHUNK_BYTES: Final = 20 * 1024 * 1024
"""The size of a client's chunk. Cloudflare accepts 5 to 200 MiB, in steps of 256 KiB."""

SOURCE_PAUSE_S: Final = 5.0
"""The pause between two checks whether Cloudflare has made a file of a video."""

PROCESSED_WITHIN_S: Final = 2 * 24 * 3600
"""Changes are not searched for videos created longer ago than an upload and its processing can last."""


@dataclass(frozen=True, slots=True)
class CloudflareMedia:
    """
    Fills `ports.Media`.
    """

    account: CloudflareAccount
    name: str = NAME

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        See `ports.Media`. Reserves minutes until the bytes have arrived, or the address has expired.
        """
        account = self.account
        expires_at = account.clock() + timedelta(seconds=account.upload_lifetime_s)
        described = mapping.metadata(
            {
                mapping.NAME: spec.title,
                mapping.REFERENCE: mapping.theirs(account.namespace, reference),
                **({mapping.STAMP: spec.stamp} if spec.stamp else {}),
                "maxDurationSeconds": str(min(account.max_duration_s, mapping.DURATION_MAX_S)),
                "expiry": mapping.told_instant(expires_at.replace(microsecond=0)),
                "requiresignedurls": None,
            }
        )
        told = account.headers_of(
            "stream.create",
            lambda s: s.with_raw_response.create(
                account_id=account.account_id,
                direct_user=True,
                tus_resumable=TUS,
                upload_length=spec.size_bytes,
                upload_creator=mapping.creator_of(account.namespace, reference),
                upload_metadata=described,
            ),
        )
        uid, url = told.get("stream-media-id"), told.get("location")
        if not uid or not url:
            # The upload exists, so the next reconcile finds it by its reference.
            from shared.providers.cloudflare.client import WIRE

            WIRE.malformed("stream.create")
        return {UID: uid, UPLOAD: account.signing_key.seal(UploadAddress(url, expires_at))}

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        See `ports.Media`. An upload whose bytes have not arrived is useless without its address. It is deleted, which
        frees its reserved minutes, and another one is created.
        """
        made = self._made_under(reference)
        arrived = [video for video in made if mapping.state_of(video) != mapping.PENDING_UPLOAD]
        if arrived:
            return {UID: str(arrived[0]["uid"])}
        for video in made:
            self.account.delete(str(video["uid"]))
        return self.prepare_upload(reference, spec) if made else {}

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        See `ports.Media`. Things created by us are marked, and private, already. No live events are recorded here.
        """
        video = self.account.get((spec.recording or {}).get(UID, ""))
        if video is None or self.account.ours(video) != reference:
            raise _not_offered("adopt_recording", "Cloudflare has no such video that was made by this deployment.")
        return {UID: str(video["uid"])}

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        """
        See `ports.Media`. One video is read by its id, and its progress from its upload address; many are read by a
        list, 200 at once.
        """
        account = self.account.at(Priority.ROUTINE)
        if len(external_ids) == 1:
            return [self._look_at(account, external_ids[0])]
        uids = sorted({one[UID] for one in external_ids})
        found: dict[str, Item] = {}
        for first in range(0, len(uids), mapping.IDS_MAX):
            batch = uids[first : first + mapping.IDS_MAX]
            for video in account.list_videos(id=",".join(batch), limit=mapping.LIST_MAX):
                found[str(video.get("uid"))] = video
        for uid in uids:
            # A list may lag behind. A video that is missing from it is read by its id before it counts as gone.
            missed = None if uid in found else account.get(uid)
            if missed is not None:
                found[uid] = missed
        return [_observation(found.get(one[UID]), account.clock()) for one in external_ids]

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        """
        See `ports.Media`. The whole meta is sent, because Cloudflare replaces it as a whole.
        """
        account = self.account
        meta = {
            mapping.NAME: spec.title,
            mapping.REFERENCE: mapping.theirs(account.namespace, reference),
            **({mapping.STAMP: spec.stamp} if spec.stamp else {}),
        }
        with unless_gone():
            account.ask(
                "stream.edit",
                lambda s: s.with_raw_response.edit(external_ids[UID], account_id=account.account_id, meta=meta),
                object,
            )

    def reprocess(self, external_ids: ExternalIds) -> None:
        """
        See `ports.Media`. Refuses (never): there is no such call.
        """
        raise _not_offered("reprocess", "Cloudflare does not process a video again. Upload it again.")

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        See `ports.Media`. This also ends the upload address and frees the reserved minutes.
        """
        return self.account.at(Priority.BULK).delete_and_look(external_ids[UID])

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        """
        See `ports.Media`. No list is sorted by the time of change. So everything that can still be in progress is
        listed by its time of creation, up to 1,000 in one call. The same list has the state of uploads, but not their
        progress: the upload addresses of the first `PROGRESS_TOLD` that still wait for bytes are asked, one by one.
        """
        account = self.account.at(Priority.ROUTINE)
        now = account.clock()
        made_since = since - timedelta(seconds=account.upload_lifetime_s + PROCESSED_WITHIN_S)
        made = list(account.made_in(made_since, now + timedelta(days=1)))
        changed = sorted(self._changed(made, since, now), key=lambda change: change.changed_at, reverse=True)
        begin, end = (page - 1) * CHANGES_MAX, (page - 1 + pages) * CHANGES_MAX
        by_uid = {str(video.get("uid")): video for video in made}
        # The list may lag behind: an upload that is missing from it is assumed to wait for its bytes.
        waiting = Observation(MediaState.AWAITING_UPLOAD)
        seen = [_observation(by_uid[one[UID]], now) if one[UID] in by_uid else waiting for one in uploads]
        indices = [index for index, one in enumerate(seen) if one.state is MediaState.AWAITING_UPLOAD]
        for index in indices[:PROGRESS_TOLD]:
            seen[index] = self._receiving(uploads[index].get(UPLOAD, "")) or seen[index]
        return Changes(tuple(changed[begin:end]), len(changed) > end, tuple(seen))

    def requests_for(self, size_bytes: int) -> int:
        """
        See `ports.Media`. Cloudflare limits bytes, not requests: it accepts no more than were announced.
        """
        return 0

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        """
        See `ports.Media`. The address is the secret, and stays valid until it expires, whatever lifetime is asked for.

        Raises:
            WrongState: It has expired, or it was sealed with a key that is no longer used (never).
        """
        address = self.account.signing_key.unseal(external_ids.get(UPLOAD, ""))
        now = self.account.clock()
        if address is None or address.expires_at <= now:
            raise WrongState("The time for this upload is over. Start a new one.", reason="UPLOAD_EXPIRED")
        return UploadGrant(
            protocol=PROTOCOL,
            url=address.url,
            token=address.url,
            expires_at=min(address.expires_at, allowance.expires_at),
            values={"chunkSizeBytes": CHUNK_BYTES},
            renewable_until=address.expires_at,
        )

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        See `ports.Media`. The token replaces the video's id in the address, and cannot be revoked.
        """
        expires_at = self.account.clock() + timedelta(seconds=min(lifetime_s, TOKEN_LIFETIME_MAX_S))
        token = self.account.signing_key.playback_token(external_ids[UID], expires_at)
        root = f"{self.account.playback_url}/{token}"
        manifest_url = f"{root}/manifest/video.m3u8"
        return Grant(
            url=manifest_url,
            token=token,
            expires_at=expires_at,
            values={MANIFEST_URL: manifest_url, THUMBNAIL_URL: f"{root}/thumbnails/thumbnail.jpg"},
            bare_url=f"{self.account.playback_url}/{external_ids[UID]}/manifest/video.m3u8",
        )

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        """
        See `ports.Media`. Cloudflare makes one file of a video when it is first asked to, and keeps it with the video.
        """
        account = self.account.at(Priority.BULK)
        made = account.ask(
            "stream.downloads.create",
            lambda s: s.downloads.with_raw_response.create(external_ids[UID], account_id=account.account_id),
            dict,
        )
        default = made.get("default")
        if not isinstance(default, dict) or default.get("status") != "ready":
            raise Transient(
                "Cloudflare is still making a file of the video.",
                provider=NAME,
                operation="source",
                code="SOURCE_NOT_READY",
                retry_after_s=SOURCE_PAUSE_S,
            )
        expires_at = account.clock() + timedelta(seconds=min(lifetime_s, TOKEN_LIFETIME_MAX_S))
        token = account.signing_key.playback_token(external_ids[UID], expires_at, is_downloadable=True)
        return Source(f"{account.playback_url}/{token}/downloads/default.mp4")

    def _made_under(self, reference: str) -> list[Item]:
        """
        Return the videos created under a reference, the oldest first.
        """
        creator = mapping.creator_of(self.account.namespace, reference)
        listed = self.account.list_videos(creator=creator, asc=True, limit=mapping.LIST_MAX)
        return [video for video in listed if video.get("creator") == creator]

    def _look_at(self, account: CloudflareAccount, external_ids: ExternalIds) -> Observation:
        video = account.get(external_ids[UID])
        seen = _observation(video, account.clock())
        if seen.state is not MediaState.AWAITING_UPLOAD:
            return seen
        return self._receiving(external_ids.get(UPLOAD, "")) or seen

    def _receiving(self, sealed: str) -> Observation | None:
        """
        Return how much of an upload has arrived, as its address says; `None` if it does not say.
        """
        address = self.account.signing_key.unseal(sealed)
        if address is None:
            return None
        try:
            # This is not a call of the API, so it is not counted: anybody with the address may ask.
            told = self.account.client.head("tus.head", address.url, {"Tus-Resumable": TUS}) or {}
            received, size = int(told["upload-offset"]), int(told["upload-length"])
        except (Transient, Permanent, KeyError, ValueError):
            # The state is known. The progress can wait for the next observation.
            return None
        return _awaiting(received, size)

    def _changed(self, made: Sequence[Item], since: datetime, now: datetime) -> Iterator[Change]:
        for video in made:
            reference = self.account.ours(video)
            changed_at = mapping.instant(video.get("modified"))
            seen = _observation(video, now)
            if seen.state is MediaState.ERROR and mapping.state_of(video) == mapping.PENDING_UPLOAD:
                # The expiry of an address does not change the video at Cloudflare.
                changed_at = mapping.instant(video.get("uploadExpiry"))
            if reference is None or changed_at is None or seen.state is MediaState.AWAITING_UPLOAD:
                continue
            if changed_at >= since:
                yield Change(reference, {UID: str(video["uid"])}, changed_at, seen)


def _observation(video: Item | None, now: datetime) -> Observation:
    """
    Return the state of a video. An expired upload has failed.
    """
    if video is None:
        return Observation(MediaState.GONE)
    told = mapping.state_of(video)
    state = mapping.MEDIA_STATES.get(told, MediaState.PROCESSING)
    match state:
        case MediaState.AWAITING_UPLOAD:
            expires_at = mapping.instant(video.get("uploadExpiry"))
            if expires_at is not None and expires_at <= now:
                return Observation(MediaState.ERROR, reason=mapping.EXPIRED)
            # Only the upload address has the progress.
            return Observation(MediaState.AWAITING_UPLOAD)
        case MediaState.READY if video.get("readyToStream") is True:
            return Observation(
                MediaState.READY,
                100,
                duration_s=_known(video.get("duration")),
                size_bytes=None if (size := _known(video.get("size"))) is None else int(size),
                is_video=0 not in _input_of(video),
                # Cloudflare does not return the type of a file, and accepts videos only: other files end in an error,
                # and have no width.
                type_is_verified=all(map(_known, _input_of(video))),
            )
        case MediaState.ERROR:
            return Observation(MediaState.ERROR, reason=mapping.reason_of(video))
    stage = mapping.STAGES.get(told, Stage.CONVERTING)
    return Observation(MediaState.PROCESSING, mapping.percent_of(video), stage)


def _awaiting(received_bytes: int, size_bytes: int) -> Observation:
    percent = 100 * received_bytes // size_bytes if size_bytes > 0 else 0
    stage = Stage.RECEIVING if received_bytes else Stage.AWAITING_BYTES
    return Observation(MediaState.AWAITING_UPLOAD, percent, stage, received_bytes=received_bytes)


def _known(value: object) -> float | None:
    """
    Return a duration or a size, `None` if Cloudflare does not know it: -1 means unknown, and no video has 0.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 < value < math.inf else None


def _input_of(video: Item) -> tuple[object, object]:
    """
    Return width and height of the uploaded picture, as far as they are known.
    """
    size = video.get("input")
    return (size.get("width"), size.get("height")) if isinstance(size, Mapping) else (None, None)


def _not_offered(operation: str, message: str) -> Permanent:
    return Permanent(message, provider=NAME, operation=operation, code="NOT_OFFERED")
