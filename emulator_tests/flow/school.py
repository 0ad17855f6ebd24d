"""The people and the world of a story: who acts, what Firestore says, what exists at Kaltura.

Called by the tests of this folder. A person acts with their own ID token, through the rules; the world is looked at as
an administrator. Whatever is waited for is waited for with a deadline: documents by a listener,
Kaltura by asking again.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

import pytest
import requests
from google.cloud.firestore import Client
from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import KalturaAppToken, KalturaSessionType
from tusclient.uploader.uploader import Uploader

from emulator_tests.documentation.validation import faults_of_answer
from emulator_tests.rules.callers import SERVER, Caller
from emulator_tests.rules.documents import edit, enrolment, enrolment_path
from emulator_tests.rules.firestore import SERVER_TIME, Fields, Firestore, change, create, delete
from emulator_tests.testbed import Testbed

CHAT: Final = "cncAuth:true"
"""The session privileges of the app token for chats."""

DEADLINE_S = 60.0
ASK_AGAIN_S = 0.05
SWEEP_EVERY_S = 3.0
PASSWORD = "only-in-the-emulator"

CHUNK_BYTES = 100_000
"""Kaltura's smallest chunk."""


class Refused(Exception):
    """
    A callable answered with an error.

    Attributes:
        code: Firebase's status.
        message: The sentence.
        reason: The code in `schema/errors.json`, by which errors are told apart.
        is_retryable: Whether the same call may succeed later.
        retry_after_s: When at the earliest; `None` where nobody says so.
    """

    def __init__(self, error: Mapping[str, Any]) -> None:
        self.code, self.message, details = str(error["status"]), str(error["message"]), error["details"]
        self.reason, self.is_retryable = str(details["code"]), details["retryable"] is True
        self.retry_after_s: int | None = details.get("retryAfterS")
        super().__init__(f"{self.code} {self.reason}: {self.message}")


class Unanswered(Exception):
    """
    No function answered: its process died, and what stands before it said so.
    """


@dataclass(frozen=True, slots=True)
class Person:
    """
    A user with their own sign-in, or an anonymous caller.
    """

    school: School
    uid: str
    id_token: str | None
    email: str = ""

    @property
    def caller(self) -> Caller:
        """
        As whom Firestore is asked.
        """
        return Caller(self.uid, None if self.id_token is None else f"Bearer {self.id_token}")

    def call(self, function: str, data: object, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """
        Call a callable.

        Raises:
            Refused: It answered with an error.
            Unanswered: It did not answer at all.
        """
        return self.call_raw(function, json.dumps({"data": data}).encode(), timeout_s)

    def call_raw(self, function: str, body: bytes, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """
        Call a callable with a body of one's own making.

        Raises:
            Refused: It answered with an error.
            Unanswered: It did not answer at all.
        """
        headers = {"Content-Type": "application/json"}
        if self.id_token is not None:
            headers["Authorization"] = f"Bearer {self.id_token}"
        url = f"{self.school.testbed.functions_url}/{self.school.testbed.deployed_name(function)}"
        try:
            answer = self.school.http.post(url, body, headers=headers, timeout=timeout_s)
            content = answer.json()
        except requests.RequestException as error:
            raise Unanswered(str(error)) from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and "error" not in content:
            raise Unanswered(answer.text)
        # Whatever is answered may carry a grant.
        assert answer.headers["Cache-Control"] == "no-store"
        if "error" in content:
            raise Refused(content["error"])
        result: dict[str, Any] = content["result"]
        assert faults_of_answer(function, result) == []
        return result

    def write_session(self, session_id: str | None = None, **fields: Any) -> str:
        """
        Write a new session of one's own, under a new id where none is given.

        Returns:
            Its id.
        """
        session_id = session_id or f"s-{uuid.uuid4().hex[:20]}"
        whole = {
            "ownerUid": self.uid,
            "title": "A session",
            "status": "draft",
            "format": "onDemand",
            "visibility": "open",
            "createdAt": SERVER_TIME,
            "updatedAt": SERVER_TIME,
            **fields,
        }
        self.school.firestore.commit(self.caller, create(f"sessions/{session_id}", whole))
        return session_id

    def write_live_session(self, **fields: Any) -> str:
        """
        Write a new live session of one's own, an hour from now.
        """
        starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        ends_at = starts_at + timedelta(hours=1)
        return self.write_session(**{"format": "liveStreaming", "startsAt": starts_at, "endsAt": ends_at, **fields})

    def change_session(self, session_id: str, **fields: Any) -> None:
        """
        Change fields of a session.
        """
        self.school.firestore.commit(self.caller, edit(session_id, fields))

    def delete_session(self, session_id: str) -> None:
        """
        Delete a session.
        """
        self.school.firestore.commit(self.caller, delete(f"sessions/{session_id}"))

    def enrol(self, session_id: str, student: Person) -> None:
        """
        Enrol a student in a session of one's own.
        """
        fields = enrolment(session_id, student.caller, self.caller)
        self.school.firestore.commit(self.caller, create(enrolment_path(session_id, student.caller), fields))

    def unenrol(self, session_id: str, student: Person) -> None:
        """
        Take a student out of a session of one's own.
        """
        self.school.firestore.commit(self.caller, delete(enrolment_path(session_id, student.caller)))

    def ask_to_upload(self, session_id: str, size_bytes: int, **fields: Any) -> dict[str, Any]:
        """
        Ask for an upload token.
        """
        request = {
            "sessionId": session_id,
            "requestId": uuid.uuid4().hex,
            "fileName": "film.mp4",
            "fileSizeBytes": size_bytes,
            **fields,
        }
        return self.call("issueUploadToken", request)

    def ask_to_replace(self, video_id: str, size_bytes: int, **fields: Any) -> dict[str, Any]:
        """
        Ask for a token to upload what is to take a video's place.
        """
        request = {
            "videoId": video_id,
            "requestId": uuid.uuid4().hex,
            "fileName": "film.mp4",
            "fileSizeBytes": size_bytes,
            **fields,
        }
        return self.call("replaceVideo", request)

    def upload_video(self, session_id: str, video_bytes: bytes, **fields: Any) -> str:
        """
        Upload a video and wait until it is ready.

        Returns:
            The video's id.
        """
        token = self.ask_to_upload(session_id, len(video_bytes), **fields)
        self.school.upload(token, video_bytes)
        self.school.await_video(session_id, token["videoId"], "ready")
        video_id: str = token["videoId"]
        return video_id


class School:
    """
    The world of the stories.

    Args:
        testbed: The running stack.
    """

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self.http = requests.Session()
        self.http.trust_env = False
        # A kept connection can be closed by its server at the moment when the next request is sent.
        self.http.headers["Connection"] = "close"
        self.firestore = Firestore(testbed.firestore_host, testbed.project_id, testbed.database)
        self._listening = Client(project=testbed.project_id, database=testbed.database)

    def close(self) -> None:
        """
        End the connections.
        """
        self.firestore.close()
        self.http.close()
        self._listening.close()  # type: ignore[no-untyped-call]

    def nobody(self) -> Person:
        """
        Somebody who has not signed in.
        """
        return Person(self, "nobody", None)

    def person(self, display_name: str = "", /, **claims: object) -> Person:
        """
        A new user with these custom claims, signed in by password.
        """
        base = f"http://{self.testbed.auth_host}/identitytoolkit.googleapis.com/v1"
        account = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        named = {"displayName": display_name} if display_name else {}
        made = self._auth(f"{base}/projects/{self.testbed.project_id}/accounts", {**account, **named})
        attributes = {"localId": made["localId"], "customAttributes": json.dumps(claims)}
        self._auth(f"{base}/projects/{self.testbed.project_id}/accounts:update", attributes)
        signed_in = self._auth(f"{base}/accounts:signInWithPassword?key=demo", {**account, "returnSecureToken": True})
        return Person(self, made["localId"], signed_in["idToken"], account["email"])

    def teacher(self, display_name: str = "") -> Person:
        """
        A new user with the teacher claim.
        """
        return self.person(display_name, teacher=True)

    def anonymous(self) -> Person:
        """
        Somebody who has signed in without an account.
        """
        url = f"http://{self.testbed.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=demo"
        # As an app does it: who signs up with the rights of an administrator gets no token.
        answer = self.http.post(url, json={"returnSecureToken": True}, timeout=DEADLINE_S)
        answer.raise_for_status()
        signed_up = answer.json()
        return Person(self, signed_up["localId"], signed_up["idToken"])

    def _auth(self, url: str, body: object) -> Any:
        answer = self.http.post(url, json=body, headers={"Authorization": "Bearer owner"}, timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()

    def document(self, path: str) -> Fields | None:
        """
        A document as it is now, rules aside.
        """
        return self.firestore.get(SERVER, path)

    def every_document(self) -> dict[str, Any]:
        """
        All documents that there are now, those below others too, by their path.
        """
        found: dict[str, Any] = {}

        def look_through(collections: Any) -> None:
            for collection in collections:
                for document in collection.list_documents():
                    snapshot = document.get()
                    if snapshot.exists:
                        found[document.path] = snapshot.to_dict()
                    look_through(document.collections())

        look_through(self._listening.collections())
        return found

    def documents_of(self, collection: str) -> list[Any]:
        """
        All documents of a collection as they are now, rules aside.
        """
        return list(self._listening.collection(collection).stream())

    def await_document(
        self,
        path: str,
        holds: Callable[[Fields | None], bool],
        deadline_s: float = DEADLINE_S,
        client: Client | None = None,
    ) -> Any:
        """
        Wait until a document is as it should be, as a listener tells it: one of Greenroom's database, or of a client's.

        Returns:
            Its fields then.
        """
        met = threading.Event()
        seen: list[Any] = []

        def on_snapshot(snapshots: list[Any], _changes: object, _at: object) -> None:
            if met.is_set():
                return
            seen.append(snapshots[0].to_dict() if snapshots and snapshots[0].exists else None)
            if holds(seen[-1]):
                met.set()

        watch = (client or self._listening).document(path).on_snapshot(on_snapshot)
        try:
            assert met.wait(deadline_s), f"{path} did not come to be as it should within {deadline_s} s: {seen[-1:]}"
        finally:
            watch.unsubscribe()  # type: ignore[no-untyped-call]
        return seen[-1]

    def await_video(self, session_id: str, video_id: str, *states: str) -> Fields:
        """
        Wait until a session's document shows a video in one of these states.
        """

        def shown(fields: Fields | None) -> Fields:
            found: Fields = ((fields or {}).get("videos") or {}).get(video_id) or {}
            return found

        return shown(self.await_document(f"sessions/{session_id}", lambda fields: shown(fields).get("state") in states))

    def await_event(self, session_id: str) -> Fields:
        """
        Wait until a session's document shows its event.
        """
        fields = self.await_document(
            f"sessions/{session_id}", lambda fields: ((fields or {}).get("kaltura") or {}).get("state") == "ready"
        )
        shown: Fields = fields["kaltura"]
        return shown

    def upload(self, token: dict[str, Any], content: bytes, file_name: str = "film.mp4") -> None:
        """
        Send a file as a browser does, chunk by chunk, with what `issueUploadToken` gave and nothing else.
        """
        upload = token["upload"]
        if upload["protocol"] == "tus":
            Uploader(file_stream=BytesIO(content), url=upload["url"], chunk_size=upload["chunkSizeBytes"]).upload()
            return
        for at in range(0, len(content), CHUNK_BYTES):
            chunk = content[at : at + CHUNK_BYTES]
            fields = {
                "ks": upload["ks"],
                "uploadTokenId": upload["uploadTokenId"],
                "resume": str(at > 0).lower(),
                "resumeAt": str(at if at else -1),
                "finalChunk": str(at + len(chunk) == len(content)).lower(),
                "format": "1",
            }
            files = {"fileData": (file_name, chunk, "video/mp4")}
            answer = self.http.post(upload["url"], fields, files=files, timeout=DEADLINE_S).json()
            assert "code" not in answer, answer

    def kaltura(self, ks: str) -> Any:
        """
        Kaltura's own client, with a KS.
        """
        client = KalturaClient(KalturaConfiguration(self.testbed.kaltura_url))
        client.setKs(ks)
        return client

    def administrator(self) -> Any:
        """
        Kaltura's own client, as an administrator of the account.
        """
        ks = KalturaClient.generateSessionV2(
            self.testbed.kaltura_admin_secret,
            "somebody",
            KalturaSessionType.ADMIN,
            self.testbed.kaltura_partner_id,
            3600,
            "disableentitlement",
        )
        return self.kaltura(ks.decode())

    def make_chat_token(self) -> None:
        """
        Make the account's app token for chats, as an administrator does once.
        """
        token = KalturaAppToken(sessionType=KalturaSessionType.USER, sessionPrivileges=CHAT)
        self.administrator().appToken.add(token)

    def simulator(self, method: str, name: str, body: object = None) -> Any:
        """
        Ask the simulator's control interface.
        """
        url = f"{self.testbed.kaltura_url}/_simulator/{name}"
        answer = self.http.request(method, url, json=body, timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()

    def cloudflare(self, method: str, name: str, body: object = None) -> Any:
        """
        Ask the control interface of Cloudflare's simulator.
        """
        url = f"{self.testbed.cloudflare_url}/_simulator/{name}"
        answer = self.http.request(method, url, json=body, timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()

    def bunny(self, method: str, name: str, body: object = None) -> Any:
        """
        Ask the control interface of Bunny's simulator.
        """
        url = f"{self.testbed.bunny_url}/_simulator/{name}"
        answer = self.http.request(method, url, json=body, timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()

    def cloudflare_videos(self, key: str = "") -> list[Fields]:
        """
        The videos at Cloudflare that were made for a video: they carry its id.
        """
        videos: list[Fields] = self.cloudflare("GET", "things")["videos"]
        return [video for video in videos if key in json.dumps(video["meta"])]

    def things(self, kind: str) -> list[Fields]:
        """
        What exists of a kind at Kaltura.
        """
        found: list[Fields] = self.simulator("GET", "things")[kind]
        return found

    def made_for(self, key: str) -> list[tuple[str, str]]:
        """
        Kind and id of everything at Kaltura that was made for a session or a video: it carries its id.
        """
        everything = self.simulator("GET", "things")
        return [
            (kind, str(thing.get("id")))
            for kind, things in everything.items()
            for thing in things
            if key in json.dumps(thing)
        ]

    def await_provider(self, what: str, holds: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
        """
        Wait until something holds at a provider, which has no listeners.
        """
        ends_at = time.monotonic() + deadline_s
        while not holds():
            assert time.monotonic() < ends_at, f"{what}: not within {deadline_s} s"
            time.sleep(ASK_AGAIN_S)

    def sweep(self) -> None:
        """
        Run the sweep, as the schedule would.
        """
        self._run_scheduled("sweep")

    def sweep_until(self, what: str, holds: Callable[[], bool]) -> None:
        """
        Sweep again and again until something holds at a provider, with pauses. Each sweep uses calls of a
        provider's budget; without pauses the work that it enqueues would find none left.
        """
        swept_at = -SWEEP_EVERY_S

        def is_swept() -> bool:
            nonlocal swept_at
            if time.monotonic() - swept_at >= SWEEP_EVERY_S:
                self.sweep()
                swept_at = time.monotonic()
            return holds()

        self.await_provider(what, is_swept)

    def find_orphans(self) -> None:
        """
        Search for orphans, as the schedule would.
        """
        self._run_scheduled("findOrphans")

    def write(self, path: str, **fields: Any) -> None:
        """
        Change fields of a document as its server, or as time, would have done it.
        """
        self.firestore.commit(SERVER, change(path, fields))

    def _run_scheduled(self, function: str) -> None:
        trigger = f"triggers/{self.testbed.region}-{self.testbed.deployed_name(function)}-0"
        url = f"http://{self.testbed.functions_host}/functions/projects/{self.testbed.project_id}/{trigger}"
        self.http.post(url, json={}, timeout=DEADLINE_S).raise_for_status()


def await_any(query: Any) -> list[Any]:
    """
    The documents of a query, as soon as there are any.
    """
    found = threading.Event()
    watch = query.on_snapshot(lambda snapshots, _changes, _at: found.set() if snapshots else None)
    try:
        assert found.wait(DEADLINE_S), f"no document within {DEADLINE_S} s"
    finally:
        watch.unsubscribe()
    return list(query.stream())


@contextmanager
def school_of(testbed: Testbed) -> Iterator[School]:
    """
    Open the school of a stack.
    """
    with pytest.MonkeyPatch.context() as patched:
        # The library that listens takes the emulator's address from the environment, when it is made.
        patched.setenv("FIRESTORE_EMULATOR_HOST", testbed.firestore_host)
        school = School(testbed)
        try:
            yield school
        finally:
            school.close()
