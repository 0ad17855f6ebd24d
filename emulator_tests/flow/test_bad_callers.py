"""Callers who may not, and calls that were made before: a typed refusal, no effect, and the same answer twice.

The ids begin with the number in the list of bad inputs; the requests are the good ones of `refusing.py` but for who
sends them, or what they are about.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from emulator_tests.flow.refusing import ADMINISTRATORS, CALLABLES, OWN, TEACHERS, TO_STRANGERS, VIEWERS, Stage
from emulator_tests.flow.school import DEADLINE_S, Person, Refused, School

WORKERS = [
    "reconcileSession",
    "reconcileVideo",
    "reconcileDeletion",
    "pollReadiness",
    "reconcileErasure",
    "reconcileTransfer",
]


@pytest.fixture(scope="module")
def stage(_school: School, video_bytes: bytes) -> Stage:
    """
    What every request here could be about.
    """
    return Stage.prepared(_school, video_bytes)


# --- tasks -------------------------------------------------------------------------------------------------------

TASK_HEADERS = {
    "X-CloudTasks-QueueName": "reconcileVideo",
    "X-CloudTasks-TaskName": "1",
    "X-CloudTasks-TaskRetryCount": "0",
    "X-AppEngine-QueueName": "reconcileVideo",
    "User-Agent": "Google-Cloud-Tasks",
}


def test_task_headers_do_not_authenticate_callers(stage: Stage) -> None:
    with stage.untouched():
        for function in CALLABLES:
            body = json.dumps({"data": stage.good(function)}).encode()
            refused = stage.refusal_raw(function, body, stage.school.nobody(), headers=TASK_HEADERS)
            assert refused.code == "UNAUTHENTICATED", function


@pytest.mark.parametrize("worker", WORKERS, ids="42 spoofed X-CloudTasks, {}".format)
def test_forged_task_causes_at_most_an_observation(stage: Stage, worker: str) -> None:
    # In the cloud IAM lets nobody but our queues come so far (pure/test_edge.py); here there is no IAM, and what a
    # task says is a name and nothing else.
    keys = {
        "reconcileSession": [stage.session_id, "none"],
        "reconcileVideo": [stage.playing, stage.uploading, f"{stage.playing},{stage.uploading}", "none"],
        "reconcileDeletion": [stage.deletion_id, "none"],
        "pollReadiness": ["kaltura:0", "kaltura:999999999"],
        "reconcileErasure": [stage.erasure_id, "none"],
        "reconcileTransfer": [stage.session_id, "none"],
    }
    more: dict[str, object] = {"key": stage.playing, "wish": {"deleted": True}}
    unreadable: list[object] = [more, {"key": "a/b"}, {"key": 7}, [], None]
    with stage.untouched():
        for key in keys[worker]:
            assert _task(stage.school, worker, {"key": key}) == 200
        for data in unreadable:
            assert _task(stage.school, worker, data) == 200


def _task(school: School, worker: str, data: object) -> int:
    url = f"{school.testbed.functions_url}/{worker}"
    return school.http.post(url, json={"data": data}, headers=TASK_HEADERS, timeout=DEADLINE_S).status_code


# --- who ---------------------------------------------------------------------------------------------------------

STRANGERS: dict[str, Callable[[School], Person]] = {
    "43 another teacher": lambda school: school.teacher(),
    "44 a student": lambda school: school.person(),
    "44 a student with other claims": lambda school: school.person(student=True, role="teacher", isTeacher=True),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_every_callable_refuses_sessions_of_others(stage: Stage, stranger: Callable[[School], Person]) -> None:
    person = stranger(stage.school)
    with stage.untouched():
        for function in CALLABLES:
            refused = stage.refusal(function, stage.good(function), person)
            # Who teaches is told of another's things what is told of those that are not there.
            is_teacher = stranger is STRANGERS["43 another teacher"] and function in TEACHERS
            assert refused.code == ("NOT_FOUND" if is_teacher else TO_STRANGERS[function]), function
            assert refused.message.endswith(".")


def test_administrator_and_teacher_roles_are_separate(stage: Stage) -> None:
    with stage.untouched():
        for function in sorted({*TEACHERS} - {"transferSession"}):
            assert stage.refusal(function, stage.good(function), stage.administrator).code == "PERMISSION_DENIED"
        for function in ADMINISTRATORS:
            assert stage.refusal(function, stage.good(function), stage.teacher).code == "PERMISSION_DENIED"


@pytest.mark.parametrize("enrolled", [False, True], ids=["46 a draft, a student", "46 a draft, an enrolled student"])
def test_a_draft_shows_nothing_to_students(stage: Stage, enrolled: bool) -> None:
    student = stage.school.person()
    if enrolled:
        stage.teacher.enrol(stage.session_id, student)
    with stage.untouched():
        for function in VIEWERS:
            refused = stage.refusal(function, stage.good(function), student)
            nothing = {next(iter(stage.good(function))): "0" * 20}
            assert (refused.code, refused.message) == (
                "NOT_FOUND",
                stage.refusal(function, nothing, student).message,
            ), function


# --- about what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [one for one in CALLABLES if one not in OWN], ids="45 absent, {}".format)
def test_unknown_ids_are_not_found(stage: Stage, function: str) -> None:
    good = stage.good(function)
    with stage.untouched():
        refused = stage.refusal(function, {**good, next(iter(good)): "0" * 20})
    assert refused.code == "NOT_FOUND"
    assert refused.message.startswith("There is no such ")


IDS: dict[str, str] = {
    "48 a slash": "a/b",
    "48 a whole path": "sessions/s1",
    "49 two dots": "..",
    "49 a path that climbs": "../videos/a",
    "50 a reserved name": "__x__",
    "51 1501 bytes": "a" * 1501,
    "51 1501 bytes of two each": "é" * 750 + "a",
    "an empty one": "",
    "a line break at its end": "s1\n",
    "a space": "a b",
}


@pytest.mark.parametrize("identity", IDS.values(), ids=IDS.keys())
def test_an_id_that_could_lead_elsewhere_is_refused_by_every_callable(stage: Stage, identity: str) -> None:
    with stage.untouched():
        for function in (*TEACHERS, *VIEWERS):
            good = stage.good(function)
            refused = stage.refusal(function, {**good, next(iter(good)): identity})
            assert refused.code == "INVALID_ARGUMENT", function


@pytest.mark.parametrize("identity", ["a/b", "a" * 1501, "", "a b"], ids=["48 a slash", "51 1501 bytes", "", "a space"])
def test_an_id_of_a_deletion_that_could_lead_elsewhere_is_refused(stage: Stage, identity: str) -> None:
    with stage.untouched():
        refused = stage.refusal("requeueDeletion", {"deletionId": identity})
    assert refused.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("what", ["47 the video is deleted", "47 its session is deleted"])
def test_no_tokens_are_issued_during_deletion(school: School, teacher: Person, video_bytes: bytes, what: str) -> None:
    session_id = teacher.write_session(status="public")
    video_id = teacher.upload_video(session_id, video_bytes)
    # Kaltura is slow about it: the video is there all the time.
    busy = {"kind": "status", "status": 503, "match": {"service": "media", "action": "delete", "times": 0}}
    school.simulator("POST", "faults", busy)
    if what == "47 the video is deleted":
        teacher.call("deleteVideo", {"videoId": video_id})
    else:
        teacher.delete_session(session_id)
    tokens = {token["id"] for token in school.things("uploadTokens")}

    file = {"requestId": uuid.uuid4().hex, "fileName": "film.mp4", "fileSizeBytes": 1000}
    asked: list[tuple[Person, str, dict[str, Any]]] = [
        (teacher, "replaceVideo", {"videoId": video_id, **file}),
        (teacher, "renewUploadToken", {"videoId": video_id}),
        (teacher, "retryVideo", {"videoId": video_id}),
        (teacher, "updateVideo", {"videoId": video_id, "title": "Algebra II"}),
        (teacher, "issuePlayback", {"videoId": video_id}),
        (school.person(), "issuePlayback", {"videoId": video_id}),
    ]
    if what == "47 its session is deleted":
        asked.append((teacher, "issueUploadToken", {"sessionId": session_id, **file}))
    for person, function, data in asked:
        with pytest.raises(Refused) as refused:
            person.call(function, data)
        assert refused.value.code in {"NOT_FOUND", "FAILED_PRECONDITION"}, function
        assert refused.value.message.endswith(".")

    assert {token["id"] for token in school.things("uploadTokens")} <= tokens
    school.simulator("DELETE", "faults")


# --- once more ---------------------------------------------------------------------------------------------------


def _ask(stage: Stage, function: str, request_id: str, **fields: Any) -> dict[str, Any]:
    """
    Ask as a client does: while a reconciliation has the video, the answer is that the call is worth another try.
    """
    answers: list[dict[str, Any]] = []

    def answered() -> bool:
        try:
            answers.append(stage.teacher.call(function, {**stage.good(function), "requestId": request_id, **fields}))
        except Refused as refused:
            if not refused.is_retryable:
                raise
        return bool(answers)

    stage.school.await_provider("an answer", answered)
    return answers[0]


@pytest.mark.parametrize("function", ["issueUploadToken", "replaceVideo"], ids="39 52 {}".format)
def test_repeated_call_returns_the_same_answer(stage: Stage, function: str) -> None:
    request_id = uuid.uuid4().hex
    first = _ask(stage, function, request_id)
    entries = {entry["id"] for entry in stage.school.things("entries")}
    tokens = {token["id"] for token in stage.school.things("uploadTokens")}

    again = [_ask(stage, function, request_id) for _ in range(5)]

    for answer in again:
        assert answer["videoId"] == first["videoId"]
        assert answer["upload"]["uploadTokenId"] == first["upload"]["uploadTokenId"]
    assert {entry["id"] for entry in stage.school.things("entries")} <= entries
    assert {token["id"] for token in stage.school.things("uploadTokens")} <= tokens


OTHER_BODIES: dict[str, dict[str, Any]] = {
    "another size": {"fileSizeBytes": 1001},
    "another name": {"fileName": "other.mp4"},
    "another title": {"title": "Another"},
}


@pytest.mark.parametrize("function", ["issueUploadToken", "replaceVideo"])
@pytest.mark.parametrize("fields", OTHER_BODIES.values(), ids="53 {}".format)
def test_the_same_request_id_for_another_body_is_refused(stage: Stage, function: str, fields: dict[str, Any]) -> None:
    request_id = uuid.uuid4().hex
    video_id = _ask(stage, function, request_id)["videoId"]
    spec = (stage.school.document(f"videos/{video_id}") or {})["wish"]
    made = set(stage.school.made_for(video_id))

    with pytest.raises(Refused) as refused:
        _ask(stage, function, request_id, **fields)

    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "REQUEST_ID_USED")
    assert (stage.school.document(f"videos/{video_id}") or {})["wish"] == spec
    assert set(stage.school.made_for(video_id)) <= made


@pytest.mark.parametrize("times", [100], ids="54 {} in parallel".format)
def test_the_same_call_many_times_at_once_gets_one_token(school: School, teacher: Person, times: int) -> None:
    session_id, request_id = teacher.write_session(), uuid.uuid4().hex

    def ask(_: int) -> str:
        try:
            return str(teacher.ask_to_upload(session_id, 1000, requestId=request_id)["upload"]["uploadTokenId"])
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(times)))

    # Who comes while another is at it is asked to come again; and of sixty tokens in a minute there are no more.
    token_ids = answers - {"UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"}
    assert len(token_ids) == 1
    (video,) = [one for one in school.documents_of("videos") if (one.to_dict() or {})["sessionId"] == session_id]
    assert len([kind for kind, _ in school.made_for(video.id) if kind == "entries"]) == 1
    assert [token["id"] for token in school.things("uploadTokens") if token["id"] in token_ids] == list(token_ids)


@pytest.mark.parametrize("needs_key", [False, True], ids=["55 addresses", "55 a player KS"])
def test_after_unpublishing_no_new_ks_is_given(
    school: School, teacher: Person, video_bytes: bytes, needs_key: bool
) -> None:
    session_id = teacher.write_session(status="public")
    video_id = teacher.upload_video(session_id, video_bytes)
    student = school.person()
    asked = {"videoId": video_id, "playerKs": needs_key}
    assert ("ks" in student.call("issuePlayback", asked)) is needs_key

    teacher.change_session(session_id, status="draft")

    with pytest.raises(Refused) as refused:
        student.call("issuePlayback", asked)
    assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize("asked", ["baseEntry", "liveStream"], ids="55 {} of a live event".format)
def test_after_unpublishing_the_ks_of_a_live_event_opens_nothing(school: School, teacher: Person, asked: str) -> None:
    session_id = teacher.write_live_session(status="public")
    event = school.await_event(session_id)
    grant = teacher.call("issuePlayback", {"sessionId": session_id, "playerKs": True})

    teacher.change_session(session_id, status="draft")
    school.await_provider("the event's going", lambda: not school.made_for(session_id))

    with pytest.raises(Refused) as refused:
        teacher.call("issuePlayback", {"sessionId": session_id})
    assert refused.value.code == "FAILED_PRECONDITION"
    assert b"#EXTM3U" not in school.http.get(grant["manifestUrl"], timeout=DEADLINE_S).content
    with pytest.raises(Exception, match=r"not found|Invalid KS|forbidden"):
        getattr(school.kaltura(grant["ks"]), asked).get(event["entryId"])
