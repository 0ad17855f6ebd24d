"""Kaltura's words and ours: statuses, references, tags, user ids, and the codes that mean "gone". Pure.

Called by the other rooms of this folder; nobody else knows a word of Kaltura's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final

from shared.core.paths import can_be_id, hashed_uid
from shared.core.references import Kind, parse
from shared.core.text import as_line, cut_to_bytes
from shared.ports import MediaState, Stage

GONE_CODES: Final = frozenset(
    {
        "ENTRY_ID_NOT_FOUND",
        "INVALID_ENTRY_ID",
        "UPLOAD_TOKEN_NOT_FOUND",
        "USER_NOT_FOUND",
        "INVALID_USER_ID",
        "INVALID_OBJECT_ID",
        "SCHEDULE_EVENT_ID_NOT_FOUND",
        "INVALID_OBJECT_NOT_FOUND",
        "INVALID_GROUP_ID",
        "GROUP_NOT_FOUND",
        "SCHEDULE_RESOURCE_ID_NOT_FOUND",
        "VIRTUAL_EVENT_NOT_FOUND",
    }
)
"""Answers to a deletion, or a look, under an administrator's KS that mean that the thing does not exist."""

NOT_OFFERED_CODES: Final = frozenset({"SERVICE_FORBIDDEN", "FEATURE_FORBIDDEN", "SERVICE_DOES_NOT_EXISTS"})
"""Answers that mean that the account does not have what was asked for."""

REFUSED_PARTS: Final = {
    "MAX_SCHEDULE_DURATION_REACHED": "The session lasts longer than the video account lets an event be scheduled. "
    "Let it end earlier.",
}
"""What to change where the account refuses one part of an event for good."""

USER_EXISTS: Final = "DUPLICATE_USER_BY_ID"
"""The answer to making a user, or a group, that there is already."""

PAGE: Final = 500
"""The most that a list gives at once."""

UPLOAD_BASE_ROLE: Final = "UPLOAD_BASE_ROLE"
PLAYBACK_BASE_ROLE: Final = "PLAYBACK_BASE_ROLE"

NO_CONTENT: Final = "7"
IMPORTING: Final = "0"
DELETED: Final = "3"
READY: Final = "2"

MEDIA_STATES: Final = {
    "-2": MediaState.ERROR,
    "-1": MediaState.ERROR,
    IMPORTING: MediaState.AWAITING_UPLOAD,
    "1": MediaState.PROCESSING,
    READY: MediaState.READY,
    DELETED: MediaState.GONE,
    "4": MediaState.PROCESSING,
    "5": MediaState.PROCESSING,
    "6": MediaState.REJECTED,
    NO_CONTENT: MediaState.AWAITING_UPLOAD,
    "virusScan.Infected": MediaState.ERROR,
    "virusScan.ScanFailure": MediaState.ERROR,
}
"""Status of an entry; 5 is one that waits for a moderator, 6 one that is blocked (`entryStatus`). One that is not
known counts as processing, so that its deadline ends it."""

REASONS: Final = {
    "-2": "The file could not be fetched by the video provider. Upload it again.",
    "-1": "The file could not be converted: it is damaged, or it is not a video.",
    "virusScan.Infected": "The file contains a virus.",
    "virusScan.ScanFailure": "The file could not be checked for viruses. Upload it again.",
}

NOT_CONVERTED: Final = "The video provider could not convert the file. Retry it, or upload another file."

ALIVE: Final = ",".join(status for status in MEDIA_STATES if status != DELETED)
"""Every status but deleted: without it a list gives ready entries alone."""

ARRIVED: Final = ",".join(
    status for status, state in MEDIA_STATES.items() if state not in (MediaState.AWAITING_UPLOAD, MediaState.GONE)
)
"""Every status of an entry whose bytes have arrived."""

EMPTY: Final = frozenset({NO_CONTENT, IMPORTING})
"""Every status of an entry that may have no bytes: one that waits for an upload counts as importing."""
MODERATED: Final = "1,2,3,4,5,6"
"""Every `moderationStatus`: without it a list leaves out what waits for a moderator (1) and what one has rejected (3).
Source: kaltura/server, entryPeer::setDefaultCriteriaFilter."""

REJECTED: Final = "3"
"""`moderationStatus` of an entry that a moderator has rejected, `entry::ENTRY_MODERATION_STATUS_REJECTED`."""

PICTURE: Final = "2"
"""`mediaType` of an entry that is a still picture, `IMAGE`."""

CONVERSION_FAILED: Final = "-1"

STAGES: Final = {"1": Stage.CONVERTING, "4": Stage.QUEUED}
"""What is done in a status that counts as processing."""

RECORDED_LIVE: Final = frozenset({"34", "36"})
"""`sourceType` of an entry that was recorded of a live one, `RECORDED_LIVE` and `KALTURA_RECORDED_LIVE`."""

SOURCE_FLAVOR: Final = 0
"""The flavor params id of what was uploaded, `flavorParams::SOURCE_FLAVOR_ID`."""

CONTAINERS: Final = {
    **dict.fromkeys(("mpeg-4", "mp4", "mov", "m4v", "m4a", "3gp", "isom", "mp42", "qt", "quicktime"), "video/mp4"),
    "webm": "video/webm",
    "matroska": "video/x-matroska",
    "avi": "video/x-msvideo",
    **dict.fromkeys(("asf", "windows media"), "video/x-ms-wmv"),
    **dict.fromkeys(("mpeg", "mpeg-ps", "mpeg video", "mpegvideo"), "video/mpeg"),
    **dict.fromkeys(("mpeg-ts", "mpegts"), "video/mp2t"),
    **dict.fromkeys(("flv", "flash video"), "video/x-flv"),
    "ogg": "video/ogg",
}
"""
`containerFormat` of a flavor, as MIME types. It is what Kaltura's ffprobe, and MediaInfo before it, found in the bytes;
the file's name at most picks one of several names for the same format.
Source: KFFMpegMediaParser::matchContainerFormat and convertToMediaInfoNames, KDLMediaDataSet::IsCondition.
"""

FLAVOR_READY: Final = "2"
FLAVOR_NOT_COUNTED: Final = frozenset({"3", "4", "5"})
"""Flavors that are deleted, not applicable or temporary say nothing of the progress."""

_CODE_DIGITS: Final = 24
_CODE: Final = re.compile(f"[0-9a-f]{{{_CODE_DIGITS}}}")
"""Small hexadecimal digits, for Kaltura compares some texts without regard to case; longer than any generation."""

NAME_MAX_BYTES: Final = 256
"""
What the name of an entry, a virtual event or a resource, the summary of a schedule event and the file name of an upload
token may take. Source: KalturaVirtualEvent, KalturaScheduleEvent and KalturaScheduleResource have a maxLength, which
KalturaRequestDeserializer compares with strlen; entry::MAX_NAME_LEN; the column upload_token.file_name.
"""

NAME_MIN_BYTES: Final = 1
VIRTUAL_EVENT_NAME_MIN_BYTES: Final = 3

NAME_LACKING: Final = "\u2026"
"""Ends a name that is too short: with its three bytes none is."""

SCREEN_NAME_MAX_BYTES: Final = 127
"""Source: KalturaBaseUser::$screenName; `first` and `last` name are kept whole, kuser::setFirstName."""

ADDRESS_IN_NAME: Final = "://"
"""A user whose name has it is refused. Source: KalturaBaseUser::validateNames, kuser::URL_PATTERN."""

_GUARDED: Final = "{"
"""`client.py` may send a character of three bytes after it, so that nobody's text is read as a reference."""

_KALTURA_USER_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'+?^_`{}~.@-]{1,100}")


def status_of(thing: Any) -> str:
    """
    The status of an object of the library: an enumeration's value, as text.
    """
    return _told(thing.status)


def is_recording(entry: Any) -> bool:
    """
    Whether an entry of the library was recorded of a live one.
    """
    return _told(entry.sourceType) in RECORDED_LIVE


def is_rejected(entry: Any) -> bool:
    """
    Whether a moderator has rejected an entry of the library. One that still waits for a moderator plays all the same:
    a KS with `sview` lifts moderation (kaltura/server, KSecureEntryHelper::validateForPlay).
    """
    return _told(entry.moderationStatus) == REJECTED


def is_picture(entry: Any) -> bool:
    """
    Whether an entry of the library is a still picture.
    """
    return _told(entry.mediaType) == PICTURE


def _told(value: Any) -> str:
    """
    A value of the library as text: an enumeration's, or a plain one.
    """
    return str(value.getValue() if hasattr(value, "getValue") else value)


def media_state(status: str) -> MediaState:
    """
    An entry's status in our words.
    """
    return MEDIA_STATES.get(status, MediaState.PROCESSING)


def media_type(container_format: object) -> str | None:
    """
    The MIME type of a flavor's container; one that is not known keeps its name, `None` where there is none.
    """
    if not isinstance(container_format, str) or not container_format.strip():
        return None
    name = container_format.strip().lower()
    return CONTAINERS.get(name, "application/x-" + re.sub(r"[^a-z0-9]+", "-", name)[:40])


def tag_of(namespace: str) -> str:
    """
    The tag on everything that a deployment makes: letters and digits, for a search index splits at anything else.
    """
    return "greenroom" + re.sub(r"[^a-z0-9]", "", namespace.lower())


def tags_of(thing: Any) -> list[str]:
    """
    The tags of an object of the library.
    """
    tags = thing.tags
    return [tag.strip() for tag in tags.split(",")] if isinstance(tags, str) else []


def theirs(namespace: str, reference: str, secret: str) -> str:
    """
    The `referenceId` at Kaltura of our reference: `{namespace}:{reference}:{mac}`. Whoever knows the referenceId of an
    entry may read it without any KS of the account, and who knows a session's id knows its reference; the code at the
    end is what nobody can guess. With `ours`, this is the only place that knows the outer form.

    Args:
        namespace: Of the deployment.
        reference: Ours.
        secret: Of the account. Under another one nothing that was made before is found by its reference: what is
            recorded is known by its ids, and the rest is found as an orphan.
    """
    code = hmac.new(secret.encode(), f"greenroom reference {namespace}:{reference}".encode(), hashlib.sha256)
    return f"{unmarked(namespace, reference)}:{code.hexdigest()[:_CODE_DIGITS]}"


def unmarked(namespace: str, reference: str) -> str:
    """
    The `referenceId` of what an earlier release made.
    """
    return f"{namespace}:{reference}"


def ours(namespace: str, reference_id: str) -> str | None:
    """
    Our reference of a `referenceId` at Kaltura, as it stands there; `None` where it is not this deployment's. Any code
    will do, for the secret may have changed since, and nobody but an administrator can write one.
    """
    prefix = f"{namespace}:"
    if not reference_id.startswith(prefix):
        return None
    reference, _, code = reference_id.removeprefix(prefix).rpartition(":")
    return reference if _CODE.fullmatch(code) else reference_id.removeprefix(prefix)


def name_of(title: str, least_bytes: int = NAME_MIN_BYTES) -> str:
    """
    Return a title as the name of what is made for it.

    Args:
        title: Any text.
        least_bytes: What the field demands.
    """
    name = _fitted(title, NAME_MAX_BYTES)
    return name if len(name.encode()) >= least_bytes else name + NAME_LACKING


def file_name_of(file_name: str) -> str:
    """
    Return a file's name as an upload token may have it: with its ending, by which Kaltura knows its kind.
    """
    name = as_line(file_name)
    stem, dot, ending = name.rpartition(".")
    return _fitted(stem, NAME_MAX_BYTES - len(dot + ending)) + dot + ending


def person_names_of(name: str) -> tuple[str, str, str] | None:
    """
    Return the first, last and screen name of a person, `None` where Kaltura would refuse them.
    """
    whole = " ".join(as_line(name).split())
    if not whole or ADDRESS_IN_NAME in whole:
        return None
    first, _, last = whole.partition(" ")
    return first, last, _fitted(whole, SCREEN_NAME_MAX_BYTES)


def _fitted(text: str, most_bytes: int) -> str:
    return cut_to_bytes(as_line(text), most_bytes, lambda character: 3 if character == _GUARDED else 0).rstrip()


def as_typed(text: str) -> str:
    """
    A text as somebody typed it: without what the client puts into it so that a multirequest replaces none of it.
    """
    return text.replace("{\u2060", "{")


def moderators_of(entry_id: str) -> str:
    """
    The group of those who moderate a live entry: by its name Kaltura's chat knows it.
    """
    return entry_id + "_moderators"


def uploader_of(namespace: str, reference: str) -> str:
    """
    The user under whom one upload is made, and the `sessionid` of its KSs: nobody else ever uses it.
    """
    return "upload-" + re.sub(r"[^A-Za-z0-9]+", "-", unmarked(namespace, reference))


def uploaders_of(namespace: str) -> str:
    """
    With what the ids of all users begin under whom a deployment makes uploads.
    """
    return uploader_of(namespace, f"{Kind.VIDEO}:")


def uploaded_for(namespace: str, user_id: str) -> str | None:
    """
    The reference of the upload that a user was made for; `None` where it is not this deployment's.
    """
    prefix = uploaders_of(namespace)
    video_id, _, generation = user_id.removeprefix(prefix).rpartition("-")
    reference = f"{Kind.VIDEO}:{video_id}:{generation}"
    return reference if user_id.startswith(prefix) and parse(reference) is not None else None


def viewer_of(uid: str) -> str:
    """
    The Kaltura user of a Firebase user: the same id where Kaltura takes it, and a document may have it, else a hash
    of it.
    """
    return uid if _KALTURA_USER_ID.fullmatch(uid) and uid != "0" and can_be_id(uid) else hashed_uid(uid)


def watcher_of(uid: str) -> str:
    """
    The Kaltura user in whose name a Firebase user's player loads: one that owns nothing, because a list shows whatever
    its user owns.
    """
    return "watch-" + hashlib.sha256(uid.encode()).hexdigest()[:40]
