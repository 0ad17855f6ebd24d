"""A good request for every callable, and the proof that a bad one, one flaw away from it, has left nothing behind.

Called by the stories of refusal, `test_bad_calls.py` and `test_bad_callers.py`. Leaves to them what is wrong with a
request, and how it is refused.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from emulator_tests.flow.school import DEADLINE_S, Person, Refused, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import create
from shared.erasure.model import Erasure, ErasureState, hashed

TEACHERS: Final = (
    "issueUploadToken",
    "replaceVideo",
    "renewUploadToken",
    "uploadFinished",
    "cancelUpload",
    "deleteVideo",
    "retryVideo",
    "updateVideo",
    "setModerator",
    "getStreamIngest",
    "rotateStreamKey",
    "transferSession",
)
VIEWERS: Final = ("issuePlayback", "getKalturaSession", "joinSession", "getErasure")
ADMINISTRATORS: Final = ("requeueDeletion",)
OWN: Final = ("eraseContent", "exportContent")
"""What anybody may do about themselves, and administrators about everybody."""

CALLABLES: Final = (*TEACHERS, *VIEWERS, *OWN, *ADMINISTRATORS)

TO_STRANGERS: Final = {
    **dict.fromkeys(TEACHERS, "PERMISSION_DENIED"),
    # Who may not see a session is told the same as where there is none.
    **dict.fromkeys(VIEWERS, "NOT_FOUND"),
    **dict.fromkeys(OWN, "PERMISSION_DENIED"),
    **dict.fromkeys(ADMINISTRATORS, "PERMISSION_DENIED"),
}
"""What each callable answers to somebody whose session, or whose place, it is not."""

KS_LIKE: Final = "djJ8MTIzNDU2N3w" + "Zq3Yk0vT8bJc1mWn" * 8
"""What looks like a KS, to be sent where none belongs."""

_TELLS: Final = re.compile(r"Traceback|File \"|\.py\b|djJ8|eyJ|Error\(|projects/|/work/|127\.0\.0\.1|secret", re.ASCII)
"""What no sentence for a caller has in it: our inside, a token, an address."""


@dataclass(frozen=True, slots=True)
class Stage:
    """
    A draft with a ready video and an upload that waits for its bytes, and a deletion that was given up.

    Attributes:
        school: The world.
        teacher: Whose session it is.
        administrator: Who may requeue.
        other: Another teacher, who has nothing.
        session_id: The draft.
        playing: The id of the ready video.
        uploading: The id of the upload.
        deletion_id: Of the deletion.
        erasure_id: Of an erasure that the teacher has asked for long ago.
    """

    school: School
    teacher: Person
    administrator: Person
    other: Person
    session_id: str
    playing: str
    uploading: str
    deletion_id: str
    erasure_id: str

    @classmethod
    def prepared(cls, school: School, video_bytes: bytes) -> Self:
        """
        Make all that.
        """
        school.simulator("POST", "clock", {"ready": "after_s:1"})
        teacher, administrator = school.teacher(), school.person(admin=True)
        session_id = teacher.write_session()
        playing, unwanted = (teacher.upload_video(session_id, video_bytes) for _ in range(2))
        forbidden = {"kind": "error", "code": "SERVICE_FORBIDDEN", "match": {"service": "media", "action": "delete"}}
        school.simulator("POST", "faults", forbidden)
        teacher.call("deleteVideo", {"videoId": unwanted})

        def given_up() -> list[str]:
            found = [one for one in school.documents_of("pendingDeletions") if unwanted in one.id]
            return [one.id for one in found if (one.to_dict() or {})["lastError"]]

        school.await_provider("the deletion's failure", lambda: bool(given_up()))
        (deletion_id,) = given_up()
        last_error = (school.document(f"pendingDeletions/{deletion_id}") or {})["lastError"]
        # A week of tries goes by.
        last_error |= {"retryable": False, "retryAt": None, "tries": 180}
        school.write(f"pendingDeletions/{deletion_id}", state="dead", lastError=last_error, dueAt=None)
        school.simulator("DELETE", "faults")
        uploading = teacher.ask_to_upload(session_id, 1000)["videoId"]
        school.await_video(session_id, uploading, "uploading")
        school.await_document(f"sessions/{session_id}", lambda fields: unwanted not in (fields or {})["videos"])
        long_ago = datetime.now(UTC) - timedelta(days=1)
        erasure_id = uuid.uuid4().hex[:20]
        who = hashed(teacher.uid)
        erasure = Erasure(None, who, who, long_ago, ErasureState.DONE, done_at=long_ago)
        school.firestore.commit(SERVER, create(f"erasures/{erasure_id}", erasure.to_fields()))
        return cls(
            school, teacher, administrator, school.teacher(), session_id, playing, uploading, deletion_id, erasure_id
        )

    def good(self, function: str) -> dict[str, Any]:
        """
        The fields of a request that `asker` may make; what it is about comes first.
        """
        file = {"requestId": f"r-{function}", "fileName": "film.mp4", "fileSizeBytes": 1000}
        match function:
            case "issueUploadToken":
                return {"sessionId": self.session_id, **file}
            case "replaceVideo":
                return {"videoId": self.playing, **file}
            case "updateVideo":
                return {"videoId": self.playing, "title": "Algebra II", "order": 4}
            case "getKalturaSession" | "joinSession" | "getStreamIngest" | "rotateStreamKey":
                return {"sessionId": self.session_id}
            case "setModerator":
                return {"sessionId": self.session_id, "uid": "somebody", "isModerator": True}
            case "transferSession":
                return {"sessionId": self.session_id, "uid": self.other.uid}
            case "eraseContent":
                return {"uid": self.teacher.uid, "requestId": "r-eraseContent"}
            case "exportContent":
                return {"uid": self.teacher.uid}
            case "getErasure":
                return {"erasureId": self.erasure_id}
            case "requeueDeletion":
                return {"deletionId": self.deletion_id}
            case "deleteVideo" | "issuePlayback":
                return {"videoId": self.playing}
            case _:
                return {"videoId": self.uploading}

    def asker(self, function: str) -> Person:
        """
        Who may call a callable here.
        """
        return self.administrator if function in ADMINISTRATORS else self.teacher

    def claims(self, function: str) -> dict[str, Any]:
        """
        What the ID token of `asker` says.
        """
        payload = str(self.asker(function).id_token).split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return claims

    def refusal(self, function: str, data: object, person: Person | None = None) -> Refused:
        """
        What a callable says to a request that it must refuse; the sentence tells nothing that it should not.
        """
        return self.refusal_raw(function, json.dumps({"data": data}).encode(), person)

    def refusal_raw(
        self,
        function: str,
        body: bytes,
        person: Person | None = None,
        *,
        method: str = "POST",
        content_type: str | None = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Refused:
        """
        The same for a whole request of one's own making.
        """
        person = person or self.asker(function)
        sent = {} if person.id_token is None else {"Authorization": f"Bearer {person.id_token}"}
        sent |= {} if content_type is None else {"Content-Type": content_type}
        url = f"{self.school.testbed.functions_url}/{function}"
        answer = self.school.http.request(
            method, url, data=body, headers={**sent, **(headers or {})}, timeout=DEADLINE_S
        )
        told = answer.json()
        assert set(told) == {"error"}, f"{function} was answered: {sorted(told)}"
        error = told["error"]
        assert set(error) == {"status", "message", "details"}
        assert set(error["details"]) <= {"code", "retryable", "retryAfterS"}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"
        assert 400 <= answer.status_code < 500, f"{function}: {answer.status_code} {error}"
        assert len(error["message"]) < 400
        assert not _TELLS.search(error["message"]), error["message"]
        assert self.school.testbed.kaltura_admin_secret not in answer.text
        return Refused(error)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """
        Nothing of what happens meanwhile changes or adds a document, makes anything at Kaltura, or is a bug of ours.
        """
        before, things, bugs = self._documents(), self._things(), self._bugs()
        yield
        assert self._documents() == before
        assert self._things() <= things
        assert self._bugs() == bugs

    def _documents(self) -> dict[str, Any]:
        """
        What a request here could have changed. Of videos that is the spec and the state, for the readiness poller looks
        at them all the time and writes down what it sees; of other people's documents it is that they exist.
        """
        school = self.school
        known: dict[str, Any] = {
            path: school.document(path)
            for path in (
                f"kalturaSession/{self.session_id}",
                f"uploaders/{self.teacher.uid}",
                f"pendingDeletions/{self.deletion_id}",
            )
        }
        session = school.document(f"sessions/{self.session_id}") or {}
        shown = {video_id: (video["state"], video["title"]) for video_id, video in session["videos"].items()}
        known[f"sessions/{self.session_id}"] = {**session, "videos": shown}
        for video_id in (self.playing, self.uploading):
            video = school.document(f"videos/{video_id}") or {}
            known[f"videos/{video_id}"] = (video["wish"], video["state"])
        for collection in ("videos", "uploaders", "kalturaSession", "erasures", "transfers"):
            known[collection] = {one.id for one in school.documents_of(collection)}
        return known

    def _things(self) -> set[tuple[str, str]]:
        everything = self.school.simulator("GET", "things")
        return {(kind, str(thing.get("id"))) for kind, things in everything.items() for thing in things}

    def _bugs(self) -> int:
        log = self.log()
        return log.count("unexpected error") + log.count("uncaught exception")

    def log(self) -> str:
        """
        What the functions have logged so far.
        """
        return "\n".join(file.read_text(errors="replace") for file in self.school.testbed.logs.glob("firebase*"))

    def await_logged(self, line: str) -> str:
        """
        What the functions have logged, once it has a line.
        """
        ends_at = time.monotonic() + DEADLINE_S
        while line not in (log := self.log()):
            assert time.monotonic() < ends_at, f"{line} was not logged"
            time.sleep(0.05)
        return log


def unsigned(school: School, claims: Mapping[str, Any]) -> Person:
    """
    Somebody whose ID token says anything at all: the Auth emulator signs none, so that the SDK believes it here.
    """
    words = [{"alg": "none", "typ": "JWT"}, {name: value for name, value in claims.items() if value is not None}]
    token = ".".join(base64.urlsafe_b64encode(json.dumps(word).encode()).rstrip(b"=").decode() for word in words)
    return Person(school, str(claims.get("sub")), f"{token}.")
