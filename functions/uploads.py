"""The callables by which teachers upload and change videos.

Who may do so, and what follows, is left to `shared/videos/upload_tokens.py` and `shared/videos/commands.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from firebase_functions.https_fn import CallableRequest

from functions import wiring
from functions.edge import callables
from shared.core.callers import Caller
from shared.limits.call_budgets import Work
from shared.ports import Clock, Documents, Queue
from shared.videos.commands import Correction, cancel_upload, delete_video, retry_video, update_video, upload_finished
from shared.videos.upload_tokens import ReplaceRequest, UploadRequest, UploadToken

_FILE: Final[Mapping[str, callables.Kind]] = {
    "requestId": callables.REQUEST_ID,
    "fileName": callables.NAME,
    "fileSizeBytes": int,
}

Wished = Callable[[Caller, str, Documents, Queue, Clock], None]


@callables.callable_function(Work.UPLOAD, asks_provider=True)
def issueUploadToken(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return a token with which the browser can upload one file and do nothing else.

    `{sessionId, requestId, fileName, fileSizeBytes, title?, order?}` gives `{videoId, provider, expiresAt, uploadUntil,
    minKbps, receivedBytes, upload}`. Everything that is needed to send bytes is in `upload: {protocol, url, …}`, and a
    client chooses by its `protocol` how it sends them. The same request id gets the same video again, with a new token.
    The whole upload ends at `uploadUntil`, however often its token is renewed. A connection slower than `minKbps` does
    not send the rest by then.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(
            request.data, {"sessionId": callables.SESSION_ID, **_FILE}, {"title": callables.NAME, "order": int}
        )
        wanted = UploadRequest(
            fields["sessionId"],
            fields["requestId"],
            fields["fileName"],
            fields["fileSizeBytes"],
            fields["title"],
            fields["order"],
        )
        wiring.kill_switch().require_open()
        return _to_response(wiring.app().upload_tokens.issue_upload_token(caller, wanted))

    return callables.answer(request, use_case)


@callables.callable_function(Work.UPLOAD, asks_provider=True)
def replaceVideo(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return a token to upload the file that replaces a video's content once it is ready. Until then the video keeps
    playing.

    `{videoId, requestId, fileName, fileSizeBytes, title?}` gives what `issueUploadToken` gives.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(request.data, {"videoId": callables.VIDEO_ID, **_FILE}, {"title": callables.NAME})
        wanted = ReplaceRequest(
            fields["videoId"], fields["requestId"], fields["fileName"], fields["fileSizeBytes"], fields["title"]
        )
        wiring.kill_switch().require_open()
        return _to_response(wiring.app().upload_tokens.replace_video(caller, wanted))

    return callables.answer(request, use_case)


@callables.callable_function(Work.UPLOAD, asks_provider=True)
def renewUploadToken(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return a new token for an upload that takes long, and how much of it has arrived: `{videoId}` gives what
    `issueUploadToken` gives.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        video_id = callables.read(request.data, {"videoId": callables.VIDEO_ID})["videoId"]
        wiring.kill_switch().require_open()
        return _to_response(wiring.app().upload_tokens.renew_upload_token(caller, video_id))

    return callables.answer(request, use_case)


@callables.callable_function(Work.UPLOAD, asks_provider=False)
def uploadFinished(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Observe a video whose bytes are all sent: `{videoId}` gives `{videoId}`. The video is observed anyway; this call
    makes it sooner.
    """
    return _wished(request, upload_finished)


@callables.callable_function(Work.CHANGE, asks_provider=False)
def cancelUpload(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Cancel the latest upload of a video: `{videoId}` gives `{videoId}`.
    """
    return _wished(request, cancel_upload)


@callables.callable_function(Work.CHANGE, asks_provider=False)
def deleteVideo(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Delete a video: `{videoId}` gives `{videoId}`.
    """
    return _wished(request, delete_video)


@callables.callable_function(Work.CHANGE, asks_provider=False)
def retryVideo(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Retry a video that has failed: `{videoId}` gives `{videoId}`.
    """
    return _wished(request, retry_video)


@callables.callable_function(Work.CHANGE, asks_provider=False)
def updateVideo(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Change the title of a video, or its place in the session: `{videoId, title?, order?}` gives `{videoId}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(request.data, {"videoId": callables.VIDEO_ID}, {"title": callables.NAME, "order": int})
        correction = Correction(fields["title"], fields["order"])
        update_video(caller, fields["videoId"], correction, wiring.documents(), wiring.queue(), wiring.now)
        return {"videoId": fields["videoId"]}

    return callables.answer(request, use_case)


def _wished(request: CallableRequest[Any], spec: Wished) -> dict[str, Any]:
    """
    Record what a teacher wants done with a video. The result is shown in the session document.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        video_id = callables.read(request.data, {"videoId": callables.VIDEO_ID})["videoId"]
        spec(caller, video_id, wiring.documents(), wiring.queue(), wiring.now)
        return {"videoId": video_id}

    return callables.answer(request, use_case)


def _to_response(token: UploadToken) -> dict[str, Any]:
    """
    Return the video and its deadlines, and under `upload` everything that is needed to send its bytes. Pure.
    """
    grant = token.grant
    return {
        "videoId": token.video_id,
        "provider": token.provider,
        "expiresAt": grant.expires_at,
        "uploadUntil": token.pace.until,
        "minKbps": token.pace.min_kbps,
        "receivedBytes": token.received_bytes,
        "upload": {"protocol": grant.protocol, "url": grant.url, **grant.values},
    }
