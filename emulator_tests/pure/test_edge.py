"""The edge: what is read from a request, what of it is refused, and what each error becomes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from firebase_functions.https_fn import AuthData, CallableRequest, HttpsError
from flask import Request
from werkzeug.test import create_environ

from functions import edge
from functions.work import tickFeed, visitDeletion, visitSession, visitVideo
from shared import errors
from shared.access import Caller
from shared.errors import (
    BackendError,
    BadRequest,
    Conflict,
    Doubtful,
    Misconfigured,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Permanent,
    ProviderError,
    Refused,
    SecretRejected,
    TooMany,
    Transient,
    WrongState,
)
from shared.ports import Note

REQUIRED: dict[str, edge.Kind] = {"sessionId": edge.SESSION_ID, "fileName": edge.NAME, "fileSizeBytes": int}
OPTIONAL: dict[str, edge.Kind] = {"title": edge.NAME}
SENT: dict[str, Any] = {"sessionId": "s1", "fileName": "a.mp4", "fileSizeBytes": 7}

TEACHER = AuthData("teacher", {"teacher": True})
KS = "djJ8MTAyfA" + "x" * 80


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def called(data: Any, auth: AuthData | None = TEACHER) -> CallableRequest[Any]:
    """
    A request as the SDK hands it on.
    """
    return CallableRequest(data=data, raw_request=Request(create_environ(method="POST")), auth=auth)


def test_the_fields_of_a_request_are_read() -> None:
    assert edge.read({**SENT, "title": "Algebra"}, REQUIRED, OPTIONAL) == {**SENT, "title": "Algebra"}


@pytest.mark.parametrize("sent", [SENT, {**SENT, "title": None}], ids=["absent", "null"])
def test_an_optional_field_that_is_absent_is_none(sent: dict[str, Any]) -> None:
    assert edge.read(sent, REQUIRED, OPTIONAL) == {**SENT, "title": None}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="4 nothing"),
        pytest.param([], id="3 an empty array"),
        pytest.param([SENT], id="3 an array"),
        pytest.param("text", id="3 a text"),
        pytest.param(7, id="3 a number"),
        pytest.param(True, id="3 true"),
        pytest.param(float("nan"), id="10 NaN"),
        pytest.param(nested(1000), id="9 a thousand deep"),
    ],
)
def test_what_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(BadRequest, match="Send an object with named fields"):
        edge.read(data, REQUIRED, OPTIONAL)


@pytest.mark.parametrize("field", REQUIRED)
@pytest.mark.parametrize("as_null", [False, True], ids=["absent", "null"])
def test_a_field_that_is_missing_is_named(field: str, as_null: bool) -> None:
    sent = {name: value for name, value in SENT.items() if name != field}
    with pytest.raises(BadRequest, match=f"The field {field} is missing"):
        edge.read({**sent, **({field: None} if as_null else {})}, REQUIRED, OPTIONAL)


def test_fields_that_are_not_known_are_named() -> None:
    with pytest.raises(BadRequest, match=r"not known here: entryId, ownerUid\."):
        edge.read({**SENT, "ownerUid": "me", "entryId": "0_a"}, REQUIRED, OPTIONAL)


def test_of_many_or_long_unknown_names_little_is_repeated() -> None:
    with pytest.raises(BadRequest) as raised:
        edge.read({**SENT, **{f"{number:03}{'x' * 5000}": 1 for number in range(500)}}, REQUIRED, OPTIONAL)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("field", ["sessionId", "fileName", "title"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(7, id="13 number"),
        pytest.param(True, id="13 true"),
        pytest.param(float("nan"), id="10 NaN"),
        pytest.param(["s1"], id="13 array"),
        pytest.param({"id": "s1"}, id="13 object"),
        pytest.param(nested(1000), id="9 depth 1000"),
        pytest.param("", id="empty"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("a\r\nb", id="line break"),
        pytest.param("a\ud800b", id="11 lone surrogate"),
        pytest.param("x" * 1001, id="too long"),
    ],
)
def test_a_text_of_another_shape_is_refused_and_not_repeated(field: str, value: object) -> None:
    with pytest.raises(BadRequest) as raised:
        edge.read({**SENT, field: value}, REQUIRED, OPTIONAL)
    assert str(raised.value) == f"The field {field} is not a valid text."


@pytest.mark.parametrize(
    "value",
    ["7", 7.0, 7.5, True, float("nan"), float("inf"), [7], {}, nested(1000)],
    ids=["text", "7.0", "7.5", "true", "10 NaN", "10 infinity", "array", "object", "9 depth 1000"],
)
def test_a_number_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="The field fileSizeBytes is not a whole number"):
        edge.read({**SENT, "fileSizeBytes": value}, REQUIRED, OPTIONAL)


@pytest.mark.parametrize("session_id", ["s", "Zq3Yk0vT8bJc1mWnXe7R", "5f2d7c1e-8a34-4b0f-9a51-3d2e6c7b8a90", "a" * 64])
def test_an_id_of_a_session_is_read(session_id: str) -> None:
    assert edge.read({"id": session_id}, {"id": edge.SESSION_ID}) == {"id": session_id}


@pytest.mark.parametrize("kind", [edge.SESSION_ID, edge.VIDEO_ID], ids=["session", "video"])
@pytest.mark.parametrize(
    "session_id",
    ["a/b", "..", ".", "__x__", "a_b", "s1\n", " s1", "s1?x", "a" * 65, "é" * 3, "s" * 1501],
    ids=["48 a/b", "49 ..", "49 .", "50 __x__", "a_b", "s1\\n", " s1", "s1?x", "65 signs", "é", "51 1501 bytes"],
)
def test_an_id_that_could_lead_elsewhere_is_refused(kind: edge.Kind, session_id: str) -> None:
    with pytest.raises(BadRequest):
        edge.read({"id": session_id}, {"id": kind})


@pytest.mark.parametrize("request_id", ["a/b", "a b", "", "a" * 65, "a:b"], ids=ascii)
def test_a_request_id_is_a_short_word(request_id: str) -> None:
    with pytest.raises(BadRequest):
        edge.read({"requestId": request_id}, {"requestId": edge.REQUEST_ID})


ANSWERS: list[tuple[BackendError, str, str]] = [
    (NotSignedIn("Sign in first."), "unauthenticated", "Sign in first."),
    (NotAllowed("Only teachers."), "permission-denied", "Only teachers."),
    (NotFound("No such session."), "not-found", "No such session."),
    (BadRequest("Too long."), "invalid-argument", "Too long."),
    (WrongState("Not ready."), "failed-precondition", "Not ready."),
    (TooMany("Too many."), "resource-exhausted", "Too many."),
    (Transient("Busy.", provider="kaltura", operation="media.add", code="HTTP_503"), "unavailable", "Busy."),
    (
        SecretRejected("Rejected.", provider="kaltura", operation="media.add", code="INVALID_KS"),
        "unavailable",
        "Rejected.",
    ),
    (Doubtful("No answer.", provider="kaltura", operation="media.add", code="TIMEOUT"), "unavailable", "No answer."),
    (
        Permanent("Refused.", provider="kaltura", operation="media.add", code="INVALID_TITLE"),
        "failed-precondition",
        "Refused.",
    ),
    (Conflict("videos/v1 was changed."), "aborted", "Others changed the same thing. Try again."),
    (Misconfigured("Set KALTURA_PARTNER_ID."), "internal", "This service is not set up yet; its log says why."),
]


def kinds_of(root: type[BackendError]) -> Iterator[type[BackendError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds_of(kind)


def test_the_table_has_every_error_of_the_tree_that_is_raised() -> None:
    tree = {kind for kind in kinds_of(BackendError) if kind.__module__ == errors.__name__}
    assert {type(error) for error, _, _ in ANSWERS} == tree - {BackendError, Refused, ProviderError}


@pytest.mark.parametrize(("error", "code", "sentence"), ANSWERS, ids=[type(error).__name__ for error, _, _ in ANSWERS])
def test_each_error_becomes_its_code_and_its_sentence(error: BackendError, code: str, sentence: str) -> None:
    def use_case(_caller: Caller) -> dict[str, Any]:
        raise error

    with pytest.raises(HttpsError) as raised:
        edge.answer("getKalturaSession", called({}), use_case)
    assert (raised.value.code.value, raised.value.message) == (code, sentence)


@pytest.mark.parametrize(
    "error",
    [ValueError(f"KS {KS}"), KeyError("hunter2"), RuntimeError("videos/v1"), RecursionError("deep")],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_tells_nothing_of_its_text(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def use_case(_caller: Caller) -> dict[str, Any]:
        raise error

    with pytest.raises(HttpsError) as raised:
        edge.answer("getKalturaSession", called({}), use_case)
    assert (raised.value.code.value, raised.value.details) == ("internal", None)
    assert raised.value.message == "Something went wrong on our side; we have a record."
    entry = json.loads(capsys.readouterr().err)
    assert (entry["severity"], entry["type"]) == ("ERROR", type(error).__name__)
    assert str(error.args[0]) not in json.dumps(entry)


def test_what_is_not_set_up_is_told_to_the_operator_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def use_case(_caller: Caller) -> dict[str, Any]:
        raise Misconfigured("Set KALTURA_PARTNER_ID.")

    with pytest.raises(HttpsError) as raised:
        edge.answer("getKalturaSession", called({}), use_case)
    assert "KALTURA" not in raised.value.message
    entry = json.loads(capsys.readouterr().err)
    assert (entry["severity"], entry["sentence"]) == ("ERROR", "Set KALTURA_PARTNER_ID.")


def test_a_secret_in_a_refusal_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    def use_case(_caller: Caller) -> dict[str, Any]:
        raise BadRequest(f"Unknown field {KS}.")

    with pytest.raises(HttpsError):
        edge.answer("issuePlayback", called({}), use_case)
    logged = capsys.readouterr()
    assert KS not in logged.out + logged.err


@pytest.mark.parametrize(
    "auth", [None, AuthData(None, {}), AuthData("", {"teacher": True})], ids=["15 none", "30 no uid", "30 empty uid"]
)
def test_nobody_is_let_in(auth: AuthData | None) -> None:
    entered: list[Caller] = []

    def use_case(caller: Caller) -> dict[str, Any]:
        entered.append(caller)
        return {}

    with pytest.raises(HttpsError) as raised:
        edge.answer("getKalturaSession", called({}, auth), use_case)
    assert (raised.value.code.value, entered) == ("unauthenticated", [])


@pytest.mark.parametrize(
    ("claim", "is_teacher"), [(True, True), ("true", False), (1, False)], ids=["true", "34 'true'", "35 1"]
)
def test_the_caller_is_who_his_token_says(claim: object, is_teacher: bool) -> None:
    def use_case(caller: Caller) -> dict[str, Any]:
        return {"uid": caller.uid, "isTeacher": caller.is_teacher}

    auth = AuthData("u1", {"teacher": claim})
    assert edge.answer("getKalturaSession", called({}, auth), use_case) == {"uid": "u1", "isTeacher": is_teacher}


def test_an_answer_is_made_of_what_json_knows() -> None:
    at = datetime(2026, 1, 5, 9, 0, 1, 500, tzinfo=UTC)

    def use_case(_caller: Caller) -> dict[str, Any]:
        return {"expiresAt": at, "failure": {"code": "X", "at": at}, "percent": 7, "title": "a", "entryId": None}

    assert edge.answer("getKalturaSession", called({}), use_case) == {
        "expiresAt": "2026-01-05T09:00:01.000500Z",
        "failure": {"code": "X", "at": "2026-01-05T09:00:01.000500Z"},
        "percent": 7,
        "title": "a",
        "entryId": None,
    }


@pytest.mark.parametrize(
    "key",
    ["s1", "Zq3Yk0vT8bJc1mWnXe7R", "kaltura:17", "a" * 64, ",".join(["0123456789abcdef0123"] * 500)],
    ids=["short", "a session", "a tick", "as long as may be", "as many as may be"],
)
def test_a_task_is_done_for_its_key(key: str) -> None:
    done: list[str] = []
    asked: list[Note] = []

    def admits(note: Note) -> bool:
        asked.append(note)
        return True

    edge.work("visitSession", called({"key": key}, None), admits, done.append)
    assert (asked, done) == ([Note("visitSession", key)], [key])


@pytest.mark.parametrize(
    "worker",
    [visitSession, visitVideo, visitDeletion, tickFeed],
    ids=lambda worker: f"40 41 wrong audience or account, {worker.__name__}",
)
def test_a_worker_is_deployed_for_its_queue_and_open_to_nobody_else(worker: Any) -> None:
    # IAM asks for the OIDC token of an account that may call, before a request comes to any code of ours; it lets
    # everybody call only what is deployed as a callable, as an HTTP function, or with invokers named.
    endpoint = worker.__firebase_endpoint__
    assert endpoint.taskQueueTrigger is not None
    assert "invoker" not in endpoint.taskQueueTrigger
    assert (endpoint.httpsTrigger, endpoint.callableTrigger) == (None, None)


def test_a_task_that_is_not_admitted_is_told_and_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    edge.work("visitSession", called({"key": "s1"}, None), lambda _: False, done.append)
    assert done == []
    told = json.loads(capsys.readouterr().out)
    assert (told["message"], told["function"]) == ("work is stopped", "visitSession")


@pytest.mark.parametrize(
    "data",
    [None, [], "s1", {}, {"key": None}, {"key": 7}, {"key": "a/b"}, {"key": ""}, {"key": "s1", "at": 1}, {"id": "s1"}],
    ids=repr,
)
def test_a_task_that_cannot_be_read_is_told_and_never_tried_again(
    data: object, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    # What returns is done with; whatever raises comes again.
    edge.work("visitSession", called(data, None), lambda _: True, done.append)
    assert done == []
    assert json.loads(capsys.readouterr().out)["message"] == "refused"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *(pytest.param(error, "unavailable", id=type(error).__name__) for error, _, _ in ANSWERS),
        pytest.param(ValueError(f"KS {KS}"), "internal", id="ValueError"),
    ],
)
def test_a_task_that_fails_comes_again_and_tells_nothing(
    error: Exception, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def use_case(_key: str) -> None:
        raise error

    with pytest.raises(HttpsError) as raised:
        edge.work("visitSession", called({"key": "s1"}, None), lambda _: True, use_case)
    assert (raised.value.code.value, raised.value.message) == (code, "Not finished.")
    logged = capsys.readouterr()
    assert KS not in logged.out + logged.err
    assert json.loads(logged.out or logged.err)["function"] == "visitSession"


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda: logging.error(f"Error validating token: b'{KS}'"), id="in the text"),
        pytest.param(lambda: logging.error("Error validating token: %s", KS), id="as an argument"),
        pytest.param(lambda: logging.warning("Request body is missing data.", [KS]), id="without a place for it"),
        pytest.param(lambda: logging.warning("Callable request verification failed", {"token": KS}), id="as a mapping"),
    ],
)
def test_a_token_that_the_sdk_quotes_in_its_log_is_blanked(
    write: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    write()
    assert len(caplog.records) == 1
    assert KS not in caplog.text
