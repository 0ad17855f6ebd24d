"""Orphans of the bucket: objects of media without a record are reported, and deleted by the operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import STRAY_AGE_S, refusal
from emulator_tests.pure.test_slides import Room
from shared.core.errors import Misconfigured
from shared.core.paths import ORPHANS_REPORT, RECONCILE_DELETION, deletion_path, slides_path
from shared.deletions.controller import OBJECTS_AT_ONCE
from shared.deletions.model import BUCKET, FOLDER, Reason, given_up
from shared.operations.orphans.report import Report
from shared.ports import Create, Delete, Task, Update
from shared.slides.owned import LISTED

pytestmark = pytest.mark.long

T = TypeVar("T")

PNG: Final = "image/png"


class Left(Room):
    """A session with one ready media, and with objects in the bucket that no record names."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = self.ready(2)
        self.of_kept = self.deployment.storage.alive()
        self.orphan = str(uuid4())
        self.put(self.orphan, 3)
        self.deployment.clock.advance(STRAY_AGE_S + 1)

    @property
    def reference(self) -> str:
        """The reference of the orphan."""
        return f"media:{self.orphan}:1"

    def put(self, media_id: str, count: int) -> None:
        """Put objects into the bucket, as those of a media."""
        for number in range(count):
            self.deployment.storage.write(f"slides/{media_id}/17/1/{number}.png", b"x", PNG)

    def find(self, **options: Any) -> Report:
        """Search for orphans."""
        return self.deployment.orphans.find(**{"clean_up": False, **options})

    def references(self, **options: Any) -> list[str]:
        """The references of the orphans that a search finds."""
        return sorted(item.reference for item in self.find(**options).orphans)


@pytest.fixture
def left() -> Left:
    return Left()


def test_objects_without_a_record_are_reported_and_stay(left: Left) -> None:
    before = left.deployment.storage.alive()
    report = left.find(clean_up=True)
    (item,) = report.orphans
    assert (item.provider, item.reference, item.has_content) == (BUCKET, left.reference, True)
    (reported,) = left.deployment.document(ORPHANS_REPORT).fields["strays"]
    assert (reported["parts"], reported["hasContent"]) == ({FOLDER: f"slides/{left.orphan}"}, True)
    left.deployment.run(3600)
    assert left.deployment.storage.alive() == before
    assert left.deployment.deletions() == []


def test_sweep_leaves_them_alone(left: Left) -> None:
    left.deployment.sweep.run()
    left.deployment.run(3600)
    assert len(left.deployment.storage.alive()) == len(left.of_kept) + 3


@pytest.mark.parametrize("is_named", [True, False], ids=["by their reference", "all that have content"])
def test_operator_deletes_them(left: Left, *, is_named: bool) -> None:
    if is_named:
        (item,) = left.deployment.orphans.delete([left.reference])
        assert item.reference == left.reference
    else:
        left.find(clean_up=True, with_content=True)
    assert left.references() == []
    left.deployment.run(60)
    assert left.deployment.storage.alive() == left.of_kept
    assert left.deployment.deletions() == []


def test_young_objects_are_no_orphans_yet(left: Left) -> None:
    young = str(uuid4())
    left.put(young, 1)
    assert left.references() == [left.reference]
    assert left.deployment.orphans.delete([f"media:{young}:1"]) == []
    left.put(left.orphan, 4)
    assert left.references() == []


def test_objects_of_a_media_that_is_being_deleted_are_left_to_it(left: Left) -> None:
    left.commands.delete(left.teacher, left.kept)
    assert left.references() == [left.reference]
    left.deployment.run(60)
    assert left.references() == [left.reference]
    assert left.deployment.document(slides_path(left.kept)).fields["life"] == "removed"


def test_nothing_is_deleted_while_deletions_are_held(left: Left) -> None:
    left.deployment.database_uid = "one"
    left.deployment.sweep.run()
    left.deployment.database_uid = "another"
    left.deployment.sweep.run()
    assert left.find(clean_up=True, with_content=True).hold is not None
    assert left.deployment.deletions() == []
    left.deployment.orphans.delete([left.reference])
    left.deployment.run(3600)
    assert len(left.deployment.storage.alive()) == len(left.of_kept) + 3
    left.deployment.app.epochs.acknowledge(left.deployment.app.places)
    left.deployment.run(3600)
    assert left.deployment.storage.alive() == left.of_kept


def test_record_that_comes_back_keeps_its_objects(left: Left) -> None:
    backup = left.deployment.document(slides_path(left.kept)).fields
    left.deployment.documents.commit(Delete(slides_path(left.kept)))
    left.deployment.orphans.delete([f"media:{left.kept}:1"])
    left.deployment.documents.commit(Create(slides_path(left.kept), backup))
    left.deployment.run(60)
    assert set(left.of_kept) <= set(left.deployment.storage.alive())
    assert left.deployment.deletions() == []


def test_many_objects_are_deleted_step_by_step(left: Left) -> None:
    left.put(left.orphan, 2 * OBJECTS_AT_ONCE + 1)
    left.deployment.clock.advance(STRAY_AGE_S + 1)
    left.deployment.orphans.delete([left.reference])
    left.deployment.deliver(Task(RECONCILE_DELETION, left.deployment.enqueued(RECONCILE_DELETION)[0]))
    assert len(left.deployment.storage.alive()) == len(left.of_kept) + OBJECTS_AT_ONCE + 1
    left.deployment.run(60)
    assert left.deployment.storage.alive() == left.of_kept


def test_deletion_that_fails_goes_on(left: Left) -> None:
    left.deployment.orphans.delete([left.reference])
    failures = [refusal("delete")]

    def fail(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete" and failures:
            raise failures.pop()
        return do()

    left.deployment.disturb = fail
    left.deployment.run(60)
    assert (failures, left.deployment.storage.alive()) == ([], left.of_kept)


@pytest.mark.parametrize("folder", ["slides", "", "slides/", "other"])
def test_deletion_that_somebody_edited_deletes_nothing(left: Left, folder: str) -> None:
    wanted = {FOLDER: folder.replace("other", f"slides/{left.kept}")}
    now = left.deployment.clock()
    write = given_up(BUCKET, left.reference, wanted, Reason.STRAY, now)
    left.deployment.documents.commit(write)
    left.deployment.run()
    key = write.path.removeprefix(deletion_path(""))
    left.deployment.deliver(Task(RECONCILE_DELETION, key))
    assert len(left.deployment.storage.alive()) == len(left.of_kept) + 3
    (pending,) = left.deployment.deletions()
    assert pending.progress.failure is not None
    assert pending.progress.failure.code == "OTHER_THING"


def test_orphan_cannot_be_given_back(left: Left) -> None:
    (told,) = left.deployment.adopt()
    assert told.path is None
    assert "--delete-content" in told.sentence


def test_other_names_below_the_folder_are_told_and_left_alone(left: Left) -> None:
    for name in ("slides/notes.txt", "slides/not-a-media/x", "elsewhere/x"):
        left.deployment.storage.write(name, b"x", PNG)
    left.deployment.clock.advance(STRAY_AGE_S + 1)
    report = left.find(clean_up=True, with_content=True)
    assert report.unreadable == ("media:not-a-media:1", "media:notes.txt:1")
    left.deployment.run(60)
    alive = left.deployment.storage.alive()
    assert {"slides/notes.txt", "slides/not-a-media/x", "elsewhere/x"} <= set(alive)
    assert len(alive) == len(left.of_kept) + 3


def test_search_with_a_maximum_goes_on_where_it_stopped(left: Left) -> None:
    left.deployment.documents.commit(Delete(slides_path(left.kept)))
    many = [f"00000000-0000-4000-8000-{number:012}" for number in range(3)]
    for media_id in many:
        left.put(media_id, LISTED + 50)
    left.deployment.clock.advance(STRAY_AGE_S + 1)
    rest = sorted(f"media:{media_id}:1" for media_id in (left.kept, left.orphan))
    found = [left.references(stored_pages_max=1) for _ in range(5)]
    assert found == [*([f"media:{media_id}:1"] for media_id in many), rest, [f"media:{many[0]}:1"]]
    assert left.references() == sorted([*(f"media:{media_id}:1" for media_id in many), *rest])


@pytest.mark.parametrize("mark", [17, {"media": 17}, {"media": ".."}, {"media": "\x00"}, {"media": "a" * 9999}])
def test_mark_that_somebody_edited_begins_anew(left: Left, mark: object) -> None:
    left.find()
    left.deployment.documents.commit(Update(ORPHANS_REPORT, {"storedAfter": mark}))
    assert left.references(stored_pages_max=10) == [left.reference]


def test_pages_of_a_large_media_are_listed_once(left: Left) -> None:
    left.put(left.orphan, 5 * LISTED)
    listed = []

    def count(operation: str, do: Callable[[], T]) -> T:
        if operation == "list_objects":
            listed.append(operation)
        return do()

    left.deployment.disturb = count
    left.find()
    assert len(listed) <= 2


def test_bucket_that_cannot_be_used_hinders_no_search_of_providers(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(operation: str, do: Callable[[], T]) -> T:
        if operation == "list_objects":
            raise Misconfigured("The bucket does not exist.")
        return do()

    left.deployment.disturb = refuse
    report = left.find()
    left.deployment.disturb = undisturbed
    assert report.orphans == ()
    assert "The bucket does not exist." in capsys.readouterr().err


def test_deployment_without_a_bucket_searches_none(left: Left) -> None:
    left.deployment.app.storage = None
    assert left.references() == []
    assert left.deployment.clock() > left.deployment.document(ORPHANS_REPORT).fields["at"] - timedelta(seconds=1)
