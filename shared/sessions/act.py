"""The provider call of each step of a session; called by the reconciler through the Controller of this folder.

Leaves the choice of the step to `decide`, and the provider's protocol to the adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.core import log
from shared.ports import Broadcast, EventIds, Events
from shared.reconcile import Snapshot, Step, await_late_commit
from shared.sessions.decide import CREATE, FIND, HOLD, LISTEN, UPDATE, Sighting
from shared.sessions.model import Pairing
from shared.sessions.spec import SessionSpec

Outcome = EventIds | Broadcast | Sighting | None
"""The outcome of a step: the parts of the event, the broadcast that a deletion found, or the result of an
observation."""

Watches = Callable[[str], bool]
"""Tells whether an owner's events, given the owner's uid, are observed at the usual pace, and counts this
observation."""


def always(_owner_uid: str) -> bool:
    """
    Observe at the usual pace, however many observations there were.
    """
    return True


def act(
    events: Events,
    snapshot: Snapshot[SessionSpec, Pairing],
    step: Step[Pairing],
    now: datetime,
    late_commit_s: int,
    watches: Watches,
) -> Outcome:
    """
    Make the provider call of a step.

    Args:
        events: The provider of live events.
        snapshot: Spec and status as read; its spec is the one to fulfil.
        step: The step to do.
        now: The present time.
        late_commit_s: Seconds after a lost answer for which the provider may still commit, or its search index may lag.
        watches: Tells whether an owner's events are observed at the usual pace.

    Returns:
        For a creation, search or update: the event's parts afterwards, none if it does not exist. For a deletion: what
        was on the air and recorded, `None` if the event does not exist. For an observation: the broadcast, `None` in it
        if the event does not exist, and how often to observe from now on.

    Raises:
        Transient: The step did not happen (again). Also if an event whose creation was not answered is not found yet
            but may still appear.
        Doubtful: The step may have happened (again, after a search).
        Permanent: The provider refuses the step for good (never).
    """
    record, event, reference = step.record, snapshot.spec.event, step.record.reference or ""
    if step.name == HOLD:
        log.owner_changed(snapshot.key)
        return None
    if step.name == CREATE and event is not None:
        return events.create_event(reference, event)
    if step.name == UPDATE and event is not None:
        return events.update_event(reference, record.external_ids, event)
    if step.name == FIND:
        external_ids = events.find_event(reference)
        if not external_ids and record.tried_at is not None:
            await_late_commit(record.tried_at, now, late_commit_s)
        return EventIds(external_ids)
    if step.name == LISTEN:
        return Sighting(events.observe_broadcast(record.external_ids), rests=not watches(record.identity.owner_uid))
    # If the answer of an update was lost, that update may have made a part that is not recorded.
    lost = events.find_event(reference) if record.applied is None and reference else {}
    return events.delete_event({**lost, **record.external_ids})
