"""Shared live media in memory: from the upload to the shown page, and everything that may go wrong between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

import pytest

from emulator_tests.memory import AddressRefused, bad_document, document, undisturbed
from emulator_tests.pure.deployment import TEACHER, Deployment, refusal
from shared.core.callers import Caller
from shared.core.errors import (
    BackendError,
    BadRequest,
    Doubtful,
    Misconfigured,
    NotAllowed,
    NotFound,
    Permanent,
    TooMany,
    WrongState,
)
from shared.core.paths import RECONCILE_SLIDES, session_path, shared_media_path, slides_path
from shared.erasure.commands import ask_erasure
from shared.operations.full_check import FullCheck
from shared.ports import CONVERSION, REMOVE, Clock, Delete, Documents, Fields, Task, Update, UploadAddress, Write
from shared.reconcile.resource import Mark
from shared.registry import RESOURCES
from shared.sessions.session import Session
from shared.slides.commands import BEGUN_MAX, InvalidField, checked_title
from shared.slides.context import Context
from shared.slides.decide import ARRIVES_MAX_S, TRIES_MAX, UPLOAD_ENDS_S, UPLOAD_LIFETIME_S
from shared.slides.full_check import PAGE
from shared.slides.model import Upload, Wish, media_uploaded_as, source_name
from shared.slides.resource import commands, reading
from shared.slides.showing import Announce, end, navigate, start, tell_nobody
from shared.slides.types import TYPES

pytestmark = pytest.mark.long

T = TypeVar("T")

PDF: Final = "application/pdf"
STUDENT: Final = Caller("student", is_teacher=False)
ADMIN: Final = Caller("admin", is_teacher=False, is_admin=True)
ANNA: Final = Caller("anna", is_teacher=False)
SETTLED_S: Final = 60


class Room:
    """A session in which documents are shared."""

    def __init__(self, **fields: Any) -> None:
        self.deployment = Deployment()
        self.deployment.write_session(**{"format": "liveStreaming", **fields})
        self.commands, self.reading = self.deployment.app.get(commands), self.deployment.app.get(reading)
        self.teacher = self.context(TEACHER)

    def context(self, caller: Caller, session_id: str = "s1") -> Context:
        """A person in the session as it is now."""
        created_at = Session.from_document(self.deployment.document(session_path(session_id))).created_at
        assert created_at is not None
        return Context(caller, session_id, created_at)

    def create(self, title: str | None = "Optics") -> str:
        """Create a media."""
        return self.commands.create(self.teacher, Wish(title))

    def begin(self, media_id: str, content: bytes, name: str = "optics.pdf") -> UploadAddress:
        """Begin an upload."""
        return self.commands.begin_upload(self.teacher, media_id, name, PDF, len(content))

    def at_first(self, first: str, act: Callable[[], object]) -> None:
        """Act just before the first call of an operation, which goes on unless the act raises."""

        def once(operation: str, do: Callable[[], T]) -> T:
            if operation == first:
                self.deployment.disturb = undisturbed
                act()
            return do()

        self.deployment.disturb = once

    def send(self, media_id: str, content: bytes) -> None:
        """Upload a document."""
        self.deployment.storage.upload(self.begin(media_id, content), content, PDF)

    def upload(self, media_id: str, content: bytes) -> None:
        """Upload a document, and let it be converted."""
        self.send(media_id, content)
        self.deployment.run(SETTLED_S)

    def ready(self, pages: int = 3) -> str:
        """Return a media that is ready to show."""
        media_id = self.create()
        self.upload(media_id, document(pages))
        assert self.view(media_id)["uploadState"] == "ready"
        return media_id

    def view(self, media_id: str) -> Fields:
        """Return the view of a media."""
        return self.deployment.document(shared_media_path("s1", media_id)).fields

    @property
    def showing(self) -> tuple[Documents, Announce, Clock]:
        """The last arguments of `start`, `navigate` and `end`, without a chat."""
        return self.deployment.documents, tell_nobody, self.deployment.clock

    def shown(self) -> tuple[Any, Any, Any]:
        """Return the media, the page and the revision that the session shows."""
        fields = self.deployment.document(session_path("s1")).fields
        return tuple(fields.get(name) for name in ("activeSharedLiveMedia", "activeSharedLiveMediaPage", "revision"))  # type: ignore[return-value]  # there are three

    def payload(self, media_id: str, caller: Caller = TEACHER) -> dict[str, Any]:
        """Return a media as the API does."""
        return self.reading.media(self.context(caller), media_id)


@pytest.fixture
def room() -> Room:
    return Room()


def refused(kind: type[BackendError], ask: Callable[[], object]) -> BackendError:
    with pytest.raises(kind) as caught:
        ask()
    return caught.value


# --- from the upload to the pages -------------------------------------------------------------------------------------


def test_new_media_has_no_document(room: Room) -> None:
    payload = room.payload(room.create())
    assert payload == {
        "id": payload["id"],
        "video_id": "s1",
        "active_stamp": None,
        "filename": None,
        "is_ready_to_show": False,
        "nb_pages": None,
        "show_download": True,
        "title": "Optics",
        "upload_state": "pending",
        "error": None,
        "warnings": [],
        "urls": None,
    }


def test_uploaded_document_has_an_address_for_each_page(room: Room) -> None:
    media_id = room.ready(pages=3)
    payload = room.payload(media_id)
    stamp = int(payload["active_stamp"])
    assert (payload["nb_pages"], payload["filename"], payload["is_ready_to_show"]) == (3, "optics.pdf", True)
    assert [room.deployment.storage.open(payload["urls"]["pages"][number]) for number in ("1", "2", "3")] == [
        f"page {number} of a pdf".encode() for number in (1, 2, 3)
    ]
    assert room.deployment.storage.open(payload["urls"]["thumbnails"]["2"]) == b"small"
    assert room.deployment.storage.open(payload["urls"]["media"]) == document(3)
    assert stamp <= room.deployment.clock().timestamp()


def test_addresses_expire(room: Room) -> None:
    address = room.payload(room.ready())["urls"]["pages"]["1"]
    room.deployment.clock.advance(2 * 3600 + 1)
    with pytest.raises(AddressRefused):
        room.deployment.storage.open(address)


def test_pages_are_published_while_the_document_is_converted(room: Room) -> None:
    media_id, seen = room.create(), list[tuple[str, bool, list[str]]]()
    content = document(3)
    room.send(media_id, content)

    def look(operation: str, do: Callable[[], T]) -> T:
        done = do()
        if operation == "draw":
            payload = room.payload(media_id)
            seen.append((payload["upload_state"], payload["is_ready_to_show"], [*payload["urls"]["pages"]]))
            assert "media" not in payload["urls"]
        return done

    room.deployment.disturb = look
    room.deployment.run(SETTLED_S)
    assert seen == [
        ("processing", False, ["1"]),
        ("processing", False, ["1", "3"]),
        ("processing", False, ["1", "2", "3"]),
    ]


def test_document_that_cannot_be_shown_says_why(room: Room) -> None:
    media_id = room.create()
    room.upload(media_id, bad_document("ENCRYPTED"))
    payload = room.payload(media_id)
    assert (payload["upload_state"], payload["is_ready_to_show"], payload["urls"]) == ("error", False, None)
    assert payload["error"] == {"reason": "ENCRYPTED", "message": "It cannot be shown."}
    assert room.deployment.converter.conversions == 1
    assert room.deployment.storage.alive() == []


def test_converter_that_fails_is_tried_three_times(room: Room) -> None:
    media_id, content, failures = room.create(), document(2), 0
    room.send(media_id, content)

    def failing(operation: str, do: Callable[[], T]) -> T:
        nonlocal failures
        if operation == "draw":
            failures += 1
            raise Doubtful("It failed.", provider="memory", operation=CONVERSION, code="ConverterError")
        return do()

    room.deployment.disturb = failing
    room.deployment.run(3600)
    assert failures == TRIES_MAX
    assert room.view(media_id)["error"]["reason"] == "CONVERSION_FAILED"
    room.deployment.disturb = undisturbed
    room.upload(media_id, content)
    assert room.view(media_id)["uploadState"] == "ready"


def test_busy_converter_uses_up_no_try(room: Room) -> None:
    media_id, asked = room.create(), 0
    room.send(media_id, document(2))

    def busy(operation: str, do: Callable[[], T]) -> T:
        nonlocal asked
        if operation == "convert":
            asked += 1
            raise refusal(operation)
        return do()

    room.deployment.disturb = busy
    room.deployment.run(3600)
    assert asked > TRIES_MAX
    assert room.view(media_id)["uploadState"] == "processing"
    room.deployment.disturb = undisturbed
    room.deployment.run(3600)
    assert room.view(media_id)["uploadState"] == "ready"


@pytest.mark.parametrize("change", ["deleted", "another worker"])
def test_conversion_whose_pages_are_not_wanted_any_more_ends(room: Room, change: str) -> None:
    media_id, drawn = room.create(), list[int]()
    room.send(media_id, document(5))
    converter = room.deployment.converter

    def change_meanwhile(operation: str, do: Callable[[], T]) -> T:
        if operation == "draw":
            drawn.append(converter.conversions)
            if len(drawn) == 2 and change == "deleted":
                room.commands.delete(room.teacher, media_id)
            elif len(drawn) == 2:
                (record,) = room.deployment.documents.read(slides_path(media_id))
                assert record is not None
                room.deployment.documents.commit(Update(record.path, {"attempt": record.fields["attempt"] + 1}))
        return do()

    room.deployment.disturb = change_meanwhile
    room.deployment.run(3600)
    assert drawn.count(1) == 2
    if change == "deleted":
        assert converter.conversions == 1
        assert room.deployment.storage.alive() == []
    else:
        assert room.view(media_id)["uploadState"] == "ready"


def test_conversion_that_waits_for_a_setting_uses_up_no_try(room: Room) -> None:
    media_id = room.create()
    room.send(media_id, document(2))
    asked = []

    def refuse(operation: str, do: Callable[[], T]) -> T:
        if operation == "convert":
            asked.append(room.deployment.clock())
            raise Misconfigured("Grant the functions' account the role roles/run.invoker.")
        return do()

    room.deployment.disturb = refuse
    room.deployment.run(3600)
    assert len(asked) > TRIES_MAX
    assert room.view(media_id)["uploadState"] == "processing"
    room.deployment.disturb = undisturbed
    room.deployment.run(3600)
    assert room.view(media_id)["uploadState"] == "ready"


def test_upload_that_never_arrives_is_given_up(room: Room) -> None:
    media_id = room.create()
    room.begin(media_id, document(1))
    room.deployment.run(ARRIVES_MAX_S - 3600)
    assert room.view(media_id)["uploadState"] == "pending"
    room.deployment.run(2 * 3600)
    assert room.view(media_id)["error"]["reason"] == "UPLOAD_MISSING"


def test_other_content_than_announced_is_refused(room: Room) -> None:
    media_id = room.create()
    room.begin(media_id, document(1))
    stamp = room.deployment.document(slides_path(media_id)).fields["wish"]["upload"]["stamp"]
    room.deployment.storage.write(f"slides/{media_id}/{stamp}/source.pdf", b"<html>", "text/html")
    room.deployment.run(SETTLED_S)
    assert room.view(media_id)["error"]["reason"] == "OTHER_FILE"
    assert room.deployment.converter.conversions == 0
    assert room.deployment.storage.alive() == []


def test_warnings_of_the_conversion_are_shown(room: Room) -> None:
    room.deployment.converter.warnings = ("The font Marker was replaced.",)
    assert room.payload(room.ready())["warnings"] == ["The font Marker was replaced."]


def test_nothing_that_the_conversion_left_behind_stays(room: Room) -> None:
    media_id, content, broken = room.create(), document(2), False
    room.send(media_id, content)

    def once(operation: str, do: Callable[[], T]) -> T:
        nonlocal broken
        if operation == "write" and not broken:
            broken = True
            do()
            raise refusal(operation)
        return do()

    room.deployment.disturb = once
    room.deployment.run(SETTLED_S)
    record = room.deployment.document(slides_path(media_id)).fields
    assert (record["uploadState"], record["attempt"]) == ("ready", 2)
    stamp = record["deck"]["upload"]["stamp"]
    folder = f"slides/{media_id}/{stamp}"
    assert room.deployment.storage.alive() == [
        f"{folder}/2/1.thumb.webp",
        f"{folder}/2/1.webp",
        f"{folder}/2/2.thumb.webp",
        f"{folder}/2/2.webp",
        f"{folder}/source.pdf",
    ]


# --- replacing --------------------------------------------------------------------------------------------------------


def test_old_document_is_shown_until_the_new_one_is_ready(room: Room) -> None:
    media_id = room.ready(pages=3)
    before = room.payload(media_id)
    content = document(5, "new")
    address = room.begin(media_id, content)
    pending = room.payload(media_id)
    assert pending["upload_state"] == "pending"
    assert (pending["is_ready_to_show"], pending["nb_pages"], pending["active_stamp"]) == (
        True,
        3,
        before["active_stamp"],
    )
    room.deployment.storage.upload(address, content, PDF)
    room.deployment.run(SETTLED_S)
    after = room.payload(media_id)
    assert (after["upload_state"], after["nb_pages"]) == ("ready", 5)
    assert int(after["active_stamp"]) > int(before["active_stamp"])
    assert len(room.deployment.storage.alive()) == 2 * 5 + 1


def test_failed_replacement_leaves_what_is_shown(room: Room) -> None:
    media_id = room.ready(pages=3)
    room.upload(media_id, bad_document("BROKEN"))
    payload = room.payload(media_id)
    assert (payload["upload_state"], payload["is_ready_to_show"], payload["nb_pages"]) == ("error", True, 3)
    assert len(room.deployment.storage.alive()) == 2 * 3 + 1


def test_shorter_document_that_replaces_the_shown_one_shows_its_last_page(room: Room) -> None:
    media_id = room.ready(pages=5)
    start(room.teacher, media_id, *room.showing)
    navigate(room.teacher, media_id, 5, *room.showing)
    revision = room.shown()[2]
    room.upload(media_id, document(2))
    assert room.shown() == (media_id, 2, revision + 1)


def test_of_two_uploads_the_later_one_counts(room: Room) -> None:
    media_id = room.create()
    first, second = document(2, "first"), document(4, "second")
    early, late = room.begin(media_id, first), room.begin(media_id, second)
    room.deployment.storage.upload(late, second, PDF)
    room.deployment.run(SETTLED_S)
    assert room.view(media_id)["nbPages"] == 4
    room.deployment.storage.upload(early, first, PDF)
    room.deployment.run(UPLOAD_ENDS_S)
    room.deployment.sweep.run()
    room.deployment.run(SETTLED_S)
    assert room.view(media_id)["nbPages"] == 4
    assert len(room.deployment.storage.alive()) == 2 * 4 + 1


def test_upload_during_a_conversion_follows_it(room: Room) -> None:
    media_id, first, second = room.create(), document(2), document(3)
    room.send(media_id, first)
    room.at_first("draw", lambda: room.send(media_id, second))
    room.deployment.run(SETTLED_S)
    assert (room.view(media_id)["uploadState"], room.view(media_id)["nbPages"]) == ("ready", 3)


# --- showing ----------------------------------------------------------------------------------------------------------


def test_sharing_starts_at_the_first_page_and_turns_and_ends(room: Room) -> None:
    media_id = room.ready(pages=3)
    before = room.shown()[2]
    start(room.teacher, media_id, *room.showing)
    assert room.shown() == (media_id, 1, before + 1)
    navigate(room.teacher, media_id, 3, *room.showing)
    assert room.shown() == (media_id, 3, before + 2)
    end(room.teacher, media_id, *room.showing)
    assert room.shown() == (None, None, before + 3)


@pytest.mark.parametrize("page", [None, "1", 1.0, 1.5, True, [1], {}])
def test_page_must_be_a_whole_number(room: Room, page: object) -> None:
    media_id = room.ready(pages=3)
    start(room.teacher, media_id, *room.showing)
    before = room.shown()
    error = refused(BadRequest, lambda: navigate(room.teacher, media_id, page, *room.showing))
    assert (str(error), error.reason) == ("Invalid page number.", "PAGE_INVALID")
    assert room.shown() == before


@pytest.mark.parametrize("page", [0, -1, 4, 10**30])
def test_page_must_exist(room: Room, page: int) -> None:
    media_id = room.ready(pages=3)
    start(room.teacher, media_id, *room.showing)
    before = room.shown()
    error = refused(BadRequest, lambda: navigate(room.teacher, media_id, page, *room.showing))
    assert str(error) == "Page does not exist."
    assert room.shown() == before


def test_only_a_ready_media_is_shown(room: Room) -> None:
    media_id = room.create()
    error = refused(WrongState, lambda: start(room.teacher, media_id, *room.showing))
    assert str(error) == "Shared live media is not ready."
    assert room.shown()[:2] == (None, None)


def test_only_one_media_is_shown_at_a_time(room: Room) -> None:
    first, second = room.ready(), room.ready()
    start(room.teacher, first, *room.showing)
    for media_id in (first, second):
        error = refused(WrongState, lambda media_id=media_id: start(room.teacher, media_id, *room.showing))  # type: ignore[misc]
        assert str(error) == "Video is already sharing."


def test_what_is_not_shown_cannot_be_turned_or_ended(room: Room) -> None:
    shown, other = room.ready(), room.ready()
    for act in (
        lambda: navigate(room.teacher, other, 1, *room.showing),
        lambda: end(room.teacher, other, *room.showing),
    ):
        assert str(refused(WrongState, act)) == "No shared live media."
    start(room.teacher, shown, *room.showing)
    for act in (
        lambda: navigate(room.teacher, other, 1, *room.showing),
        lambda: end(room.teacher, other, *room.showing),
    ):
        assert str(refused(WrongState, act)) == "No shared live media."


def test_moderators_show_and_students_do_not(room: Room) -> None:
    room.deployment.write_session(moderators={"anna": True})
    media_id = room.ready()
    start(room.context(ANNA), media_id, *room.showing)
    student = room.context(STUDENT)
    for act in (
        lambda: start(student, media_id, *room.showing),
        lambda: navigate(student, media_id, 2, *room.showing),
        lambda: end(student, media_id, *room.showing),
    ):
        refused(NotAllowed, act)
    room.deployment.write_session(moderators={})
    refused(NotAllowed, lambda: end(room.context(ANNA), media_id, *room.showing))
    assert room.shown()[0] == media_id


def test_media_of_another_session_cannot_be_shown(room: Room) -> None:
    media_id = room.ready()
    room.deployment.write_session("s2")
    refused(NotFound, lambda: start(room.context(TEACHER, "s2"), media_id, *room.showing))


# --- who sees what ----------------------------------------------------------------------------------------------------


def test_students_get_the_document_only_while_its_download_is_allowed(room: Room) -> None:
    media_id = room.ready()
    assert "media" in room.payload(media_id, STUDENT)["urls"]
    room.commands.change(room.teacher, media_id, lambda wish: Wish(wish.title, show_download=False, upload=wish.upload))
    assert "media" not in room.payload(media_id, STUDENT)["urls"]
    assert room.payload(media_id, STUDENT)["urls"]["pages"]
    assert "media" in room.payload(media_id)["urls"]
    start(room.teacher, media_id, *room.showing)
    session = room.reading.session(room.context(STUDENT))
    assert ["media" in one["urls"] for one in session["shared_live_medias"]] == [False]


def test_students_read_but_do_not_list_or_change(room: Room) -> None:
    media_id, student = room.ready(), room.context(STUDENT)
    assert room.reading.media(student, media_id)["id"] == media_id
    for act in (
        lambda: room.reading.medias(student, 0, 10),
        lambda: room.commands.create(student, Wish()),
        lambda: room.commands.change(student, media_id, lambda wish: wish),
        lambda: room.commands.begin_upload(student, media_id, "a.pdf", PDF, 1),
        lambda: room.commands.delete(student, media_id),
    ):
        refused(NotAllowed, act)


def test_student_whose_enrolment_was_taken_back_reads_nothing() -> None:
    room = Room(visibility="enrolled")
    media_id = room.ready()
    refused(NotFound, lambda: room.payload(media_id, STUDENT))
    room.deployment.enrol("student")
    assert room.payload(media_id, STUDENT)["id"] == media_id
    room.deployment.write_session(status="draft")
    refused(NotFound, lambda: room.payload(media_id, STUDENT))


def test_context_of_an_earlier_session_of_the_same_id_opens_nothing(room: Room) -> None:
    media_id, earlier = room.ready(), room.teacher
    room.deployment.delete_session()
    room.deployment.clock.advance(1)
    room.deployment.write_session()
    refused(NotFound, lambda: room.reading.media(earlier, media_id))
    refused(NotFound, lambda: room.commands.create(earlier, Wish()))
    refused(NotFound, lambda: room.reading.media(room.context(TEACHER), media_id))


def test_list_is_of_this_session_and_the_oldest_comes_first(room: Room) -> None:
    ids = []
    for title in ("a", "b", "c"):
        ids.append(room.create(title))
        room.deployment.clock.advance(1)
    room.deployment.write_session("s2")
    other = room.context(TEACHER, "s2")
    room.commands.create(other, Wish("elsewhere"))
    count, medias = room.reading.medias(room.teacher, 1, 5)
    assert (count, [one["id"] for one in medias]) == (3, ids[1:])
    assert [one["title"] for one in room.reading.medias(other, 0, 5)[1]] == ["elsewhere"]


def test_session_holds_what_it_shows_and_all_media(room: Room) -> None:
    media_id = room.ready()
    session = room.reading.session(room.context(STUDENT))
    assert (session["active_shared_live_media"], session["active_shared_live_media_page"]) == (None, None)
    start(room.teacher, media_id, *room.showing)
    session = room.reading.session(room.context(STUDENT))
    assert session["active_shared_live_media"]["id"] == media_id
    assert session["active_shared_live_media_page"] == 1
    assert [one["id"] for one in session["shared_live_medias"]] == [media_id]


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "media_type", "size", "field", "message"),
    [
        ("a.exe", "application/x-msdownload", 10, "mimetype", "application/x-msdownload is not a supported mimetype"),
        ("a", "", 10, "mimetype", "mimetype not guessable"),
        ("a.pdf", PDF, 0, "size", "file is empty"),
        ("a.pdf", PDF, 300 * 1024**2 + 1, "size", "file too large, max size allowed is 314572800 Bytes"),
    ],
)
def test_upload_that_cannot_be_shown_is_refused(
    room: Room, name: str, media_type: str, size: int, field: str, message: str
) -> None:
    media_id = room.create()
    error = refused(InvalidField, lambda: room.commands.begin_upload(room.teacher, media_id, name, media_type, size))
    assert isinstance(error, InvalidField)
    assert (error.field, str(error)) == (field, message)
    assert room.view(media_id)["uploadState"] == "pending"


def test_address_of_an_upload_is_for_its_size_and_type_and_one_day(room: Room) -> None:
    media_id, content = room.create(), document(1)
    address = room.begin(media_id, content)
    assert address.expires_at - room.deployment.clock() <= timedelta(seconds=UPLOAD_LIFETIME_S)
    for sent, media_type in ((content + b"!", PDF), (content, "text/html")):
        with pytest.raises(AddressRefused):
            room.deployment.storage.upload(address, sent, media_type)


def test_session_has_a_maximum_of_media(room: Room) -> None:
    for _ in range(room.commands.settings.session_max):
        room.create()
    assert refused(TooMany, room.create).reason == "MEDIA_TOO_MANY"


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_deleted_media_leaves_no_object(room: Room) -> None:
    media_id = room.ready()
    room.commands.delete(room.teacher, media_id)
    refused(NotFound, lambda: room.payload(media_id))
    room.deployment.run(SETTLED_S)
    assert room.deployment.storage.alive() == []
    tombstone = room.deployment.document(slides_path(media_id)).fields
    assert (tombstone["gone"], tombstone["ownerUid"], tombstone["wish"]["title"]) == (True, "", None)


def test_late_upload_to_a_deleted_media_is_deleted_too(room: Room) -> None:
    media_id, content = room.create(), document(1)
    address = room.begin(media_id, content)
    room.commands.delete(room.teacher, media_id)
    room.deployment.run(SETTLED_S)
    room.deployment.storage.upload(address, content, PDF)
    room.deployment.run(UPLOAD_ENDS_S)
    room.deployment.sweep.run()
    room.deployment.run(SETTLED_S)
    assert room.deployment.storage.alive() == []
    assert room.deployment.documents.read(slides_path(media_id)) == (None,)


def test_media_that_is_shown_cannot_be_deleted(room: Room) -> None:
    media_id = room.ready()
    start(room.teacher, media_id, *room.showing)
    assert refused(WrongState, lambda: room.commands.delete(room.teacher, media_id)).reason == "MEDIA_ACTIVE"
    end(room.teacher, media_id, *room.showing)
    room.commands.delete(room.teacher, media_id)


def test_deletion_and_start_at_the_same_moment_do_not_both_happen(room: Room) -> None:
    media_id = room.ready()
    room.at_first("commit", lambda: start(room.teacher, media_id, *room.showing))
    assert refused(WrongState, lambda: room.commands.delete(room.teacher, media_id)).reason == "MEDIA_ACTIVE"
    assert room.shown()[0] == media_id


def test_deleted_session_takes_its_media_along(room: Room) -> None:
    media_id = room.ready()
    start(room.teacher, media_id, *room.showing)
    room.deployment.delete_session()
    room.deployment.deliver(Task("reconcileSession", "s1"))
    room.deployment.run(SETTLED_S)
    assert room.deployment.storage.alive() == []
    assert room.deployment.documents.read(shared_media_path("s1", media_id)) == (None,)


def test_transferred_session_takes_its_media_along(room: Room) -> None:
    media_id = room.ready()
    room.deployment.transfer("bert")
    room.deployment.run(600)
    bert = room.context(Caller("bert", is_teacher=True))
    assert room.deployment.document(slides_path(media_id)).fields["ownerUid"] == "bert"
    assert room.view(media_id)["ownerUid"] == "bert"
    start(bert, media_id, *room.showing)
    refused(NotAllowed, lambda: end(room.teacher, media_id, *room.showing))


def test_lost_tasks_are_found_by_the_sweep(room: Room) -> None:
    media_id, content = room.create(), document(2)
    room.send(media_id, content)
    room.deployment.lose_tasks()
    room.deployment.sweep.run()
    room.deployment.run(SETTLED_S)
    assert room.view(media_id)["uploadState"] == "ready"


def test_names_of_documents_name_their_media(room: Room) -> None:
    for media_id in (str(uuid4()) for _ in range(20)):
        for kind in TYPES:
            upload = Upload(int(room.deployment.clock().timestamp()), "a", kind, 1, room.deployment.clock())
            assert media_uploaded_as(source_name(media_id, upload)) == media_id


MEDIA: Final = "3d6a179c-cf18-47d5-9e8e-a1368a243c2d"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "source.pdf",
        f"slides/{MEDIA}",
        f"slides/{MEDIA}/17/1/3.png",
        f"slides/{MEDIA}/17/1/3.thumb.webp",
        f"slides/{MEDIA}/17/source.exe",
        f"slides/{MEDIA}/17/source.pdf/x",
        f"slides/{MEDIA}/17/source.pdf\n",
        f"slides/{MEDIA}/17/sourceXpdf",
        f"slides/{MEDIA}/0/source.pdf",
        f"slides/{MEDIA}/-1/source.pdf",
        f"slides/{MEDIA}/\u0661/source.pdf",
        f"slides/{MEDIA}/{'9' * 13}/source.pdf",
        f"slides/{MEDIA.upper()}/17/source.pdf",
        f"slides/{MEDIA}:1/17/source.pdf",
        "slides/../17/source.pdf",
        f"/slides/{MEDIA}/17/source.pdf",
        f"other/slides/{MEDIA}/17/source.pdf",
        "slides/" + "a" * 1000,
    ],
)
def test_other_names_of_objects_name_no_media(name: str) -> None:
    assert media_uploaded_as(name) is None


def test_reconciliation_that_is_woken_looks_at_once(room: Room) -> None:
    media_id, content = room.create(), document(2)
    address = room.begin(media_id, content)
    room.deployment.run(3 * 3600)
    room.deployment.storage.upload(address, content, PDF)
    room.deployment.deliver(Task(RECONCILE_SLIDES, media_id))
    assert room.view(media_id)["uploadState"] == "ready"


def test_two_workers_convert_a_document_once(room: Room) -> None:
    media_id, content = room.create(), document(2)
    room.send(media_id, content)
    room.at_first("draw", lambda: room.deployment.deliver(Task(RECONCILE_SLIDES, media_id)))
    room.deployment.run(SETTLED_S)
    assert room.deployment.converter.conversions == 1


def test_view_that_was_changed_by_hand_is_written_again(room: Room) -> None:
    media_id = room.ready()
    path = shared_media_path("s1", media_id)
    room.deployment.documents.commit(Update(path, {"nbPages": 99}))
    room.deployment.deliver(Task(RECONCILE_SLIDES, media_id))
    assert room.view(media_id)["nbPages"] == 3


def check_everything(deployment: Deployment) -> int:
    """Do one full check, whose tasks alone are then done. Returns the number of those of media."""
    deployment.lose_tasks()
    mark: Mark | None = Mark()
    while mark is not None:
        mark, _, _ = FullCheck(deployment.app, RESOURCES).go_on(mark)
    enqueued = deployment.enqueued(RECONCILE_SLIDES)
    deployment.run()
    return len(enqueued)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: Delete(path), id="deleted"),
        pytest.param(lambda path: Update(path, {"nbPages": 99}), id="changed"),
        pytest.param(lambda path: Update(path, {"deck": REMOVE}), id="without its pages"),
        pytest.param(lambda path: Update(path, {"sessionCreatedAt": "yesterday"}), id="of no session"),
    ],
)
def test_full_check_repairs_a_view_that_somebody_spoilt(room: Room, damage: Callable[[str], Write]) -> None:
    media_ids = sorted(room.ready() for _ in range(3))
    before = [room.view(media_id) for media_id in media_ids]
    assert check_everything(room.deployment) == 0
    room.deployment.documents.commit(damage(shared_media_path("s1", media_ids[1])))
    assert check_everything(room.deployment) == 1
    assert [room.view(media_id) for media_id in media_ids] == before


def test_full_check_reads_media_page_by_page(room: Room) -> None:
    settings = replace(room.commands.settings, session_max=1000, teacher_max=1000)
    roomy = replace(room.commands, settings=settings)
    sessions = [f"more{number}" for number in range(5)]
    for session_id in sessions:
        room.deployment.write_session(session_id, format="liveStreaming")
        for _ in range(PAGE // 4):
            roomy.create(room.context(TEACHER, session_id), Wish("Optics"))
    views = [path for path in room.deployment.documents.paths() if "/sharedLiveMedias/" in path]
    last = max(views, key=lambda path: path.rpartition("/")[2])
    room.deployment.documents.commit(Delete(last))
    assert check_everything(room.deployment) == 1
    assert room.deployment.document(last).fields["title"] == "Optics"


def test_full_check_finds_media_whose_session_was_deleted_unnoticed(room: Room) -> None:
    room.ready()
    room.deployment.delete_session()
    check_everything(room.deployment)
    assert room.deployment.storage.alive() == []


def test_full_check_of_a_deployment_without_a_bucket_leaves_media_alone(room: Room) -> None:
    media_id = room.ready()
    room.deployment.documents.commit(Delete(shared_media_path("s1", media_id)))
    room.deployment.app.storage = None
    assert check_everything(room.deployment) == 0


def test_addresses_of_a_session_are_those_of_the_shown_media(room: Room) -> None:
    shown, other, signed = room.ready(), room.ready(), list[str]()
    start(room.teacher, shown, *room.showing)

    def count(operation: str, do: Callable[[], T]) -> T:
        signed.append(operation)
        return do()

    room.deployment.disturb = count
    medias = {one["id"]: one["urls"] for one in room.reading.session(room.teacher)["shared_live_medias"]}
    assert (medias[other], list(medias[shown]["pages"])) == (None, ["1", "2", "3"])
    assert signed.count("read_address") == 2 * 3 + 1


# --- what others write ------------------------------------------------------------------------------------------------


def test_session_that_changes_its_owner_without_a_transfer_keeps_its_media_and_hides_them(room: Room) -> None:
    media_id = room.ready()
    room.deployment.write_session(ownerUid="bert")
    room.deployment.deliver(Task(RECONCILE_SLIDES, media_id))
    room.deployment.run(SETTLED_S)
    assert room.deployment.storage.alive()
    bert = room.context(Caller("bert", is_teacher=True))
    refused(NotFound, lambda: room.reading.media(bert, media_id))
    refused(NotFound, lambda: start(bert, media_id, *room.showing))
    assert room.reading.medias(bert, 0, 5) == (0, [])
    room.deployment.write_session(ownerUid="teacher")
    assert room.payload(media_id)["nb_pages"] == 3


def test_foreign_field_in_a_view_causes_no_work(room: Room) -> None:
    media_id = room.ready()
    room.deployment.documents.commit(Update(shared_media_path("s1", media_id), {"extra": 1}))
    room.deployment.deliver(Task(RECONCILE_SLIDES, media_id))
    assert RECONCILE_SLIDES not in [task.queue for task in room.deployment.queue.waiting() if task.at is None]


@pytest.mark.parametrize("revision", ["seven", None, 1.5, float("nan"), True])
def test_odd_revision_is_replaced(room: Room, revision: object) -> None:
    media_id = room.ready(pages=5)
    start(room.teacher, media_id, *room.showing)
    room.deployment.documents.commit(Update(session_path("s1"), {"revision": revision}))
    room.upload(media_id, document(2))
    assert room.shown() == (media_id, 1, 1)
    assert room.reading.session(room.teacher)["revision"] == 1


@pytest.mark.parametrize("active", ["nonsense", 7, "", ["a"]])
def test_odd_active_media_counts_as_none(room: Room, active: object) -> None:
    media_id = room.ready()
    room.deployment.documents.commit(Update(session_path("s1"), {"activeSharedLiveMedia": active}))
    assert room.reading.session(room.teacher)["active_shared_live_media"] is None
    start(room.teacher, media_id, *room.showing)
    assert room.shown()[:2] == (media_id, 1)


# --- at the same moment -----------------------------------------------------------------------------------------------


def test_start_during_the_conversion_of_a_shorter_replacement_ends_at_a_page_that_exists(room: Room) -> None:
    media_id, content = room.ready(pages=5), document(2)
    room.send(media_id, content)

    def show() -> None:
        start(room.teacher, media_id, *room.showing)
        navigate(room.teacher, media_id, 5, *room.showing)

    room.at_first("draw", show)
    room.deployment.run(SETTLED_S)
    assert room.view(media_id)["nbPages"] == 2
    assert room.shown()[:2] == (media_id, 2)


def test_upload_that_arrives_while_others_are_cleaned_up_is_kept(room: Room) -> None:
    media_id, content = room.create(), document(4)
    first = document(2)
    room.send(media_id, first)
    room.at_first("list_objects", lambda: room.send(media_id, content))
    room.deployment.run(SETTLED_S)
    assert (room.view(media_id)["uploadState"], room.view(media_id)["nbPages"]) == ("ready", 4)


def test_refused_look_is_repeated(room: Room) -> None:
    media_id, content = room.create(), document(2)
    room.send(media_id, content)

    def refuse() -> None:
        raise Permanent("Refused.", provider="memory", operation="find", code="HTTP_400")

    room.at_first("find", refuse)
    room.deployment.run(3600)
    assert room.view(media_id)["uploadState"] == "ready"


def test_media_that_is_shown_and_deleted_by_the_server_is_shown_no_more(room: Room) -> None:
    media_id, other = room.ready(), room.ready()
    start(room.teacher, media_id, *room.showing)
    wish: dict[tuple[str, ...], Any] = {("wish", "deleted"): True}
    room.deployment.documents.commit(Update(slides_path(media_id), wish))
    room.deployment.deliver(Task(RECONCILE_SLIDES, media_id))
    assert room.shown()[:2] == (None, None)
    start(room.teacher, other, *room.showing)


def test_erased_former_owner_leaves_a_transferred_media_alone(room: Room) -> None:
    media_id = room.ready()
    room.deployment.transfer("bert")
    ask_erasure(ADMIN, "r1", "teacher", room.deployment.documents, room.deployment.queue, room.deployment.clock)
    room.deployment.run(24 * 3600)
    assert len(room.deployment.storage.alive()) == 2 * 3 + 1
    assert room.view(media_id)["ownerUid"] == "bert"


def test_erased_teacher_leaves_no_media(room: Room) -> None:
    room.ready()
    ask_erasure(ADMIN, "r1", "teacher", room.deployment.documents, room.deployment.queue, room.deployment.clock)
    room.deployment.run(24 * 3600)
    assert room.deployment.storage.alive() == []
    room.deployment.run(UPLOAD_ENDS_S)
    room.deployment.sweep.run()
    room.deployment.run(SETTLED_S)
    assert not [path for path in room.deployment.documents.paths() if path.startswith("slides/")]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_uploads_that_can_still_arrive_are_bounded(room: Room) -> None:
    media_id = room.create()
    for _ in range(BEGUN_MAX):
        room.begin(media_id, document(1))
        room.deployment.clock.advance(1)
    assert refused(TooMany, lambda: room.begin(media_id, document(1))).reason == "UPLOADS_OPEN_TOO_MANY"
    room.deployment.clock.advance(UPLOAD_ENDS_S)
    room.begin(media_id, document(1))


def test_document_is_not_converted_without_a_converter_and_still_deleted() -> None:
    room = Room()
    room.deployment.app.converter = None
    media_id = room.create()
    room.upload(media_id, document(2))
    assert (room.view(media_id)["uploadState"], room.view(media_id)["error"]) == ("processing", None)
    room.commands.delete(room.teacher, media_id)
    room.deployment.run(SETTLED_S)
    assert room.deployment.storage.alive() == []


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("हिन्दी", "हिन्दी.pdf"),
        ("  ", "optics.pdf"),
        ("\u200b\u200b", "optics.pdf"),
        ("..", "document.pdf"),
        ("a/b", "a-b.pdf"),
    ],
)
def test_file_name_is_made_of_the_title(room: Room, title: str, name: str) -> None:
    media_id = room.ready()
    room.commands.change(room.teacher, media_id, lambda wish: replace(wish, title=checked_title(title)))
    assert room.payload(media_id)["filename"] == name
    assert "optics.pdf" not in repr(room.view(media_id)["deck"])
