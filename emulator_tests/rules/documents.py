"""The documents the tests of the rules set up, as the app and the server write them.

Called by the tests of the rules. How the server comes to write them is tested in `flow/` and `pure/`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from emulator_tests.rules.callers import Caller
from emulator_tests.rules.firestore import SERVER_TIME, Fields, Write, change

STARTS_AT = datetime(2031, 5, 6, 9, 0, tzinfo=UTC)
ENDS_AT = datetime(2031, 5, 6, 10, 30, tzinfo=UTC)

# What only the server writes into a session.
RECORDED: Fields = {
    "kaltura": {"entryId": "1_live", "eventId": 7, "state": "ready"},
    "videos": [{"id": "v1", "provider": "kaltura", "state": "ready", "percent": 100}],
    "moderators": {"anna": True},
    "formerOwnerUids": ["a-former-owner"],
    "activeSharedLiveMedia": "slides-1",
    "activeSharedLiveMediaPage": 2,
    "revision": 5,
    "slideTimeline": {"chunk": "c1", "entries": 3, "at": STARTS_AT},
}


def session(owner: Caller, /, **changes: object) -> Fields:
    """
    A session as its owner first writes it: a draft that asks for nothing yet. Pure.
    """
    return {
        "ownerUid": owner.uid,
        "title": "Optics, lecture 1",
        "status": "draft",
        "format": "onDemand",
        "visibility": "enrolled",
        "createdAt": SERVER_TIME,
        "updatedAt": SERVER_TIME,
        **changes,
    }


def live_session(owner: Caller, /, **changes: object) -> Fields:
    """
    A session that wants a live event. Pure.
    """
    return session(
        owner,
        **{"status": "public", "format": "liveStreaming", "startsAt": STARTS_AT, "endsAt": ENDS_AT, **changes},
    )


def enrolment(session_id: str, student: Caller, owner: Caller) -> Fields:
    """
    The leave for one student to watch one session. Pure.
    """
    return {"sessionId": session_id, "uid": student.uid, "ownerUid": owner.uid, "createdAt": SERVER_TIME}


def slides(session_id: str, owner: Caller, *, created_at: object = SERVER_TIME) -> Fields:
    """
    Return slides as they are kept below a session, with its identity. Pure.

    Args:
        session_id: Of the session.
        owner: Its owner.
        created_at: Its `createdAt`; the default fits a session that is created in the same commit.
    """
    return {
        "sessionId": session_id,
        "ownerUid": owner.uid,
        "sessionCreatedAt": created_at,
        "name": "Slides",
        "pages": 3,
    }


def slides_path(session_id: str, folder: str = "sharedLiveMedias") -> str:
    """
    Where `slides` are kept, or a part of their timeline. Pure.
    """
    return f"sessions/{session_id}/{folder}/m1"


def enrolment_path(session_id: str, student: Caller) -> str:
    """
    Where `enrolment` is kept. Pure.
    """
    return f"enrolments/{session_id}_{student.uid}"


def edit(session_id: str, fields: Fields, *removed: str) -> Write:
    """
    Fields of a session as its owner changes them. Pure.
    """
    return change(f"sessions/{session_id}", {**fields, "updatedAt": SERVER_TIME}, *removed)
