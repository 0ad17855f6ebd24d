"""The command that shows how a deployment is: `status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from cli.orphans import hold_data, told_hold
from cli.output import Output, Result, table
from cli.running import Options, Section, command

if TYPE_CHECKING:
    from shared.operations.health import Health
    from shared.operations.kill_switch import Switch
    from shared.ports import Clock, Documents
    from shared.reconcile.epoch import Epoch

SWEPT_WITHIN: Final = timedelta(minutes=20)
"""The sweep runs every five minutes. One run may fail, and one may take five minutes."""

NO_SCHEDULES: Final = "Emulators run no schedules."

DUE_WITHIN: Final = timedelta(hours=1)
"""Bulk work may wait for the end of an hour when there are very many tasks."""


@dataclass(frozen=True, slots=True)
class State:
    """
    What is known of a deployment.

    Attributes:
        health: As the last sweep recorded it.
        epoch: Which database this is, and whether deletions are held.
        switch: Whether all work is stopped.
        tasks: The tasks of this hour that were counted.
        tasks_max: The limit of tasks in an hour.
        now: Now, in UTC.
        database: The name of the database that was read.
        is_emulated: Whether these are emulators, which run no schedules.
    """

    health: Health
    epoch: Epoch
    switch: Switch
    tasks: int
    tasks_max: int
    now: datetime
    database: str
    is_emulated: bool


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of the status.

    Attributes:
        what: What it is about.
        sentence: How that is.
        is_well: Whether nothing has to be done.
    """

    what: str
    sentence: str
    is_well: bool = True


@command("status", examples=["status", "status --json"])
def status(_output: Output) -> Result:
    """
    Show whether work is done: last sweep, overdue work, switch, limit, holds. Changes nothing.

    Reads four documents, and no secret. The exit status is 1 if something has to be done.
    """
    state = _read()
    lines = told(state)
    is_well = all(line.is_well for line in lines)
    text = table([("ok" if line.is_well else "WRONG", line.what, line.sentence) for line in lines])
    return Result(text, {"isWell": is_well, **_data(state, lines)}, is_well)


def _deployment() -> tuple[Documents, Clock, int]:
    """
    Return documents, clock and the limit of tasks in an hour. Needs no secret.
    """
    given = click.get_current_context().ensure_object(Options).surroundings
    if given is not None:
        return given.app.documents, given.app.clock, given.app.common.tasks_per_hour_max
    from functions import config, wiring
    from shared.reconcile.deployment import CommonSettings

    return wiring.documents(), wiring.now, config.read(CommonSettings).tasks_per_hour_max


def _read() -> State:
    from functions import config, environment
    from shared.core.paths import EPOCH, HEALTH
    from shared.operations.health import Health
    from shared.operations.kill_switch import SWITCH, Switch
    from shared.reconcile.bulk import TASKS, tasks_of_hour
    from shared.reconcile.epoch import Epoch

    documents, clock, tasks_max = _deployment()
    health, epoch, switch, tasks = documents.read(HEALTH, EPOCH, SWITCH, TASKS)
    now = clock()
    return State(
        Health.from_document(health, now),
        Epoch.from_document(epoch, now),
        Switch.from_document(switch, now),
        tasks_of_hour(tasks, now),
        tasks_max,
        now,
        config.FIRESTORE_DATABASE.value,
        environment.is_emulated(),
    )


def told(state: State) -> Sequence[Line]:
    """
    Return the status in words. Pure.
    """
    return [
        Line("database", f"{state.database}. FIRESTORE_DATABASE names it."),
        _switch(state),
        _sweep(state),
        _due(state),
        _tasks(state),
        _hold(state),
        *_counts(state),
        *_unreadable(state),
    ]


def _switch(state: State) -> Line:
    if not state.switch.stopped:
        return Line("work", "It is not stopped.")
    why = f" ({state.switch.why})" if state.switch.why else ""
    return Line("work", f"All work is stopped{why}. `greenroom start` starts it again.", is_well=False)


def _sweep(state: State) -> Line:
    at, revision = state.health.swept_at, state.health.revision
    if at is None and state.is_emulated:
        return Line("last sweep", f"There was none yet. {NO_SCHEDULES}")
    if at is None:
        sentence = (
            "There was none yet, or it recorded nothing. `greenroom doctor --cloud` says what is missing. If another "
            "database has the documents, correct FIRESTORE_DATABASE."
        )
        return Line("last sweep", sentence, is_well=state.switch.stopped)
    ended = f"{_since(state.now - at)} ago, at {_told_at(at)}{f', by {revision}' if revision else ''}."
    if state.switch.stopped:
        return Line("last sweep", f"{ended} There is none while work is stopped.")
    if state.now - at <= SWEPT_WITHIN:
        return Line("last sweep", ended)
    if state.is_emulated:
        return Line("last sweep", f"{ended} {NO_SCHEDULES}")
    return Line(
        "last sweep",
        f"{ended} It should run every 5 minutes: lost work is not found. `greenroom doctor --cloud` checks its "
        "schedule, and its log says whether it fails.",
        is_well=False,
    )


def _due(state: State) -> Line:
    oldest = state.health.oldest_due
    if state.health.swept_at is None:
        return Line("overdue", "The first sweep will tell.")
    if oldest is None:
        return Line("overdue", "Nothing was overdue at the last sweep.")
    numbers = ", ".join(f"{count} of {name}" for name, count in sorted(state.health.due.items()))
    since = state.now - oldest.since
    # While work is stopped, it waits.
    if since <= DUE_WITHIN or state.switch.stopped:
        return Line("overdue", f"{numbers}; {oldest.path} for longest, enqueued {_since(since)} ago.")
    return Line(
        "overdue",
        f"{numbers}. {oldest.path} was first enqueued {_since(since)} ago, and nobody has worked on it since. "
        "`greenroom doctor --cloud` checks the queues, and the log of its worker says whether it fails.",
        is_well=False,
    )


def _tasks(state: State) -> Line:
    switch, number = state.switch, f"{state.tasks:,} of {state.tasks_max:,} in this hour"
    for until, which in ((switch.tasks_until, "every task waits"), (switch.bulk_until, "bulk work waits")):
        if until is not None and state.now < until:
            sentence = f"{number}: {which} until {_told_at(until)}. Look for the cause; see docs/operating.md."
            return Line("tasks", sentence, is_well=False)
    return Line("tasks", f"{number}.")


def _hold(state: State) -> Line:
    epoch = state.epoch
    if epoch.hold is not None:
        sentence = f"{' '.join(told_hold(epoch.hold))} See docs/operating.md, then `greenroom resume-after-restore`."
        return Line("deletions", sentence, is_well=False)
    if epoch.unreadable:
        sentence = (
            f"They are held: operations/epoch was edited, in {', '.join(epoch.unreadable)}. See docs/operating.md."
        )
        return Line("deletions", sentence, is_well=False)
    return Line("deletions", "They are not held.")


def _counts(state: State) -> Sequence[Line]:
    counts, at = state.health.counts, state.health.counted_at
    if counts is None:
        return []
    counted = [f"{name}: {_told_states(states)}" for name, states in sorted(counts.items()) if any(states.values())]
    when = "" if at is None else f" (counted {_since(state.now - at)} ago)"
    lines = [Line("counts", f"{'; '.join(counted) or 'Nothing is under way, and nothing has failed'}{when}.")]
    dead = counts.get("pendingDeletions", {}).get("dead", 0)
    if dead:
        sentence = f"{dead:,} have failed for a week and are no longer tried. The callable requeueDeletion tries again."
        lines.append(Line("dead deletions", sentence, is_well=False))
    return lines


def _unreadable(state: State) -> Sequence[Line]:
    if not state.health.unreadable:
        return []
    sentence = f"Somebody edited {', '.join(state.health.unreadable)}. The next sweeps write them again."
    return [Line("operations/health", sentence, is_well=False)]


def _told_states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in states.items() if count)


def _told_at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _since(time: timedelta) -> str:
    """
    Return a time in its largest unit. Pure.
    """
    seconds = max(0, int(time.total_seconds()))
    for unit, in_s in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        number = seconds // in_s
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "less than a minute"


def _data(state: State, lines: Sequence[Line]) -> dict[str, Any]:
    health, switch = state.health, state.switch
    return {
        "database": state.database,
        "problems": [{"what": line.what, "sentence": line.sentence} for line in lines if not line.is_well],
        "sweep": {"at": health.swept_at, "revision": health.revision},
        "due": dict(health.due),
        "oldestDue": None if health.oldest_due is None else health.oldest_due.to_fields(),
        "counts": health.counts,
        "countedAt": health.counted_at,
        "switch": {"stopped": switch.stopped, "why": switch.why},
        "tasks": {
            "thisHour": state.tasks,
            "max": state.tasks_max,
            "bulkUntil": switch.bulk_until,
            "until": switch.tasks_until,
        },
        "hold": hold_data(state.epoch.hold),
        "unreadable": [*health.unreadable, *state.epoch.unreadable],
    }


SECTION: Final = Section("How it is", (status,))
