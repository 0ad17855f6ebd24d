"""The REST API of shared live media: `/api/sharedlivemedias/`, and the session as `/api/videos/{id}/`.

Its paths, names and sentences are those that clients of shared live media know. The bearer token is the context that
`joinSession` gives. What a person may do is left to `shared/slides/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from firebase_functions.options import MemoryOption
from flask import Response

from functions import config, contexts, openapi, wiring
from functions.edge import answers
from functions.edge.http import HttpRequest, http_function
from functions.edge.request import CALL_MAX_BYTES
from shared.core.callers import Caller
from shared.core.errors import BadRequest, NotFound
from shared.core.paths import MEDIA_ID, SESSION_ID
from shared.limits.call_budgets import Work
from shared.ports import Clock, Documents
from shared.reconcile import WORKER_TIMEOUT_S
from shared.reconcile.deployment import Deployment
from shared.slides.commands import InvalidField, checked_title
from shared.slides.context import Context
from shared.slides.model import Wish
from shared.slides.resource import announcing, commands, reading
from shared.slides.showing import Announce, end, navigate, start

API_MEMORY: Final = MemoryOption.MB_256

PAGE_MAX: Final = 100
"""The most media, or changes of a timeline, in one answer."""

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_OF_MEDIA: Final = rf"/api/sharedlivemedias/(?P<id>{MEDIA_ID.pattern})"
_OF_SESSION: Final = rf"/api/videos/(?P<id>{SESSION_ID.pattern})"


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A request whose caller and path are known.

    Attributes:
        deployment: The deployment.
        context: The person and their session.
        id: The id in the path; empty if it has none.
        request: The request.
    """

    deployment: Deployment
    context: Context
    id: str
    request: HttpRequest

    def body(self) -> Mapping[str, Any]:
        """
        Return the fields of the body; no body has none.

        Raises:
            BadRequest: It is not a JSON object (never).
        """
        return self.request.json_object() if self.request.body else {}


Answer = Callable[[Asked], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """
    One route of the API.

    Attributes:
        method: The HTTP method.
        path: The path.
        work: The budget of callers that a request takes a token of.
        answer: Answers a request.
    """

    method: str
    path: re.Pattern[str]
    work: Work
    answer: Answer


@dataclass(frozen=True, slots=True)
class ListRange:
    """
    The part of a list that a request asks for.

    Attributes:
        offset: How many to leave out.
        limit: The most to return.
    """

    offset: int
    limit: int

    @classmethod
    def of(cls, query: Mapping[str, str]) -> ListRange:
        """
        Return the range in a query; invalid numbers are ignored. Pure.
        """
        limit = _number(query, "limit", PAGE_MAX, 1, PAGE_MAX)
        return cls(_number(query, "offset", 0, 0, 1_000_000), limit)

    def paging(self, count: int) -> dict[str, Any]:
        """
        Return the fields `count`, `next` and `previous` of an answer from a list of this length. Pure.
        """

        def page(first: int) -> str | None:
            return f"?limit={self.limit}&offset={first}" if 0 <= first < count else None

        return {
            "count": count,
            "next": page(self.offset + self.limit),
            "previous": page(max(0, self.offset - self.limit)) if self.offset else None,
        }


def _list(asked: Asked) -> Response:
    part = ListRange.of(asked.request.query)
    count, medias = asked.deployment.get(reading).medias(asked.context, part.offset, part.limit)
    return answers.json_response({**part.paging(count), "results": medias}, 200)


def _create(asked: Asked) -> Response:
    media_id = asked.deployment.get(commands).create(asked.context, _changed(Wish(), asked.body()))
    return _media(asked, media_id, 201)


def _retrieve(asked: Asked) -> Response:
    return _media(asked, asked.id)


def _update(asked: Asked) -> Response:
    body = asked.body()
    _changed(Wish(), body)
    asked.deployment.get(commands).change(asked.context, asked.id, lambda wish: _changed(wish, body))
    return _media(asked, asked.id)


def _delete(asked: Asked) -> Response:
    asked.deployment.get(commands).delete(asked.context, asked.id)
    return answers.response(b"", 204, "application/json")


def _initiate_upload(asked: Asked) -> Response:
    body = asked.body()
    file_name = _text(body, "filename")
    if not file_name.strip():
        raise InvalidField("filename", "This field may not be blank.", "FILE_NAME_INVALID")
    media_type = _text(body, "mimetype", "")
    size = body.get("size")
    if type(size) is not int:
        raise InvalidField("size", "A valid integer is required.", "FIELD_INVALID")
    address = asked.deployment.get(commands).begin_upload(asked.context, asked.id, file_name, media_type, size)
    content = {
        "url": address.url,
        "method": address.method,
        "headers": dict(address.headers),
        "expires_at": answers.encoded(address.expires_at),
    }
    return answers.json_response(content, 200)


def _start(asked: Asked) -> Response:
    start(asked.context, asked.id, *_showing(asked.deployment))
    return _session(asked)


def _navigate(asked: Asked) -> Response:
    page = asked.body().get("target_page")
    navigate(asked.context, asked.id, page, *_showing(asked.deployment))
    return _session(asked)


def _end(asked: Asked) -> Response:
    end(asked.context, asked.id, *_showing(asked.deployment))
    return _session(asked)


def _showing(deployment: Deployment) -> tuple[Documents, Announce, Clock]:
    """
    Return the last arguments of `start`, `navigate` and `end`.
    """
    return deployment.documents, deployment.get(announcing), deployment.clock


def _retrieve_session(asked: Asked) -> Response:
    _require_own(asked)
    return _session(asked)


def _retrieve_timeline(asked: Asked) -> Response:
    _require_own(asked)
    part = ListRange.of(asked.request.query)
    count, timeline = asked.deployment.get(reading).timeline(asked.context, part.offset, part.limit)
    return answers.json_response({**part.paging(count), **timeline}, 200)


def _require_own(asked: Asked) -> None:
    """
    Refuse the id of another session than the token's.

    Raises:
        NotFound: It is another session's (never).
    """
    if asked.id != asked.context.session_id:
        raise NotFound("Not found.", reason="SESSION_NOT_FOUND")


ROUTES: Final = tuple(
    Route(method, re.compile(path), work, answer)
    for method, path, work, answer in (
        ("GET", "/api/sharedlivemedias/", Work.LOOK, _list),
        ("POST", "/api/sharedlivemedias/", Work.CHANGE, _create),
        ("GET", f"{_OF_MEDIA}/", Work.LOOK, _retrieve),
        ("PUT", f"{_OF_MEDIA}/", Work.CHANGE, _update),
        ("PATCH", f"{_OF_MEDIA}/", Work.CHANGE, _update),
        ("DELETE", f"{_OF_MEDIA}/", Work.CHANGE, _delete),
        ("POST", f"{_OF_MEDIA}/initiate-upload/", Work.UPLOAD, _initiate_upload),
        ("POST", f"{_OF_MEDIA}/start/", Work.CHANGE, _start),
        ("POST", f"{_OF_MEDIA}/navigate/", Work.CHANGE, _navigate),
        ("POST", f"{_OF_MEDIA}/end/", Work.CHANGE, _end),
        ("GET", f"{_OF_SESSION}/", Work.LOOK, _retrieve_session),
        ("GET", f"{_OF_SESSION}/timeline/", Work.LOOK, _retrieve_timeline),
    )
)


def authenticate(token: str) -> Context:
    """
    Return the context that a bearer token is.

    Raises:
        NotSignedIn: It is not valid (never).
    """
    return contexts.verify(token, contexts.token_secret(), wiring.now())


def failure(function: str, uid: str | None, error: Exception) -> Response:
    """
    Log an error, and answer it in the form that clients know: `detail`, or a field with its sentences; beside it the
    code, and whether to try again.
    """
    body, status = answers.error_body(function, uid, error)
    told = body["error"]
    sentences = {error.field: [told["message"]]} if isinstance(error, InvalidField) else {"detail": told["message"]}
    return answers.json_response({**sentences, **told["details"]}, status)


@http_function(
    max_bytes=CALL_MAX_BYTES,
    memory=API_MEMORY,
    timeout_s=WORKER_TIMEOUT_S,
    methods=METHODS,
    secrets=[*config.provider_secrets(), *config.slides_secrets()],
    authenticate=authenticate,
    open_paths=(openapi.PATH,),
    any_origin=True,
    failure=failure,
)
def api(request: HttpRequest) -> Response:
    """
    Answer a request to the REST API of shared live media.
    """
    if request.path == openapi.PATH:
        return answers.json_response(openapi.document(), 200)
    return answer(request, wiring.app(), _admit)


def _admit(caller: Caller, work: Work) -> None:
    wiring.call_budgets().take(caller, work)
    if work is not Work.LOOK:
        wiring.kill_switch().require_open()


def answer(request: HttpRequest, deployment: Deployment, admit: Callable[[Caller, Work], None]) -> Response:
    """
    Answer a request whose bearer token is valid.

    Args:
        request: The request.
        deployment: The deployment.
        admit: Refuses callers who call too often, before anything is done for them.

    Raises:
        BackendError: The request is refused, or something failed; see `failure`.
    """
    context = cast(Context, request.caller)
    found = [(route, match) for route in ROUTES if (match := route.path.fullmatch(request.path))]
    for route, match in found:
        if route.method == request.method:
            admit(context.caller, route.work)
            return route.answer(Asked(deployment, context, match.groupdict().get("id", ""), request))
    admit(context.caller, Work.LOOK)
    if not found:
        raise NotFound("Not found.", reason="MEDIA_NOT_FOUND")
    allowed = " or ".join(route.method for route, _ in found)
    raise BadRequest(f"Send a {allowed} request.", reason="METHOD_NOT_ALLOWED")


def _media(asked: Asked, media_id: str, status: int = 200) -> Response:
    return answers.json_response(asked.deployment.get(reading).media(asked.context, media_id), status)


def _session(asked: Asked) -> Response:
    return answers.json_response(asked.deployment.get(reading).session(asked.context), 200)


def _changed(wish: Wish, body: Mapping[str, Any]) -> Wish:
    """
    Return a wish with the fields that clients may write. All others are read-only, and ignored.

    Raises:
        InvalidField: A field has another type, or is too long (never).
    """
    title, show_download = body.get("title", wish.title), body.get("show_download", wish.show_download)
    if title is not None and not isinstance(title, str):
        raise InvalidField("title", "Not a valid string.", "FIELD_INVALID")
    if type(show_download) is not bool:
        raise InvalidField("show_download", "Must be a valid boolean.", "FIELD_INVALID")
    return replace(wish, title=checked_title(title), show_download=show_download)


def _text(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        sentence = "This field is required." if name not in body else "Not a valid string."
        raise InvalidField(name, sentence, "FIELD_INVALID")
    return value


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = query.get(name, "")
    if not re.fullmatch("[0-9]{1,7}", value):
        return default
    return min(max(int(value), least), most)
