"""The real code on in-memory documents, queue and clock and a real Kaltura account, with its users.

`playing` creates one world for each run. Users, triggers, workers and the schedule act here as `functions/` lets them.
`effects` decides what goes wrong, and `acts` who acts when.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from emulator_tests.crashes.account import EventsAtKaltura, MediaAtKaltura, WatchedAccount, assemble
from emulator_tests.crashes.browser import send_chunk
from emulator_tests.crashes.checks import Checks
from emulator_tests.crashes.digests import digest
from emulator_tests.crashes.effects import AT_KALTURA, Effects, Kind, Met, WatchedClient, WatchedDocuments, WatchedQueue
from emulator_tests.crashes.settings import (
    BROWSER_PAUSE_S,
    BROWSER_TRIES,
    BYSTANDERS,
    QUEUE_RETRY_S,
    REAP_GRACE_S,
    REST_S,
    SWEEP_INTERVAL_S,
    TEACHER,
)
from emulator_tests.crashes.simulator import NAMESPACE, PARTNER_ID, PROCESSING_S, InProcessSimulator, Things
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryEvents, MemoryMedia, MemoryQueue
from emulator_tests.pure.races.chronicle import Chronicle
from emulator_tests.pure.races.defects import SOUND, Build
from emulator_tests.pure.races.invariants import Ledger
from emulator_tests.pure.races.scheduler import Killed
from emulator_tests.pure.races.scheduler import Scheduler as Stage
from emulator_tests.pure.races.scheduler import Worker as Visitor
from shared.core.callers import Caller
from shared.core.errors import BackendError
from shared.core.paths import (
    DELETIONS,
    POLL_READINESS,
    RECONCILE_DELETION,
    RECONCILE_SESSION,
    RECONCILE_VIDEO,
    VIDEOS,
    session_path,
    video_path,
)
from shared.operations.webhooks import handle_webhook
from shared.ports import (
    Clock,
    Create,
    Delete,
    Document,
    Documents,
    EventSpec,
    Fields,
    Queue,
    Task,
    Update,
    UploadSpec,
    Write,
)
from shared.providers.kaltura import mapping
from shared.providers.kaltura.events.parts import ENTRY
from shared.providers.kaltura.mapping import NAME as KALTURA
from shared.providers.kaltura.webhooks import KalturaWebhook
from shared.registry import RESOURCES
from shared.sessions.admissions.changes import following
from shared.sessions.resource import controller as session_controller
from shared.sessions.session import Session
from shared.videos.model import VideoState
from shared.videos.resource import controller as video_controller
from shared.videos.resource import upload_tokens
from shared.videos.upload_tokens import ReplaceRequest, UploadRequest, UploadToken


class _DiscardedLog(io.TextIOBase):
    """
    Discards the log, because the chronicle has more detail.
    """

    def write(self, text: str) -> int:
        return len(text)


DISCARDED_LOG: Final = _DiscardedLog()


class World:
    """
    One run, from an empty account until nothing is left to do.

    Args:
        simulator: Runs the account.
        client: Speaks to it.
        build: The code as it is, or with a defect.
        beyond: Whether things may exist twice for a while.
        outage: Whether so much goes wrong that the queue may drop tasks.
        copies: How often each task is delivered.
        new_account: Whether the account is entirely new, without what is created in an account once.

    Attributes:
        is_orderly: Whether nothing goes wrong with any worker.
        simulator: Runs the account.
        clock: Stands still until it is moved; the simulator's clock follows it.
        effects: Every effect of the code under test.
        ledger: What users did and what was recorded, for the invariants.
        chronicle: The log of the run.
        app: The code under test.
        counted_from: Since when effects are counted.
        acted: How many acts of the flow are done.
        after_disturbance: Called once, before the first worker that begins after the disturbed one has ended.
        hurt: Whether a user got an error, or their browser died. Then they may not get what they asked for.
    """

    def __init__(
        self,
        simulator: InProcessSimulator,
        client: WatchedClient,
        build: Build = SOUND,
        *,
        beyond: bool = False,
        copies: int = 1,
        outage: bool = False,
        new_account: bool = False,
    ) -> None:
        begun_at = simulator.reset()
        self.simulator = simulator
        self.clock = ManualClock(begun_at)
        self.chronicle = Chronicle(begun_at)
        self.counted_from = begun_at
        self.hurt = False
        self.effects = client.effects = Effects(self)
        self._build = build
        self._client = client
        self._next: tuple[str, Task | None] | None = None
        self.is_orderly = True
        self._others = 0
        self._there = simulator.things()
        self._kept = MemoryDocuments()
        self._queue = MemoryQueue(self.clock, retry_s=QUEUE_RETRY_S)
        self._stage = Stage()
        # These adapters stand in for the in-memory parts. The ledger calls only `alive` on them.
        self.ledger = Ledger(
            self._kept,
            cast(MemoryEvents, EventsAtKaltura(lambda: self._there)),
            cast(MemoryMedia, MediaAtKaltura(lambda: self._there)),
            self._stage,
            self.clock,
            grace_s=REAP_GRACE_S,
            beyond=beyond,
        )
        self._checks = Checks(
            self._kept, self._queue, self.clock, self.ledger, simulator, lambda: self._there, outage=outage
        )
        documents = WatchedDocuments(self._kept, self.effects, self._wrote)
        tasks = WatchedQueue(self._queue, self.effects, copies=copies)
        upload_role = None if new_account else mapping.UPLOAD_BASE_ROLE
        account = WatchedAccount(
            url=simulator.url,
            partner_id=PARTNER_ID,
            admin_secret=simulator.admin_secret,
            namespace=NAMESPACE,
            upload_role=upload_role,
            documents=documents,
            clock=self.clock,
            room_url="https://4711.kaf.kaltura.com",
            watched=client,
        )
        self.app = assemble(build, account, documents, tasks, self.clock)
        self._hook = KalturaWebhook(account)
        if not new_account:
            account.access_control_id()
        self._token: UploadToken | None = None
        self._tokens_asked = 0
        self._film = b""
        self._replaced = 0
        self._sweep_at = begun_at + timedelta(seconds=SWEEP_INTERVAL_S)
        self._sweeps_counted = 0
        self.acted = 0
        self.after_disturbance: Callable[[], None] | None = None
        for session_id, fields in BYSTANDERS.items():
            self._kept.commit(Create(session_path(session_id), fields))
            self.ledger.user_wrote(session_id, fields)

    def state(self) -> bytes:
        """
        Return a digest of everything on which the rest of this run depends, between two workers.
        """
        ledger, names = (
            self.ledger,
            (self.hurt, self._token, self._tokens_asked, self._film, self._replaced, self.acted),
        )
        # Every worker to come reads later than all those that have ended wrote.
        sessions = [
            (id_, known.fields, known.wished_from is None, known.ever_asked, known.deleted)
            for id_, known in ledger.sessions.items()
        ]
        known = (
            ledger.recorded, ledger.intents, [*ledger.claimers], ledger.retired_at, ledger.ready_in_time, ledger.lost,
            ledger.given, ledger.changed_at,
        )  # fmt: skip
        schedule = (self._sweep_at, self._sweeps_counted, self.effects.counting, self.is_orderly, self._others)
        return digest(
            self._kept, self._queue, self.clock, self.app, self.simulator.digest(), names, sessions, known, schedule,
            self._next,
            without=(self, self.effects, self.ledger, self.simulator, self._client),
        )  # fmt: skip

    # --- one run --------------------------------------------------------------------------------------------------

    def count(self, *, sweeps: int = 0) -> None:
        """
        Count effects from now on, so that they may be disturbed.

        Args:
            sweeps: Number of sweeps whose effects are counted too.
        """
        self.effects.counting, self._sweeps_counted = True, sweeps
        self.counted_from = self.clock()

    def met(self) -> list[Met]:
        """
        Return the effects that were counted.
        """
        return self.effects.met

    def go_on(self, seconds: float) -> None:
        """
        Run only queue, sweep and clock for a number of seconds.
        """
        self._run_until(self.clock() + timedelta(seconds=seconds))

    def rest(self, *, hastily: bool = False) -> None:
        """
        Run only queue, sweep and clock for `REST_S`, then check the invariants.

        Args:
            hastily: Leave out the sweeps that can find nothing. Once nothing is due by then and everything that exists
                is recorded, only the last sweep runs, for which everything that exists is old enough to be an orphan.

        Raises:
            Broken: An invariant does not hold.
        """
        until = self.clock() + timedelta(seconds=REST_S)
        while self._sweep_at < until:
            self._run_until(self._sweep_at)
            if hastily and self._checks.is_quiet(until):
                self._sweep_at = until
        self._run_until(until)
        self.effects.counting = False
        self._look_at_kaltura()
        self._checks.require_rest()

    # --- users ----------------------------------------------------------------------------------------------------

    def write(self, session_id: str, *, heard: bool = True, **changes: Any) -> None:
        """
        Let the owner write the session, or create it. `heard` says whether the trigger runs.
        """
        path, before = session_path(session_id), self._users_fields(session_id)
        new = {
            "ownerUid": TEACHER.uid,
            "createdAt": self.clock(),
            "title": "Algebra",
            "status": "draft",
            "format": "liveStreaming",
            "visibility": "open",
            "startsAt": self.clock() + timedelta(days=1),
            "endsAt": self.clock() + timedelta(days=1, hours=1),
        }
        changes = {**changes, "updatedAt": self.clock()}
        after = {**(new if before is None else before), **changes}
        self._kept.commit(Create(path, after) if before is None else Update(path, changes))
        self._user_wrote(session_id, before, after, heard=heard)

    def delete(self, session_id: str, *, heard: bool = True) -> None:
        """
        Let the owner delete the session, if it exists. `heard` says whether the trigger runs.
        """
        before = self._users_fields(session_id)
        if before is not None:
            self._kept.commit(Delete(session_path(session_id)))
            self._user_wrote(session_id, before, None, heard=heard)

    def ask_to_upload(self, session_id: str, film: bytes) -> None:
        """
        Let the owner ask for an upload token.
        """
        self.ledger.sessions[session_id].ever_asked = True
        request = UploadRequest(session_id, "request-1", "lecture.mp4", len(film), "A lecture")
        self._take_token(
            "issueUploadToken", film, lambda: self.app.get(upload_tokens).issue_upload_token(TEACHER, request)
        )

    def ask_to_replace(self, film: bytes) -> None:
        """
        Let the owner ask for a token to replace the only video.
        """
        self._replaced += 1
        request_id = f"replacement-{self._replaced}"

        def ask(video_id: str) -> UploadToken:
            request = ReplaceRequest(video_id, request_id, "lecture.mp4", len(film))
            return self.app.get(upload_tokens).replace_video(TEACHER, request)

        self._take_token("replaceVideo", film, lambda: ask(self._video_id()))

    def renew_token(self) -> None:
        """
        Let the owner ask for a fresh token for the current upload.
        """
        renew = self.app.get(upload_tokens).renew_upload_token
        self._take_token("renewUploadToken", self._film, lambda: renew(TEACHER, self._video_id()))

    def spec(self, name: str, spec: Callable[[Caller, str, Documents, Queue, Clock], None]) -> None:
        """
        Let the owner call a command on the only video.
        """
        try:
            with self._visiting(name):
                spec(TEACHER, self._video_id(), self.app.documents, self.app.queue, self.clock)
        except (BackendError, Killed):
            self.hurt = True

    def broadcast(self, film: Path | None, *, is_live: bool) -> None:
        """
        Let an encoder begin to send to the only event, or stop. `film` is the recording, if any.
        """
        for made in self._there.events():
            recording = {} if film is None else {"recording": str(film)}
            self.simulator.move_to(self.clock())
            asked = {"entryId": made.external_ids[ENTRY], "live": is_live, **recording}
            self.simulator.control("POST", "broadcast", asked)
        self._look_at_kaltura()

    def push(self) -> None:
        """
        Let Kaltura send a webhook for every entry that exists.
        """
        for made in self._there.media():
            reference_id = mapping.theirs(NAMESPACE, made.reference, self.simulator.admin_secret)
            body = json.dumps({"object": {"referenceId": reference_id}}).encode()
            signature = hashlib.sha1(self.simulator.admin_secret.encode() + body).hexdigest()
            headers = {
                "content-type": "application/json",
                "x-kaltura-signature": signature,
                "x-kaltura-hash-algo": "sha1",
            }
            with contextlib.suppress(BackendError, Killed), self._visiting("kalturaHook"):
                handle_webhook("kaltura", self._hook, headers, body, self.app.queue, RESOURCES)

    def lose_document(self) -> None:
        """
        Lose the document of the only video, which is ready, as after a restore of the database.
        """
        path = video_path(self._video_id())
        self._kept.commit(Delete(path))
        self.ledger.lose(path)

    def adopt(self) -> None:
        """
        Let the operator adopt orphans at Kaltura back into their sessions.
        """
        with contextlib.suppress(BackendError, Killed), self._visiting("find-orphans --adopt"):
            self.app.adoption.adopt(self.app.orphans.all(young=True))

    def _video_id(self) -> str:
        """
        Return the id of the only video. A teacher who was given none asks for an unknown id.
        """
        return next(iter(self.documents(VIDEOS)), "unknown")

    def _take_token(self, name: str, film: bytes, ask: Callable[[], UploadToken]) -> None:
        self._film = film
        self._tokens_asked += 1
        mine = self._tokens_asked
        try:
            with self._visiting(name):
                self._token = ask()
        except (BackendError, Killed):
            self.hurt = True
        else:
            # A request that was overtaken just before its answer gets a token that is already useless. That does no
            # harm.
            if mine == self._tokens_asked:
                self._checks.require_sound_token(self._token)

    def send(self, number: int, chunks: int) -> None:
        """
        Let the owner's browser send one chunk, and retry if that fails.

        Args:
            number: Number of the chunk, counted from 1.
            chunks: Number of all chunks.
        """
        if self._token is None or self.hurt:
            return
        grant, size_bytes = self._token.grant, math.ceil(len(self._film) / chunks)
        begin = (number - 1) * size_bytes
        chunk, last = self._film[begin : begin + size_bytes], number == chunks

        def send() -> str | None:
            return send_chunk(grant, chunk, begin, last=last, connection=self.simulator.connect())

        try:
            with self._visiting("browser"):
                for _ in range(BROWSER_TRIES):
                    name = f"uploadToken.upload chunk {number}"
                    refusal = self.effects(Kind.SEND, name, send)
                    if refusal is None:
                        self._checks.require_recorded_upload(self._token)
                        return
                    # The last chunk had arrived before, though its answer was lost.
                    if refusal == "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD":
                        return
                    self.wait(BROWSER_PAUSE_S)
        except Killed:
            pass
        self.hurt = True

    def let_conversions_fail(self) -> None:
        """
        From now on, let Kaltura fail to convert what arrives.
        """
        self.simulator.convert("failed")

    def let_conversions_succeed(self) -> None:
        """
        From now on, let Kaltura convert what arrives.
        """
        self.simulator.convert(f"after_s:{PROCESSING_S}")

    # --- disturbances ---------------------------------------------------------------------------------------------

    def visit_at_once(self, queue: str, key: str) -> None:
        """
        Let a second worker reconcile now, as far as it can.
        """
        with contextlib.suppress(BackendError):
            self._deliver(Task(queue, key))

    def sweep_at_once(self) -> None:
        """
        Let the schedule run the sweep now.
        """
        self._sweep()

    def lose_tasks(self) -> None:
        """
        Let the queue lose all tasks.
        """
        while self._queue.waiting():
            self._queue.take()

    def come_again(self, session_id: str) -> None:
        """
        Deliver again every task there ever was: of the session, of its videos, of the readiness poller.
        """
        tasks = [Task(RECONCILE_SESSION, session_id)]
        tasks += [Task(RECONCILE_VIDEO, video_id) for video_id in self.documents(VIDEOS)]
        tasks += [Task(RECONCILE_DELETION, "video:unknown:1:0123456789ab")]
        tasks += [Task(POLL_READINESS, f"{KALTURA}:{tick}") for tick in (1, 2)]
        for task in tasks:
            self._queue.put(task)

    def make_strays(self) -> None:
        """
        Create things at Kaltura that no document names.
        """
        begins_at = self.clock() + timedelta(days=1)
        spec = EventSpec("A stray", begins_at, begins_at + timedelta(hours=1))
        with self._visiting("somebody"):
            for reference in ("session:ghost:1", "video:ghost:1"):
                self.ledger.intents.add(reference)
            self.app.get(session_controller).events.create_event("session:ghost:1", spec)
            self.clock.advance(5)
            self.app.get(video_controller).media(KALTURA).prepare_upload(
                "video:ghost:1", UploadSpec("A stray", "stray.mp4", 1)
            )

    def mend_kaltura(self) -> None:
        """
        Let no more requests to Kaltura fail.
        """
        self.simulator.control("DELETE", "faults")

    # --- callbacks around effects ---------------------------------------------------------------------------------

    def before(self, kind: Kind) -> None:
        """
        See `effects.Surroundings`.
        """
        if kind in AT_KALTURA:
            self.simulator.move_to(self.clock())
        visitor = self._stage.current
        if kind is Kind.READ and visitor is not None:
            visitor.read_step, visitor.read_at = self.ledger.steps, self.clock()
        self.ledger.steps += 1

    def after(self, kind: Kind) -> None:
        """
        See `effects.Surroundings`.
        """
        if kind in (Kind.CHANGE, Kind.SEND):
            self._look_at_kaltura()
            self.ledger.provider_changed()

    def visitor(self) -> object:
        """
        See `effects.Surroundings`.
        """
        return self._stage.current

    def tell(self, name: str, trouble: str) -> None:
        """
        See `effects.Surroundings`.
        """
        visitor = self._stage.current
        number = f"{len(self.effects.met):3}" if self.effects.counting else "   "
        who = "" if visitor is None else visitor.name
        self.chronicle.tell(self.clock(), who, f"{number} {name}", None, trouble)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """
        See `effects.Surroundings`.
        """
        visitor, counting = self._stage.current, self.effects.counting
        self._stage.current, self.effects.counting = None, False
        self._others += 1
        try:
            yield
        finally:
            self._others -= 1
            self._stage.current, self.effects.counting = visitor, counting

    def wait(self, seconds: float) -> None:
        """
        See `effects.Surroundings`.
        """
        self.clock.advance(seconds)

    def let_go_wrong(self, kind: str, match: Mapping[str, Any] | None = None, **how: Any) -> None:
        """
        See `effects.Surroundings`.
        """
        self.simulator.let_go_wrong(kind, match, **how)

    # --- acts of functions/ ---------------------------------------------------------------------------------------

    def _user_wrote(self, session_id: str, before: Fields | None, after: Fields | None, *, heard: bool) -> None:
        """
        Record the write, and let a trigger enqueue what follows from it.
        """
        self.chronicle.tell(self.clock(), "owner", "deletes" if after is None else "writes", after)
        self.ledger.user_wrote(session_id, after)
        if not heard:
            return
        sessions = [None if fields is None else Session.from_fields(session_id, fields) for fields in (before, after)]
        # A trigger is never retried. The sweep must find what fails here.
        with contextlib.suppress(BackendError, Killed), self._visiting("trigger"):
            for task in following(session_id, *sessions):
                self.app.queue.put(task)

    def _deliver(self, task: Task) -> None:
        """
        Run a worker on a task. A worker that is killed loses the task; one that fails is retried by the queue.
        """
        with contextlib.suppress(Killed), self._visiting(task.queue, task):
            self.app.work(task.queue, task.key)
        if self.is_orderly and not self._others:
            self._checks.require_no_claims()

    def _sweep(self) -> None:
        if not self._build.sweeps:
            return
        counting = self.effects.counting
        self.effects.counting = counting and self._sweeps_counted > 0
        self._sweeps_counted -= self.effects.counting
        try:
            with contextlib.suppress(BackendError, Killed), self._visiting("sweep"):
                self.app.sweep.run()
        finally:
            self.effects.counting = counting

    def _run_until(self, until: datetime) -> None:
        with contextlib.redirect_stdout(DISCARDED_LOG), contextlib.redirect_stderr(DISCARDED_LOG):
            while self._sweep_at <= until:
                self._queue.deliver_until(self._sweep_at, self._deliver)
                self._sweep()
                self._sweep_at += timedelta(seconds=SWEEP_INTERVAL_S)
            self._queue.deliver_until(until, self._deliver)

    @contextlib.contextmanager
    def _visiting(self, name: str, task: Task | None = None) -> Iterator[None]:
        if self.after_disturbance is not None and self.effects.disturbed and self._stage.current is None:
            self._next, then, self.after_disturbance = (name, task), self.after_disturbance, None
            then()
        before, self._stage.current = self._stage.current, Visitor(name, lambda: None, self.clock())
        try:
            yield
        except (BackendError, Killed) as error:
            self.chronicle.tell(self.clock(), name, f"    {type(error).__name__}", str(error))
            raise
        finally:
            self._stage.current = before

    # --- checks ---------------------------------------------------------------------------------------------------

    def documents(self, collection: str) -> dict[str, Document]:
        """
        Return the documents of a collection, by id.
        """
        return self._checks.documents(collection)

    def there(self) -> Things:
        """
        Return what existed at Kaltura when it was last read.
        """
        return self._there

    def _users_fields(self, session_id: str) -> dict[str, Any] | None:
        known = self.ledger.sessions.get(session_id)
        return None if known is None or known.fields is None else dict(known.fields)

    def _wrote(self, writes: Sequence[Write]) -> None:
        if any(write.path.startswith((VIDEOS, DELETIONS)) and states_what_exists(write) for write in writes):
            self._look_at_kaltura()
        self.ledger.wrote(writes)

    def _look_at_kaltura(self) -> None:
        self.simulator.move_to(self.clock())
        self._there = self.simulator.things()


def states_what_exists(write: Write) -> bool:
    """
    Tell whether a write states that something at Kaltura plays, or that it is gone.
    """
    if isinstance(write, Delete):
        return True
    fields: Mapping[Any, Any] = write.fields if isinstance(write, Create) else write.changes
    return fields.get("state") == VideoState.READY
