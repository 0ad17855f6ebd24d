"""Admissions, `admissions/{sessionId}_{uid}`: what one person was given in one session, so that it can be ended.

Called by the other files of this folder. Everything that a person is given at a provider carries one revocation id, and
is ended together by that id. Grants after that carry a new id. Leaves to `decide` when an id is ended.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.core.identity import Belonging, SessionIdentity
from shared.ports import Document
from shared.reconcile import AT_ONCE, Progress

RECORDED_AHEAD: Final = timedelta(hours=2)
"""An admission is recorded to last this much longer than what is given, so that renewing a grant needs no write."""

REPAIR_PAUSE_S: Final = 60
"""The provider is not asked again about a revocation id that was verified less than this long ago, even if a viewer
reports a refusal."""

CHECK_LEAST: Final = timedelta(minutes=15)
CHECK_MOST: Final = timedelta(hours=1)
"""The range of the time between two checks whether a person may still watch; within it, half of the remaining time. A
check finds people whose rights ended even if the triggers were lost."""


@dataclass(frozen=True, slots=True)
class AdmissionRecord:
    """
    One document of `admissions`.

    Attributes:
        session: The session as it was when it was last recorded, without its owner.
        uid: The person who was admitted.
        provider: Our name of the provider where the revocation ids count. A deployment has one such account.
        revocation_id: The id by which everything that is given now can be ended; `None` if nothing is given.
        is_moderator: Whether it was given to a moderator.
        ending: The revoked ids that are still to be ended at the provider.
        verified_at: When the present id was made, or the provider last confirmed that it is valid; `None` if an earlier
            release made it and it was not verified since.
        checked_at: When it was last checked whether the person may still watch.
        expires_at: When everything that was given under any of these ids has expired (Firestore TTL).
        gone: Whether nothing is left to end.
        progress: The reconciler's part of the record.
    """

    session: SessionIdentity
    uid: str
    provider: str
    revocation_id: str | None
    is_moderator: bool
    checked_at: datetime
    expires_at: datetime
    ending: tuple[str, ...] = ()
    verified_at: datetime | None = None
    gone: bool = False
    progress: Progress = field(default_factory=Progress)

    @property
    def check_at(self) -> datetime:
        """
        The time of the next check whether the person may still watch.
        """
        half = (self.expires_at - self.checked_at) / 2
        return min(self.checked_at + min(max(half, CHECK_LEAST), CHECK_MOST), self.expires_at)

    def doubtable_at(self, now: datetime) -> datetime | None:
        """
        Return when the provider may next be asked whether the present id is valid, `None` if it may be asked now. Pure.
        """
        at = None if self.verified_at is None else self.verified_at + timedelta(seconds=REPAIR_PAUSE_S)
        return None if self.revocation_id is None or at is None or at <= now else at

    def revoked(self) -> AdmissionRecord:
        """
        Return the record after everything that was given is marked to be ended. Pure.
        """
        if self.revocation_id is None:
            return self
        return replace(self, revocation_id=None, is_moderator=False, ending=(*self.ending, self.revocation_id))

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            **self.session.to_fields(),
            "uid": self.uid,
            "provider": self.provider,
            "revocationId": self.revocation_id,
            "isModerator": self.is_moderator,
            "ending": list(self.ending),
            "verifiedAt": self.verified_at,
            "checkedAt": self.checked_at,
            "expiresAt": self.expires_at,
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(
            session=SessionIdentity.from_fields(fields["sessionId"], fields),
            uid=fields["uid"],
            provider=fields["provider"],
            revocation_id=fields["revocationId"],
            is_moderator=fields["isModerator"],
            checked_at=fields["checkedAt"],
            expires_at=fields["expiresAt"],
            ending=tuple(fields["ending"]),
            verified_at=fields.get("verifiedAt"),
            progress=Progress.from_fields(fields),
        )


@dataclass(frozen=True, slots=True)
class Giving:
    """
    The grants that a person is about to be given.

    Attributes:
        session: The session in which it is given.
        uid: The person.
        provider: Our name of the provider that gives it.
        is_moderator: Whether they moderate the session.
        until: When the longest-lived part of it expires.
    """

    session: SessionIdentity
    uid: str
    provider: str
    is_moderator: bool
    until: datetime


def covering(record: AdmissionRecord | None, giving: Giving, now: datetime) -> AdmissionRecord:
    """
    Return the admission under which something may be given: the recorded one if it covers that, else a new or extended
    one. If the recorded one was given to a moderator who is not one any more, or in an earlier session of the same id,
    it is revoked.

    Args:
        record: The recorded admission; `None` if there is none.
        giving: What is about to be given.
        now: The present time.
    """
    if record is not None and record.revocation_id is not None:
        is_same = record.session.belonging(giving.session) is not Belonging.OTHER and (
            giving.is_moderator or not record.is_moderator
        )
        if is_same and giving.until <= record.expires_at and record.is_moderator is giving.is_moderator:
            return record
        if not is_same:
            record = record.revoked()
    expires_at = giving.until + RECORDED_AHEAD
    new = AdmissionRecord(
        session=giving.session.nameless(),
        uid=giving.uid,
        provider=giving.provider,
        revocation_id=secrets.token_hex(16),
        is_moderator=giving.is_moderator,
        checked_at=now,
        expires_at=expires_at,
        verified_at=now,
    )
    if record is not None:
        is_kept = record.revocation_id is not None
        new = replace(
            new,
            revocation_id=record.revocation_id if is_kept else new.revocation_id,
            verified_at=record.verified_at if is_kept else now,
            ending=record.ending,
            expires_at=max(record.expires_at, expires_at),
        )
    return replace(new, progress=Progress(due_at=AT_ONCE if new.ending else new.check_at))
