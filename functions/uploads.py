"""Callables by which teachers upload.

Leave to `shared/videos/grant.py` who may and what comes of it.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest, on_call

from functions import config, edge, wiring
from shared.access import Caller
from shared.reconcile import WORKER_TIMEOUT_S
from shared.videos.grant import UploadRequest, issue_upload_token


@edge.screened
@on_call(cors=config.CORS, timeout_sec=WORKER_TIMEOUT_S, secrets=[config.KALTURA_ADMIN_SECRET])
def issueUploadToken(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    A token with which the browser can upload one file and do nothing else.

    `{sessionId, requestId, fileName, fileSizeBytes, title?}` gives `{videoId, uploadUrl, ks, uploadTokenId,
    expiresAt}`. The same request id gets the same video again with a fresh token.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = edge.read(
            request.data,
            {
                "sessionId": edge.SESSION_ID,
                "requestId": edge.REQUEST_ID,
                "fileName": edge.NAME,
                "fileSizeBytes": int,
            },
            {"title": edge.NAME},
        )
        app = wiring.app()
        wanted = UploadRequest(
            fields["sessionId"], fields["requestId"], fields["fileName"], fields["fileSizeBytes"], fields["title"]
        )
        token = issue_upload_token(caller, wanted, app.videos, app.feed, app.documents, app.queue, wiring.now)
        return {
            "videoId": token.video_id,
            "uploadUrl": token.grant.url,
            "ks": token.grant.token,
            "expiresAt": token.grant.expires_at,
            **token.grant.values,
        }

    return edge.answer("issueUploadToken", request, use_case)
