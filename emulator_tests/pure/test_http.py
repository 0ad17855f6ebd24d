"""HTTP endpoints: what is refused before a use case runs, and what each error becomes."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Final

import pytest
from flask import Request, Response
from werkzeug.test import create_environ

from functions.edge import answers
from functions.edge.fields import SessionId, message
from functions.edge.http import Endpoint, HttpRequest, respond
from shared.core.callers import Caller
from shared.core.errors import NotSignedIn, WrongState

MAX_BYTES: Final = 100
TEACHER: Final = Caller("teacher", is_teacher=True)
JSON: Final = {"Content-Type": "application/json"}
BEARER: Final = {"Authorization": "Bearer good"}


@message
class Page:
    """The body of a request."""

    sessionId: SessionId  # noqa: N815
    number: int | None = None


def turnPage(request: HttpRequest) -> Response:  # noqa: N802
    if request.method == "GET":
        return answers.json_response({"path": request.path}, 200)
    page = request.json(Page)
    if page.number == 13:
        raise WrongState("There is no such page.", reason="VIDEO_NOT_READY", retry_after_s=3)
    uid = None if request.caller is None else request.caller.uid
    return answers.json_response({"uid": uid, "number": page.number}, 201)


def authenticate(token: str) -> Caller:
    if token != "good":
        raise NotSignedIn("The token is not valid.", reason="SIGN_IN_INVALID")
    return TEACHER


REST: Final = Endpoint(turnPage, MAX_BYTES, ("GET", "POST"), authenticate, any_origin=True)


def sent(
    body: bytes | None = b'{"sessionId": "s1", "number": 2}',
    headers: dict[str, str] | None = None,
    method: str = "POST",
    endpoint: Endpoint = REST,
    stream: BytesIO | None = None,
) -> Response:
    given = create_environ("/pages/2", method=method, data=body, headers={**JSON, **BEARER, **(headers or {})})
    return respond(endpoint, Request(given if stream is None else {**given, "wsgi.input": stream}))


def code_of(response: Response) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["details"]["code"]


def test_a_request_is_answered() -> None:
    response = sent()
    assert (response.status_code, response.get_json()) == (201, {"uid": "teacher", "number": 2})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Length"] == str(len(response.get_data()))


def test_a_method_without_a_body_needs_none() -> None:
    assert sent(None, method="GET").get_json() == {"path": "/pages/2"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"method": "PUT"}, (405, "METHOD_NOT_ALLOWED")),
        ({"method": "HEAD"}, (405, "METHOD_NOT_ALLOWED")),
        ({"headers": {"Authorization": "Basic good"}}, (401, "SIGN_IN_REQUIRED")),
        ({"headers": {"Authorization": ""}}, (401, "SIGN_IN_REQUIRED")),
        ({"headers": {"Authorization": "Bearer bad"}}, (401, "SIGN_IN_INVALID")),
        ({"body": b"x" * (MAX_BYTES + 1)}, (413, "BODY_TOO_LARGE")),
        ({"headers": {"Content-Type": "text/plain"}}, (415, "CONTENT_TYPE_NOT_JSON")),
        ({"body": b"{"}, (400, "BODY_NOT_JSON")),
        ({"body": b"[]"}, (400, "DATA_NOT_AN_OBJECT")),
        ({"body": b"{}"}, (400, "FIELD_MISSING")),
        ({"body": b'{"sessionId": "a/b"}'}, (400, "FIELD_INVALID")),
        ({"body": b'{"sessionId": "s1", "lamp": 1}'}, (400, "FIELD_UNKNOWN")),
        ({"body": b'{"sessionId": "s1", "number": 13}'}, (400, "VIDEO_NOT_READY")),
    ],
    ids=str,
)
def test_each_error_has_the_status_and_the_code_of_the_table(
    changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    response = sent(**changes)
    assert code_of(response) == expected
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_an_error_says_when_to_try_again() -> None:
    error = sent(b'{"sessionId": "s1", "number": 13}').get_json()["error"]
    assert error["details"] == {"code": "VIDEO_NOT_READY", "retryable": True, "retryAfterS": 3}
    assert error["message"] == "There is no such page."


@pytest.mark.parametrize("headers", [{}, {"HTTP_TRANSFER_ENCODING": "chunked"}], ids=["none", "chunks"])
def test_a_body_of_unknown_length_is_refused_before_it_is_read(headers: dict[str, str]) -> None:
    stream = BytesIO(b"x" * 10)
    given = create_environ(method="POST", headers={**JSON, **BEARER})
    given.pop("CONTENT_LENGTH", None)
    response = respond(REST, Request({**given, **headers, "wsgi.input": stream, "wsgi.input_terminated": True}))
    assert code_of(response) == (411, "LENGTH_REQUIRED")
    assert stream.tell() == 0


def test_unauthenticated_request_is_refused_before_its_body_is_read() -> None:
    stream = BytesIO(b"x" * 10)
    assert sent(headers={"Authorization": "Bearer bad"}, stream=stream).status_code == 401
    assert stream.tell() == 0


def test_an_unexpected_error_says_nothing_of_its_text() -> None:
    def breaks(request: HttpRequest) -> Response:
        raise RuntimeError(f"hunter2 at {request.path}")

    response = sent(endpoint=Endpoint(breaks, MAX_BYTES, ("POST",)))
    assert code_of(response) == (500, "INTERNAL")
    assert "hunter2" not in response.get_data(as_text=True)
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_page_of_any_origin_may_ask_only_where_that_is_declared() -> None:
    asked = {"Access-Control-Request-Headers": "authorization"}
    response = sent(None, asked, "OPTIONS")
    assert (response.status_code, response.headers["Access-Control-Allow-Methods"]) == (200, "GET, POST")
    assert response.headers["Access-Control-Allow-Headers"] == "authorization"
    closed = Endpoint(turnPage, MAX_BYTES, ("GET", "POST"), authenticate)
    assert code_of(sent(None, asked, "OPTIONS", closed)) == (405, "METHOD_NOT_ALLOWED")
    assert json.loads(sent(endpoint=closed).get_data())["number"] == 2
    assert "Access-Control-Allow-Origin" not in sent(endpoint=closed).headers


def test_an_endpoint_may_answer_errors_in_a_form_of_its_own() -> None:
    def refused(function: str, _uid: str | None, error: Exception) -> Response:
        return answers.response(f"{function}: {error}".encode(), 418, "text/plain")

    response = sent(b"{}", endpoint=Endpoint(turnPage, MAX_BYTES, failure=refused))
    assert (response.status_code, response.get_data()) == (418, b"turnPage: The field sessionId is missing.")
