"""The table of steps for a shared live media. Pure; called by the reconciler through the Controller of this folder.

The first row that fits counts.

| recorded                      | spec                                | next                                         |
|-------------------------------|-------------------------------------|----------------------------------------------|
| nothing                       | anything                            | done                                         |
| anything                      | no session while deletions are held | requeue                                      |
| anything                      | another owner, without a transfer   | done: it waits until there is one            |
| removed                       | anything                            | FORGET it once no address of an upload works |
| anything                      | deleted, or its session is          | REMOVE all its objects                       |
| of a former owner             | its session exists                  | IDENTIFY it: take the session's owner        |
| with unnamed objects          | anything                            | CLEAN: delete what nothing names             |
| anything                      | a newer upload                      | TAKE it up                                   |
| pending, too long             | anything                            | MISS it: the upload never arrived            |
| pending                       | anything                            | LOOK for the object, with growing pauses     |
| processing, `TRIES_MAX` times | anything                            | FAIL                                         |
| processing                    | anything                            | CONVERT it                                   |
| anything                      | another view, or no such page       | SHOW it again                                |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.identity import SessionIdentity
from shared.ports import Fields, StoredObject, Version
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until
from shared.slides.model import Deck, Life, Page, Problem, SharedMedia, Upload, UploadState, Wish
from shared.slides.timeline import Tail
from shared.slides.types import TYPES
from shared.slides.view import is_as, shown

TAKE: Final = "take"
MISS: Final = "miss"
LOOK: Final = "look"
CONVERT: Final = "convert"
FAIL: Final = "fail"
CLEAN: Final = "clean"
REMOVE: Final = "remove"
FORGET: Final = "forget"
SHOW: Final = "show"
IDENTIFY: Final = "identify"

CONVERSION_TIMEOUT_S: Final = 1500
"""Seconds for which one conversion may run, with the transfer of the document and of its pages. Cloud Tasks waits for a
task at most 30 minutes."""

UPLOAD_LIFETIME_S: Final = 24 * 3600
"""Seconds for which an upload can be begun with its address."""

UPLOAD_ENDS_S: Final = 8 * 24 * 3600
"""
Seconds after which an upload that was begun cannot be completed any more: a day for its beginning, and a week for its
bytes. Source: https://docs.cloud.google.com/storage/docs/resumable-uploads, "A session URI expires after one week".
"""

ARRIVES_MAX_S: Final = 2 * 24 * 3600
"""Seconds after which an upload is given up."""

FIRST_LOOK_S: Final = 5
LOOK_PAUSE_S: Final = 15
SOON_S: Final = 3600
LOOK_PAUSE_MAX_S: Final = 600
"""The pauses between two looks for an object: they double up to the first limit within `SOON_S` after the upload was
begun, and up to the second one later."""

TRIES_MAX: Final = 3
"""The number of conversions of one document. One that dies or fails counts, one that was not begun does not."""

MISSING: Final = Problem("UPLOAD_MISSING", "The document did not arrive within two days. Upload it again.")
CONVERSION_FAILED: Final = Problem(
    "CONVERSION_FAILED", "The document could not be converted, three times. Export it as PDF, and upload that."
)
OTHER_FILE: Final = Problem(
    "OTHER_FILE", "What arrived is not the document that was announced. Upload the document again."
)


@dataclass(frozen=True, slots=True)
class MediaSpec:
    """
    The facts that are read besides the record.

    Attributes:
        wish: What instructors want.
        session: The identity of its session; `None` if that does not exist any more.
        is_held: Whether the session has another owner, without a transfer. The media waits until there is one.
        is_last: Whether its session keeps no other media.
        is_waiting: Whether the session does not exist while deletions are held. It may be restored.
        shown: The fields of its view; `None` if there is none.
        active_page: The page that its session shows of it; `None` if it is not shown.
        revision: The next revision of what its session shows.
        session_version: The version of the session's document.
        tail: The end of the session's timeline, if it shows the media and has one.
    """

    wish: Wish
    session: SessionIdentity | None = None
    is_held: bool = False
    is_last: bool = False
    is_waiting: bool = False
    shown: Fields | None = None
    active_page: int | None = None
    revision: int = 0
    session_version: Version | None = None
    tail: Tail | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """
    The outcome of a conversion.

    Attributes:
        pages: The pages; none if the document cannot be shown.
        warnings: Sentences for the instructor.
        problem: Why the document cannot be shown, if it cannot.
    """

    pages: Sequence[Page] = ()
    warnings: tuple[str, ...] = ()
    problem: Problem | None = None


def decide(snapshot: Snapshot[MediaSpec, SharedMedia], now: datetime, *, observed: bool) -> Decision[SharedMedia]:
    """
    Return the next step for one media.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None or record.life is Life.FORGOTTEN:
        return Done()
    if spec.is_waiting:
        return RequeueAt(held_until(now))
    if spec.is_held and not spec.wish.is_deleted:
        return Done()
    if record.life is Life.REMOVED:
        ends_at = record.addresses_end_at
        return RequeueAt(ends_at) if ends_at is not None and ends_at > now else _change(FORGET, record)
    if spec.wish.is_deleted or spec.session is None:
        return _change(REMOVE, replace(record, addresses_end_at=_addresses_end_at(record, spec.wish)))
    followed = replace(record, session=record.session.following(spec.session))
    if followed != record:
        return _write(IDENTIFY, followed)
    is_cluttered = record.clean_at is not None and record.clean_at <= now
    if is_cluttered and record.state is not UploadState.PROCESSING:
        return _change(CLEAN, record)
    newest = spec.wish.upload
    if newest is not None and newest.stamp > record.stamp:
        return _write(TAKE, taken(record, newest, now))
    if record.upload is not None:
        if record.state is UploadState.PENDING:
            return _look(record, record.upload, now, observed=observed)
        if record.tries >= TRIES_MAX:
            return _write(FAIL, failed(record, CONVERSION_FAILED, now))
        begun = replace(record, attempt=record.attempt + 1)
        # A conversion that was not begun, because the converter is busy, does not count as a try.
        tried = replace(begun, tries=record.tries + 1)
        # Two workers may convert at once: each conversion writes its pages under a prefix of its own.
        return Step(CONVERT, Effect.CHANGE, tried, begun, str(record.stamp), retry_permanent=True, beats=True)
    if not is_as(spec.shown, shown(record, spec.wish)) or is_beyond(spec, record):
        return _write(SHOW, record)
    return Done() if record.clean_at is None else RequeueAt(record.clean_at)


def is_beyond(spec: MediaSpec, record: SharedMedia) -> bool:
    """
    Tell whether the session shows a page that the document does not have: a shorter one has replaced it. Pure.
    """
    return spec.active_page is not None and record.deck is not None and spec.active_page > len(record.deck.pages)


def taken(record: SharedMedia, upload: Upload, now: datetime) -> SharedMedia:
    """
    Return the record once a newer upload is expected. Pure.
    """
    return replace(
        record,
        state=UploadState.PENDING,
        stamp=upload.stamp,
        upload=upload,
        tries=0,
        looks=0,
        looked_at=None,
        problem=None,
        warnings=(),
        addresses_end_at=upload.begun_at + timedelta(seconds=UPLOAD_ENDS_S),
        clean_at=now if record.upload is not None else record.clean_at,
    )


def looked(record: SharedMedia, found: StoredObject | None, now: datetime) -> SharedMedia:
    """
    Return the record after its object was looked for. Pure.
    """
    upload = record.upload
    assert upload is not None
    if found is None:
        return replace(record, looks=record.looks + 1, looked_at=now)
    if found.size_bytes != upload.size_bytes or found.content_type != TYPES[upload.kind]:
        return failed(record, OTHER_FILE, now)
    arrived = replace(upload, generation=found.generation)
    return replace(record, state=UploadState.PROCESSING, upload=arrived, looks=0, looked_at=None)


def converted(record: SharedMedia, outcome: Converted, now: datetime) -> SharedMedia:
    """
    Return the record after a conversion. Whatever was shown before is replaced at once, and its objects are deleted.
    Pure.
    """
    if outcome.problem is not None:
        return failed(record, outcome.problem, now)
    assert record.upload is not None
    deck = Deck(record.upload, record.attempt, tuple(outcome.pages))
    return replace(
        record, state=UploadState.READY, upload=None, deck=deck, warnings=outcome.warnings, problem=None, clean_at=now
    )


def failed(record: SharedMedia, problem: Problem, now: datetime) -> SharedMedia:
    """
    Return the record once it is certain that the last upload will not be shown. Pure.
    """
    return replace(record, state=UploadState.ERROR, upload=None, problem=problem, clean_at=now)


def cleaned(record: SharedMedia, now: datetime) -> SharedMedia:
    """
    Return the record after what nothing names was deleted. An earlier upload may still arrive as long as its address
    works. Pure.
    """
    ends_at = record.addresses_end_at
    return replace(record, clean_at=ends_at if ends_at is not None and ends_at > now else None)


def removed(record: SharedMedia) -> SharedMedia:
    """
    Return the record after all objects were deleted. Pure.
    """
    return replace(
        record,
        session=record.session.nameless(),
        life=Life.REMOVED,
        upload=None,
        deck=None,
        problem=None,
        warnings=(),
        clean_at=None,
    )


def _addresses_end_at(record: SharedMedia, wish: Wish) -> datetime | None:
    """
    Return when the last address of an upload stops working. The last one may not have been taken up yet.
    """
    if wish.upload is None or wish.upload.stamp <= record.stamp:
        return record.addresses_end_at
    return wish.upload.begun_at + timedelta(seconds=UPLOAD_ENDS_S)


def _look(record: SharedMedia, upload: Upload, now: datetime, *, observed: bool) -> Decision[SharedMedia]:
    if now >= upload.begun_at + timedelta(seconds=ARRIVES_MAX_S) and observed:
        return _write(MISS, failed(record, MISSING, now))
    if observed:
        is_soon = now < upload.begun_at + timedelta(seconds=SOON_S)
        pause_s = min(FIRST_LOOK_S * 2 ** min(record.looks, 10), LOOK_PAUSE_S if is_soon else LOOK_PAUSE_MAX_S)
        return RequeueAt((record.looked_at or now) + timedelta(seconds=pause_s))
    return Step(LOOK, Effect.OBSERVE, record, record, str(record.stamp), retry_permanent=True, observes=True)


def _change(name: str, record: SharedMedia) -> Step[SharedMedia]:
    # Two workers may delete at once: a deletion that is repeated changes nothing.
    return Step(name, Effect.CHANGE, record, record, retry_permanent=True, beats=True)


def _write(name: str, record: SharedMedia) -> Step[SharedMedia]:
    return Step(name, Effect.WRITE, record, record)
