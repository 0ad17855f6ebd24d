"""Recording what a person is about to be given, so that it can be ended; and the key of a provider's own player.

Called by `joining.py` and by `shared/videos/playback.py`. The admission is written first, and then it is read once more
whether the person may watch. A person who loses that right in between therefore gets no grant, or has an admission by
which the grant is ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from shared.core.errors import WrongState
from shared.core.paths import RECONCILE_ADMISSION, admission_key, admission_path
from shared.core.retry import RetryOnConflict
from shared.ports import Clock, Create, Document, Documents, ExternalIds, Grant, Queue, Update, ViewerKeys
from shared.reconcile.slots import enqueue
from shared.sessions.admissions.model import AdmissionRecord, Giving, covering


class Entered(Protocol):
    """
    The documents that were read in one go about a person who may watch.
    """

    @property
    def admission(self) -> Document | None:
        """
        The document of what they were given before, if any.
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
    Record that a person is given something. If the present admission covers it already, nothing is read or written.

    Args:
        entered: The documents, as they were read.
        enter: Reads them again; raises if the person may not watch any more.
        giving: Returns what the person is given.
        documents: Where the admission is stored.
        queue: For the task that ends what the person may not keep.
        clock: Returns the present time, in UTC.
        is_ended: Tells whether a revocation id was ended; if so, the person gets a new one. It is called only if the id
            was not verified a moment ago. `None` if there is no reason for doubt.

    Returns:
        The documents as last read, and the id by which everything that is given can be ended.

    Raises:
        Conflict: Other requests of the same person came first at every try (again).
        Others: Whatever `enter` and `is_ended` raise.
    """
    retry = RetryOnConflict("Other requests of the same person came first. Try again.")
    while True:
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
        with retry:
            documents.commit(write)
            if after.ending:
                enqueue(queue, RECONCILE_ADMISSION, key, clock)
        entered = enter()


def _verified(record: AdmissionRecord, is_ended: Callable[[str], bool], now: datetime) -> AdmissionRecord:
    """
    Return the record after asking whether its present id is still valid. The provider is not asked if the id was
    verified a moment ago.
    """
    if record.revocation_id is None or record.doubtable_at(now) is not None:
        return record
    return record.revoked() if is_ended(record.revocation_id) else replace(record, verified_at=now)


def player_key(
    keys: ViewerKeys | None, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None
) -> Grant:
    """
    Return the key with which the provider's own player loads a video or an event.

    Raises:
        WrongState: This deployment has no such key (never).
        Transient: The account is being set up (again).
    """
    if keys is None or revocation_id is None:
        raise WrongState(
            "There is no key for this provider's player. Play manifestUrl or progressiveUrl instead.",
            reason="NO_PLAYER_KEY",
        )
    return keys.player_key(external_ids, viewer_uid, lifetime_s, revocation_id)
