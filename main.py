"""List every deployed function: its public name, and the file that it is in.

An instance in the cloud serves one function and is given its name, so only the file of that function is imported. This
takes a quarter off a cold start. Listing the module, as a deployment does, imports all of them.
"""

from importlib import import_module
from typing import Any, Final

from functions import logs, serving

FUNCTIONS: Final = {
    "api": "functions.slides",
    "cancelUpload": "functions.uploads",
    "broadcastSlides": "functions.work",
    "checkHost": "functions.work",
    "cloudflareHook": "functions.hooks",
    "deleteVideo": "functions.uploads",
    "eraseContent": "functions.operations",
    "exportContent": "functions.operations",
    "findOrphans": "functions.schedule",
    "getErasure": "functions.operations",
    "getKalturaSession": "functions.kaltura_session",
    "getStreamIngest": "functions.live",
    "issuePlayback": "functions.playback",
    "issueUploadToken": "functions.uploads",
    "joinSession": "functions.live",
    "kalturaHook": "functions.hooks",
    "keepVideo": "functions.uploads",
    "onEnrolmentCreated": "functions.enrolments",
    "onEnrolmentDeleted": "functions.enrolments",
    "onSessionCreated": "functions.sessions",
    "onSessionDeleted": "functions.sessions",
    "onSessionUpdated": "functions.sessions",
    "onSlidesUploaded": "functions.objects",
    "pollReadiness": "functions.work",
    "publishEvent": "functions.work",
    "reconcileAdmission": "functions.work",
    "reconcileArchive": "functions.work",
    "reconcileCopy": "functions.work",
    "reconcileDeletion": "functions.work",
    "reconcileErasure": "functions.work",
    "reconcileSession": "functions.work",
    "reconcileSlides": "functions.work",
    "reconcileTimeline": "functions.work",
    "reconcileTransfer": "functions.work",
    "reconcileVideo": "functions.work",
    "renewUploadToken": "functions.uploads",
    "replaceVideo": "functions.uploads",
    "requeueDeletion": "functions.operations",
    "retryVideo": "functions.uploads",
    "rotateStreamKey": "functions.live",
    "setModerator": "functions.live",
    "sweep": "functions.schedule",
    "transferSession": "functions.transfers",
    "updateVideo": "functions.uploads",
    "uploadFinished": "functions.uploads",
}

logs.set_up()
serving.serve_every_path()

# Imported, not initialised here, because this file may be executed more than once in a process.
import_module("functions.firebase")


def __getattr__(name: str) -> Any:
    if name not in FUNCTIONS:
        raise AttributeError(name)
    return getattr(import_module(FUNCTIONS[name]), name)


def __dir__() -> list[str]:
    from functions.listing import deployable

    return deployable(FUNCTIONS)
