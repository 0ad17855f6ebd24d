"""One provider call for each step of a session; called by the reconciliation through the Controller of this folder.

Leaves to `decide` when a step is due, and to the provider how it is spoken to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.core import log
from shared.ports import Broadcast, EventIds, Events
from shared.reconcile import Snapshot, Step, await_late_commit
from shared.sessions.decide import CREATE, FIND, HOLD, LISTEN, UPDATE, Sighting
from shared.sessions.model import Pairing, SessionSpec

Outcome = EventIds | Broadcast | Sighting | None
"""The outcome of a step: the parts of the event, the broadcast that a deletion found, or the result of a look."""

Watches = Callable[[str], bool]
"""Tells whether events of an owner, given by their user id, are looked at again soon, and counts a look."""


def always(_owner_uid: str) -> bool:
    """
    Look again soon, however often it was looked.
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
    Do a step.

    Args:
        events: The provider.
        look: The present; its spec is the one to fulfil.
        step: What to do.
        now: This instant.
        late_commit_s: For so long after a lost answer the provider may still commit, or its search index lag.
        watches: Whether events of an owner are looked at again soon.

    Returns:
        What there is of the event afterwards, no parts where there is none; of a deletion, what was sent to the event
        and recorded, `None` where the event is not there; of a look, the same and how often to look from now on.

    Raises:
        Transient: It did not happen (again); also where a lost creation is not found yet but may still come.
        Doubtful: It may have happened (again, look first).
        Permanent: It never will (never).
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
    # Where an update's answer was lost it may have made a part that nobody recorded.
    lost = events.find_event(reference) if record.applied is None and reference else {}
    return events.delete_event({**lost, **record.external_ids})
