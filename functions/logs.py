"""Make everything that a process logs come out as lines of JSON.

Called by `main.py` before anything else is loaded. The form of a line is left to `shared/core/log_format.py`.
"""

from __future__ import annotations

import re
from typing import Final

import flask
from functions_framework.execution_id import EXECUTION_ID_REQUEST_HEADER

from functions.serving import is_serving
from shared.core import log_format

_EXECUTION_ID: Final = re.compile(r"[0-9A-Za-z]{12}")
"""The form in which functions-framework makes execution ids. It also accepts any other that a caller sends."""


def set_up() -> None:
    """
    Set up the log of a process that serves a function. A process that only lists functions, or tests them, is read by a
    developer at a terminal, who needs the texts of errors.
    """
    if is_serving():
        log_format.set_up(execution_id)


def execution_id() -> str | None:
    """
    Return the execution that the request of this thread belongs to, by which the Firebase console groups log lines.
    """
    if not flask.has_request_context():
        return None
    told = flask.request.headers.get(EXECUTION_ID_REQUEST_HEADER, "")
    return told if _EXECUTION_ID.fullmatch(told) else None
