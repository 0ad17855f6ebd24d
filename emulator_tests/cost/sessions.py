"""Sessions: on demand, planned live lessons, and live lessons that take place, with the people who join them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final, cast

from emulator_tests.cost.metered import Metered
from emulator_tests.cost.places import DAY_S, KalturaPlace
from emulator_tests.cost.scenario import EVERY_S, REGISTRY, Act, act_at
from shared.core.callers import Caller
from shared.core.paths import pairing_path, session_path
from shared.limits.call_budgets import Work
from shared.ports import Delete
from shared.sessions.model import Pairing

UNITS: Final = 25
LESSONS: Final = 6
CLASS: Final = 25
LESSON_S: Final = 3600
STARTS_IN_S: Final = 3600
EARLY_S: Final = 300
"""Seconds before the beginning at which students join."""

BETWEEN_S: Final = 0.2
STUDENTS: Final = [Caller(f"student{number}", is_teacher=False) for number in range(CLASS)]


def lives(metered: Metered, session_id: str, begins_s: float, **fields: Any) -> list[Act]:
    """
    Return what an owner does with a session within an hour: create it, publish, change its title, delete it.
    """
    return [
        (begins_s, partial(metered.write_session, session_id, **fields)),
        (begins_s + 60, partial(metered.write_session, session_id, status="public")),
        (begins_s + 300, partial(metered.write_session, session_id, title="Geometry")),
        (begins_s + 3600, partial(metered.browse, Delete(session_path(session_id)))),
    ]


@REGISTRY.add(
    "sessions", "sessions on demand: created, published, edited, deleted", place="kaltura", units=UNITS, lasts_s=DAY_S
)
def sessions(metered: Metered) -> None:
    """Play it. The owner's page is open."""
    metered.listeners = 1
    act_at(metered, [act for number in range(UNITS) for act in lives(metered, f"s{number}", number * EVERY_S)])


@REGISTRY.add(
    "planned", "live lessons planned: created, published, edited, deleted", place="kaltura", units=UNITS, lasts_s=DAY_S
)
def planned(metered: Metered) -> None:
    """Play it. They are deleted before they begin."""
    metered.listeners = 1
    starts_at = metered.clock() + timedelta(days=7)
    times = {"format": "liveStreaming", "startsAt": starts_at, "endsAt": starts_at + timedelta(hours=1)}
    act_at(metered, [act for number in range(UNITS) for act in lives(metered, f"s{number}", number * EVERY_S, **times)])


def lesson(metered: Metered, session_id: str, begins_s: float) -> list[Act]:
    """
    Return the acts of a lesson: published, on the air for an hour, recorded, deleted with the recording half a day
    later.
    """
    place = cast(KalturaPlace, metered.place)
    starts_at = metered.clock() + timedelta(seconds=begins_s + STARTS_IN_S)
    times = {"startsAt": starts_at, "endsAt": starts_at + timedelta(seconds=LESSON_S)}
    live_s = begins_s + STARTS_IN_S

    def broadcast(*, is_live: bool) -> None:
        (record,) = metered.kept.read(pairing_path(session_id))
        assert record is not None, "The lesson has no event."
        place.move_to(metered.clock())
        place.broadcast(Pairing.from_document(record).external_ids["entryId"], is_live=is_live)

    return [
        (begins_s, partial(metered.write_session, session_id, format="liveStreaming", status="public", **times)),
        (live_s, partial(broadcast, is_live=True)),
        (live_s + LESSON_S, partial(broadcast, is_live=False)),
        (live_s + DAY_S / 2, partial(metered.browse, Delete(session_path(session_id)))),
    ]


@REGISTRY.add(
    "lessons", "live lessons of an hour: held, recorded, deleted", place="kaltura", units=LESSONS, lasts_s=2 * DAY_S
)
def lessons(metered: Metered) -> None:
    """Play it. They begin one after another, and overlap."""
    metered.listeners = 1
    act_at(metered, [act for number in range(LESSONS) for act in lesson(metered, f"s{number}", number * EVERY_S)])


def two_lessons(metered: Metered) -> list[Act]:
    """
    Return the acts of two lessons, half a day apart, without a class.
    """
    metered.listeners = 1
    return [*lesson(metered, "a", 0), *lesson(metered, "b", DAY_S / 2)]


def enter(metered: Metered, session_id: str, begins_s: float) -> list[Act]:
    """
    Return the acts of a class that joins a lesson within some seconds, and stays: each page listens to the session.
    """
    first_s = begins_s + STARTS_IN_S - EARLY_S

    def join(student: Caller) -> None:
        metered.listeners += 1
        metered.accounts.write(student.uid, display_name=f"The {student.uid}")
        metered.browse(reads=1)
        metered.callable("joinSession", student, Work.PLAY, lambda one: one.joining.join(student, session_id))

    def leave() -> None:
        metered.listeners = 1

    joins = [(first_s + number * BETWEEN_S, partial(join, student)) for number, student in enumerate(STUDENTS)]
    return [*joins, (begins_s + STARTS_IN_S + 2 * LESSON_S, leave)]


def alone(metered: Metered) -> None:
    """Play two lessons that nobody joins."""
    act_at(metered, two_lessons(metered))


@REGISTRY.add(
    "joins",
    "joins of a live lesson by people who never joined one before",
    place="kaltura",
    units=CLASS,
    lasts_s=3 * DAY_S,
    without=alone,
)
def joins(metered: Metered) -> None:
    """Play two lessons, the first with a class."""
    act_at(metered, [*two_lessons(metered), *enter(metered, "a", 0)])


@REGISTRY.add(
    "joins_known",
    "joins of a live lesson by people who joined another before",
    place="kaltura",
    units=CLASS,
    lasts_s=3 * DAY_S,
    without=joins,
)
def joins_known(metered: Metered) -> None:
    """Play two lessons, both with the same class."""
    act_at(metered, [*two_lessons(metered), *enter(metered, "a", 0), *enter(metered, "b", DAY_S / 2)])
