"""The timeline of a session: every change with its instant, what belongs to a moment, and who may read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator_tests.memory import document
from emulator_tests.pure.deployment import TEACHER, refusal
from emulator_tests.pure.test_slides import ADMIN, ANNA, SETTLED_S, STUDENT, Room, refused
from emulator_tests.pure.test_slides_api import Api
from functions import contexts
from shared.core.callers import Caller
from shared.core.errors import NotFound, ProviderError
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    RECONCILE_SESSION,
    RECONCILE_SLIDES,
    RECONCILE_TIMELINE,
    session_path,
    shared_media_path,
    slide_timeline_path,
    slides_path,
    timeline_path,
)
from shared.erasure.commands import ask_erasure
from shared.ports import Create, Delete, Document, Task, Update
from shared.reconcile import AT_ONCE, RequeueAt, Step
from shared.reconcile.epoch import nothing_is_held
from shared.slides.showing import end, navigate, start
from shared.slides.timeline import (
    ENTRIES_MAX,
    NOTHING,
    TAIL,
    Entry,
    Moment,
    Tail,
    begun,
    entries_in,
    not_before,
    page_at,
)
from shared.slides.timelines.controller import Timelines
from shared.slides.timelines.model import CHUNKS_MAX, Timeline, timeline_key

pytestmark = pytest.mark.long

T = TypeVar("T")

BEGINS: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SESSION: Final = SessionIdentity("s1", "teacher", BEGINS)
TIMELINE: Final = "/api/videos/s1/timeline/"


# --- what belongs to a moment -----------------------------------------------------------------------------------------


def at(seconds: float) -> datetime:
    return BEGINS + timedelta(seconds=seconds)


SHOWN: Final = st.one_of(st.none(), st.tuples(st.sampled_from("abc"), st.integers(1, 9)))
PAUSES: Final = st.integers(0, 3)


@st.composite
def timelines(draw: st.DrawFn) -> list[Entry]:
    """A timeline, of which some changes have the same instant."""
    seconds, found = 0, list[Entry]()
    for revision, (pause, shown) in enumerate(draw(st.lists(st.tuples(PAUSES, SHOWN), max_size=12)), 1):
        seconds += pause
        media_id, page = shown or (None, None)
        found.append(Entry(revision, at(seconds), media_id, page))
    return found


def played(timeline: Sequence[Entry], instant: datetime) -> tuple[str | None, int | None]:
    """Return what a viewer sees at an instant, if they follow the changes one by one."""
    seen: tuple[str | None, int | None] = (None, None)
    for entry in timeline:
        if entry.at > instant:
            break
        seen = (entry.media_id, entry.page)
    return seen


@given(timelines(), st.integers(-2, 40), st.randoms(use_true_random=False), st.sets(st.sampled_from("abc")))
def test_moment_shows_what_following_the_changes_shows(
    timeline: list[Entry], seconds: int, random: Any, deleted: set[str]
) -> None:
    expected = played(timeline, at(seconds))
    shuffled = list(timeline)
    random.shuffle(shuffled)
    moment = page_at(shuffled, at(seconds), deleted)
    assert (moment.media_id, moment.page) == expected
    assert moment.is_gap == (expected[0] in deleted)


@given(timelines())
def test_each_change_counts_from_its_own_instant_on(timeline: list[Entry]) -> None:
    for entry, following in pairwise(timeline):
        if following.at > entry.at:
            moment = page_at(timeline, entry.at)
            assert (moment.media_id, moment.page) == (entry.media_id, entry.page)
            assert page_at(timeline, following.at - timedelta(microseconds=1)) == moment


def test_before_the_first_change_nothing_was_shown() -> None:
    timeline = [Entry(1, at(0), "a", 1)]
    assert page_at(timeline, at(-0.001)) == NOTHING
    assert page_at([], at(0)) == NOTHING
    assert page_at(timeline, at(0)) == Moment("a", 1)


def test_deleted_media_is_a_gap_and_an_end_is_none() -> None:
    timeline = [Entry(1, at(0), "a", 1), Entry(2, at(5), None, None)]
    assert page_at(timeline, at(1), {"a"}) == Moment("a", 1, is_gap=True)
    assert page_at(timeline, at(6), {"a"}) == NOTHING


@given(st.lists(st.integers(-5000, 5000), max_size=20))
def test_order_of_instants_is_that_of_revisions_whatever_the_clocks_say(clocks: list[int]) -> None:
    tail: Tail | None = None
    instants = list[datetime]()
    for milliseconds in clocks:
        instant = not_before(tail, at(milliseconds / 1000))
        assert instant >= at(milliseconds / 1000)
        instants.append(instant)
        tail = Tail("chunk", 1, instant)
    assert instants == sorted(instants)


@given(timelines(), st.integers(1, 5))
def test_chunks_are_read_back_as_one_timeline(timeline: list[Entry], size: int) -> None:
    parts = [timeline[first : first + size] for first in range(0, len(timeline), size)]
    chunks = [{"entries": {str(entry.revision): entry.to_fields() for entry in part}} for part in reversed(parts)]
    assert entries_in(chunks) == timeline


# --- recording --------------------------------------------------------------------------------------------------------


class Lesson(Room):
    """A session in which media are shown, by the deployment's clock."""

    def start(self, media_id: str) -> None:
        start(self.teacher, media_id, *self.showing)

    def turn(self, media_id: str, page: int) -> None:
        navigate(self.teacher, media_id, page, *self.showing)

    def end(self, media_id: str) -> None:
        end(self.teacher, media_id, *self.showing)

    @property
    def tail(self) -> dict[str, Any]:
        """Where the session says that its timeline ends."""
        field: dict[str, Any] = self.deployment.document(session_path("s1")).fields[TAIL]
        return field

    @property
    def key(self) -> str:
        """The key of the timeline."""
        return timeline_key(SessionIdentity("s1", "", self.teacher.created_at))

    def record(self) -> Timeline:
        """The record of the timeline."""
        return Timeline.from_document(self.deployment.document(timeline_path(self.key)))

    def chunks(self) -> list[Document]:
        """The chunks that exist of those that the record names."""
        paths = [slide_timeline_path("s1", chunk) for chunk in self.record().chunks]
        return [one for one in self.deployment.documents.read(*paths) if one is not None]

    def told(self) -> list[tuple[datetime, str | None, int | None]]:
        """The changes, in their order."""
        return [(entry.at, entry.media_id, entry.page) for entry in entries_in(chunk.fields for chunk in self.chunks())]

    def left(self) -> list[str]:
        """The paths of all documents of timelines."""
        return [
            path
            for path in self.deployment.documents.paths()
            if path.startswith("timelines/") or "/slideTimelines/" in path
        ]

    def timeline(self, caller: Caller = TEACHER, first: int = 0, count: int = 100) -> dict[str, Any]:
        """The timeline as the API returns it."""
        return self.reading.timeline(self.context(caller), first, count)[1]


@pytest.fixture
def lesson() -> Lesson:
    return Lesson()


def test_each_change_is_recorded_with_its_instant(lesson: Lesson) -> None:
    media_id, clock = lesson.ready(), lesson.deployment.clock
    began = clock()
    lesson.start(media_id)
    for page in (3, 2):
        clock.advance(10)
        lesson.turn(media_id, page)
    clock.advance(10)
    lesson.end(media_id)
    after = [began + timedelta(seconds=seconds) for seconds in (0, 10, 20, 30)]
    assert lesson.told() == [
        (after[0], media_id, 1),
        (after[1], media_id, 3),
        (after[2], media_id, 2),
        (after[3], None, None),
    ]
    assert [entry["revision"] for entry in lesson.timeline()["results"]] == sorted(
        entry["revision"] for entry in lesson.timeline()["results"]
    )
    assert lesson.timeline()["results"][-1]["revision"] == lesson.shown()[2]
    assert lesson.tail["at"] == after[3]


def test_change_that_is_not_written_is_not_recorded(lesson: Lesson) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    before = lesson.told()

    def fail() -> None:
        raise refusal("commit")

    lesson.at_first("commit", fail)
    with pytest.raises(ProviderError):
        lesson.turn(media_id, 2)
    assert (lesson.told(), lesson.shown()[1]) == (before, 1)


def test_turn_reads_no_more_than_before_and_writes_in_one_commit(lesson: Lesson) -> None:
    media_id, made = lesson.ready(), list[str]()
    lesson.start(media_id)

    def count(operation: str, do: Callable[[], T]) -> T:
        made.append(operation)
        return do()

    lesson.deployment.disturb = count
    lesson.turn(media_id, 2)
    assert made == ["read", "commit"]


def test_clock_that_is_late_does_not_reverse_the_order(lesson: Lesson) -> None:
    media_id, clock = lesson.ready(), lesson.deployment.clock
    lesson.start(media_id)
    now = clock()
    documents, announce, _ = lesson.showing
    navigate(lesson.teacher, media_id, 2, documents, announce, lambda: now - timedelta(seconds=9))
    assert [instant for instant, _, _ in lesson.told()] == [now, now]
    assert page_at(entries_in(chunk.fields for chunk in lesson.chunks()), now) == Moment(media_id, 2)


def test_page_of_a_shorter_document_is_recorded(lesson: Lesson) -> None:
    media_id, clock = lesson.ready(pages=5), lesson.deployment.clock
    lesson.start(media_id)
    lesson.turn(media_id, 5)
    clock.advance(60)
    began = clock()
    lesson.upload(media_id, document(2))
    instant, *shown = lesson.told()[-1]
    assert (shown, lesson.shown()[:2]) == ([media_id, 2], (media_id, 2))
    assert began <= instant <= clock()
    assert lesson.tail["entries"] == 3


def test_end_by_an_erasure_is_recorded(lesson: Lesson) -> None:
    media_id, clock = lesson.ready(), lesson.deployment.clock
    lesson.start(media_id)
    clock.advance(60)
    wanted: dict[tuple[str, ...], Any] = {("wish", "deleted"): True, ("dueAt",): AT_ONCE}
    lesson.deployment.documents.commit(Update(slides_path(media_id), wanted))
    lesson.deployment.deliver(Task(RECONCILE_SLIDES, media_id))
    assert lesson.shown()[:2] == (None, None)
    assert lesson.told()[-1] == (clock(), None, None)
    assert [one["is_deleted"] for one in lesson.timeline()["shared_live_medias"]] == [True]


def test_media_that_is_shown_since_before_timelines_is_replaced_all_the_same(lesson: Lesson) -> None:
    media_id = lesson.ready(pages=5)
    lesson.start(media_id)
    lesson.turn(media_id, 5)
    lesson.deployment.documents.commit(Update(session_path("s1"), {TAIL: None}))
    lesson.upload(media_id, document(2))
    assert lesson.shown()[:2] == (media_id, 2)


def test_long_lesson_is_in_several_chunks(lesson: Lesson) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    for number in range(ENTRIES_MAX):
        lesson.turn(media_id, number % 3 + 1)
    assert [len(chunk.fields["entries"]) for chunk in lesson.chunks()] == [ENTRIES_MAX, 1]
    assert [page for _, _, page in lesson.told()] == [1, *(number % 3 + 1 for number in range(ENTRIES_MAX))]
    assert all(chunk.fields["ownerUid"] == "teacher" for chunk in lesson.chunks())


def test_chunks_are_bounded_and_the_oldest_gives_way() -> None:
    record = Timeline(SESSION, tuple(f"c{number}" for number in range(CHUNKS_MAX)))
    known = Document(timeline_path(timeline_key(SESSION)), {**record.to_fields()}, "v7", BEGINS)
    writes = begun(SESSION, known, Entry(9, at(1), "a", 1)).writes
    (update,) = (one for one in writes if isinstance(one, Update))
    (created,) = (one for one in writes if isinstance(one, Create))
    assert update.if_version == "v7"
    assert update.changes["chunks"] == [*record.chunks[1:], created.path.rpartition("/")[2]]  # type: ignore[index]  # names
    assert [one for one in writes if isinstance(one, Delete)] == [Delete(slide_timeline_path("s1", "c0"))]


def test_chunk_that_was_deleted_by_hand_is_followed_by_another(lesson: Lesson) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    lesson.deployment.documents.commit(Delete(lesson.chunks()[0].path))
    lesson.turn(media_id, 2)
    lesson.turn(media_id, 3)
    assert [(media, page) for _, media, page in lesson.told()] == [(media_id, 2), (media_id, 3)]
    lesson.deployment.documents.commit(Delete(lesson.chunks()[0].path))
    lesson.upload(media_id, document(2))
    assert lesson.shown()[:2] == (media_id, 2)


@pytest.mark.parametrize(
    "field",
    [None, "x", 7, {}, {"chunk": "a/b", "entries": 1, "at": BEGINS}, {"chunk": "", "entries": 1, "at": BEGINS}],
)
def test_odd_field_of_the_session_begins_another_chunk(lesson: Lesson, field: object) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    lesson.deployment.clock.advance(1)
    lesson.deployment.documents.commit(Update(session_path("s1"), {TAIL: field}))
    lesson.turn(media_id, 2)
    assert [page for _, _, page in lesson.told()] == [1, 2]
    assert len(lesson.chunks()) == 2


# --- the life of the session ------------------------------------------------------------------------------------------


def test_deleted_session_takes_its_timeline_along(lesson: Lesson) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    assert len(lesson.left()) == 2
    lesson.deployment.delete_session()
    lesson.deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    lesson.deployment.run(SETTLED_S)
    assert lesson.left() == []


def test_session_that_is_made_again_has_nothing_of_the_earlier_one(lesson: Lesson) -> None:
    lesson.start(lesson.ready())
    earlier = lesson.left()
    lesson.deployment.delete_session()
    lesson.deployment.write_session(format="liveStreaming")
    again = lesson.context(TEACHER)
    assert lesson.left() == earlier, "no task has run yet"
    assert lesson.reading.timeline(again, 0, 100) == (0, {"id": "s1", "results": [], "shared_live_medias": []})
    lesson.deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    lesson.deployment.run(SETTLED_S)
    lesson.teacher = again
    media_id = lesson.ready()
    lesson.start(media_id)
    assert [(media, page) for _, media, page in lesson.told()] == [(media_id, 1)]
    assert not set(earlier) & set(lesson.left())
    assert len(lesson.left()) == 2


def test_chunk_of_another_session_is_not_read(lesson: Lesson) -> None:
    lesson.start(lesson.ready())
    (chunk,) = lesson.chunks()
    lesson.deployment.documents.commit(Update(chunk.path, {"sessionCreatedAt": at(-1)}))
    assert lesson.timeline()["results"] == []


def test_transferred_session_takes_its_timeline_along(lesson: Lesson) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    lesson.deployment.transfer("bert")
    lesson.deployment.run(600)
    bert = Caller("bert", is_teacher=True)
    assert lesson.record().session.owner_uid == "bert"
    assert [chunk.fields["ownerUid"] for chunk in lesson.chunks()] == ["bert"]
    assert len(lesson.timeline(bert)["results"]) == 1
    ask_erasure(ADMIN, "r1", "teacher", lesson.deployment.documents, lesson.deployment.queue, lesson.deployment.clock)
    lesson.deployment.run(24 * 3600)
    assert len(lesson.timeline(bert)["results"]) == 1


def test_session_that_changes_its_owner_without_a_transfer_keeps_its_timeline_and_hides_it(lesson: Lesson) -> None:
    lesson.start(lesson.ready())
    lesson.deployment.write_session(ownerUid="bert")
    lesson.deployment.deliver(Task(RECONCILE_TIMELINE, lesson.key))
    assert lesson.timeline(Caller("bert", is_teacher=True))["results"] == []
    lesson.deployment.write_session(ownerUid="teacher")
    assert len(lesson.timeline()["results"]) == 1


def test_chunk_that_is_missing_does_not_stop_a_transfer(lesson: Lesson) -> None:
    lesson.start(lesson.ready())
    lesson.deployment.documents.commit(Delete(lesson.chunks()[0].path))
    lesson.deployment.transfer("bert")
    lesson.deployment.run(600)
    assert lesson.record().session.owner_uid == "bert"


def test_erased_teacher_leaves_no_timeline(lesson: Lesson) -> None:
    lesson.start(lesson.ready())
    ask_erasure(ADMIN, "r1", "teacher", lesson.deployment.documents, lesson.deployment.queue, lesson.deployment.clock)
    lesson.deployment.run(24 * 3600)
    assert lesson.left() == []


def test_timeline_whose_session_is_missing_waits_while_deletions_are_held(lesson: Lesson) -> None:
    lesson.start(lesson.ready())
    lesson.deployment.delete_session()
    documents, clock = lesson.deployment.documents, lesson.deployment.clock
    for holds, decision in ((lambda: True, RequeueAt), (nothing_is_held, Step)):
        controller = Timelines(documents, holds)
        assert isinstance(controller.decide(controller.read(lesson.key), clock(), observed=False), decision)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_timeline_has_the_addresses_of_the_pages_that_were_shown(lesson: Lesson) -> None:
    media_id = lesson.ready(pages=5)
    lesson.start(media_id)
    lesson.turn(media_id, 4)
    lesson.end(media_id)
    (media,) = lesson.timeline(STUDENT)["shared_live_medias"]
    assert {**media, "urls": None} == {
        "id": media_id,
        "is_deleted": False,
        "title": "Optics",
        "nb_pages": 5,
        "urls": None,
    }
    assert list(media["urls"]) == ["pages"], "no document"
    opened = {number: lesson.deployment.storage.open(url) for number, url in media["urls"]["pages"].items()}
    assert opened == {"1": b"page 1 of a pdf", "4": b"page 4 of a pdf"}


def test_deleted_media_is_marked_and_has_no_address(lesson: Lesson) -> None:
    gone, kept = lesson.ready(), lesson.ready()
    for media_id in (gone, kept):
        lesson.start(media_id)
        lesson.end(media_id)
    lesson.commands.delete(lesson.teacher, gone)
    told = {one["id"]: one for one in lesson.timeline()["shared_live_medias"]}
    assert told[gone] == {"id": gone, "is_deleted": True, "title": None, "nb_pages": None, "urls": None}
    assert (told[kept]["is_deleted"], list(told[kept]["urls"]["pages"])) == (False, ["1"])
    assert [one["shared_live_media"] for one in lesson.timeline()["results"]] == [gone, None, kept, None]


def test_view_of_another_session_counts_as_deleted(lesson: Lesson) -> None:
    media_id = lesson.ready()
    lesson.start(media_id)
    lesson.deployment.documents.commit(Update(shared_media_path("s1", media_id), {"sessionCreatedAt": at(-1)}))
    assert [(one["is_deleted"], one["urls"]) for one in lesson.timeline()["shared_live_medias"]] == [(True, None)]


def test_page_that_a_shorter_document_has_not_has_no_address(lesson: Lesson) -> None:
    media_id = lesson.ready(pages=5)
    lesson.start(media_id)
    lesson.turn(media_id, 5)
    lesson.upload(media_id, document(2))
    (media,) = lesson.timeline()["shared_live_medias"]
    assert (media["nb_pages"], list(media["urls"]["pages"])) == (2, ["1", "2"])


def test_one_call_signs_no_more_addresses_than_it_returns_changes(lesson: Lesson) -> None:
    media_id, signed = lesson.ready(pages=8), list[str]()
    lesson.start(media_id)
    for page in range(2, 9):
        lesson.turn(media_id, page)

    def count(operation: str, do: Callable[[], T]) -> T:
        signed.append(operation)
        return do()

    lesson.deployment.disturb = count
    timeline = lesson.timeline(first=2, count=3)
    assert [entry["page"] for entry in timeline["results"]] == [3, 4, 5]
    assert list(timeline["shared_live_medias"][0]["urls"]["pages"]) == ["3", "4", "5"]
    assert signed.count("read_address") == 3


def test_session_that_showed_nothing_has_an_empty_timeline(lesson: Lesson) -> None:
    assert lesson.timeline() == {"id": "s1", "results": [], "shared_live_medias": []}


def test_timeline_is_closed_to_whoever_may_not_watch() -> None:
    lesson = Lesson(visibility="enrolled")
    lesson.start(lesson.ready())
    refused(NotFound, lambda: lesson.timeline(STUDENT))
    lesson.deployment.enrol("student")
    assert len(lesson.timeline(STUDENT)["results"]) == 1
    lesson.deployment.write_session(status="draft")
    refused(NotFound, lambda: lesson.timeline(STUDENT))


# --- over HTTP --------------------------------------------------------------------------------------------------------


def test_timeline_is_read_in_pages_by_a_student() -> None:
    api = Api()
    path = api.ready()
    api.call("POST", f"{path}start/")
    for page in (2, 3):
        api.call("POST", f"{path}navigate/", {"target_page": page})
    api.call("POST", f"{path}end/")
    status, first = api.call("GET", f"{TIMELINE}?limit=3", caller=STUDENT)
    assert (status, first["count"], first["next"], first["previous"]) == (200, 4, "?limit=3&offset=3", None)
    rest = api.call("GET", f"{TIMELINE}{first['next']}", caller=STUDENT)[1]
    assert [one["page"] for one in (*first["results"], *rest["results"])] == [1, 2, 3, None]
    assert (rest["shared_live_medias"], rest["next"]) == ([], None)
    instants = [datetime.fromisoformat(one["at"]) for one in first["results"]]
    assert all(instant.tzinfo is not None for instant in instants)
    assert [set(one["urls"]) for one in first["shared_live_medias"]] == [{"pages"}]


def test_timeline_is_closed_to_other_tokens() -> None:
    api = Api()
    api.call("POST", f"{api.ready()}start/")
    api.room.deployment.write_session("s2", format="liveStreaming")
    other = api.token(TEACHER, "s2")
    assert api.call("GET", TIMELINE, token=other)[0] == 404
    assert api.call("GET", "/api/videos/s2/timeline/", token=api.token())[0] == 404
    assert api.call("GET", "/api/videos/s2/timeline/", token=other)[1]["count"] == 0
    forged = contexts.sign(api.room.teacher, "not the secret of this deployment", api.room.deployment.clock())[0]
    for bad in ("", "x", forged):
        assert api.call("GET", TIMELINE, token=bad)[0] == 401
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.call(method, TIMELINE)[0] == 405
    assert api.call("GET", TIMELINE[:-1])[0] == 404


def test_token_of_an_earlier_session_of_the_same_id_reads_no_timeline() -> None:
    api = Api()
    api.call("POST", f"{api.ready()}start/")
    token = api.token()
    api.room.deployment.delete_session()
    api.room.deployment.write_session(format="liveStreaming", ownerUid="bert")
    assert api.call("GET", TIMELINE, token=token)[0] == 404
    assert api.call("GET", TIMELINE, caller=Caller("bert", is_teacher=True))[1]["count"] == 0


def test_removed_student_reads_no_timeline() -> None:
    api = Api(visibility="enrolled")
    api.call("POST", f"{api.ready()}start/")
    assert api.call("GET", TIMELINE, caller=ANNA)[0] == 404
    api.room.deployment.enrol("anna")
    assert api.call("GET", TIMELINE, caller=ANNA)[0] == 200


def test_tail_is_read_back() -> None:
    tail = Tail("c", 3, BEGINS)
    session = Document("sessions/s1", {TAIL: tail.to_fields()}, 1, BEGINS)
    assert Tail.in_session(session) == tail
    assert (tail.is_full, replace(tail, entries=ENTRIES_MAX).is_full) == (False, True)
