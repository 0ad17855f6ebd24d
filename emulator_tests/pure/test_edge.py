"""The edge: what is read from a request, what of it is refused, and what each error becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from firebase_functions.https_fn import AuthData, CallableRequest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ

from emulator_tests.memory import ManualClock, MemoryDocuments
from functions.edge import answers, fields
from functions.edge.callables import Call, Declaration, respond
from shared.core import errors
from shared.core.callers import Caller
from shared.core.errors import (
    BackendError,
    BadRequest,
    Conflict,
    Doubtful,
    Misconfigured,
    NotAllowed,
    NotFound,
    NotFoundYet,
    NotSignedIn,
    Permanent,
    ProviderError,
    Refused,
    SecretRejected,
    TooMany,
    Transient,
    WrongState,
)
from shared.limits.call_budgets import CallBudgets, Work
from shared.limits.limiter import Limiter


@fields.message
class Upload:
    """The request that most tests read."""

    sessionId: fields.SessionId  # noqa: N815
    fileName: fields.Name  # noqa: N815
    fileSizeBytes: int  # noqa: N815
    title: fields.Name | None = None


@fields.message
class OfAll:
    everything: bool


@fields.message
class OfSession:
    id: fields.SessionId


@fields.message
class OfVideo:
    id: fields.VideoId


@fields.message
class OfRequest:
    requestId: fields.RequestId  # noqa: N815


@fields.message
class Nothing:
    pass


REQUIRED = ("sessionId", "fileName", "fileSizeBytes")
SENT: dict[str, Any] = {"sessionId": "s1", "fileName": "a.mp4", "fileSizeBytes": 7}

STUDENT = AuthData("student", {})
KS = "djJ8MTAyfA" + "x" * 80


def read(data: Any, form: type[Any] = Upload) -> dict[str, Any]:
    told: dict[str, Any] = vars(fields.read(data, form))
    return told


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def called(data: Any, auth: AuthData | None = STUDENT) -> CallableRequest[Any]:
    """
    A request as it is handed on, once it is read.
    """
    return CallableRequest(data=data, raw_request=Request(create_environ(method="POST")), auth=auth)


def answered(use_case: Callable[[Caller], dict[str, Any]], auth: AuthData | None = STUDENT) -> tuple[int, Any]:
    """
    Status and content of the answer of a callable that does something for its caller.
    """

    def getKalturaSession(call: Call[Nothing]) -> dict[str, Any]:  # noqa: N802
        return use_case(call.caller)

    def admit(caller: Caller) -> None:
        CallBudgets(Limiter(MemoryDocuments(), ManualClock())).take(caller, Work.LOOK)

    declaration = Declaration(Nothing, Work.LOOK, False, getKalturaSession)
    answer = respond(declaration, called({}, auth), admit)
    assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Cache-Control"]) == ("*", "no-store")
    return answer.status_code, json.loads(answer.get_data())


def refused(error: Exception, auth: AuthData | None = STUDENT) -> tuple[int, dict[str, Any]]:
    """
    Status and error of the answer of a callable that raises something.
    """

    def use_case(_caller: Caller) -> dict[str, Any]:
        raise error

    status, content = answered(use_case, auth)
    told: dict[str, Any] = content["error"]
    return status, told


def test_the_fields_of_a_request_are_read() -> None:
    assert read({**SENT, "title": "Algebra"}) == {**SENT, "title": "Algebra"}


@pytest.mark.parametrize("sent", [SENT, {**SENT, "title": None}], ids=["absent", "null"])
def test_an_optional_field_that_is_absent_is_none(sent: dict[str, Any]) -> None:
    assert read(sent) == {**SENT, "title": None}


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
def test_request_that_is_not_an_object_is_refused(data: object) -> None:
    with pytest.raises(BadRequest, match="Send an object with named fields under data"):
        read(data)


@pytest.mark.parametrize("field", REQUIRED)
@pytest.mark.parametrize("as_null", [False, True], ids=["absent", "null"])
def test_a_field_that_is_missing_is_named(field: str, as_null: bool) -> None:
    sent = {name: value for name, value in SENT.items() if name != field}
    with pytest.raises(BadRequest, match=f"The field {field} is missing"):
        read({**sent, **({field: None} if as_null else {})})


def test_fields_that_are_not_known_are_named() -> None:
    with pytest.raises(BadRequest, match=r"not known here: entryId, ownerUid\."):
        read({**SENT, "ownerUid": "me", "entryId": "0_a"})


@pytest.mark.parametrize(
    "name", ["a\n{}", "\x1b[2J", "a b", "x" * 41, KS, "", "\u202e", '{"severity":"ALERT"}'], ids=ascii
)
def test_invalid_field_name_is_not_repeated(name: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read({**SENT, name: 1, "entryId": 2})
    assert str(raised.value) == "These fields are not known here: entryId, 1 more."


def test_many_or_long_unknown_names_are_shortened() -> None:
    with pytest.raises(BadRequest) as raised:
        read({**SENT, **{f"{number:03}{'x' * 30}": 1 for number in range(500)}})
    assert len(str(raised.value)) < 300
    assert str(raised.value).endswith(", 495 more.")


@pytest.mark.parametrize(
    ("field", "form"),
    [
        ("sessionId", "a string of 1 to 64 letters, digits or hyphens"),
        ("fileName", "a string of 1 to 1,000 characters in one line, without control characters"),
    ],
)
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
def test_malformed_text_is_refused_with_the_expected_form(field: str, form: str, value: object) -> None:
    with pytest.raises(BadRequest) as raised:
        read({**SENT, field: value})
    assert str(raised.value) == f"The field {field} must be {form}."


def wrapped(value: object, kind: str = "Int64Value", **more: object) -> dict[str, object]:
    """
    A whole number as Firebase's SDKs for phones send those of 64 bits.
    """
    return {"@type": f"type.googleapis.com/google.protobuf.{kind}", "value": value, **more}


def read_number(value: object) -> int:
    number: int = read({**SENT, "fileSizeBytes": value})["fileSizeBytes"]
    assert type(number) is int
    return number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        pytest.param(123, 123, id="B1 web, Android's Int, iOS's Int32"),
        pytest.param(wrapped("123"), 123, id="B1 Flutter and native iOS and Android"),
        pytest.param(wrapped("123", "UInt64Value"), 123, id="B1 iOS unsigned"),
        pytest.param(123.0, 123, id="B1 a float without fraction"),
        pytest.param(-0.0, 0, id="B1 minus nothing"),
        pytest.param(1e3, 1000, id="B1 an exponent"),
        pytest.param(wrapped("-5"), -5, id="B1 negative"),
        pytest.param(wrapped("0"), 0, id="B1 zero"),
        pytest.param(wrapped(str(10 * 1024**3)), 10 * 1024**3, id="B1 ten GiB"),
        pytest.param(wrapped(str(2**63 - 1)), 2**63 - 1, id="B1 the largest"),
        pytest.param(wrapped(str(-(2**63))), -(2**63), id="B1 the least"),
        pytest.param(2**63 - 1, 2**63 - 1, id="B1 the largest, plain"),
        pytest.param(2.0**53, 2**53, id="B1 the largest exact float"),
    ],
)
def test_a_whole_number_is_read_however_an_sdk_sends_it(value: object, number: int) -> None:
    assert read_number(json.loads(json.dumps(value))) == number


@given(st.integers(-(2**63), 2**63 - 1))
@pytest.mark.long
def test_every_number_of_64_bits_comes_through_wrapped_or_not(number: int) -> None:
    assert read_number(wrapped(str(number))) == read_number(number) == number


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("7", id="text"),
        pytest.param(7.5, id="7.5"),
        pytest.param(True, id="true"),
        pytest.param(float("nan"), id="10 NaN"),
        pytest.param(float("inf"), id="10 infinity"),
        pytest.param([7], id="array"),
        pytest.param({}, id="object"),
        pytest.param(nested(1000), id="9 depth 1000"),
        pytest.param(2**63, id="B1 out of range"),
        pytest.param(-(2**63) - 1, id="B1 out of range below"),
        pytest.param(10**30, id="B1 far out of range"),
        pytest.param(1e300, id="B1 a float out of range"),
        pytest.param(2.0**53 + 2, id="B1 a float that may be another number"),
        pytest.param(wrapped(str(2**63)), id="B1 wrapped, out of range"),
        pytest.param(wrapped(str(2**64 - 1), "UInt64Value"), id="B1 unsigned, more than can be stored"),
        pytest.param(wrapped("-1", "UInt64Value"), id="B1 unsigned and negative"),
        pytest.param(wrapped("9" * 5000), id="B1 of five thousand digits"),
        pytest.param(wrapped("7", "StringValue"), id="B1 of another type"),
        pytest.param({"@type": ["Int64Value"], "value": "7"}, id="B1 of a type that is a list"),
        pytest.param({"value": "7"}, id="B1 without a type"),
        pytest.param({"@type": wrapped("7")["@type"]}, id="B1 without a value"),
        pytest.param(wrapped("7", more=1), id="B1 with more"),
        pytest.param(wrapped("NaN"), id="B1 wrapped NaN"),
        pytest.param(wrapped("7.0"), id="B1 wrapped fraction"),
        pytest.param(wrapped("+7"), id="B1 a sign"),
        pytest.param(wrapped(" 7"), id="B1 a space"),
        pytest.param(wrapped("7\n"), id="B1 a line break"),
        pytest.param(wrapped("\u0667"), id="B1 a digit of another script"),
        pytest.param(wrapped("7_0"), id="B1 an underscore"),
        pytest.param(wrapped(""), id="B1 an empty text"),
        pytest.param(wrapped(None), id="B1 null"),
        pytest.param(wrapped(7), id="B1 wrapped and plain"),
        pytest.param(wrapped(wrapped("7")), id="B1 wrapped twice"),
    ],
)
def test_non_integer_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="The field fileSizeBytes must be a whole number of at most 64 bits"):
        read({**SENT, "fileSizeBytes": value})


@pytest.mark.parametrize("value", [1, 0, "true", [], {}, wrapped("1")], ids=repr)
def test_non_boolean_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="The field everything must be true or false"):
        read({"everything": value}, OfAll)


@pytest.mark.parametrize("session_id", ["s", "Zq3Yk0vT8bJc1mWnXe7R", "5f2d7c1e-8a34-4b0f-9a51-3d2e6c7b8a90", "a" * 64])
def test_an_id_of_a_session_is_read(session_id: str) -> None:
    assert read({"id": session_id}, OfSession) == {"id": session_id}


@pytest.mark.parametrize("form", [OfSession, OfVideo], ids=["session", "video"])
@pytest.mark.parametrize(
    "session_id",
    ["a/b", "..", ".", "__x__", "a_b", "s1\n", " s1", "s1?x", "a" * 65, "é" * 3, "s" * 1501],
    ids=["48 a/b", "49 ..", "49 .", "50 __x__", "a_b", "s1\\n", " s1", "s1?x", "65 signs", "é", "51 1501 bytes"],
)
def test_an_id_that_could_lead_elsewhere_is_refused(form: type[Any], session_id: str) -> None:
    with pytest.raises(BadRequest):
        read({"id": session_id}, form)


@pytest.mark.parametrize("request_id", ["a/b", "a b", "", "a" * 65, "a:b"], ids=ascii)
def test_a_request_id_is_a_short_word(request_id: str) -> None:
    with pytest.raises(BadRequest):
        read({"requestId": request_id}, OfRequest)


def of_kaltura(kind: type[ProviderError], sentence: str, code: str) -> ProviderError:
    return kind(sentence, provider="kaltura", operation="media.add", code=code)


ANSWERS: list[tuple[BackendError, int, str, str]] = [
    (NotSignedIn("Sign in.", reason="SIGN_IN_REQUIRED"), 401, "UNAUTHENTICATED", "Sign in."),
    (NotAllowed("Only teachers.", reason="TEACHER_ONLY"), 403, "PERMISSION_DENIED", "Only teachers."),
    (NotFound("No such session.", reason="SESSION_NOT_FOUND"), 404, "NOT_FOUND", "No such session."),
    (BadRequest("Too long.", reason="TITLE_INVALID"), 400, "INVALID_ARGUMENT", "Too long."),
    (WrongState("Not ready.", reason="VIDEO_NOT_READY"), 400, "FAILED_PRECONDITION", "Not ready."),
    (TooMany("Too many.", reason="QUOTA_USED_UP"), 429, "RESOURCE_EXHAUSTED", "Too many."),
    (of_kaltura(Transient, "Busy.", "HTTP_503"), 503, "UNAVAILABLE", "Busy."),
    (of_kaltura(SecretRejected, "Rejected.", "INVALID_KS"), 503, "UNAVAILABLE", "Rejected."),
    (of_kaltura(Doubtful, "No answer.", "TIMEOUT"), 503, "UNAVAILABLE", "No answer."),
    (of_kaltura(Permanent, "Refused.", "INVALID_TITLE"), 400, "FAILED_PRECONDITION", "Refused."),
    (
        Conflict("videos/v1 was changed."),
        409,
        "ABORTED",
        "Somebody else changed the same data at the same moment. Try again.",
    ),
    (
        Misconfigured("Set A."),
        500,
        "INTERNAL",
        "A setting of this service is missing or wrong. The service's log says which.",
    ),
]


def kinds_of(root: type[BackendError]) -> Iterator[type[BackendError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds_of(kind)


def test_the_table_has_every_error_of_the_tree_that_is_raised() -> None:
    tree = {kind for kind in kinds_of(BackendError) if kind.__module__ == errors.__name__}
    # The reconciler records a NotFoundYet, and no caller is answered with it.
    assert {type(error) for error, *_ in ANSWERS} == tree - {BackendError, Refused, ProviderError, NotFoundYet}


@pytest.mark.parametrize(
    ("error", "http_status", "status", "sentence"), ANSWERS, ids=[f"C5 {type(error).__name__}" for error, *_ in ANSWERS]
)
def test_each_error_becomes_its_code_and_its_sentence(
    error: BackendError, http_status: int, status: str, sentence: str
) -> None:
    is_retryable = answers.error_codes()[error.reason].is_retryable
    told = {"status": status, "message": sentence, "details": {"code": error.reason, "retryable": is_retryable}}
    assert refused(error) == (http_status, told)


def test_an_upload_that_is_over_names_its_video() -> None:
    error = WrongState("This upload has failed.", reason="UPLOAD_FAILED")
    error.video_id = "9f86d081884c7d659a2f"
    assert refused(error)[1]["details"] == {
        "code": "UPLOAD_FAILED",
        "retryable": False,
        "videoId": "9f86d081884c7d659a2f",
    }


@pytest.mark.parametrize(
    ("error", "retry_after_s"),
    [
        (Transient("Busy.", provider="kaltura", operation="a", code="HTTP_429", retry_after_s=2), 2),
        (Transient("Busy.", provider="kaltura", operation="a", code="HTTP_429", retry_after_s=0.2), 1),
        (TooMany("Wait.", reason="UPLOAD_TOKENS_TOO_MANY", retry_after_s=41.5), 42),
        (WrongState("Early.", reason="SESSION_NOT_OPEN_YET", retry_after_s=900.0), 900),
        (Conflict("videos/v1 was changed.", retry_after_s=0.0), 0),
    ],
    ids=["C5 told by a provider", "C5 less than a second", "C5 a rate", "C5 an instant", "C5 at once"],
)
def test_retry_after_is_in_whole_seconds(error: BackendError, retry_after_s: int) -> None:
    assert refused(error)[1]["details"]["retryAfterS"] == retry_after_s


@pytest.mark.parametrize(
    "error",
    [ValueError(f"KS {KS}"), KeyError("hunter2"), RuntimeError("videos/v1"), RecursionError("deep")],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_tells_nothing_of_its_text(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(error) == (
        500,
        {
            "status": "INTERNAL",
            "message": "Something went wrong on the server. The error was logged.",
            "details": {"code": "INTERNAL", "retryable": False},
        },
    )
    entry = json.loads(capsys.readouterr().err)
    assert (entry["severity"], entry["type"], entry["uid"]) == ("ERROR", type(error).__name__, "student")
    assert str(error.args[0]) not in json.dumps(entry)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"], ids=repr)
def test_answer_that_is_not_json_is_an_internal_error(value: object) -> None:
    status, content = answered(lambda _: {"value": value})
    assert (status, content["error"]["details"]["code"]) == (500, "INTERNAL")


def test_missing_setup_is_reported_to_the_operator_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert "KALTURA" not in str(refused(Misconfigured("Set KALTURA_PARTNER_ID.")))
    entry = json.loads(capsys.readouterr().err)
    assert (entry["severity"], entry["sentence"]) == ("ERROR", "Set KALTURA_PARTNER_ID.")


def test_a_secret_in_a_refusal_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    refused(BadRequest(f"Unknown field {KS}.", reason="FIELD_UNKNOWN"))
    logged = capsys.readouterr()
    assert KS not in logged.out + logged.err


@pytest.mark.parametrize(
    "auth", [None, AuthData(None, {}), AuthData("", {"teacher": True})], ids=["15 none", "30 no uid", "30 empty uid"]
)
def test_invalid_tokens_are_refused(auth: AuthData | None) -> None:
    entered: list[Caller] = []

    def use_case(caller: Caller) -> dict[str, Any]:
        entered.append(caller)
        return {}

    status, content = answered(use_case, auth)
    assert (status, content["error"]["details"]["code"], entered) == (401, "SIGN_IN_REQUIRED", [])


@pytest.mark.parametrize("claim", ["true", 1, [True], None], ids=["34 'true'", "35 1", "35 a list", "35 null"])
def test_caller_is_the_user_of_the_token(claim: object) -> None:
    def use_case(caller: Caller) -> dict[str, Any]:
        return {"uid": caller.uid, "isTeacher": caller.is_teacher}

    told = {"uid": "u1", "isTeacher": False}
    assert answered(use_case, AuthData("u1", {"teacher": claim})) == (200, {"result": told})


def test_answer_holds_json_types_only() -> None:
    at = datetime(2026, 1, 5, 9, 0, 1, 500, tzinfo=UTC)

    def use_case(_caller: Caller) -> dict[str, Any]:
        return {"expiresAt": at, "failure": {"code": "X", "at": at}, "percent": 7, "title": "a", "entryId": None}

    assert answered(use_case)[1]["result"] == {
        "expiresAt": "2026-01-05T09:00:01.000500Z",
        "failure": {"code": "X", "at": "2026-01-05T09:00:01.000500Z"},
        "percent": 7,
        "title": "a",
        "entryId": None,
    }


NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CALLER = Caller("u1", is_teacher=False)


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(minutes=5), timedelta(seconds=-5)], ids=str)
def test_recent_sign_in_is_accepted(ago: timedelta) -> None:
    Call(CALLER, Nothing(), {"auth_time": int((NOW - ago).timestamp())}).require_recent_sign_in(NOW)


@pytest.mark.parametrize(
    "claims",
    [{"auth_time": int(NOW.timestamp()) - 301}, {"auth_time": 0}, {"auth_time": "now"}, {"auth_time": True}, {}],
    ids=["301 s ago", "long ago", "a text", "true", "never"],
)
def test_old_sign_in_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn, match="Sign in again") as raised:
        Call(CALLER, Nothing(), claims).require_recent_sign_in(NOW)
    assert raised.value.reason == "SIGN_IN_NOT_RECENT"


def test_a_page_of_any_origin_may_call() -> None:
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Headers": "authorization,content-type,traceparent",
    }
    answer = answers.preflight(Request(create_environ(method="OPTIONS", headers=asked)))
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == asked["Access-Control-Request-Headers"]


@pytest.mark.parametrize("names", ["", "a\u00e9", '"', "x" * 1001, "a;b"], ids=ascii)
def test_invalid_header_names_are_not_repeated(names: str) -> None:
    asked = {"Access-Control-Request-Headers": names}
    answer = answers.preflight(Request(create_environ(method="OPTIONS", headers=asked)))
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
