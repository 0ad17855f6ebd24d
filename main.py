"""Table of contents: every function that is deployed, by its public name."""

import firebase_admin

from functions.playback import issuePlayback
from functions.schedule import sweep
from functions.sessions import getKalturaSession, onSessionCreated, onSessionDeleted, onSessionUpdated
from functions.uploads import issueUploadToken
from functions.work import tickFeed, visitSession, visitVideo

# The SDK verifies ID tokens with the default app, and builds none for callables.
firebase_admin.initialize_app()

__all__ = [
    "getKalturaSession",
    "issuePlayback",
    "issueUploadToken",
    "onSessionCreated",
    "onSessionDeleted",
    "onSessionUpdated",
    "sweep",
    "tickFeed",
    "visitSession",
    "visitVideo",
]
