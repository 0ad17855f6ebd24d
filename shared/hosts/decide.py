"""The table of steps for a copy. Pure; called by the reconciler through the Controller of this folder.

The first row that fits counts. The spec is the version of the video that plays now, if it is to be copied to this host
(`film` in the code).

| recorded            | spec                  | next                                                              |
|---------------------|-----------------------|-------------------------------------------------------------------|
| of another session  | the recorded version  | IDENTIFY it: record the session of the video                      |
| making              | any, or none          | FIND it: adopt it, or record none once late commits are past      |
| anything            | the video does not exist, deletions are held | requeue                                    |
| nothing             | none                  | done; FORGET a copy that the video's document still shows         |
| anything            | none                  | FORGET: release the copy, and delete its document                 |
| nothing             | a version             | BEGIN                                                             |
| anything            | another version       | BEGIN with that one; release the earlier copy                     |
| requested           | the recorded version  | MAKE a new generation, with growing pauses                        |
| copying, too long   | the recorded version  | OBSERVE a last time; FAIL, also if the host cannot be asked       |
| copying, unobserved | the recorded version  | OBSERVE, with growing pauses                                      |
| copying, wants bytes | the recorded version | SEND the next bytes                                               |
| ready               | the recorded version  | OBSERVE whether it still is, when reconciled, at least once a day |
| failed              | the recorded version  | BEGIN again, `FAILURES_MAX` times, with growing pauses            |
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.identity import SessionIdentity
from shared.hosts.model import Copy, CopyState, Shown
from shared.ports import ExternalIds, MediaState, Observation
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until

BEGIN: Final = "begin"
MAKE: Final = "make"
FIND: Final = "find"
OBSERVE: Final = "observe"
SEND: Final = "send"
FAIL: Final = "fail"
FORGET: Final = "forget"
IDENTIFY: Final = "identify"

COPYING_MAX_S: Final = 24 * 3600
"""The longest time that the copying of one version may take."""

FIRST_PAUSE_S: Final = 2
PAUSE_MAX_S: Final = 300
"""The longest pause between two observations of a copy that the host makes on its own."""

LOOK_AGAIN_S: Final = 24 * 3600
"""A ready copy is checked at this interval, whatever else happens: whether it still exists, and is still wanted."""

LOOK_APART_S: Final = 60
"""A ready copy is not observed again before this time, however many reconciliations there are."""

TRY_PAUSE_MAX_S: Final = 3600.0
"""The longest pause between two tries to make a copy. The tries never end, because provider and host will be back.
After a day an alarm is logged."""

FAILURES_MAX: Final = 5
RETRY_S: Final = 3600

TOO_LONG: Final = "The host did not finish the copy in time."
LOST: Final = "The copy is missing at its host."


@dataclass(frozen=True, slots=True)
class Film:
    """
    The version of a video that plays now, and that is to be copied.

    Attributes:
        session: The session to which the video belongs.
        provider: The provider that has it.
        reference: The reference under which it was made.
        external_ids: The provider's ids.
    """

    session: SessionIdentity
    provider: str
    reference: str
    external_ids: ExternalIds = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CopySpec:
    """
    The facts that are read besides the record.

    Attributes:
        film: The version to copy to this host; `None` if there should be no copy.
        has_video: Whether the video's document exists.
        shown: What that document shows of this copy now.
        is_waiting: Whether that document does not exist while deletions are held. It may be restored.
        is_away: Whether a placeholder stands in for the video, whose original is in the cold store only.
    """

    film: Film | None
    has_video: bool = True
    shown: Shown | None = None
    is_waiting: bool = False
    is_away: bool = False


def decide(snapshot: Snapshot[CopySpec, Copy], now: datetime, *, observed: bool) -> Decision[Copy]:
    """
    Return the next step for one copy.

    Args:
        snapshot: Spec and status as read.
        now: The present time.
        observed: Whether this worker has just learned the copy's state from the host.
    """
    record, film = snapshot.record, snapshot.spec.film
    host = host_in(snapshot.key)
    if record is not None and film is not None and record.film == film.reference and record.session != film.session:
        return _write(IDENTIFY, replace(record, session=film.session))
    if record is not None and record.state is CopyState.MAKING:
        return Step(FIND, Effect.CHANGE, record, record, retry_permanent=True)
    if snapshot.spec.is_waiting:
        return RequeueAt(held_until(now))
    if film is None:
        return _forget(snapshot, record, now)
    if record is None or record.film != film.reference:
        return _write(BEGIN, begun(record, host, film, now))
    match record.state:
        case CopyState.REQUESTED:
            return _make(snapshot.key, record, now)
        case CopyState.COPYING:
            return _copy(record, now, observed=observed)
        case CopyState.READY:
            looked_at = record.looked_at or record.begun_at
            if not observed and now - looked_at >= timedelta(seconds=LOOK_APART_S):
                return _observe(record)
            return RequeueAt(looked_at + timedelta(seconds=LOOK_AGAIN_S))
        case CopyState.FAILED if record.retry_at is not None:
            return (
                _write(BEGIN, begun(record, host, film, now)) if record.retry_at <= now else RequeueAt(record.retry_at)
            )
    return Done()


def begun(record: Copy | None, host: str, film: Film, now: datetime) -> Copy:
    """
    Return the record once a version is to be copied. The earlier copy, if any, is released. Pure.
    """
    if record is None:
        return Copy(host, film.session, film.reference, now)
    failures = record.failures if record.film == film.reference else 0
    return Copy(host, film.session, film.reference, now, generation=record.generation, failures=failures)


def copying(record: Copy, external_ids: ExternalIds) -> Copy:
    """
    Return the record after the copy was created at the host. Pure.
    """
    return replace(
        record, state=CopyState.COPYING, external_ids=external_ids, tried_at=None, percent=0, looks=0, looked_at=None
    )


def not_made(record: Copy) -> Copy:
    """
    Return the record once it is certain that the copy does not exist at the host. Pure.
    """
    return replace(record, state=CopyState.REQUESTED, tried_at=None, reference=None)


def observed(record: Copy, seen: Observation, now: datetime) -> Copy:
    """
    Return the record after the host was asked about the copy, or reported it on its own. Pure.
    """
    record = replace(record, looks=record.looks + 1, looked_at=now)
    match seen.state:
        case MediaState.READY:
            return replace(
                record, state=CopyState.READY, percent=100, received_bytes=None, failures=0, reason=None, looks=0
            )
        case MediaState.GONE if record.state is CopyState.READY:
            # The copy was complete once, so it is copied again at once, without the pause after a failure.
            return replace(not_made(record), external_ids={}, percent=0, begun_at=now, reason=LOST)
        case MediaState.ERROR | MediaState.GONE:
            return failed(record, seen.reason or LOST, now)
    if record.state is CopyState.READY:
        # The host is processing the copy once more. Either it still plays, or the next observation finds that it does
        # not.
        return record
    percent = record.percent if seen.percent is None else seen.percent
    return replace(record, percent=percent, received_bytes=seen.received_bytes)


def failed(record: Copy, reason: str, now: datetime) -> Copy:
    """
    Return the record once it is certain that this copy will not be ready. Its remains at the host are released. Pure.
    """
    failures = record.failures + 1
    pause_s = min(RETRY_S * 2**failures, LOOK_AGAIN_S)
    return replace(
        record,
        state=CopyState.FAILED,
        external_ids={},
        reference=None,
        tried_at=None,
        percent=0,
        received_bytes=None,
        failures=failures,
        reason=reason,
        retry_at=now + timedelta(seconds=pause_s) if failures < FAILURES_MAX else None,
    )


def _copy(record: Copy, now: datetime, *, observed: bool) -> Decision[Copy]:
    ends_at = record.begun_at + timedelta(seconds=COPYING_MAX_S)
    if ends_at <= now:
        # If the host cannot be asked either, the copy must still fail at some time.
        failure = record.progress.failure
        is_known = observed or (failure is not None and failure.step == OBSERVE)
        return _write(FAIL, failed(record, TOO_LONG, now)) if is_known else _observe(record)
    if record.looked_at is None:
        return _observe(record)
    if record.received_bytes is not None:
        return Step(SEND, Effect.CHANGE, record, record, retry_permanent=True, observes=True)
    pause_s = min(FIRST_PAUSE_S * 2 ** min(record.looks - 1, 10), PAUSE_MAX_S)
    due_at = min(record.looked_at + timedelta(seconds=pause_s), ends_at)
    return _observe(record) if due_at <= now and not observed else RequeueAt(due_at)


def _make(key: str, record: Copy, now: datetime) -> Step[Copy]:
    generation = record.generation + 1
    made = replace(
        record,
        state=CopyState.MAKING,
        generation=generation,
        reference=reference_of(key, generation),
        tried_at=now,
    )
    return Step(
        MAKE,
        Effect.CHANGE,
        made,
        not_made(made),
        spec=record.film,
        retry_permanent=True,
        pause_max_s=TRY_PAUSE_MAX_S,
    )


def host_in(key: str) -> str:
    """
    Return the host in the key of a copy. Pure.
    """
    return key.partition("-")[2]


def reference_of(key: str, generation: int) -> str:
    """
    Return the reference under which one generation of a copy is made at its host. Pure.
    """
    return f"copy:{key}:{generation}"


def _nothing(host: str, now: datetime) -> Copy:
    """
    Return the record of a copy that never existed. Writing it removes what the video's document shows of one.
    """
    return Copy(host, SessionIdentity("", ""), "", now, CopyState.GONE)


def _forget(snapshot: Snapshot[CopySpec, Copy], record: Copy | None, now: datetime) -> Decision[Copy]:
    if record is None:
        shows_nothing = snapshot.spec.shown is None or not snapshot.spec.has_video
        return Done() if shows_nothing else _write(FORGET, _nothing(host_in(snapshot.key), now))
    if record.state is CopyState.GONE:
        return Done()
    return _write(FORGET, replace(record, state=CopyState.GONE, external_ids={}, reference=None))


def _observe(record: Copy) -> Step[Copy]:
    return Step(OBSERVE, Effect.OBSERVE, record, record, retry_permanent=True, observes=True)


def _write(name: str, record: Copy) -> Step[Copy]:
    return Step(name, Effect.WRITE, record, record)
