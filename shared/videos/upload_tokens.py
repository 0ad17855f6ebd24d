"""Upload tokens: who may upload, renew or replace a video, and the grant that they get.

Called by the callables of `functions/`. `shared/sessions/access.py` decides who may upload, `policy` what, the
reconciliation creates the video, and the provider makes the token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.callers import Caller
from shared.core.errors import NotFound, TooMany, WrongState
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    session_path,
    uploader_path,
    video_path,
)
from shared.core.retry import RetryOnConflict
from shared.ports import (
    Clock,
    Condition,
    Create,
    Document,
    Documents,
    MediaState,
    Queue,
    Total,
    Update,
    UploadGrant,
    UploadSpec,
    Write,
)
from shared.reconcile import AT_ONCE, LEASE_S, Progress, Reconciler
from shared.sessions.access import require_owner
from shared.sessions.pairing import retrieve_or_create
from shared.sessions.session import Session
from shared.videos.budget import Granted, Need, next_granted
from shared.videos.commands import owned_video
from shared.videos.controller import Videos
from shared.videos.model import Video
from shared.videos.pace import Pace, pace_of
from shared.videos.policy import check_order, check_quotas, check_size, checked_file_name, checked_title, title_of
from shared.videos.quotas import in_session, open_uploads, owned_by, videos_that
from shared.videos.readiness import ReadinessPoller
from shared.videos.spec import REQUESTS_MAX, Asked, Spec
from shared.videos.turns import next_order, take_turn
from shared.videos.uploadable import UPLOAD_GRANT_MAX_S, repeated, require_wanted, upload_ends_at, uploadable

Wished = Callable[[Document | None], tuple[int, tuple[Write, ...]]]
"""
Return the number of the upload that a request asks for, and the writes for it, given the present document of the video;
raise to refuse.
"""

TURNS_MAX: Final = 20
"""The number of times that one request tries to take its turn if the teacher's other requests are faster. A teacher who
uploads a folder sends many at once."""


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """
    A teacher's request to upload a new video.

    Attributes:
        session_id: The id of their session.
        request_id: Chosen by the client, the same when it repeats the request.
        file_name: The name of the file on the teacher's machine.
        size_bytes: The size of the file.
        title: The title that viewers read; `None` takes the file's name.
        order: Its place among the session's videos; `None` puts it last.
    """

    session_id: str
    request_id: str
    file_name: str
    size_bytes: int
    title: str | None = None
    order: int | None = None


@dataclass(frozen=True, slots=True)
class ReplaceRequest:
    """
    The file by which a teacher replaces a video.

    Attributes:
        video_id: The video's id.
        request_id: Chosen by the client, the same when it repeats the request.
        file_name: The name of the file on the teacher's machine.
        size_bytes: The size of the file.
        title: The title that viewers read once it plays; `None` keeps the present one.
    """

    video_id: str
    request_id: str
    file_name: str
    size_bytes: int
    title: str | None = None


@dataclass(frozen=True, slots=True)
class UploadToken:
    """
    The answer to a request: the video, its provider, the grant to send its bytes, the number of bytes that have
    arrived, and the pace that the rest needs.
    """

    video_id: str
    provider: str
    grant: UploadGrant
    received_bytes: int
    pace: Pace


@dataclass(frozen=True, slots=True)
class UploadTokens:
    """
    The issuer of upload tokens.

    Attributes:
        documents: The store of all documents.
        queue: Gets the tasks.
        clock: Now, in UTC.
        videos: The Controller of videos.
        pollers: The readiness pollers that watch the videos, by provider.
        provider: The provider for videos of sessions that name none.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    videos: Videos
    pollers: Mapping[str, ReadinessPoller]
    provider: str

    def issue_upload_token(self, caller: Caller, request: UploadRequest) -> UploadToken:
        """
        Create the empty video at the provider and let the caller send its bytes. Repeatable: the same request gets the
        same video.

        Raises:
            NotAllowed: The caller is no teacher, or not this session's (never).
            NotFound: There is no such session (never).
            BadRequest: Name, title or size are not allowed (never).
            TooMany: A quota or the rate of tokens is used up (once there is room).
            WrongState: The request was used for another file, its upload has ended, or no connection is fast enough for
                the rest of its time (never).
            Transient: The provider is not ready yet; the same request continues where it was (again).
            Conflict: The caller's other requests were faster every time (again).
        """
        (document,) = self.documents.read(session_path(request.session_id))
        session = require_owner(caller, None if document is None else Session.from_document(document))
        upload = self._upload(request.file_name, request.size_bytes, request.title)
        check_order(request.order)
        key = _fingerprint(caller.uid, session.id, str(session.created_at), request.request_id)
        digest = _fingerprint(upload.title, upload.file_name, upload.size_bytes)
        video_id = key[:20]

        def wished(existing: Document | None) -> tuple[int, tuple[Write, ...]]:
            if existing is not None:
                return repeated(Spec.from_document(existing), key, digest), ()
            self._require_room(caller, session.id, upload)
            identity = retrieve_or_create(self.documents, session)
            asked = Asked(key, digest, 1)
            order = next_order(self.documents, identity) if request.order is None else request.order
            new = Create(video_path(video_id), self._new(identity, self._provider(session), order, upload, asked))
            return asked.number, (new,)

        return self._upload_token(video_id, self._take_turn(caller, video_id, wished))

    def replace_video(self, caller: Caller, request: ReplaceRequest) -> UploadToken:
        """
        Let the caller upload a file that replaces a video once it is ready; until then the present version plays.
        Repeatable as `issue_upload_token`. An earlier replacement that is not ready yet is released.

        Raises:
            NotFound: There is no such video (never).
            The others: As `issue_upload_token`.
        """
        document, session = owned_video(caller, request.video_id, self.documents)
        if document.fields["gone"]:
            raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND")
        title = request.title or Spec.from_document(document).upload.title
        upload = self._upload(request.file_name, request.size_bytes, title)
        key = _fingerprint(caller.uid, request.video_id, request.request_id)
        digest = _fingerprint(request.title or "", upload.file_name, upload.size_bytes)

        def wished(existing: Document | None) -> tuple[int, tuple[Write, ...]]:
            if existing is None or existing.fields["gone"]:
                raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND")
            spec = Spec.from_document(existing)
            if spec.deleted or any(one.key == key for one in spec.requests):
                return repeated(spec, key, digest), ()
            self._require_room(caller, session.id, upload, existing)
            asked = Asked(key, digest, spec.number + 1)
            requests = (*spec.requests, asked)[-REQUESTS_MAX:]
            spec = replace(spec, upload=upload, asked_at=self.clock(), number=asked.number, requests=requests)
            changes = {"wish": spec.to_fields(), "dueAt": AT_ONCE}
            return asked.number, (Update(existing.path, changes, if_version=existing.version),)

        return self._upload_token(request.video_id, self._take_turn(caller, request.video_id, wished))

    def renew_upload_token(self, caller: Caller, video_id: str) -> UploadToken:
        """
        Return a new token for an upload that takes long; the bytes that have arrived stay.

        Raises:
            As `replace_video`; no quota applies.
        """
        document, _ = owned_video(caller, video_id, self.documents)
        number = Spec.from_document(document).number
        self._take_turn(caller, video_id, lambda _: (number, ()))
        return self._upload_token(video_id, number)

    def _upload(self, file_name: str, size_bytes: int, title: str | None) -> UploadSpec:
        """
        Return the spec of an upload, as it will be stored.

        Raises:
            BadRequest: It is not allowed (never).
        """
        check_size(size_bytes, self.videos.policy)
        name = checked_file_name(file_name)
        return UploadSpec(checked_title(title or title_of(name)), name, size_bytes)

    def _new(
        self, identity: SessionIdentity, provider: str, order: int, upload: UploadSpec, asked: Asked
    ) -> dict[str, object]:
        """
        Return the document of a video that was just requested. It is due from the beginning: if we die before the
        reconciliation, the sweep continues it.
        """
        now = self.clock()
        video = Video(
            identity,
            provider,
            now,
            order,
            upload,
            asked_at=now,
            deadline_at=now + timedelta(seconds=self.videos.policy.upload_deadline_s),
            progress=Progress(due_at=now + timedelta(seconds=LEASE_S)),
        )
        return {**video.to_fields(), "wish": Spec(upload, now, requests=(asked,)).to_fields()}

    def _provider(self, session: Session) -> str:
        """
        Return the provider that gets the next video of a session.

        Raises:
            WrongState: This deployment has no account there (never, until it has).
        """
        provider = session.video_provider or self.provider
        if provider not in self.pollers:
            raise WrongState(
                f"This project has no account at {provider}. Choose another video provider.",
                reason="PROVIDER_NOT_AVAILABLE",
            )
        return provider

    def _take_turn(self, caller: Caller, video_id: str, wished: Wished) -> int:
        """
        Count a token, and write the request for a video, on condition that no other request of this teacher came
        between. So no request decides by counts that are older than its write.

        Returns:
            The number of the requested upload.

        Raises:
            TooMany: The teacher was given too many tokens in this minute (in the next).
            Conflict: The teacher's other requests were faster every time (again).
        """
        retry = RetryOnConflict("Other requests of the same teacher came first. Try again.", TURNS_MAX)
        while True:
            existing, turns = self.documents.read(video_path(video_id), uploader_path(caller.uid))
            turn = self._turn(caller, turns)
            number, writes = wished(existing)
            with retry:
                self.documents.commit(turn, *writes)
                return number

    def _turn(self, caller: Caller, turns: Document | None) -> Write:
        most = self.videos.policy.tokens_per_minute_max
        now_s = int(self.clock().timestamp())
        minute = now_s // 60
        issued = 0 if turns is None or turns.fields["minute"] != minute else turns.fields["issued"]
        if issued >= most:
            raise TooMany(
                f"You asked for {most} upload tokens within a minute. Wait a moment.",
                reason="UPLOAD_TOKENS_TOO_MANY",
                retry_after_s=60 - now_s % 60,
            )
        return take_turn(caller.uid, turns, minute=minute, issued=issued + 1)

    def _require_room(
        self, caller: Caller, session_id: str, upload: UploadSpec, replaced: Document | None = None
    ) -> None:
        """
        Refuse an upload that has no room in the quotas.

        Raises:
            TooMany: Too many uploads are open, or there is no room for another video (once there is).
        """
        policy = self.videos.policy
        most = policy.uploads_in_flight_max
        if open_uploads(caller.uid, self.documents, most) >= most:
            raise TooMany(
                f"You have {most} uploads open. Finish or cancel one of them first.", reason="UPLOADS_OPEN_TOO_MANY"
            )
        # A replaced video makes room for its replacement.
        more, freed_bytes = (1, 0) if replaced is None else (0, replaced.fields["bytes"])

        def with_it(whose: Condition) -> Total:
            total = videos_that(whose, self.documents)
            return Total(total.count + more, total.sum - freed_bytes + upload.size_bytes)

        check_quotas(with_it(in_session(session_id)), with_it(owned_by(caller.uid)), policy)

    def _upload_token(self, video_id: str, number: int) -> UploadToken:
        """
        Reconcile a video until its upload waits for bytes, wake the readiness poller, and return the token.

        Raises:
            WrongState: The upload is over; `video_id` says which video it was for, because this may be the first answer
                that the caller gets (never).
        """
        try:
            return self._prepared(video_id, number)
        except WrongState as error:
            error.video_id = video_id
            raise

    def _prepared(self, video_id: str, number: int) -> UploadToken:
        began_at = self.clock()
        look = Reconciler(self.documents, self.queue, self.clock).reconcile(self.videos, video_id)
        record = uploadable(look.record, look.spec, number, self.clock())
        self.pollers[record.provider].wake()
        received_bytes = self._received_bytes(record, began_at)
        granted = self._granted(video_id, number, record, received_bytes)
        grant = self.videos.media(record.provider).upload_grant(record.external_ids, record.upload, granted.allowance)
        ends = [at for at in (record.deadline_at, grant.renewable_until) if at is not None]
        left_bytes = max(0, record.upload.size_bytes - received_bytes)
        pace = pace_of(left_bytes, self.clock(), min(ends, default=grant.expires_at))
        return UploadToken(video_id, record.provider, grant, received_bytes, pace)

    def _granted(self, video_id: str, number: int, record: Video, received_bytes: int) -> Granted:
        """
        Return the grant of an upload, and record it before it is given.

        Raises:
            TooMany: Its budget of requests is used up (never, for this upload).
            WrongState: It is no longer wanted, or its time is over (never).
            Conflict: Others wrote the video every time (again).
        """
        now = self.clock()
        need = Need(number, record.upload.size_bytes, received_bytes, upload_ends_at(record, now))
        media = self.videos.media(record.provider)
        retry = RetryOnConflict("The video was changed at every try. Try again.")
        while True:
            (document,) = self.documents.read(video_path(video_id))
            if document is None:
                raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND")
            spec = Spec.from_document(document)
            require_wanted(spec, number)
            granted = next_granted(spec.granted, need, media.requests_for, now, UPLOAD_GRANT_MAX_S)
            change: dict[tuple[str, ...], object] = {("wish", "granted"): granted.to_fields()}
            with retry:
                self.documents.commit(Update(document.path, change, if_version=document.version))
                return granted

    def _received_bytes(self, record: Video, began_at: datetime) -> int:
        """
        Return how many bytes have arrived, as the provider reports now. A client that continues before the end of these
        bytes may lose them, because a first chunk that is sent again starts the file anew.

        Args:
            record: The record after the reconciliation. That has not observed the video if the last observation failed
                and its backoff lasts, or once `looks_max` is used up.
            began_at: When the reconciliation began.

        Raises:
            WrongState: All of them have arrived meanwhile (never).
            Transient: The provider does not answer (again).
        """
        is_new = record.looked_at is None and record.progress.failure is None
        if is_new or (record.looked_at is not None and record.looked_at >= began_at):
            return record.received_bytes or 0
        (seen,) = self.videos.media(record.provider).observe([record.external_ids])
        if seen.state in (MediaState.PROCESSING, MediaState.READY):
            raise WrongState("This upload is complete. There is nothing left to send.", reason="UPLOAD_COMPLETE")
        return seen.received_bytes or 0


def _fingerprint(*values: str | int) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
