"""Simulation of a school in virtual time while a teacher floods it, or while very much is erased.

The use cases, budgets, kill switch and sweep are the real ones, on in-memory documents and provider. Used by the bench
area `crowd` and by `pure/test_crowd_simulation.py`, which choose the disturbance and its length.

Calls take no time. A task waits for its turn in its queue, whose rate is as declared in `functions/work.py`. So the
measured times are those that people wait because of others.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from emulator_tests.bench.films import READY, VIDEO_ID_DIGITS, uploading, write_session
from emulator_tests.pure.deployment import POLICY, Deployment
from shared.core.callers import Caller
from shared.core.errors import BackendError
from shared.core.identity import SessionIdentity
from shared.core.paths import (
    CHECK_HOST,
    POLL_READINESS,
    RECONCILE_ADMISSION,
    RECONCILE_COPY,
    RECONCILE_ERASURE,
    RECONCILE_TRANSFER,
    copy_key,
    copy_path,
    erasure_path,
    session_path,
)
from shared.erasure.commands import ask_erasure
from shared.erasure.model import Erasure, ErasureState
from shared.hosts.decide import host_in
from shared.hosts.model import CopyState
from shared.hosts.table import Terms
from shared.limits.call_budgets import CallBudgets, Work
from shared.limits.limiter import Limiter
from shared.operations.kill_switch import SWITCH, KillSwitch
from shared.ports import Delete, MediaState, Observation, Task, Update
from shared.reconcile.bulk import HOUR_S
from shared.registry import BULK_QUEUES
from shared.sessions.admissions.changes import Changes
from shared.sessions.session import Session
from shared.videos.commands import Correction, delete_video, update_video
from shared.videos.model import VideoState
from shared.videos.upload_tokens import UploadRequest

TEACHERS: Final = 50
STUDENTS: Final = 500
UPLOAD_EVERY_S: Final = 1200
PLAY_EVERY_S: Final = 300
PROCESSED_IN_S: Final = 120
SWEEP_S: Final = 300
LOOK_S: Final = 60
DELETED_AFTER: Final = 800
"""A session of the flood is deleted this many requests after it was created."""

TICKS_MAX: Final = 8640
SESSION_VIDEOS: Final = 100

TERMS: Final = {"memory": Terms(5.0), "fetching": Terms(1.0), "waiting": Terms(2.0)}

USUAL_PER_S: Final = 100.0
PER_S: Final = {
    RECONCILE_COPY: 20.0,
    RECONCILE_ADMISSION: 20.0,
    POLL_READINESS: 5.0,
    CHECK_HOST: 5.0,
    RECONCILE_ERASURE: 5.0,
    RECONCILE_TRANSFER: 5.0,
}
"""Rate of each queue, in tasks per second, as in `functions/work.py`."""

MALLORY: Final = Caller("mallory", is_teacher=True)
LEAVER: Final = Caller("leaver", is_teacher=True)


class Flood(Enum):
    """
    The kinds of floods. The value is the number of requests per second.
    """

    EVERYTHING = 100.0
    LIVE_SESSIONS = 1.0


@dataclass(slots=True)
class Outcome:
    """
    The results of a simulation.

    Attributes:
        delays_s: For each video of the other teachers, seconds from ready at the provider to shown as ready.
        refused: Calls of the others that were refused.
        served: Calls of the others that were served.
        flooded: Calls of the flooding teacher that were served, and `refused`.
        hours: Tasks by hour.
        is_switch_untouched: Whether the kill switch never held anything.
        erasure: The erasure as it ended, if there was one.
        left: How much of the erased content is left at provider and hosts.
    """

    delays_s: list[float] = field(default_factory=list)
    refused: int = 0
    served: int = 0
    flooded: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    is_switch_untouched: bool = True
    erasure: Erasure | None = None
    left: int = 0


class Crowd:
    """
    A school of 50 teachers, who upload, and 500 students, who play.

    Args:
        tasks_per_hour_max: The limit of the kill switch.
        flood: The kind of flood.
    """

    def __init__(self, tasks_per_hour_max: int = 100_000, *, flood: Flood = Flood.EVERYTHING) -> None:
        policy = replace(POLICY, session_videos_max=10**6, teacher_videos_max=10**6)
        self.deployment = Deployment(
            ticks_max=TICKS_MAX, terms=TERMS, policy=policy, tasks_per_hour_max=tasks_per_hour_max
        )
        self.clock, self.outcome, self._kind = self.deployment.clock, Outcome(), flood
        documents, queue = self.deployment.documents, self.deployment.queue
        self._guard = KillSwitch(documents, queue, self.clock, tasks_per_hour_max, BULK_QUEUES)
        self._budgets = CallBudgets(Limiter(documents, self.clock))
        self._changes = Changes(queue, self._budgets.heeds, self.clock)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._free_at: dict[str, datetime] = {}
        self._placed: Counter[Task] = Counter()
        self._playing: list[str] = []
        self._erased: list[str] = []
        self._begun: set[str] = set()

    def prepare(self, erased_videos: int = 0) -> None:
        """
        Create the school, before anything is measured: a session and a video for each teacher, and `erased_videos`
        videos with copies at two hosts for the teacher who leaves.
        """
        deployment = self.deployment
        for number in range(TEACHERS):
            deployment.write_session(f"t{number}", ownerUid=f"teacher{number}")
        for first in range(0, erased_videos, SESSION_VIDEOS):
            session = SessionIdentity(f"s{first:06}", LEAVER.uid, self.clock())
            count = min(SESSION_VIDEOS, erased_videos - first)
            self._erased += write_session(
                deployment.documents, session, deployment.media.name, count, uploading(deployment.media)
            )
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            for number in range(TEACHERS):
                request = UploadRequest(f"t{number}", "first", "film.mp4", 1000, "A film", None)
                video_id = deployment.upload_tokens.issue_upload_token(_teacher(number), request).video_id
                deployment.show(video_id, READY)
                self._playing.append(video_id)
            for first in range(0, erased_videos, SESSION_VIDEOS):
                for video_id in self._erased[first : first + SESSION_VIDEOS]:
                    for host in (deployment.fetching, deployment.waiting):
                        self._work(Task(RECONCILE_COPY, copy_key(video_id, host.name)))
                self._fetch()
                deployment.run(LOOK_S)
            copies = 2 * (TEACHERS + erased_videos)
            while (
                len(deployment.fetching.alive()) + len(deployment.waiting.alive()) < copies
                or deployment.queue.waiting()
            ):
                deployment.sweep.run()
                deployment.run(SWEEP_S)
                self._begun.update(
                    copy_key(video_id, deployment.fetching.name) for video_id in (*self._playing, *self._erased)
                )
                self._fetch()

    def run(self, seconds: float, *, floods_for_s: float = 0, erases: bool = False) -> Outcome:
        """
        Let people act for a number of seconds, or until the erasure is done.
        """
        begins_at = self.clock()
        ends_at = begins_at + timedelta(seconds=seconds)
        for number in range(TEACHERS):
            self._every(UPLOAD_EVERY_S, number * UPLOAD_EVERY_S / TEACHERS, self._uploader(number))
        for number in range(STUDENTS):
            self._every(PLAY_EVERY_S, number * PLAY_EVERY_S / STUDENTS, self._player(number))
        self._every(SWEEP_S, SWEEP_S, self.deployment.sweep.run)
        if floods_for_s:
            self._flood(begins_at + timedelta(seconds=floods_for_s))
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            key = self._erase() if erases else None
            self._every(LOOK_S, LOOK_S, lambda: self._look_around(key))
            while self._agenda[0][0] <= ends_at and self.outcome.erasure is None:
                at, _, action = heapq.heappop(self._agenda)
                self.deployment.queue.deliver_until(at, self._deliver)
                action()
        (switch,) = self.deployment.documents.read(SWITCH)
        self.outcome.is_switch_untouched = switch is None
        return self.outcome

    def _fetch(self) -> None:
        """
        Let the host that fetches copies by itself finish them.
        """
        for copy in self.deployment.documents.read(*map(copy_path, self._begun)):
            if copy is not None and copy.fields["state"] == CopyState.COPYING:
                self.deployment.fetching.show(copy.fields["parts"], Observation(MediaState.READY, 100))
        self._begun.clear()

    # --- the queues -----------------------------------------------------------------------------------------------

    def _deliver(self, task: Task) -> None:
        now = self.clock()
        if self._placed[task]:
            self._placed[task] -= 1
        else:
            at = max(now, self._free_at.get(task.queue, now))
            self._free_at[task.queue] = at + timedelta(seconds=1 / PER_S.get(task.queue, USUAL_PER_S))
            if at > now:
                placed = replace(task, at=at, once=None)
                self._placed[placed] += 1
                self.deployment.queue.put(placed)
                return
        self.outcome.hours[int(now.timestamp()) // HOUR_S] += 1
        if self._guard.admits(task):
            self._work(task)

    def _work(self, task: Task) -> None:
        if task.queue == RECONCILE_COPY and host_in(task.key) == self.deployment.fetching.name:
            self._begun.add(task.key)
        self.deployment.deliver(task)

    def _at(self, at: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), action))

    def _every(self, seconds: float, first_s: float, action: Callable[[], None]) -> None:
        def again() -> None:
            self._at(self.clock() + timedelta(seconds=seconds), again)
            action()

        self._at(self.clock() + timedelta(seconds=first_s), again)

    # --- the other teachers and students --------------------------------------------------------------------------

    def _serve(self, caller: Caller, work: Work, ask: Callable[[], Any]) -> Any:
        """
        Answer a call as the edge does, and count whether it was refused.
        """
        try:
            self._guard.require_open()
            self._budgets.take(caller, work)
            answer = ask()
        except BackendError:
            self.outcome.refused += 1
            return None
        self.outcome.served += 1
        return answer

    def _uploader(self, number: int) -> Callable[[], None]:
        upload_tokens, caller, counted = self.deployment.upload_tokens, _teacher(number), itertools.count()

        def upload() -> None:
            request = UploadRequest(f"t{number}", f"r{next(counted)}", "film.mp4", 1000, "A film", None)
            token = self._serve(caller, Work.UPLOAD, lambda: upload_tokens.issue_upload_token(caller, request))
            if token is not None:
                self._at(self.clock() + timedelta(seconds=PROCESSED_IN_S), lambda: self._finish(token.video_id))

        return upload

    def _finish(self, video_id: str) -> None:
        self.deployment.show(video_id, READY)
        ready_at = self.clock()

        def look() -> None:
            if self.deployment.video(video_id).state is VideoState.READY:
                self.outcome.delays_s.append((self.clock() - ready_at).total_seconds())
                return
            self._at(self.clock() + timedelta(seconds=1), look)

        look()

    def _player(self, number: int) -> Callable[[], None]:
        caller, playbacks = Caller(f"student{number}", is_teacher=False), self.deployment.playbacks
        video_id = self._playing[number % len(self._playing)]
        return lambda: self._serve(caller, Work.PLAY, lambda: playbacks.issue_playback(caller, video_id))

    # --- the flooding teacher -------------------------------------------------------------------------------------

    def _flood(self, until: datetime) -> None:
        numbers = itertools.count()
        acts = self._acts() if self._kind is Flood.EVERYTHING else (self._publish,)

        def act() -> None:
            number = next(numbers)
            try:
                acts[number % len(acts)](number)
                self.outcome.flooded["served"] += 1
            except BackendError:
                self.outcome.flooded["refused"] += 1
            if self.clock() < until:
                self._at(self.clock() + timedelta(seconds=1 / self._kind.value), act)

        self._at(self.clock(), act)

    def _publish(self, number: int) -> None:
        """
        Publish a live session that begins soon and lasts long.
        """
        session_id, now = f"m{number}", self.clock()
        times = {"startsAt": now + timedelta(minutes=8), "endsAt": now + timedelta(hours=10)}
        self.deployment.write_session(
            session_id, ownerUid=MALLORY.uid, format="liveStreaming", status="public", **times
        )
        self._changes.session_changed(session_id, None, self._session(session_id))

    def _acts(self) -> Sequence[Callable[[int], None]]:
        """
        Return all acts of a caller who floods on purpose. They concern many sessions and videos, so that no two tasks
        merge.
        """
        deployment, budgets = self.deployment, self._budgets
        documents, queue, clock = deployment.documents, deployment.queue, self.clock
        videos = self._playing

        def created_by(number: int) -> str:
            return f"m{number // len(acts)}"

        def create(number: int) -> None:
            session_id = created_by(number)
            deployment.write_session(session_id, ownerUid=MALLORY.uid, format="liveStreaming")
            self._changes.session_changed(session_id, None, self._session(session_id))

        def change(number: int) -> None:
            session_id = created_by(number)
            before = documents.read(session_path(session_id))[0]
            if before is not None:
                documents.commit(Update(before.path, {"title": f"Title {number}", "updatedAt": clock()}))
                self._changes.session_changed(session_id, Session.from_document(before), self._session(session_id))

        def delete(number: int) -> None:
            before = documents.read(session_path(created_by(number - DELETED_AFTER)))[0]
            if before is not None:
                documents.commit(Delete(before.path))
                self._changes.session_changed(before.id, Session.from_document(before), None)

        def upload(number: int) -> None:
            budgets.take(MALLORY, Work.UPLOAD)
            request = UploadRequest(created_by(number), f"r{number}", "film.mp4", 1000, "A film", None)
            deployment.upload_tokens.issue_upload_token(MALLORY, request)

        def correct(number: int) -> None:
            budgets.take(MALLORY, Work.CHANGE)
            update_video(MALLORY, videos[number % len(videos)], Correction("Mine", None), documents, queue, clock)

        def remove(number: int) -> None:
            budgets.take(MALLORY, Work.CHANGE)
            delete_video(MALLORY, videos[number % len(videos)], documents, queue, clock)

        def report(number: int) -> None:
            budgets.take(MALLORY, Work.PLAY)
            deployment.playbacks.issue_playback(MALLORY, videos[number % len(videos)], "fetching")

        def erase(number: int) -> None:
            budgets.take(MALLORY, Work.HEAVY)
            ask_erasure(MALLORY, f"r{number}", MALLORY.uid, documents, queue, clock)

        acts = (create, change, upload, correct, remove, report, erase, delete)
        return acts

    def _session(self, session_id: str) -> Session:
        return Session.from_document(self.deployment.document(session_path(session_id)))

    # --- the leaving teacher --------------------------------------------------------------------------------------

    def _erase(self) -> str:
        deployment = self.deployment
        return ask_erasure(LEAVER, "r", LEAVER.uid, deployment.documents, deployment.queue, self.clock)[0]

    def _look_around(self, key: str | None) -> None:
        self._fetch()
        if key is None:
            return
        erasure = Erasure.from_document(self.deployment.document(erasure_path(key)))
        if erasure.state is ErasureState.DONE:
            self.outcome.erasure = erasure
            places = (self.deployment.media, self.deployment.fetching, self.deployment.waiting)
            there = [made.reference for place in places for made in place.alive()]
            erased = set(self._erased)
            self.outcome.left = sum(reference.split(":")[1][:VIDEO_ID_DIGITS] in erased for reference in there)


def _teacher(number: int) -> Caller:
    return Caller(f"teacher{number}", is_teacher=True)
