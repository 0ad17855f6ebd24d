"""Attacks on the archive: others change entry, store, settings or documents, or one of them lies. Nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from emulator_tests.deployment_settings import archive_settings
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
from emulator_tests.pure.deployment import TEACHER, refusal
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchiveState, Target
from shared.archive.policy import RECORDED, UNWATCHED
from shared.archive.resource import full_check
from shared.core.errors import Misconfigured, Transient
from shared.core.paths import EPOCH, archive_path, copy_key, erasure_path
from shared.erasure.commands import ask_erasure
from shared.erasure.model import Erasure, ErasureState
from shared.hosts.resource import controller as copy_controller
from shared.ports import EntryPage, Selection, Tier, entries_of
from shared.providers.kaltura.selecting import Position
from shared.providers.s3.classes import CLASSES
from shared.reconcile.resource import Mark, Slice
from shared.videos.commands import delete_video

pytestmark = pytest.mark.long

# --- documents that are older than the world --------------------------------------------------------------------------


def test_placeholder_is_known_although_the_record_is_from_before_it() -> None:
    world = archived()
    backup = world.deployment.back_up()
    world.ask(Target.PLACE_HOLDER)
    world.run(3600)
    assert world.content() == PLACEHOLDER.content
    world.deployment.restore(backup)
    world.ask(Target.PLACE_HOLDER)
    world.run(DAY_S)
    assert world.deployment.cold_store.contents() == {FILM}
    assert world.record.state is ArchiveState.PLACE_HOLDER
    world.restore()
    world.run(ENOUGH_S)
    assert world.content() == FILM
    world.require_settled()


def test_placeholder_is_never_stored_as_an_original() -> None:
    world = archived()
    world.ask(Target.PLACE_HOLDER)
    world.run(3600)
    world.deployment.originals.label(world.entry.id, remove=[ARCHIVED_TAG, FLAVORS_DELETED_TAG])
    world.deployment.restore({})
    world.deployment.cold_store.overwrite("elsewhere", FILM)
    world.deployment.cold_store.vanish(world.entry.id)
    world.ask(Target.ARCHIVED)
    world.run(2 * DAY_S)
    assert PLACEHOLDER.content not in world.deployment.cold_store.contents()
    failure = world.record.progress.failure
    assert failure is not None
    assert failure.code == "PLACEHOLDER_PLAYS"


def test_original_is_not_deleted_while_deletions_are_held() -> None:
    """A copy of the database, in which somebody deletes a video: the originals are those of the true one."""
    world, video_id = with_video()
    deployment = world.deployment
    world.ask(Target.ARCHIVED)
    world.run()
    deployment.database_uid = "the first"
    world.sweep()
    deployment.database_uid = "a copy"
    deployment.clock.advance(DAY_S)
    world.sweep()
    assert deployment.app.epochs.is_held()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(3600)
    assert deployment.cold_store.contents() == {FILM}


# --- somebody at the provider's console -------------------------------------------------------------------------------


def other_file(world: Archiving, content: bytes) -> None:
    """Delete the original in the console, and upload another: a new file, which counts its versions anew."""
    originals = world.deployment.originals
    kept = originals._kept[world.entry.id]
    before = kept.entry.original
    assert before is not None
    world.replaced_outside(content)
    after = kept.entry.original
    assert after is not None
    new = replace(after, id="0_anew", version=before.version)
    kept.contents[new.id] = kept.contents.pop(after.id)
    kept.entry = replace(kept.entry, original=new)


def test_new_file_with_the_version_of_the_placeholder_is_not_overwritten() -> None:
    world = replaced()
    other_file(world, OTHER_FILM)
    world.restore()
    world.run(ENOUGH_S)
    world.require_nothing_lost()
    assert world.content() == OTHER_FILM


@pytest.mark.parametrize("target", [Target.ARCHIVED, Target.PLACE_HOLDER])
def test_original_that_was_deleted_in_the_console_stays_recorded(target: Target) -> None:
    world = archived()
    original = world.now().original
    assert original is not None
    world.deployment.originals.delete_flavors(world.entry.id, [original])
    world.ask(target)
    world.run(DAY_S)
    assert world.record.original is not None
    world.require_nothing_lost()


# --- the store --------------------------------------------------------------------------------------------------------


def test_object_that_was_stored_before_the_bucket_kept_versions_is_found() -> None:
    """Amazon reports the version `null` for it from then on."""
    world = archived()
    original = world.record.original
    assert original is not None
    before = replace(original, version="")
    (item,) = world.deployment.cold_store.versions(world.entry.id)
    assert before.is_at(replace(item, version="null"))
    assert not before.is_at(replace(item, version="null", checksum="crc32c:other"))


def test_object_whose_check_failed_is_not_taken_for_that_of_somebody_else() -> None:
    world = archiving()
    failures = [refusal("headObject")]

    def disturb(operation: str, do: Any) -> Any:
        told = do()
        if operation == "store" and failures:
            raise failures.pop()
        return told

    world.deployment.disturb = disturb
    world.ask(Target.ARCHIVED)
    world.run(DAY_S)
    assert world.record.state is ArchiveState.ARCHIVED
    assert len(world.deployment.cold_store.versions(world.entry.id)) == 1
    world.require_settled()


def test_original_in_another_store_is_not_forgotten() -> None:
    world, video_id = with_video()
    deployment = world.deployment
    world.ask(Target.ARCHIVED)
    world.run()
    kept = dict(deployment.cold_store._kept)
    deployment.cold_store.name = "another"
    deployment.cold_store._kept.clear()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(DAY_S)
    assert world.has_record
    deployment.cold_store.name = "memory"
    deployment.cold_store._kept.update(kept)
    world.run(2 * DAY_S)
    assert not world.has_record
    assert deployment.cold_store.contents() == set()


def test_another_tier_is_tried_at_once() -> None:
    world = archiving()
    world.deployment.cold_store.terms = CLASSES["DEEP_ARCHIVE"]
    world.ask(Target.ARCHIVED)
    world.run()
    world.ask(Target.PLACE_HOLDER)
    world.run(3600)
    world.restore(Tier.EXPEDITED)
    world.run(DAY_S)
    failure = world.record.progress.failure
    assert failure is not None
    assert failure.code == "NO_SUCH_TIER"
    world.restore(Tier.STANDARD)
    world.deployment.run()
    assert world.record.state is ArchiveState.WAITING


# --- money ------------------------------------------------------------------------------------------------------------


def test_original_that_a_viewer_brought_back_is_not_taken_away_soon() -> None:
    """Not every player counts at the provider."""
    world, video_id = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    world.run(15 * DAY_S)
    world.deployment.playbacks.issue_playback(STUDENT, video_id)
    world.run(ENOUGH_S)
    assert world.content() == FILM
    world.run(30 * DAY_S)
    assert world.content() == FILM


def test_video_with_plays_of_unknown_time_is_not_planned() -> None:
    world, _ = with_video(POLICY, plays=3)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert not world.has_record


def test_video_of_unknown_size_is_not_planned() -> None:
    world, _ = with_video(POLICY)
    kept = world.deployment.originals._kept[world.entry.id]
    assert kept.entry.original is not None
    kept.entry = replace(kept.entry, original=replace(kept.entry.original, size_bytes=None, size_kb=0))
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert not world.has_record


def test_original_of_unknown_size_is_not_stored_again_and_again() -> None:
    world = archiving()
    kept = world.deployment.originals._kept[world.entry.id]
    assert kept.entry.original is not None
    kept.entry = replace(kept.entry, original=replace(kept.entry.original, size_bytes=None, size_kb=0))
    stored = []

    def disturb(operation: str, do: Any) -> Any:
        if operation == "store":
            stored.append(operation)
        return do()

    world.deployment.disturb = disturb
    world.ask(Target.ARCHIVED)
    world.run(3 * DAY_S)
    assert stored == []


def test_budget_of_money_is_not_used_up_by_the_price_of_a_request() -> None:
    """10 GB cost 11 cents in GLACIER for 90 days, with one request."""
    world, _ = with_video(archive_settings(unwatched_days=365, cents_per_day=100))
    kept = world.deployment.originals._kept[world.entry.id]
    assert kept.entry.original is not None
    kept.entry = replace(kept.entry, original=replace(kept.entry.original, size_bytes=None, size_kb=10_000_000))
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert world.has_record


def test_original_that_is_larger_than_the_budget_does_not_hold_up_the_others() -> None:
    world = archiving(archive_settings(unwatched_days=365, takes_others=True, bytes_per_day=5000))
    kept = world.deployment.originals._kept[world.entry.id]
    assert kept.entry.original is not None
    kept.entry = replace(kept.entry, original=replace(kept.entry.original, size_bytes=6000, size_kb=6))
    world.deployment.clock.advance(60)
    other = world.deployment.originals.add(b"small")
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert not world.has_record
    assert world.deployment.documents.read(archive_path(other.id))[0] is not None


# --- a provider that lies ---------------------------------------------------------------------------------------------


def test_listing_ends_although_the_pages_repeat() -> None:
    world = archiving()
    originals = world.deployment.originals
    pages = iter(range(100))

    class Repeating:
        name = originals.name

        def page(self, selection: Selection, after: str = "", limit: int = 500) -> EntryPage:
            return EntryPage(originals.page(selection).entries, str(next(pages)))

    listed: Any = Repeating()
    with pytest.raises(Transient):
        list(entries_of(listed, Selection()))
    assert next(pages) < 10


def test_sweep_goes_on_while_the_provider_does_not_answer() -> None:
    world, _ = with_video(POLICY)
    check(world)
    deployment = world.deployment

    def disturb(operation: str, do: Any) -> Any:
        if operation == "page":
            raise refusal(operation)
        return do()

    deployment.clock.advance(2 * 3600)
    before = deployment.document(EPOCH).fields["sweptAt"]
    deployment.disturb = disturb
    deployment.sweep.run()
    assert deployment.document(EPOCH).fields["sweptAt"] > before


def test_list_of_kaltura_ends_although_it_repeats() -> None:
    """A server that ignores the filter: the same entries again, or older ones."""
    first, second = (
        SimpleNamespace(id="0_a", createdAt=2_000_000_000),
        SimpleNamespace(id="0_b", createdAt=2_000_000_001),
    )
    place = Position().moved([first, second])
    assert place.moved([SimpleNamespace(id="0_c", createdAt=2_000_000_001)]).skipped == ("0_b", "0_c")
    for again in ([second], [first]):
        with pytest.raises(Transient):
            place.moved(again)


def test_checks_go_on_while_the_cold_store_cannot_be_used() -> None:
    world, _ = with_video(POLICY)
    deployment = world.deployment

    def disturb(operation: str, do: Any) -> Any:
        if operation == "tidy":
            raise Misconfigured("The store refuses the credentials.")
        return do()

    deployment.disturb = disturb
    policy = full_check(deployment.app)
    assert policy is not None
    assert policy.go_on(Mark(UNWATCHED), Slice()) == Mark(RECORDED)


# --- people -----------------------------------------------------------------------------------------------------------


def test_erasure_waits_for_the_original_in_the_cold_store() -> None:
    world, _ = with_video()
    deployment = world.deployment
    world.ask(Target.ARCHIVED)
    world.run()
    deployment.cold_store.lock(world.entry.id)
    key, _ = ask_erasure(TEACHER, "r", "teacher", deployment.documents, deployment.queue, deployment.clock)
    world.run(2 * DAY_S)
    erasure = Erasure.from_document(deployment.document(erasure_path(key)))
    assert erasure.state is ErasureState.DELETING
    assert erasure.left.copies == 1
    deployment.cold_store._locked.clear()
    world.run(DAY_S)
    assert deployment.cold_store.contents() == set()
    assert not world.has_record
    erasure = Erasure.from_document(deployment.document(erasure_path(key)))
    assert erasure.state.value == "done"


def test_copy_of_a_video_is_not_made_of_its_placeholder() -> None:
    world, video_id = with_video()
    deployment = world.deployment
    world.ask(Target.ARCHIVED)
    world.run()
    world.ask(Target.PLACE_HOLDER)
    world.run(3600)
    (host,) = (deployment.fetching,)
    copies = deployment.app.get(copy_controller)
    added = replace(copies, hosts={host.name: host})
    key = copy_key(video_id, host.name)
    for _ in range(5):
        deployment.app.reconciler().reconcile(added, key)
        deployment.clock.advance(3600)
    assert host.alive() == ()
    world.restore(Tier.EXPEDITED)
    world.run(DAY_S)
    deployment.app.reconciler().reconcile(added, key)
    deployment.clock.advance(3600)
    deployment.app.reconciler().reconcile(added, key)
    assert len(host.alive()) == 1


def test_entry_of_another_deployment_is_not_archived_with_those_of_others() -> None:
    world = archiving(archive_settings(unwatched_days=365, takes_others=True))
    kept = world.deployment.originals._kept[world.entry.id]
    kept.entry = replace(kept.entry, is_stray=True)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    assert not world.has_record


def test_play_while_the_placeholder_is_put_in_place_brings_the_original_back() -> None:
    world, _ = with_video(POLICY)
    world.deployment.clock.advance(400 * DAY_S)
    check(world)
    played: list[str] = []

    def disturb(operation: str, do: Any) -> Any:
        if operation == "set_thumbnail" and not played:
            played.append(operation)
            world.deployment.originals.play(world.entry.id)
        return do()

    world.deployment.disturb = disturb
    world.run(15 * DAY_S)
    assert played
    world.run(ENOUGH_S)
    assert world.content() == FILM
    world.require_settled()
