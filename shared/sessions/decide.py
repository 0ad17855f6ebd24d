"""What a session's event needs next. Pure; called by the reconciliation through the Controller of this folder.

| recorded   | wished           | next                                                                   |
|------------|------------------|------------------------------------------------------------------------|
| anything   | its session is not there, another shows its event | SHOW nothing                          |
| anything   | its session is not there, another lacks its own mark | SHOW that                          |
| anything   | owner changed, not transferred | HOLD it: tell a person, once; done                       |
| anything   | its session is not there, deletions are held | later                                      |
| without a mark, or of a former owner | its session is there | IDENTIFY it: it takes mark and owner of that |
| anything   | session deleted, or back | NOTICE it                                                      |
| nothing    | session deleted  | UNENROL whom it has left enrolled; no document is made                 |
| nothing    | no event         | done; no document is made                                              |
| nothing    | no event, and its session has no mark | MARK that; no document is made                    |
| anything   | its session lacks the mark, or does not say that it has a pairing | SHOW both first          |
| none, gone | an event         | CREATE a new generation                                                |
| none, gone | no event         | SHOW nothing, done                                                     |
| creating   | anything         | FIND it by its reference: adopt it, or none is made until late commits are past |
| ready      | an event         | SHOW it, UPDATE it where the spec has changed (deleted behind our back: none), done |
| ready      | the same, an update's answer was lost | UPDATE it once more when late commits are past |
| ready      | an event, it is its time | LISTEN whether it is on the air, later                      |
| ready      | no event         | RETIRE: refs go now, the event after the grace                         |
| ready, retiring | session deleted | DELETE                                                             |
| retiring   | an event         | KEEP it                                                                |
| retiring   | no event         | later, then DELETE                                                     |
| deleting   | anything         | DELETE again; what is gone counts as deleted                           |
| none       | session deleted  | CLOSE                                                                  |
| gone       | session deleted  | later while videos are left; UNENROL whom it has left enrolled; then EXPIRE |
| gone       | another session has its id | the same, but in the end REOPEN: its generations go on      |
| gone, expiring | the session is back | REOPEN                                                          |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.history import moved
from shared.core.identity import TOMBSTONE_S, SessionIdentity
from shared.ports import Broadcast, EventIds, EventSpec, ExternalIds
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until
from shared.reconcile.slots import next_multiple
from shared.sessions.broadcasting import Window, is_look_due, looked, next_look_at, replanned
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState, SessionSpec, shown

LISTEN: Final = "listen"
CREATE: Final = "create"
FIND: Final = "find"
UPDATE: Final = "update"
DELETE: Final = "delete"
SHOW: Final = "show"
RETIRE: Final = "retire"
KEEP: Final = "keep"
CLOSE: Final = "close"
EXPIRE: Final = "expire"
REOPEN: Final = "reopen"
IDENTIFY: Final = "identify"
MARK: Final = "mark"
HOLD: Final = "hold"
UNENROL: Final = "unenrol"
NOTICE: Final = "notice"

CHILDREN_LOOK_S: Final = 30

PAUSE_MAX_S: Final = 60.0
"""Every step is tried again after so long at the most: nobody tells us that a provider is back, or that an event that
is to be deleted is on the air no more."""


def decide(
    snapshot: Snapshot[SessionSpec, Pairing], now: datetime, reap_grace_s: int, window: Window, *, observed: bool
) -> Decision[Pairing]:
    """
    The next step for one session.

    Args:
        look: Wish and record as read.
        now: This instant.
        reap_grace_s: Seconds for which an unpublished event is kept.
        window: When events may be on the air.
        observed: Whether this worker has just sighting from the provider whether the event is on the air.
    """
    spec = snapshot.spec
    if snapshot.record is not None and not spec.exists and (spec.shown is not None or lacks_mark(spec)):
        return _write(SHOW, snapshot.record)
    if spec.is_held:
        return Done() if snapshot.record is None or snapshot.record.held_at is not None else _hold(snapshot.record)
    if snapshot.record is None:
        if spec.left_enrolled:
            return _write(UNENROL, Pairing(SessionIdentity(snapshot.key, ""), state=PairingState.GONE))
        if spec.identity is None or not spec.exists:
            return Done()
        if spec.event is None:
            without = Pairing(spec.identity, state=PairingState.GONE)
            return _write(MARK, without) if lacks_mark(spec) else Done()
        return _create(snapshot.key, Pairing(spec.identity), spec.event, now)
    if spec.is_waiting:
        return RequeueAt(held_until(now))
    record = snapshot.record
    if spec.exists and spec.identity is not None:
        followed = replace(record, identity=record.identity.following(spec.identity), held_at=None, expires_at=None)
        if followed != record:
            return _write(IDENTIFY if record.expires_at is None else REOPEN, followed)
    if record.has_session is not spec.exists:
        return _write(NOTICE, replace(record, has_session=spec.exists))
    if spec.exists and not is_noted(spec):
        return _write(SHOW, record)
    match record.state:
        case PairingState.CREATING:
            return Step(FIND, Effect.OBSERVE, record, record, retry_permanent=True, pause_max_s=PAUSE_MAX_S)
        case PairingState.DELETING:
            return _delete(record, now)
        case PairingState.READY | PairingState.RETIRING if not spec.exists:
            return _delete(record, now)
        case PairingState.READY if spec.event is None:
            reap_at = now + timedelta(seconds=reap_grace_s)
            return _write(RETIRE, replace(_moved(record, PairingState.RETIRING, now), reap_at=reap_at))
        case PairingState.READY if record.applied != spec.event or _is_due(record.verify_at, now):
            # While it is under way nobody knows which wish the event fulfils: cut short, it is done again.
            claimed, wished = replace(record, applied=None), fingerprint(spec.event)
            return Step(UPDATE, Effect.CHANGE, claimed, record, wished, pause_max_s=PAUSE_MAX_S)
        case PairingState.RETIRING if spec.event is not None:
            return _write(KEEP, replace(_moved(record, PairingState.READY, now), reap_at=None))
        case PairingState.RETIRING:
            if record.reap_at is not None and now < record.reap_at:
                return RequeueAt(record.reap_at)
            return _delete(record, now)
        case PairingState.NONE | PairingState.GONE if spec.event is not None:
            return _create(snapshot.key, record, spec.event, now)
        case PairingState.NONE if not spec.exists:
            return _write(CLOSE, _moved(record, PairingState.GONE, now))
        case PairingState.GONE if not spec.exists:
            if spec.children:
                return RequeueAt(next_multiple(now, CHILDREN_LOOK_S))
            if spec.left_enrolled:
                return _write(UNENROL, record)
            if spec.identity is not None:
                return _write(REOPEN, reopened(record, spec.identity))
            if record.expires_at is None:
                return _write(EXPIRE, expiring(record, now))
            return Done()
    if spec.exists and spec.shown != shown(spec, record):
        return _write(SHOW, record)
    if record.state is not PairingState.READY or spec.event is None:
        return Done()
    if not observed and is_look_due(record.airing, spec.event, now, window):
        return Step(
            LISTEN, Effect.OBSERVE, record, record, retry_permanent=True, observes=True, pause_max_s=PAUSE_MAX_S
        )
    dues = (record.verify_at, next_look_at(record.airing, spec.event, now, window))
    due = [at for at in dues if at is not None]
    return RequeueAt(min(due)) if due else Done()


def reference_of(session_id: str, generation: int) -> str:
    """
    The reference under which one generation of a session's event is made. Pure.
    """
    return f"session:{session_id}:{generation}"


def fingerprint(event: EventSpec | None) -> str:
    """
    A short name of a spec, to tell whether a failure belongs to it. Pure.
    """
    return hashlib.sha256(repr(event).encode()).hexdigest()[:16]


def created(record: Pairing, made: EventIds, applied: EventSpec | None, now: datetime) -> Pairing:
    """
    The record once the event exists. Pure.
    """
    return replace(
        _moved(record, PairingState.READY, now),
        external_ids=made.external_ids,
        applied=applied,
        refused=made.refused,
        tried_at=None,
        verify_at=None,
        verified_at=now,
        airing=replanned(record.airing, applied, now),
    )


def updated(
    before: Pairing, record: Pairing, made: EventIds, applied: EventSpec | None, now: datetime, late_commit_s: int
) -> Pairing:
    """
    The record once the event has been brought into form. Pure.

    Args:
        before: As it was recorded when the update was decided; without a known form, an earlier update's answer was
            lost, and it may yet come to pass after this one.
        record: As it was claimed.
        made: What there is of the event now.
        applied: The spec that it fulfils.
        now: This instant.
        late_commit_s: For so long an earlier update may still come to pass.
    """
    verify_at = before.verify_at
    if before.applied is None:
        verify_at = now + timedelta(seconds=late_commit_s)
    elif _is_due(verify_at, now):
        verify_at = None
    return replace(created(record, made, applied, now), verify_at=verify_at)


@dataclass(frozen=True, slots=True)
class Sighting:
    """
    The result of a look whether an event is on the air.

    Attributes:
        broadcast: What the provider says; `None` where the event is not there.
        rests: Whether its owner has so many events that this one is looked at rarely from now on.
    """

    broadcast: Broadcast | None
    rests: bool = False


def listened(record: Pairing, sighting: Sighting, event: EventSpec | None, now: datetime, window: Window) -> Pairing:
    """
    The record once the provider was asked whether the event is on the air. What was recorded is taken over when the
    event has ended; an event that is not there any more is brought into form, and so made anew. Pure.
    """
    seen = sighting.broadcast
    if seen is None:
        return replace(record, applied=None)
    airing = looked(record.airing, event, now, window, is_live=seen.is_live, rests=sighting.rests)
    record = replace(record, airing=airing)
    return took_over(record, seen.recordings) if airing.state is BroadcastState.ENDED else record


def took_over(record: Pairing, recordings: tuple[ExternalIds, ...]) -> Pairing:
    """
    The record once these recordings are videos of their own, or given up. Pure.
    """
    new = tuple(one for one in recordings if one not in record.recordings)
    return replace(record, recordings=record.recordings + new)


def not_created(record: Pairing, now: datetime) -> Pairing:
    """
    The record once it is certain that the event does not exist. Pure.
    """
    none = _moved(record, PairingState.NONE, now)
    return replace(
        none,
        external_ids={},
        applied=None,
        refused={},
        reference=None,
        tried_at=None,
        verify_at=None,
        verified_at=None,
        airing=Airing(),
    )


def deleted(record: Pairing, now: datetime) -> Pairing:
    """
    The record once every part of the event is gone. Pure.
    """
    return replace(
        _moved(record, PairingState.GONE, now),
        external_ids={},
        applied=None,
        refused={},
        verified_at=None,
        verify_at=None,
        reap_at=None,
        reference=None,
        airing=Airing(),
    )


def held(record: Pairing, now: datetime) -> Pairing:
    """
    Return the record once a person was told that the session's owner had been changed without a transfer. Pure.
    """
    return replace(record, held_at=now)


def expiring(record: Pairing, now: datetime) -> Pairing:
    """
    Return the tombstone of a deleted session: it names nobody, and goes in its time. Pure.
    """
    return replace(
        record,
        identity=record.identity.nameless(),
        expires_at=now + timedelta(seconds=TOMBSTONE_S),
        history=record.history[-1:],
    )


def reopened(record: Pairing, identity: SessionIdentity) -> Pairing:
    """
    The record once it is that of the session which has the id now; nothing of the earlier one is left but its count of
    generations. Pure.
    """
    return replace(record, identity=identity, has_session=True, expires_at=None, recordings=())


def lacks_mark(spec: SessionSpec) -> bool:
    """
    Return whether the session whose document is there has no mark, and may be given that of its document: not where its
    owner was changed, for then its record tells the mark. Pure.
    """
    return spec.identity is not None and not spec.identity.is_marked and not spec.is_held


def is_noted(spec: SessionSpec) -> bool:
    """
    Whether the session's document says what everything else relies on: that it has a pairing, and its mark. Pure.
    """
    return spec.is_paired and (spec.identity is None or spec.identity.is_marked)


def _create(session_id: str, record: Pairing, event: EventSpec, now: datetime) -> Step[Pairing]:
    generation = record.generation + 1
    begun = replace(
        _moved(record, PairingState.CREATING, now),
        generation=generation,
        reference=reference_of(session_id, generation),
        tried_at=now,
    )
    rollback = not_created(begun, now)
    return Step(CREATE, Effect.CHANGE, begun, rollback, fingerprint(event), pause_max_s=PAUSE_MAX_S)


def _delete(record: Pairing, now: datetime) -> Step[Pairing]:
    begun = _moved(record, PairingState.DELETING, now)
    return Step(DELETE, Effect.CHANGE, begun, begun, retry_permanent=True, pause_max_s=PAUSE_MAX_S)


def _hold(record: Pairing) -> Step[Pairing]:
    return Step(HOLD, Effect.OBSERVE, record, record)


def _write(name: str, record: Pairing) -> Step[Pairing]:
    return Step(name, Effect.WRITE, record, record)


def _moved(record: Pairing, state: PairingState, now: datetime) -> Pairing:
    return replace(record, state=state, history=moved(record.history, state, now))


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
