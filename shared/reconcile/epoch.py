"""The identity of the database: a restored, cloned or imported database knows less than the providers have.

Called by the sweep and the search for orphans before they clean up; by the operator's command, which acknowledges; and
by everything that deletes because a document is missing. The document is `operations/epoch`, in which the sweep also
keeps its own marks. `shared/operations/orphans/` finds content at a provider that no document knows.

Deletions are held in three cases:

- Firestore reports another `uid` than is recorded.
- There was no sweep for two hours, or never one, and a provider has content that no document knows and that is newer
  than what was seen last.
- The document was edited by hand and cannot be read.

A pause and a new deployment have no unknown content, so deletions continue there. If a provider cannot be asked, the
run deletes nothing, and the next run asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from shared.core import log
from shared.core.errors import Conflict, ProviderError
from shared.core.paths import EPOCH
from shared.ports import Clock, Create, Document, Documents, Fields, InventoryItem, Update
from shared.reconcile.edited import EditedFields, instant, mapping, past, pasts, text
from shared.reconcile.slots import next_multiple

GAP_S: Final = 2 * 3600
"""Seconds without a sweep after which the identity of the database is checked. Longer than clocks ever differ."""

ALARM_EVERY_S: Final = 24 * 3600

READ_EVERY_S: Final = 10
"""The most seconds after which an instance notices that deletions are held."""

HELD_LOOK_S: Final = 600
"""Seconds after which held work is tried again."""

DatabaseUid = Callable[[], str | None]
"""Return Firestore's own id of this incarnation of the database; `None` if it cannot be asked."""

Holds = Callable[[], bool]
"""Tell whether deletions are held now."""

Unknown = Callable[[Mapping[str, datetime]], InventoryItem | None]
"""Return an item with content that a provider has and no document knows, and that is newer than what was last seen of
that provider; `None` if there is none. Raise a ProviderError if a provider does not answer."""


def held_until(now: datetime) -> datetime:
    """
    Return when held work is tried again: the next multiple of `HELD_LOOK_S`, so that its tasks merge. Pure.
    """
    return next_multiple(now, HELD_LOOK_S)


def nothing_is_held() -> bool:
    """
    Return `False`: the `Holds` of a deployment in which nothing ever holds deletions.
    """
    return False


def unidentified() -> str | None:
    """
    Return `None`: the `DatabaseUid` of a deployment that cannot ask Firestore.
    """
    return None


class Suspicion(StrEnum):
    """
    The reason why deletions are held.
    """

    OTHER_DATABASE = "otherDatabase"
    UNKNOWN_CONTENT = "unknownContent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Hold:
    """
    The record that deletions are held until an operator acknowledges it.

    Attributes:
        reason: Why they are held.
        found: The evidence: another database's `uid`, the reference of something that no document knows, or the names
            of the fields of `operations/epoch` that could not be read.
        since: When it was found.
        swept_at: The last sweep before, according to the database; `None` if it records none.
        alarmed_at: When the last alarm was raised.
    """

    reason: Suspicion
    found: str
    since: datetime
    swept_at: datetime | None
    alarmed_at: datetime

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "reason": self.reason.value,
            "found": self.found,
            "since": self.since,
            "sweptAt": self.swept_at,
            "alarmedAt": self.alarmed_at,
        }

    @classmethod
    def from_fields(cls, value: object, now: datetime) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.

        Raises:
            KeyError, TypeError, ValueError: It has another form (never).
        """
        fields = mapping(value)
        swept_at = None if fields["sweptAt"] is None else past(fields["sweptAt"], now)
        return cls(
            Suspicion(text(fields["reason"])),
            text(fields["found"]),
            past(fields["since"], now),
            swept_at,
            instant(fields["alarmedAt"]),
        )


@dataclass(frozen=True, slots=True)
class Epoch:
    """
    The database's identity and marks, as recorded in `operations/epoch`.

    Attributes:
        database_uid: Firestore's id of it, if known.
        swept_at: When it was last swept.
        seen_until: For each provider, the instant before which everything made there was checked: it is named, released
            or reported.
        hold: The record that deletions are held, if they are.
        unreadable: The names of the fields that cannot be read.
    """

    database_uid: str | None = None
    swept_at: datetime | None = None
    seen_until: Mapping[str, datetime] = field(default_factory=dict)
    hold: Hold | None = None
    unreadable: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Document | None, now: datetime) -> Self:
        """
        Parse the document; one without these fields was never swept. Pure.
        """
        edited = EditedFields({} if document is None else document.fields)
        return cls(
            edited.read("databaseUid", text, None),
            edited.read("sweptAt", lambda value: past(value, now), None),
            edited.read("seenUntil", lambda value: pasts(value, now), {}),
            edited.read("hold", lambda value: Hold.from_fields(value, now), None),
            tuple(edited.unreadable),
        )

    @property
    def is_held(self) -> bool:
        """
        Tell whether deletions are held.
        """
        return self.hold is not None or self.unreadable != ()


@dataclass(frozen=True, slots=True)
class Standing:
    """
    The state of the database at the beginning of a run.

    Attributes:
        epoch: The recorded state.
        database_uid: As Firestore reports it now, or else as recorded.
        is_clear: Whether the run may delete what no document names.
    """

    epoch: Epoch
    database_uid: str | None
    is_clear: bool

    def swept(self, now: datetime, seen_until: Mapping[str, datetime]) -> dict[str, Any]:
        """
        Return the fields of `operations/epoch` to write after a run. Returns none if the identity of the database could
        not be checked, so that the next run checks again. Pure.
        """
        if not self.is_clear and self.epoch.hold is None:
            return {}
        seen = {**self.epoch.seen_until, **seen_until}
        return {"databaseUid": self.database_uid, "sweptAt": now, "seenUntil": seen}


@dataclass(slots=True)
class _Known:
    """
    The knowledge that an instance keeps between two reads.
    """

    is_held: bool = False
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Epochs:
    """
    The watch over the identity of one database.

    Attributes:
        documents: The database.
        clock: Now, in UTC.
        database_uid: Asks Firestore which database it is.
    """

    documents: Documents
    clock: Clock
    database_uid: DatabaseUid
    _known: _Known = field(default_factory=_Known, repr=False, compare=False)

    def is_held(self) -> bool:
        """
        Tell whether deletions are held, as far as this instance knows.

        Raises:
            Transient: The documents could not be reached (again).
        """
        now, known = self.clock(), self._known
        if known.read_at is None or now - known.read_at >= timedelta(seconds=READ_EVERY_S):
            (document,) = self.documents.read(EPOCH)
            known.is_held = Epoch.from_document(document, now).is_held
            known.read_at = now
        return known.is_held

    def check(self, document: Document | None, unknown: Unknown, unreadable: Iterable[str] = ()) -> Standing:
        """
        Check whether this is still the database that was swept last. If it is not, or if the marks of the sweep cannot
        be read, deletions are held from now on, and an alarm is raised once a day.

        Args:
            document: `operations/epoch`, as it was just read.
            unknown: Searches for content that no document knows; called only if there is reason to.
            unreadable: The names of the sweep's own fields of it that cannot be read.

        Raises:
            Transient: The documents could not be reached (again).
        """
        now = self.clock()
        epoch, uid = Epoch.from_document(document, now), self.database_uid()
        hold, unreadable = epoch.hold, (*epoch.unreadable, *unreadable)
        if hold is None and unreadable:
            hold = Hold(Suspicion.UNREADABLE, ", ".join(unreadable), now, epoch.swept_at, now)
        if hold is None:
            try:
                hold = self._suspect(epoch, uid, unknown, now)
            except ProviderError as error:
                log.sweep_hindered(error)
                return Standing(epoch, uid or epoch.database_uid, is_clear=False)
        if hold is None:
            return Standing(epoch, uid or epoch.database_uid, is_clear=True)
        # A future `alarmedAt` was written by hand, and must not suppress the next alarm.
        if epoch.hold is None or abs(now - hold.alarmed_at) >= timedelta(seconds=ALARM_EVERY_S):
            hold = replace(hold, alarmed_at=now)
            _alarm(hold)
            self._write(document, {"hold": hold.to_fields()})
        self._known.is_held, self._known.read_at = True, now
        # The recorded id stays until an operator acknowledges.
        return Standing(replace(epoch, hold=hold), epoch.database_uid, is_clear=False)

    def acknowledge(self, providers: Iterable[str]) -> None:
        """
        Accept this database as the right one, together with everything that its providers have; deletions continue.

        Args:
            providers: Our names of all accounts and hosts that may hold things of ours.

        Raises:
            Transient: The documents could not be reached (again).
            Conflict: Another writer was first (again).
        """
        (document,) = self.documents.read(EPOCH)
        now = self.clock()
        fields = {
            "databaseUid": self.database_uid() or Epoch.from_document(document, now).database_uid,
            "sweptAt": now,
            "seenUntil": dict.fromkeys(providers, now),
            "hold": None,
        }
        self.documents.commit(
            Create(EPOCH, fields) if document is None else Update(EPOCH, fields, if_version=document.version)
        )
        self._known.read_at = None
        log.database_resumed()

    def _suspect(self, epoch: Epoch, uid: str | None, unknown: Unknown, now: datetime) -> Hold | None:
        if uid is not None and epoch.database_uid is not None and uid != epoch.database_uid:
            return Hold(Suspicion.OTHER_DATABASE, uid, now, epoch.swept_at, now)
        if epoch.swept_at is not None and now - epoch.swept_at <= timedelta(seconds=GAP_S):
            return None
        item = unknown(epoch.seen_until)
        if item is None:
            return None
        return Hold(Suspicion.UNKNOWN_CONTENT, item.reference, now, epoch.swept_at, now)

    def _write(self, document: Document | None, fields: Fields) -> None:
        try:
            self.documents.commit(Create(EPOCH, fields) if document is None else Update(EPOCH, fields))
        except Conflict:
            # Another run has found the same, or has written its marks: the next run writes it.
            return


def _alarm(hold: Hold) -> None:
    if hold.reason is Suspicion.UNREADABLE:
        log.document_unreadable(EPOCH, hold.found, hold.since)
    else:
        log.database_restored(hold.reason, hold.found, hold.since)
