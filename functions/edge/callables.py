"""Callables: check what comes in, and turn what goes wrong into a code and a sentence.

Called by the files of `functions/`, which declare callables and say what use case answers. How much of a request is
read is left to `request.py`, its fields to `fields.py`, who calls to `tokens.py`, how often they may to
`shared/limits/call_budgets.py`, and what they are answered to `answers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, Final, Generic

from firebase_functions.https_fn import CallableRequest, on_call
from firebase_functions.options import MemoryOption
from flask import Request, Response

from functions import config, wiring
from functions.edge import answers, tokens
from functions.edge.fields import F, read
from functions.edge.request import CALL_MAX_BYTES, data_of, discard_body, read_body
from shared.core.callers import Caller
from shared.core.errors import BadRequest
from shared.limits.call_budgets import Work
from shared.reconcile import WORKER_TIMEOUT_S

CALLABLE_MEMORY: Final = MemoryOption.MB_256
"""With everything loaded a process has used 125 MiB. Each of the few concurrent requests can add 4 MB."""


@dataclass(frozen=True, slots=True)
class Call(Generic[F]):
    """
    A call whose caller is known and whose fields are checked.

    Attributes:
        caller: The person who calls.
        fields: The request.
        claims: All claims of their ID token.
    """

    caller: Caller
    fields: F
    claims: Mapping[str, Any] = field(repr=False)

    def require_recent_sign_in(self, now: datetime) -> None:
        """
        Require a recent sign-in.

        Raises:
            NotSignedIn: The sign-in is too long ago (never; sign in again).
        """
        tokens.require_recent_sign_in(self.claims, now)


Admit = Callable[[Caller], None]


@dataclass(frozen=True, slots=True)
class Declaration(Generic[F]):
    """
    A callable as it is declared.

    Attributes:
        form: The class of its request.
        work: The kind of work that it does, which is the budget that a call takes a token of.
        is_current: Whether callers without a claim are looked up too.
        function: The function, which returns the fields of the answer.
    """

    form: type[F]
    work: Work
    is_current: bool
    function: Callable[[Call[F]], Any]


CALLABLES: Final[dict[str, Declaration[Any]]] = {}
"""Each imported callable, by its public name."""


def callable_function(
    form: type[F],
    work: Work,
    *,
    asks_provider: bool,
    chats: bool = False,
    shares: bool = False,
    is_kept_ready: bool = False,
    is_current: bool = False,
) -> Callable[[Callable[[Call[F]], Any]], Callable[[Request], Response]]:
    """
    Declare a callable.

    The SDK only declares how it is deployed. Its own handler is not used: it parses a body three times without checking
    its size, answers unreadable requests with an internal error, and logs what the caller sent.

    Args:
        form: The class of its request. The class of its answer is what the function returns.
        work: The kind of work that the callable does. A call takes a token of this budget of its caller before anything
            else is done.
        asks_provider: Whether it needs the provider's secret.
        chats: Whether it needs the secret that signs chat tokens.
        shares: Whether it needs the secret that signs tokens of shared live media.
        is_kept_ready: Whether `MIN_INSTANCES` of it are always kept.
        is_current: Look up callers without a claim too, because they can change something here.
    """
    secrets = config.provider_secrets() if asks_provider else []
    secrets += config.chat_secrets() if chats else []
    secrets += config.slides_secrets() if shares else []

    def declare(function: Callable[[Call[F]], Any]) -> Callable[[Request], Response]:
        declaration = Declaration(form, work, is_current, function)
        CALLABLES[function.__name__] = declaration
        declared = on_call(
            timeout_sec=WORKER_TIMEOUT_S,
            memory=CALLABLE_MEMORY,
            secrets=secrets,
            min_instances=config.MIN_INSTANCES.value if is_kept_ready else None,
        )

        # The SDK reads only the name of the function that it is given.
        @wraps(declared(function))  # type: ignore[arg-type]
        def handle(request: Request) -> Response:
            response = answers.preflight(request) if request.method == "OPTIONS" else _answered(declaration, request)
            discard_body(request)
            return response

        return handle

    return declare


def _answered(declaration: Declaration[Any], request: Request) -> Response:
    try:
        call = _received(request)
    except Exception as error:
        return answers.failure(declaration.function.__name__, None, error)
    return respond(declaration, call, lambda caller: wiring.call_budgets().take(caller, declaration.work))


def respond(declaration: Declaration[Any], received: CallableRequest[Any], admit: Admit) -> Response:
    """
    Answer a request that was read, and whose tokens are verified.

    Args:
        declaration: The callable.
        received: The request.
        admit: Refuses callers who call too often, before anything is done for them.
    """
    auth = received.auth
    try:
        if auth is not None:
            admit(tokens.caller_of(auth.uid, auth.token))
        call = _checked(declaration, received)
        return answers.result(declaration.function(call))
    except Exception as error:
        return answers.failure(declaration.function.__name__, None if auth is None else auth.uid, error)


def _received(request: Request) -> CallableRequest[Any]:
    """
    Read a request and verify its tokens.

    Raises:
        BadRequest: It does not have the form of a callable's request (never).
        NotSignedIn: One of its tokens is not valid (never).
        Transient: One of its tokens could not be verified (again).

    Source: https://firebase.google.com/docs/functions/callable-reference
    """
    if request.method != "POST":
        raise BadRequest("Send a POST request.", reason="METHOD_NOT_ALLOWED")
    if request.mimetype != "application/json":
        raise BadRequest("Send JSON, with Content-Type: application/json.", reason="CONTENT_TYPE_NOT_JSON")
    data = data_of(read_body(request, CALL_MAX_BYTES))
    auth = tokens.id_token(request)
    app = tokens.app_token(request) if config.ENFORCE_APP_CHECK.value else None
    return CallableRequest(data, request, app, auth)


def _checked(declaration: Declaration[F], received: CallableRequest[Any]) -> Call[F]:
    """
    Return the call with its caller and its fields.

    Callers who act by a claim are looked up, so that a removed claim or a disabled account takes effect at once. This
    costs one more call, for teachers and administrators only. Callers without a claim can only watch what they could
    already watch, until their token ends, within the hour.

    Raises:
        Refused, Transient: The caller is not signed in or not allowed (never), or could not be looked up (again).
        BadRequest: A field is missing, unknown or of another type (never).
    """
    auth = received.auth
    claims: Mapping[str, Any] = {} if auth is None else auth.token
    caller = tokens.caller_of(None if auth is None else auth.uid, claims)
    if declaration.is_current or caller.is_teacher or caller.is_admin:
        caller = tokens.current(caller, claims)
    return Call(caller, read(received.data, declaration.form), claims)
