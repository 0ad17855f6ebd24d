"""B21: the functions' processes are killed while sessions live and videos are uploaded; then there are only sweeps.

How the functions emulator takes it stands in `testbed/servers.py`. Time is moved on for what the dead had claimed: a
claim lasts 90 s, and a lost deletion is noticed by a count that the sweep makes every 25 minutes.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import LastUpdateOption
from google.cloud.tasks_v2 import Task

from emulator_tests.flow.provider import PROVIDERS
from emulator_tests.flow.school import ASK_AGAIN_S, DEADLINE_S, Person, Refused, School, Unanswered
from emulator_tests.testbed.servers import Server, kill
from emulator_tests.vendor_queue import connect_client
from shared.core.paths import DELETIONS, EPOCH, OPERATIONS, PAIRINGS, VIDEOS, pairing_path, session_path, video_path

KILLS: Final = 60
WORKERS_FIRST: Final = 30
"""So many of the killed are workers; after them whole servers are among them."""

APART_S: Final = (0.05, 0.6)
"""How long it is from one kill to the next."""

ENDS: Final = ("public", "public", "public", "draft", "draft", "draft", "deleted", "deleted")
"""How the sessions end."""

VIDEOS_OF: Final = (2, 1, 1, 1, 1, 1, 1, 2)
"""How many videos are uploaded in each session; those of every other session are at the other provider."""

CALL_TIMEOUT_S: Final = 15.0
"""Some calls are never answered by the emulator, see `testbed/servers.py`."""

CALL_AGAIN_S: Final = 0.5
PATIENCE_S: Final = 150.0

CALLING: Final = threading.Semaphore(2)
"""For each call at the same time the emulator starts another server, which costs seconds of the machine."""

HALF_AN_HOUR: Final = timedelta(minutes=30)
"""Six sweeps: within so long a lost deletion is noticed, and every claim of the dead is over."""


@dataclass(slots=True)
class Life:
    """
    What happens to one session, by its owner's hand.

    Attributes:
        school: Where.
        owner: Who does it.
        provider: Where its videos are.
        end: What becomes of it.
        video: What is uploaded.
        session_id: Once it is written.
        video_ids: The videos that were uploaded in full.
    """

    school: School
    owner: Person
    provider: str
    end: str
    video_bytes: bytes
    session_id: str = ""
    video_ids: list[str] = field(default_factory=list)

    def steps(self, videos: int, chance: random.Random) -> list[Callable[[], None]]:
        """
        Return what happens, in its order. The videos are uploaded at any time between.
        """
        between = [self._publish, self._unpublish]
        if self.end != "draft":
            between.append(self._publish)
        for _ in range(videos):
            between.insert(chance.randint(0, len(between)), self._upload)
        return [self._write, *between, *([self._delete] if self.end == "deleted" else [])]

    def _write(self) -> None:
        self.session_id = self.owner.write_live_session(videoProvider=self.provider)

    def _publish(self) -> None:
        self.owner.change_session(self.session_id, status="public")

    def _unpublish(self) -> None:
        self.owner.change_session(self.session_id, status="draft")

    def _delete(self) -> None:
        self.owner.delete_session(self.session_id)

    def _upload(self) -> None:
        asked = {
            "sessionId": self.session_id,
            "requestId": uuid.uuid4().hex,
            "fileName": "film.mp4",
            "fileSizeBytes": len(self.video_bytes),
        }
        token = self._insist("issueUploadToken", asked)
        self.school.upload(token, self.video_bytes)
        self.video_ids.append(token["videoId"])

    def _insist(self, function: str, data: dict[str, Any]) -> dict[str, Any]:
        """
        Call as an app does: the same again while there is no answer, or one that says to try again.
        """
        ends_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                with CALLING:
                    return self.owner.call(function, data, CALL_TIMEOUT_S)
            except (Refused, Unanswered) as error:
                if (isinstance(error, Refused) and not error.is_retryable) or time.monotonic() > ends_at:
                    raise
            time.sleep(CALL_AGAIN_S)

    # --- what has come of it --------------------------------------------------------------------------------------

    def wrongs(self) -> Iterator[str]:
        """
        Yield what is not as it should be, in words.
        """
        session = self.school.document(session_path(self.session_id)) or {}
        record = self.school.document(pairing_path(self.session_id)) or {}
        of_videos = {one for video_id in self.video_ids for one in self.school.made_for(video_id)}
        # What is made for a video names its session, too.
        made = [one for one in self.school.made_for(self.session_id) if one not in of_videos]
        event = session.get("kaltura")
        if self.end == "public":
            external_ids = record.get("parts") or {}
            if event is None or (event["state"], event.get("entryId")) != ("ready", external_ids.get("entryId")):
                yield f"its event is not on view: {event}, recorded {record}"
            if {number for _, number in made} != set(external_ids.values()) or [kind for kind, _ in made].count(
                "entries"
            ) != 1:
                yield f"it does not have exactly its event: {made}, recorded {external_ids}"
        elif event is not None or made or record.get("state") not in (["gone", "none"] if session else ["gone"]):
            # A draft of which nobody knows that it was ever public has nothing to be gone.
            yield f"something of an event is left: {event}, {made}, recorded {record}"
        for video_id in self.video_ids:
            yield from self._wrongs_of(video_id, (session.get("videos") or {}).get(video_id) or {})

    def _wrongs_of(self, video_id: str, shown: dict[str, Any]) -> Iterator[str]:
        there = PROVIDERS[self.provider](self.school)
        video = self.school.document(video_path(video_id)) or {}
        if self.end == "deleted":
            if video.get("state") != "gone" or there.has_anything_of(video_id):
                yield f"something of a video is left: {there.made_for(video_id)}, recorded {video}"
        elif (shown.get("state"), video.get("state")) != ("ready", "ready") or len(there.made_for(video_id)) != 1:
            yield f"a video is not ready: {shown}, {there.made_for(video_id)}, recorded {video}"

    def named(self) -> set[str]:
        """
        Return the provider's ids of all that it should have there.
        """
        record = self.school.document(pairing_path(self.session_id)) or {}
        videos = [] if self.end == "deleted" else self.video_ids
        made = [number for video_id in videos for number in PROVIDERS[self.provider](self.school).made_for(video_id)]
        return {*made, *([record["parts"]["entryId"]] if self.end == "public" else [])}


# Each of 60 kills waits for a server to start, which takes seconds where other tests run beside.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3], ids=lambda seed: f"B21 seed {seed}")
def test_two_sweeps_repair_everything_after_a_kill(school: School, video_bytes: bytes, seed: int) -> None:
    """
    B21: 60 kills, 8 sessions, 10 videos at both providers. The seed decides what is done, and who is killed when; how
    far each process had come then is up to the machine.
    """
    print(f"seed {seed}")
    chance = random.Random(seed)
    school.sweep()
    before = _everything(school)
    ends = chance.sample(ENDS, len(ENDS))
    lives = [
        Life(school, school.teacher(), ("kaltura", "cloudflare")[number % 2], end, video_bytes)
        for number, end in enumerate(ends)
    ]
    with Doing(lives, chance) as doing:
        for number in range(KILLS):
            doing.go_on(until=(number + 1) / KILLS)
            _kill_one(school, chance, whole=number >= WORKERS_FIRST and chance.random() < 0.5)
        _die_and_let_time_pass(school)
        doing.finish()

    school.sweep()
    _await_tasks(school)
    school.sweep()

    _await_right(school, lives, before)
    school.find_orphans()
    report = str(school.document("reports/orphans"))
    ours = [life.session_id for life in lives] + [video_id for life in lives for video_id in life.video_ids]
    assert not [one for one in ours if one in report], report


class Doing:
    """
    The lives of sessions, side by side, each in its own order.
    """

    def __init__(self, lives: list[Life], chance: random.Random) -> None:
        steps = [life.steps(videos, chance) for life, videos in zip(lives, VIDEOS_OF, strict=True)]
        order = [number for number, one in enumerate(steps) for _ in one]
        chance.shuffle(order)
        self._steps = [(number, steps[number].pop(0)) for number in order]
        self._hands = [ThreadPoolExecutor(1) for _ in lives]
        self._begun: list[Future[None]] = []

    def __enter__(self) -> Doing:
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self._hands:
            hand.shutdown(cancel_futures=True)

    def go_on(self, until: float) -> None:
        """
        Begin what is to happen up to a part of the whole.
        """
        while len(self._begun) < until * len(self._steps):
            number, step = self._steps[len(self._begun)]
            self._begun.append(self._hands[number].submit(step))

    def finish(self) -> None:
        """
        Wait until all has happened.
        """
        for one in self._begun:
            one.result()


def _kill_one(school: School, chance: random.Random, *, whole: bool) -> None:
    """
    Kill a worker, or a whole server, at some moment. One that still starts has nobody's work to lose.
    """
    threading.Event().wait(chance.uniform(*APART_S))
    while not (servers := [server for server in _asked(school) if server.workers]):
        time.sleep(ASK_AGAIN_S)
    server = chance.choice([server for server in servers if server.is_busy] or servers)
    if whole:
        server.kill()
    else:
        # Its only one: functions-framework has one worker with threads.
        kill(*server.workers)


def _asked(school: School) -> list[Server]:
    """
    Return the servers that may be asked something. Others the cloud does not have, so they end.
    """
    servers = school.testbed.functions_servers
    for server in servers:
        if server.is_forgotten:
            server.kill()
    return [server for server in servers if not server.is_forgotten]


def _die_and_let_time_pass(school: School) -> None:
    """
    Kill until nobody is at work, and half an hour passes for what the dead had begun: every claim that was made before
    that moment is a dead one's. What the living write from then on is left alone.
    """
    at = datetime.now(UTC)
    while busy := [server for server in _asked(school) if server.is_busy and server.workers]:
        for server in busy:
            server.kill()
        at = datetime.now(UTC)
    for collection in (PAIRINGS, VIDEOS, DELETIONS, OPERATIONS):
        for document in school.documents_of(collection):
            fields = document.to_dict()
            passed: dict[str, Any] = {}
            if fields.get("claim") is not None:
                passed["claim.until"] = at
            if (due_at := fields.get("dueAt")) is not None and at < due_at < at + HALF_AN_HOUR:
                passed["dueAt"] = at
            if passed and document.update_time < at:
                try:
                    document.reference.update(passed, option=LastUpdateOption(document.update_time))
                except FailedPrecondition:
                    continue
    school.write(EPOCH, countedAt=at - HALF_AN_HOUR)


def _await_tasks(school: School) -> None:
    """
    Wait until no task is due or being done.
    """
    client = connect_client(school.testbed.tasks_host)
    parent = f"projects/{school.testbed.project_id}/locations/{school.testbed.region}"

    def is_due() -> bool:
        return any(
            _at(task) <= datetime.now(UTC)
            for queue in client.list_queues(parent=parent)
            for task in client.list_tasks(parent=queue.name)
        )

    school.await_provider("the end of all tasks", lambda: not is_due(), 2 * DEADLINE_S)


def _at(task: Task) -> datetime:
    at: object = task.schedule_time
    # These messages hand out datetimes where their annotations say Timestamp.
    assert isinstance(at, datetime)
    return at


def _await_right(school: School, lives: list[Life], before: set[str]) -> None:
    """
    Wait until nothing is wrong any more.
    """
    wrongs: list[str] = []

    def are_gone() -> bool:
        wrongs[:] = [f"{life.end} {life.session_id}: {wrong}" for life in lives for wrong in life.wrongs()]
        if not wrongs:
            odd = (_everything(school) - before) ^ {number for life in lives for number in life.named()}
            wrongs[:] = [f"of nobody, or not there: {odd}"] if odd else []
        return not wrongs

    try:
        school.await_provider("everything to be right", are_gone)
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *wrongs])) from None


def _everything(school: School) -> set[str]:
    return {number for provider in PROVIDERS.values() for number in provider(school).everything()}
