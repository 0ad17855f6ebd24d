"""The callables by which teachers upload and change videos.

Who may do so, and what follows, is left to `shared/videos/upload_tokens.py` and `shared/videos/commands.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from functions import wiring
from functions.edge.callables import Call, callable_function
from functions.edge.fields import Doc, Name, ProviderName, RequestId, SessionId, VideoId, message
from functions.granting import IssuedAt
from shared.core.callers import Caller
from shared.limits.call_budgets import Work
from shared.ports import Clock, Documents, Queue
from shared.videos.commands import (
    Correction,
    cancel_upload,
    delete_video,
    keep_video,
    retry_video,
    update_video,
    upload_finished,
)
from shared.videos.resource import upload_tokens
from shared.videos.upload_tokens import ReplaceRequest, UploadRequest, UploadToken

FileName = Annotated[Name, Doc("with one of the supported endings")]
FileSize = Annotated[int, Doc("1 to `UPLOAD_BYTES_MAX`")]
Order = Annotated[int, Doc("0 to 1,000,000; the last place without it")]


@message
class IssueUploadToken:
    """A token to upload one file into a session."""

    sessionId: SessionId
    requestId: RequestId
    fileName: FileName
    fileSizeBytes: FileSize
    title: Annotated[Name, Doc("1 to 200 characters; the file's name without it")] | None = None
    order: Order | None = None


@message
class ReplaceVideo:
    """A token to upload the file that takes a video's place."""

    videoId: VideoId
    requestId: RequestId
    fileName: FileName
    fileSizeBytes: FileSize
    title: Annotated[Name, Doc("1 to 200 characters; without it the video keeps its title")] | None = None


@message
class VideoNamed:
    """A video."""

    videoId: VideoId


@message
class UpdateVideo:
    """A correction. One of `title` and `order` is needed."""

    videoId: VideoId
    title: Annotated[Name, Doc("1 to 200 characters")] | None = None
    order: Annotated[int, Doc("0 to 1,000,000")] | None = None


@message
class KeepVideo:
    """Whether a video stays out of the archive."""

    videoId: VideoId
    keep: Annotated[bool, Doc("false lets it be archived again")]


@message
class KalturaUpload:
    """How to send bytes to Kaltura: each chunk as a form, by POST to `url`."""

    protocol: Literal["kaltura"]
    url: str
    ks: str
    uploadTokenId: str
    chunkSizeBytes: int


@message
class TusUpload:
    """How to send bytes with any tus client."""

    protocol: Literal["tus"]
    url: str
    chunkSizeBytes: int


PROTOCOLS: Final[Mapping[str, type[KalturaUpload] | type[TusUpload]]] = {"kaltura": KalturaUpload, "tus": TusUpload}
"""The form of `upload` for each protocol of the providers."""


@message
class UploadAnswer:
    """A token that can send the bytes of one file, and nothing else."""

    videoId: VideoId
    provider: ProviderName
    issuedAt: IssuedAt
    expiresAt: Annotated[datetime, Doc("when this token ends")]
    uploadUntil: Annotated[datetime, Doc("when the whole upload ends, however often its token is renewed")]
    minKbps: Annotated[int, Doc("a slower connection cannot send the rest by then: warn its user")]
    receivedBytes: Annotated[int, Doc("bytes that the provider has: go on there")]
    upload: Annotated[KalturaUpload | TusUpload, Doc("everything that is needed to send bytes, by its `protocol`")]


@callable_function(IssueUploadToken, Work.UPLOAD, asks_provider=True)
def issueUploadToken(call: Call[IssueUploadToken]) -> UploadAnswer:
    """
    Return a token with which the browser can upload one file and do nothing else. The same request id gets the same
    video again, with a new token.
    """
    asked = call.fields
    wanted = UploadRequest(
        asked.sessionId, asked.requestId, asked.fileName, asked.fileSizeBytes, asked.title, asked.order
    )
    wiring.kill_switch().require_open()
    return to_response(wiring.app().get(upload_tokens).issue_upload_token(call.caller, wanted), wiring.now())


@callable_function(ReplaceVideo, Work.UPLOAD, asks_provider=True)
def replaceVideo(call: Call[ReplaceVideo]) -> UploadAnswer:
    """
    Return a token to upload the file that replaces a video's content once it is ready. Until then the video keeps
    playing.
    """
    asked = call.fields
    wanted = ReplaceRequest(asked.videoId, asked.requestId, asked.fileName, asked.fileSizeBytes, asked.title)
    wiring.kill_switch().require_open()
    return to_response(wiring.app().get(upload_tokens).replace_video(call.caller, wanted), wiring.now())


@callable_function(VideoNamed, Work.UPLOAD, asks_provider=True)
def renewUploadToken(call: Call[VideoNamed]) -> UploadAnswer:
    """
    Return a new token for an upload that takes long, and how much of it has arrived.
    """
    wiring.kill_switch().require_open()
    return to_response(
        wiring.app().get(upload_tokens).renew_upload_token(call.caller, call.fields.videoId), wiring.now()
    )


@callable_function(VideoNamed, Work.UPLOAD, asks_provider=False)
def uploadFinished(call: Call[VideoNamed]) -> VideoNamed:
    """
    Observe a video whose bytes are all sent. The video is observed anyway; this call makes it sooner.
    """
    return _record(upload_finished, call)


@callable_function(VideoNamed, Work.CHANGE, asks_provider=False)
def cancelUpload(call: Call[VideoNamed]) -> VideoNamed:
    """
    Cancel the latest upload of a video.
    """
    return _record(cancel_upload, call)


@callable_function(VideoNamed, Work.CHANGE, asks_provider=False)
def deleteVideo(call: Call[VideoNamed]) -> VideoNamed:
    """
    Delete a video.
    """
    return _record(delete_video, call)


@callable_function(VideoNamed, Work.CHANGE, asks_provider=False)
def retryVideo(call: Call[VideoNamed]) -> VideoNamed:
    """
    Retry a video that has failed.
    """
    return _record(retry_video, call)


@callable_function(UpdateVideo, Work.CHANGE, asks_provider=False)
def updateVideo(call: Call[UpdateVideo]) -> VideoNamed:
    """
    Change the title of a video, or its place in the session.
    """
    asked = call.fields
    correction = Correction(asked.title, asked.order)
    update_video(call.caller, asked.videoId, correction, wiring.documents(), wiring.queue(), wiring.now)
    return VideoNamed(videoId=asked.videoId)


@callable_function(KeepVideo, Work.CHANGE, asks_provider=False)
def keepVideo(call: Call[KeepVideo]) -> VideoNamed:
    """
    Keep a video out of the archive, however long nobody watches it, or no longer. One that is archived by the policy is
    brought back.
    """
    asked = call.fields
    keep_video(call.caller, asked.videoId, wiring.documents(), wiring.queue(), wiring.now, keep=asked.keep)
    return VideoNamed(videoId=asked.videoId)


def _record(command: Callable[[Caller, str, Documents, Queue, Clock], None], call: Call[VideoNamed]) -> VideoNamed:
    """
    Record what a teacher wants done with a video. The result is shown in the session document.
    """
    command(call.caller, call.fields.videoId, wiring.documents(), wiring.queue(), wiring.now)
    return call.fields


def to_response(token: UploadToken, now: datetime) -> UploadAnswer:
    """
    Return the video and its deadlines, and under `upload` everything that is needed to send its bytes. Pure.
    """
    grant = token.grant
    values: dict[str, Any] = {"protocol": grant.protocol, "url": grant.url, **grant.values}
    return UploadAnswer(
        videoId=token.video_id,
        provider=token.provider,
        issuedAt=now,
        expiresAt=grant.expires_at,
        uploadUntil=token.pace.until,
        minKbps=token.pace.min_kbps,
        receivedBytes=token.received_bytes,
        upload=PROTOCOLS[grant.protocol](**values),
    )
