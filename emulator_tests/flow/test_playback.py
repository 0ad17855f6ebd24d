"""Playback at each provider: users with access get real bytes, and all others none, whatever they know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A ready video in a session for enrolled students.
    """

    teacher: Person
    provider: Provider
    session_id: str
    video_id: str


@pytest.fixture
def shown(teacher: Person, provider: Provider, video_bytes: bytes) -> Shown:
    """
    A video that is ready, in a public session for the enrolled.
    """
    session_id = teacher.write_session(videoProvider=provider.name, visibility="enrolled", status="public")
    return Shown(teacher, provider, session_id, teacher.upload_video(session_id, video_bytes))


def test_enrolled_student_plays_the_uploaded_video(school: School, shown: Shown, video_bytes: bytes) -> None:
    student = school.person()
    shown.teacher.enrol(shown.session_id, student)

    grant = student.call("issuePlayback", {"videoId": shown.video_id})

    assert shown.provider.plays(grant, video_bytes)
    assert (grant["host"], grant["playUrl"]) == (shown.provider.name, grant["manifestUrl"])
    assert school.http.get(grant["thumbnailUrl"], timeout=10).content.startswith(b"\xff\xd8")
    lifetime_s = (datetime.fromisoformat(grant["expiresAt"]) - datetime.now(UTC)).total_seconds()
    assert 12 + 1790 < lifetime_s <= 12 + 1801


def test_owner_plays_their_own_draft(shown: Shown, video_bytes: bytes) -> None:
    shown.teacher.change_session(shown.session_id, status="draft")

    assert shown.provider.plays(shown.teacher.call("issuePlayback", {"videoId": shown.video_id}), video_bytes)


def test_strangers_drafts_and_other_teachers_get_no_grant(school: School, shown: Shown) -> None:
    enrolled = school.person()
    shown.teacher.enrol(shown.session_id, enrolled)
    for person in (school.person(), school.teacher(), school.person(teacher="true")):
        with pytest.raises(Refused) as refused:
            person.call("issuePlayback", {"videoId": shown.video_id})
        assert refused.value.code == "NOT_FOUND"

    shown.teacher.change_session(shown.session_id, status="draft")
    with pytest.raises(Refused) as refused:
        enrolled.call("issuePlayback", {"videoId": shown.video_id})
    assert refused.value.code == "NOT_FOUND"


def test_unenrolled_student_gets_no_further_playback_token(school: School, shown: Shown, video_bytes: bytes) -> None:
    student = school.person()
    shown.teacher.enrol(shown.session_id, student)
    grant = student.call("issuePlayback", {"videoId": shown.video_id})
    renewed = student.call("issuePlayback", {"videoId": shown.video_id})
    assert datetime.fromisoformat(renewed["expiresAt"]) >= datetime.fromisoformat(grant["expiresAt"])

    shown.teacher.unenrol(shown.session_id, student)

    with pytest.raises(Refused) as refused:
        student.call("issuePlayback", {"videoId": shown.video_id})
    assert refused.value.code == "NOT_FOUND"
    # The addresses that they hold play until they end.
    assert shown.provider.plays(grant, video_bytes)


def test_all_that_a_grant_gives_access_to_asks_for_its_secret(shown: Shown) -> None:
    provider = shown.provider
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})

    addresses = provider.addresses(grant)

    assert len(addresses) >= 4
    for address in addresses:
        assert provider.gives(address), address
        secret = provider.secret(address, grant)
        assert secret in address
        for private in (provider.bared(address, grant), address.replace(secret, "not-a-secret")):
            assert private != address
            assert not provider.gives(private), private


def test_an_open_session_is_for_everybody_who_is_signed_in_and_for_nobody_else(
    school: School, teacher: Person, provider: Provider, video_bytes: bytes
) -> None:
    video_id = teacher.upload_video(teacher.write_session(videoProvider=provider.name, status="public"), video_bytes)

    assert provider.plays(school.person().call("issuePlayback", {"videoId": video_id}), video_bytes)
    with pytest.raises(Refused) as refused:
        school.nobody().call("issuePlayback", {"videoId": video_id})
    assert refused.value.code == "UNAUTHENTICATED"
