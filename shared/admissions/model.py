"""What one person was given in one session and can be ended, with its document form in `admissions/{sessionId}_{uid}`.

Called by the other files of this folder. Everything that a person is given at a provider carries one id, under which
all of it is ended together; what is given after that carries another. Leaves to `decide` when it is ended.
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
"""What is given is recorded to last so much longer than it does, so that renewing it needs no write."""

REPAIR_PAUSE_S: Final = 60
"""An id that was verified so short a time ago is not asked about again, even if a viewer was refused."""

CHECK_LEAST: Final = timedelta(minutes=15)
CHECK_MOST: Final = timedelta(hours=1)
"""Within that, half of what is left: whoever may not watch any more is found no later, whatever became of triggers."""


@dataclass(frozen=True, slots=True)
class AdmissionRecord:
    """
    One document of `admissions`.

    Attributes:
        session: The session as it was when it was last recorded, without its owner.
        uid: Who was let in.
        provider: Our name of the provider at which it is ended; a deployment has one such account.
        revocation_id: Under which what is given now can be ended; `None` where nothing is.
        is_moderator: Whether it was given to a moderator.
        ending: The ids under which everything is to be ended.
        verified_at: When the present id was made, or the provider last said that it is good; `None` where an earlier
            release made it and nobody has asked since.
        checked_at: When somebody last looked whether they may still watch.
        expires_at: Nothing lasts longer that was given under any of these ids (Firestore TTL).
        gone: Whether nothing is left to end.
        progress: The reconciliation's own part.
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
        When to look again whether they may still watch.
        """
        half = (self.expires_at - self.checked_at) / 2
        return min(self.checked_at + min(max(half, CHECK_LEAST), CHECK_MOST), self.expires_at)

    def doubtable_at(self, now: datetime) -> datetime | None:
        """
        Return when it can be asked again whether the present id is good, `None` where it can be now. Pure.
        """
        at = None if self.verified_at is None else self.verified_at + timedelta(seconds=REPAIR_PAUSE_S)
        return None if self.revocation_id is None or at is None or at <= now else at

    def revoked(self) -> AdmissionRecord:
        """
        Return it once everything that was given is to be ended. Pure.
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
    What somebody is about to be given.

    Attributes:
        session: Where.
        uid: Who.
        provider: By which.
        is_moderator: Whether they moderate the session.
        until: When the longest of it ends.
    """

    session: SessionIdentity
    uid: str
    provider: str
    is_moderator: bool
    until: datetime


def covering(record: AdmissionRecord | None, giving: Giving, now: datetime) -> AdmissionRecord:
    """
    Return the admission under which something may be given: the one that is recorded, where it covers that. What was
    given to a moderator who is none any more, or in an earlier session of the same id, is to be ended.

    Args:
        record: As it is recorded; `None` where nothing is.
        giving: What is about to be given.
        now: This instant.
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
