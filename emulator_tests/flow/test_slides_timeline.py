"""Pages in time with the picture: a broadcast with slides is recorded, and watched afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import pytest

from emulator_tests.conftest import SETTINGS
from emulator_tests.convert.documents import PdfPage, pdf
from emulator_tests.flow.school import Person, School, school_of
from emulator_tests.flow.slides import MEDIAS, SlidesApi
from emulator_tests.flow.test_joining import broadcast_of, live_now, recorded
from emulator_tests.flow.test_slides import BUCKET, await_state
from emulator_tests.rules.firestore import Denied
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import TEST_PICTURE, state_folder
from shared.slides.timeline import Entry, Moment, page_at

WITHIN: Final = timedelta(seconds=1)
"""A page may be shown so much too early or too late."""

STEP: Final = timedelta(milliseconds=50)
"""The recording is looked at so often."""

PAGES: Final = (3, 2, 4)
"""The pages that the instructor turns to, after the first one."""


@pytest.fixture(scope="module")
def sharing() -> Iterator[School]:
    """A school that shares documents."""
    shared_state = state_folder("test")
    state = shared_state.with_name(f"{shared_state.name}-timeline")
    with Testbed(state, SETTINGS | {"SLIDES_BUCKET": BUCKET}) as testbed, school_of(testbed) as school:
        yield school


def upload(instructor: SlidesApi, title: str, pages: int) -> str:
    """Upload a document, and return the id of its media."""
    media_id: str = instructor.accepted("POST", MEDIAS, {"title": title})["id"]
    instructor.upload(media_id, pdf([PdfPage()] * pages), "optics.pdf", "pdf")
    return media_id


class Lecture:
    """A broadcast, with the moments at which the instructor saw a page change."""

    def __init__(self, school: School, instructor: SlidesApi, entry_id: str) -> None:
        self.school, self.instructor, self.entry_id = school, instructor, entry_id
        self.changes: list[tuple[timedelta, Moment]] = []
        school.simulator("POST", "broadcast", {"entryId": entry_id, "live": True})
        self.began = monotonic()

    def change(self, path: str, moment: Moment, body: object = None) -> None:
        """Change what is shown, and remember when, as a position in the picture."""
        before = monotonic()
        self.instructor.accepted("POST", path, body)
        middle = (before + monotonic()) / 2
        self.changes.append((timedelta(seconds=middle - self.began), moment))

    def pause(self, seconds: float) -> None:
        """Let the lecture go on: the pages of a broadcast are some time apart."""
        ends_at = monotonic() + seconds
        self.school.await_provider("the lecture goes on", lambda: monotonic() >= ends_at)

    def end(self) -> timedelta:
        """End the broadcast, and return how long it was."""
        length = timedelta(seconds=monotonic() - self.began)
        stopped = {"entryId": self.entry_id, "live": False, "recording": str(TEST_PICTURE)}
        self.school.simulator("POST", "broadcast", stopped)
        return length

    def shown_about(self, position: timedelta) -> set[Moment]:
        """Return everything that the instructor saw within a second of a position."""
        before = [moment for at, moment in self.changes if at <= position - WITHIN]
        around = [moment for at, moment in self.changes if abs(at - position) <= WITHIN]
        return {before[-1] if before else Moment(), *around}


def test_pages_of_a_recorded_broadcast_are_shown_within_a_second_of_their_moment(sharing: School) -> None:
    teacher, student = sharing.teacher(), sharing.person()
    now = datetime.now(UTC).replace(microsecond=0)
    # Planned to end just now: it overruns, as events do.
    times = {"startsAt": now - timedelta(minutes=9), "endsAt": now + timedelta(seconds=1)}
    session_id, event = live_now(sharing, teacher, visibility="open", **times)
    instructor = SlidesApi(sharing, teacher.call("joinSession", {"sessionId": session_id})["slides"]["token"])
    media_id, gone_id = upload(instructor, "Optics", 4), upload(instructor, "Mechanics", 2)
    for one in (media_id, gone_id):
        await_state(sharing, session_id, one, "ready")

    broadcast_of(sharing, session_id, "offline")
    lecture = Lecture(sharing, instructor, event["entryId"])
    path, gone_path = f"{MEDIAS}{media_id}", f"{MEDIAS}{gone_id}"
    lecture.pause(1.5)
    lecture.change(f"{path}/start/", Moment(media_id, 1))
    for page in PAGES:
        lecture.pause(1.5)
        lecture.change(f"{path}/navigate/", Moment(media_id, page), {"target_page": page})
    lecture.pause(1.5)
    lecture.change(f"{path}/end/", Moment())
    lecture.pause(1.5)
    lecture.change(f"{gone_path}/start/", Moment(gone_id, 1, is_gap=True))
    lecture.pause(1.5)
    lecture.change(f"{gone_path}/end/", Moment())
    live = student.call("issuePlayback", {"sessionId": session_id})["slides"]
    assert (live["timeline"], live["startedAt"]) == (f"sessions/{session_id}/slideTimelines", None)
    lecture.pause(1.5)
    broadcast_of(sharing, session_id, "live")
    length = lecture.end()
    assert instructor.accepted("DELETE", f"{gone_path}/") is None

    video_id, _ = recorded(sharing, session_id)
    played = student.call("issuePlayback", {"videoId": video_id})["slides"]
    started_at = datetime.fromisoformat(played["startedAt"])
    viewer = SlidesApi(sharing, played["token"])
    told = viewer.accepted("GET", f"/api/videos/{session_id}/timeline/")
    timeline = [
        Entry(one["revision"], datetime.fromisoformat(one["at"]), one["shared_live_media"], one["page"])
        for one in told["results"]
    ]
    deleted = {one["id"] for one in told["shared_live_medias"] if one["is_deleted"]}
    assert deleted == {gone_id}
    position, seen = timedelta(0), list[Moment]()
    while position <= length:
        moment = page_at(timeline, started_at + position, deleted)
        assert moment in lecture.shown_about(position), f"{position}: {moment}"
        seen += [moment] if not seen or moment != seen[-1] else []
        position += STEP
    assert seen == [Moment(), *(moment for _, moment in lecture.changes)]

    (media,) = (one for one in told["shared_live_medias"] if not one["is_deleted"])
    assert sorted(media["urls"]["pages"]) == ["1", "2", "3", "4"]
    assert all(sharing.http.get(url, timeout=10).status_code == 200 for url in media["urls"]["pages"].values())
    assert list(media["urls"]) == ["pages"]

    assert_readable_and_deleted_with_the_session(sharing, teacher, student, session_id)


def assert_readable_and_deleted_with_the_session(
    school: School, teacher: Person, student: Person, session_id: str
) -> None:
    """Check who reads the documents of the timeline, and that they go with the session."""
    session = school.document(f"sessions/{session_id}") or {}
    folder, chunk = f"sessions/{session_id}/slideTimelines", session["slideTimeline"]["chunk"]
    where = {"ownerUid": session["ownerUid"], "sessionCreatedAt": session["createdAt"]}
    (found,) = school.firestore.find(student.caller, folder, where).values()
    assert len(found["entries"]) == session["slideTimeline"]["entries"] == len(PAGES) + 4
    teacher.change_session(session_id, visibility="enrolled")
    with pytest.raises(Denied):
        school.firestore.get(student.caller, f"{folder}/{chunk}")
    teacher.delete_session(session_id)
    school.await_document(f"{folder}/{chunk}", lambda fields: fields is None)
