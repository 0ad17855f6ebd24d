"""What the original tool promises of its three states and commands, sentence by sentence.

Source: PrincetonUniversity/kaltura_archiver, README.md: "Videos entries can be in three states", the diagram of
sub-commands, and their pseudo code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emulator_tests.pure.archiving import ENOUGH_S, FILM, OTHER_FILM, PLACEHOLDER, Archiving, archiving
from shared.archive.commands import obstacle, obstacle_to_restoring
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchiveState, Target
from shared.core.paths import archive_path

pytestmark = pytest.mark.long

STATES: Final = ("initial", "archived", "place_holder")


def in_state(state: str) -> Archiving:
    world = archiving()
    for target in (Target.ARCHIVED, Target.PLACE_HOLDER)[: STATES.index(state)]:
        world.ask(target)
        world.run(3600)
    return world


FACTS: Final[dict[str, tuple[bool, bool, bool, bytes]]] = {
    # state: (s3 contains a copy, has archived_to_s3, has flavors_deleted, its original flavor)
    "initial": (False, False, False, FILM),
    "archived": (True, True, False, FILM),
    "place_holder": (True, True, True, PLACEHOLDER.content),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_as_the_original_describes_it(state: str) -> None:
    world = in_state(state)
    is_stored, is_archived, is_replaced, content = FACTS[state]
    assert (FILM in world.deployment.cold_store.contents()) == is_stored
    assert (ARCHIVED_TAG in world.tags, FLAVORS_DELETED_TAG in world.tags) == (is_archived, is_replaced)
    assert world.content() == content


MOVES: Final[dict[tuple[str, str], str | None]] = {
    ("initial", "archive"): "archived",
    ("archived", "archive"): "archived",
    ("archived", "replace_video"): "place_holder",
    ("place_holder", "replace_video"): "place_holder",
    ("place_holder", "restore"): "archived",
    # "Subcommands print errors if they are applied to entries in a state that they can not work with"
    ("initial", "replace_video"): None,
    ("initial", "restore"): None,
    ("archived", "restore"): None,
    ("place_holder", "archive"): None,
}

TARGETS: Final = {"archive": Target.ARCHIVED, "replace_video": Target.PLACE_HOLDER, "restore": Target.ARCHIVED}


@pytest.mark.parametrize(("state", "command"), MOVES, ids=" ".join)
def test_each_command_moves_an_entry_as_in_the_diagram(state: str, command: str) -> None:
    world, moved = in_state(state), MOVES[state, command]
    (document,) = world.deployment.documents.read(archive_path(world.entry.id))
    record = None if document is None else world.record
    refused = obstacle_to_restoring(record) if command == "restore" else obstacle(TARGETS[command], record)
    assert (refused is not None) == (moved is None)
    if moved is None:
        return
    world.ask(TARGETS[command])
    world.run(ENOUGH_S)
    assert world.record.state.value == moved
    world.require_settled()


def original_missing(world: Archiving) -> None:
    original = world.now().original
    assert original is not None
    world.deployment.originals.delete_flavors(world.entry.id, [original])


def original_replaced(world: Archiving) -> None:
    world.replaced_outside(OTHER_FILM)


def bucket_has_it(world: Archiving) -> None:
    world.deployment.cold_store.overwrite(world.entry.id, b"stored by hand")
    world.deployment.clock.advance(3600)


CONDITIONS: Final[dict[str, tuple[str, Target, Callable[[Archiving], None], set[ArchiveState]]]] = {
    "archive: if entry.original_flavor != None": (
        "initial",
        Target.ARCHIVED,
        original_missing,
        {ArchiveState.INITIAL},
    ),
    "archive: and AWS bucket does not contain a file with the entries id": (
        "initial",
        Target.ARCHIVED,
        bucket_has_it,
        {ArchiveState.INITIAL},
    ),
    "replace_video: if entry.original_flavor != None": (
        "archived",
        Target.PLACE_HOLDER,
        original_missing,
        {ArchiveState.ARCHIVED, ArchiveState.INITIAL},
    ),
}


@pytest.mark.parametrize(("state", "target", "spoil", "left"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_command_does_nothing_unless_its_conditions_hold(
    state: str, target: Target, spoil: Callable[[Archiving], None], left: set[ArchiveState]
) -> None:
    world = in_state(state)
    spoil(world)
    tags, before = world.tags, world.deployment.cold_store.contents()
    world.ask(target)
    world.run(24 * 3600)
    assert world.record.state in left
    assert world.tags == tags
    assert world.deployment.cold_store.contents() == before
    assert world.record.progress.failure is not None


def test_replace_video_needs_the_original_that_was_archived() -> None:
    """Theirs: "that file has the same size as the original flavor". Ours stores the new one first."""
    world = in_state("archived")
    original_replaced(world)
    world.ask(Target.PLACE_HOLDER)
    world.run(24 * 3600)
    assert {FILM, OTHER_FILM} <= world.deployment.cold_store.contents()
    world.require_settled()
