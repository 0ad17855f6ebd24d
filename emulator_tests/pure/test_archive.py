"""The life of an archived original: stories in memory, after which nothing may be lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.deployment_settings import archive_settings
from emulator_tests.memory.clock import ManualClock
from emulator_tests.memory.documents import MemoryDocuments
from emulator_tests.pure.archiving import (
    DAY_S,
    ENOUGH_S,
    FILM,
    OTHER_FILM,
    PLACEHOLDER,
    POLICY,
    STUDENT,
    Archiving,
    archived,
    archiving,
    check,
    replaced,
    with_video,
)
from emulator_tests.pure.deployment import TEACHER
from shared.archive.budget import SPENT, Amount, DayBudget
from shared.archive.commands import obstacle, obstacle_to_restoring
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchiveState, By, Target
from shared.archive.resource import job
from shared.archive.settings import ArchiveSettings
from shared.core.errors import WrongState
from shared.core.paths import EPOCH, RECONCILE_ARCHIVE, session_path, video_path
from shared.hosts.table import Terms
from shared.ports import Create, MediaState, Observation, Tier, Update
from shared.reconcile.epoch import Hold, Suspicion
from shared.videos.commands import delete_video, keep_video

pytestmark = pytest.mark.long

T = TypeVar("T")


def hold(world: Archiving) -> None:
    """
    Let it be noticed that the database was restored.
    """
    now = world.deployment.clock()
    fields = {"hold": Hold(Suspicion.OTHER_DATABASE, "other", now, None, now).to_fields()}
    (document,) = world.deployment.documents.read(EPOCH)
    world.deployment.documents.commit(Create(EPOCH, fields) if document is None else Update(EPOCH, fields))
    world.deployment.clock.advance(60)


def test_archiving_stores_and_tags_and_leaves_the_video_as_it_is() -> None:
    world = archived()
    assert world.record.state is ArchiveState.ARCHIVED
    assert world.content() == FILM
    assert world.tags == {ARCHIVED_TAG}
    world.require_settled()


def test_archiving_again_changes_nothing_and_puts_a_missing_tag_back() -> None:
    world = archived()
    before = world.record.original
    world.deployment.originals.label(world.entry.id, remove=[ARCHIVED_TAG])
    world.ask(Target.ARCHIVED)
    world.run()
    assert world.record.original == before
    assert len(world.deployment.cold_store.versions(world.entry.id)) == 1
    world.require_settled()


def test_placeholder_takes_the_place_of_the_original_and_shows_its_picture() -> None:
    world = replaced()
    assert world.record.state is ArchiveState.PLACE_HOLDER
    assert world.content() == PLACEHOLDER.content
    assert world.deployment.originals.picture(world.entry.id) == PLACEHOLDER.picture
    assert world.tags == {ARCHIVED_TAG, FLAVORS_DELETED_TAG}
    world.require_settled()


def test_placeholder_again_puts_missing_tags_back() -> None:
    world = replaced()
    world.deployment.originals.label(world.entry.id, remove=[ARCHIVED_TAG, FLAVORS_DELETED_TAG])
    world.ask(Target.PLACE_HOLDER)
    world.run()
    world.require_settled()


def test_restored_original_has_the_same_bytes_and_flavors_of_its_own() -> None:
    world = replaced()
    world.restore()
    world.run()
    waiting = world.record
    assert waiting.state is ArchiveState.WAITING
    waits_until = waiting.waits_until
    assert waits_until is not None
    assert waits_until > world.deployment.clock()
    world.run(ENOUGH_S)
    assert world.content() == FILM
    assert world.record.state is ArchiveState.ARCHIVED
    assert world.now().flavors
    assert world.tags == {ARCHIVED_TAG}
    world.require_settled()


def test_restored_original_is_replaced_again_without_being_stored_again() -> None:
    world = replaced()
    world.restore()
    world.run(ENOUGH_S)
    world.ask(Target.PLACE_HOLDER)
    world.run(3600)
    assert world.record.state is ArchiveState.PLACE_HOLDER
    assert len(world.deployment.cold_store.versions(world.entry.id)) == 1
    world.require_settled()


def test_copy_that_expired_before_it_was_read_is_asked_for_again() -> None:
    world = replaced()
    world.restore()
    world.run()
    world.deployment.clock.advance(10 * DAY_S)
    world.run(ENOUGH_S)
    assert world.content() == FILM
    world.require_settled()


def test_replacement_that_fails_is_tried_again() -> None:
    world = archived()
    world.ask(Target.PLACE_HOLDER)
    world.deployment.run()
    world.deployment.originals.fail(world.entry.id)
    world.run(2 * DAY_S)
    assert world.record.state is ArchiveState.PLACE_HOLDER
    world.require_settled()


@pytest.mark.parametrize("content", [OTHER_FILM, FILM[::-1]], ids=["another size", "the same size"])
def test_original_that_was_replaced_after_archiving_is_stored_too(content: bytes) -> None:
    """The seed's known loss: a new original of the same size was overwritten by the placeholder."""
    world = archived()
    world.replaced_outside(content)
    world.ask(Target.PLACE_HOLDER)
    world.run(DAY_S)
    world.require_settled()
    assert world.record.state is ArchiveState.PLACE_HOLDER
    assert world.deployment.cold_store.contents() == {FILM, content}
    world.restore()
    world.run(ENOUGH_S)
    assert world.content() == content


def test_content_that_somebody_uploads_over_a_placeholder_is_stored_and_stays() -> None:
    world = replaced()
    world.replaced_outside(OTHER_FILM)
    world.restore()
    world.run(ENOUGH_S)
    assert world.content() == OTHER_FILM
    assert world.record.state is ArchiveState.ARCHIVED
    world.require_settled()


def test_content_that_somebody_uploads_meanwhile_is_not_replaced() -> None:
    """Between our look at the entry and our replacement, somebody replaces it. Kaltura knows no condition for that."""
    world = archived()
    uploads = [OTHER_FILM]

    def disturb(operation: str, do: Callable[[], T]) -> T:
        if operation == "replace" and uploads:
            world.replaced_outside(uploads.pop())
        return do()

    world.deployment.disturb = disturb
    world.ask(Target.PLACE_HOLDER)
    world.deployment.run()
    assert world.content() == OTHER_FILM
    world.run(2 * DAY_S)
    world.require_nothing_lost()
    assert world.record.state is ArchiveState.PLACE_HOLDER
    world.require_settled()


def test_object_that_vanished_from_the_store_is_stored_again_before_anything_is_replaced() -> None:
    world = archived()
    world.deployment.cold_store.vanish(world.entry.id)
    world.ask(Target.PLACE_HOLDER)
    world.run(DAY_S)
    world.require_settled()


def test_object_of_somebody_else_is_not_overwritten() -> None:
    world = archiving()
    world.deployment.cold_store.overwrite(world.entry.id, b"an archive that was made by hand")
    world.ask(Target.ARCHIVED)
    world.run(2 * DAY_S)
    failure = world.record.progress.failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("KEY_TAKEN", False)
    assert len(world.deployment.cold_store.versions(world.entry.id)) == 1
    assert world.tags == frozenset()


def test_entry_that_vanished_is_lost_and_its_object_stays() -> None:
    world = replaced()
    world.deployment.originals.vanish(world.entry.id)
    world.ask_of_vanished(Target.ARCHIVED)
    world.run(ENOUGH_S)
    assert world.record.state is ArchiveState.LOST
    world.require_nothing_lost()


def test_entry_in_a_wrong_state_is_refused_in_words() -> None:
    world = archived()
    assert obstacle(Target.PLACE_HOLDER, None) is not None
    assert obstacle(Target.PLACE_HOLDER, world.record) is None
    assert obstacle_to_restoring(world.record) is not None
    assert obstacle(Target.ARCHIVED, replaced().record) is not None


# --- without an operator ----------------------------------------------------------------------------------------------


def test_unwatched_video_is_announced_and_then_archived() -> None:
    world, video_id = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    shown = world.deployment.document(session_path("s1")).fields["videos"][video_id]["archive"]
    assert shown["state"] == "initial"
    assert shown["archivesAt"] > world.deployment.clock() + timedelta(days=10)
    assert world.content() == FILM
    world.run(15 * DAY_S)
    assert world.record.state is ArchiveState.PLACE_HOLDER
    shown = world.deployment.document(session_path("s1")).fields["videos"][video_id]["archive"]
    assert shown == {"state": "place_holder", "isKept": False, "archivesAt": None, "availableAt": None}
    world.require_settled()


def test_video_that_is_kept_is_not_archived() -> None:
    world, video_id = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    deployment = world.deployment
    keep_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock, keep=True)
    world.run(20 * DAY_S)
    assert world.content() == FILM
    assert not world.has_record
    shown = deployment.document(session_path("s1")).fields["videos"][video_id]
    assert shown["keep"] is True
    assert "archive" not in shown


def test_video_that_is_kept_after_it_was_archived_comes_back() -> None:
    world, video_id = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    world.run(15 * DAY_S)
    deployment = world.deployment
    keep_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock, keep=True)
    world.run(ENOUGH_S)
    assert world.content() == FILM
    world.require_settled()


def test_video_that_is_played_during_the_notice_stays() -> None:
    world, _ = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    world.deployment.originals.play(world.entry.id)
    world.run(20 * DAY_S)
    assert world.content() == FILM
    world.require_nothing_lost()


def test_video_that_was_played_lately_is_not_planned() -> None:
    world, _ = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    world.deployment.originals.play(world.entry.id)
    check(world)
    assert not world.has_record


def test_placeholder_that_a_viewer_plays_brings_the_original_back() -> None:
    world, video_id = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    world.run(15 * DAY_S)
    world.deployment.playbacks.issue_playback(STUDENT, video_id)
    world.deployment.run()
    assert world.record.state is ArchiveState.WAITING
    world.run(ENOUGH_S)
    assert world.content() == FILM
    world.require_settled()


def test_placeholder_that_is_played_elsewhere_brings_the_original_back() -> None:
    world, _ = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    world.run(15 * DAY_S)
    world.deployment.originals.play(world.entry.id)
    world.run(ENOUGH_S + DAY_S)
    assert world.content() == FILM
    world.require_settled()


@pytest.mark.parametrize(
    "settings",
    [
        archive_settings(unwatched_days=365, restores_per_day=0),
        archive_settings(unwatched_days=365, restore_bytes_per_day=len(FILM) - 1),
        archive_settings(unwatched_days=365, restore_cents_per_day=0),
    ],
    ids=["originals", "bytes", "money"],
)
def test_plays_bring_no_more_originals_back_than_the_budget_allows(settings: ArchiveSettings) -> None:
    world, video_id = with_video(settings)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    world.run(15 * DAY_S)
    world.deployment.playbacks.issue_playback(STUDENT, video_id)
    world.run(DAY_S)
    assert world.record.state is ArchiveState.PLACE_HOLDER


def test_budget_is_that_of_a_day() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    budget = DayBudget(documents, clock, Amount(3, 1000, 50.0))
    assert [budget.take(Amount(1, 400, 20.0)) for _ in range(3)] == [True, True, False]
    # What does not fit leaves the rest to smaller ones.
    assert budget.take(Amount(1, 100, 5.0))
    assert not budget.take(Amount(1))
    clock.advance(DAY_S)
    assert budget.take(Amount(1, 1000, 50.0))


@pytest.mark.parametrize("edited", [{"day": 5}, {"originals": "many"}, {"bytes": -1}, {"cents": True}])
def test_budget_whose_document_was_edited_is_read_all_the_same(edited: dict[str, Any]) -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    budget = DayBudget(documents, clock, Amount(2, 1000, 50.0))
    assert budget.take(Amount(1, 500, 25.0))
    documents.commit(Update(SPENT, edited))
    assert budget.take(Amount(1, 500, 25.0))


def test_restored_database_archives_nothing_and_brings_originals_back() -> None:
    world, video_id = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    hold(world)
    world.run(30 * DAY_S)
    assert world.record.state.value == "initial"
    assert world.deployment.cold_store.contents() == set()

    world.deployment.app.epochs.acknowledge([])
    world.run(30 * DAY_S)
    assert world.record.state.value == "place_holder"

    hold(world)
    world.deployment.playbacks.issue_playback(STUDENT, video_id)
    world.run(ENOUGH_S)
    assert world.content() == FILM


def test_restored_database_plans_nothing() -> None:
    world, _ = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    hold(world)
    check(world)
    assert not world.has_record


@pytest.mark.parametrize(
    "settings",
    [
        archive_settings(unwatched_days=0),
        archive_settings(unwatched_days=365, bytes_per_day=100),
        archive_settings(unwatched_days=365, cents_per_day=0),
    ],
    ids=["off", "too few bytes", "no money"],
)
def test_nothing_is_planned_beyond_the_policy(settings: ArchiveSettings) -> None:
    world, _ = with_video(settings)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert not world.has_record


@pytest.mark.parametrize(("takes_others", "planned"), [(False, False), (True, True)])
def test_entries_of_others_are_archived_only_if_that_is_chosen(takes_others: bool, planned: bool) -> None:
    world = archiving(archive_settings(unwatched_days=365, takes_others=takes_others))
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert world.has_record == planned


@pytest.mark.parametrize("state", ["planned", "placeholder", "waiting"])
def test_deleted_video_leaves_nothing_in_the_cold_store(state: str) -> None:
    world, video_id = with_video(POLICY)
    deployment = world.deployment
    deployment.clock.advance(400 * DAY_S)
    check(world)
    if state != "planned":
        world.run(15 * DAY_S)
    if state == "waiting":
        deployment.playbacks.issue_playback(STUDENT, video_id)
        deployment.run()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(60)
    assert deployment.cold_store.alive() == {}
    assert not world.has_record
    assert deployment.document(video_path(video_id)).fields["gone"]


def test_original_of_a_deleted_video_is_removed_although_the_task_for_it_was_lost() -> None:
    world, video_id = with_video(POLICY)
    deployment = world.deployment
    world.ask(Target.ARCHIVED)
    world.run()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    while RECONCILE_ARCHIVE not in {task.queue for task in deployment.queue.waiting()}:
        deployment.deliver(deployment.queue.take())
    deployment.lose_tasks()
    check(world)
    assert deployment.cold_store.alive() == {}
    assert not world.has_record


@pytest.mark.parametrize("state", ["uploading", "deleted"])
def test_entry_of_a_video_that_does_not_play_it_is_not_archived(state: str) -> None:
    """Its record would not follow the video: the original of a deleted video would stay in the cold store."""
    world, video_id = with_video()
    deployment = world.deployment
    if state == "deleted":
        delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
        deployment.run()
    else:
        other_id = deployment.ask_upload("r2").video_id
        deployment.run()
        other = deployment.video(other_id)
        world.entry = deployment.originals.add(FILM, entry_id=other.external_ids["entryId"], reference=other.reference)
    with pytest.raises(WrongState):
        world.ask(Target.ARCHIVED)
    world.run()
    assert not world.has_record
    assert deployment.cold_store.alive() == {}


def test_restoring_takes_as_long_as_the_tier_says() -> None:
    world = replaced()
    world.restore(Tier.EXPEDITED)
    world.run(3600)
    assert world.content() == FILM


def test_operator_archives_entries_of_others_by_hand() -> None:
    world = archiving()
    world.ask(Target.ARCHIVED, By.OPERATOR)
    world.run()
    assert world.record.video_id == ""
    world.require_settled()


# --- large originals --------------------------------------------------------------------------------------------------

LARGE = archive_settings(function_bytes_max=100)


def run_job(world: Archiving) -> None:
    """Run the jobs that were started, as Cloud Run does."""
    deployment = world.deployment
    while deployment.jobs.started:
        deployment.app.reconciler().reconcile(deployment.app.get(job), deployment.jobs.started.pop())


def test_large_original_is_copied_and_compared_by_the_job() -> None:
    world = archiving(LARGE)
    world.ask(Target.PLACE_HOLDER)
    world.deployment.run(60)
    assert world.deployment.jobs.started == [world.entry.id]
    assert world.deployment.cold_store.alive() == {}
    run_job(world)
    world.run(3600)
    assert world.record.state is ArchiveState.PLACE_HOLDER
    world.restore(Tier.EXPEDITED)
    for _ in range(4):
        world.run(3600)
        run_job(world)
    assert world.content() == FILM
    world.require_settled()


def test_job_that_does_not_begin_is_started_again() -> None:
    world = archiving(LARGE)
    world.ask(Target.ARCHIVED)
    world.deployment.run(60)
    world.deployment.jobs.started.clear()
    world.run(1800)
    assert world.deployment.jobs.started == [world.entry.id]
    run_job(world)
    world.run()
    world.require_settled()
    assert world.record.state is ArchiveState.ARCHIVED


# --- hosts ------------------------------------------------------------------------------------------------------------


def with_host() -> tuple[Archiving, str]:
    return with_video(archive_settings(365), terms={"memory": Terms(5.0), "fetching": Terms(1.0)})


def test_placeholder_waits_while_a_host_copies_the_video() -> None:
    world, video_id = with_host()
    deployment = world.deployment
    assert deployment.document(video_path(video_id)).fields["hosts"]["fetching"]["state"] == "copying"
    world.ask(Target.PLACE_HOLDER)
    world.run(600)
    assert world.content() == FILM
    (made,) = deployment.fetching.alive()
    deployment.fetching.show(made.external_ids, Observation(MediaState.READY))
    world.run(DAY_S)
    assert world.record.state is ArchiveState.PLACE_HOLDER
    assert deployment.document(video_path(video_id)).fields["hosts"]["fetching"]["state"] == "ready"


def test_no_host_copies_a_placeholder() -> None:
    world, _ = with_host()
    deployment = world.deployment
    (made,) = deployment.fetching.alive()
    deployment.fetching.show(made.external_ids, Observation(MediaState.READY))
    world.run(3600)
    world.ask(Target.PLACE_HOLDER)
    world.run(DAY_S)
    deployment.fetching.vanish(next(iter(made.external_ids.values())))
    world.run(3 * DAY_S)
    assert deployment.fetching.alive() == ()
    world.restore(Tier.EXPEDITED)
    world.run(2 * DAY_S)
    assert len(deployment.fetching.alive()) == 1


# --- what an operator gets out of trouble -----------------------------------------------------------------------------


def test_entry_that_appears_again_is_found_when_it_is_asked_for() -> None:
    world = archived()
    entry = world.now()
    world.deployment.originals.vanish(entry.id)
    world.ask_of_vanished(Target.ARCHIVED)
    world.run()
    assert world.record.state.value == "lost"
    world.deployment.originals.add(FILM, entry_id=entry.id)
    world.ask(Target.ARCHIVED)
    world.run(DAY_S)
    assert world.record.state.value == "archived"
    world.require_settled()


def test_original_that_comes_back_damaged_is_reported_and_archived_too_when_asked_again() -> None:
    world = replaced()
    finish = world.deployment.originals.finish
    world.restore(Tier.EXPEDITED)
    for _ in range(20):
        world.deployment.run(600)
        world.sweep()
        if world.record.state is ArchiveState.RETURNING and world.record.is_begun:
            break
    finish(world.entry.id)
    world.replaced_outside(OTHER_FILM)
    world.run(DAY_S)
    failure = world.record.progress.failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("OTHER_BYTES", False)
    world.restore()
    world.run(DAY_S)
    assert world.record.state is ArchiveState.ARCHIVED
    assert world.deployment.cold_store.contents() == {FILM, OTHER_FILM}
    world.require_settled()


def test_replacement_that_the_provider_never_finishes_is_given_up_and_tried_again() -> None:
    world = archived()
    world.ask(Target.PLACE_HOLDER)
    for _ in range(60):
        world.deployment.run(1800)
        world.sweep()
        if world.record.failures:
            break
    assert world.record.state.value == "archived"
    world.run(2 * DAY_S)
    assert world.record.state.value == "place_holder"
    world.require_settled()
