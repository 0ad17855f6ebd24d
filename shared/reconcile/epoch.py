"""Which database this is: a restored, cloned or imported one knows less than the providers have.

Called by the sweep and the search for orphans, before they clean up; by the operator's command, which acknowledges; and
by whatever deletes because a document is missing. The document is `operations/epoch`; the sweep keeps its own marks in
the same. Leaves to `shared/operations/orphans/` what a provider has that no document knows.

Deletions are held where Firestore says another `uid` than is recorded; and where there was no sweep for two hours, or
never one, and a provider has content that no document knows and that is newer than what was seen last. A pause, and a
new deployment, have nothing unknown: there all goes on. Where a provider cannot be asked, the run deletes nothing,
and the next asks again. Where somebody has edited the document so that it cannot be read, deletions are held too.
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
"""Without a sweep for so long, it is asked whether the database is still the same. Longer than clocks ever differ."""

ALARM_EVERY_S: Final = 24 * 3600

READ_EVERY_S: Final = 10
"""An instance knows at most so many seconds late that deletions are held."""

HELD_LOOK_S: Final = 600
"""What is held comes again after so long."""

DatabaseUid = Callable[[], str | None]
"""Firestore's own id of this incarnation of the database; `None` where it cannot be asked."""

Holds = Callable[[], bool]
"""Whether deletions are held at this moment."""

Unknown = Callable[[Mapping[str, datetime]], InventoryItem | None]
"""Something with content that a provider has, that is newer than what of that provider was seen last, and that no
document knows; `None` where there is nothing. Raises a ProviderError where it cannot be told."""


def held_until(now: datetime) -> datetime:
    """
    Return when what is held is looked at again: the next multiple of `HELD_LOOK_S`, so that its tasks merge. Pure.
    """
    return next_multiple(now, HELD_LOOK_S)


def nothing_is_held() -> bool:
    """
    Fill `Holds` where nothing ever holds deletions.
    """
    return False


def unidentified() -> str | None:
    """
    Fill `DatabaseUid` where nobody can be asked.
    """
    return None


class Suspicion(StrEnum):
    """
    Why deletions are held.
    """

    OTHER_DATABASE = "otherDatabase"
    UNKNOWN_CONTENT = "unknownContent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Hold:
    """
    That deletions are held, until an operator acknowledges it.

    Attributes:
        reason: Why.
        found: What was found: another database's `uid`, the reference of something that no document knows, or the
            names of the fields of `operations/epoch` that could not be read.
        since: When it was found.
        swept_at: The last sweep before, as the database says; `None` where it says none.
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
        Read back what `to_fields` wrote. Pure.

        Raises:
            KeyError, TypeError, ValueError: It is something else (never).
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
    What `operations/epoch` says of the database.

    Attributes:
        database_uid: Firestore's id of it, where that was told.
        swept_at: When it was last swept.
        seen_until: What each provider made before it was looked at: it is named, released or reported.
        hold: That deletions are held, as is recorded.
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
        Read the document; one without these fields was never swept. Pure.
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
        Whether deletions are held.
        """
        return self.hold is not None or self.unreadable != ()


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How the database stands at the beginning of a run.

    Attributes:
        epoch: What is recorded.
        database_uid: As Firestore says now, or as is recorded.
        is_clear: Whether the run may delete what no document names.
    """

    epoch: Epoch
    database_uid: str | None
    is_clear: bool

    def swept(self, now: datetime, seen_until: Mapping[str, datetime]) -> dict[str, Any]:
        """
        Return the fields of `operations/epoch` after a run; none where it could not be told how the database stands, so
        that the next run asks again. Pure.
        """
        if not self.is_clear and self.epoch.hold is None:
            return {}
        seen = {**self.epoch.seen_until, **seen_until}
        return {"databaseUid": self.database_uid, "sweptAt": now, "seenUntil": seen}


@dataclass(slots=True)
class _Known:
    """
    What an instance remembers between two reads.
    """

    is_held: bool = False
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Epochs:
    """
    Watches over one database.

    Attributes:
        documents: It.
        clock: Now, in UTC.
        database_uid: Asks Firestore which database it is.
    """

    documents: Documents
    clock: Clock
    database_uid: DatabaseUid
    _known: _Known = field(default_factory=_Known, repr=False, compare=False)

    def is_held(self) -> bool:
        """
        Return whether deletions are held, as far as this instance knows.

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
        Find out whether this is still the database that was swept last. Where it is not, or where it cannot be read
        what was swept, deletions are held from now on, and an alarm is raised, once a day.

        Args:
            document: `operations/epoch`, as it was just read.
            unknown: Looks for what no document knows; asked only where there is reason to.
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
        # An alarm that is yet to come was written by hand, and must not keep the next from being raised.
        if epoch.hold is None or abs(now - hold.alarmed_at) >= timedelta(seconds=ALARM_EVERY_S):
            hold = replace(hold, alarmed_at=now)
            _alarm(hold)
            self._write(document, {"hold": hold.to_fields()})
        self._known.is_held, self._known.read_at = True, now
        # Until it is acknowledged, the database's own id stays the recorded one.
        return Standing(replace(epoch, hold=hold), epoch.database_uid, is_clear=False)

    def acknowledge(self, providers: Iterable[str]) -> None:
        """
        Take the database for the right one, with everything that its providers have: deletions go on.

        Args:
            providers: Where something of ours may be, by our names.

        Raises:
            Transient: The documents could not be reached (again).
            Conflict: Somebody else wrote it at the same moment (again).
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
            # Another run has found the same, or has kept its marks: the next one writes it.
            return


def _alarm(hold: Hold) -> None:
    if hold.reason is Suspicion.UNREADABLE:
        log.document_unreadable(EPOCH, hold.found, hold.since)
    else:
        log.database_restored(hold.reason, hold.found, hold.since)
