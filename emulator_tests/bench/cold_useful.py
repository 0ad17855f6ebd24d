"""Benchmark of cold starts to a useful answer: from process start until a viewer can play a video, and until a changed
session has enqueued its task.

Called by `cold.py`. One function runs under functions-framework, with Firestore, Cloud Tasks and Kaltura of the test
bed. The same function of the same code, with everything imported at once, is measured by turns. Neither an address nor
a task is believed: the address must be the video's, and the task must arrive at its worker.
"""

from __future__ import annotations

import http.client
import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread

from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import Document
from google.events.cloud import firestore as events

from emulator_tests.bench.rounds import by_turns, least_and_median, ratio, show, times, verdict
from emulator_tests.bench.starts import READY_S, Ask, Start, cold_start
from emulator_tests.flow.school import School
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import HOME, ROOT

ROUNDS = 5
TARGET = 2.0
HERE = Path(__file__).parent

OURS = "ours"
EAGER = "ours, all imported at once"
PEER = "with the peer's packages too"
SOURCES = {
    OURS: ROOT / "main.py",
    EAGER: HERE / "cold_eager_ours.py",
    PEER: HERE / "cold_eager_all.py",
}


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request to a function.
    """

    headers: Mapping[str, str]
    body: bytes


def measure() -> None:
    """
    Measure, and print the tables.
    """
    with ExitStack() as stack:
        testbed = stack.enter_context(Testbed(HOME / "bench", {}, say=lambda line: print(f"  {line}", flush=True)))
        os.environ["FIRESTORE_EMULATOR_HOST"] = testbed.firestore_host
        school = School(testbed)
        stack.callback(school.close)
        worker = stack.enter_context(_worker())
        environment = {
            **testbed.environment,
            **testbed.secret_settings,
            "GOOGLE_CLOUD_PROJECT": testbed.project_id,
            # Set in every deployed function. Without it firebase_admin looks for a metadata server, and waits for it.
            "FIREBASE_CONFIG": json.dumps({"projectId": testbed.project_id}),
            "FUNCTIONS_URL": worker.url,
        }
        play = _playing(school)
        starts = by_turns(
            {name: cold_start(source, "issuePlayback", environment, play) for name, source in SOURCES.items()}, ROUNDS
        )
        _show("cold: process start to the addresses of a ready video (issuePlayback), in ms", starts)
        changed: list[str] = []
        enqueue = _changing(changed)
        starts = by_turns(
            {
                name: cold_start(source, "onSessionUpdated", environment, enqueue, "cloudevent")
                for name, source in SOURCES.items()
            },
            ROUNDS,
        )
        for session_id in changed:
            worker.await_task(session_id)
        _show("cold: process start to the task of a changed session (onSessionUpdated), in ms", starts)


def _show(title: str, starts: Mapping[str, list[Start]]) -> None:
    took_s = {name: [start.answer_s for start in taken] for name, taken in starts.items()}
    cpu_s = {name: [start.cpu_s for start in taken] for name, taken in starts.items()}
    faster = ratio(took_s[PEER], took_s[OURS])
    show(
        title,
        ("", "least", "median", "of ours", "CPU", "of ours", "target"),
        [
            (
                name,
                *least_and_median(took_s[name], 1e3, 0),
                times(ratio(took_s[name], took_s[OURS])),
                f"{min(cpu_s[name]) * 1e3:.0f}",
                times(ratio(cpu_s[name], cpu_s[OURS])),
                verdict(faster >= TARGET, f"ours {TARGET:.0f}x faster") if name == PEER else "",
            )
            for name in starts
        ],
    )


def _post(port: int, request: Request) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
    try:
        connection.request("POST", "/", request.body, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"the answer has status {answer.status}: {body[:300]!r}")
    return body


def _playing(school: School) -> Ask:
    """
    Return a viewer's request for the addresses of a video, which is uploaded first and is ready.
    """
    teacher = school.teacher()
    session_id = teacher.write_session(status="public")
    video_id = teacher.upload_video(session_id, (HERE.parent / "testbed" / "test-picture.mp4").read_bytes())
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {school.person().id_token}"}
    request = Request(headers, json.dumps({"data": {"videoId": video_id}}).encode())

    def ask(port: int) -> None:
        answer = json.loads(_post(port, request))["result"]
        if answer["videoId"] != video_id or not answer["playUrl"]:
            raise RuntimeError(f"no address of {video_id}: {answer}")

    return ask


class Worker:
    """
    The worker of a queue. It accepts every task, and lets others wait for one.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._came: Counter[str] = Counter()
        self._changed = Condition()

    def take(self, key: str) -> None:
        """
        Note a task.
        """
        with self._changed:
            self._came[key] += 1
            self._changed.notify_all()

    def await_task(self, key: str) -> None:
        """
        Wait until a task came.

        Raises:
            RuntimeError: None came.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._came[key] > 0, READY_S):
                raise RuntimeError(f"no task for {key} came")


@contextmanager
def _worker() -> Iterator[Worker]:
    """
    Run a worker.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            worker.take(json.loads(body)["data"]["key"])

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        worker = Worker(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield worker
        finally:
            server.shutdown()
            thread.join()


def _changing(changed: list[str]) -> Ask:
    """
    Return the event of a changed session, another one each time.

    Args:
        changed: Gets the ids of these sessions.
    """

    def ask(port: int) -> None:
        session_id = f"s-{uuid.uuid4().hex[:20]}"
        _post(port, _event(session_id))
        changed.append(session_id)

    return ask


def _event(session_id: str) -> Request:
    """
    Return what Eventarc sends after the title of a session with an event was changed.

    Source: https://cloud.google.com/eventarc/docs/cloudevents; google/events/cloud/firestore/v1/data.proto
    """
    now = datetime.now(UTC)
    fields = {
        "ownerUid": session_id,
        "status": "public",
        "format": "liveStreaming",
        "visibility": "open",
        "kalturaSession": True,
        "createdAt": now,
        "startsAt": now + timedelta(hours=1),
        "endsAt": now + timedelta(hours=2),
    }
    database = "projects/demo-greenroom/databases/(default)"
    before, after = (
        Document(
            name=f"{database}/documents/sessions/{session_id}",
            fields=_helpers.encode_dict({**fields, "title": title}),
            create_time=now,
            update_time=now,
        )
        for title in ("Algebra", "Geometry")
    )
    # Both packages have classes of their own for the same message.
    data = events.DocumentEventData(
        old_value=events.Document.deserialize(Document.serialize(before)),
        value=events.Document.deserialize(Document.serialize(after)),
    )
    attributes = {
        "id": uuid.uuid4().hex,
        "source": f"//firestore.googleapis.com/{database}",
        "specversion": "1.0",
        "type": "google.cloud.firestore.document.v1.updated",
        "time": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "subject": f"documents/sessions/{session_id}",
        "location": "us-central1",
        "project": "demo-greenroom",
        "database": "(default)",
        "namespace": "(default)",
        "document": f"sessions/{session_id}",
    }
    headers = {"Content-Type": "application/protobuf", **{f"ce-{name}": value for name, value in attributes.items()}}
    return Request(headers, events.DocumentEventData.serialize(data))
