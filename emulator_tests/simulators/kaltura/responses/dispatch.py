"""One API request from its parameters to its answer: single calls and multirequests.

Called by `urls`. Finds the action, reads its arguments, has `permissions` judge, runs it, and hands the result to
`models/formats.py`. Leaves connections and faults to `urls`.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from emulator_tests.simulators.kaltura.errors import ApiError, ServeError
from emulator_tests.simulators.kaltura.models import filter_types, formats, processing
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.keys import Session
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, to_int, to_text
from emulator_tests.simulators.kaltura.responses import permissions, requests
from emulator_tests.simulators.kaltura.responses.actions import ACTIONS, Action

_LOG = logging.getLogger("kaltura.simulator")
_INHERITED = ("ks", "clientTag", "partnerId")


@dataclass(slots=True)
class Part:
    """One call of a request, for the request log."""

    service: str
    action: str
    user: str = ""
    session_type: int | None = None
    error: str = ""


@dataclass(slots=True)
class Answer:
    """The result of a request."""

    response: Response
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Exchange:
    """One HTTP request under way: what every call in it shares."""

    account: Account
    base_url: str
    raw_uri: str
    remote_address: str
    lag_s: float = 0.0
    forced_error: str = ""
    #: Which calls of the request the forced error is for; empty for all.
    forced_service: str = ""
    forced_action: str = ""
    #: As of when sessions are judged; None for now.
    arrived_at_s: float | None = None
    parts: list[Part] = field(default_factory=list)
    #: Sessions whose actions limit this request has been counted against.
    counted: set[str] = field(default_factory=set)

    def forces(self, part: Part) -> bool:
        """Return whether the forced error is for this call."""
        return self.forced_service in ("", part.service) and self.forced_action in ("", part.action)


def addresses_of(parsed: requests.Parsed) -> list[tuple[str, str]]:
    """Service and action of each call in a request, lower case. Pure."""
    parameters = parsed.parameters
    if _text(parameters, "service").lower() != "multirequest":
        return [(_text(parameters, "service").lower(), _text(parameters, "action").lower())]
    return [(_text(each, "service").lower(), _text(each, "action").lower()) for each in _numbered(parameters).values()]


async def answer(exchange: Exchange, parsed: requests.Parsed) -> Answer:
    """Carry out a request and write its answer.

    Args:
        exchange: The request's surroundings.
        parsed: Its parameters and files.
    """
    started = time.perf_counter()
    parameters = parsed.parameters
    processing.tick(exchange.account)
    result: Any
    if _text(parameters, "service").lower() == "multirequest":
        result = await _multirequest(exchange, parsed)
    else:
        result = await _attempt(exchange, parameters, parsed.files)
    # Whatever is acknowledged must survive a kill.
    exchange.account.store.flush()
    if isinstance(result, Response):
        return Answer(result, exchange.parts)
    response_format = to_int(parameters.get("format", formats.XML)) or formats.XML
    try:
        body, content_type = formats.write(
            result,
            response_format,
            seconds=time.perf_counter() - started,
            callback=_text(parameters, "callback") or "callback",
            ignore_null=_text(parameters, "ignoreNull") == "1",
            profile=formats.read_response_profile(parameters.get("responseProfile")),
        )
    except ApiError as error:
        body, content_type = formats.write(error, formats.XML, seconds=0)
    return Answer(Response(body, media_type=content_type), exchange.parts)


async def _multirequest(exchange: Exchange, parsed: requests.Parsed) -> Any:
    parameters = parsed.parameters
    calls = _numbered(parameters)
    inherited = {name: parameters[name] for name in _INHERITED if name in parameters}
    results: list[Any] = []
    first = min(calls, default=1)
    for index in range(min(first, 1), max(calls, default=0) + 1):
        sub = calls.get(index, {})
        if not _text(sub, "service") or not _text(sub, "action"):
            break
        sub = requests.resolve_references({**inherited, **sub}, results)
        prefix = f"{index}:"
        files = {key.removeprefix(prefix): file for key, file in parsed.files.items() if key.startswith(prefix)}
        result = await _attempt(exchange, sub, files)
        if isinstance(result, Response):
            return result
        profile = formats.read_response_profile(sub.get("responseProfile"))
        # References see the answer as the caller does.
        results.append(result if profile is None or isinstance(result, ApiError) else formats.plain(result, profile))
    return results


async def _attempt(exchange: Exchange, parameters: Mapping[str, Any], files: Mapping[str, UploadFile]) -> Any:
    part = Part(_text(parameters, "service").lower(), _text(parameters, "action").lower())
    exchange.parts.append(part)
    exchange.account.counts[f"{part.service}.{part.action}"] += 1
    serves_file = False
    try:
        action = _find(_text(parameters, "service"), _text(parameters, "action"))
        serves_file = action.serves_file
        return await _call(exchange, action, parameters, files, part)
    except ApiError as error:
        part.error = error.code
        return _unserved(error.code) if serves_file else error
    except ServeError as error:
        part.error = error.code
        return _unserved(error.code, error.status)
    except Exception:
        _LOG.exception("a defect of the simulator in %s.%s", part.service, part.action)
        part.error = "INTERNAL_SERVER_ERROR"
        return ApiError("INTERNAL_SERVER_ERROR", "")


async def _call(
    exchange: Exchange,
    action: Action,
    parameters: Mapping[str, Any],
    files: Mapping[str, UploadFile],
    part: Part,
) -> Any:
    account = exchange.account
    text = _text(parameters, "ks")
    session: Session | None = None
    if text and not permissions.ignores_session(action):
        session = permissions.read_session(account, text)
        part.user, part.session_type = session.user_id, session.type
    if exchange.forced_error and exchange.forces(part):
        blocked = (action.name, action.service) if exchange.forced_error == "ACTION_BLOCKED" else ()
        raise ApiError(exchange.forced_error, *blocked)
    call = Call(account, session, exchange.base_url, exchange.raw_uri, exchange.remote_address, exchange.lag_s)
    arguments = _arguments(call, action, parameters, files)
    if session is not None:
        address, uri = exchange.remote_address, exchange.raw_uri
        permissions.check_validity(account, session, address, uri, exchange.arrived_at_s)
        if session.hash not in exchange.counted:
            exchange.counted.add(session.hash)
            permissions.spend_action(account, session)
        partner = _text(parameters, "partnerId") or _text(parameters, "p")
        if partner and to_int(partner) not in (account.partner_id, 0, -1):
            raise ApiError("PARTNER_ACCESS_FORBIDDEN", account.partner_id, partner)
    permissions.check_ownership(call, action, arguments)
    permissions.check_role(call, action)
    result = action.run(call, **arguments)
    return await result if inspect.isawaitable(result) else result


def _find(service: str, name: str) -> Action:
    if not service:
        raise ApiError("SERVICE_NOT_SPECIFIED")
    if not name:
        raise ApiError("ACTION_NOT_SPECIFIED")
    found = ACTIONS.get((service.lower(), name.lower()))
    if found is None:
        if not any(known == service.lower() for known, _ in ACTIONS):
            raise ApiError("SERVICE_DOES_NOT_EXISTS", service)
        raise ApiError("ACTION_DOES_NOT_EXISTS", name, service)
    return found


def _arguments(
    call: Call, action: Action, parameters: Mapping[str, Any], files: Mapping[str, UploadFile]
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for each in action.parameters:
        raw: Any = files.get(each.name) if each.kind == "file" else parameters.get(each.name)
        if raw is None:
            if each.required:
                raise ApiError("MISSING_MANDATORY_PARAMETER", each.name)
            default = each.default
            is_scalar = default is not None
            arguments[each.keyword] = (
                SCHEMA.read_scalar(default, each.kind, each.name, call.now) if is_scalar else _absent(each.kind)
            )
        elif each.kind == "file":
            arguments[each.keyword] = raw
        elif each.kind == "pager":
            arguments[each.keyword] = raw if isinstance(raw, Mapping) else {}
        elif filter_types.is_filter(each.kind):
            arguments[each.keyword] = filter_types.read(raw, each.kind)
        elif each.kind in SCHEMA.types:
            if not isinstance(raw, Mapping):
                raw = {}
            arguments[each.keyword] = SCHEMA.read_object(raw, each.kind, each.name, call.now)
        else:
            arguments[each.keyword] = SCHEMA.read_scalar(raw, each.kind, each.name, call.now)
    return arguments


def _absent(kind: str) -> Any:
    if filter_types.is_filter(kind):
        return filter_types.read({}, kind)
    return {} if kind == "pager" else None


def _numbered(parameters: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    return {int(key): value for key, value in parameters.items() if key.isdigit() and isinstance(value, dict)}


def _text(parameters: Mapping[str, Any], name: str) -> str:
    return to_text(parameters.get(name))


def _unserved(code: str, status: int = 200) -> Response:
    return Response(b"", status, {"X-Kaltura": f"error-{code}"})
