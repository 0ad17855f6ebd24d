"""What becomes next of what somebody was given in a session. Pure; called through the Controller of this folder.

| recorded                                          | next                                                     |
|---------------------------------------------------|----------------------------------------------------------|
| nothing                                           | done                                                     |
| everything has expired                            | FORGET it                                                |
| given to somebody who may not watch any more      | REVOKE it: what is given from now on has another id      |
| given to a moderator who is none any more         | REVOKE it                                                |
| revoked                                           | END it at the provider, again until it is known or over  |
| nothing is given any more                         | FORGET it                                                |
| nobody has looked for long                        | CHECK it: they may still watch                           |
| otherwise                                         | later: that is left to the sweep                         |

REVOKE is written before END is tried, so that nobody who may watch again is given what is about to be ended. END needs
no claim: it may be done twice, and a join that comes in between writes another id beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.admissions.model import AdmissionRecord
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step

REVOKE: Final = "revoke"
END: Final = "end"
CHECK: Final = "check"
FORGET: Final = "forget"


@dataclass(frozen=True, slots=True)
class AdmissionSpec:
    """
    What somebody may do in the session as it is now.

    Attributes:
        may_watch: Whether they may see what it shows.
        moderates: Whether they moderate it.
    """

    may_watch: bool = False
    moderates: bool = False


def decide(snapshot: Snapshot[AdmissionSpec, AdmissionRecord], now: datetime) -> Decision[AdmissionRecord]:
    """
    The next step for one admission.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None or record.gone:
        return Done()
    if now >= record.expires_at:
        return _forget(record)
    if record.revocation_id is not None and not (spec.may_watch and (spec.moderates or not record.is_moderator)):
        return _write(REVOKE, record.revoked())
    if record.ending:
        return Step(END, Effect.OBSERVE, record, record, spec=",".join(record.ending), retry_permanent=True)
    if record.revocation_id is None:
        return _forget(record)
    if now >= record.check_at:
        return _write(CHECK, replace(record, checked_at=now))
    return RequeueAt(record.check_at, is_swept=True)


def _forget(record: AdmissionRecord) -> Step[AdmissionRecord]:
    return _write(FORGET, replace(record, gone=True))


def _write(name: str, record: AdmissionRecord) -> Step[AdmissionRecord]:
    return Step(name, Effect.WRITE, record, record)
