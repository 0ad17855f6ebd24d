"""The code under test as it is, and with one part of its mechanism broken. The model must notice each defect.

Called by `test_races.py` and by hand. A defect is put in front of the real code: documents that omit a condition, a
Controller of sessions that decides otherwise, another setting. Nothing inside is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from emulator_tests.deployment_settings import DeploymentSettings, with_times
from emulator_tests.pure.races.faults import LATE_COMMIT_S
from shared.app import App
from shared.core.errors import Conflict
from shared.core.paths import ADMISSIONS, PAIRINGS, SESSIONS, VIDEOS
from shared.ports import (
    Clock,
    Create,
    Document,
    Documents,
    Events,
    ExternalIds,
    Inventory,
    InventoryItem,
    ProviderAccount,
    Query,
    Queue,
    Total,
    Update,
    Version,
    Write,
)
from shared.reconcile import Decision, Effect, Snapshot, Step
from shared.sessions import decide as sessions_decide
from shared.sessions.controller import Sessions
from shared.sessions.model import Pairing, PairingState
from shared.sessions.spec import SessionSpec
from shared.videos import decide as videos_decide
from shared.videos.controller import Videos
from shared.videos.model import Video, VideoState
from shared.videos.spec import VideoSpec

P = TypeVar("P")

STRAY_AGE_S: Final = 3600

SessionSnapshot = Snapshot[SessionSpec, Pairing]
VideoSnapshot = Snapshot[VideoSpec, Video]


def _as_is(documents: Documents) -> Documents:
    return documents


def _everything(inventory: Inventory) -> Inventory:
    return inventory


@dataclass(frozen=True, slots=True)
class Build:
    """
    The assembly of the code under test.

    Attributes:
        violates: The invariants that may break; empty for the code as it is.
        sessions: The Controller of sessions.
        videos: The Controller of videos.
        documents: Wraps the documents.
        swept_documents: Wraps the documents that the sweep reads.
        inventory: Wraps the provider's inventory.
        late_commit_s: How long a lost creation is waited for.
        stray_age_s: The age at which a thing that no document names counts as an orphan.
        sweeps: Whether there is a sweep at all.
    """

    violates: tuple[int, ...] = ()
    sessions: type[Sessions] = Sessions
    videos: type[Videos] = Videos
    documents: Callable[[Documents], Documents] = _as_is
    swept_documents: Callable[[Documents], Documents] = _as_is
    inventory: Callable[[Inventory], Inventory] = _everything
    late_commit_s: int = LATE_COMMIT_S
    stray_age_s: int = STRAY_AGE_S
    sweeps: bool = True

    def assemble(
        self,
        documents: Documents,
        queue: Queue,
        clock: Clock,
        events: Events,
        provider_account: ProviderAccount,
        settings: DeploymentSettings,
    ) -> App:
        """
        Assemble the code as `shared/app.py` does, with its defect.
        """
        documents = self.documents(documents)
        app = DefectiveApp(
            documents,
            queue,
            clock,
            events,
            {
                provider_account.media.name: replace(
                    provider_account, inventory=self.inventory(provider_account.inventory)
                )
            },
            with_times(settings, late_commit_s=self.late_commit_s, stray_age_s=self.stray_age_s),
            build=self,
        )
        swept = replace(app, documents=self.swept_documents(documents))
        app.orphans, app.sweep = swept.orphans, swept.sweep
        return app


@dataclass
class DefectiveApp(App):
    """
    An app whose controllers are those of a build.
    """

    _: KW_ONLY
    build: Build

    def get(self, build: Callable[[Any], P]) -> P:
        part: Any = super().get(build)
        kinds: dict[type, Any] = {Sessions: self.build.sessions, Videos: self.build.videos}
        kind = kinds.get(type(part))
        found: P = part if kind is None else kind(*(getattr(part, one.name) for one in fields(part)))
        return found


class Passing:
    """
    Documents that change nothing. Each defect below overrides one method.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return self._documents.read(*paths)

    def select(self, query: Query) -> Sequence[Document]:
        return self._documents.select(query)

    def count(self, query: Query) -> int:
        return self._documents.count(query)

    def total(self, query: Query, field: str) -> Total:
        return self._documents.total(query, field)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        return self._documents.commit(*writes)


class UnconditionalClaims(Passing):
    """
    Updates a record even if it was written since it was read.
    """

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        heedless = [
            replace(write, if_version=None)
            if isinstance(write, Update) and write.path.startswith((PAIRINGS, VIDEOS))
            else write
            for write in writes
        ]
        return self._documents.commit(*heedless)


class Resurrecting(Passing):
    """
    Writes a session that is gone, as `set(…, merge=True)` would.
    """

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        try:
            return self._documents.commit(*writes)
        except Conflict:
            return self._documents.commit(*map(_made_anew, writes))


def _made_anew(write: Write) -> Write:
    if isinstance(write, Update) and write.path.startswith(SESSIONS):
        return Create(write.path, {})
    return write


class ForgetfulTransfers(Passing):
    """
    Transfers a session without recording its former owner.
    """

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        return self._documents.commit(*(changed(write, "formerOwnerUids", []) for write in writes))


def changed(write: Write, name: str, value: object) -> Write:
    if isinstance(write, Create) and name in write.fields:
        return replace(write, fields={**write.fields, name: value})
    if isinstance(write, Update) and name in write.changes:
        changes: dict[Any, Any] = {**write.changes, name: value}
        return replace(write, changes=changes)
    return write


class NoAdmissions(Passing):
    """
    Hides admissions, so that none is checked again.
    """

    def select(self, query: Query) -> Sequence[Document]:
        return () if query.collection == ADMISSIONS else self._documents.select(query)


class NothingUnderWay(Passing):
    """
    Hides the reference of a creation in progress.
    """

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return tuple(
            document
            if document is None or "reference" not in document.fields
            else replace(document, fields={**document.fields, "reference": None})
            for document in self._documents.read(*paths)
        )


class NoInventory:
    """
    Hides everything from the search for orphans.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        return ()

    def has_content(self, item: InventoryItem) -> bool:
        return self._inventory.has_content(item)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        return self._inventory.delete_item(item)


class EmptyInventory(NoInventory):
    """
    Reports every orphan as empty.
    """

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        return [replace(one, has_content=False) for one in self._inventory.list_items(since, until)]

    def has_content(self, item: InventoryItem) -> bool:
        return False


class SessionsWithoutFind(Sessions):
    """
    Repeats an interrupted creation under a new reference, without searching for the first.
    """

    def decide(self, snapshot: SessionSnapshot, now: datetime, *, observed: bool) -> Decision[Pairing]:
        decision = super().decide(snapshot, now, observed=observed)
        if isinstance(decision, Step) and decision.name == sessions_decide.FIND:
            record = replace(decision.record, state=PairingState.NONE)
            return super().decide(replace(snapshot, record=record), now, observed=observed)
        return decision


class VideosWithoutFind(Videos):
    """
    Repeats an interrupted creation of a video, without searching for the first.
    """

    def decide(self, snapshot: VideoSnapshot, now: datetime, *, observed: bool) -> Decision[Video]:
        decision = super().decide(snapshot, now, observed=observed)
        if isinstance(decision, Step) and decision.name == videos_decide.FIND:
            record = replace(decision.record, state=VideoState.REQUESTED)
            return super().decide(replace(snapshot, record=record), now, observed=observed)
        return decision


class VideosThatForget(Videos):
    """
    Releases assets of a video without enqueueing their deletion.
    """

    def record_writes(
        self, snapshot: VideoSnapshot, record: Video, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        return super().record_writes(snapshot, record, version, now)[:1]


class VideosReplacedTooSoon(Videos):
    """
    Releases the content that plays when its replacement begins, not when it is ready.
    """

    def decide(self, snapshot: VideoSnapshot, now: datetime, *, observed: bool) -> Decision[Video]:
        decision = super().decide(snapshot, now, observed=observed)
        if isinstance(decision, Step) and decision.name == videos_decide.BEGIN:
            return replace(decision, record=replace(decision.record, playable=None))
        return decision


class HeedlessRequests(Passing):
    """
    Gives each upload the number of the first, so that a new request for a video is not noticed.
    """

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return tuple(map(_first_of_all, self._documents.read(*paths)))


def _first_of_all(document: Document | None) -> Document | None:
    if document is None or "wish" not in document.fields:
        return document
    fields = document.fields
    spec = {**fields["wish"], "number": 1, "requests": [{**one, "number": 1} for one in fields["wish"]["requests"]]}
    return replace(document, fields={**fields, "wish": spec})


class SessionsWithoutLease(Sessions):
    """
    Hides the lease, so that no worker notices that another is busy.
    """

    def read(self, key: str) -> SessionSnapshot:
        snapshot = super().read(key)
        if snapshot.record is None:
            return snapshot
        return replace(
            snapshot, record=replace(snapshot.record, progress=replace(snapshot.record.progress, claim=None))
        )


class SessionsWithoutIntent(Sessions):
    """
    Creates an event first, and records it afterwards.
    """

    def decide(self, snapshot: SessionSnapshot, now: datetime, *, observed: bool) -> Decision[Pairing]:
        decision = super().decide(snapshot, now, observed=observed)
        if isinstance(decision, Step) and decision.name == sessions_decide.CREATE:
            return replace(decision, effect=Effect.OBSERVE)
        return decision


class SessionsGoneFirst(Sessions):
    """
    Records an event as gone before it is deleted.
    """

    def decide(self, snapshot: SessionSnapshot, now: datetime, *, observed: bool) -> Decision[Pairing]:
        decision = super().decide(snapshot, now, observed=observed)
        if isinstance(decision, Step) and decision.name == sessions_decide.DELETE:
            return replace(decision, record=replace(decision.record, state=PairingState.GONE))
        return decision


class SessionsWithoutGrace(Sessions):
    """
    Deletes an unpublished event at once, without grace.
    """

    def decide(self, snapshot: SessionSnapshot, now: datetime, *, observed: bool) -> Decision[Pairing]:
        return sessions_decide.decide(snapshot, now, 0, self.window, observed=observed)


SOUND: Final = Build()

DEFECTS: Final = {
    "the claim is unconditional": Build((3, 4, 6, 7, 8, 12), documents=UnconditionalClaims),
    "a lost event is not looked for": Build((4, 13), sessions=SessionsWithoutFind),
    "a lost video is not looked for": Build((4, 13), videos=VideosWithoutFind),
    "what is named no more is forgotten": Build((10,), videos=VideosThatForget),
    "a video is replaced too soon": Build((6,), videos=VideosReplacedTooSoon),
    "uploads are not told apart": Build((18, 12, 20), documents=HeedlessRequests),
    "there is no lease": Build((8,), sessions=SessionsWithoutLease),
    "there is no intent": Build((1,), sessions=SessionsWithoutIntent),
    "there is no sweep": Build((3, 10, 13, 20), sweeps=False),
    "late commits are not waited for": Build((4,), late_commit_s=0),
    "what is under way counts as a stray": Build((6,), swept_documents=NothingUnderWay, stray_age_s=0),
    "what has content counts as empty": Build((28,), inventory=EmptyInventory),
    "nobody looks for strays": Build((2, 3, 21), inventory=NoInventory),
    "a gone session is written all the same": Build((15,), documents=Resurrecting),
    "gone is written before anything is deleted": Build((6,), sessions=SessionsGoneFirst),
    "admissions are not looked at again": Build((29,), swept_documents=NoAdmissions),
    "there is no grace": Build((7,), sessions=SessionsWithoutGrace),
    "a transfer names no former owner": Build((10, 12, 13), documents=ForgetfulTransfers),
}
