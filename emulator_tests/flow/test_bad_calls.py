"""Bad input to the callables: a typed refusal with a plain sentence, no effect, nothing secret.

Every request here is a good one but for one flaw; its id begins with the flaw's number in the list of bad inputs. What
the Auth emulator believes by design, unsigned and expired tokens, is in `pure/test_id_tokens.py`; who may not, and what
was done before, is in `test_bad_callers.py`.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from emulator_tests.flow.refusing import ADMINISTRATORS, CALLABLES, KS_LIKE, OWN, TEACHERS, VIEWERS, Stage, unsigned
from emulator_tests.flow.school import DEADLINE_S, Person, Refused, School

Fields = dict[str, Any]
Body = Callable[[Fields], bytes]


@pytest.fixture(scope="module")
def stage(_school: School, video_bytes: bytes) -> Stage:
    """
    What every request here could be about.
    """
    return Stage.prepared(_school, video_bytes)


def test_valid_requests_are_accepted(stage: Stage) -> None:
    # What changes nothing is done; of the rest the last check of all is what refuses: nothing else is wrong with it.
    for function in ("uploadFinished", "issuePlayback", "getKalturaSession", "renewUploadToken"):
        assert stage.asker(function).call(function, stage.good(function))
    for function in ("issueUploadToken", "replaceVideo"):
        too_large = {**stage.good(function), "fileSizeBytes": 10 * 1024**3 + 1}
        assert stage.refusal(function, too_large).reason == "FILE_TOO_LARGE"
    for function in ("retryVideo", "joinSession", "getStreamIngest", "rotateStreamKey"):
        assert stage.refusal(function, stage.good(function)).code == "FAILED_PRECONDITION"
    for is_moderator in (True, False):
        named = stage.teacher.call("setModerator", {**stage.good("setModerator"), "isModerator": is_moderator})
        assert (named["uid"], named["isModerator"]) == ("somebody", is_moderator)


# --- the envelope ------------------------------------------------------------------------------------------------


def _whole(data: object) -> bytes:
    return json.dumps({"data": data}).encode()


def _instead(value: str | bytes) -> Body:
    """
    The good request with something else, as JSON spells it, where it says what it is about.
    """
    sent = value.encode() if isinstance(value, str) else value

    def body(good: Fields) -> bytes:
        about = next(iter(good))
        return _whole({**good, about: "HERE"}).replace(b'"HERE"', sent)

    return body


def _twice(value: str) -> Body:
    """
    The good request, whose first field comes once more at its end.
    """
    return lambda good: _whole(good)[:-2] + f', "{next(iter(good))}": {value}}}}}'.encode()


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


ENVELOPES: dict[str, Body] = {
    "1 no body": lambda _: b"",
    "1 nothing but a space": lambda _: b" ",
    "2 not JSON": lambda good: b"data=" + _whole(good),
    "2 JSON that is cut": lambda good: _whole(good)[:-1],
    "2 JSON and more": lambda good: _whole(good) + b" x",
    "2 not UTF-8": _instead(b'"\xe9"'),
    "3 an array": lambda good: json.dumps([{"data": good}]).encode(),
    "3 an array for data": lambda good: _whole([good]),
    "3 a text": lambda _: b'"data"',
    "3 a number": lambda _: b"7",
    "3 null": lambda _: b"null",
    "4 no data": lambda good: json.dumps(good).encode(),
    "4 an empty object": lambda _: b"{}",
    "4 null for data": lambda _: _whole(None),
    "4 data without a field": lambda _: _whole({}),
    "5 another key beside data": lambda good: json.dumps({"data": good, "more": KS_LIKE}).encode(),
    "5 another field": lambda good: _whole({**good, "entryId": "0_abcdefgh"}),
    "5 another field with a KS": lambda good: _whole({**good, "ks": KS_LIKE}),
    "9 a hundred deep": _instead(_nested(100)),
    "9 more than a thousand deep": _instead(_nested(1100)),
    "9 a hundred thousand deep": _instead(_nested(100_000)),
    "9 an object a thousand deep": _instead('{"a":' * 1100 + "1" + "}" * 1100),
    "10 NaN": _instead("NaN"),
    "10 infinity": _instead("-Infinity"),
    "10 NaN for data": lambda _: b'{"data":NaN}',
    "11 a lone surrogate": _instead('"\\ud800"'),
    "11 a lone surrogate in a name": lambda good: _whole({**good, "\ud800": 1}),
    "12 a key twice, the last one bad": _twice("7"),
    "12 a key twice, both good": lambda good: _twice(json.dumps(next(iter(good.values()))))(good),
    "12 data twice, the last one bad": lambda good: _whole(good)[:-1] + b', "data": 7}',
    "13 a number for an id": _instead("7"),
    "13 a number of five thousand digits": _instead("9" * 5000),
    "13 true for an id": _instead("true"),
    "13 an object for an id": _instead('{"id": "x"}'),
    "13 an array for an id": _instead('["x"]'),
    "14 an operation that there is not": lambda good: _whole({**good, "action": "delete"}),
}


@pytest.mark.parametrize("body", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_a_broken_envelope_is_refused_by_every_callable(stage: Stage, body: Body) -> None:
    with stage.untouched():
        for function in CALLABLES:
            assert stage.refusal_raw(function, body(stage.good(function))).code == "INVALID_ARGUMENT", function


@pytest.mark.parametrize(
    ("method", "content_type"),
    [
        pytest.param("GET", "application/json", id="6 GET"),
        pytest.param("PUT", "application/json", id="6 PUT"),
        pytest.param("DELETE", "application/json", id="6 DELETE"),
        pytest.param("POST", "text/plain", id="7 text"),
        pytest.param("POST", "application/x-www-form-urlencoded", id="7 a form"),
        pytest.param("POST", "application/jsonp", id="7 nearly JSON"),
        pytest.param("POST", None, id="7 of no type"),
    ],
)
def test_a_good_body_sent_in_another_way_is_refused_by_every_callable(
    stage: Stage, method: str, content_type: str | None
) -> None:
    with stage.untouched():
        for function in CALLABLES:
            body = _whole(stage.good(function))
            refused = stage.refusal_raw(function, body, method=method, content_type=content_type)
            assert refused.code == "INVALID_ARGUMENT", function


@pytest.mark.parametrize("function", ["issueUploadToken", "deleteVideo", "issuePlayback"])
@pytest.mark.parametrize("place", ["what it is about", "another field", "beside data"], ids="8 in {}".format)
def test_eleven_megabytes_are_refused(stage: Stage, function: str, place: str) -> None:
    many, good = "x" * 11_000_000, stage.good(function)
    with stage.untouched():
        match place:
            case "what it is about":
                body = _whole({**good, next(iter(good)): many})
            case "another field":
                body = _whole({**good, "more": many})
            case _:
                body = json.dumps({"data": good, "more": many}).encode()
        assert stage.refusal_raw(function, body).code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("name", ["noSuchFunction", "__init__", "FUNCTIONS", "import_module"], ids="14 {}".format)
def test_unknown_function_is_not_called(stage: Stage, name: str) -> None:
    url = f"{stage.school.testbed.functions_url}/{name}"
    token = {"Authorization": f"Bearer {stage.teacher.id_token}"}
    with stage.untouched():
        answer = stage.school.http.post(
            url, json={"data": stage.good("deleteVideo")}, headers=token, timeout=DEADLINE_S
        )
    assert answer.status_code == 404


FILES: dict[str, Fields] = {
    "10 NaN for a size": {"fileSizeBytes": float("nan")},
    "10 infinity for a size": {"fileSizeBytes": float("inf")},
    "10 half a byte": {"fileSizeBytes": 1.5},
    "11 a lone surrogate in a name": {"fileName": "a\ud800.mp4"},
    "13 a text for a size": {"fileSizeBytes": "1000"},
    "13 true for a size": {"fileSizeBytes": True},
    "13 a number for a name": {"fileName": 7},
    "13 an object for a title": {"title": {"a": 1}},
    "a control sign in a name": {"fileName": "\x00.mp4"},
    "a long title": {"title": "t" * 1001},
    "a title longer than may be": {"title": "t" * 201},
    "a title of spaces": {"title": "   "},
    "48 a request id with a slash": {"requestId": "r/1"},
    "51 a request id of 1501 bytes": {"requestId": "r" * 1501},
    "an empty request id": {"requestId": ""},
    "a program": {"fileName": "a.exe"},
    "no kind of file": {"fileName": "a"},
    "a kind without a name": {"fileName": ".mp4"},
    "a name that climbs": {"fileName": "../a.mp4"},
    "a name of two steps": {"fileName": "a.mp4/b"},
    "a program with a video extension inside its name": {"fileName": "film.mp4.exe"},
    "a name that reads backwards": {"fileName": "film\u202e4pm.mp4"},
    "no byte": {"fileSizeBytes": 0},
    "less than no byte": {"fileSizeBytes": -1},
    "a byte too many": {"fileSizeBytes": 10 * 1024**3 + 1},
    "many bytes too many": {"fileSizeBytes": 10**30},
}


@pytest.mark.parametrize("fields", FILES.values(), ids=FILES.keys())
def test_invalid_file_is_refused_before_any_write(stage: Stage, fields: Fields) -> None:
    with stage.untouched():
        for function in ("issueUploadToken", "replaceVideo"):
            refused = stage.refusal(function, {**stage.good(function), **fields})
            assert refused.code == "INVALID_ARGUMENT", function
            assert refused.message.endswith(".")


# --- tokens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", CALLABLES, ids="15 none, {}".format)
def test_anonymous_caller_is_unauthenticated(stage: Stage, function: str) -> None:
    with stage.untouched():
        refused = stage.refusal(function, stage.good(function), stage.school.nobody())
    assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "SIGN_IN_REQUIRED")


def _word(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


TOKENS: dict[str, Callable[[Fields], str]] = {
    "15 an empty one": lambda _: "",
    "16 garbage": lambda _: "garbage",
    "16 three words of garbage": lambda _: "a.b.c",
    "16 a KS": lambda _: KS_LIKE,
    "16 the claims alone": lambda claims: _word(claims),
    "16 two words of a token": lambda claims: f"{_word({'alg': 'none'})}.{_word(claims)}",
    "16 four words": lambda claims: f"{_word({'alg': 'none'})}.{_word(claims)}..",
    "16 claims that are a list": lambda claims: f"{_word({'alg': 'none'})}.{_word([claims])}.",
    "17 alg none without claims": lambda _: f"{_word({'alg': 'none'})}.{_word({})}.",
    "20 a kid with a path and no claims": lambda _: f"{_word({'alg': 'HS256', 'kid': '../x'})}.{_word({})}.c2ln",
}

CLAIMS: dict[str, Fields] = {
    "25 for another audience": {"aud": "another"},
    "25 for several": {"aud": ["demo-greenroom", "another"]},
    "25 for nobody": {"aud": None},
    "26 of another issuer": {"iss": "https://accounts.google.com"},
    "26 of an issuer that begins alike": {"iss": "https://securetoken.google.com/demo-greenroom.evil.example"},
    "26 of no issuer": {"iss": None},
    "27 of another project": {"aud": "another", "iss": "https://securetoken.google.com/another"},
    "28 an App Check token": {
        "aud": ["projects/1234567890", "projects/demo-greenroom"],
        "iss": "https://firebaseappcheck.googleapis.com/1234567890",
        "sub": "1:1234567890:web:0123456789abcdef",
    },
    "29 a session cookie": {"iss": "https://session.firebase.google.com/demo-greenroom"},
    "30 an empty sub": {"sub": ""},
    "30 no sub": {"sub": None},
    "30 a number for sub": {"sub": 7},
    "31 a sub of 129 signs": {"sub": "x" * 129},
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_every_callable_refuses_malformed_tokens(stage: Stage, token: Callable[[Fields], str]) -> None:
    with stage.untouched():
        for function in CALLABLES:
            person = Person(stage.school, "forged", token(stage.claims(function)))
            refused = stage.refusal(function, stage.good(function), person)
            assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "SIGN_IN_INVALID"), function


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_token_for_something_else_is_refused_by_every_callable(stage: Stage, claims: Fields) -> None:
    with stage.untouched():
        for function in CALLABLES:
            person = unsigned(stage.school, {**stage.claims(function), **claims})
            refused = stage.refusal(function, stage.good(function), person)
            assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "SIGN_IN_INVALID"), function


@pytest.mark.parametrize("scheme", ["Basic", "bearer", "Token", ""], ids="16 {}".format)
def test_a_token_that_is_not_borne_as_one_is_refused(stage: Stage, scheme: str) -> None:
    with stage.untouched():
        for function in CALLABLES:
            headers = {"Authorization": f"{scheme} {stage.asker(function).id_token}".strip()}
            body = _whole(stage.good(function))
            refused = stage.refusal_raw(function, body, stage.school.nobody(), headers=headers)
            assert refused.code == "UNAUTHENTICATED", function


ENDINGS = {
    "32 revoked": "SIGN_IN_ENDED",
    "33 disabled": "SIGN_IN_ENDED",
    "33 deleted": "SIGN_IN_ENDED",
    "A2 the claims taken away": None,
}


@pytest.mark.parametrize(("ending", "reason"), ENDINGS.items(), ids=ENDINGS.keys())
def test_a_token_of_an_account_that_has_ended_opens_nothing_any_more(
    stage: Stage, ending: str, reason: str | None
) -> None:
    # Who has no claim may go on watching until the token's own end, within the hour: see `edge.answer`.
    # Whose claims alone were taken away is themselves all the same.
    for function in (*TEACHERS, *ADMINISTRATORS, *(OWN if reason else ())):
        person = stage.school.person(teacher=True, admin=True)
        assert stage.refusal(function, {}, person).code == "INVALID_ARGUMENT", "the token is good"
        _end(person, ending)
        expected = reason or ("ADMIN_ONLY" if function in ADMINISTRATORS else "TEACHER_ONLY")
        with stage.untouched():
            assert stage.refusal(function, stage.good(function), person).reason == expected, function


def test_withdrawn_teacher_claim_blocks_all_calls(stage: Stage, video_bytes: bytes) -> None:
    """
    A2.
    """
    school = stage.school
    person = school.teacher()
    session_id = person.write_session()
    video_id = person.upload_video(session_id, video_bytes)
    file = {"requestId": "r1", "fileName": "film.mp4", "fileSizeBytes": 1000}
    _end(person, "A2 the claims taken away")

    told = {}
    with stage.untouched():
        for function, data in {
            "issueUploadToken": {"sessionId": session_id, **file},
            "replaceVideo": {"videoId": video_id, **file},
            "deleteVideo": {"videoId": video_id},
            "transferSession": {"sessionId": session_id, "uid": stage.teacher.uid},
            "eraseContent": {"requestId": "r1", "uid": stage.teacher.uid},
            "exportContent": {"uid": stage.teacher.uid},
            "updateVideo": {"videoId": video_id, "title": "Mine"},
            "issuePlayback": {"videoId": video_id},
            "joinSession": {"sessionId": session_id},
        }.items():
            with pytest.raises(Refused) as refused:
                person.call(function, data)
            told[function] = refused.value.reason

    assert told == {
        "issueUploadToken": "TEACHER_ONLY",
        "replaceVideo": "TEACHER_ONLY",
        "deleteVideo": "TEACHER_ONLY",
        "transferSession": "TEACHER_ONLY",
        "eraseContent": "ADMIN_ONLY",
        "exportContent": "ADMIN_ONLY",
        "updateVideo": "TEACHER_ONLY",
        "issuePlayback": "VIDEO_NOT_FOUND",
        "joinSession": "SESSION_NOT_FOUND",
    }
    assert set((school.document(f"sessions/{session_id}") or {})["videos"]) == {video_id}


def test_student_is_not_looked_up_again_within_an_hour(stage: Stage, video_bytes: bytes) -> None:
    """
    A2: what the snapshot-up costs is spent where a claim is acted by.
    """
    teacher, student = stage.school.teacher(), stage.school.person()
    video_id = teacher.upload_video(teacher.write_session(status="public"), video_bytes)
    _end(student, "33 disabled")
    assert student.call("issuePlayback", {"videoId": video_id})["videoId"] == video_id


def test_erasure_requires_a_recent_sign_in(stage: Stage) -> None:
    long_ago = {**stage.claims("requeueDeletion"), "auth_time": int(time.time()) - 301}
    person = unsigned(stage.school, long_ago)
    with stage.untouched():
        refused = stage.refusal("eraseContent", {"requestId": "r1", "everything": True}, person)
    assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "SIGN_IN_NOT_RECENT")
    # For what one person has it is enough to be signed in.
    assert person.call("eraseContent", {"requestId": "r2", "uid": stage.school.person().uid})["state"]


def _end(person: Person, ending: str) -> None:
    school = person.school
    change: Fields = {"localId": person.uid}
    match ending:
        case "32 revoked":
            # A token is told from a revocation by whole seconds.
            change["validSince"] = str(int(time.time()) + 1)
        case "33 disabled":
            change["disableUser"] = True
        case "A2 the claims taken away":
            change["customAttributes"] = "{}"
    accounts = f"identitytoolkit.googleapis.com/v1/projects/{school.testbed.project_id}/accounts"
    action = "delete" if ending == "33 deleted" else "update"
    url = f"http://{school.testbed.auth_host}/{accounts}:{action}"
    owner = {"Authorization": "Bearer owner"}
    school.http.post(url, json=change, headers=owner, timeout=DEADLINE_S).raise_for_status()


NOT_TRUE: dict[str, object] = {
    "34 the text true": "true",
    "34 an empty text": "",
    "35 the number 1": 1,
    "35 a list with true": [True],
    "35 an object": {"teacher": True},
    "35 null": None,
    "35 false": False,
}


@pytest.mark.parametrize("value", NOT_TRUE.values(), ids=NOT_TRUE.keys())
def test_teacher_claim_other_than_true_is_refused(stage: Stage, value: object) -> None:
    with stage.untouched():
        # Whatever they have become, people have what is theirs erased or exported, and are told how far that is.
        for function in sorted({*CALLABLES} - {*OWN, "getErasure"}):
            person = unsigned(stage.school, {**stage.claims(function), "teacher": value, "admin": value})
            refused = stage.refusal(function, stage.good(function), person)
            if function in VIEWERS:
                assert refused.code == "NOT_FOUND", function
            else:
                who = "ADMIN_ONLY" if function in ADMINISTRATORS else "TEACHER_ONLY"
                assert (refused.code, refused.reason) == ("PERMISSION_DENIED", who)


def test_anonymous_user_with_teacher_claim_is_no_teacher(stage: Stage) -> None:
    with stage.untouched():
        for function in TEACHERS:
            claims = {**stage.claims(function), "firebase": {"identities": {}, "sign_in_provider": "anonymous"}}
            refused = stage.refusal(function, stage.good(function), unsigned(stage.school, claims))
            assert refused.code == "PERMISSION_DENIED", function


# --- what is left of it all ----------------------------------------------------------------------------------------


def test_invalid_input_is_never_logged(stage: Stage) -> None:
    """
    A5.
    """
    forged = 'zq-mark\n{"severity": "ALERT", "message": "tasks limit reached"}\n'
    person = unsigned(stage.school, {**stage.claims("deleteVideo"), "aud": forged})
    stage.refusal_raw("deleteVideo", json.dumps({"data": {}, KS_LIKE: KS_LIKE}).encode())
    stage.refusal_raw("deleteVideo", json.dumps({"data": {}, forged: forged}).encode())
    stage.refusal("deleteVideo", {forged: forged})
    stage.refusal("deleteVideo", {}, Person(stage.school, "forged", KS_LIKE))
    stage.refusal("deleteVideo", {}, person)
    stage.refusal("deleteVideo", {"videoId": "the-last-one"})
    stage.refusal("deleteVideo", {"theLastOne": 1})

    log = stage.await_logged("theLastOne")

    for sent in (KS_LIKE, str(person.id_token), str(stage.teacher.id_token), str(stage.administrator.id_token)):
        assert sent not in log
    assert "djJ8" not in log
    assert "zq-mark" not in log
    assert "ALERT" not in log
    assert stage.school.testbed.kaltura_admin_secret not in log
