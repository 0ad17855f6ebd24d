"""The REST API of shared live media: its paths, its statuses and sentences, and who is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import jwt
import pytest
from flask import Request, Response
from werkzeug.test import create_environ

from emulator_tests.memory import document
from emulator_tests.pure.deployment import TEACHER
from emulator_tests.pure.test_slides import ANNA, PDF, STUDENT, Room
from functions import contexts, slides
from functions.contexts import AUDIENCE, CONTEXT_LIFETIME_S
from functions.edge.http import Endpoint, HttpRequest, respond
from shared.core.callers import Caller
from shared.core.errors import TooMany
from shared.limits.call_budgets import Work
from shared.slides.showing import start

SECRET: Final = "a secret that is long enough for tests"
OTHER_SECRET: Final = "another secret that is long enough too"
MEDIAS: Final = "/api/sharedlivemedias/"
UNKNOWN: Final = f"{MEDIAS}3d6a179c-cf18-47d5-9e8e-a1368a243c2d/"


class Api:
    """The API of one deployment, over the routes and the edge that are deployed."""

    def __init__(self, **fields: Any) -> None:
        self.room = Room(**fields)
        self.taken: list[tuple[str, Work]] = []
        self.endpoint = Endpoint(
            self._answer,
            64 * 1024,
            slides.METHODS,
            lambda token: contexts.verify(token, SECRET, self.room.deployment.clock()),
            any_origin=True,
            failure=slides.failure,
        )

    def _answer(self, request: HttpRequest) -> Response:
        def admit(caller: Caller, work: Work) -> None:
            self.taken.append((caller.uid, work))

        return slides.answer(request, self.room.deployment.app, admit)

    def token(self, caller: Caller = TEACHER, session_id: str = "s1") -> str:
        """The token that `joinSession` would give."""
        return contexts.sign(self.room.context(caller, session_id), SECRET, self.room.deployment.clock())[0]

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        caller: Caller = TEACHER,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Call the API. Returns the status and the body."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = self.token(caller) if token is None else token
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}", **(headers or {})}
        path, _, query = path.partition("?")
        environ = create_environ(path, method=method, data=content, headers=sent, query_string=query)
        response = respond(self.endpoint, Request({**environ, "CONTENT_LENGTH": str(len(content))}))
        text = response.get_data()
        return response.status_code, json.loads(text) if text else None

    def ready(self, pages: int = 3) -> str:
        """The path of a media that is ready to show."""
        return f"{MEDIAS}{self.room.ready(pages)}/"


@pytest.fixture
def api() -> Api:
    return Api()


# --- the paths --------------------------------------------------------------------------------------------------------


def test_media_goes_from_creation_to_deletion(api: Api) -> None:
    status, media = api.call("POST", MEDIAS, {"title": "Optics", "video": "another-session", "nb_pages": 99})
    assert (status, media["title"], media["video_id"], media["nb_pages"]) == (201, "Optics", "s1", None)
    path = f"{MEDIAS}{media['id']}/"
    content = document(2)
    asked = {"filename": "optics.pdf", "mimetype": PDF, "size": len(content)}
    status, upload = api.call("POST", f"{path}initiate-upload/", asked)
    assert (status, upload["method"], upload["headers"]["content-type"]) == (200, "POST", PDF)
    api.room.upload(media["id"], content)
    status, media = api.call("GET", path)
    assert (status, media["upload_state"], list(media["urls"]["pages"])) == (200, "ready", ["1", "2"])
    assert api.call("PATCH", path, {"title": "Light"})[1]["filename"] == "light.pdf"
    assert api.call("PUT", path, {"title": None, "show_download": False, "id": "x"})[1]["show_download"] is False
    status, session = api.call("POST", f"{path}start/")
    assert (status, session["active_shared_live_media"]["id"], session["active_shared_live_media_page"]) == (
        200,
        media["id"],
        1,
    )
    assert api.call("POST", f"{path}navigate/", {"target_page": 2})[1]["active_shared_live_media_page"] == 2
    assert api.call("GET", "/api/videos/s1/", caller=STUDENT)[1]["active_shared_live_media_page"] == 2
    assert api.call("DELETE", path)[0] == 409
    assert api.call("POST", f"{path}end/")[1]["active_shared_live_media"] is None
    assert api.call("DELETE", path) == (204, None)
    assert api.call("GET", path)[0] == 404


def test_list_has_pages(api: Api) -> None:
    ids = [api.call("POST", MEDIAS, {"title": str(number)})[1]["id"] for number in range(3)]
    status, page = api.call("GET", f"{MEDIAS}?limit=2")
    assert (status, page["count"], page["next"], page["previous"]) == (200, 3, "?limit=2&offset=2", None)
    rest = api.call("GET", f"{MEDIAS}{page['next']}")[1]
    assert (rest["next"], rest["previous"]) == (None, "?limit=2&offset=0")
    assert {one["id"] for one in (*page["results"], *rest["results"])} == set(ids)


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "offset=99999999999", "limit=1.5"])
def test_list_ignores_pages_that_cannot_be(api: Api, query: str) -> None:
    api.call("POST", MEDIAS)
    assert api.call("GET", f"{MEDIAS}?{query}")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "work"),
    [
        ("GET", MEDIAS, Work.LOOK),
        ("POST", MEDIAS, Work.CHANGE),
        ("POST", f"{UNKNOWN}initiate-upload/", Work.UPLOAD),
        ("POST", f"{UNKNOWN}navigate/", Work.CHANGE),
        ("DELETE", UNKNOWN, Work.CHANGE),
        ("GET", "/api/videos/s1/", Work.LOOK),
    ],
)
def test_each_request_takes_a_token_of_its_callers_budget(api: Api, method: str, path: str, work: Work) -> None:
    api.call(method, path, {"filename": "a.pdf", "size": 1})
    assert api.taken == [("teacher", work)]


def test_flood_is_refused_before_anything_is_done(api: Api) -> None:
    def refuse(_caller: Caller, _work: Work) -> None:
        raise TooMany("You sent too many requests in a short time.", reason="CALLS_TOO_MANY", retry_after_s=3)

    request = HttpRequest("POST", MEDIAS, {}, b"{}", "application/json", api.room.teacher)
    with pytest.raises(TooMany):
        slides.answer(request, api.room.deployment.app, refuse)
    assert api.call("GET", MEDIAS)[1]["count"] == 0


# --- the sentences ----------------------------------------------------------------------------------------------------


def test_errors_are_told_in_the_words_that_clients_know(api: Api) -> None:
    path, other = api.ready(), api.ready()
    pending = f"{MEDIAS}{api.room.create()}/"
    told = {
        "start of what is not ready": api.call("POST", f"{pending}start/"),
        "end of nothing": api.call("POST", f"{path}end/"),
        "turn of nothing": api.call("POST", f"{path}navigate/", {"target_page": 1}),
    }
    api.call("POST", f"{path}start/")
    told |= {
        "second start": api.call("POST", f"{other}start/"),
        "no page": api.call("POST", f"{path}navigate/", {}),
        "null page": api.call("POST", f"{path}navigate/", {"target_page": None}),
        "text": api.call("POST", f"{path}navigate/", {"target_page": "1"}),
        "fraction": api.call("POST", f"{path}navigate/", {"target_page": 1.5}),
        "page 0": api.call("POST", f"{path}navigate/", {"target_page": 0}),
        "page n+1": api.call("POST", f"{path}navigate/", {"target_page": 4}),
    }
    assert {what: (status, body["detail"]) for what, (status, body) in told.items()} == {
        "start of what is not ready": (400, "Shared live media is not ready."),
        "end of nothing": (400, "No shared live media."),
        "turn of nothing": (400, "No shared live media."),
        "second start": (400, "Video is already sharing."),
        "no page": (400, "Invalid page number."),
        "null page": (400, "Invalid page number."),
        "text": (400, "Invalid page number."),
        "fraction": (400, "Invalid page number."),
        "page 0": (400, "Page does not exist."),
        "page n+1": (400, "Page does not exist."),
    }
    assert all(body["code"] and body["retryable"] in (True, False) for _, body in told.values())


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        (
            {"filename": "a", "mimetype": "text/html", "size": 1},
            "mimetype",
            "text/html is not a supported mimetype",
        ),
        ({"filename": "a", "mimetype": "", "size": 1}, "mimetype", "mimetype not guessable"),
        ({"filename": "a", "size": 1}, "mimetype", "mimetype not guessable"),
        ({"filename": "a.pdf", "size": 400 * 1024**2}, "size", "file too large, max size allowed is 314572800 Bytes"),
        ({"filename": "a.pdf", "size": "1"}, "size", "A valid integer is required."),
        ({"filename": "a.pdf", "size": True}, "size", "A valid integer is required."),
        ({"filename": "a.pdf"}, "size", "A valid integer is required."),
        ({"filename": "a.pdf", "size": 0}, "size", "file is empty"),
        ({"size": 1}, "filename", "This field is required."),
        ({"filename": 7, "size": 1}, "filename", "Not a valid string."),
        ({"filename": " ", "size": 1}, "filename", "This field may not be blank."),
        ({"filename": "a.pdf", "mimetype": None, "size": 1}, "mimetype", "Not a valid string."),
    ],
)
def test_each_field_of_an_upload_says_what_is_wrong(api: Api, body: dict[str, Any], field: str, sentence: str) -> None:
    path = f"{MEDIAS}{api.room.create()}/initiate-upload/"
    status, told = api.call("POST", path, body)
    assert (status, told[field]) == (400, [sentence])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": 7}, "title"),
        ({"title": ["a"]}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"show_download": "true"}, "show_download"),
        ({"show_download": None}, "show_download"),
        ({"show_download": 1}, "show_download"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_each_field_of_a_media_says_what_is_wrong(api: Api, method: str, body: dict[str, Any], field: str) -> None:
    path = MEDIAS if method == "POST" else f"{MEDIAS}{api.room.create()}/"
    status, told = api.call(method, path, body)
    assert status == 400
    assert len(told[field]) == 1


@pytest.mark.parametrize(
    "title", ["../../etc/passwd", "a\r\nSet-Cookie: b", "<script>alert(1)</script>", "]]>", "\u202egpj.exe", "\x00"]
)
def test_hostile_titles_are_stored_as_one_line_and_harm_nothing(api: Api, title: str) -> None:
    path = api.ready()
    status, media = api.call("PATCH", path, {"title": title})
    assert status == 200
    assert not set("\r\n\x00\u202e") & set(media["title"] or "")
    assert set(media["filename"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert not media["filename"].startswith((".", "-"))


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b'"a"', b'{"title": "a", "title": "b"}', b"\xff"])
def test_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    assert api.call("POST", MEDIAS, body)[0] == 400


def test_body_of_another_type_or_size_is_refused(api: Api) -> None:
    assert api.call("POST", MEDIAS, b"title=a", headers={"Content-Type": "text/plain"})[0] == 415
    assert api.call("POST", MEDIAS, b" " * (64 * 1024 + 1))[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/", 404),
        ("GET", f"{MEDIAS}../", 404),
        ("GET", f"{MEDIAS}{'A' * 36}/", 404),
        ("GET", UNKNOWN, 404),
        ("GET", UNKNOWN[:-1], 404),
        ("DELETE", MEDIAS, 405),
        ("GET", f"{UNKNOWN}start/", 405),
        ("PUT", "/api/videos/s1/", 405),
        ("GET", "/api/videos/s2/", 404),
    ],
)
def test_other_paths_and_methods_are_refused(api: Api, method: str, path: str, status: int) -> None:
    assert api.call(method, path)[0] == status


# --- the caller -------------------------------------------------------------------------------------------------------


def forged(**changes: Any) -> str:
    """A token that is signed by our secret, with other claims."""
    now = 1_767_603_600
    claims = {
        "aud": AUDIENCE,
        "sub": "teacher",
        "teacher": True,
        "session": "s1",
        "created": "2026-01-05T09:00:00+00:00",
        "iat": now,
        "exp": now + 10**9,
    }
    claims |= changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, SECRET, "HS256")


def test_token_is_only_good_as_it_was_signed(api: Api) -> None:
    token = api.token()
    header, claims, signature = token.split(".")
    other = contexts.sign(api.room.teacher, OTHER_SECRET, api.room.deployment.clock())[0]
    unsigned = jwt.encode(jwt.decode(token, options={"verify_signature": False}), "", algorithm="none")
    for bad in ("", "x", f"{header}.{claims}.", f"{header}.{claims}.{signature[:-2]}AA", other, unsigned):
        status, told = api.call("GET", MEDIAS, token=bad)
        assert (status, told["code"]) == (401, "SIGN_IN_INVALID")
    assert api.call("GET", MEDIAS, token=token)[0] == 200
    api.room.deployment.clock.advance(CONTEXT_LIFETIME_S)
    assert api.call("GET", MEDIAS, token=token)[0] == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"exp": "later"},
        {"sub": None},
        {"sub": 7},
        {"sub": "a/b"},
        {"session": None},
        {"session": "../s1"},
        {"session": ["s1"]},
        {"created": None},
        {"created": "yesterday"},
        {"created": "2026-01-05T09:00:00"},
    ],
)
def test_token_with_claims_that_cannot_be_is_refused(api: Api, changes: dict[str, Any]) -> None:
    assert api.call("GET", MEDIAS, token=forged(**changes))[0] == 401


def test_nobody_signed_in_is_refused_everywhere(api: Api) -> None:
    path = api.ready()
    for method, asked in (
        ("GET", MEDIAS),
        ("POST", MEDIAS),
        ("GET", path),
        ("PUT", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}initiate-upload/"),
        ("POST", f"{path}start/"),
        ("POST", f"{path}navigate/"),
        ("POST", f"{path}end/"),
        ("GET", "/api/videos/s1/"),
    ):
        assert api.call(method, asked, headers={"Authorization": ""})[0] == 401, (method, asked)
    assert api.taken == []


def test_student_reads_one_media_and_their_session_and_nothing_else(api: Api) -> None:
    path = api.ready()
    start(api.room.teacher, path.removeprefix(MEDIAS)[:-1], *api.room.showing)
    assert api.call("GET", path, caller=STUDENT)[0] == 200
    assert api.call("GET", "/api/videos/s1/", caller=STUDENT)[0] == 200
    for method, asked in (
        ("GET", MEDIAS),
        ("POST", MEDIAS),
        ("PATCH", path),
        ("PUT", path),
        ("DELETE", path),
        ("POST", f"{path}start/"),
        ("POST", f"{path}navigate/"),
        ("POST", f"{path}end/"),
    ):
        status, told = api.call(method, asked, {"target_page": 2, "title": "x"}, caller=STUDENT)
        assert (status, told["detail"]) == (403, "You do not have permission to perform this action."), (method, asked)
    body = {"filename": "a.pdf", "size": 1}
    assert api.call("POST", f"{path}initiate-upload/", body, caller=STUDENT)[0] == 403


def test_token_that_claims_to_be_a_teachers_does_not_make_an_instructor(api: Api) -> None:
    api.ready()
    assert api.call("GET", MEDIAS, caller=Caller("mallory", is_teacher=True))[0] == 403


def test_moderator_whose_role_was_taken_back_is_refused_with_the_token_they_have(api: Api) -> None:
    api.room.deployment.write_session(moderators={"anna": True})
    path, token = api.ready(), api.token(ANNA)
    assert api.call("POST", f"{path}start/", token=token)[0] == 200
    api.room.deployment.write_session(moderators={})
    assert api.call("POST", f"{path}end/", token=token)[0] == 403


def test_media_of_another_session_does_not_exist(api: Api) -> None:
    path = api.ready()
    api.room.deployment.write_session("s2")
    token = api.token(session_id="s2")
    for method, asked in (("GET", path), ("DELETE", path), ("PATCH", path), ("POST", f"{path}start/")):
        assert api.call(method, asked, token=token)[0] == 404
    assert api.call("POST", f"{path}initiate-upload/", {"filename": "a.pdf", "size": 1}, token=token)[0] == 404
    assert api.call("GET", MEDIAS, token=token)[1]["results"] == []
    assert api.call("GET", "/api/videos/s1/", token=token)[0] == 404


def test_addresses_and_tokens_are_never_logged(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    path = api.ready()
    api.call("GET", path)
    api.call("POST", f"{path}end/")
    api.call("GET", MEDIAS, token=f"{api.token()}x")
    logged = "".join(capsys.readouterr())
    assert "NOTHING_SHARED" in logged
    assert "memory://" not in logged
    assert api.token() not in logged


def test_expiry_of_the_token_is_told() -> None:
    api = Api()
    _, expires_at = contexts.sign(api.room.teacher, SECRET, api.room.deployment.clock())
    assert expires_at - api.room.deployment.clock() == timedelta(seconds=CONTEXT_LIFETIME_S)
