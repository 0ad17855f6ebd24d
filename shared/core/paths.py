"""The paths of documents, and the names of queues. Pure.

Called by everything that reads or writes documents or enqueues tasks; `firestore.rules` says who may access which
document.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

SESSIONS: Final = "sessions"
PAIRINGS: Final = "kalturaSession"
VIDEOS: Final = "videos"
DELETIONS: Final = "pendingDeletions"
ENROLMENTS: Final = "enrolments"
ERASURES: Final = "erasures"
REMOVALS: Final = "removals"
"""The collection that an earlier release used for erasures."""

COPIES: Final = "copies"
ADMISSIONS: Final = "admissions"
HOSTS: Final = "hosts"
OPERATIONS: Final = "operations"
TRANSFERS: Final = "transfers"
UPLOADERS: Final = "uploaders"
KNOWN_USERS: Final = "kalturaUsers"
CALL_BUDGETS: Final = "callBudgets"
CACHE: Final = "kalturaCache"
REPORTS: Final = "reports"
ARCHIVE: Final = "archive"
SLIDES: Final = "slides"
SHARED_MEDIAS: Final = "sharedLiveMedias"
"""The collection below a session that shows its shared live media."""

TIMELINES: Final = "timelines"
SLIDE_TIMELINES: Final = "slideTimelines"
"""The collection below a session that says what it showed when."""

RECONCILE_SESSION: Final = "reconcileSession"
RECONCILE_VIDEO: Final = "reconcileVideo"
RECONCILE_DELETION: Final = "reconcileDeletion"
RECONCILE_ERASURE: Final = "reconcileErasure"
RECONCILE_COPY: Final = "reconcileCopy"
RECONCILE_TRANSFER: Final = "reconcileTransfer"
RECONCILE_ADMISSION: Final = "reconcileAdmission"
RECONCILE_ARCHIVE: Final = "reconcileArchive"
RECONCILE_SLIDES: Final = "reconcileSlides"
RECONCILE_TIMELINE: Final = "reconcileTimeline"
BROADCAST_SLIDES: Final = "broadcastSlides"
PUBLISH_EVENT: Final = "publishEvent"
CHECK_HOST: Final = "checkHost"
POLL_READINESS: Final = "pollReadiness"

KEYS_SEPARATOR: Final = ","
"""The separator of video ids in the key of one task."""

FEED_WAKE: Final = 0
"""A value in place of a poll's number: start the readiness poller's chain if it does not run."""

EPOCH: Final = f"{OPERATIONS}/epoch"
"""The record of which database this is, and how far the sweep has come in it."""

HEALTH: Final = f"{OPERATIONS}/health"
"""The health of the deployment, as the last sweep saw it."""

ORPHANS_REPORT: Final = f"{REPORTS}/orphans"
"""The result of the last search for orphans."""

ARCHIVE_REPORT: Final = f"{REPORTS}/archive"
"""The result of the last check of archived entries that an operator kept."""

ARCHIVE_SAVINGS_REPORT: Final = f"{REPORTS}/archiveSavings"
"""What archiving has saved, as an operator last kept it."""

SESSION_ID: Final = re.compile("[A-Za-z0-9-]{1,64}")
VIDEO_ID: Final = re.compile("[a-f0-9]{20}")
MEDIA_ID: Final = re.compile("[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}")
"""The id of a shared live media: a UUID."""

ENTRY_ID: Final = re.compile("[A-Za-z0-9][A-Za-z0-9_]{0,63}")
"""The id of a video at a provider that gives originals."""

HOST_NAME: Final = re.compile("[a-z][a-z0-9]{0,19}")
"""The name of a host or a provider, as in the table of hosts."""

PART_MAX_BYTES: Final = 1500
"""The most bytes in the name of a collection, or in the id of a document."""

DOCUMENT_ID: Final = re.compile(r"(?!\.{1,2}\Z)(?!__.*__\Z)[A-Za-z0-9:._-]{1,1500}")
"""
The id of a document, as the key of a task. Source: https://firebase.google.com/docs/firestore/quotas, constraints on
document ids.
"""

UID_MAX: Final = 128
"""
The most characters of a Firebase Auth user id. In UTF-8 they are far below the 1,500 bytes of a document's id. Source:
firebase_admin._auth_utils.validate_uid.
"""

UID: Final = re.compile(f"[^/\ud800-\udfff]{{1,{UID_MAX}}}")
"""
A user id that can be part of a document's id: every one that Firebase Auth gives, except those with a slash. No account
has an id with a lone surrogate, but a token that an emulator accepts may have one.
"""

RESERVED: Final = re.compile("__.*__", re.DOTALL)
"""
Names that Firestore reserves: no field and no document can have one. Source:
https://cloud.google.com/firestore/quotas#collections_documents_and_fields
"""


def session_path(session_id: str) -> str:
    """
    Return the path of a session, which its owner wrote.
    """
    return f"{SESSIONS}/{session_id}"


def pairing_path(session_id: str) -> str:
    """
    Return the path of a pairing: the server's record of a session.
    """
    return f"{PAIRINGS}/{session_id}"


def video_path(video_id: str) -> str:
    """
    Return the path of one uploaded video.
    """
    return f"{VIDEOS}/{video_id}"


def slides_path(media_id: str) -> str:
    """
    Return the path of the record of a shared live media.
    """
    return f"{SLIDES}/{media_id}"


def shared_media_path(session_id: str, media_id: str) -> str:
    """
    Return the path of the document that shows a shared live media to those who may watch its session.
    """
    return f"{SESSIONS}/{session_id}/{SHARED_MEDIAS}/{media_id}"


def timeline_path(key: str) -> str:
    """
    Return the path of the record of a session's timeline of slides.
    """
    return f"{TIMELINES}/{key}"


def slide_timeline_path(session_id: str, chunk: str) -> str:
    """
    Return the path of a part of a session's timeline of slides.
    """
    return f"{SESSIONS}/{session_id}/{SLIDE_TIMELINES}/{chunk}"


def archive_path(entry_id: str) -> str:
    """
    Return the path of the record of an entry's archiving.
    """
    return f"{ARCHIVE}/{entry_id}"


def copy_path(key: str) -> str:
    """
    Return the path of a copy: a video at another host, and how far it is.
    """
    return f"{COPIES}/{key}"


def copy_key(video_id: str, host: str) -> str:
    """
    Return the key of a video's copy at one host. Video ids have no hyphen, so that the key splits in only one way.
    """
    return f"{video_id}-{host}"


def host_path(host: str) -> str:
    """
    Return the path of a host's state and its promised bandwidth.
    """
    return f"{HOSTS}/{host}"


def deletion_path(deletion_id: str) -> str:
    """
    Return the path of a deletion: a thing at a provider that is still to be deleted.
    """
    return f"{DELETIONS}/{deletion_id}"


def uploader_path(uid: str) -> str:
    """
    Return the path of the document that counts a teacher's upload tokens and puts their requests in order.
    """
    return f"{UPLOADERS}/{uid if can_be_id(uid) else hashed_uid(uid)}"


def can_be_id(uid: str) -> bool:
    """
    Tell whether a user id without a slash can be the whole id of a document. It can always be part of one.
    """
    return uid not in (".", "..") and not RESERVED.fullmatch(uid)


def check_part(part: str) -> None:
    """
    Refuse a text that cannot be the name of a collection or the id of a document. Pure.

    Raises:
        ValueError: It is empty, has a slash, is too long, not encodable or reserved (never).

    Source: https://cloud.google.com/firestore/quotas#collections_documents_and_fields
    """
    if not part or "/" in part or not can_be_id(part):
        raise ValueError(f"{part!r} cannot be part of a document's path.")
    # A lone surrogate raises UnicodeEncodeError, which is a ValueError.
    if len(part.encode()) > PART_MAX_BYTES:
        raise ValueError(f"A part of a document's path has at most {PART_MAX_BYTES} bytes.")


def hashed_uid(uid: str) -> str:
    """
    Return a text that replaces a user id where the id itself cannot be used.
    """
    return "uid-" + hashlib.sha256(uid.encode()).hexdigest()


def enrolment_path(session_id: str, uid: str) -> str:
    """
    Return the path of a person's enrolment in a session. Session ids have no underscore, so the id splits in only one
    way.
    """
    return enrolment_path_of(f"{session_id}_{uid}")


def enrolment_path_of(enrolment_id: str) -> str:
    """
    Return the path of an enrolment by the enrolment's own id.
    """
    return f"{ENROLMENTS}/{enrolment_id}"


def admission_key(session_id: str, uid: str) -> str:
    """
    Return the key of a person's admission in a session, which is the id of their enrolment in it.
    """
    return f"{session_id}_{uid}"


def admission_path(key: str) -> str:
    """
    Return the path of an admission: what a person was given in a session and can be ended.
    """
    return f"{ADMISSIONS}/{key}"


def erasure_path(key: str) -> str:
    """
    Return the path of an erasure: all content of a person is to be deleted, and how far that is.
    """
    return f"{ERASURES}/{key}"


def transfer_path(session_id: str) -> str:
    """
    Return the path of a session's transfer to another owner, and how far it is.
    """
    return f"{TRANSFERS}/{session_id}"


def cache_path(key: str) -> str:
    """
    Return the path of a cached fact about a provider.
    """
    return f"{CACHE}/{key}"


def known_user_path(user_id: str) -> str:
    """
    Return the path of the record that a provider knows a user of ours.
    """
    return f"{KNOWN_USERS}/{user_id}"


def operation_path(key: str) -> str:
    """
    Return the path of bookkeeping, such as that of the readiness poller or the sweep.
    """
    return f"{OPERATIONS}/{key}"


def call_budget_path(kind: str, uid: str) -> str:
    """
    Return the path of one person's token bucket for one kind of calls; the path does not name the person.
    """
    return f"{CALL_BUDGETS}/{kind}{hashed_uid(uid)}"


def limit_path(name: str) -> str:
    """
    Return the path of the token bucket of a budget that a whole deployment shares.
    """
    return operation_path(f"limit-{name}")
