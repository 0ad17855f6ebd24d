"""One interleaving: users, workers, provider and time move in an order drawn from the seed.

Then nothing goes wrong any more, and only the sweep and the queue run. The end state must match the last spec.

Called by `test_races.py` and by hand. `faults` decides what goes wrong, and `invariants` what is right.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.memory import (
    BEGIN_AT,
    Effect,
    ManualClock,
    MemoryAccounts,
    MemoryDocuments,
    MemoryEvents,
    MemoryInventory,
    MemoryMedia,
    MemoryQueue,
    MemoryViewerKeys,
)
from emulator_tests.pure.races.chronicle import Chronicle
from emulator_tests.pure.races.defects import SOUND, Build
from emulator_tests.pure.races.faults import Agenda, FaultInjector, FaultRates
from emulator_tests.pure.races.invariants import (
    PARTLY_REFUSED_TITLE,
    REFUSED_TITLE,
    Broken,
    Given,
    Ledger,
    check_rest,
    nobody_keeps_what_they_may_not_have,
)
from emulator_tests.pure.races.scheduler import Killed, Scheduler, Worker
from shared.core.callers import Caller, ClaimNames
from shared.core.errors import BackendError, Conflict, Permanent, Transient
from shared.core.paths import RECONCILE_VIDEO, VIDEOS, enrolment_path, session_path, video_path
from shared.ports import (
    Clock,
    Condition,
    Create,
    Delete,
    Document,
    EventIds,
    EventSpec,
    ExternalIds,
    Fields,
    MediaState,
    Observation,
    Operator,
    ProviderAccount,
    Query,
    Refusal,
    Task,
    Total,
    Update,
    UploadSpec,
    Version,
    Write,
)
from shared.sessions.admissions.changes import following
from shared.sessions.admissions.controller import task as admission_task
from shared.sessions.admissions.model import CHECK_MOST
from shared.sessions.broadcasting import Window
from shared.sessions.kaltura_session import get_kaltura_session
from shared.sessions.resource import controller as session_controller
from shared.sessions.session import Session
from shared.transfers.commands import transfer_session
from shared.videos.commands import Correction, cancel_upload, delete_video, retry_video, update_video, upload_finished
from shared.videos.model import PENDING, Video
from shared.videos.resource import controller as video_controller
from shared.videos.resource import playbacks, upload_tokens
from shared.videos.settings import Policy
from shared.videos.upload_tokens import ReplaceRequest, UploadRequest

OWNERS: Final = (Caller("teacher", is_teacher=True), Caller("another", is_teacher=True))
"""Either teacher may create a deleted session again with the same id, and may transfer sessions to the other."""
STUDENT: Final = Caller("student", is_teacher=False)
REAP_GRACE_S: Final = 600
POLICY: Final = Policy(
    max_bytes=1000,
    max_duration_s=100,
    session_videos_max=20,
    session_bytes_max=20_000,
    teacher_videos_max=50,
    teacher_bytes_max=50_000,
    uploads_in_flight_max=5,
    tokens_per_minute_max=50,
    upload_deadline_s=900,
    processing_deadline_s=900,
    retry_keep_s=1200,
    looks_max=50,
)
SETTINGS: Final = deployment_settings(
    policy=POLICY,
    provider="memory",
    reap_grace_s=REAP_GRACE_S,
    late_commit_s=SOUND.late_commit_s,
    window=Window(early_s=900, overrun_s=3600),
    stray_age_s=SOUND.stray_age_s,
    feed_interval_s=60.0,
    feed_overlap_s=60.0,
    feed_ticks_max=20,
    tasks_per_hour_max=100_000,
)
RESTS_AFTER_S: Final = (60, 2200, 4400, 6600, 9000, 10500)
"""Seconds after the last trouble at which the sweep runs. That is far less often than in the cloud, and must be
enough."""

LOST_AFTER_S: Final = 300.0
"""Seconds after its upload at which a document may be lost. By then, nobody asks for that upload any more."""

READY: Final = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=900, media_type="video/mp4")
FATES: Final[tuple[Observation | None, ...]] = (
    READY,
    READY,
    Observation(MediaState.READY, 100, duration_s=6000.0, size_bytes=900, media_type="video/mp4"),
    Observation(MediaState.ERROR, reason="It cannot be read."),
    Observation(MediaState.ERROR, reason="It could not be converted.", retryable=True),
    Observation(MediaState.PROCESSING, 50),
    Observation(MediaState.REJECTED),
    Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=900),
    Observation(MediaState.AWAITING_UPLOAD, 100, received_bytes=5000),
    None,
)
"""The possible ends of an upload at the provider. In one case more bytes arrive than declared; `None`: the bytes
never arrive."""


class _Unheard(io.TextIOBase):
    """
    Discards the log, because the chronicle has more detail, and makes text of it only when needed.
    """

    def write(self, text: str) -> int:
        return len(text)


_UNHEARD: Final = _Unheard()


class WatchedDocuments:
    """
    The documents of the code under test. Each call is an effect, and each write is checked.
    """

    def __init__(self, kept: MemoryDocuments, faults: FaultInjector, ledger: Ledger) -> None:
        self._kept = kept
        self._faults = faults
        self._ledger = ledger

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        return self._faults("read", lambda: self._kept.read(*paths), paths)

    def select(self, query: Query) -> Sequence[Document]:
        return self._faults("select", lambda: self._kept.select(query), query.collection)

    def count(self, query: Query) -> int:
        return self._faults("count", lambda: self._kept.count(query), query.collection)

    def total(self, query: Query, field: str) -> Total:
        return self._faults("total", lambda: self._kept.total(query, field), query.collection)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        def do() -> tuple[Version, ...]:
            versions = self._kept.commit(*writes)
            self._ledger.wrote(writes)
            return versions

        return self._faults("commit", do, writes)


class FussyEvents(MemoryEvents):
    """
    A provider that refuses events with one title, and a part of events with another.
    """

    def __init__(self, clock: Clock, effect: Effect) -> None:
        super().__init__(clock, effect)
        refusal = Refusal("TOO_LONG", "Let it end earlier.")
        self.refuses = lambda spec: refusal if spec.title == PARTLY_REFUSED_TITLE else None

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        _refuse(spec.title)
        return super().create_event(reference, spec)

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        _refuse(spec.title)
        return super().update_event(reference, external_ids, spec)


class FussyMedia(MemoryMedia):
    """
    A provider that refuses videos with one title.

    Attributes:
        anew: Called with the external ids of a video that the provider processes again.
    """

    anew: Callable[[ExternalIds], None]

    def reprocessing(self, external_ids: ExternalIds) -> None:
        self.anew(external_ids)

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        _refuse(spec.title)
        return super().prepare_upload(reference, spec)

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        _refuse(spec.title)
        super().rename(reference, external_ids, spec)


@dataclass(slots=True)
class Upload:
    """
    A file that a teacher wants to upload, and how the upload will end.
    """

    request: UploadRequest | ReplaceRequest
    caller: Caller
    fate: Observation | None
    tries: int = 0
    sent: bool = False
    video_id: str = ""


class Play:
    """
    One interleaving, from its first move until nothing is left to do.
    """

    def __init__(self, seed: int, build: Build, scheduler: Scheduler) -> None:
        rng = self._rng = Random(seed)
        self._scheduler = scheduler
        self._build = build
        clock = self._clock = ManualClock()
        self.chronicle = Chronicle(BEGIN_AT)
        self._agenda = Agenda()
        rates = self._rates = FaultRates.drawn(rng)
        self._kept = MemoryDocuments()

        def effect(operation: str, do: Callable[[], Any]) -> Any:
            return self._faults(operation, do)

        self._events = FussyEvents(clock, effect)
        self._media = FussyMedia(clock, effect)
        self._keys = MemoryViewerKeys(clock, effect)
        self._ledger = Ledger(
            self._kept, self._events, self._media, scheduler, clock, grace_s=REAP_GRACE_S, beyond=rates.beyond
        )
        self._faults = FaultInjector(
            rng, rates, scheduler, clock, self._agenda, self._ledger, self.chronicle, self._others_first
        )
        self._queue = MemoryQueue(clock, effect)
        self._media.anew = self._process_anew
        self._app = build.assemble(
            WatchedDocuments(self._kept, self._faults, self._ledger),
            self._queue,
            clock,
            self._events,
            ProviderAccount(self._media, MemoryInventory(self._events, self._media, effect), self._keys),
            SETTINGS,
        )
        self._workers: list[Worker] = []
        self._tasks_of: dict[Worker, Task] = {}
        self._triggers: list[Task] = []
        self._uploads: list[Upload] = []
        self._given: dict[str | int, UploadRequest | ReplaceRequest] = {}
        self._script = [(f"s{number}", self._drawn_actions()) for number in range(1, rng.choice((2, 2, 2, 3)))]
        self._accounts = MemoryAccounts()
        for owner in OWNERS:
            self._accounts.write(owner.uid, teacher=True)
        self._entered = 0
        self._moves = 0
        self._goes_on = True
        self._asleep: dict[Worker, int] = {}

    def run(self) -> None:
        """
        Run the interleaving.

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
            for worker in self._workers:
                if not worker.ended:
                    self._scheduler.kill(worker)

    # --- next moves -----------------------------------------------------------------------------------------------

    def _next_visitor(self) -> Worker | None:
        """
        Let things happen until a worker is to move, and return it; `None` at the end of the interleaving.
        """
        while self._goes_on:
            self._moves += 1
            awake = [worker for worker in self._workers if self._asleep.get(worker, 0) <= self._moves]
            if awake and self._rng.random() < (0.55 if len(awake) < 3 else 0.85):
                return self._rng.choice(awake)
            self._goes_on = bool(self._script) or self._rng.random() > 0.03
            if self._script and self._faults.unanswered and self._rng.random() < 0.5:
                # Most of the mechanism exists for a change of mind while a call is still on its way.
                self._faults.unanswered -= 1
                self._user_acts()
            else:
                self._something_happens()
        return None

    def _others_first(self) -> None:
        """
        Let another worker go first, if the draw says so. Called by a worker before and after its effects.

        What happens in between happens here, without handing control back, which would take far longer than
        everything else.
        """
        if not self._goes_on or self._rng.random() > self._rates.switch:
            return
        me, self._scheduler.current = self._scheduler.current, None
        assert me is not None
        if self._rng.random() < self._rates.sleep:
            # Let others finish all their moves while this one sleeps: few races are close ones.
            self._asleep[me] = self._moves + self._rng.randrange(5, 50)
        try:
            chosen = self._next_visitor()
        finally:
            self._scheduler.current = me
        if chosen is not me:
            self._scheduler.pause(chosen)

    def _something_happens(self) -> None:
        weights = (8, 12, self._rates.haste, 0.3, 1, 6)
        match self._rng.choices(("event", "note", "user", "sweep", "pause", "time"), weights)[0]:
            case "event" if self._triggers:
                self._trigger()
            case "note":
                self._deliver()
            case "user" if self._script:
                self._user_acts()
            case "sweep":
                self._enter("sweep", self._app.sweep.run)
            case "pause" if self._rates.trouble:
                self._pass(self._rng.uniform(60.0, 900.0))
            case _:
                self._pass(self._rng.expovariate(1 / self._rates.pace_s))

    def _resume(self, worker: Worker | None) -> None:
        if worker is None:
            return
        last = self._scheduler.resume(worker)
        if last.ended:
            self._workers.remove(last)
            self._judge(last)

    def _judge(self, worker: Worker) -> None:
        """
        Handle the end of a worker: the queue may deliver its task again, and the client may ask again.
        """
        error, task = worker.error, self._tasks_of.pop(worker, None)
        if error is not None and not isinstance(error, BackendError | Killed):
            raise error
        if error is not None and task is not None and self._rng.random() < 0.7:
            self._queue.put(replace(task, at=self._clock() + timedelta(seconds=self._rng.uniform(1, 8)), once=None))
        name = "ended" if error is None else type(error).__name__
        self.chronicle.tell(self._clock(), worker.name, name, None if error is None else str(error))

    def _enter(self, name: str, job: Callable[[], object], task: Task | None = None) -> None:
        self._entered += 1

        def run() -> None:
            job()

        worker = Worker(f"{name} #{self._entered}", run, self._clock())
        self._workers.append(worker)
        if task is not None:
            self._tasks_of[worker] = task

    def _trigger(self) -> None:
        """
        Let one of the triggers run, in any order. It may be lost, or run again.
        """
        index = self._rng.randrange(len(self._triggers))
        task = self._triggers[index]
        chance = self._rng.random()
        if chance > self._rates.doubles:
            self._triggers.pop(index)
        if self._rng.random() < self._rates.trouble / 2:
            self.chronicle.tell(self._clock(), "trigger", task.key, trouble="event lost")
            return
        self.chronicle.tell(self._clock(), "trigger", task.key)
        self._queue.put(task)

    def _deliver(self) -> None:
        """
        Deliver one of the due tasks, in any order. It may be lost, or be delivered again.
        """
        due = [index for index, task in enumerate(self._queue.waiting()) if (task.at or self._clock()) <= self._clock()]
        if not due:
            return
        task = self._queue.take(self._rng.choice(due))
        if self._rng.random() < self._rates.trouble / 2:
            self.chronicle.tell(self._clock(), "queue", "drops", task, "note lost")
            return
        if self._rng.random() < self._rates.doubles:
            self.chronicle.tell(self._clock(), "queue", "doubles", task, "note doubled")
            self._enter(f"{task.queue} {task.key[:6]}", self._work(task))
        self._enter(f"{task.queue} {task.key[:6]}", self._work(task), task)

    def _work(self, task: Task) -> Callable[[], object]:
        """
        Return the job of a worker, as in `functions/work.py`.
        """
        return lambda: self._app.work(task.queue, task.key)

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
        kinds: dict[str, float] = {"publish": 3, "unpublish": 3, "retitle": 4, "refuse": 1, "flip": 2, "delete": 2}
        kinds |= {"upload": 3, "ask": 2, "refuse in part": 1, "enrol": 1, "unenrol": 1, "transfer": 2}
        of_videos: dict[str, float] = {"upload": 1, "replace": 4, "cancel": 2, "remove": 1, "retry": 3, "renew": 1}
        of_videos |= {"finished": 1, "correct": 3, "transfer": 1, "lose": 1}
        of_viewers: dict[str, float] = {"watch": 6, "enrol": 2, "unenrol": 1, "narrow": 1, "publish": 2, "transfer": 1}
        chance = rng.random()
        if chance < 0.2:
            # Repeating the same few acts reaches states that a mixture hardly ever does.
            kinds = {"publish": 1, rng.choice(("retitle", "transfer", "flip", "unpublish", "delete", "upload")): 4}
        elif chance < 0.6:
            first, kinds = [*first, "enrol", "upload"], {**of_videos, "delete": 0.5, "unpublish": 0.5}
        elif chance < 0.75:
            first, kinds = ["create public", "enrol", "upload film", "watch"], of_viewers
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
                self._upload(session_id, self._rng.choice(FATES))
            case "upload film" if before is not None:
                self._upload(session_id, READY)
            case "lose":
                at = self._clock() + timedelta(seconds=self._rng.uniform(LOST_AFTER_S, 3000.0))
                self._agenda.add(at, lambda: self._lose(session_id))
            case "replace" | "cancel" | "remove" | "retry" | "renew" | "finished" | "correct":
                self._later(lambda: self._act_on_a_video(action, session_id))
            case "ask" if before is not None:
                self._ask(session_id)
            case "transfer" if before is not None:
                self._transfer(session_id)
            case "enrol" if before is not None:
                self._enrol(session_id)
            case "unenrol":
                self._later(lambda: self._unenrol(session_id))
            case "narrow" if before is not None:
                self._user_writes(session_id, before, {"visibility": "enrolled"})
            case "watch":
                for _ in range(3):
                    at = self._clock() + timedelta(seconds=self._rng.uniform(0.0, 3000.0))
                    self._agenda.add(at, lambda: self._watch(session_id))
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
            case "refuse in part":
                self._user_writes(session_id, before, {"title": PARTLY_REFUSED_TITLE})
            case "delete":
                self._user_deletes(session_id, before)
            case "create public":
                self._user_writes(session_id, before, {"status": "public"})
            case "create on demand":
                self._user_writes(session_id, before, {"status": "public", "format": "onDemand"})
            case _:
                self._user_writes(session_id, before, {"status": "draft"})

    def _later(self, action: Callable[[], None]) -> None:
        """
        Do this now, or after an upload has come to its end.
        """
        after_s = self._rng.choice((0.0, self._rng.uniform(0.0, 1500.0)))
        self._agenda.add(self._clock() + timedelta(seconds=after_s), action)

    def _owner(self, session_id: str) -> Caller:
        """
        Return the session's owner, or its last one.
        """
        fields = self._ledger.sessions[session_id].fields or {}
        return next((owner for owner in OWNERS if owner.uid == fields.get("ownerUid")), OWNERS[0])

    def _user_writes(self, session_id: str, before: Fields | None, changes: Fields) -> None:
        owner = OWNERS[0] if session_id not in self._ledger.sessions else self._rng.choice(OWNERS)
        new: dict[str, Any] = {"ownerUid": owner.uid, "title": "Title", "status": "draft", "format": "liveStreaming"}
        new["visibility"] = self._rng.choice(("open", "enrolled"))
        if self._rng.random() < 0.8:
            # Sessions without `createdAt` are those that a back end writes.
            new["createdAt"] = self._clock() + timedelta(microseconds=self._ledger.steps)
        self.chronicle.tell(self._clock(), "user", "writes", {session_id: changes})
        changes = {**changes, "updatedAt": self._clock()}
        after = {**(new if before is None else before), **changes}
        path = session_path(session_id)
        self._kept.commit(Create(path, after) if before is None else Update(path, changes))
        self._user_wrote(session_id, before, after)

    def _user_deletes(self, session_id: str, before: Fields | None) -> None:
        if before is None:
            return
        self._kept.commit(Delete(session_path(session_id)))
        self.chronicle.tell(self._clock(), "user", "deletes", session_id)
        self._user_wrote(session_id, before, None)

    def _user_wrote(self, session_id: str, before: Fields | None, after: Fields | None) -> None:
        """
        Record the write, and let a trigger follow if those of `functions/sessions.py` enqueue something.
        """
        self._ledger.user_wrote(session_id, after)
        was, now = (None if one is None else Session.from_fields(session_id, one) for one in (before, after))
        self._triggers += following(session_id, was, now)

    def _upload(self, session_id: str, fate: Observation | None) -> None:
        title = REFUSED_TITLE if self._rng.random() < 0.1 else "A video"
        number = len(self._uploads) + 1
        request = UploadRequest(session_id, f"request {number}", "video.mp4", 900, title)
        self._ledger.sessions[session_id].ever_asked = True
        self._ask_to_upload(Upload(request, self._owner(session_id), fate))

    def _act_on_a_video(self, action: str, session_id: str) -> None:
        """
        Let the owner act on one of a session's videos, if there is any.
        """
        of_session = Query(VIDEOS, (Condition("sessionId", Operator.EQUAL, session_id),))
        there = [document.id for document in self._kept.select(of_session)]
        if not there:
            return
        video_id, app, owner = self._rng.choice(there), self._app, self._owner(session_id)
        if action == "replace":
            title = REFUSED_TITLE if self._rng.random() < 0.1 else None
            request = ReplaceRequest(video_id, f"request {len(self._uploads) + 1}", "video.mp4", 900, title)
            self._ask_to_upload(Upload(request, owner, self._rng.choice(FATES)))
            return
        title = self._rng.choice((None, f"Title {self._ledger.steps}", REFUSED_TITLE))
        order = self._rng.randrange(1, 9) if title is None or self._rng.random() < 0.5 else None
        correction = Correction(title, order)
        jobs: dict[str, Callable[[], object]] = {
            "correct": lambda: update_video(owner, video_id, correction, app.documents, app.queue, app.clock),
            "cancel": lambda: cancel_upload(owner, video_id, app.documents, app.queue, app.clock),
            "remove": lambda: delete_video(owner, video_id, app.documents, app.queue, app.clock),
            "retry": lambda: retry_video(owner, video_id, app.documents, app.queue, app.clock),
            "renew": lambda: app.get(upload_tokens).renew_upload_token(owner, video_id),
            "finished": lambda: upload_finished(owner, video_id, app.documents, app.queue, app.clock),
        }
        self._enter(f"{action} {video_id[:6]}", jobs[action])

    # --- the operator ---------------------------------------------------------------------------------------------

    def _lose(self, session_id: str) -> None:
        """
        Lose the document of a ready video, and let the operator adopt orphans, once or twice.
        """
        ready = (Condition("sessionId", Operator.EQUAL, session_id), Condition("state", Operator.EQUAL, "ready"))
        long_ago = self._clock() - timedelta(seconds=LOST_AFTER_S)
        alive = self._media.alive()
        for document in self._kept.select(Query(VIDEOS, ready)):
            mine = [one for one in alive if one.reference.split(":")[1] == document.id]
            fields = document.fields
            is_quiet = fields["claim"] is None and fields["wish"]["number"] == fields["serving"]
            plays = [one.external_ids for one in mine if one.created_at < long_ago] == [fields["playable"]["parts"]]
            if len(mine) == 1 and plays and is_quiet:
                self._kept.commit(Delete(document.path))
                self._ledger.lose(document.path)
                self.chronicle.tell(self._clock(), "database", "loses", document.path, "document lost")
                break
        for _ in range(self._rng.choice((1, 1, 2))):
            at = self._clock() + timedelta(seconds=self._rng.choice((0.0, self._rng.uniform(0.0, 2000.0))))
            self._agenda.add(at, lambda: self._enter("adopt", self._adopt))
        if self._rng.random() < 0.6:
            at = self._clock() + timedelta(seconds=self._rng.choice((0.0, self._rng.uniform(0.0, 2000.0))))
            self._agenda.add(at, lambda: self._user_deletes(session_id, self._ledger.sessions[session_id].fields))

    def _adopt(self) -> None:
        """
        Adopt orphans, as the operator's command does.
        """
        for one in self._app.adoption.adopt(self._app.orphans.all(young=True)):
            what = "orphan refused" if one.path is None else "orphan adopted"
            self.chronicle.tell(self._clock(), "operator", one.item.reference, one.sentence, what)

    def _ask_to_upload(self, upload: Upload) -> None:
        if upload.tries == 0:
            self._uploads.append(upload)
        upload.tries += 1
        tokens, request = self._app.get(upload_tokens), upload.request

        def job() -> None:
            try:
                if isinstance(request, UploadRequest):
                    token = tokens.issue_upload_token(upload.caller, request)
                else:
                    token = tokens.replace_video(upload.caller, request)
            except Transient:
                self._ask_again(upload)
                raise
            upload.video_id = token.video_id
            token_id = token.grant.values["uploadTokenId"]
            if self._given.setdefault(token_id, request) != request:
                raise Broken(18, "a token is for the file that was asked for", f"{token_id} was given twice")
            self._send(upload, token_id)

        # The client may not get the answer either.
        if self._rng.random() < self._rates.trouble:
            self._ask_again(upload)
        self._enter(f"{type(request).__name__} {request.request_id}", job)

    def _ask_again(self, upload: Upload) -> None:
        if upload.tries < 3:
            at = self._clock() + timedelta(seconds=self._rng.uniform(1.0, 60.0))
            self._agenda.add(at, lambda: self._ask_to_upload(upload))

    def _ask(self, session_id: str) -> None:
        owner = self._owner(session_id)
        self._enter(
            f"getKalturaSession {session_id}",
            lambda: get_kaltura_session(
                owner, session_id, self._app.get(session_controller), self._app.documents, self._queue, self._clock
            ),
        )

    def _transfer(self, session_id: str) -> None:
        """
        Let the owner transfer a session to the other teacher.
        """
        owner, app = self._owner(session_id), self._app
        other = next(one for one in OWNERS if one is not owner)
        self._enter(
            f"transferSession {session_id}",
            lambda: transfer_session(
                owner,
                session_id,
                other.uid,
                app.documents,
                self._accounts,
                ClaimNames(),
                app.get(video_controller).policy,
                self._queue,
                self._clock,
            ),
        )

    def _enrol(self, session_id: str) -> None:
        """
        Let the owner enrol a student.
        """
        at = self._clock() + timedelta(microseconds=self._ledger.steps)
        fields = {"sessionId": session_id, "uid": STUDENT.uid, "ownerUid": self._owner(session_id).uid, "createdAt": at}
        # The rules do not allow to overwrite an enrolment.
        with contextlib.suppress(Conflict):
            self._kept.commit(Create(enrolment_path(session_id, STUDENT.uid), fields))

    def _unenrol(self, session_id: str) -> None:
        """
        Let the owner delete the enrolment.
        """
        path = enrolment_path(session_id, STUDENT.uid)
        if self._kept.read(path)[0] is not None:
            self._kept.commit(Delete(path))
            self._ledger.changed_at[session_id] = self._clock()
            self.chronicle.tell(self._clock(), "user", "unenrols", session_id)
            self._triggers.append(admission_task(session_id, STUDENT.uid))

    def _watch(self, session_id: str) -> None:
        """
        Let a student watch one of a session's videos in the provider's own player, if there is any.
        """
        of_session = Condition("sessionId", Operator.EQUAL, session_id)
        there = [one for one in self._kept.select(Query(VIDEOS, (of_session,))) if one.fields["playable"]]
        if not there:
            return
        chosen = self._rng.choice(there)

        def job() -> None:
            given = self._app.get(playbacks).issue_playback(STUDENT, chosen.id, needs_player_key=True).player_key
            assert given is not None
            session = Video.from_document(chosen).session
            key = Given(session, str(given.values["revocationId"]), self._clock(), given.expires_at)
            self._ledger.given.append(key)
            self.chronicle.tell(self._clock(), "student", "watches", chosen.id, "key given")
            if self._rng.random() < 0.7:
                self._later(lambda: self._take_away(session_id))

        self._enter(f"issuePlayback {session_id}", job)

    def _take_away(self, session_id: str) -> None:
        """
        Let the owner end the student's access, or make it depend on an enrolment.
        """
        fields = self._ledger.sessions[session_id].fields
        if fields is None:
            return
        match self._rng.choice(("unenrol", "unpublish", "narrow", "delete")):
            case "unenrol":
                self._unenrol(session_id)
            case "unpublish":
                self._user_writes(session_id, fields, {"status": "draft"})
            case "narrow":
                self._user_writes(session_id, fields, {"visibility": "enrolled"})
            case _:
                self._user_deletes(session_id, fields)

    # --- the provider ---------------------------------------------------------------------------------------------

    def _send(self, upload: Upload, token_id: str | int) -> None:
        """
        Let the client send the bytes, and the provider process them.
        """
        if upload.fate is None or upload.sent:
            return
        upload.sent = True
        sent_at = self._clock() + timedelta(seconds=self._rng.uniform(1.0, 600.0))
        fate = upload.fate
        if fate.state is not MediaState.AWAITING_UPLOAD:
            self._agenda.add(sent_at, lambda: self._show(token_id, Observation(MediaState.PROCESSING, 10)))
        done_at = sent_at + timedelta(seconds=self._rng.uniform(0.0, 600.0))
        self._agenda.add(done_at, lambda: self._show(token_id, fate))
        if fate.retryable or fate.state is MediaState.PROCESSING:
            # A user who sees the failure retries, sooner or later.
            for after_s in (self._rng.uniform(60.0, 400.0), self._rng.uniform(400.0, 2000.0)):
                self._agenda.add(done_at + timedelta(seconds=after_s), lambda: self._retry(upload))

    def _retry(self, upload: Upload) -> None:
        app, video_id = self._app, upload.video_id
        self._enter(
            f"retry {video_id[:6]}", lambda: retry_video(upload.caller, video_id, app.documents, app.queue, app.clock)
        )

    def _process_anew(self, external_ids: ExternalIds) -> None:
        fate = self._rng.choice((READY, READY, Observation(MediaState.ERROR, reason="It still cannot be read.")))
        at = self._clock() + timedelta(seconds=self._rng.uniform(0.0, 300.0))
        self._agenda.add(at, lambda: self._show(external_ids["uploadTokenId"], fate))

    def _show(self, token_id: str | int, observation: Observation) -> None:
        made = next((one for one in self._media.alive() if one.external_ids.get("uploadTokenId") == token_id), None)
        if made is None or made.observation.state is MediaState.READY:
            # A ready video stays ready, even if it should be processed again.
            return
        self._media.show(made.external_ids, observation)
        self.chronicle.tell(self._clock(), "provider", f"{made.external_ids['entryId']} is", observation)
        video_id = made.reference.split(":")[1]
        if self._rng.random() < self._rates.pushes:
            # The provider sends a webhook, perhaps more than once.
            for _ in range(self._rng.choice((1, 1, 2))):
                self._triggers.append(Task(RECONCILE_VIDEO, video_id))
        recorded = self._ledger.recorded.get(video_path(video_id))
        if recorded is None:
            return
        if observation != READY or recorded["reference"] != made.reference or recorded["state"] not in list(PENDING):
            return
        (document,) = self._kept.read(video_path(video_id))
        assert document is not None
        if recorded["serving"] != document.fields["wish"]["number"]:
            # The teacher has asked for another upload meanwhile.
            return
        if recorded["deadlineAt"] is not None and self._clock() < recorded["deadlineAt"]:
            self._ledger.ready_in_time[made.reference] = recorded["askedAt"]

    # --- end of the interleaving ----------------------------------------------------------------------------------

    def _clear_the_stage(self) -> None:
        """
        Let the remaining workers die or finish, and lose or run the remaining triggers.
        """
        dies, lost = self._rng.random() < 0.5, self._rng.random() < 0.5
        if self._rates.trouble == 0:
            dies = lost = False
        for worker in list(self._workers):
            if dies:
                self.chronicle.tell(self._clock(), worker.name, "dies")
                self._scheduler.kill(worker)
            while not worker.ended:
                self._scheduler.resume(worker)
            self._workers.remove(worker)
            self._judge(worker)
        for task in () if lost else self._triggers:
            self._queue.put(task)
        if lost:
            for _ in range(self._rng.randrange(len(self._queue.waiting()) + 1)):
                task = self._queue.take(self._rng.randrange(len(self._queue.waiting())))
                self.chronicle.tell(self._clock(), "queue", "drops", task, "note lost")

    def _come_to_rest(self) -> None:
        """
        Run only the sweep and the queue, and let the outside world finish what it had begun.

        Raises:
            Broken: An invariant does not hold.
        """
        quiet_at, swept_at = self._clock(), BEGIN_AT
        for after_s in RESTS_AFTER_S:
            self._run_until(quiet_at + timedelta(seconds=after_s))
            nobody_keeps_what_they_may_not_have(self._ledger, self._keys, STUDENT.uid, swept_at - CHECK_MOST)
            if self._ledger.lost:
                self._faults.quietly("adopt")
                self._adopt()
            if self._build.sweeps:
                self._faults.quietly("sweep")
                self._app.sweep.run()
                swept_at = self._clock()
        # Deletions of what the last sweep released are still pending.
        self._run_until(self._clock() + timedelta(seconds=60))
        left = self._queue.waiting()
        if left and self._build.sweeps:
            raise Broken(13, "everything comes to an end", f"there is still {left}")
        check_rest(self._ledger)

    def _run_until(self, until: datetime) -> None:
        while (at := self._agenda.next_at()) is not None and at <= until:
            self._queue.deliver_until(max(at, self._clock()), self._deliver_quietly)
            self._faults.quietly("provider")
            self._agenda.do_next()
            for worker in self._workers:
                self._faults.quietly(worker.name)
                with contextlib.suppress(BackendError):
                    worker.job()
            self._workers.clear()
        self._queue.deliver_until(until, self._deliver_quietly)

    def _deliver_quietly(self, task: Task) -> None:
        self._faults.quietly(f"{task.queue} {task.key[:6]}")
        self._work(task)()


def _refuse(title: str) -> None:
    if title == REFUSED_TITLE:
        raise Permanent("Choose another title.", provider="memory", operation="create", code="BAD_TITLE")


def play(seed: int, build: Build, scheduler: Scheduler) -> tuple[Chronicle, Exception | None]:
    """
    Run one interleaving.

    Returns:
        Its log, and what was wrong: a broken invariant, or another exception of the code that is not an error of ours.
    """
    one = Play(seed, build, scheduler)
    try:
        one.run()
    except Exception as error:
        return one.chronicle, error
    return one.chronicle, None
