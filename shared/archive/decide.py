"""The table of steps for an entry's archiving. Pure; called by the reconciler through the Controller of this folder.

The order cannot lose an original: it is stored and verified, the entry is tagged, the placeholder is uploaded and
plays, and only then are flavors deleted. Nothing here deletes an object in the cold store, unless the video itself is
deleted.

The first row that fits counts. A colon precedes the next state. Each step that reads the entry may find more: an entry
that does not exist is lost; one whose placeholder plays although that is not recorded is replaced; "other content" is
neither the original that was stored nor the placeholder, so that somebody has replaced it.

- "No video": the entry was made for a video that does not exist, was deleted, or plays another entry.
- "Asked": the last wish was neither carried out nor given up.
- "Refused": the replacement has failed, takes longer than a day, or would replace other content.

| recorded           | wanted                     | next                                                             |
|--------------------|----------------------------|------------------------------------------------------------------|
| nothing            | anything                   | done                                                             |
| anything           | no video, deletions held   | requeue                                                          |
| anything           | no video                   | REMOVE everything of it in the cold store, and forget it         |
| of a former owner  | anything                   | IDENTIFY it: take the video's owner                              |
| anything           | shown otherwise            | SHOW it again                                                    |
| handed to a job    | anything                   | as below; STORE and VERIFY wait until the job should have begun  |
| lost               | anything, asked            | FIND it: stored; no original in the cold store: initial          |
| lost               | anything                   | done                                                             |
| initial            | nothing, or not asked      | done; FORGET it if nothing of it is or may be stored             |
| initial            | archived or placeholder    | STORE it, not before the owner was told for long enough          |
| storing            | anything                   | STORE it again                                                   |
| stored             | anything                   | TAG it: archived; other content or no object: initial            |
| archived           | placeholder, asked, copied | requeue: a host copies the video                                 |
| archived           | placeholder, asked         | REPLACE it, once its object is checked; else as TAG              |
| archived           | anything else, asked       | TAG it again: stored                                             |
| archived           | anything                   | done                                                             |
| replacing, refused | anything                   | CANCEL the replacement: archived, and REPLACE later              |
| replacing          | anything                   | POLL, with growing pauses, until the placeholder plays: replaced |
| replaced           | anything                   | PICTURE: show the thumbnail of the placeholder: shown            |
| shown              | anything                   | PRUNE: delete the flavors of the earlier content: pruned         |
| pruned             | anything                   | MARK it with its tags: placeholder; other content: initial       |
| placeholder        | archived                   | ASK the cold store for it: waiting                               |
| placeholder        | anything else, asked       | MARK it again: pruned                                            |
| placeholder        | anything                   | done                                                             |
| waiting            | anything but archived      | ASK no more: placeholder                                         |
| waiting            | archived                   | CHECK it when it is due: available; expired: placeholder         |
| available          | anything                   | RETURN it to the provider: returning; expired: waiting           |
| returning, refused | anything                   | CANCEL the replacement: waiting, and CHECK later                 |
| returning          | anything                   | POLL, with growing pauses, until the original plays: returned    |
| returned           | anything                   | VERIFY its checksum: stored; other content: initial              |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from shared.archive.model import ArchivedEntry, ArchiveState, By, Target, Wish
from shared.archive.resource import RUN_TIMEOUT_S
from shared.archive.transitions import given_up, moved_to
from shared.archive.view import shown
from shared.core.identity import SessionIdentity
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until

STORE: Final = "store"
TAG: Final = "tag"
REPLACE: Final = "replace"
POLL: Final = "poll"
CANCEL: Final = "cancel"
PICTURE: Final = "picture"
PRUNE: Final = "prune"
MARK: Final = "mark"
ASK: Final = "ask"
CHECK: Final = "check"
RETURN: Final = "return"
VERIFY: Final = "verify"
REMOVE: Final = "remove"
FIND: Final = "find"
FORGET: Final = "forget"
SHOW: Final = "show"
IDENTIFY: Final = "identify"

LONG_LEASE_S: Final = RUN_TIMEOUT_S + 60
"""The lease of a step that must not be done twice at once, and so is not extended."""

FIRST_PAUSE_S: Final = 10
PAUSE_MAX_S: Final = 600
"""The pauses, in seconds, between two checks of a replacement: they double, up to the second limit."""

COPYING_PAUSE_S: Final = 900
"""Seconds until the next check whether hosts have copied a video."""

TRY_PAUSE_MAX_S: Final = 6 * 3600.0
"""The longest pause between two tries of a step that fails."""

STORE_TRIES_MAX: Final = 8
"""The tries to store an original after which an operator has to look."""


@dataclass(frozen=True, slots=True)
class ArchiveSpec:
    """
    The spec of an entry: its wish, and what is read beside its record.

    Attributes:
        wish: What was last asked for.
        session: The session that its video belongs to now; `None` if it is no video of this deployment.
        is_deleted: Whether it was made for a video that was deleted, or plays another entry now.
        is_waiting: Whether it waits because the database was restored: that video was deleted, or its document does not
            exist, or the entry should be archived.
        is_kept: Whether the owner keeps it out of the archive.
        is_copying: Whether a host is copying the video now, which must not get the placeholder instead.
        view: The field `archive` that the video's document has for it now; `None` for nothing.
        has_view: Whether there is such a document.
    """

    wish: Wish
    session: SessionIdentity | None = None
    is_deleted: bool = False
    is_waiting: bool = False
    is_kept: bool = False
    is_copying: bool = False
    view: Mapping[str, Any] | None = field(default=None)
    has_view: bool = False


def target_of(record: ArchivedEntry, spec: ArchiveSpec) -> Target:
    """
    Return what is wanted now. What the policy wants counts only while the owner does not keep the video. Pure.
    """
    wish = spec.wish
    if spec.is_kept and wish.by is By.POLICY and wish.target is Target.PLACE_HOLDER:
        return Target.NONE if record.original is None else Target.ARCHIVED
    return wish.target


def decide(
    snapshot: Snapshot[ArchiveSpec, ArchivedEntry], now: datetime, *, is_job: bool = False
) -> Decision[ArchivedEntry]:
    """
    Return the next step for one entry.

    Args:
        snapshot: Spec and record as read.
        now: This instant.
        is_job: Whether this is the job that copies large originals.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None or record.state is ArchiveState.GONE:
        return Done()
    if spec.is_waiting:
        return RequeueAt(held_until(now))
    if spec.is_deleted:
        return _change(REMOVE, record)
    if spec.session is not None and record.session != spec.session:
        return _write(IDENTIFY, replace(record, session=spec.session))
    if spec.has_view and spec.view != shown(snapshot.key, record, spec.wish, is_kept=spec.is_kept):
        return _write(SHOW, record)
    decision = _next(record, spec, target_of(record, spec), now)
    if is_job or record.handed_until is None or record.handed_until <= now:
        return decision
    is_copy = isinstance(decision, Step) and decision.name in (STORE, VERIFY)
    return RequeueAt(record.handed_until) if is_copy else decision


def _next(record: ArchivedEntry, spec: ArchiveSpec, target: Target, now: datetime) -> Decision[ArchivedEntry]:
    wish = spec.wish
    is_asked_again = record.served != wish.number
    match record.state:
        case ArchiveState.LOST if is_asked_again:
            back = ArchiveState.INITIAL if record.original is None else ArchiveState.STORED
            return _write(FIND, moved_to(record, back, now))
        case ArchiveState.INITIAL:
            return _begin(record, wish, target, now)
        case ArchiveState.STORING:
            return _store(record, wish, now)
        case ArchiveState.STORED:
            return _change(TAG, record)
        case ArchiveState.ARCHIVED:
            if target is Target.PLACE_HOLDER and is_asked_again and spec.is_copying:
                return RequeueAt(now + timedelta(seconds=COPYING_PAUSE_S), is_swept=True)
            if target is Target.PLACE_HOLDER and is_asked_again:
                due_at = max(filter(None, (wish.not_before, record.waits_until)), default=now)
                return _replace(record, wish, now) if due_at <= now else RequeueAt(due_at, is_swept=True)
            return _write(TAG, moved_to(record, ArchiveState.STORED, now)) if is_asked_again else Done()
        case ArchiveState.REPLACING | ArchiveState.RETURNING:
            return _poll(record, now)
        case ArchiveState.REPLACED:
            return _change(PICTURE, record)
        case ArchiveState.SHOWN:
            return _change(PRUNE, record)
        case ArchiveState.PRUNED:
            return _change(MARK, record)
        case ArchiveState.PLACE_HOLDER:
            if target is Target.ARCHIVED:
                # Another tier may help where the last one did not.
                return replace(_change(ASK, record), spec=str(wish.number))
            return _write(MARK, moved_to(record, ArchiveState.PRUNED, now)) if is_asked_again else Done()
        case ArchiveState.WAITING:
            if target is not Target.ARCHIVED:
                return _write(ASK, given_up(record, wish.number, now))
            due_at = record.waits_until or now
            return RequeueAt(due_at) if due_at > now else _observe(CHECK, record)
        case ArchiveState.AVAILABLE:
            return Step(
                RETURN,
                Effect.CHANGE,
                _begun(record, ArchiveState.RETURNING, now),
                record,
                retry_permanent=True,
                pause_max_s=TRY_PAUSE_MAX_S,
                lease_s=LONG_LEASE_S,
            )
        case ArchiveState.RETURNED:
            return Step(
                VERIFY,
                Effect.CHANGE,
                record,
                record,
                spec=str(wish.number),
                pause_max_s=TRY_PAUSE_MAX_S,
                beats=True,
            )
    return Done()


def _begin(record: ArchivedEntry, wish: Wish, target: Target, now: datetime) -> Decision[ArchivedEntry]:
    if target is Target.NONE or record.served == wish.number:
        return (
            Done()
            if record.stored or record.tried_at is not None
            else _write(FORGET, moved_to(record, ArchiveState.GONE, now))
        )
    due_at = max(filter(None, (wish.not_before, record.waits_until)), default=now)
    return RequeueAt(due_at, is_swept=True) if due_at > now else _store(record, wish, now)


def _store(record: ArchivedEntry, wish: Wish, now: datetime) -> Step[ArchivedEntry]:
    storing = replace(moved_to(record, ArchiveState.STORING, now), tried_at=record.tried_at or now)
    return Step(
        STORE,
        Effect.CHANGE,
        storing,
        moved_to(record, ArchiveState.INITIAL, now),
        spec=str(wish.number),
        retry_permanent=True,
        tries_max=STORE_TRIES_MAX,
        pause_max_s=TRY_PAUSE_MAX_S,
        beats=True,
    )


def _replace(record: ArchivedEntry, wish: Wish, now: datetime) -> Step[ArchivedEntry]:
    return Step(
        REPLACE,
        Effect.CHANGE,
        _begun(record, ArchiveState.REPLACING, now),
        record,
        spec=str(wish.number),
        pause_max_s=TRY_PAUSE_MAX_S,
        lease_s=LONG_LEASE_S,
    )


def _begun(record: ArchivedEntry, state: ArchiveState, now: datetime) -> ArchivedEntry:
    """
    Return the record of a replacement that is about to begin.
    """
    return replace(moved_to(record, state, now), tried_at=now, polls=0, polled_at=None, is_begun=False)


def _poll(record: ArchivedEntry, now: datetime) -> Decision[ArchivedEntry]:
    if record.is_refused:
        return _change(CANCEL, record)
    if record.polled_at is None:
        return _observe(POLL, record)
    pause_s = min(FIRST_PAUSE_S * 2 ** min(record.polls - 1, 10), PAUSE_MAX_S)
    due_at = record.polled_at + timedelta(seconds=pause_s)
    return _observe(POLL, record) if due_at <= now else RequeueAt(due_at)


def _change(name: str, record: ArchivedEntry) -> Step[ArchivedEntry]:
    """
    Return a step that may be done twice, and is tried until it succeeds: something exists because of it.
    """
    return Step(name, Effect.CHANGE, record, record, retry_permanent=True, pause_max_s=TRY_PAUSE_MAX_S, beats=True)


def _observe(name: str, record: ArchivedEntry) -> Step[ArchivedEntry]:
    return Step(name, Effect.OBSERVE, record, record, retry_permanent=True, pause_max_s=TRY_PAUSE_MAX_S)


def _write(name: str, record: ArchivedEntry) -> Step[ArchivedEntry]:
    return Step(name, Effect.WRITE, record, record)
