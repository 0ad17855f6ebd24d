"""What may be uploaded, as far as its name, title and declared size tell; and what of that is judged again by the real
thing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from emulator_tests.texts import FAMILY, NOT_TITLES, TITLES
from shared.core.errors import BadRequest, TooMany
from shared.core.text import TITLE_MAX
from shared.ports import MediaState, Observation, Total, UploadSpec
from shared.videos.policy import (
    FILE_NAME_MAX,
    MIME_TYPES,
    check_order,
    check_quotas,
    check_size,
    checked_file_name,
    checked_title,
    refusal_of_media,
    refusal_of_upload,
    title_of,
)
from shared.videos.settings import Policy

POLICY = Policy(
    max_bytes=1000,
    max_duration_s=60,
    session_videos_max=2,
    session_bytes_max=1500,
    teacher_videos_max=4,
    teacher_bytes_max=3000,
    uploads_in_flight_max=3,
    tokens_per_minute_max=10,
    upload_deadline_s=1,
    processing_deadline_s=1,
    retry_keep_s=1,
    looks_max=1,
)
DECLARED = UploadSpec("Algebra", "algebra.mp4", 1000)

ONE_TOO_LONG = "n" * (FILE_NAME_MAX - 3) + ".mp4"
REFUSED = "The file name has characters that are not allowed in it"


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_international_titles_are_stored_unchanged(title: str) -> None:
    """B6"""
    assert checked_title(title) == title


@pytest.mark.parametrize("title", NOT_TITLES.values(), ids=NOT_TITLES)
def test_a_title_that_deceives_or_breaks_a_line_is_refused(title: str) -> None:
    """B6"""
    with pytest.raises(BadRequest):
        checked_title(title)


@pytest.mark.parametrize(
    ("title", "stored"),
    [
        pytest.param("  Algebra \t", "Algebra", id="surrounded by space"),
        pytest.param("Algebra\tI", "Algebra I", id="B6 a tab becomes a space"),
        pytest.param("Cafe\u0301", "Caf\u00e9", id="NFD becomes its NFC twin"),
        pytest.param("t" * TITLE_MAX, "t" * TITLE_MAX, id="as long as it may be"),
        pytest.param("\U0001faea" * TITLE_MAX, "\U0001faea" * TITLE_MAX, id="B6 as long as it may be, in new emoji"),
        pytest.param("e\u0301" * TITLE_MAX, "\u00e9" * TITLE_MAX, id="as long as it may be, once in normal form"),
    ],
)
def test_a_title_is_brought_into_form(title: str, stored: str) -> None:
    assert checked_title(title) == stored


@pytest.mark.parametrize("title", ["", " ", "\t\n", "\u3000", "\u200b", "\u200f \u2060"], ids=ascii)
def test_a_title_must_say_something(title: str) -> None:
    with pytest.raises(BadRequest, match="Give the video a title"):
        checked_title(title)


@pytest.mark.parametrize("length", [TITLE_MAX + 1, 10_000])
def test_a_title_that_is_too_long_is_refused(length: int) -> None:
    with pytest.raises(BadRequest, match="at most 200 characters"):
        checked_title("t" * length)


@pytest.mark.parametrize(
    "character",
    ["\0", "\x1b", "\r", "\n", "\x0b", "\x7f", "\x85", "\x9b", "\u202d", "\u202e", "\u2028", "\u2029", "\ud800"],
    ids=ascii,
)
def test_deceptive_characters_are_refused_everywhere(character: str) -> None:
    """B6"""
    with pytest.raises(BadRequest, match="characters that cannot be shown: line breaks"):
        checked_title(f"Alge{character}bra")
    with pytest.raises(BadRequest, match=f"{REFUSED}: line breaks"):
        checked_file_name(f"alge{character}bra.mp4")


@pytest.mark.parametrize("ending", MIME_TYPES)
def test_each_supported_type_is_told_by_the_end_of_the_name(ending: str) -> None:
    assert checked_file_name(f"algebra.{ending}") == f"algebra.{ending}"
    assert checked_file_name(f"algebra.{ending.upper()}") == f"algebra.{ending.upper()}"


@pytest.mark.parametrize("title", [title for title in TITLES.values() if not {"/", "\u2067"} & set(title)], ids=ascii)
def test_a_file_may_be_named_like_any_title(title: str) -> None:
    """B6"""
    assert checked_file_name(f"{title}.mp4") == f"{title}.mp4"
    assert checked_title(title_of(f"{title}.mp4")) == f"{title}.mp4"


NAMES: dict[str, str] = {
    "a colon of macOS": "Lesson 10:30.mov",
    "quotes": "\"Optics\" 'one'.mp4",
    "a question and a star": "What is *light*?.mp4",
    "less, more and a pipe": "a < b | c > d.mp4",
    "dots and signs": "1. lesson (final) #2 & 50% +~^.mp4",
    "a dot first": ".lesson.mp4",
    "many dots": "...lesson..v2...mp4",
    "the last ending counts": "lesson.exe.mp4",
    "code": "$(id) `id`; rm -rf *.mp4",
    "an option": "-rf.mp4",
    "what looks like a drive": "-env:x.mp4",
    "a device of Windows": "CON.mp4",
    "as recorded by macOS": "Screen Recording 2026-11-28 at 10.11.12\u202fAM.mov",
    "as recorded by macOS in Arabic": "\u200fتسجيل الشاشة 28-11 في ص.mov",
    "255 letters": "n" * 251 + ".mp4",
    "255 characters of three bytes": "课" * 251 + ".mp4",
    "255 bytes of combining marks": "n\u0360" * 83 + "ab.mp4",
}


@pytest.mark.parametrize("file_name", NAMES.values(), ids=NAMES)
def test_a_name_that_some_system_gives_to_a_file_is_taken(file_name: str) -> None:
    """B6"""
    assert checked_file_name(file_name) == file_name
    assert checked_title(title_of(file_name)) in file_name


def test_a_title_that_a_file_name_is_too_long_for_ends_with_a_whole_character() -> None:
    """B6"""
    letters = "n" * (TITLE_MAX - 1)
    assert title_of(f"{letters}{FAMILY}.mp4") == letters


@pytest.mark.parametrize(
    ("file_name", "handed_on"),
    [
        pytest.param("Cafe\u0301.mp4", "Caf\u00e9.mp4", id="NFD becomes its NFC twin"),
        pytest.param("  lesson.mp4 ", "lesson.mp4", id="B6 spaces around it"),
        pytest.param("lesson.mp4. .", "lesson.mp4", id="B6 dots at its end"),
        *(
            pytest.param(f"lesson.mp4{mark}", "lesson.mp4", id=f"B6 {mark!a} at its end")
            for mark in ("\u061c", "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2060", "\ufe0f", "\ufeff")
        ),
        *(
            pytest.param(f"les{mark}son.mp4{mark}", "lesson.mp4", id=f"B6 {mark!a} in it")
            for mark in "\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
        ),
        pytest.param("a\tb.mp4", "a b.mp4", id="B6 a tab"),
        pytest.param("C:\\fakepath\\lesson.mp4", "lesson.mp4", id="B6 a path of Windows"),
        pytest.param("a\\b.mp4", "b.mp4", id="B6 a backslash of Linux"),
        pytest.param("..\\..\\x.mp4", "x.mp4", id="B6 a path of Windows that climbs"),
        pytest.param("exe\u2067.\u2069mp4.mp4", "exe.mp4.mp4", id="B6 isolates"),
        pytest.param("\u202aalgebra\u202c.mp4", "algebra.mp4", id="B6 embeddings"),
        pytest.param(ONE_TOO_LONG[1:], ONE_TOO_LONG[1:], id="as long as it may be"),
    ],
)
def test_a_file_name_is_brought_into_form(file_name: str, handed_on: str) -> None:
    assert checked_file_name(file_name) == handed_on


@pytest.mark.parametrize(
    "file_name",
    ["", ".", "..", " ", "\u2067", ONE_TOO_LONG, "n" * 10_000 + ".mp4"],
    ids=["empty", "a dot", "two dots", "a space", "an isolate", "one too long", "far too long"],
)
def test_a_file_name_has_a_length(file_name: str) -> None:
    with pytest.raises(BadRequest, match="between 1 and 255 characters"):
        checked_file_name(file_name)


@pytest.mark.parametrize("file_name", ["../../x.mp4", "/etc/passwd.mp4", "C:/x.mp4", "a/b.mp4", "x.mp4/"], ids=ascii)
def test_a_file_name_with_folders_is_refused(file_name: str) -> None:
    with pytest.raises(BadRequest, match=f"{REFUSED}: slashes"):
        checked_file_name(file_name)


@pytest.mark.parametrize(
    "file_name",
    ["mp4", ".mp4", "lesson", "lesson.", "lesson.mp4.exe", "a.html", "slides.pptx", "lesson.m\u04404", "x.mp4\\y"],
    ids=ascii,
)
def test_a_type_that_is_not_supported_is_refused_with_those_that_are(file_name: str) -> None:
    with pytest.raises(BadRequest, match=r"not supported\. Supported are: 3gp, avi, .*, wmv\."):
        checked_file_name(file_name)


def test_a_refused_name_is_not_repeated_in_the_sentence() -> None:
    with pytest.raises(BadRequest) as raised:
        checked_file_name("<script>.html")
    assert "script" not in str(raised.value)


@pytest.mark.parametrize("size_bytes", [1, 999, 1000])
def test_a_file_up_to_the_limit_is_taken(size_bytes: int) -> None:
    check_size(size_bytes, POLICY)


@pytest.mark.parametrize("size_bytes", [0, -1, -(10**30)])
def test_an_empty_file_is_refused(size_bytes: int) -> None:
    with pytest.raises(BadRequest, match="The file is empty"):
        check_size(size_bytes, POLICY)


@pytest.mark.parametrize("size_bytes", [1001, 10**30])
def test_a_file_over_the_limit_is_refused_with_the_limit(size_bytes: int) -> None:
    with pytest.raises(BadRequest, match="at most 1000 bytes"):
        check_size(size_bytes, POLICY)


@pytest.mark.parametrize("order", [None, 0, 7, 1_000_000])
def test_an_order_is_any_place_that_there_may_be(order: int | None) -> None:
    check_order(order)


@pytest.mark.parametrize("order", [-1, 1_000_001, -(10**30), 10**30])
def test_an_impossible_order_is_refused(order: int) -> None:
    with pytest.raises(BadRequest, match="from 0 to 1000000"):
        check_order(order)


FITS = Total(1, 100)


@pytest.mark.parametrize(
    ("in_session", "of_teacher"),
    [(FITS, FITS), (Total(2, 1500), FITS), (FITS, Total(4, 3000)), (Total(2, 1500), Total(4, 3000))],
    ids=["little", "a full session", "a full account", "both full"],
)
def test_quota_admits_up_to_the_last_byte(in_session: Total, of_teacher: Total) -> None:
    check_quotas(in_session, of_teacher, POLICY)


@pytest.mark.parametrize(
    ("in_session", "of_teacher", "sentence"),
    [
        (Total(3, 100), FITS, "This session has 2 videos, the maximum. Delete one of them first."),
        (Total(1, 1501), FITS, "This session may hold 1500 bytes of video"),
        (FITS, Total(5, 100), "Your account has 4 videos, the maximum. Delete one of them first."),
        (FITS, Total(1, 3001), "Your account may hold 3000 bytes of video"),
    ],
    ids=["videos of a session", "bytes of a session", "videos of a teacher", "bytes of a teacher"],
)
def test_file_over_quota_is_refused_with_advice(in_session: Total, of_teacher: Total, sentence: str) -> None:
    with pytest.raises(TooMany, match=re.escape(sentence)):
        check_quotas(in_session, of_teacher, POLICY)


FILM = Observation(MediaState.READY, duration_s=60.0, size_bytes=1000, media_type="video/mp4")
"""All that must be known of a video, up to the limits."""


@pytest.mark.parametrize(
    ("differing", "code"),
    [
        pytest.param({}, None, id="up to the limits"),
        pytest.param({"size_bytes": 1001}, "TOO_LARGE", id="larger than it may be"),
        pytest.param({"duration_s": 60.1}, "TOO_LONG", id="longer than it may be"),
        pytest.param({"is_video": False}, "NOT_A_VIDEO", id="sound alone"),
        pytest.param({"media_type": "text/html"}, "TYPE_NOT_SUPPORTED", id="a page"),
        pytest.param({"media_type": "application/x-png-pipe"}, "TYPE_NOT_SUPPORTED", id="B16 a picture"),
        pytest.param({"media_type": "application/x-gif"}, "TYPE_NOT_SUPPORTED", id="B16 a picture that moves"),
        pytest.param({"media_type": "video/x-matroska"}, None, id="another type, supported"),
        pytest.param({"duration_s": None}, "NOT_RECOGNIZED", id="B16 of unknown length"),
        pytest.param({"duration_s": 0.0}, "NOT_RECOGNIZED", id="B16 of no length"),
        pytest.param({"size_bytes": None}, "NOT_RECOGNIZED", id="B16 of unknown size"),
        pytest.param({"media_type": None}, "NOT_RECOGNIZED", id="B16 of unknown type"),
        pytest.param(
            {"media_type": None, "type_is_verified": True}, None, id="B16 of a type that the provider verified"
        ),
        pytest.param(
            {"duration_s": None, "size_bytes": None, "media_type": None, "is_video": False},
            "NOT_A_VIDEO",
            id="B16 nothing known but that it is no video",
        ),
        pytest.param(
            {"size_bytes": 1001, "duration_s": 61.0, "is_video": False},
            "TOO_LARGE",
            id="all of it: the first reason is told",
        ),
    ],
)
def test_received_content_is_checked_regardless_of_declaration(differing: dict[str, Any], code: str | None) -> None:
    refusal = refusal_of_media(replace(FILM, **differing), DECLARED, POLICY)
    assert (refusal and refusal[0]) == code


def test_a_recording_may_be_anything_and_as_large_as_it_is() -> None:
    """
    B16: the provider has made it itself.
    """
    recording = replace(DECLARED, size_bytes=0, recording={"entryId": "0_live1-recorded"})
    assert refusal_of_media(Observation(MediaState.READY), recording, POLICY) is None
    assert refusal_of_upload(10**12, recording, POLICY) is None


@pytest.mark.parametrize(
    ("declared_bytes", "arrived_bytes", "code"),
    [
        pytest.param(1, 0, None, id="A9 nothing yet"),
        pytest.param(1, 1025, None, id="A9 as much as tolerance lets pass"),
        pytest.param(1, 1026, "NOT_AS_DECLARED", id="A9 a byte more"),
        pytest.param(1, 320_000_000, "NOT_AS_DECLARED", id="A9 320 MB instead of one byte"),
        pytest.param(10**9, 500, None, id="A9 less than declared, so far"),
        pytest.param(10**9, int(1.03 * 10**9), None, id="A9 three in a hundred more"),
        pytest.param(10**9, int(1.031 * 10**9), "NOT_AS_DECLARED", id="A9 more than that"),
        pytest.param(10**10, 10**10 + 1, "TOO_LARGE", id="A9 more than any file may have"),
    ],
)
def test_an_upload_is_refused_once_more_has_arrived_than_was_declared(
    declared_bytes: int, arrived_bytes: int, code: str | None
) -> None:
    policy, declared = replace(POLICY, max_bytes=10**10), replace(DECLARED, size_bytes=declared_bytes)
    refusal = refusal_of_upload(arrived_bytes, declared, policy)
    assert (refusal and refusal[0]) == code


@pytest.mark.parametrize("media_type", sorted(set(MIME_TYPES.values())))
def test_every_type_that_may_be_uploaded_may_arrive(media_type: str) -> None:
    assert refusal_of_media(replace(FILM, media_type=media_type), DECLARED, POLICY) is None


@pytest.mark.parametrize(
    ("declared_bytes", "arrived_bytes", "lies"),
    [
        pytest.param(10**9, 10**9, False, id="the same"),
        pytest.param(10**9, int(1.03 * 10**9), False, id="as much more as rounding may make"),
        pytest.param(10**9, int(0.97 * 10**9), False, id="as much less"),
        pytest.param(10**9, int(1.031 * 10**9), True, id="more"),
        pytest.param(10**9, int(0.969 * 10**9), True, id="less"),
        pytest.param(10, 1024, False, id="one KB, rounded up"),
        pytest.param(10, 1036, True, id="far more than declared"),
        pytest.param(5000, 1, True, id="hardly anything"),
    ],
)
def test_received_size_must_match_the_declared_size(declared_bytes: int, arrived_bytes: int, lies: bool) -> None:
    policy, declared = replace(POLICY, max_bytes=10**10), replace(DECLARED, size_bytes=declared_bytes)
    refusal = refusal_of_media(replace(FILM, size_bytes=arrived_bytes), declared, policy)
    assert (refusal is not None) is lies
    if refusal is not None:
        assert refusal[0] == "NOT_AS_DECLARED"
        assert str(arrived_bytes) in refusal[1]


@pytest.mark.parametrize(
    ("max_bytes", "told"),
    [
        (10 * 1024**3, "10 GiB"),
        (2 * 1024**4, "2 TiB"),
        (1536 * 1024**2, "1536 MiB"),
        (5 * 1024, "5 KiB"),
        (1000, "1000 bytes"),
    ],
)
def test_limits_are_told_in_units_that_people_read(max_bytes: int, told: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(f"The file is too large: at most {told} are allowed.")):
        check_size(max_bytes + 1, replace(POLICY, max_bytes=max_bytes))
