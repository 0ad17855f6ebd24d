"""Where each document is, and what each queue is called. Pure.

Called by whoever reads, writes or enqueues a task; who may touch which document stands in `firestore.rules`.
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
"""What erasures were called by an earlier release."""

COPIES: Final = "copies"
ADMISSIONS: Final = "admissions"
OPERATIONS: Final = "operations"
TRANSFERS: Final = "transfers"
UPLOADERS: Final = "uploaders"
KNOWN_USERS: Final = "kalturaUsers"
CALL_BUDGETS: Final = "callBudgets"

RECONCILE_SESSION: Final = "reconcileSession"
RECONCILE_VIDEO: Final = "reconcileVideo"
RECONCILE_DELETION: Final = "reconcileDeletion"
RECONCILE_ERASURE: Final = "reconcileErasure"
RECONCILE_COPY: Final = "reconcileCopy"
RECONCILE_TRANSFER: Final = "reconcileTransfer"
RECONCILE_ADMISSION: Final = "reconcileAdmission"
CHECK_HOST: Final = "checkHost"
POLL_READINESS: Final = "pollReadiness"

KEYS_SEPARATOR: Final = ","
"""Between the ids of videos in the key of one task."""

FEED_WAKE: Final = 0
"""In place of a tick's number: the readiness poller's chain is to run, if it does not."""

EPOCH: Final = f"{OPERATIONS}/epoch"
"""Which database this is, and how far the sweep has come in it."""

ORPHANS_REPORT: Final = "reports/orphans"
"""What the last search for orphans found."""

SESSION_ID: Final = re.compile("[A-Za-z0-9-]{1,64}")
VIDEO_ID: Final = re.compile("[a-f0-9]{20}")
HOST_NAME: Final = re.compile("[a-z][a-z0-9]{0,19}")
"""A host or a provider, as the table of hosts names it."""

PART_MAX_BYTES: Final = 1500
"""The most bytes in the name of a collection, or in the id of a document."""

UID_MAX: Final = 128
"""
Characters of a user's id at Firebase Auth; in UTF-8 they are far from the 1,500 bytes of a document's id. Source:
firebase_admin._auth_utils.validate_uid.
"""

UID: Final = re.compile(f"[^/\ud800-\udfff]{{1,{UID_MAX}}}")
"""
A user's id that can be part of a document's id: every one that Firebase Auth gives, but for those with a slash. No
account has one with a lone surrogate, but a token that an emulator believes may.
"""

RESERVED: Final = re.compile("__.*__", re.DOTALL)
"""
What Firestore lets no field be called, and no document. Source:
https://cloud.google.com/firestore/quotas#collections_documents_and_fields
"""


def session_path(session_id: str) -> str:
    """
    A session, as its owner wrote it.
    """
    return f"{SESSIONS}/{session_id}"


def pairing_path(session_id: str) -> str:
    """
    What is recorded of a session at its provider.
    """
    return f"{PAIRINGS}/{session_id}"


def video_path(video_id: str) -> str:
    """
    One uploaded video.
    """
    return f"{VIDEOS}/{video_id}"


def copy_path(key: str) -> str:
    """
    That a video is to be at another host too, and how far that is.
    """
    return f"{COPIES}/{key}"


def copy_key(video_id: str, host: str) -> str:
    """
    The key of a video's copy at one host; video ids have no hyphen, so that it splits in one way only.
    """
    return f"{video_id}-{host}"


def host_path(host: str) -> str:
    """
    How a host stands, and what it has promised to send.
    """
    return f"hosts/{host}"


def deletion_path(deletion_id: str) -> str:
    """
    Something at a provider that nobody wants any more.
    """
    return f"{DELETIONS}/{deletion_id}"


def uploader_path(uid: str) -> str:
    """
    How often a teacher was given a token to upload, and the order of what he asks for.
    """
    return f"{UPLOADERS}/{uid if can_be_id(uid) else hashed_uid(uid)}"


def can_be_id(uid: str) -> bool:
    """
    Tell whether a user's id without a slash can be the whole id of a document; part of one it always can be.
    """
    return uid not in (".", "..") and not RESERVED.fullmatch(uid)


def check_part(part: str) -> None:
    """
    Refuse what cannot be the name of a collection or the id of a document. Pure.

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
    Return what stands for a user's id where the id itself cannot.
    """
    return "uid-" + hashlib.sha256(uid.encode()).hexdigest()


def enrolment_path(session_id: str, uid: str) -> str:
    """
    That somebody is enrolled in a session; session ids have no underscore, so the id splits in one way only.
    """
    return enrolment_path_of(f"{session_id}_{uid}")


def enrolment_path_of(enrolment_id: str) -> str:
    """
    The same by the enrolment's own id.
    """
    return f"{ENROLMENTS}/{enrolment_id}"


def admission_key(session_id: str, uid: str) -> str:
    """
    The key of what somebody was given in a session: the id of their enrolment in it.
    """
    return f"{session_id}_{uid}"


def admission_path(key: str) -> str:
    """
    What somebody was given in a session that can be ended.
    """
    return f"{ADMISSIONS}/{key}"


def erasure_path(key: str) -> str:
    """
    That all content of somebody is to go, and how far that is.
    """
    return f"{ERASURES}/{key}"


def transfer_path(session_id: str) -> str:
    """
    That a session has another owner, and how far what it has has followed.
    """
    return f"{TRANSFERS}/{session_id}"


def cache_path(key: str) -> str:
    """
    What we know to exist at a provider.
    """
    return f"kalturaCache/{key}"


def known_user_path(user_id: str) -> str:
    """
    That a provider knows a user of ours.
    """
    return f"{KNOWN_USERS}/{user_id}"


def operation_path(key: str) -> str:
    """
    Bookkeeping of a chain or of the sweep.
    """
    return f"{OPERATIONS}/{key}"


def call_budget_path(kind: str, uid: str) -> str:
    """
    The token bucket of one person for one kind of calls; it does not name them.
    """
    return f"{CALL_BUDGETS}/{kind}{hashed_uid(uid)}"


def limit_path(name: str) -> str:
    """
    The token bucket of a budget that a whole deployment shares.
    """
    return operation_path(f"limit-{name}")
