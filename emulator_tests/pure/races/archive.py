"""One interleaving of everybody who changes an entry that is archived: two operators, the policy, viewers, the owner,
somebody in the provider's console, the provider itself, and workers that die.

Called by `test_archive_races.py` and by hand. The code is the real one, on the in-memory deployment of
`emulator_tests/pure/archiving.py`. After every effect no original may be lost. At the end only the sweep and the queue
run, and tags, content, cold store and record must agree.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, fields, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar

from emulator_tests.deployment_settings import archive_settings
from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.archiving import DAY_S, FILM, PLACEHOLDER, archiving, with_video
from emulator_tests.pure.deployment import LATE_COMMIT_S, TEACHER
from emulator_tests.pure.races.chronicle import Chronicle
from emulator_tests.pure.races.faults import Agenda
from emulator_tests.pure.races.invariants import Broken
from emulator_tests.pure.races.scheduler import Killed, Scheduler, Worker
from shared.app import App
from shared.archive.commands import Request
from shared.archive.controller import Archive
from shared.archive.model import ARCHIVED_TAG, FLAVORS_DELETED_TAG, ArchivedEntry, ArchiveState, By, Target, Wish
from shared.archive.policy import UNWATCHED
from shared.archive.resource import RUN_TIMEOUT_S, commands, controller, full_check
from shared.archive.runner import Runner
from shared.archive.snapshot import entry_of
from shared.core.callers import Caller
from shared.core.errors import BackendError, Doubtful, Permanent, Transient
from shared.core.paths import RECONCILE_VIDEO, archive_path, video_path
from shared.ports import Document, Entry, MediaState, Observation, Replacing, Task, Tier
from shared.reconcile import WORKER_TIMEOUT_S
from shared.reconcile.resource import Mark, Slice
from shared.videos.commands import delete_video, keep_video
from shared.videos.model import VideoState

P = TypeVar("P")
T = TypeVar("T")

STUDENT: Final = Caller("student", is_teacher=False)
SETTINGS: Final = archive_settings(
    unwatched_days=365, notice_days=1, takes_others=True, restore_tier=Tier.EXPEDITED, restores_per_day=5
)
READY: Final = Observation(MediaState.READY, duration_s=60.0, size_bytes=1000, media_type="video/mp4", is_video=True)

UNWATCHED_S: Final = 400 * DAY_S
"""The age of the entry when the interleaving begins: the policy may archive it."""

THEIRS: Final = "lesson-5"
"""A tag that somebody gives to the entry. It must stay."""

REPLACES: Final = frozenset({"replace", "replace_from"})
_AT_PROVIDER: Final = REPLACES | {"change_tags", "cancel_replacement", "set_thumbnail", "delete_flavors"}
_AT_STORE: Final = frozenset({"begin_store", "store", "ask", "delete", "tidy"})
_READS: Final = frozenset(
    {"read", "select", "count", "total", "find", "page", "source", "address", "digest", "listed", "check"}
)
_BEFORE: Final = ("refused", "killed before")
_UNANSWERED: Final = ("answer lost", "killed after")
_LATE: Final = ("late", "killed, late")

RESTING: Final = frozenset({ArchiveState.INITIAL, ArchiveState.ARCHIVED, ArchiveState.PLACE_HOLDER})

RESTS_S: Final = (*(600,) * 3, *(3600,) * 2, *(DAY_S / 4,) * 28)
"""How long the world is left alone, step by step, before everything must have come to rest. A restored original takes
hours, and a replacement that has failed is tried again after a day at most."""

CHECKED_WITHIN: Final = timedelta(hours=31)
"""Within so long the daily check has read every record."""


@dataclass(frozen=True, slots=True)
class ArchiveBuild:
    """
    The code under test, as it is or with a defect.

    Attributes:
        violates: The numbers of the invariants that may break; empty for the code as it is.
        archive: The Controller.
        late_commit_s: How long a lost replacement is waited for.
    """

    violates: tuple[int, ...] = ()
    archive: type[Archive] = Archive
    late_commit_s: int = LATE_COMMIT_S

    def app(self, app: App) -> App:
        """
        Return the app with the Controller of this build.
        """
        kept = {one.name: getattr(app, one.name) for one in fields(app) if one.init}
        return _BuiltApp(**kept, build=self)


@dataclass
class _BuiltApp(App):
    _: KW_ONLY
    build: ArchiveBuild

    def get(self, build: Callable[[Any], P]) -> P:
        part: Any = super().get(build)
        if type(part) is not Archive:
            return part  # type: ignore[no-any-return]  # it was asked for as what it is
        values = {one.name: getattr(part, one.name) for one in fields(part)}
        built: Any = self.build.archive(**values | {"late_commit_s": self.build.late_commit_s})
        return built  # type: ignore[no-any-return]  # a subclass of what was asked for


@dataclass(frozen=True, slots=True)
class Rates:
    """
    How often what goes wrong in one interleaving.

    Attributes:
        trouble: Chance of each effect to go wrong.
        favourite: The kind of trouble that occurs far more often than others.
        switch: Chance that another worker may go before an effect, and after it.
        sleep: Chance that a worker that has paused is delayed for long.
        doubles: Chance that a task is delivered twice.
        pace_s: How much time usually passes at once.
        fails: Chance that a replacement fails at the provider.
        window: Chance that somebody uploads other content between our look at the entry and our replacement.
        beyond: Whether workers may live as long as their function lets them although their leases, which nothing
            extends here, are shorter.
    """

    trouble: float
    favourite: str
    switch: float
    sleep: float
    doubles: float
    pace_s: float
    fails: float
    window: float
    beyond: bool

    @classmethod
    def drawn(cls, rng: Random) -> Rates:
        """
        Return random rates.
        """
        return cls(
            trouble=rng.choice((0.0, 0.02, 0.05, 0.1)),
            favourite=rng.choice(("", "", *_LATE, *_UNANSWERED)),
            switch=rng.choice((0.2, 0.5, 0.8)),
            sleep=rng.choice((0.0, 0.05, 0.2)),
            doubles=rng.choice((0.0, 0.1, 0.5)),
            pace_s=rng.choice((0.2, 2.0, 15.0)),
            fails=rng.choice((0.0, 0.1, 0.5)),
            window=rng.choice((0.0, 0.0, 0.3)),
            beyond=rng.random() < 0.25,
        )


@dataclass(slots=True)
class _Look:
    """
    What a worker has last seen of the entry, and at which step of the interleaving.
    """

    step: int
    entry: Entry | None
    content: bytes | None


class _Patience(threading.Event):
    """
    What an operator's run waits for. It is interrupted after some looks.
    """

    def __init__(self, waits: Callable[[], None], looks: int) -> None:
        super().__init__()
        self._waits = waits
        self._left = looks

    def wait(self, timeout: float | None = None) -> bool:  # the shape of `Event.wait`
        self._waits()
        self._left -= 1
        return self._left < 0


class ArchivePlay:
    """
    One interleaving, from its first move until nothing is left to do.
    """

    def __init__(self, seed: int, build: ArchiveBuild, scheduler: Scheduler) -> None:
        rng = self._rng = Random(seed)
        self._scheduler = scheduler
        self.chronicle = Chronicle(BEGIN_AT + timedelta(seconds=UNWATCHED_S))
        self._agenda = Agenda()
        self._rates = Rates.drawn(rng)
        self._video_id = ""
        with contextlib.redirect_stdout(_UNHEARD):
            if rng.random() < 0.7:
                self._world, self._video_id = with_video(SETTINGS)
            else:
                self._world = archiving(SETTINGS)
        deployment = self._deployment = self._world.deployment
        deployment.clock.advance(UNWATCHED_S)
        deployment.lose_tasks()
        self._begin(rng.choice((None, None, Target.ARCHIVED, Target.PLACE_HOLDER, Target.PLACE_HOLDER)))
        deployment.app = build.app(deployment.app)
        self._clock = deployment.clock
        self._workers: list[Worker] = []
        self._tasks_of: dict[Worker, Task] = {}
        self._asleep: dict[Worker, int] = {}
        self._looks: dict[str, _Look] = {}
        self._began_by: dict[str, int] = {}
        self._script = self._drawn()
        self._entered = self._moves = self._steps = 0
        self._goes_on = True
        self._is_judging = False
        self._pending: set[int] = set()
        """Replacements of ours that may still begin although nobody waits for them."""
        self._under_way: tuple[str, int, bytes] | None = None
        """Whose replacement is under way: the step of the look it is based on, and its content if it is somebody
        else's."""
        self._uploaded_at: dict[bytes, int] = {FILM: 0}
        self._theirs: set[str] = set()
        self._films = self._looked = 0
        self._is_deleted = self._is_vanished = self._is_meddled = False
        deployment.disturb = self._effect

    def _begin(self, target: Target | None) -> None:
        """
        Bring the entry to where the interleaving begins.
        """
        if target is not None:
            with contextlib.redirect_stdout(_UNHEARD):
                self._world.ask(target)
                for _ in range(4):
                    self._world.deployment.originals.finish(self._world.entry.id)
                    self._world.deployment.run(600)
            assert self._world.record.state == target.value

    def run(self) -> None:
        """
        Run the interleaving.

        Raises:
            Broken: An invariant does not hold.
        """
        try:
            with contextlib.redirect_stdout(_UNHEARD), contextlib.redirect_stderr(_UNHEARD):
                while self._goes_on:
                    self._resume(self._next_worker())
                self._clear_the_stage()
                self._come_to_rest()
        finally:
            for worker in self._workers:
                if not worker.ended:
                    self._scheduler.kill(worker)

    # --- effects --------------------------------------------------------------------------------------------------

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        worker = self._scheduler.current
        if worker is None or self._is_judging:
            return self._do("quiet", operation, do)
        self._others_first()
        limit_s = RUN_TIMEOUT_S if self._rates.beyond else WORKER_TIMEOUT_S
        if self._clock() > worker.begun_at + timedelta(seconds=limit_s):
            self._tell(worker.name, operation, None, "killed by its timeout")
            raise Killed
        trouble = self._trouble(operation)
        if operation in REPLACES and not self._rates.beyond:
            is_ours = self._under_way is not None and self._under_way[0] == "ours"
            if self._pending or (is_ours and self._now_is_replacing()):
                raise Broken(103, "we begin one replacement at a time", f"{worker.name} begins another one")
        if operation in REPLACES and self._rng.random() < self._rates.window:
            self._console("upload")
        result = self._disturbed(worker, operation, do, trouble)
        self._others_first()
        return result

    def _trouble(self, operation: str) -> str:
        chance = self._rng.random()
        kinds: tuple[str, ...] = (*_BEFORE, *_UNANSWERED)
        if operation in REPLACES | {"store"}:
            # There are few of them, and most of the mechanism exists for them.
            chance /= 3
        if operation in _READS:
            kinds = _BEFORE
        elif operation in _AT_PROVIDER:
            kinds = (*kinds, *_LATE)
        elif operation not in _AT_STORE | {"commit", "put"}:
            # What goes wrong with the videos themselves is for the other race.
            return ""
        if self._rates.favourite in kinds and chance < 0.25 and self._rates.trouble:
            return self._rates.favourite
        return self._rng.choice(kinds) if chance < self._rates.trouble else ""

    def _disturbed(self, worker: Worker, operation: str, do: Callable[[], T], trouble: str) -> T:
        match trouble:
            case "":
                return self._do(worker.name, operation, do)
            case "refused" | "killed before":
                self._tell(worker.name, operation, None, trouble)
            case "late" | "killed, late":
                self._tell(worker.name, operation, None, trouble)
                self._come_later(worker, operation, do)
            case _:
                self._do(worker.name, operation, do, trouble)
        match trouble:
            case "refused":
                raise Transient("It did not happen.", provider="memory", operation=operation, code="HTTP_503")
            case "answer lost" if operation in ("commit", "put"):
                raise Transient("Nobody answers.", provider="memory", operation=operation, code="UNAVAILABLE")
            case "answer lost" | "late":
                raise Doubtful("No answer came.", provider="memory", operation=operation, code="TIMEOUT")
        raise Killed

    def _come_later(self, worker: Worker, operation: str, do: Callable[[], object]) -> None:
        """
        Let a call come late: while a lost replacement may still begin, counted from when its worker began.
        """
        number = self._steps
        if operation in REPLACES:
            self._pending.add(number)

        def come() -> None:
            self._pending.discard(number)
            with contextlib.suppress(Permanent):
                self._do(worker.name, operation, do, "came late")

        # A change of tags or flavors is answered, or done, at once or never: Kaltura does it within the request.
        most_s = LATE_COMMIT_S - WORKER_TIMEOUT_S - 1 if operation in REPLACES else 5.0
        self._agenda.add(self._clock() + timedelta(seconds=self._rng.uniform(0.1, most_s)), come)

    def _do(self, who: str, operation: str, do: Callable[[], T], trouble: str = "") -> T:
        self._steps += 1
        result = do()
        self._tell(who, operation, None, trouble)
        if isinstance(result, list) and operation == "read":
            content = self._deployment.originals.content(self._world.entry.id)
            self._looks[who] = _Look(self._steps, result[0], content)
        if operation in REPLACES and who in self._looks:
            self._under_way = "ours", self._looks[who].step, b""
        if operation in ("delete_media", "delete_stray"):
            self._follow_deletions()
        if operation == "commit":
            self._judge_look(who)
        self._judge_step()
        return result

    def _judge_look(self, who: str) -> None:
        """
        Require that our replacement is given up once it was seen to be under way over content that is not archived.
        """
        document, look = self._document(), self._looks.get(who)
        looks = 0 if document is None else document.fields["polls"]
        was, self._looked = self._looked, looks
        if document is None or looks <= was or look is None or look.entry is None:
            return
        is_at_risk = look.content not in self._kept() and look.content != PLACEHOLDER.content
        if look.entry.replacing is Replacing.UNDER_WAY and is_at_risk and not document.fields["refused"]:
            raise Broken(107, "we cancel what would replace content that is not archived", f"{document.fields}")

    def _tell(self, who: str, what: str, detail: Any = None, trouble: str = "") -> None:
        self.chronicle.tell(self._clock(), who, what, detail, trouble)

    # --- invariants -----------------------------------------------------------------------------------------------

    def _judge_step(self) -> None:
        """
        Require that no original is lost, and that a tag of somebody else stays.
        """
        if self._is_judging:
            return
        self._is_judging = True
        if self._video_id and not self._plays():
            # What it played is deleted with it.
            self._world.originals.clear()
        try:
            self._world.require_nothing_lost()
        except AssertionError:
            raise Broken(101, "each original exists", "one does not") from None
        finally:
            self._is_judging = False
        (entry,) = self._entries() or (None,)
        if entry is not None and not self._theirs <= entry.tags:
            raise Broken(104, "tags of others stay", f"{sorted(entry.tags)}")

    def _plays(self) -> bool:
        """
        Tell whether the video still plays the entry.
        """
        (video,) = self._read(video_path(self._video_id))
        return video is not None and entry_of(video) == self._world.entry.id

    def _entries(self) -> tuple[Entry, ...]:
        return tuple(one for one in self._deployment.originals.alive() if one.id == self._world.entry.id)

    def _now_is_replacing(self) -> bool:
        return any(one.replacing is not Replacing.NO for one in self._entries())

    def _kept(self) -> set[bytes]:
        return self._deployment.cold_store.contents()

    def _forgo(self, content: bytes | None) -> None:
        """
        Expect content no longer, unless the record says that it is in the cold store. A copy whose end was lost is of
        no use once the entry has other content.
        """
        document = self._document()
        stored = () if document is None else ArchivedEntry.from_document(document).stored
        if content is not None and all(hashlib.sha256(content).hexdigest() != one.sha256 for one in stored):
            self._world.originals.pop(hashlib.sha256(content).hexdigest(), None)

    # --- moves ----------------------------------------------------------------------------------------------------

    def _next_worker(self) -> Worker | None:
        while self._goes_on:
            self._moves += 1
            awake = [worker for worker in self._workers if self._asleep.get(worker, 0) <= self._moves]
            if awake and self._rng.random() < (0.55 if len(awake) < 3 else 0.85):
                return self._rng.choice(awake)
            self._goes_on = bool(self._script) or self._rng.random() > 0.02
            self._something_happens()
        return None

    def _others_first(self) -> None:
        if not self._goes_on or self._rng.random() > self._rates.switch:
            return
        me, self._scheduler.current = self._scheduler.current, None
        assert me is not None
        if self._rng.random() < self._rates.sleep:
            self._asleep[me] = self._moves + self._rng.randrange(5, 50)
        try:
            chosen = self._next_worker()
        finally:
            self._scheduler.current = me
        if chosen is not me:
            self._scheduler.pause(chosen)

    def _something_happens(self) -> None:
        weights = (12, 5, 5, 0.4, 1, 6)
        match self._rng.choices(("task", "act", "provider", "sweep", "pause", "time"), weights)[0]:
            case "task":
                self._deliver()
            case "act" if self._script:
                self._act(self._script.pop(0))
            case "provider":
                self._provider_acts()
            case "sweep":
                self._enter("sweep", self._deployment.app.sweep.run)
            case "pause" if not self._workers or self._rng.random() < 0.1:
                self._pass(self._rng.choice((self._rng.uniform(30.0, 900.0), self._rng.uniform(600.0, 7200.0))))
            case _:
                self._pass(self._rng.expovariate(1 / self._rates.pace_s))

    def _resume(self, worker: Worker | None) -> None:
        if worker is None:
            return
        last = self._scheduler.resume(worker)
        if last.ended:
            self._workers.remove(last)
            self._judge_end(last)

    def _judge_end(self, worker: Worker) -> None:
        error, task = worker.error, self._tasks_of.pop(worker, None)
        if error is not None and not isinstance(error, BackendError | Killed):
            raise error
        if error is not None and task is not None and self._rng.random() < 0.7:
            at = self._clock() + timedelta(seconds=self._rng.uniform(1, 8))
            self._deployment.queue.put(replace(task, at=at, once=None))
        self._tell(
            worker.name, "ended" if error is None else type(error).__name__, None if error is None else str(error)
        )

    def _enter(self, name: str, job: Callable[[], object], task: Task | None = None) -> None:
        self._entered += 1

        def run() -> None:
            job()

        worker = Worker(f"{name} #{self._entered}", run, self._clock())
        self._workers.append(worker)
        if task is not None:
            self._tasks_of[worker] = task

    def _deliver(self) -> None:
        queue, now = self._deployment.queue, self._clock()
        due = [index for index, task in enumerate(queue.waiting()) if (task.at or now) <= now]
        if not due:
            return
        task = queue.take(self._rng.choice(due))
        if self._rng.random() < self._rates.trouble / 2:
            self._tell("queue", "drops", task, "task lost")
            return
        for first in (False, True) if self._rng.random() < self._rates.doubles else (True,):
            self._enter(f"{task.queue} {task.key[:6]}", lambda: self._deployment.deliver(task), task if first else None)

    def _pass(self, seconds: float) -> None:
        until = self._clock() + timedelta(seconds=seconds)
        while (at := self._agenda.next_at()) is not None and at <= until:
            self._clock.move_to(max(at, self._clock()))
            self._agenda.do_next()
        self._clock.move_to(until)

    def _provider_acts(self) -> None:
        """
        Complete the replacement that is under way, or let it fail.
        """
        if not self._now_is_replacing():
            return
        originals, entry_id = self._deployment.originals, self._world.entry.id
        if self._rng.random() < self._rates.fails:
            self._tell("provider", "fails")
            originals.fail(entry_id)
            return
        self._complete()

    def _complete(self) -> None:
        """
        Complete the replacement that is under way.
        """
        originals, entry_id = self._deployment.originals, self._world.entry.id
        before = originals.content(entry_id)
        if self._under_way is None or not self._now_is_replacing():
            return
        (entry,) = self._entries()
        if entry.replacing is not Replacing.UNDER_WAY:
            return
        whose, looked_at, content = self._under_way
        if whose == "theirs":
            self._forgo(before)
            self._take(content)
        elif before is not None and self._uploaded_at.get(before, -1) > looked_at and before not in self._kept():
            # It came between our look at the entry and our replacement: Kaltura knows no condition for that.
            self._tell("provider", "provider overwrites", "what came between our look and our replacement")
            self._forgo(before)
        originals.finish(entry_id)
        self._tell("provider", "completes", whose)
        self._judge_step()

    def _take(self, content: bytes) -> None:
        self._uploaded_at[content] = self._steps
        self._world.originals[hashlib.sha256(content).hexdigest()] = content

    def _follow_deletions(self) -> None:
        """
        Let an entry end with its video at the provider.
        """
        if not self._video_id:
            return
        alive = {made.external_ids.get("entryId") for made in self._deployment.media.alive()}
        if self._world.entry.id not in alive and self._entries():
            self._world.originals.clear()
            self._deployment.originals.vanish(self._world.entry.id)

    # --- actors ---------------------------------------------------------------------------------------------------

    def _drawn(self) -> list[str]:
        rng = self._rng
        kinds: dict[str, float] = {"archive": 3, "replace": 4, "restore": 3, "check": 1, "play": 2}
        kinds |= {"upload": 2, "begin upload": 1, "label": 1, "untag": 0.3, "cancel": 0.5, "vanish": 0.2}
        if self._video_id:
            kinds |= {"watch": 3, "keep": 1.5, "unkeep": 1.5, "delete": 0.4, "renew": 0.4}
        if rng.random() < 0.3:
            kinds = {"archive": 1, "replace": 3, "restore": 3, rng.choice(("upload", "begin upload", "replace")): 3}
        return rng.choices(list(kinds), list(kinds.values()), k=rng.randrange(3, 10))

    def _act(self, act: str) -> None:
        self._tell("script", f"act: {act}")
        deployment, video_id = self._deployment, self._video_id
        documents, queue, clock = deployment.documents, deployment.queue, deployment.clock
        match act:
            case "archive":
                self._operate(Target.ARCHIVED)
            case "replace":
                self._operate(Target.PLACE_HOLDER)
            case "restore":
                self._operate(Target.ARCHIVED)
            case "check":
                self._enter("policy", self._check)
            case "play":
                if self._entries():
                    deployment.originals.play(self._world.entry.id)
            case "watch":
                self._enter("viewer", lambda: deployment.playbacks.issue_playback(STUDENT, video_id))
            case "keep" | "unkeep":
                keep = act == "keep"
                self._enter(act, lambda: keep_video(TEACHER, video_id, documents, queue, clock, keep=keep))
            case "delete":
                self._enter(act, lambda: delete_video(TEACHER, video_id, documents, queue, clock))
            case "renew":
                self._enter(act, lambda: deployment.ask_replacement(video_id))
                at = self._clock() + timedelta(seconds=self._rng.uniform(1, 900))
                self._agenda.add(at, self._renewed)
            case _:
                self._console(act)

    def _renewed(self) -> None:
        """
        The owner's new upload is ready at the provider.
        """
        with contextlib.suppress(AssertionError, KeyError):
            if self._deployment.video(self._video_id).state is VideoState.READY:
                return
            self._deployment.show(self._video_id, READY)
            self._deployment.queue.put(Task(RECONCILE_VIDEO, self._video_id))

    def _operate(self, target: Target) -> None:
        """
        Let an operator ask for something, and leave it to the workers, or carry it out.
        """
        entries, app = self._entries(), self._deployment.app
        entry = entries[0] if entries else self._world.entry
        request = Request(target, By.OPERATOR, tier=Tier.EXPEDITED)
        name = self._deployment.media.name
        if self._rng.random() < 0.5:
            self._enter("operator", lambda: app.get(commands).ask(name, entry, request))
            return
        looks = self._rng.randrange(1, 12)

        def waits() -> None:
            worker = self._scheduler.current
            assert worker is not None
            # Between two reconciliations the run may wait for long.
            self._asleep[worker] = self._moves + self._rng.randrange(1, 20)
            self._others_first()
            worker.begun_at = self._clock()

        def run() -> None:
            patience = _Patience(waits, looks)
            reconciler = app.reconciler()
            runner = Runner(
                app.get(commands), app.get(controller), reconciler, name, patience, lambda _, s: patience.wait(s)
            )
            for result in runner.run([(entry, request)], 1):
                self._tell("run", result.outcome.value, result.sentence)

        self._enter("run", run)

    def _check(self) -> None:
        policy = full_check(self._deployment.app)
        assert policy is not None
        mark: Mark | None = Mark(UNWATCHED)
        while mark is not None:
            mark = policy.go_on(mark, Slice())

    def _console(self, act: str) -> None:
        """
        Let somebody change the entry in the provider's console.
        """
        originals, entry_id = self._deployment.originals, self._world.entry.id
        if not self._entries():
            return
        match act:
            case "upload" | "begin upload" if self._now_is_replacing():
                return
            case "upload" | "begin upload":
                self._films += 1
                content = f"film {self._films} of somebody else".encode() * 100
                if self._rng.random() < 0.3:
                    content = bytes(reversed(FILM))[: -self._films] + b"x" * self._films
                self._is_meddled = True
                if act == "upload":
                    self._forgo(originals.content(entry_id))
                    self._take(content)
                    originals.upload(entry_id, content)
                else:
                    originals.replace(entry_id, content, "film.mp4")
                    self._under_way = "theirs", 0, content
            case "label":
                originals.label(entry_id, [THEIRS])
                self._theirs.add(THEIRS)
            case "untag":
                originals.label(entry_id, remove=[self._rng.choice((ARCHIVED_TAG, FLAVORS_DELETED_TAG))])
                self._is_meddled = True
            case "cancel":
                if self._now_is_replacing():
                    originals.cancel_replacement(entry_id)
                    self._is_meddled = True
            case "vanish":
                self._forgo(originals.content(entry_id))
                originals.vanish(entry_id)
                self._is_vanished = True

    # --- the end --------------------------------------------------------------------------------------------------

    def _clear_the_stage(self) -> None:
        dies, lost = self._rng.random() < 0.5, self._rng.random() < 0.5
        if self._rates.trouble == 0:
            dies = lost = False
        for worker in list(self._workers):
            if dies:
                self._scheduler.kill(worker)
            while not worker.ended:
                self._scheduler.resume(worker)
            self._workers.remove(worker)
            self._judge_end(worker)
        if lost:
            self._deployment.lose_tasks()

    def _come_to_rest(self) -> None:
        """
        Run only the sweep and the queue, and let the outside world finish what it had begun.

        Raises:
            Broken: An invariant does not hold.
        """
        if self._video_id:
            # Else the poller would look for the end of an upload for days.
            self._run_until(self._clock() + timedelta(seconds=60))
            self._renewed()
        self._rest()
        if (self._is_meddled or self._failure_is_final()) and self._document() is not None:
            # Nobody tells us what was changed in the console. An operator asks for the same again.
            self._tell("operator", "asks again")
            self._ask_again()
            self._rest()
        self._judge_rest()

    def _rest(self) -> None:
        begun_at = self._clock()
        for seconds in RESTS_S:
            self._complete()
            if self._under_way is not None and self._under_way[0] == "theirs" and self._now_is_replacing():
                # The person who has begun it gives it up too.
                self._deployment.originals.cancel_replacement(self._world.entry.id)
            self._run_until(self._clock() + timedelta(seconds=seconds))
            self._deployment.sweep.run()
            document = self._document()
            is_checked = self._clock() > begun_at + CHECKED_WITHIN
            if is_checked and document is not None and document.fields["dueAt"] is None:
                break
        self._run_until(self._clock() + timedelta(seconds=60))

    def _run_until(self, until: datetime) -> None:
        while (at := self._agenda.next_at()) is not None and at <= until:
            self._deployment.queue.deliver_until(max(at, self._clock()), self._deployment.deliver)
            self._agenda.do_next()
            for worker in self._workers:
                with contextlib.suppress(BackendError):
                    worker.job()
            self._workers.clear()
        self._deployment.queue.deliver_until(until, self._deployment.deliver)

    def _document(self) -> Document | None:
        return self._read(archive_path(self._world.entry.id))[0]

    def _read(self, path: str) -> tuple[Document | None, ...]:
        was, self._is_judging = self._is_judging, True
        me, self._scheduler.current = self._scheduler.current, None
        try:
            return self._deployment.documents.read(path)
        finally:
            self._is_judging, self._scheduler.current = was, me

    def _failure_is_final(self) -> bool:
        document = self._document()
        failure = None if document is None else ArchivedEntry.from_document(document).progress.failure
        return failure is not None and failure.retry_at is None

    def _ask_again(self) -> None:
        document = self._document()
        assert document is not None
        entry = (self._entries() or (self._world.entry,))[0]
        wish = Wish.from_fields(document.fields["wish"])
        request = Request(wish.target, By.OPERATOR, tier=Tier.EXPEDITED, takes_key=True)
        self._deployment.app.get(commands).ask(self._deployment.media.name, entry, request)

    def _judge_rest(self) -> None:
        self._is_judging = True
        world, document = self._world, self._document()
        stored, entries = self._kept(), self._entries()
        if self._video_id and not self._plays():
            if document is not None or stored:
                fields = None if document is None else document.fields
                raise Broken(105, "nothing of a deleted video is left", f"{len(stored)} objects, {fields}")
            return
        if not entries:
            return
        ours = entries[0].tags & {ARCHIVED_TAG, FLAVORS_DELETED_TAG}
        if document is None:
            if ours or stored:
                raise Broken(102, "all agree", f"no record, but {sorted(ours)} and {len(stored)} objects")
            return
        record, wish = ArchivedEntry.from_document(document), Wish.from_fields(document.fields["wish"])
        is_planned = wish.not_before is not None and wish.not_before > self._clock()
        if record.progress.failure is not None or record.state not in RESTING or record.progress.claim is not None:
            raise Broken(106, "everything comes to its end", f"{record}")
        if not is_planned and record.progress.due_at is not None:
            raise Broken(106, "everything comes to its end", f"{record} is due")
        try:
            world.require_settled()
        except (AssertionError, KeyError) as error:
            raise Broken(102, "all agree", f"{error!r}; {record}, tags {sorted(world.tags)}") from None


class _Unheard(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


_UNHEARD: Final = _Unheard()


def play_archive(seed: int, build: ArchiveBuild, scheduler: Scheduler) -> tuple[Chronicle, Exception | None]:
    """
    Run one interleaving.

    Returns:
        Its log, and what was wrong: a broken invariant, or another exception that is not an error of ours.
    """
    one = ArchivePlay(seed, build, scheduler)
    try:
        one.run()
    except Exception as error:
        return one.chronicle, error
    return one.chronicle, None
