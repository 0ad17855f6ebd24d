"""The code that is played as it is, and with one part of its mechanism broken: the model must notice each.

Called by `test_races.py` and by hand. A defect is put in front of the real code: documents that forget a condition, a
session's Controller that decides otherwise, a setting; nothing inside is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from emulator_tests.pure.races.weather import LATE_COMMIT_S
from shared.app import App, Settings
from shared.errors import Conflict
from shared.paths import ADMISSIONS, PAIRINGS, SESSIONS, VIDEOS
from shared.ports import (
    Clock,
    Create,
    Document,
    Documents,
    Events,
    Holder,
    Parts,
    Query,
    Queue,
    Stray,
    Strays,
    Total,
    Update,
    Version,
    Write,
)
from shared.reconcile import Decision, Effect, Look, Step
from shared.sessions import Sessions
from shared.sessions import decide as sessions_decide
from shared.sessions.model import Pairing, PairingState, SessionWish
from shared.videos import Videos
from shared.videos import decide as videos_decide
from shared.videos.model import Video, VideoState, VideoWish

STRAY_AGE_S: Final = 3600

SessionLook = Look[SessionWish, Pairing]
VideoLook = Look[VideoWish, Video]


def _as_is(documents: Documents) -> Documents:
    return documents


def _all_strays(strays: Strays) -> Strays:
    return strays


@dataclass(frozen=True, slots=True)
class Build:
    """
    How the code that is played is put together.

    Attributes:
        violates: The invariants by which the model may notice; empty for the code as it is.
        sessions: The Controller of sessions.
        videos: The Controller of videos.
        documents: What stands before the documents.
        swept_documents: What stands before those that the sweep reads.
        strays: What stands before the list of strays.
        late_commit_s: For how long a lost creation is waited for.
        stray_age_s: How old a stray must be.
        sweeps: Whether there is a sweep at all.
    """

    violates: tuple[int, ...] = ()
    sessions: type[Sessions] = Sessions
    videos: type[Videos] = Videos
    documents: Callable[[Documents], Documents] = _as_is
    swept_documents: Callable[[Documents], Documents] = _as_is
    strays: Callable[[Strays], Strays] = _all_strays
    late_commit_s: int = LATE_COMMIT_S
    stray_age_s: int = STRAY_AGE_S
    sweeps: bool = True

    def assemble(
        self,
        documents: Documents,
        queue: Queue,
        clock: Clock,
        events: Events,
        holder: Holder,
        settings: Settings,
    ) -> App:
        """
        Put the code together, as `shared/app.py` does, with what is broken in it.
        """
        documents = self.documents(documents)
        app = App(
            documents,
            queue,
            clock,
            events,
            {settings.provider: replace(holder, strays=self.strays(holder.strays))},
            replace(settings, late_commit_s=self.late_commit_s, stray_age_s=self.stray_age_s),
            sessions_type=self.sessions,
            videos_type=self.videos,
        )
        swept = self.swept_documents(documents)
        app.orphans = replace(app.orphans, documents=swept)
        app.sweep = replace(app.sweep, documents=swept)
        return app


class Passing:
    """
    Documents that change nothing; the defects below change one method.
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
    A record is written whatever was written since it was read.
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
    A session that is gone is written all the same, as `set(…, merge=True)` would.
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
    A session names its new owner and none of its former ones.
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
    Nobody looks again whether somebody may keep what they were given.
    """

    def select(self, query: Query) -> Sequence[Document]:
        return () if query.collection == ADMISSIONS else self._documents.select(query)


class NothingUnderWay(Passing):
    """
    Nobody can tell by a record that something is just being made.
    """

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return tuple(
            document
            if document is None or "reference" not in document.fields
            else replace(document, fields={**document.fields, "reference": None})
            for document in self._documents.read(*paths)
        )


class NoStrays:
    """
    Nobody looks for what was made and not recorded.
    """

    def __init__(self, strays: Strays) -> None:
        self._strays = strays

    def strays(self, since: datetime, until: datetime) -> Sequence[Stray]:
        return ()

    def has_content(self, stray: Stray) -> bool:
        return self._strays.has_content(stray)

    def delete_stray(self, stray: Stray) -> Parts:
        return self._strays.delete_stray(stray)


class EmptyStrays(NoStrays):
    """
    Whatever nobody recorded counts as empty.
    """

    def strays(self, since: datetime, until: datetime) -> Sequence[Stray]:
        return [replace(one, has_content=False) for one in self._strays.strays(since, until)]

    def has_content(self, stray: Stray) -> bool:
        return False


class SessionsWithoutFind(Sessions):
    """
    A creation that was cut short is simply done again, under a new reference.
    """

    def decide(self, look: SessionLook, now: datetime, *, observed: bool) -> Decision[Pairing]:
        decision = super().decide(look, now, observed=observed)
        if isinstance(decision, Step) and decision.name == sessions_decide.FIND:
            record = replace(decision.record, state=PairingState.NONE)
            return super().decide(replace(look, record=record), now, observed=observed)
        return decision


class VideosWithoutFind(Videos):
    """
    The same for videos.
    """

    def decide(self, look: VideoLook, now: datetime, *, observed: bool) -> Decision[Video]:
        decision = super().decide(look, now, observed=observed)
        if isinstance(decision, Step) and decision.name == videos_decide.FIND:
            record = replace(decision.record, state=VideoState.REQUESTED)
            return super().decide(replace(look, record=record), now, observed=observed)
        return decision


class VideosThatForget(Videos):
    """
    What a video names no more is handed over to nobody.
    """

    def record_writes(
        self, look: VideoLook, record: Video, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        return super().record_writes(look, record, version, now)[:1]


class VideosReplacedTooSoon(Videos):
    """
    What plays goes when its replacement is begun, not when it is ready.
    """

    def decide(self, look: VideoLook, now: datetime, *, observed: bool) -> Decision[Video]:
        decision = super().decide(look, now, observed=observed)
        if isinstance(decision, Step) and decision.name == videos_decide.BEGIN:
            return replace(decision, record=replace(decision.record, playable=None))
        return decision


class HeedlessRequests(Passing):
    """
    Nobody can tell that a video was asked for anew meanwhile: each upload has the number of the first.
    """

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return tuple(map(_first_of_all, self._documents.read(*paths)))


def _first_of_all(document: Document | None) -> Document | None:
    if document is None or "wish" not in document.fields:
        return document
    fields = document.fields
    wish = {**fields["wish"], "number": 1, "requests": [{**one, "number": 1} for one in fields["wish"]["requests"]]}
    return replace(document, fields={**fields, "wish": wish})


class SessionsWithoutLease(Sessions):
    """
    Nobody sees that someone is busy.
    """

    def look(self, key: str) -> SessionLook:
        look = super().look(key)
        if look.record is None:
            return look
        return replace(look, record=replace(look.record, progress=replace(look.record.progress, claim=None)))


class SessionsWithoutIntent(Sessions):
    """
    An event is made first and written down afterwards.
    """

    def decide(self, look: SessionLook, now: datetime, *, observed: bool) -> Decision[Pairing]:
        decision = super().decide(look, now, observed=observed)
        if isinstance(decision, Step) and decision.name == sessions_decide.CREATE:
            return replace(decision, effect=Effect.OBSERVE)
        return decision


class SessionsGoneFirst(Sessions):
    """
    An event is written off before it is deleted.
    """

    def decide(self, look: SessionLook, now: datetime, *, observed: bool) -> Decision[Pairing]:
        decision = super().decide(look, now, observed=observed)
        if isinstance(decision, Step) and decision.name == sessions_decide.DELETE:
            return replace(decision, record=replace(decision.record, state=PairingState.GONE))
        return decision


class SessionsWithoutGrace(Sessions):
    """
    What is unpublished is deleted at once.
    """

    def decide(self, look: SessionLook, now: datetime, *, observed: bool) -> Decision[Pairing]:
        return sessions_decide.decide(look, now, 0, self.window, observed=observed)


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
    "what has content counts as empty": Build((28,), strays=EmptyStrays),
    "nobody looks for strays": Build((2, 3, 21), strays=NoStrays),
    "a gone session is written all the same": Build((15,), documents=Resurrecting),
    "gone is written before anything is deleted": Build((6,), sessions=SessionsGoneFirst),
    "admissions are not looked at again": Build((29,), swept_documents=NoAdmissions),
    "there is no grace": Build((7,), sessions=SessionsWithoutGrace),
    "a transfer names no former owner": Build((10, 12, 13), documents=ForgetfulTransfers),
}
