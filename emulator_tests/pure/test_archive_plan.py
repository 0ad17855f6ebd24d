"""What archiving would do and cost, what is wrong with an entry, and how a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from emulator_tests.memory.clock import BEGIN_AT, ManualClock
from emulator_tests.memory.cold_store import MemoryColdStore
from emulator_tests.pure.archiving import Archiving, archiving
from shared.archive.commands import Request
from shared.archive.health import COLUMNS, HEADING, Problem, Remedy, health_of, missing_entry
from shared.archive.model import (
    ARCHIVED_TAG,
    FLAVORS_DELETED_TAG,
    ArchivedEntry,
    ArchiveState,
    By,
    Original,
    Target,
)
from shared.archive.plan import Act, Planned, Totals, planned
from shared.archive.resource import commands, controller
from shared.archive.runner import Outcome, Runner
from shared.archive.storing import Storing
from shared.core.errors import Transient
from shared.ports import FREE, ColdObject, Entry, Flavor, MediaState, Terms, Tier
from shared.providers.gcs import classes as gcs_classes
from shared.providers.s3 import classes as s3_classes
from shared.reconcile import Progress
from shared.reconcile.model import Failure

GB = 1000**3
CLASSES = {"s3": s3_classes.CLASSES, "gcs": gcs_classes.CLASSES}
GLACIER = s3_classes.CLASSES["GLACIER"].price
NOW = BEGIN_AT
FLAVOR = Flavor("0_f", "1", GB, GB // 1024, is_ready=True, extension="mp4")
SMALL = Flavor("0_f", "2", 20_000, 20, is_ready=True, extension="mp4")
ITEM = ColdObject("0_a", "v1", GB, "GLACIER", NOW, checksum="crc32c:x")
ORIGINAL = Original("ab", GB, "0_f", "1", "mp4", "s3", "0_a", "v1", "GLACIER", "crc32c:x", NOW)
BOTH = (ARCHIVED_TAG, FLAVORS_DELETED_TAG)


def entry(*tags: str, original: Flavor | None = FLAVOR) -> Entry:
    return Entry("0_a", "Film", None, MediaState.READY, frozenset(tags), NOW, None, 0, 60.0, original)


def record(state: ArchiveState, original: Original | None = ORIGINAL, **more: Any) -> ArchivedEntry:
    return ArchivedEntry("kaltura", state=state, original=original, **more)


ARCHIVED = record(ArchiveState.ARCHIVED)
HELD = record(ArchiveState.PLACE_HOLDER, placeholder="0_f 2")


# --- plan and prices ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "before", "known", "does"),
    [
        (Act.ARCHIVE, entry(), None, "store its original"),
        (Act.ARCHIVE, entry(), record(ArchiveState.STORING, None), "store its original"),
        (Act.ARCHIVE, entry(ARCHIVED_TAG), ARCHIVED, None),
        (Act.ARCHIVE, entry(), ARCHIVED, "put its tags back"),
        (Act.ARCHIVE, entry(*BOTH), ARCHIVED, "put its tags back"),
        (Act.ARCHIVE, entry(ARCHIVED_TAG, original=SMALL), ARCHIVED, "store its new content; the earlier stays"),
        (Act.ARCHIVE, entry(original=None), None, "!It has no original"),
        (Act.ARCHIVE, entry(original=replace(FLAVOR, is_ready=False)), None, "!It has no original"),
        (Act.ARCHIVE, entry(ARCHIVED_TAG), None, "!Another program"),
        (Act.ARCHIVE, entry(*BOTH, original=SMALL), HELD, "!A placeholder stands in for it."),
        (Act.ARCHIVE, entry(), record(ArchiveState.LOST), "put its tags back"),
        (Act.REPLACE, entry(), None, "!Its original is not in the cold store."),
        (Act.REPLACE, entry(ARCHIVED_TAG), ARCHIVED, "put a placeholder in its place"),
        (Act.REPLACE, entry(ARCHIVED_TAG, original=SMALL), ARCHIVED, "!Its content was replaced"),
        (Act.REPLACE, entry(*BOTH, original=SMALL), HELD, None),
        (Act.REPLACE, entry(ARCHIVED_TAG, original=SMALL), HELD, "put its tags back"),
        (Act.REPLACE, entry(*BOTH, original=SMALL), record(ArchiveState.WAITING), "!Its original is on its way back."),
        (Act.RESTORE, entry(*BOTH, original=SMALL), HELD, "bring its original back"),
        (Act.RESTORE, entry(*BOTH, original=SMALL), record(ArchiveState.WAITING), "go on bringing its original back"),
        (Act.RESTORE, entry(ARCHIVED_TAG), ARCHIVED, None),
        (Act.RESTORE, entry(), None, "!No placeholder stands in for it"),
        (Act.RESTORE, entry(*BOTH, original=SMALL), None, "!Another program"),
    ],
)
def test_plan(act: Act, before: Entry, known: ArchivedEntry | None, does: str | None) -> None:
    one = planned(act, before, known, GLACIER)
    if does is None:
        assert one.is_done
        assert (one.does, one.refused, one.cost, one.monthly) == ("", None, 0.0, 0.0)
    elif does.startswith("!"):
        assert (one.refused or "").startswith(does[1:])
    else:
        assert (one.does, one.is_done, one.refused) == (does, False, None)


@pytest.mark.parametrize(
    ("act", "known", "tier", "cost", "monthly"),
    [
        (Act.ARCHIVE, None, Tier.BULK, 0.00003 + 3 * 0.0036, 0.0036),
        (Act.REPLACE, ARCHIVED, Tier.BULK, 0.0, -0.2),
        (Act.RESTORE, HELD, Tier.BULK, 0.09, 0.2),
        (Act.RESTORE, HELD, Tier.EXPEDITED, 0.01 + 0.03 + 0.09, 0.2),
    ],
    ids=["archive", "replace", "restore in bulk", "restore at once"],
)
def test_costs_of_a_gigabyte(act: Act, known: ArchivedEntry | None, tier: Tier, cost: float, monthly: float) -> None:
    before = entry() if known is None else entry(*(BOTH if known is HELD else (ARCHIVED_TAG,)))
    one = planned(act, before, known, GLACIER, tier=tier, provider_price=0.2)
    assert one.cost == pytest.approx(cost)
    assert one.monthly == pytest.approx(monthly)
    assert one.size_bytes == GB


def test_totals() -> None:
    sums = Totals()
    for one in (
        Planned(entry(), 5, "store", cost=1.0, monthly=0.5),
        Planned(entry(), 7, "store", cost=2.0, monthly=0.25),
        Planned(entry(), 9, is_done=True),
        Planned(entry(), 9, refused="No."),
    ):
        sums = sums.plus(one)
    assert sums == Totals(2, 1, 1, 12, 3.0, 0.75)


@pytest.mark.parametrize("terms", [terms for classes in CLASSES.values() for terms in classes.values()])
def test_prices_of_each_class_are_complete(terms: Terms) -> None:
    price = terms.price
    assert price.as_of is not None
    assert price.storage > 0
    assert price.sent > 0
    assert price.stored(GB) >= price.put
    assert price.deleted(GB, price.least_days) == 0.0
    assert price.deleted(GB, 0) == pytest.approx(price.storage * price.least_days / 30)
    # Each tier that can be chosen has a price.
    assert set(terms.waits) <= set(price.retrieval) & set(price.request)


@pytest.mark.parametrize("terms_of", [s3_classes.terms_of, gcs_classes.terms_of])
def test_class_that_is_not_known_is_free_and_readable_at_once(terms_of: Callable[[str], Terms]) -> None:
    terms = terms_of("OTHER")
    assert terms == Terms("OTHER", is_cold=False, waits={}, price=FREE)
    assert (FREE.stored(GB), FREE.restored(GB, Tier.BULK), FREE.deleted(GB, 0)) == (0.0, 0.0, 0.0)


def test_deletion_costs_what_is_left_of_the_least_time() -> None:
    store = MemoryColdStore(ManualClock(), lambda _: None)
    storing = Storing(lambda: store, s3_classes.terms_of)
    both = replace(ARCHIVED, earlier=(replace(ORIGINAL, size_bytes=2 * GB),))
    assert storing.still_paid(both, NOW + timedelta(days=60)) == pytest.approx(3 * 0.0036)
    assert storing.still_paid(both, NOW + timedelta(days=91)) == 0.0


# --- health -------------------------------------------------------------------------------------------------------

STUCK = Failure("X", "The key holds another object.", False, "store", "1", 8, NOW, None)
OTHER = replace(ITEM, version="v2")
WHOLE = replace(FLAVOR, version="2")


@pytest.mark.parametrize(
    ("before", "item", "known", "problem", "remedy"),
    [
        (entry(), None, None, None, Remedy.NONE),
        (entry(ARCHIVED_TAG), ITEM, ARCHIVED, None, Remedy.NONE),
        (entry(*BOTH, original=SMALL), ITEM, HELD, None, Remedy.NONE),
        (entry(), ITEM, record(ArchiveState.STORED), None, Remedy.NONE),
        (entry(original=None), None, None, Problem.NO_ORIGINAL, Remedy.NONE),
        (entry(original=replace(FLAVOR, is_ready=False)), None, None, Problem.NO_ORIGINAL, Remedy.NONE),
        (entry(), None, replace(ARCHIVED, progress=Progress(failure=STUCK)), Problem.STUCK, Remedy.ASK_AGAIN),
        (entry(), ITEM, None, Problem.UNTAGGED, Remedy.STORE),
        (entry(), ITEM, ARCHIVED, Problem.UNTAGGED, Remedy.TAGS),
        (entry(original=SMALL), ITEM, HELD, Problem.UNTAGGED, Remedy.TAGS),
        (entry(original=replace(SMALL, version="3")), ITEM, HELD, Problem.UNTAGGED, Remedy.NONE),
        (entry(FLAVORS_DELETED_TAG, original=SMALL), ITEM, None, Problem.UNTAGGED, Remedy.TAKE_OVER),
        (entry(ARCHIVED_TAG), None, None, Problem.NOT_STORED, Remedy.STORE),
        (entry(ARCHIVED_TAG), None, ARCHIVED, Problem.NOT_STORED, Remedy.STORE),
        (entry(*BOTH, original=SMALL), None, HELD, Problem.NOT_STORED, Remedy.NONE),
        (entry(ARCHIVED_TAG, original=SMALL), None, HELD, Problem.NOT_STORED, Remedy.NONE),
        (entry(), None, ARCHIVED, Problem.NOT_STORED, Remedy.STORE),
        (entry(original=SMALL), None, HELD, Problem.NOT_STORED, Remedy.NONE),
        (entry(FLAVORS_DELETED_TAG), None, None, Problem.HALF_TAGGED, Remedy.NONE),
        (entry(ARCHIVED_TAG, original=SMALL), ITEM, HELD, Problem.HALF_TAGGED, Remedy.TAGS),
        (entry(*BOTH), ITEM, ARCHIVED, Problem.HALF_TAGGED, Remedy.TAGS),
        (entry(ARCHIVED_TAG, original=SMALL), ITEM, ARCHIVED, Problem.OTHER_SIZE, Remedy.STORE),
        (entry(ARCHIVED_TAG, original=WHOLE), ITEM, ARCHIVED, Problem.OTHER_SIZE, Remedy.STORE),
        (entry(*BOTH), ITEM, None, Problem.NOT_REPLACED, Remedy.NONE),
        (entry(ARCHIVED_TAG), ITEM, None, Problem.UNRECORDED, Remedy.STORE),
        (entry(*BOTH, original=SMALL), ITEM, None, Problem.UNRECORDED, Remedy.TAKE_OVER),
        (entry(ARCHIVED_TAG), OTHER, ARCHIVED, Problem.OTHER_OBJECT, Remedy.STORE),
        (entry(*BOTH, original=SMALL), OTHER, HELD, Problem.OTHER_OBJECT, Remedy.NONE),
    ],
)
def test_health(
    before: Entry, item: ColdObject | None, known: ArchivedEntry | None, problem: Problem | None, remedy: Remedy
) -> None:
    health = health_of(before, item, known, "films")
    assert (health.problem, health.remedy, health.is_healthy) == (problem, remedy, problem is None)
    assert health.sentence == "HEALTHY" if problem is None else health.sentence != "HEALTHY"
    assert len(health.to_line().split("\t")) == len(COLUMNS) == len(HEADING.split("\t"))


@pytest.mark.parametrize(
    ("before", "item", "sentence"),
    [
        (entry(original=None), None, "ERROR: No healthy Original"),
        (entry(), ITEM, "ERROR: in bucket films - but no archived_to_s3 tag"),
        (entry(ARCHIVED_TAG), None, "ERROR: has tag archived_to_s3 - but not in bucket films"),
        (entry(FLAVORS_DELETED_TAG), None, "ERROR: has tag flavors_deleted - but no archived_to_s3 tag"),
        (entry(), None, "HEALTHY"),
    ],
)
def test_sentences_are_those_of_kaltura_aws(before: Entry, item: ColdObject | None, sentence: str) -> None:
    assert health_of(before, item, None, "films").to_line().split("\t")[-1] == sentence


def test_entry_that_is_gone() -> None:
    assert missing_entry("0_a", ARCHIVED, ITEM).sentence == "No such entry; its original stays in the cold store"
    assert missing_entry("0_a", None, None).to_line().split("\t")[:2] == ["0_a", "False    "]


# --- runner ---------------------------------------------------------------------------------------------------------


def runner(of: Archiving, is_stopped: threading.Event | None = None) -> Runner:
    app = of.deployment.app

    def pause(event: threading.Event, seconds: float) -> bool:
        of.deployment.originals.finish(of.entry.id)
        of.deployment.clock.advance(seconds)
        return event.is_set()

    event = is_stopped or threading.Event()
    return Runner(app.get(commands), app.get(controller), app.reconciler(1500), of.deployment.media.name, event, pause)


ASK = Request(Target.ARCHIVED, By.OPERATOR)
REPLACE = Request(Target.PLACE_HOLDER, By.OPERATOR)


def test_run_ends_when_an_entry_rests() -> None:
    of = archiving()
    (result,) = runner(of).run([(of.entry, REPLACE)], 1)
    assert (result.outcome, result.state) == (Outcome.DONE, ArchiveState.PLACE_HOLDER)
    (result,) = runner(of).run([(of.now(), ASK)], 1)
    assert (result.outcome, result.due_at is not None) == (Outcome.WAITS, True)
    of.require_nothing_lost()


def test_run_does_not_stop_its_event_when_it_ends() -> None:
    of, event = archiving(), threading.Event()
    list(runner(of, event).run([(of.entry, ASK)], 1))
    assert not event.is_set()


def test_stopped_run_begins_nothing() -> None:
    of, event = archiving(), threading.Event()
    event.set()
    assert list(runner(of, event).run([(of.entry, ASK)], 4)) == []
    assert not of.has_record


def test_run_that_is_given_up_stops() -> None:
    of, event = archiving(), threading.Event()
    running = runner(of, event).run([(of.entry, ASK)], 1)
    assert next(running).outcome is Outcome.DONE
    running.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize(
    ("retry_after_s", "outcome"), [(60.0, Outcome.DONE), (3000.0, Outcome.FAILED)], ids=["soon", "late"]
)
def test_run_waits_for_what_is_tried_again_soon(retry_after_s: float, outcome: Outcome) -> None:
    of, left = archiving(), [Transient("Down.", provider="m", operation="s", code="D", retry_after_s=retry_after_s)]

    def disturb(operation: str, do: Any) -> Any:
        if operation == "store" and left:
            raise left.pop()
        return do()

    of.deployment.disturb = disturb
    (result,) = runner(of).run([(of.entry, ASK)], 1)
    assert result.outcome is outcome
    assert (result.sentence == "Down.") == (outcome is Outcome.FAILED)
