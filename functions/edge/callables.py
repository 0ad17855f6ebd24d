"""Callables: check what comes in, and turn what goes wrong into a code and a sentence.

Called by the files of `functions/`, which say what use case answers. How much of a request is read is left to
`request.py`, who calls to `tokens.py`, how often they may to `shared/limits/call_budgets.py`, and what they are
answered to `answers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final

from firebase_functions.https_fn import CallableRequest, on_call
from firebase_functions.options import MemoryOption
from flask import Request, Response

from functions import config, wiring
from functions.edge import answers, tokens
from functions.edge.request import CALL_MAX_BYTES, data_of, discard_body, read_body
from shared.core import paths
from shared.core.callers import Caller
from shared.core.errors import BadRequest
from shared.limits.call_budgets import Work
from shared.reconcile import WORKER_TIMEOUT_S

CALLABLE_MEMORY: Final = MemoryOption.MB_256
"""With everything loaded a process has used 125 MiB. Each of the few concurrent requests can add 4 MB."""


@dataclass(frozen=True, slots=True)
class Text:
    """
    A field that is a text of a certain form.

    Attributes:
        pattern: Must match the whole text.
        form: The form in words, after "must be".
    """

    pattern: re.Pattern[str]
    form: str


SESSION_ID: Final = Text(paths.SESSION_ID, "a string of 1 to 64 letters, digits or hyphens")
VIDEO_ID: Final = Text(paths.VIDEO_ID, "a string of 20 hexadecimal digits")
ERASURE_ID: Final = VIDEO_ID
HOST: Final = Text(paths.HOST_NAME, "a string of 1 to 20 small letters or digits that begins with a letter")

DELETION_ID: Final = Text(
    re.compile(r"(?!\.{1,2}\Z)(?!__)[A-Za-z0-9:._-]{1,200}"),
    "a string of 1 to 200 letters, digits, colons, dots, hyphens or underscores that can be a document's id",
)
UID: Final = Text(
    paths.UID,
    "a string of 1 to 128 characters without slashes",
)
"""The id of a user of Firebase Auth."""

EXPORT_PLACE: Final = Text(
    re.compile("[A-Za-z]{1,40}/[^/\ud800-\udfff]{0,1500}"),
    "a string that an earlier page of the export gave",
)
"""The position at which a page of an export begins: a section, and the id of a document."""

REQUEST_ID: Final = Text(
    re.compile(r"[A-Za-z0-9._-]{1,64}"), "a string of 1 to 64 letters, digits, dots, hyphens or underscores"
)
NAME: Final = Text(
    re.compile("[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]{1,1000}"),
    "a string of 1 to 1,000 characters in one line, without control characters",
)
"""Any text of one line, tabs included. Which names are valid is left to `videos/policy.py`."""

Kind = Text | type[int] | type[bool]

_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
"""A field name that may be repeated to the caller, and in the log."""

_INT64: Final = range(-(2**63), 2**63)
"""The whole numbers that Firestore can store."""

_WRAPPERS: Final = (
    "type.googleapis.com/google.protobuf.Int64Value",
    "type.googleapis.com/google.protobuf.UInt64Value",
)
"""
The types in which Firebase's SDKs wrap a whole number that may be too large for JavaScript. Android's SDK wraps each
Long and iOS's each long long, and so Flutter's does on both. The web SDK wraps none, and the SDK for Python unwraps
none. Source: firebase-android-sdk, firebase-functions/…/Serializer; firebase-ios-sdk,
FirebaseFunctions/Sources/Internal/FunctionsSerializer.swift.
"""

_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")
_EXACT: Final = 2**53
"""Up to this limit a float stands for exactly one whole number."""


def read(data: object, required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> dict[str, Any]:
    """
    Return the fields of a request, all of the right type and none unknown. Absent optional fields are `None`. Pure.

    Args:
        data: The data as it was received.
        required: Name to kind: a text of a form, `int` for a whole number, `bool`.
        optional: Likewise.

    Raises:
        BadRequest: A field is missing, unknown or of another type (never).
    """
    if not isinstance(data, dict):
        raise BadRequest("Send an object with named fields under data.", reason="DATA_NOT_AN_OBJECT")
    kinds = {**required, **(optional or {})}
    if not data.keys() <= kinds.keys():
        raise BadRequest(
            f"These fields are not known here: {_names(data.keys() - kinds.keys())}.", reason="FIELD_UNKNOWN"
        )
    return {name: _field(name, data.get(name), kind, must=name in required) for name, kind in kinds.items()}


def _names(unknown: set[object]) -> str:
    """
    List some of the unknown field names, as far as they may be repeated.
    """
    shown = sorted(name for name in unknown if isinstance(name, str) and _FIELD_NAME.fullmatch(name))[:5]
    return ", ".join([*shown, f"{len(unknown) - len(shown)} more"] if len(shown) < len(unknown) else shown)


def _field(name: str, value: object, kind: Kind, *, must: bool) -> str | int | bool | None:
    if value is None:
        if must:
            raise BadRequest(f"The field {name} is missing.", reason="FIELD_MISSING")
        return None
    if isinstance(kind, Text):
        if isinstance(value, str) and kind.pattern.fullmatch(value):
            return value
        raise BadRequest(f"The field {name} must be {kind.form}.", reason="FIELD_INVALID")
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise BadRequest(f"The field {name} must be true or false.", reason="FIELD_INVALID")
    number = _whole_number(value)
    if number is None:
        raise BadRequest(f"The field {name} must be a whole number of at most 64 bits.", reason="FIELD_INVALID")
    return number


def _whole_number(value: object) -> int | None:
    """
    Return the whole number that an SDK has sent, `None` if it is not one.
    """
    if isinstance(value, dict):
        digits = value.get("value")
        is_wrapped = value.keys() == {"@type", "value"} and value["@type"] in _WRAPPERS
        if not is_wrapped or not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
            return None
        is_unsigned = value["@type"] == _WRAPPERS[1]
        return None if is_unsigned and digits.startswith("-") else _within(int(digits))
    if isinstance(value, float):
        return int(value) if abs(value) <= _EXACT and value.is_integer() else None
    return _within(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _within(number: int) -> int | None:
    return number if number in _INT64 else None


Answer = Callable[[CallableRequest[Any]], dict[str, Any]]
Admit = Callable[[Caller], None]

WORKS: Final[dict[str, Work]] = {}
"""The kind of work of each imported callable, by its public name."""


def callable_function(
    work: Work, *, asks_provider: bool, chats: bool = False, is_kept_ready: bool = False
) -> Callable[[Answer], Callable[[Request], Response]]:
    """
    Declare a callable.

    The SDK only declares how it is deployed. Its own handler is not used: it parses a body three times without checking
    its size, answers unreadable requests with an internal error, and logs what the caller sent.

    Args:
        work: The kind of work that the callable does. A call takes a token of this budget of its caller before anything
            else is done.
        asks_provider: Whether it needs the provider's secret.
        chats: Whether it needs the secret that signs chat tokens.
        is_kept_ready: Whether `MIN_INSTANCES` of it are always kept.
    """
    secrets = config.provider_secrets() if asks_provider else []
    secrets += config.chat_secrets() if chats else []

    def admit(caller: Caller) -> None:
        wiring.call_budgets().take(caller, work)

    def declare(function: Answer) -> Callable[[Request], Response]:
        WORKS[function.__name__] = work
        declared = on_call(
            timeout_sec=WORKER_TIMEOUT_S,
            memory=CALLABLE_MEMORY,
            secrets=secrets,
            min_instances=config.MIN_INSTANCES.value if is_kept_ready else None,
        )

        @wraps(declared(function))
        def handle(request: Request) -> Response:
            response = (
                answers.preflight(request) if request.method == "OPTIONS" else _answered(function, request, admit)
            )
            discard_body(request)
            return response

        return handle

    return declare


def _answered(function: Answer, request: Request, admit: Admit) -> Response:
    try:
        call = _call(request)
    except Exception as error:
        return answers.failure(function.__name__, None, error)
    return respond(function, call, admit)


def respond(function: Answer, call: CallableRequest[Any], admit: Admit) -> Response:
    """
    Answer a request that was read, and whose tokens are verified.

    Args:
        function: The callable as it is written.
        call: The request.
        admit: Refuses callers who call too often, before anything is done for them.
    """
    try:
        if call.auth is not None:
            admit(tokens.caller_of(call.auth.uid, call.auth.token))
        return answers.result(function(call))
    except Exception as error:
        return answers.failure(function.__name__, None if call.auth is None else call.auth.uid, error)


def _call(request: Request) -> CallableRequest[Any]:
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


def answer(
    request: CallableRequest[Any], use_case: Callable[[Caller], dict[str, Any]], *, is_current: bool = False
) -> dict[str, Any]:
    """
    Run a use case for the caller of a callable.

    Callers who act by a claim are looked up, so that a removed claim or a disabled account takes effect at once. This
    costs one more call, for teachers and administrators only. Callers without a claim can only watch what they could
    already watch, until their token ends, within the hour.

    Args:
        request: The request; an ID token in it is already verified.
        use_case: What to do for the caller.
        is_current: Look up callers without a claim too, because this use case lets them change something.

    Returns:
        The answer's fields, from the use case.

    Raises:
        Refused, Transient: The caller is not signed in or not allowed (never), or could not be looked up (again).
        The others: As the use case.
    """
    auth = request.auth
    claims: Mapping[str, Any] = {} if auth is None else auth.token
    caller = tokens.caller_of(None if auth is None else auth.uid, claims)
    if is_current or caller.is_teacher or caller.is_admin:
        caller = tokens.current(caller, claims)
    return use_case(caller)


def require_recent_sign_in(request: CallableRequest[Any], now: datetime) -> None:
    """
    Require a recent sign-in.

    Raises:
        NotSignedIn: The sign-in is too long ago (never; sign in again).
    """
    tokens.require_recent_sign_in({} if request.auth is None else request.auth.token, now)
