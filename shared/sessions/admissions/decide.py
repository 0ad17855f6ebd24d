"""The table of steps for an admission. Pure; called by the reconciler through the Controller of this folder.

| recorded                                          | next                                                     |
|---------------------------------------------------|----------------------------------------------------------|
| nothing                                           | done                                                     |
| everything has expired                            | FORGET it                                                |
| given to a person who may not watch any more      | REVOKE it: grants from now on have a new id              |
| given to a moderator who is not one any more      | REVOKE it                                                |
| revoked                                           | END it at the provider, until that succeeds or it expires |
| nothing is given any more                         | FORGET it                                                |
| the last check was long ago                       | CHECK it: they may still watch                           |
| anything else                                     | requeue, by the sweep                                    |

REVOKE is written before END is tried. Otherwise a person who may watch again could be given something under the id that
is about to be ended. END needs no claim: it may be done twice, and a join in between records another id beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.sessions.admissions.model import AdmissionRecord

REVOKE: Final = "revoke"
END: Final = "end"
CHECK: Final = "check"
FORGET: Final = "forget"


@dataclass(frozen=True, slots=True)
class AdmissionSpec:
    """
    A person's present rights in the session.

    Attributes:
        may_watch: Whether they may watch it.
        moderates: Whether they moderate it.
    """

    may_watch: bool = False
    moderates: bool = False


def decide(snapshot: Snapshot[AdmissionSpec, AdmissionRecord], now: datetime) -> Decision[AdmissionRecord]:
    """
    Return the next step for one admission.
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
