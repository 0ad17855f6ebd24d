"""One interleaving: users, visitors, provider and time move in an order drawn from the seed; then nothing goes wrong
any more, only the sweep and the queue run, and what is left must be what was last wished.

Called by `test_races.py` and by hand. Leaves to `weather` what goes wrong and to `invariants` what is right.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from emulator_tests.fakes import (
    BEGIN_AT,
    ManualClock,
    MemoryDocuments,
    MemoryEvents,
    MemoryMedia,
    MemoryQueue,
    MemoryStrays,
)
from emulator_tests.pure.races.chronicle import Chronicle
from emulator_tests.pure.races.defects import Build
from emulator_tests.pure.races.invariants import REFUSED_TITLE, Broken, Ledger, check_rest
from emulator_tests.pure.races.stage import Killed, Stage, Visitor
from emulator_tests.pure.races.weather import Agenda, Climate, Weather
from shared.access import Caller
from shared.errors import BackendError, Permanent, Transient
from shared.paths import TICK_FEED, VISIT_SESSION, VISIT_VIDEO, session_path, video_path
from shared.ports import (
    Create,
    Delete,
    Document,
    EventWish,
    Fields,
    MediaState,
    Note,
    Observation,
    Parts,
    Query,
    Update,
    UploadWish,
    Version,
    Write,
)
from shared.reconcile import visit
from shared.sessions.kaltura_session import get_kaltura_session
from shared.sessions.model import Session, wanted
from shared.sweep import Sweep
from shared.videos.feed import Feed
from shared.videos.grant import UploadRequest, issue_upload_token
from shared.videos.policy import Policy

OWNER: Final = Caller("teacher", is_teacher=True)
REAP_GRACE_S: Final = 600
POLICY: Final = Policy(
    max_bytes=1000,
    max_duration_s=100,
    uploads_in_flight_max=5,
    upload_deadline_s=900,
    processing_deadline_s=900,
)
RESTS_AFTER_S: Final = (60, 4400, 9000)
"""Seconds after the last trouble at which the sweep runs, far less often than in the cloud: it must do all the same."""

READY: Final = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=900)
FATES: Final[tuple[Observation | None, ...]] = (
    READY,
    READY,
    Observation(MediaState.READY, 100, duration_s=6000.0, size_bytes=900),
    Observation(MediaState.ERROR, reason="It cannot be read."),
    Observation(MediaState.PROCESSING, 50),
    None,
)
"""How the provider's work on an upload ends; `None`: its bytes never come."""


class _Unheard(io.TextIOBase):
    """
    Where the log goes: the chronicle says more, and says it only when it is asked.
    """

    def write(self, text: str) -> int:
        return len(text)


_UNHEARD: Final = _Unheard()


class WatchedDocuments:
    """
    The documents of the code that is played: each call is an effect, each write is judged.
    """

    def __init__(self, kept: MemoryDocuments, weather: Weather, ledger: Ledger) -> None:
        self._kept = kept
        self._weather = weather
        self._ledger = ledger

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return self._weather("read", lambda: self._kept.read(*paths), paths)

    def select(self, query: Query) -> Sequence[Document]:
        return self._weather("select", lambda: self._kept.select(query), query.collection)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        def do() -> tuple[Version, ...]:
            versions = self._kept.commit(*writes)
            self._ledger.wrote(writes)
            return versions

        return self._weather("commit", do, writes)


class FussyEvents(MemoryEvents):
    """
    A provider that will have no event of one title.
    """

    def create_event(self, reference: str, wish: EventWish) -> Parts:
        _refuse(wish.title)
        return super().create_event(reference, wish)

    def update_event(self, reference: str, parts: Parts, wish: EventWish) -> Parts:
        _refuse(wish.title)
        return super().update_event(reference, parts, wish)


class FussyMedia(MemoryMedia):
    """
    The same for videos.
    """

    def prepare_upload(self, reference: str, wish: UploadWish) -> Parts:
        _refuse(wish.title)
        return super().prepare_upload(reference, wish)


@dataclass(slots=True)
class Upload:
    """
    A file that a teacher wants to upload, and how that will end.
    """

    request: UploadRequest
    fate: Observation | None
    tries: int = 0
    sent: bool = False


class Play:
    """
    One interleaving, from its first move to its rest.
    """

    def __init__(self, seed: int, build: Build, stage: Stage) -> None:
        rng = self._rng = Random(seed)
        self._stage = stage
        self._build = build
        clock = self._clock = ManualClock()
        self.chronicle = Chronicle(BEGIN_AT)
        self._agenda = Agenda()
        climate = self._climate = Climate.drawn(rng)
        self._kept = MemoryDocuments()

        def effect(operation: str, do: Callable[[], Any]) -> Any:
            return self._weather(operation, do)

        self._events = FussyEvents(clock, effect)
        self._media = FussyMedia(clock, effect)
        self._ledger = Ledger(
            self._kept, self._events, self._media, stage, clock, grace_s=REAP_GRACE_S, beyond=climate.beyond
        )
        self._weather = Weather(
            rng, climate, stage, clock, self._agenda, self._ledger, self.chronicle, self._others_first
        )
        self._queue = MemoryQueue(clock, effect)
        documents = self._documents = build.documents(WatchedDocuments(self._kept, self._weather, self._ledger))
        self._sessions = build.sessions(documents, self._events, REAP_GRACE_S, build.late_commit_s)
        self._videos = build.videos(documents, self._media, POLICY, build.late_commit_s)
        self._feed = Feed(documents, self._queue, self._media, clock, interval_s=60.0, overlap_s=60.0, ticks_max=20)
        strays = build.strays(MemoryStrays(self._events, self._media, effect))
        self._sweep = Sweep(
            build.swept_documents(documents),
            self._queue,
            self._sessions,
            self._videos,
            self._feed,
            strays,
            clock,
            build.stray_age_s,
        )
        self._visitors: list[Visitor] = []
        self._notes_of: dict[Visitor, Note] = {}
        self._triggers: list[str] = []
        self._uploads: list[Upload] = []
        self._script = [(f"s{number}", self._drawn_actions()) for number in range(1, rng.choice((2, 2, 2, 3)))]
        self._entered = 0
        self._moves = 0
        self._goes_on = True
        self._asleep: dict[Visitor, int] = {}

    def run(self) -> None:
        """
        Play it.

        Raises:
            Broken: An invariant does not hold.
        """
        try:
            with contextlib.redirect_stdout(_UNHEARD), contextlib.redirect_stderr(_UNHEARD):
                while self._goes_on:
                    self._resume(self._next_visitor())
                self._clear_the_stage()
                self._come_to_rest()
        finally:
            for visitor in self._visitors:
                if not visitor.ended:
                    self._stage.kill(visitor)

    # --- what may happen next -------------------------------------------------------------------------------------

    def _next_visitor(self) -> Visitor | None:
        """
        Let happen what happens, until a visitor is to go on; `None` where it has been enough.
        """
        while self._goes_on:
            self._moves += 1
            awake = [visitor for visitor in self._visitors if self._asleep.get(visitor, 0) <= self._moves]
            if awake and self._rng.random() < (0.55 if len(awake) < 3 else 0.85):
                return self._rng.choice(awake)
            self._goes_on = bool(self._script) or self._rng.random() > 0.03
            if self._script and self._weather.unanswered and self._rng.random() < 0.5:
                # A change of mind while a call is still on its way is what most of the mechanism is for.
                self._weather.unanswered -= 1
                self._user_acts()
            else:
                self._something_happens()
        return None

    def _others_first(self) -> None:
        """
        Called by a visitor before and after its effects: whoever is drawn goes on, perhaps itself.

        What happens in between happens here, without handing the baton back: that takes far longer than all else.
        """
        if not self._goes_on or self._rng.random() > self._climate.switch:
            return
        me, self._stage.current = self._stage.current, None
        assert me is not None
        if self._rng.random() < self._climate.sleep:
            # While one is held up, others do all of theirs: few races are close ones.
            self._asleep[me] = self._moves + self._rng.randrange(5, 50)
        try:
            chosen = self._next_visitor()
        finally:
            self._stage.current = me
        if chosen is not me:
            self._stage.pause(chosen)

    def _something_happens(self) -> None:
        weights = (8, 12, self._climate.haste, 0.3, 1, 6)
        match self._rng.choices(("event", "note", "user", "sweep", "pause", "time"), weights)[0]:
            case "event" if self._triggers:
                self._trigger()
            case "note":
                self._deliver()
            case "user" if self._script:
                self._user_acts()
            case "sweep":
                self._enter("sweep", self._sweep.run)
            case "pause" if self._climate.trouble:
                self._pass(self._rng.uniform(60.0, 900.0))
            case _:
                self._pass(self._rng.expovariate(1 / self._climate.pace_s))

    def _resume(self, visitor: Visitor | None) -> None:
        if visitor is None:
            return
        last = self._stage.resume(visitor)
        if last.ended:
            self._visitors.remove(last)
            self._judge(last)

    def _judge(self, visitor: Visitor) -> None:
        """
        A visitor has ended: its queue may deliver its note again, its client may ask again.
        """
        error, note = visitor.error, self._notes_of.pop(visitor, None)
        if error is not None and not isinstance(error, BackendError | Killed):
            raise error
        if error is not None and note is not None and self._rng.random() < 0.7:
            self._queue.put(replace(note, at=self._clock() + timedelta(seconds=self._rng.uniform(1, 8)), once=None))
        name = "ended" if error is None else type(error).__name__
        self.chronicle.tell(self._clock(), visitor.name, name, None if error is None else str(error))

    def _enter(self, name: str, job: Callable[[], object], note: Note | None = None) -> None:
        self._entered += 1

        def run() -> None:
            job()

        visitor = Visitor(f"{name} #{self._entered}", run, self._clock())
        self._visitors.append(visitor)
        if note is not None:
            self._notes_of[visitor] = note

    def _trigger(self) -> None:
        """
        An event comes, in any order; it may be lost, or come again.
        """
        index = self._rng.randrange(len(self._triggers))
        session_id = self._triggers[index]
        chance = self._rng.random()
        if chance > self._climate.doubles:
            self._triggers.pop(index)
        if self._rng.random() < self._climate.trouble / 2:
            self.chronicle.tell(self._clock(), "trigger", session_id, trouble="event lost")
            return
        self.chronicle.tell(self._clock(), "trigger", session_id)
        self._queue.put(Note(VISIT_SESSION, session_id))

    def _deliver(self) -> None:
        """
        A note whose time has come is delivered, in any order; it may be lost, or come again.
        """
        due = [index for index, note in enumerate(self._queue.waiting()) if (note.at or self._clock()) <= self._clock()]
        if not due:
            return
        note = self._queue.take(self._rng.choice(due))
        if self._rng.random() < self._climate.trouble / 2:
            self.chronicle.tell(self._clock(), "queue", "drops", note, "note lost")
            return
        if self._rng.random() < self._climate.doubles:
            self.chronicle.tell(self._clock(), "queue", "doubles", note, "note doubled")
            self._enter(f"{note.queue} {note.key[:6]}", self._work(note))
        self._enter(f"{note.queue} {note.key[:6]}", self._work(note), note)

    def _work(self, note: Note) -> Callable[[], object]:
        """
        What the workers of `functions/work.py` do with a note.
        """
        if note.queue == VISIT_SESSION:
            return lambda: visit(self._sessions, note.key, self._documents, self._queue, self._clock)
        if note.queue == VISIT_VIDEO:
            return lambda: visit(self._videos, note.key, self._documents, self._queue, self._clock)
        assert note.queue == TICK_FEED
        return lambda: self._feed.tick(int(note.key.rpartition(":")[2]))

    def _pass(self, seconds: float) -> None:
        until = self._clock() + timedelta(seconds=seconds)
        while (at := self._agenda.next_at()) is not None and at <= until:
            self._clock.move_to(max(at, self._clock()))
            self._agenda.do_next()
        self._clock.move_to(until)

    # --- users ----------------------------------------------------------------------------------------------------

    def _drawn_actions(self) -> list[str]:
        rng = self._rng
        first = rng.choices(("create public", "create draft", "create on demand"), (6, 3, 1))
        kinds = {"publish": 3, "unpublish": 3, "retitle": 4, "refuse": 1, "flip": 2, "delete": 2, "upload": 3, "ask": 2}
        if rng.random() < 0.3:
            # Who does the same again and again meets what a mixture hardly ever meets.
            kinds = {"publish": 1, rng.choice(("retitle", "retitle", "flip", "unpublish", "delete", "upload")): 4}
        return first + rng.choices(list(kinds), list(kinds.values()), k=rng.randrange(1, 8))

    def _user_acts(self) -> None:
        session_id, actions = script = self._rng.choice(self._script)
        action = actions.pop(0)
        if not actions:
            self._script.remove(script)
        known = self._ledger.sessions.get(session_id)
        before = None if known is None else known.fields
        match action:
            case "upload" if before is not None:
                self._upload(session_id)
            case "ask" if before is not None:
                self._ask(session_id)
            case "publish":
                self._user_writes(session_id, before, {"status": "public"})
            case "unpublish":
                self._user_writes(session_id, before, {"status": "draft"})
            case "flip":
                for status in ("public", "draft", "public"):
                    self._user_writes(session_id, self._ledger.sessions[session_id].fields, {"status": status})
            case "retitle":
                self._user_writes(session_id, before, {"title": f"Title {self._ledger.steps}"})
            case "refuse":
                self._user_writes(session_id, before, {"title": REFUSED_TITLE})
            case "delete":
                self._user_deletes(session_id, before)
            case "create public":
                self._user_writes(session_id, before, {"status": "public"})
            case "create on demand":
                self._user_writes(session_id, before, {"status": "public", "format": "onDemand"})
            case _:
                self._user_writes(session_id, before, {"status": "draft"})

    def _user_writes(self, session_id: str, before: Fields | None, changes: Fields) -> None:
        new = {"ownerUid": OWNER.uid, "title": "Title", "status": "draft", "format": "liveStreaming"}
        after = {**(new if before is None else before), **changes}
        path = session_path(session_id)
        self._kept.commit(Create(path, after) if before is None else Update(path, changes))
        self.chronicle.tell(self._clock(), "user", "writes", {session_id: changes})
        self._user_wrote(session_id, before, after)

    def _user_deletes(self, session_id: str, before: Fields | None) -> None:
        if before is None:
            return
        self._kept.commit(Delete(session_path(session_id)))
        self.chronicle.tell(self._clock(), "user", "deletes", session_id)
        self._user_wrote(session_id, before, None)

    def _user_wrote(self, session_id: str, before: Fields | None, after: Fields | None) -> None:
        """
        Remember it, and let an event follow where `functions/sessions.py` would act on it.
        """
        self._ledger.user_wrote(session_id, after)
        wishes = [
            None if fields is None else wanted(Session.from_fields(session_id, fields)) for fields in (before, after)
        ]
        if after is None or wishes[0] != wishes[1]:
            self._triggers.append(session_id)

    def _upload(self, session_id: str) -> None:
        title = REFUSED_TITLE if self._rng.random() < 0.1 else "A video"
        number = len(self._uploads) + 1
        request = UploadRequest(session_id, f"request {number}", "video.mp4", 900, title)
        upload = Upload(request, self._rng.choice(FATES))
        self._uploads.append(upload)
        self._ledger.sessions[session_id].ever_asked = True
        self._ask_to_upload(upload)

    def _ask_to_upload(self, upload: Upload) -> None:
        upload.tries += 1

        def job() -> None:
            try:
                token = issue_upload_token(
                    OWNER, upload.request, self._videos, self._feed, self._documents, self._queue, self._clock
                )
            except Transient:
                self._ask_again(upload)
                raise
            self._send(upload, token.grant.values["uploadTokenId"])

        # The answer may not reach the client either.
        if self._rng.random() < self._climate.trouble:
            self._ask_again(upload)
        self._enter(f"issueUploadToken {upload.request.session_id}", job)

    def _ask_again(self, upload: Upload) -> None:
        if upload.tries < 3:
            at = self._clock() + timedelta(seconds=self._rng.uniform(1.0, 60.0))
            self._agenda.add(at, lambda: self._ask_to_upload(upload))

    def _ask(self, session_id: str) -> None:
        self._enter(
            f"getKalturaSession {session_id}",
            lambda: get_kaltura_session(OWNER, session_id, self._sessions, self._documents, self._queue, self._clock),
        )

    # --- the provider ---------------------------------------------------------------------------------------------

    def _send(self, upload: Upload, token_id: str | int) -> None:
        """
        The client sends the bytes, and the provider works on them.
        """
        if upload.fate is None or upload.sent:
            return
        upload.sent = True
        sent_at = self._clock() + timedelta(seconds=self._rng.uniform(1.0, 600.0))
        self._agenda.add(sent_at, lambda: self._show(token_id, Observation(MediaState.PROCESSING, 10)))
        fate = upload.fate
        done_at = sent_at + timedelta(seconds=self._rng.uniform(0.0, 600.0))
        self._agenda.add(done_at, lambda: self._show(token_id, fate))

    def _show(self, token_id: str | int, observation: Observation) -> None:
        made = next((one for one in self._media.alive() if one.parts.get("uploadTokenId") == token_id), None)
        if made is None:
            return
        self._media.show(made.parts, observation)
        self.chronicle.tell(self._clock(), "provider", f"{made.parts['entryId']} is", observation)
        path = video_path(made.reference.split(":")[1])
        deadline_at = self._ledger.recorded[path]["deadlineAt"]
        if observation == READY and deadline_at is not None and self._clock() < deadline_at:
            self._ledger.ready_in_time.add(path)

    # --- the end --------------------------------------------------------------------------------------------------

    def _clear_the_stage(self) -> None:
        """
        Who is still at it dies, or gets to its end; events that are still on their way are lost, or come.
        """
        dies, lost = self._rng.random() < 0.5, self._rng.random() < 0.5
        if self._climate.trouble == 0:
            dies = lost = False
        for visitor in list(self._visitors):
            if dies:
                self.chronicle.tell(self._clock(), visitor.name, "dies")
                self._stage.kill(visitor)
            while not visitor.ended:
                self._stage.resume(visitor)
            self._visitors.remove(visitor)
            self._judge(visitor)
        for session_id in () if lost else self._triggers:
            self._queue.put(Note(VISIT_SESSION, session_id))
        if lost:
            for _ in range(self._rng.randrange(len(self._queue.waiting()) + 1)):
                note = self._queue.take(self._rng.randrange(len(self._queue.waiting())))
                self.chronicle.tell(self._clock(), "queue", "drops", note, "note lost")

    def _come_to_rest(self) -> None:
        """
        Only the sweep and the queue run, and what the outside world had begun comes to its end.

        Raises:
            Broken: An invariant does not hold.
        """
        quiet_at = self._clock()
        for after_s in RESTS_AFTER_S:
            self._run_until(quiet_at + timedelta(seconds=after_s))
            if self._build.sweeps:
                self._weather.quietly("sweep")
                self._sweep.run()
        left = self._queue.waiting()
        if left and self._build.sweeps:
            raise Broken(13, "everything comes to an end", f"there is still {left}")
        check_rest(self._ledger)

    def _run_until(self, until: datetime) -> None:
        while (at := self._agenda.next_at()) is not None and at <= until:
            self._queue.deliver_until(max(at, self._clock()), self._deliver_quietly)
            self._weather.quietly("provider")
            self._agenda.do_next()
            for visitor in self._visitors:
                self._weather.quietly(visitor.name)
                with contextlib.suppress(BackendError):
                    visitor.job()
            self._visitors.clear()
        self._queue.deliver_until(until, self._deliver_quietly)

    def _deliver_quietly(self, note: Note) -> None:
        self._weather.quietly(f"{note.queue} {note.key[:6]}")
        self._work(note)()


def _refuse(title: str) -> None:
    if title == REFUSED_TITLE:
        raise Permanent("Choose another title.", provider="memory", operation="create", code="BAD_TITLE")


def play(seed: int, build: Build, stage: Stage) -> tuple[Chronicle, Exception | None]:
    """
    Play one interleaving.

    Returns:
        What happened, and what was wrong with it: a broken invariant, or whatever the code raised that is no error of
        ours.
    """
    one = Play(seed, build, stage)
    try:
        one.run()
    except Exception as error:
        return one.chronicle, error
    return one.chronicle, None
