"""HTTP endpoints: methods, size, sender, JSON and errors are checked before a use case runs.

Called by the files of `functions/` that declare an endpoint: a webhook, or a REST call with a bearer token. Errors have
the body and the codes of callables, unless the endpoint has a form of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, Protocol

from firebase_functions.https_fn import on_request
from firebase_functions.options import MemoryOption
from firebase_functions.params import SecretParam
from flask import Request, Response

from functions.edge import answers, tokens
from functions.edge.fields import F, read
from functions.edge.request import discard_body, parse_json, read_body
from shared.core.errors import BadRequest, NotSignedIn

BODILESS: Final = ("GET", "HEAD", "DELETE")
"""The methods of an endpoint whose requests have no body."""


class Identified(Protocol):
    """
    Somebody whose bearer token is valid.
    """

    @property
    def uid(self) -> str:
        """
        Return their uid.
        """
        ...


Authenticate = Callable[[str], Identified]
"""Return who carries a bearer token. Raises `NotSignedIn` if it is not valid (never)."""

Failure = Callable[[str, str | None, Exception], Response]
"""Log and answer an error, raised in the function of this public name, for a caller of this uid if it is known."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """
    A request whose size, method and sender are checked.

    Attributes:
        method: The HTTP method.
        path: The path below the function's own address, `/` if there is none.
        headers: By lower-case names.
        body: The unmodified body; empty for a method without one.
        media_type: The `Content-Type` without its parameters.
        caller: Who carries the bearer token, as the endpoint's `authenticate` returned them; `None` if it asks for no
            token.
        query: The parameters of the query, each once.
    """

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    media_type: str = ""
    caller: Identified | None = None
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self, form: type[F]) -> F:
        """
        Return the body as a request of this class. Pure.

        Raises:
            BadRequest: It is not JSON, or a field is missing, unknown or of another type (never).
        """
        return read(self.json_object(), form)

    def json_object(self) -> dict[str, Any]:
        """
        Return the body as named fields, whatever they are. Pure.

        Raises:
            BadRequest: It is not a JSON object (never).
        """
        if self.media_type != "application/json":
            raise BadRequest("Send JSON, with Content-Type: application/json.", reason="CONTENT_TYPE_NOT_JSON")
        sent = parse_json(self.body)
        if not isinstance(sent, dict):
            raise BadRequest("Send a JSON object with named fields.", reason="DATA_NOT_AN_OBJECT")
        return sent


class UseCase(Protocol):
    """
    The function of an endpoint; its name is its public name.
    """

    __name__: str

    def __call__(self, request: HttpRequest) -> Response: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    An endpoint as it is declared.

    Attributes:
        use_case: The function, which answers with `answers.response` or `answers.json_response`.
        max_bytes: The limit of a body, checked before it is read.
        methods: The methods that are answered; `None` for any, each with a body.
        authenticate: Finds the caller by the bearer token; `None` if the endpoint identifies its sender itself.
        open_paths: The paths that need no token.
        any_origin: Whether pages of any origin may call, and read the answer.
        failure: Answers errors in a form of its own; `None` for that of callables.
    """

    use_case: UseCase
    max_bytes: int
    methods: Sequence[str] | None = None
    authenticate: Authenticate | None = None
    open_paths: Sequence[str] = ()
    any_origin: bool = False
    failure: Failure | None = None

    @property
    def name(self) -> str:
        return self.use_case.__name__


def http_function(
    *,
    max_bytes: int,
    memory: MemoryOption,
    timeout_s: int,
    methods: Sequence[str] | None = None,
    secrets: Sequence[SecretParam] = (),
    authenticate: Authenticate | None = None,
    open_paths: Sequence[str] = (),
    any_origin: bool = False,
    failure: Failure | None = None,
) -> Callable[[UseCase], Callable[[Request], Response]]:
    """
    Declare an HTTP endpoint.

    Args:
        max_bytes: As in `Endpoint`, like the arguments below that are not named here.
        memory: The memory of an instance.
        timeout_s: The time for one request.
        secrets: The secrets that it needs.
    """
    declaration = on_request(timeout_sec=timeout_s, memory=memory, secrets=list(secrets))

    def declare(use_case: UseCase) -> Callable[[Request], Response]:
        endpoint = Endpoint(use_case, max_bytes, methods, authenticate, open_paths, any_origin, failure)

        # The SDK reads only the name of the function that it is given.
        @wraps(declaration(use_case))  # type: ignore[arg-type]
        def handle(request: Request) -> Response:
            response = respond(endpoint, request)
            discard_body(request)
            return response

        return handle

    return declare


def respond(endpoint: Endpoint, request: Request) -> Response:
    """
    Answer a request.
    """
    headers = answers.CORS if endpoint.any_origin else {}
    if endpoint.any_origin and endpoint.methods is not None and request.method == "OPTIONS":
        return answers.preflight(request, endpoint.methods)
    caller: Identified | None = None
    try:
        _require_method(endpoint, request)
        caller = _caller(endpoint, request)
        response = endpoint.use_case(_received(endpoint, request, caller))
        response.headers.extend(headers)
    except Exception as error:
        if endpoint.failure is not None:
            failed = endpoint.failure(endpoint.name, None if caller is None else caller.uid, error)
            failed.headers.extend(headers)
            return failed
        body, status = answers.error_body(endpoint.name, None if caller is None else caller.uid, error)
        return answers.json_response(body, status, headers)
    return response


def _require_method(endpoint: Endpoint, request: Request) -> None:
    if endpoint.methods is not None and request.method not in endpoint.methods:
        raise BadRequest(f"Send a {' or '.join(endpoint.methods)} request.", reason="METHOD_NOT_ALLOWED")


def _caller(endpoint: Endpoint, request: Request) -> Identified | None:
    """
    Return the caller of a request, before its body is read.

    Raises:
        NotSignedIn: There is no bearer token, or it is not valid (never).
    """
    if endpoint.authenticate is None or request.path in endpoint.open_paths:
        return None
    header: Any = request.headers.get("Authorization", "")
    if not header.startswith(tokens.BEARER):
        raise NotSignedIn("Send a bearer token, in an Authorization header.", reason="SIGN_IN_REQUIRED")
    return endpoint.authenticate(header.removeprefix(tokens.BEARER))


def _received(endpoint: Endpoint, request: Request, caller: Identified | None) -> HttpRequest:
    """
    Read a request.

    Raises:
        BadRequest: It is too large, or its length is unknown (never).
    """
    has_body = endpoint.methods is None or request.method not in BODILESS
    body = read_body(request, endpoint.max_bytes) if has_body else b""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest(request.method, request.path, headers, body, request.mimetype, caller, request.args.to_dict())
