"""The story of watching: who may gets real bytes, who may not gets none, whatever he knows of the entry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType, KalturaUploadedFileTokenResource

from emulator_tests.fakes import ManualClock, MemoryDocuments
from emulator_tests.flow.school import Person, Refused, School
from shared.ports import Grant
from shared.providers.kaltura import KalturaAccount


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


def test_who_is_unenrolled_gets_no_further_grant_and_the_old_one_ends(school: School, shown: Shown) -> None:
    student = school.person()
    shown.teacher.enrol(shown.session_id, student)
    grant = student.call("issuePlayback", {"videoId": shown.video_id})
    renewed = student.call("renewPlayback", {"videoId": shown.video_id})
    assert renewed["ks"] != grant["ks"]
    assert datetime.fromisoformat(renewed["expiresAt"]) >= datetime.fromisoformat(grant["expiresAt"])

    shown.teacher.unenrol(shown.session_id, student)

    for callable_name in ("issuePlayback", "renewPlayback"):
        with pytest.raises(Refused) as refused:
            student.call(callable_name, {"videoId": shown.video_id})
        assert refused.value.code == "NOT_FOUND"
    # What he holds plays until it ends, and then no more.
    assert requests.get(grant["progressiveUrl"], timeout=10).ok
    now, of_before = (
        _grant_of(school, shown, student, timedelta(0)),
        _grant_of(school, shown, student, timedelta(hours=2)),
    )
    assert requests.get(str(now.values["progressiveUrl"]), timeout=10).ok
    addresses = [str(of_before.values[name]) for name in ("progressiveUrl", "thumbnailUrl")]
    for address in (of_before.url, *addresses):
        assert _is_refused(requests.get(address, timeout=10)), address


def test_thumbnails_and_manifests_are_as_private_as_the_film(shown: Shown, film: bytes) -> None:
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})
    picture = requests.get(grant["thumbnailUrl"], timeout=10)
    assert picture.content.startswith(b"\xff\xd8")
    upload = shown.teacher.ask_to_upload(shown.session_id, 1000)
    other = shown.teacher.write_session(status="public")
    others = shown.teacher.call("issuePlayback", {"videoId": shown.teacher.upload_film(other, film)})

    for name in ("thumbnailUrl", "manifestUrl", "progressiveUrl"):
        bare = grant[name].replace(f"/ks/{grant['ks']}", "")
        for address in (
            bare,
            grant[name].replace(grant["ks"], upload["ks"]),
            grant[name].replace(grant["ks"], others["ks"]),
            grant[name].replace(grant["ks"], "not-a-ks"),
        ):
            assert address != grant[name]
            assert _is_refused(requests.get(address, timeout=10)), address


def test_what_a_manifest_points_to_asks_for_the_ks_too(shown: Shown) -> None:
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})
    manifest = requests.get(grant["manifestUrl"], timeout=10).text
    flavors = [line for line in manifest.splitlines() if line.startswith("http")]
    assert flavors
    for flavor in flavors:
        segments = requests.get(flavor, timeout=10).text
        first = next(line for line in segments.splitlines() if line and not line.startswith("#"))
        address = urljoin(flavor, first)
        assert requests.get(address, timeout=10).content[:1] == b"\x47"
        for private in (flavor, address):
            assert grant["ks"] in private
            assert _is_refused(requests.get(private.replace(f"/ks/{grant['ks']}", ""), timeout=10))


def test_an_open_session_is_for_everybody_who_is_signed_in_and_for_nobody_else(
    school: School, teacher: Person, film: bytes
) -> None:
    video_id = teacher.upload_film(teacher.write_session(status="public"), film)

    grant = school.person().call("issuePlayback", {"videoId": video_id})
    assert requests.get(grant["progressiveUrl"], timeout=10).content == film
    with pytest.raises(Refused) as refused:
        school.nobody().call("issuePlayback", {"videoId": video_id})
    assert refused.value.code == "UNAUTHENTICATED"


def test_every_entry_is_made_under_the_profile_that_asks_for_a_ks(school: School, shown: Shown) -> None:
    (entry,) = [entry for entry in school.things("entries") if entry["id"] == shown.entry_id]
    profile = school.administrator().accessControlProfile.get(int(entry["accessControlId"]))

    assert profile.systemName == "GREENROOM_KS_REQUIRED"
    assert profile.rules


def _is_refused(answer: requests.Response) -> bool:
    """
    Whether Kaltura gave nothing, and says why; it does so with HTTP 200 too.
    """
    return answer.content == b"" and answer.headers.get("X-Kaltura", "").startswith("error-")


def _grant_of(school: School, shown: Shown, student: Person, ago: timedelta) -> Grant:
    """
    The grant that the student was given so long ago.
    """
    testbed = school.testbed
    clock = ManualClock(datetime.now(UTC) - ago)
    account = KalturaAccount(
        testbed.kaltura_url,
        testbed.kaltura_partner_id,
        testbed.kaltura_admin_secret,
        testbed.project_id,
        None,
        MemoryDocuments(),
        clock,
    )
    return account.playback_grant(shown.entry_id, student.uid, 1800)


def _address(school: School, shown: Shown, ks: str | None = None) -> str:
    partner_id = school.testbed.kaltura_partner_id
    play = f"{school.testbed.kaltura_url}/p/{partner_id}/sp/{partner_id}00/playManifest/entryId/{shown.entry_id}"
    return f"{play}/format/url/protocol/http{'' if ks is None else f'/ks/{ks}'}/a.mp4"
