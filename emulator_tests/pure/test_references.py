"""References: the one parser of what a provider says a thing was made under (A14)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cloud.firestore import check_path
from shared.core.identity import STAMP_DIGITS, SessionIdentity, stamped_session_id
from shared.core.paths import copy_path, pairing_path, video_path
from shared.core.references import COPY, REPORTED_MAX_LETTERS, SESSION, VIDEO, Kind, Reference, parse, read, shown

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
"""Also what cannot be encoded: half of a surrogate pair."""

NEARLY = st.builds(
    lambda *words: ":".join(words),
    st.one_of(st.sampled_from(["session", "video", "copy", "slides", "Video", ""]), ANY),
    ANY,
    st.one_of(st.integers().map(str), ANY),
)


@pytest.mark.parametrize(
    ("text", "kind", "key", "generation", "path"),
    [
        ("session:s1:1", SESSION, "s1", 1, pairing_path("s1")),
        ("session:A session-1:12", SESSION, "A session-1", 12, pairing_path("A session-1")),
        ("session:größe_1:1", SESSION, "größe_1", 1, pairing_path("größe_1")),
        ("video:0123456789abcdef0123:1", VIDEO, "0123456789abcdef0123", 1, video_path("0123456789abcdef0123")),
        ("copy:v1-host2:999999999", COPY, "v1-host2", 999_999_999, copy_path("v1-host2")),
    ],
)
def test_a_reference_is_understood(text: str, kind: Kind, key: str, generation: int, path: str) -> None:
    found = parse(text)
    assert found == Reference(kind, key, generation)
    assert (str(found), found.path) == (text, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "video",
        "video:",
        "video:v1",
        "video:v1:",
        "video::1",
        ":v1:1",
        "video:v1:1:1",
        "video:v1:0",
        "video:v1:-1",
        "video:v1:01",
        "video:v1:1 ",
        "video:v1:1.0",
        "video:v1:\u0661",
        "video:v1:1_0",
        "video:v1:1000000000",
        "video:v1\n:1",
        "video:v1,v2:1",
        "video:v/1:1",
        "video:v 1:1",
        "Video:v1:1",
        "slides:v1:1",
        "copy:v1:1",
        "copy:v1-:1",
        "copy:v1-Host:1",
        "copy:-host:1",
        "session:a:b:1",
        "session:a/b:1",
        "session:.:1",
        "session:..:1",
        "session:__x__:1",
        "session:a\x00b:1",
        "session:\u202e:1",
        "session:\ud800:1",
        f"session:{'x' * 1501}:1",
        f"session:{'ü' * 751}:1",
        f"video:{'v' * 65}:1",
        f"video:v1:{'9' * 10_000}",
    ],
)
def test_everything_else_is_none(text: str) -> None:
    assert parse(text) is None


@given(st.one_of(ANY, NEARLY))
@pytest.mark.long
def test_no_text_raises_and_whatever_is_understood_leads_to_a_document(text: str) -> None:
    found = parse(text)
    if found is not None:
        assert str(found) == text
        check_path(found.path)
    assert read("kaltura", text) == found


@given(ANY)
@pytest.mark.long
def test_no_text_raises_in_the_place_of_a_stamp(text: str) -> None:
    for stamp in (text, f"{'0' * STAMP_DIGITS}:{text}"):
        session_id = stamped_session_id(stamp)
        if session_id is not None:
            check_path(f"sessions/{session_id}")


def test_unknown_reference_is_reported_once_truncated_and_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'video:"\n{"severity": "ALERT"}\u202e\ud800' + "x" * 1000
    for _ in range(3):
        assert read("kaltura", text) is None
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["severity"], told["message"], told["provider"]) == ("WARNING", "reference unreadable", "kaltura")
    assert told["text"].isascii()
    assert told["text"].isprintable()
    assert told["text"].startswith('video:"\\x0a{"severity"')
    assert len(told["text"]) < 8 * REPORTED_MAX_LETTERS


@given(ANY)
@pytest.mark.long
def test_what_is_shown_is_printable_and_short(text: str) -> None:
    told = shown(text)
    assert told.isascii()
    assert told == "" or told.isprintable()
    assert len(told) <= 10 * REPORTED_MAX_LETTERS


# --- stamps --------------------------------------------------------------------------------------------------------

CREATED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
IDENTITY = SessionIdentity("s1", "teacher", CREATED_AT)


def test_a_stamp_names_its_session_and_no_person() -> None:
    stamp = IDENTITY.stamp()
    assert stamped_session_id(stamp) == "s1"
    assert "teacher" not in stamp
    assert stamp == SessionIdentity("s1", "teacher", CREATED_AT, is_marked=False).stamp()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(SessionIdentity("s2", "teacher", CREATED_AT), id="id"),
        pytest.param(SessionIdentity("s1", "teacher", CREATED_AT.replace(microsecond=1)), id="incarnation"),
        pytest.param(SessionIdentity("s1", "teacher", None), id="no mark"),
    ],
)
def test_sessions_that_differ_in_id_or_mark_have_different_stamps(other: SessionIdentity) -> None:
    assert other.stamp() != IDENTITY.stamp()


def test_a_session_that_was_transferred_has_the_same_stamp() -> None:
    """
    A3, A13: what is at the provider is not written again.
    """
    assert SessionIdentity("s1", "another", CREATED_AT).stamp() == IDENTITY.stamp()


@pytest.mark.parametrize("text", ["", "s1", ":s1", "0123:s1", f"{'0' * 16}:", f"{'0' * 16}:a/b", f"{'0' * 16}:a:b"])
def test_invalid_stamp_names_no_session(text: str) -> None:
    assert stamped_session_id(text) is None
