"""Bad input to the callables: a typed refusal with a plain sentence, no effect, nothing secret."""

from __future__ import annotations

import base64
import json

import pytest

from emulator_tests.flow.school import Person, Refused, School

FUNCTIONS = ["issueUploadToken", "issuePlayback", "getKalturaSession"]

GOOD = {"sessionId": "s1", "requestId": "r1", "fileName": "a.mp4", "fileSizeBytes": 1000}


@pytest.fixture(scope="module")
def cast(_school: School) -> tuple[Person, Person]:
    """
    A teacher and a student, who do nothing but ask wrongly.
    """
    return _school.teacher(), _school.person()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_who_has_not_signed_in_is_told_to(school: School, function: str) -> None:
    assert _refusal(school.nobody(), function, GOOD).code == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "a.b.c",
        ".".join([base64.urlsafe_b64encode(b'{"alg":"none"}').decode(), "e30", ""]),
        ".".join([base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"../x"}').decode(), "e30", "c2ln"]),
        "",
    ],
    ids=["garbage", "three words", "alg none without claims", "a kid with a path", "empty"],
)
def test_a_token_that_is_none_is_refused(school: School, token: str) -> None:
    person = Person(school, "forged", token)
    assert _refusal(person, "getKalturaSession", {"sessionId": "s1"}).code == "UNAUTHENTICATED"


@pytest.mark.parametrize("claims", [{}, {"teacher": "true"}, {"teacher": 1}, {"teacher": [True]}, {"admin": True}])
def test_only_the_claim_teacher_true_lets_one_upload(school: School, claims: dict[str, object]) -> None:
    refused = _refusal(school.person(**claims), "issueUploadToken", GOOD)
    assert (refused.code, refused.message) == ("PERMISSION_DENIED", "Only teachers can do this.")


def test_an_anonymous_user_is_no_teacher(school: School) -> None:
    base = f"http://{school.testbed.auth_host}/identitytoolkit.googleapis.com/v1"
    made = school.http.post(f"{base}/accounts:signUp?key=demo", json={"returnSecureToken": True}, timeout=10).json()
    person = Person(school, made["localId"], made["idToken"])
    assert _refusal(person, "issueUploadToken", GOOD).code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        7,
        {},
        {**GOOD, "entryId": "0_abcdefgh"},
        {**GOOD, "sessionId": 7},
        {**GOOD, "sessionId": "a/b"},
        {**GOOD, "sessionId": ".."},
        {**GOOD, "sessionId": "__x__"},
        {**GOOD, "sessionId": "s" * 65},
        {**GOOD, "sessionId": "a_b"},
        {**GOOD, "sessionId": "s1\n"},
        {**GOOD, "requestId": "r/1"},
        {**GOOD, "requestId": ""},
        {**GOOD, "fileSizeBytes": "1000"},
        {**GOOD, "fileSizeBytes": True},
        {**GOOD, "fileSizeBytes": 1.5},
        {**GOOD, "fileName": "\x00.mp4"},
        {**GOOD, "fileName": "a\ud800.mp4"},
        {**GOOD, "title": {"a": 1}},
        {**GOOD, "title": "t" * 1001},
    ],
    ids=lambda data: ascii(data)[:60],
)
def test_a_malformed_request_is_refused(cast: tuple[Person, Person], data: object) -> None:
    assert _refusal(cast[0], "issueUploadToken", data).code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "fields",
    [
        {"fileName": "a.exe"},
        {"fileName": "a"},
        {"fileName": ".mp4"},
        {"fileName": "../a.mp4"},
        {"fileName": "a.mp4/b"},
        {"fileName": "film.mp4.exe"},
        {"fileName": "film\u202e4pm.mp4"},
        {"fileSizeBytes": 0},
        {"fileSizeBytes": -1},
        {"fileSizeBytes": 10 * 1024**3 + 1},
        {"fileSizeBytes": 10**30},
        {"title": "   "},
        {"title": "t" * 201},
    ],
    ids=lambda fields: ascii(fields)[:60],
)
def test_what_may_not_be_uploaded_is_refused_before_anything_is_made(
    school: School, cast: tuple[Person, Person], fields: dict[str, object]
) -> None:
    session_id = cast[0].write_session()

    refused = _refusal(cast[0], "issueUploadToken", {**GOOD, "sessionId": session_id, **fields})

    assert refused.code == "INVALID_ARGUMENT"
    assert refused.message.endswith(".")
    assert school.document(f"kalturaSession/{session_id}") is None


def test_other_peoples_sessions_and_none_at_all_are_refused(school: School, cast: tuple[Person, Person]) -> None:
    teacher, student = cast
    others = school.teacher().write_session()

    assert _refusal(teacher, "issueUploadToken", {**GOOD, "sessionId": others}).code == "PERMISSION_DENIED"
    assert _refusal(teacher, "issueUploadToken", {**GOOD, "sessionId": "none"}).code == "NOT_FOUND"
    assert _refusal(student, "issueUploadToken", {**GOOD, "sessionId": others}).code == "PERMISSION_DENIED"
    assert not school.made_for(others)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'"data"',
        b"[]",
        b"{}",
        b'{"data":{"sessionId":"s1"},"more":1}',
        b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"data":{"sessionId":NaN}}',
    ],
    ids=["empty", "not JSON", "a text", "an array", "no data", "more than data", "deep", "NaN"],
)
def test_a_broken_envelope_is_refused(cast: tuple[Person, Person], body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        cast[0].call_raw("getKalturaSession", body)
    assert refused.value.code == "INVALID_ARGUMENT"


def test_an_oversized_request_is_refused(cast: tuple[Person, Person]) -> None:
    with pytest.raises(Refused) as refused:
        cast[0].call_raw("getKalturaSession", json.dumps({"data": {"sessionId": "x" * 11_000_000}}).encode())
    assert refused.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("video_id", ["x", "a" * 19, "A" * 20, "../videos/a", "a" * 20])
def test_an_unknown_video_cannot_be_played(cast: tuple[Person, Person], video_id: str) -> None:
    assert _refusal(cast[1], "issuePlayback", {"videoId": video_id}).code in {"INVALID_ARGUMENT", "NOT_FOUND"}


def _refusal(person: Person, function: str, data: object) -> Refused:
    with pytest.raises(Refused) as refused:
        person.call(function, data)
    assert "Traceback" not in refused.value.message
    return refused.value
