"""Translate between Kaltura's terms and ours: statuses, references, tags, user ids, and the codes that mean "gone".
Pure.

Called by the other files of this folder. Kaltura's terms are used nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final

from shared.core.errors import BadRequest
from shared.core.paths import can_be_id, hashed_uid
from shared.core.references import VIDEO, parse
from shared.core.text import as_line, cut_to_bytes
from shared.ports import MediaState, Replacing, Stage

NAME: Final = "kaltura"
"""Our name of this provider."""

GONE_CODES: Final = frozenset(
    {
        "ENTRY_ID_NOT_FOUND",
        "INVALID_ENTRY_ID",
        "FLAVOR_ASSET_ID_NOT_FOUND",
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
"""Answers to a deletion, or a read, under an administrator's KS that mean that the thing does not exist."""

NOT_OFFERED_CODES: Final = frozenset({"SERVICE_FORBIDDEN", "FEATURE_FORBIDDEN", "SERVICE_DOES_NOT_EXISTS"})
"""Answers that mean that the account does not have the feature that was asked for."""

REFUSED_PARTS: Final = {
    "MAX_SCHEDULE_DURATION_REACHED": "The session lasts longer than the video account lets an event be scheduled. "
    "Let it end earlier.",
}
"""Advice to the teacher if the account refuses one part of an event for good, by Kaltura's code."""

USER_EXISTS: Final = "DUPLICATE_USER_BY_ID"
"""The answer to creating a user, or a group, that exists already."""

PAGE: Final = 500
"""The maximum number of items in one page of a list."""

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
"""
Status of an entry; 5 is one that waits for a moderator, 6 one that is blocked (`entryStatus`). An unknown status counts
as processing, so that its deadline ends it.
"""

REASONS: Final = {
    "-2": "The file could not be fetched by the video provider. Upload it again.",
    "-1": "The file could not be converted: it is damaged, or it is not a video.",
    "virusScan.Infected": "The file contains a virus.",
    "virusScan.ScanFailure": "The file could not be checked for viruses. Upload it again.",
}

NOT_CONVERTED: Final = "The video provider could not convert the file. Retry it, or upload another file."

ALIVE: Final = ",".join(status for status in MEDIA_STATES if status != DELETED)
"""Every status but deleted. Without this filter a list has ready entries only."""

ARRIVED: Final = ",".join(
    status for status, state in MEDIA_STATES.items() if state not in (MediaState.AWAITING_UPLOAD, MediaState.GONE)
)
"""Every status of an entry whose bytes have arrived."""

EMPTY: Final = frozenset({NO_CONTENT, IMPORTING})
"""Every status of an entry that may have no bytes. An entry that waits for an upload counts as importing."""
MODERATED: Final = "1,2,3,4,5,6"
"""
Every `moderationStatus`. Without this filter a list omits entries that wait for a moderator (1) or that one has
rejected (3). Source: kaltura/server, entryPeer::setDefaultCriteriaFilter.
"""

REJECTED: Final = "3"
"""`moderationStatus` of an entry that a moderator has rejected, `entry::ENTRY_MODERATION_STATUS_REJECTED`."""

PICTURE: Final = "2"
"""`mediaType` of an entry that is a still picture, `IMAGE`."""

MOVING_PICTURE: Final = "1"
"""`mediaType` of an entry that is a video, `VIDEO`."""

HIDDEN: Final = frozenset({"-1", "-2"})
"""
`displayInSearch` of an entry that is no video of its own: the new content of another one (`SYSTEM`), or in the recycle
bin (`RECYCLED`).
"""

CONVERSION_FAILED: Final = "-1"

STAGES: Final = {"1": Stage.CONVERTING, "4": Stage.QUEUED}
"""The stage of a status that counts as processing."""

RECORDED_LIVE: Final = frozenset({"34", "36"})
"""`sourceType` of an entry that is a recording of a live one, `RECORDED_LIVE` and `KALTURA_RECORDED_LIVE`."""

SOURCE_FLAVOR: Final = 0
"""The flavor params id of the uploaded file, `flavorParams::SOURCE_FLAVOR_ID`."""

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
`containerFormat` of a flavor, as MIME types. Kaltura's ffprobe, and MediaInfo before it, found it in the bytes. The
file's name at most selects one of several names for the same format. Source: KFFMpegMediaParser::matchContainerFormat
and convertToMediaInfoNames, KDLMediaDataSet::IsCondition.
"""

REPLACEMENTS: Final = {
    "1": Replacing.UNDER_WAY,
    "2": Replacing.UNDER_WAY,
    "3": Replacing.UNDER_WAY,
    "4": Replacing.FAILED,
}
"""
`replacementStatus` of an entry: approved and not ready, ready and not approved, neither, failed. 0 and nothing is none.
"""

TAG_BYTES: Final = (2, 100)
"""The bytes that a tag of an entry has, at least and at most. Kaltura drops shorter ones and cuts longer ones."""

FLAVOR_READY: Final = "2"
FLAVOR_NOT_COUNTED: Final = frozenset({"3", "4", "5"})
"""Flavors that are deleted, not applicable or temporary say nothing about the progress."""

_CODE_DIGITS: Final = 24
_CODE: Final = re.compile(f"[0-9a-f]{{{_CODE_DIGITS}}}")
"""
Lower-case hexadecimal digits, because Kaltura compares some texts without regard to case; longer than any generation.
"""

NAME_MAX_BYTES: Final = 256
"""
The maximum for the name of an entry, a virtual event or a resource, the summary of a schedule event and the file name
of an upload token. Source: KalturaVirtualEvent, KalturaScheduleEvent and KalturaScheduleResource have a maxLength,
which KalturaRequestDeserializer compares with strlen; entry::MAX_NAME_LEN; the column upload_token.file_name.
"""

NAME_MIN_BYTES: Final = 1
VIRTUAL_EVENT_NAME_MIN_BYTES: Final = 3

NAME_LACKING: Final = "\u2026"
"""Added to a name that is too short. It has three bytes, so the result is always long enough."""

SCREEN_NAME_MAX_BYTES: Final = 127
"""Source: KalturaBaseUser::$screenName; `first` and `last` name are kept whole, kuser::setFirstName."""

ADDRESS_IN_NAME: Final = "://"
"""A user whose name contains it is refused. Source: KalturaBaseUser::validateNames, kuser::URL_PATTERN."""

_GUARDED: Final = "{"
"""`client` may send a character of three bytes after it, so that typed text is not read as a reference."""

MADE: Final = "greenroom"
"""The beginning of the tag on everything that a deployment creates."""

_ENTRY_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_KALTURA_USER_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'+?^_`{}~.@-]{1,100}")


def status_of(thing: Any) -> str:
    """
    Return the status of an object of the library: an enumeration's value, as text.
    """
    return _told(thing.status)


def is_recording(entry: Any) -> bool:
    """
    Tell whether an entry of the library is a recording of a live one.
    """
    return _told(entry.sourceType) in RECORDED_LIVE


def is_rejected(entry: Any) -> bool:
    """
    Tell whether a moderator has rejected an entry of the library. An entry that still waits for a moderator plays
    anyway: a KS with `sview` lifts moderation (kaltura/server, KSecureEntryHelper::validateForPlay).
    """
    return _told(entry.moderationStatus) == REJECTED


def is_video(entry: Any) -> bool:
    """
    Tell whether an entry of the library is a video of its own.
    """
    return _told(entry.mediaType) == MOVING_PICTURE and _told(entry.displayInSearch) not in HIDDEN


def replacing(entry: Any) -> Replacing:
    """
    Return the state of the replacement of an entry of the library.
    """
    return REPLACEMENTS.get(_told(entry.replacementStatus), Replacing.NO)


def is_picture(entry: Any) -> bool:
    """
    Tell whether an entry of the library is a still picture.
    """
    return _told(entry.mediaType) == PICTURE


def _told(value: Any) -> str:
    """
    Return a value of the library as text: an enumeration's, or a plain one.
    """
    return str(value.getValue() if hasattr(value, "getValue") else value)


def media_state(status: str) -> MediaState:
    """
    Return our state for an entry's status.
    """
    return MEDIA_STATES.get(status, MediaState.PROCESSING)


def media_type(container_format: object) -> str | None:
    """
    Return the MIME type of a flavor's container. An unknown container keeps its name; `None` if there is none.
    """
    if not isinstance(container_format, str) or not container_format.strip():
        return None
    name = container_format.strip().lower()
    return CONTAINERS.get(name, "application/x-" + re.sub(r"[^a-z0-9]+", "-", name)[:40])


def tag_of(namespace: str) -> str:
    """
    Return the tag on everything that a deployment creates: letters and digits, because a search index splits at any
    other character.
    """
    return MADE + re.sub(r"[^a-z0-9]", "", namespace.lower())


def is_tagged(entry: Any) -> bool:
    """
    Tell whether any deployment of Greenroom has made an entry of the library.
    """
    tags = entry.adminTags
    return isinstance(tags, str) and any(tag.strip().lower().startswith(MADE) for tag in tags.split(","))


def can_be_entry(entry_id: str) -> bool:
    """
    Tell whether a text can be the id of one entry. In a list of ids, another text could mean several.
    """
    return _ENTRY_ID.fullmatch(entry_id) is not None


def tags_of(thing: Any) -> list[str]:
    """
    Return the tags of an object of the library.
    """
    tags = thing.tags
    return [tag.strip() for tag in tags.split(",")] if isinstance(tags, str) else []


def tag_as_kept(tag: str) -> str:
    """
    Return a tag as Kaltura keeps it. Source: kaltura/server, ktagword::tagsListFromParagraph.

    Raises:
        BadRequest: It cannot be one tag (never).
    """
    kept = tag.strip().lower()
    least, most = TAG_BYTES
    if "," in kept or not least <= len(kept.encode()) <= most:
        raise BadRequest(
            f"A tag must have {least} to {most} bytes and no comma. Choose another one.", reason="OPTION_INVALID"
        )
    return kept


def theirs(namespace: str, reference: str, secret: str) -> str:
    """
    Return the `referenceId` at Kaltura of our reference: `{namespace}:{reference}:{mac}`. Anybody who knows the
    referenceId of an entry may read the entry without a KS of the account, and a session's reference can be derived
    from its id. Nobody can guess the code at the end. With `ours`, this is the only place that knows the outer
    form.

    Args:
        namespace: The namespace of the deployment.
        reference: Our reference.
        secret: The secret of the account. If it changes, nothing created before is found by its reference. Recorded
            things are known by their ids, and the rest is found as orphans.
    """
    code = hmac.new(secret.encode(), f"greenroom reference {namespace}:{reference}".encode(), hashlib.sha256)
    return f"{unmarked(namespace, reference)}:{code.hexdigest()[:_CODE_DIGITS]}"


def unmarked(namespace: str, reference: str) -> str:
    """
    Return the `referenceId` of things that an earlier release created.
    """
    return f"{namespace}:{reference}"


def ours(namespace: str, reference_id: str) -> str | None:
    """
    Return our reference of a `referenceId` at Kaltura; `None` if it is not this deployment's. Any code at its end is
    accepted, because the secret may have changed since, and only an administrator can write one.
    """
    prefix = f"{namespace}:"
    if not reference_id.startswith(prefix):
        return None
    reference, _, code = reference_id.removeprefix(prefix).rpartition(":")
    return reference if _CODE.fullmatch(code) else reference_id.removeprefix(prefix)


def name_of(title: str, least_bytes: int = NAME_MIN_BYTES) -> str:
    """
    Return a title as the name of an object at Kaltura.

    Args:
        title: Any text.
        least_bytes: The minimum length of the field.
    """
    name = _fitted(title, NAME_MAX_BYTES)
    return name if len(name.encode()) >= least_bytes else name + NAME_LACKING


def file_name_of(file_name: str) -> str:
    """
    Return a file's name for an upload token, with its extension, by which Kaltura recognises its kind.
    """
    name = as_line(file_name)
    stem, dot, ending = name.rpartition(".")
    return _fitted(stem, NAME_MAX_BYTES - len(dot + ending)) + dot + ending


def person_names_of(name: str) -> tuple[str, str, str] | None:
    """
    Return the first, last and screen name of a person, `None` if Kaltura would refuse them.
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
    Return a text as it was typed, without the word joiners that the client adds so that a multirequest replaces none of
    it.
    """
    return text.replace("{\u2060", "{")


def moderators_of(entry_id: str) -> str:
    """
    Return the group of a live entry's moderators. Kaltura's chat knows it by this name.
    """
    return entry_id + "_moderators"


def uploader_of(namespace: str, reference: str) -> str:
    """
    Return the user for one upload, which is also the `sessionid` of its KSs. No other upload or person ever uses it.
    """
    return "upload-" + re.sub(r"[^A-Za-z0-9]+", "-", unmarked(namespace, reference))


def uploaders_of(namespace: str) -> str:
    """
    Return the prefix of the ids of all users that a deployment creates for uploads.
    """
    return uploader_of(namespace, f"{VIDEO}:")


def uploaded_for(namespace: str, user_id: str) -> str | None:
    """
    Return the reference of the upload that a user was created for; `None` if it is not this deployment's.
    """
    prefix = uploaders_of(namespace)
    video_id, _, generation = user_id.removeprefix(prefix).rpartition("-")
    reference = f"{VIDEO}:{video_id}:{generation}"
    return reference if user_id.startswith(prefix) and parse(reference) is not None else None


def viewer_of(uid: str) -> str:
    """
    Return the Kaltura user of a Firebase user: the same id if Kaltura accepts it and a document may have it, else a
    hash of it.
    """
    return uid if _KALTURA_USER_ID.fullmatch(uid) and uid != "0" and can_be_id(uid) else hashed_uid(uid)


def watcher_of(uid: str) -> str:
    """
    Return the Kaltura user of a Firebase user's player. It owns nothing, because a list shows everything that its user
    owns.
    """
    return "watch-" + hashlib.sha256(uid.encode()).hexdigest()[:40]
