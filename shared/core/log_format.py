"""The format of the log: each entry, from any code, is one line of JSON that Cloud Logging understands.

Called by `shared/core/log.py` for our own messages, and once in each process by `functions/logs.py`, which redirects
the logs of libraries and of the interpreter here. Their text may quote what a caller sent, so it goes into a field of
its own: no caller can choose a severity, or a message that an alert matches. Secrets in it are redacted.

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
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TextIO

from shared.core.errors import BackendError

Field = str | int | float | bool | None

_SECRET: Final = re.compile(
    r"djJ8[\w+/=-]{16,}"  # a provider's signed token: base64 of "v2|"
    r"|eyJ[\w-]{8,}\.[\w-]*\.?[\w-]*"  # a JWT, before its parts match as separate tokens
    r"|[A-Za-z0-9+/_-]{64,}={0,2}"  # such a token of an older form, a signature, any other long token
    r"|(?<=\bks=)[^&\s\"]+|(?<=\bks/)[^/\s\"]+"
)

_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"  # control, direction, lone surrogates
)

TEXT_MAX: Final = 8_000
"""Characters of one field. Cloud Logging splits a line of more than 256 KiB into pieces that are not valid JSON."""

FRAMES_MAX: Final = 50
"""The number of innermost calls of a stack that are logged."""

_REPORTED: Final = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"

_TO_STDERR: Final = frozenset({"ERROR", "CRITICAL", "ALERT"})

# gunicorn gives these loggers handlers of their own after our code has started.
_OF_GUNICORN: Final = ("gunicorn.error", "gunicorn.access")


@dataclass
class _Sink:
    """
    The streams that entries go to, the id of the request that they belong to, and, for a person at a terminal, what
    returns an entry in words, or `None` for one that they need not see.
    """

    out: TextIO | None = None
    err: TextIO | None = None
    execution_id: Callable[[], str | None] = lambda: None
    in_words: Callable[[str, str, Mapping[str, Any]], str | None] | None = None


_SINK: Final = _Sink()
_ONE_AT_A_TIME: Final = threading.RLock()
"""Held by the thread that writes. Reentrant, because a signal handler may write while its own thread does."""


def blanked(text: str) -> str:
    """
    Return the text with everything that may be a secret replaced by `[secret]`. Pure.
    """
    return _SECRET.sub("[secret]", text)


def write(severity: str, message: str, fields: Mapping[str, Field]) -> None:
    """
    Write one entry: a line on stdout, or on stderr from ERROR upwards.

    Args:
        severity: The severity, as Cloud Logging names it.
        message: A constant, by which alerts match.
        fields: Ids, codes and numbers. Texts are redacted and cut to `TEXT_MAX`; characters that a terminal would act
            on are escaped.
    """
    entry: dict[str, object] = {"severity": severity, "message": message}
    entry |= {name: _shown(name, value) if isinstance(value, str) else value for name, value in fields.items()}
    if _SINK.in_words is not None:
        words = _SINK.in_words(severity, message, entry)
        if words is not None:
            with _ONE_AT_A_TIME:
                print(words, file=sys.stderr, flush=True)
        return
    execution_id = _SINK.execution_id()
    if execution_id is not None:
        entry["logging.googleapis.com/labels"] = {"execution_id": execution_id}
    # json.dumps escapes all that is not ASCII, so that no reader takes a character for the end of the line.
    line = json.dumps(entry) + "\n"
    to = (_SINK.err or sys.stderr) if severity in _TO_STDERR else (_SINK.out or sys.stdout)
    with _ONE_AT_A_TIME:
        to.write(line)
        to.flush()


@contextmanager
def in_words(words: Callable[[str, str, Mapping[str, Any]], str | None]) -> Iterator[None]:
    """
    Write entries in words to stderr, for a person at a terminal, until the end of the `with`.

    Args:
        words: Returns an entry in words from its severity, its message and its fields; `None` writes nothing.
    """
    before, _SINK.in_words = _SINK.in_words, words
    try:
        yield
    finally:
        _SINK.in_words = before


def _shown(name: str, text: str) -> str:
    clean = blanked(text)[:TEXT_MAX]
    # Error Reporting needs the line breaks of a stack trace. Only the interpreter writes that text.
    return clean if name == "stack_trace" else _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", clean)


def told_of(error: BaseException) -> dict[str, Field]:
    """
    Return the fields that describe an error: its type, and its stack trace as Error Reporting reads it. The error's
    text is included only if the error is ours, because any other may quote anything. Pure.
    """
    fields: dict[str, Field] = {
        "@type": _REPORTED,
        "type": type(error).__name__,
        "stack_trace": "\n".join(_stack(error)),
    }
    return {**fields, "sentence": str(error)} if isinstance(error, BackendError) else fields


def _stack(error: BaseException) -> Iterator[str]:
    """
    Yield the lines of a traceback as Python formats it, without source lines and without the texts of errors.
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
    A log handler that writes the records of libraries.
    """

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Field] = {"logger": record.name, "text": _text_of(record)}
        if record.exc_info and record.exc_info[1] is not None:
            fields |= told_of(record.exc_info[1])
        write(_severity(record.levelno), "library log", fields)


class _HandedOver(logging.Filter):
    """
    A log filter that redirects a logger's records from its own handlers to ours.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self.handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        self.handler.handle(record)
        return False


def _text_of(record: logging.LogRecord) -> str:
    """
    Return the text of a record, with types in place of errors that are not ours.
    """
    args = record.args
    text = str(_untold(record.msg))
    try:
        return text % (tuple(map(_untold, args)) if isinstance(args, tuple) else args) if args else text
    except Exception:
        # Some libraries pass arguments for which their text has no placeholder.
        return text


def _untold(value: object) -> object:
    return type(value).__name__ if isinstance(value, BaseException) and not isinstance(value, BackendError) else value


def _severity(level: int) -> str:
    names = ((logging.CRITICAL, "CRITICAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARNING"))
    return next((name for least, name in names if level >= least), "INFO")


def set_up(execution_id: Callable[[], str | None]) -> None:
    """
    Redirect everything that this process logs to lines of JSON: records of every logger, warnings, and uncaught
    exceptions.

    Uses the process's own streams. During a request functions-framework replaces them by streams that write a line in
    two pieces and mark it with whatever execution id the caller sent.

    Args:
        execution_id: Returns the id of the request that this thread answers, if any.
    """
    _SINK.out, _SINK.err, _SINK.execution_id = sys.__stdout__, sys.__stderr__, execution_id
    handler = _Handler()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # Needed for loggers that do not propagate to the root, such as `google`.
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
