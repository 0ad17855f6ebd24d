"""The table of steps for a session's event. Pure; called by the reconciler through the Controller of this folder.

| recorded   | spec             | next                                                                   |
|------------|------------------|------------------------------------------------------------------------|
| anything   | the session does not exist, the document of another one shows its event | SHOW nothing    |
| anything   | the session does not exist, another one lacks its own mark | SHOW the mark                |
| anything   | owner changed without a transfer | HOLD it: log it for the operator, once; done           |
| anything   | the session does not exist, deletions are held | requeue                                  |
| no mark, or a former owner | the session exists | IDENTIFY it: record the session's mark and owner     |
| anything   | session deleted, or restored | NOTICE it                                                  |
| nothing    | session deleted  | UNENROL its remaining enrolments; no pairing is made                   |
| nothing    | no event         | done; no pairing is made                                               |
| nothing    | no event, and the session has no mark | MARK the session; no pairing is made              |
| anything   | the session lacks the mark, or does not say that it has a pairing | SHOW both first       |
| none, gone | an event         | CREATE a new generation                                                |
| none, gone | no event         | SHOW nothing, done                                                     |
| creating   | anything         | FIND it by its reference: adopt it, or record none once late commits are past |
| ready      | an event         | SHOW it, UPDATE it if the spec has changed, done                       |
| ready      | the same, the event was deleted at the provider | UPDATE records none, then CREATE        |
| ready      | the same, an update's answer was lost | UPDATE it once more when late commits are past    |
| ready      | an event, within its time | LISTEN: observe whether it is on the air, requeue             |
| ready      | no event         | RETIRE: clients lose its ids now, the event is deleted after the grace |
| ready, retiring | session deleted | DELETE                                                             |
| retiring   | an event         | KEEP it                                                                |
| retiring   | no event         | requeue, then DELETE                                                   |
| deleting   | anything         | DELETE again; parts that are gone count as deleted                     |
| none       | session deleted  | CLOSE                                                                  |
| gone       | session deleted  | requeue while videos are left; UNENROL its remaining enrolments; then EXPIRE |
| gone       | another session has its id | the same, but finally REOPEN: generations are counted on     |
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
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState
from shared.sessions.spec import SessionSpec
from shared.sessions.view import shown

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
"""The longest pause between two tries of any step: no webhook tells that a provider is back, or that an event that is
to be deleted has gone off the air."""


def decide(
    snapshot: Snapshot[SessionSpec, Pairing], now: datetime, reap_grace_s: int, window: Window, *, observed: bool
) -> Decision[Pairing]:
    """
    Return the next step for one session.

    Args:
        snapshot: Spec and status as read.
        now: The present time.
        reap_grace_s: Seconds for which the event of an unpublished session is kept.
        window: How long before and after its planned times an event may be on the air.
        observed: Whether this worker has just learned from the provider whether the event is on the air.
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
            # During the update it is unknown which spec the event fulfils. If the worker dies, the update is repeated.
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
    Return the reference under which one generation of a session's event is made. Pure.
    """
    return f"session:{session_id}:{generation}"


def fingerprint(event: EventSpec | None) -> str:
    """
    Return a short hash of a spec. It tells whether a recorded failure belongs to that spec. Pure.
    """
    return hashlib.sha256(repr(event).encode()).hexdigest()[:16]


def created(record: Pairing, made: EventIds, applied: EventSpec | None, now: datetime) -> Pairing:
    """
    Return the record after the event was created. Pure.
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
    Return the record after the event was updated. Pure.

    Args:
        before: The record when the update was decided. If its `applied` is `None`, the answer of an earlier update was
            lost, and that update may still take effect after this one.
        record: The record as claimed.
        made: The event's parts now.
        applied: The spec that it fulfils.
        now: The present time.
        late_commit_s: Seconds for which an earlier update may still take effect.
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
    The result of observing whether an event is on the air.

    Attributes:
        broadcast: The provider's answer; `None` if the event does not exist.
        rests: Whether the event is observed rarely from now on, because its owner has very many events.
    """

    broadcast: Broadcast | None
    rests: bool = False


def listened(record: Pairing, sighting: Sighting, event: EventSpec | None, now: datetime, window: Window) -> Pairing:
    """
    Return the record after the event was observed. If the event has ended, its recordings are taken over. If it does
    not exist any more, the next steps make it anew. Pure.
    """
    seen = sighting.broadcast
    if seen is None:
        return replace(record, applied=None)
    airing = looked(record.airing, event, now, window, is_live=seen.is_live, rests=sighting.rests)
    record = replace(record, airing=airing)
    return took_over(record, seen.recordings) if airing.state is BroadcastState.ENDED else record


def took_over(record: Pairing, recordings: tuple[ExternalIds, ...]) -> Pairing:
    """
    Return the record after these recordings were made videos of their own, or released. Pure.
    """
    new = tuple(one for one in recordings if one not in record.recordings)
    return replace(record, recordings=record.recordings + new)


def not_created(record: Pairing, now: datetime) -> Pairing:
    """
    Return the record once it is certain that the event does not exist. Pure.
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
    Return the record after every part of the event was deleted. Pure.
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
    Return the record after it was logged for the operator that the session's owner was changed without a transfer.
    Pure.
    """
    return replace(record, held_at=now)


def expiring(record: Pairing, now: datetime) -> Pairing:
    """
    Return the tombstone of a deleted session. It names no owner, and expires. Pure.
    """
    return replace(
        record,
        identity=record.identity.nameless(),
        expires_at=now + timedelta(seconds=TOMBSTONE_S),
        history=record.history[-1:],
    )


def reopened(record: Pairing, identity: SessionIdentity) -> Pairing:
    """
    Return the record for the session that has the id now. Only the count of generations is kept from the earlier
    session. Pure.
    """
    return replace(record, identity=identity, has_session=True, expires_at=None, recordings=())


def lacks_mark(spec: SessionSpec) -> bool:
    """
    Tell whether the session's document has no mark and may be given one. If the owner was changed without a transfer,
    it may not: the record has the mark then. Pure.
    """
    return spec.identity is not None and not spec.identity.is_marked and not spec.is_held


def is_noted(spec: SessionSpec) -> bool:
    """
    Tell whether the session's document has its mark and says that it has a pairing. Everything else relies on both.
    Pure.
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
