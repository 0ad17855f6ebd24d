"""The limits of uploads: types, sizes, lengths, quotas, and how long things may take. Pure.

Called by `upload_tokens` before anything is created, and by `transitions` when the provider has the file.
"""

from __future__ import annotations

from typing import Final

from shared.core.errors import BadRequest, TooMany
from shared.core.text import TITLE_MAX, cut_to_characters, is_blank, is_line, normalised
from shared.ports import Observation, Total, UploadSpec
from shared.videos.settings import Policy

MIME_TYPES: Final = {
    "mp4": "video/mp4",
    "m4v": "video/x-m4v",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "ts": "video/mp2t",
    "3gp": "video/3gpp",
    "flv": "video/x-flv",
    "ogv": "video/ogg",
}
"""The supported file types: MIME types by the ending of the file's name."""

SIZE_TOLERANCE: Final = 0.03
"""The relative difference that is allowed between the declared and the actual size. Some providers know a size only in
rounded KB."""

NOT_AS_DECLARED: Final = "NOT_AS_DECLARED"

NOT_RECOGNIZED: Final = "NOT_RECOGNIZED"
"""The code of a refusal that may change, if the provider later reports what it has not reported so far."""

FILE_NAME_MAX: Final = 255
"""The most characters of a file's name, as many as any file system allows."""

ORDER_MAX: Final = 1_000_000

_ORDERING: Final = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u2066\u2067\u2068\u2069"))
"""Embeddings and isolates. In a title they order words; in a file name they would move its ending away from its end."""

_AT_THE_END: Final = ". \u00a0\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufe0f\ufeff"
"""Characters at the end of a file name that are invisible there, or that Windows does not keep."""

_HIDDEN: Final = "line breaks, control characters or overrides of direction"


def checked_title(title: str) -> str:
    """
    Return a title as it is stored: in normal form, with spaces in place of tabs and none around it. Pure.

    Raises:
        BadRequest: It is empty, too long, not one line, or has overrides of direction (never).
    """
    normal = normalised(title)
    if is_blank(normal):
        raise BadRequest("Give the video a title.", reason="TITLE_INVALID")
    if len(normal) > TITLE_MAX:
        raise BadRequest(f"A title must have at most {TITLE_MAX} characters.", reason="TITLE_INVALID")
    if not is_line(normal):
        raise BadRequest(
            f"The title has characters that cannot be shown: {_HIDDEN}. Leave them out.", reason="TITLE_INVALID"
        )
    return normal


def title_of(file_name: str) -> str:
    """
    Return the default title of a video: its checked file name, cut to the limit. Pure.
    """
    return cut_to_characters(file_name, TITLE_MAX)


def checked_file_name(file_name: str) -> str:
    """
    Return a file's name as it is stored and sent to the provider. Pure.

    Any name is accepted that some system gives to a file. A backslash separates folders on Windows and may be in a name
    elsewhere; only the part after it is used. Removed are spaces around the name, invisible characters after its
    ending, and characters that would display its ending elsewhere.

    Raises:
        BadRequest: It is empty, too long, not one line, has overrides of direction, names a folder, or its type is not
            supported (never).
    """
    whole = normalised(file_name.translate(_ORDERING))
    if not is_line(whole):
        raise BadRequest(
            f"The file name has characters that are not allowed in it: {_HIDDEN}. Rename the file.",
            reason="FILE_NAME_INVALID",
        )
    if "/" in whole:
        raise BadRequest(
            "The file name has characters that are not allowed in it: slashes. Send it without folders.",
            reason="FILE_NAME_INVALID",
        )
    name = whole.rpartition("\\")[2].strip().rstrip(_AT_THE_END)
    if not 1 <= len(name) <= FILE_NAME_MAX:
        raise BadRequest(
            f"A file name must have between 1 and {FILE_NAME_MAX} characters.",
            reason="FILE_NAME_INVALID",
        )
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem or ending.lower() not in MIME_TYPES:
        supported = ", ".join(sorted(MIME_TYPES))
        raise BadRequest(
            f"This type of file is not supported. Supported are: {supported}.", reason="FILE_TYPE_NOT_SUPPORTED"
        )
    return name


def check_size(size_bytes: int, policy: Policy) -> None:
    """
    Refuse a declared size that is too large, or zero. Pure.

    Raises:
        BadRequest: It is (never).
    """
    if size_bytes < 1:
        raise BadRequest("The file is empty. Choose another file.", reason="FILE_EMPTY")
    if size_bytes > policy.max_bytes:
        raise BadRequest(
            f"The file is too large: at most {_size(policy.max_bytes)} are allowed.", reason="FILE_TOO_LARGE"
        )


def check_order(order: int | None) -> None:
    """
    Refuse an invalid place among a session's videos. Pure.

    Raises:
        BadRequest: It is out of range (never).
    """
    if order is not None and not 0 <= order <= ORDER_MAX:
        raise BadRequest(f"The order of a video must be a number from 0 to {ORDER_MAX}.", reason="ORDER_INVALID")


def check_quotas(in_session: Total, of_teacher: Total, policy: Policy) -> None:
    """
    Refuse an upload for which a quota has no room. Pure.

    Args:
        in_session: The videos of its session, with this upload.
        of_teacher: The videos of its teacher, with this upload.
        policy: The limits.

    Raises:
        TooMany: There is no room (once there is).
    """
    for total, whose, videos_max, bytes_max in (
        (in_session, "This session", policy.session_videos_max, policy.session_bytes_max),
        (of_teacher, "Your account", policy.teacher_videos_max, policy.teacher_bytes_max),
    ):
        if total.count > videos_max:
            raise TooMany(
                f"{whose} has {videos_max} videos, the maximum. Delete one of them first.",
                reason="QUOTA_USED_UP",
            )
        if total.sum > bytes_max:
            raise TooMany(
                f"{whose} may hold {_size(bytes_max)} of video, and this video does not fit. Delete another first.",
                reason="QUOTA_USED_UP",
            )


def refusal_of_upload(arrived_bytes: int, declared: UploadSpec, policy: Policy) -> tuple[str, str] | None:
    """
    Return the code and message if an upload must not go on, because more has arrived than was declared, or than is
    allowed; else `None`. Pure.

    Args:
        arrived_bytes: How much has arrived so far.
        declared: The teacher's declaration.
        policy: The limits.
    """
    if declared.recording is not None:
        return None
    if arrived_bytes > policy.max_bytes:
        return _too_large(policy)
    if arrived_bytes > declared.size_bytes + _tolerance_bytes(declared.size_bytes):
        return (
            NOT_AS_DECLARED,
            f"A file of {declared.size_bytes} bytes was declared and {arrived_bytes} bytes have arrived. "
            "Upload it again, and declare its real size.",
        )
    return None


def refusal_of_media(seen: Observation, declared: UploadSpec, policy: Policy) -> tuple[str, str] | None:
    """
    Return the code and message if a video that its provider calls ready is not allowed, or not as declared; else
    `None`. Unknown facts are never assumed to be fine. A recording that the provider made itself may be anything. Pure.
    """
    if declared.recording is not None:
        return None
    if seen.size_bytes is not None and seen.size_bytes > policy.max_bytes:
        return _too_large(policy)
    if seen.size_bytes is not None and _differs(seen.size_bytes, declared.size_bytes):
        return (
            NOT_AS_DECLARED,
            f"A file of {declared.size_bytes} bytes was declared and one of {seen.size_bytes} bytes arrived. "
            "Upload it again, and declare its real size.",
        )
    if seen.duration_s is not None and seen.duration_s > policy.max_duration_s:
        return "TOO_LONG", f"The video is longer than the {policy.max_duration_s} seconds that are allowed."
    if seen.media_type is not None and seen.media_type not in MIME_TYPES.values():
        return "TYPE_NOT_SUPPORTED", f"The file that arrived is of the type {seen.media_type}, which is not supported."
    if not seen.is_video:
        return "NOT_A_VIDEO", "The file that arrived has no video track. Upload a video file."
    if not seen.duration_s or seen.size_bytes is None or (seen.media_type is None and not seen.type_is_verified):
        return (
            NOT_RECOGNIZED,
            "The video provider cannot tell the length, the size or the type of the file that arrived. "
            "Upload another copy of it.",
        )
    return None


def _size(size_bytes: int) -> str:
    """
    Return a limit for people to read, in the largest unit of which it is a whole number.
    """
    for unit, unit_bytes in (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size_bytes and size_bytes % unit_bytes == 0:
            return f"{size_bytes // unit_bytes} {unit}"
    return f"{size_bytes} bytes"


def _too_large(policy: Policy) -> tuple[str, str]:
    return "TOO_LARGE", f"The file that arrived is larger than the {_size(policy.max_bytes)} that are allowed."


def _differs(actual_bytes: int, declared_bytes: int) -> bool:
    return abs(actual_bytes - declared_bytes) > _tolerance_bytes(declared_bytes)


def _tolerance_bytes(declared_bytes: int) -> float:
    return SIZE_TOLERANCE * declared_bytes + 1024
