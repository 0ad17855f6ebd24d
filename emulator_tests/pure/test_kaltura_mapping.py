"""Kaltura's words in ours."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from emulator_tests.texts import FAMILY
from shared.ports import MediaState
from shared.providers.kaltura import mapping


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("-2", MediaState.ERROR),
        ("-1", MediaState.ERROR),
        ("0", MediaState.AWAITING_UPLOAD),
        ("1", MediaState.PROCESSING),
        ("2", MediaState.READY),
        ("3", MediaState.GONE),
        ("4", MediaState.PROCESSING),
        ("7", MediaState.AWAITING_UPLOAD),
        ("virusScan.Infected", MediaState.ERROR),
        ("virusScan.ScanFailure", MediaState.ERROR),
        ("a status of tomorrow", MediaState.PROCESSING),
    ],
)
def test_each_status_of_an_entry_has_its_word(status: str, state: MediaState) -> None:
    assert mapping.media_state(status) is state


def test_every_error_has_its_reason() -> None:
    errors = {status for status, state in mapping.MEDIA_STATES.items() if state is MediaState.ERROR}
    assert set(mapping.REASONS) == errors


def test_a_list_is_asked_for_every_status_but_deleted() -> None:
    assert set(mapping.ALIVE.split(",")) == set(mapping.MEDIA_STATES) - {"3"}


@pytest.mark.parametrize("status", ["2", 2, SimpleNamespace(getValue=lambda: 2)], ids=["text", "number", "enumeration"])
def test_a_status_is_read_in_each_form_of_the_library(status: object) -> None:
    assert mapping.status_of(SimpleNamespace(status=status)) == "2"


@pytest.mark.parametrize(
    ("container", "media_type"),
    [
        ("mpeg-4", "video/mp4"),
        ("  MPEG-4 ", "video/mp4"),
        ("png_pipe", "application/x-png-pipe"),
        ("Windows ACM / 2", "application/x-windows-acm-2"),
        ("x" * 100, "application/x-" + "x" * 40),
        ("", None),
        (" ", None),
        (None, None),
        (NotImplemented, None),
    ],
    ids=repr,
)
def test_a_container_that_is_not_known_keeps_its_name_and_is_no_type_that_may_be_uploaded(
    container: object, media_type: str | None
) -> None:
    """B16: what Kaltura found, which a refusal names; nothing where it found nothing."""
    assert mapping.media_type(container) == media_type


@pytest.mark.parametrize("name", ["", " ", "\x00", "Ada ://"], ids=ascii)
def test_a_name_of_nothing_or_with_an_address_is_none(name: str) -> None:
    """B8"""
    assert mapping.person_names_of(name) is None


def test_the_name_that_a_chat_shows_ends_with_a_whole_character() -> None:
    """B8, B22: Kaltura cuts it after 127 bytes, wherever that is."""
    letters = "x" * 120
    assert mapping.person_names_of(f"{letters}{FAMILY}") == (f"{letters}{FAMILY}", "", letters)


@pytest.mark.parametrize("reference", ["video:v1:2", "session:a,b:1", f"session:{'0' * 24}:3"])
def test_a_reference_is_read_back_by_the_deployment_that_made_it_and_by_no_other(reference: str) -> None:
    there = mapping.theirs("demo", reference, "secret")
    assert mapping.ours("demo", there) == reference
    assert mapping.ours("demo", mapping.unmarked("demo", reference)) == reference, "an earlier release made it"
    assert mapping.ours("demo", mapping.theirs("demo", reference, "another")) == reference, "the secret was changed"
    assert mapping.ours("dem", there) is None
    assert mapping.ours("demo-2", there) is None
    assert mapping.ours("demo", "") is None
    assert mapping.ours("demo", "None") is None


def test_reference_cannot_be_guessed_from_client_data() -> None:
    """A7: whoever names an entry's reference may read it without any KS of the account."""
    there = mapping.theirs("demo", "session:s1:1", "secret")
    prefix, code = there[: len("demo:session:s1:1:")], there[len("demo:session:s1:1:") :]
    assert prefix == "demo:session:s1:1:"
    assert re.fullmatch("[0-9a-f]{24}", code)
    others = [
        mapping.theirs("demo", "session:s1:1", "another"),
        mapping.theirs("demo", "session:s1:2", "secret"),
        mapping.theirs("demo2", "session:s1:1", "secret"),
    ]
    assert code not in {other.rpartition(":")[2] for other in others}


@pytest.mark.parametrize("code", ["x", "0" * 23, "0" * 25, "A" * 24, "z" * 24, ""])
def test_reference_with_a_suffix_is_returned_unchanged(code: str) -> None:
    assert mapping.ours("demo", f"demo:video:v1:2:{code}") == f"video:v1:2:{code}"


def test_a_tag_is_one_word_for_a_search_index() -> None:
    assert mapping.tag_of("Demo-Greenroom_1") == "greenroomdemogreenroom1"


def test_each_upload_has_a_user_of_its_own_that_kaltura_takes() -> None:
    uploaders = [mapping.uploader_of("demo", f"video:{video}:{number}") for video in "ab" for number in (1, 2)]
    assert len(set(uploaders)) == 4
    assert uploaders[0] == "upload-demo-video-a-1"


@pytest.mark.parametrize("uid", ["xJ4kLm9Qp2RsTuVwXyZ012345678", "a.b+c@example.org", "x" * 100])
def test_viewer_keeps_their_id_if_kaltura_accepts_it(uid: str) -> None:
    assert mapping.viewer_of(uid) == uid


@pytest.mark.parametrize("uid", ["", "0", "bob;*", "a,edit:*", "a|b", "a b", "a/b", "é", "x" * 101, "a\n"], ids=ascii)
def test_a_viewer_with_an_id_that_means_more_at_kaltura_goes_by_its_hash(uid: str) -> None:
    viewer = mapping.viewer_of(uid)
    assert viewer.removeprefix("uid-").isalnum()
    assert len(viewer) == 4 + 64
