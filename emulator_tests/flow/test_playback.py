"""The story of watching: who may gets real bytes, who may not gets none, whatever he knows of the entry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType, KalturaUploadedFileTokenResource

from emulator_tests.flow.school import Person, Refused, School


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A ready film in a session for enrolled students.
    """

    teacher: Person
    session_id: str
    video_id: str
    entry_id: str


@pytest.fixture
def shown(school: School, teacher: Person, film: bytes) -> Shown:
    """
    A film that is ready, in a public session for the enrolled.
    """
    session_id = teacher.write_session(visibility="enrolled", status="public")
    token = teacher.ask_to_upload(session_id, len(film))
    school.upload(token, film)
    school.await_video(session_id, token["videoId"], "ready")
    video = school.document(f"videos/{token['videoId']}")
    assert video is not None
    return Shown(teacher, session_id, token["videoId"], video["playable"]["parts"]["entryId"])


def test_an_enrolled_student_gets_the_very_bytes_and_a_manifest(school: School, shown: Shown, film: bytes) -> None:
    student = school.person()
    shown.teacher.enrol(shown.session_id, student)

    grant = student.call("issuePlayback", {"videoId": shown.video_id})

    played = requests.get(grant["progressiveUrl"], timeout=10)
    assert hashlib.sha256(played.content).digest() == hashlib.sha256(film).digest()
    part = requests.get(grant["progressiveUrl"], headers={"Range": "bytes=100-199"}, timeout=10)
    assert (part.status_code, part.content) == (206, film[100:200])
    assert requests.get(grant["manifestUrl"], timeout=10).text.startswith("#EXTM3U")
    lifetime_s = (datetime.fromisoformat(grant["expiresAt"]) - datetime.now(UTC)).total_seconds()
    assert 12 + 1790 < lifetime_s <= 12 + 1800


def test_the_owner_watches_his_own_draft(shown: Shown) -> None:
    shown.teacher.change_session(shown.session_id, status="draft")

    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})

    assert requests.get(grant["progressiveUrl"], timeout=10).ok


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


@pytest.mark.parametrize("method", ["GET", "HEAD", "range"])
def test_the_entry_id_alone_plays_no_byte(school: School, shown: Shown, method: str) -> None:
    headers = {"Range": "bytes=0-9"} if method == "range" else {}
    answer = requests.request(
        "HEAD" if method == "HEAD" else "GET", _address(school, shown), headers=headers, timeout=10
    )

    assert b"ftyp" not in answer.content
    assert not answer.ok or not answer.content


def test_another_entrys_ks_plays_no_byte(school: School, shown: Shown, film: bytes) -> None:
    other_session = shown.teacher.write_session(status="public")
    token = shown.teacher.ask_to_upload(other_session, len(film))
    school.upload(token, film)
    school.await_video(other_session, token["videoId"], "ready")
    other = shown.teacher.call("issuePlayback", {"videoId": token["videoId"]})

    answer = requests.get(_address(school, shown, other["ks"]), timeout=10)

    assert b"ftyp" not in answer.content


def test_an_upload_ks_plays_no_byte(school: School, shown: Shown) -> None:
    token = shown.teacher.ask_to_upload(shown.session_id, 1000)

    answer = requests.get(_address(school, shown, token["ks"]), timeout=10)

    assert b"ftyp" not in answer.content


def test_a_playback_ks_cannot_touch_the_entry(school: School, shown: Shown) -> None:
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})
    client = school.kaltura(grant["ks"])
    attempts: list[Callable[[], Any]] = [
        lambda: client.media.delete(shown.entry_id),
        lambda: client.baseEntry.delete(shown.entry_id),
        lambda: client.media.update(shown.entry_id, KalturaMediaEntry(name="Mine")),
        lambda: client.media.addContent(shown.entry_id, KalturaUploadedFileTokenResource(token="0_x")),
        lambda: client.media.add(KalturaMediaEntry(name="Mine", mediaType=KalturaMediaType(1))),
        lambda: client.user.list(),
    ]

    for attempt in attempts:
        with pytest.raises(KalturaException, match=r"forbidden|Invalid KS"):
            attempt()

    assert any(entry["id"] == shown.entry_id for entry in school.things("entries"))


def _address(school: School, shown: Shown, ks: str | None = None) -> str:
    partner_id = school.testbed.kaltura_partner_id
    play = f"{school.testbed.kaltura_url}/p/{partner_id}/sp/{partner_id}00/playManifest/entryId/{shown.entry_id}"
    return f"{play}/format/url/protocol/http{'' if ks is None else f'/ks/{ks}'}/a.mp4"
