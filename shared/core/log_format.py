"""The form of the log: whoever writes, each entry is one line of JSON that Cloud Logging understands.

Called by `shared/core/log.py`, which has our own sentences, and once in each process by `functions/logs.py`, which
hands over whatever libraries and the interpreter say. Their text may quote what a caller sent: it stands in a field of
its own, so that no caller chooses a severity or a message that an alert is waiting for, and secrets in it are blanked.

Source: https://cloud.google.com/logging/docs/structured-logging,
https://cloud.google.com/error-reporting/docs/formatting-error-messages
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TextIO

from shared.core.errors import BackendError

Field = str | int | float | bool | None

_SECRET: Final = re.compile(
    r"djJ8[\w+/=-]{16,}"  # a KS of version 2: base64 of "v2|"
    r"|eyJ[\w-]{8,}\.[\w-]*\.?[\w-]*"  # a JWT, before its parts are taken for tokens of their own
    r"|[A-Za-z0-9+/_-]{64,}={0,2}"  # a KS of version 1, a signature, any other long token
    r"|(?<=\bks=)[^&\s\"]+|(?<=\bks/)[^/\s\"]+"
)

_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"  # control, direction, half characters
)

TEXT_MAX: Final = 8_000
"""Characters of one field. Cloud Logging cuts a line of more than 256 KiB into pieces, and none of them is JSON."""

FRAMES_MAX: Final = 50
"""The innermost calls of a stack that are told."""

_REPORTED: Final = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"

_TO_STDERR: Final = frozenset({"ERROR", "CRITICAL", "ALERT"})

# Handlers of its own are given to these by gunicorn after everything of ours has begun.
_OF_GUNICORN: Final = ("gunicorn.error", "gunicorn.access")


@dataclass
class _Sink:
    """
    The streams that lines go to, and the mark of the request that they belong to.
    """

    out: TextIO | None = None
    err: TextIO | None = None
    execution_id: Callable[[], str | None] = lambda: None


_SINK: Final = _Sink()
_ONE_AT_A_TIME: Final = threading.RLock()
"""Held by a thread that writes; a signal handler may write while its own thread does."""


def blanked(text: str) -> str:
    """
    The text with everything that may be a secret replaced by `[secret]`. Pure.
    """
    return _SECRET.sub("[secret]", text)


def write(severity: str, message: str, fields: Mapping[str, Field]) -> None:
    """
    Write one entry: a line on stdout, or on stderr from ERROR upwards.

    Args:
        severity: As Cloud Logging names it.
        message: A constant; alerts go by it.
        fields: Ids, codes and numbers. Texts are blanked and cut to `TEXT_MAX`; what a terminal would act on instead of
            showing it is escaped.
    """
    entry: dict[str, object] = {"severity": severity, "message": message}
    entry |= {name: _shown(name, value) if isinstance(value, str) else value for name, value in fields.items()}
    execution_id = _SINK.execution_id()
    if execution_id is not None:
        entry["logging.googleapis.com/labels"] = {"execution_id": execution_id}
    # All that is not ASCII is escaped, so that no reader takes it for the end of a line.
    line = json.dumps(entry) + "\n"
    to = (_SINK.err or sys.stderr) if severity in _TO_STDERR else (_SINK.out or sys.stdout)
    with _ONE_AT_A_TIME:
        to.write(line)
        to.flush()


def _shown(name: str, text: str) -> str:
    clean = blanked(text)[:TEXT_MAX]
    # Error Reporting wants the lines of a stack; nobody but the interpreter has written them.
    return clean if name == "stack_trace" else _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", clean)


def told_of(error: BaseException) -> dict[str, Field]:
    """
    The fields that tell of an error what may be told: its type, and where it happened as Error Reporting reads it. Its
    text is left out, for it may quote anything; only our own sentences are told. Pure.
    """
    fields: dict[str, Field] = {
        "@type": _REPORTED,
        "type": type(error).__name__,
        "stack_trace": "\n".join(_stack(error)),
    }
    return {**fields, "sentence": str(error)} if isinstance(error, BackendError) else fields


def _stack(error: BaseException) -> Iterator[str]:
    """
    The lines of a traceback as Python writes it, without source and without texts.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        yield from _stack(cause)
        yield "\nDuring handling of the above exception, another exception occurred:\n"
    yield "Traceback (most recent call last):"
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), limit=-FRAMES_MAX, lookup_lines=False
    )
    for frame in frames:
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    yield type(error).__name__


class _Handler(logging.Handler):
    """
    Writes the records of libraries.
    """

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Field] = {"logger": record.name, "text": _text_of(record)}
        if record.exc_info and record.exc_info[1] is not None:
            fields |= told_of(record.exc_info[1])
        write(_severity(record.levelno), "library log", fields)


class _HandedOver(logging.Filter):
    """
    Takes a logger's records away from whatever handlers it has.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self.handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        self.handler.handle(record)
        return False


def _text_of(record: logging.LogRecord) -> str:
    """
    Return what a record says, but for the texts of errors.
    """
    args = record.args
    text = str(_untold(record.msg))
    try:
        return text % (tuple(map(_untold, args)) if isinstance(args, tuple) else args) if args else text
    except Exception:
        # Some libraries log arguments for which their text has no place.
        return text


def _untold(value: object) -> object:
    return type(value).__name__ if isinstance(value, BaseException) and not isinstance(value, BackendError) else value


def _severity(level: int) -> str:
    names = ((logging.CRITICAL, "CRITICAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARNING"))
    return next((name for least, name in names if level >= least), "INFO")


def set_up(execution_id: Callable[[], str | None]) -> None:
    """
    Have everything that this process writes to its log come out as lines of JSON: records of every logger, warnings,
    and exceptions that nobody caught.

    The streams are the process's own: functions-framework puts others in their place during a request, which write a
    line in two pieces and mark it with whatever execution id the caller has sent.

    Args:
        execution_id: What marks the request that is answered in this thread, if any.
    """
    _SINK.out, _SINK.err, _SINK.execution_id = sys.__stdout__, sys.__stderr__, execution_id
    handler = _Handler()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # For loggers that pass nothing on to the root, as `google` does.
    logging.lastResort = handler
    for name in _OF_GUNICORN:
        logging.getLogger(name).addFilter(_HandedOver(handler))
    logging.captureWarnings(True)
    sys.excepthook = lambda _type, error, _traceback: _uncaught(error)
    threading.excepthook = lambda told: _uncaught(told.exc_value)
    sys.unraisablehook = lambda told: _uncaught(told.exc_value)


def _uncaught(error: BaseException | None) -> None:
    if error is not None:
        write("ERROR", "uncaught exception", told_of(error))
