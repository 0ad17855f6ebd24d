"""Recording what somebody is about to be given, so that it can be ended; and the key of a provider's own player.

Called by `joining.py` and by `shared/videos/playback.py`. What is given is recorded first, and whether they may watch
is read once more after that: whoever loses the right in between has either no grant, or a record that is found.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol, TypeVar

from shared.admissions.model import AdmissionRecord, Giving, covering
from shared.core.errors import Conflict, WrongState
from shared.core.paths import RECONCILE_ADMISSION, admission_key, admission_path
from shared.ports import Clock, Create, Document, Documents, ExternalIds, Grant, Queue, Update, ViewerKeys
from shared.reconcile.slots import enqueue

WRITES_MAX: Final = 10
"""How often it is written again where the same person's other requests were faster."""


class Entered(Protocol):
    """
    What was read of somebody who may watch, in one go.
    """

    @property
    def admission(self) -> Document | None:
        """
        What they were given before.
        """
        ...


E = TypeVar("E", bound=Entered)


def admit(
    entered: E,
    enter: Callable[[], E],
    giving: Callable[[E], Giving],
    documents: Documents,
    queue: Queue,
    clock: Clock,
    is_ended: Callable[[str], bool] | None = None,
) -> tuple[E, str]:
    """
    Have it recorded that somebody is given something. Where it is recorded already, nothing is read or written.

    Args:
        entered: As it was read.
        enter: Reads it again; raises where they may not watch any more.
        giving: What they are given.
        documents: Where it is recorded.
        queue: For the task by which what they may not keep is ended.
        clock: Now, in UTC.
        is_ended: Tells whether an id is good for nothing any more; then they get another. `None` where nobody doubts
            it; asked only where that was not verified a moment ago.

    Returns:
        What was read last, and the id under which all that is given can be ended.

    Raises:
        Conflict: Their other requests were faster each time (again).
        Others: As `enter` and `is_ended`.
    """
    for _ in range(WRITES_MAX):
        given, document = giving(entered), entered.admission
        before = None if document is None else AdmissionRecord.from_document(document)
        known = before if before is None or is_ended is None else _verified(before, is_ended, clock())
        after = covering(known, given, clock())
        if after is before and after.revocation_id is not None:
            return entered, after.revocation_id
        key = admission_key(given.session.session_id, given.uid)
        path = admission_path(key)
        fields = after.to_fields()
        write = Create(path, fields) if document is None else Update(path, fields, if_version=document.version)
        with suppress(Conflict):
            documents.commit(write)
            if after.ending:
                enqueue(queue, RECONCILE_ADMISSION, key, clock)
        entered = enter()
    raise Conflict("Other requests of the same person came first. Try again.")


def _verified(record: AdmissionRecord, is_ended: Callable[[str], bool], now: datetime) -> AdmissionRecord:
    """
    Ask whether the present id is still good, where that was not done a moment ago.
    """
    if record.revocation_id is None or record.doubtable_at(now) is not None:
        return record
    return record.revoked() if is_ended(record.revocation_id) else replace(record, verified_at=now)


def player_key(
    keys: ViewerKeys | None, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None
) -> Grant:
    """
    Return the key with which the provider's own player loads something.

    Raises:
        WrongState: There is none here (never).
        Transient: The account is being set up (again).
    """
    if keys is None or revocation_id is None:
        raise WrongState(
            "There is no key for this provider's player. Play manifestUrl or progressiveUrl instead.",
            reason="NO_PLAYER_KEY",
        )
    return keys.player_key(external_ids, viewer_uid, lifetime_s, revocation_id)
