"""The story of watching at Kaltura: what a KS is good for, and that an entry id alone is good for nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType, KalturaUploadedFileTokenResource

from emulator_tests.flow.provider import AtKaltura, ks_of
from emulator_tests.flow.school import Person, School
from emulator_tests.memory import ManualClock, MemoryDocuments
from shared.ports import Grant
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.playback import addresses_grant


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A ready video in a session for enrolled students.
    """

    teacher: Person
    session_id: str
    video_id: str
    entry_id: str


@pytest.fixture
def shown(school: School, teacher: Person, video_bytes: bytes) -> Shown:
    """
    A video that is ready, in a public session for the enrolled.
    """
    session_id = teacher.write_session(visibility="enrolled", status="public")
    video_id = teacher.upload_video(session_id, video_bytes)
    video = school.document(f"videos/{video_id}")
    assert video is not None
    return Shown(teacher, session_id, video_id, video["playable"]["parts"]["entryId"])


def test_ranges_of_a_video_can_be_read(shown: Shown, video_bytes: bytes) -> None:
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})

    part = requests.get(grant["progressiveUrl"], headers={"Range": "bytes=100-199"}, timeout=10)

    assert (part.status_code, part.content) == (206, video_bytes[100:200])


def test_a_grant_of_two_hours_ago_plays_no_more(school: School, shown: Shown) -> None:
    student = school.person()
    now, of_before = (_grant_of(school, shown, student, timedelta(hours=hours)) for hours in (0, 2))

    assert requests.get(str(now.values["progressiveUrl"]), timeout=10).ok
    addresses = [str(of_before.values[name]) for name in ("manifestUrl", "progressiveUrl", "thumbnailUrl")]
    for address in addresses:
        assert _is_refused(requests.get(address, timeout=10)), address


@pytest.mark.parametrize("method", ["GET", "HEAD", "range"])
def test_the_entry_id_alone_plays_no_byte(school: School, shown: Shown, method: str) -> None:
    headers = {"Range": "bytes=0-9"} if method == "range" else {}
    answer = requests.request(
        "HEAD" if method == "HEAD" else "GET", _address(school, shown), headers=headers, timeout=10
    )

    assert b"ftyp" not in answer.content
    assert not answer.ok or not answer.content


def test_upload_ks_and_ks_of_another_video_play_nothing(school: School, shown: Shown, video_bytes: bytes) -> None:
    kaltura = AtKaltura(school)
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})
    upload = shown.teacher.ask_to_upload(shown.session_id, 1000)["upload"]
    other = shown.teacher.write_session(status="public")
    others = shown.teacher.call("issuePlayback", {"videoId": shown.teacher.upload_video(other, video_bytes)})

    for address in (each for each in kaltura.addresses(grant) if ks_of(grant) in each):
        for ks in (upload["ks"], ks_of(others)):
            assert not kaltura.gives(address.replace(ks_of(grant), ks)), address


def test_a_playback_ks_cannot_touch_the_entry(school: School, shown: Shown) -> None:
    grant = shown.teacher.call("issuePlayback", {"videoId": shown.video_id})
    client = school.kaltura(ks_of(grant))
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
    with closing(account.client):
        return addresses_grant(account, shown.entry_id, student.uid, 1800)


def _address(school: School, shown: Shown) -> str:
    partner_id = school.testbed.kaltura_partner_id
    play = f"{school.testbed.kaltura_url}/p/{partner_id}/sp/{partner_id}00/playManifest/entryId/{shown.entry_id}"
    return f"{play}/format/url/protocol/http/a.mp4"
