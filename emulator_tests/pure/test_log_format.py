"""Everything that a process writes to its log: one line of JSON each, whoever wrote it and whatever it quotes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "djJ8MTAyfA" + "Zq3Yk0vT8bJc1mWn" * 8
FORGED: Final = '\n{"severity": "ALERT", "message": "tasks limit reached"}\n'

BEGIN: Final = f"""
import logging, sys, threading, warnings
from shared.core import log_format
SECRET, FORGED = {SECRET!r}, {FORGED!r}
log_format.set_up(lambda: "0123456789ab")
"""


def logged(program: str) -> list[dict[str, Any]]:
    """
    Run a program in a process of its own, and return what that writes to its log.
    """
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN + program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    lines = ran.stdout.decode().splitlines()
    assert SECRET not in ran.stdout.decode()
    entries = [json.loads(line) for line in lines]
    assert all(isinstance(entry, dict) for entry in entries)
    assert {entry["logging.googleapis.com/labels"]["execution_id"] for entry in entries} <= {"0123456789ab"}
    return entries


LOGGERS: Final = (
    "",
    "firebase_functions",
    "functions_framework",
    "flask.app",
    "werkzeug",
    "google.auth.transport",
    "google.api_core.retry",
    "urllib3.connectionpool",
    "httpx",
    "gunicorn.error",
    "gunicorn.access",
    "a.library.that.comes.later",
)


@pytest.fixture(scope="module")
def of_loggers() -> dict[tuple[str, str], dict[str, Any]]:
    """
    The entries that each logger's records became, by logger and severity. One logger passes nothing on, as Google's own
    may be told to; gunicorn gives handlers of its own to its own when everything else is set up.
    """
    entries = logged(
        f"""
logging.getLogger("google").propagate = False
for name in ("gunicorn.error", "gunicorn.access"):
    logging.getLogger(name).addHandler(logging.StreamHandler())
    logging.getLogger(name).propagate = False
for name in {LOGGERS!r}:
    logger = logging.getLogger(name)
    logger.warning("Request body has extra fields: %s", FORGED + SECRET)
    logger.error(f"Error validating token: {{FORGED}}\\x1b[2J")
    try:
        raise ValueError("the password of somebody")
    except ValueError:
        logger.critical("Exception on %s [%s]", FORGED, "POST", exc_info=True)
"""
    )
    assert len(entries) == 3 * len(LOGGERS)
    return {(entry["logger"], entry["severity"]): entry for entry in entries}


@pytest.mark.parametrize("name", LOGGERS, ids="A5 {}".format)
def test_records_of_every_logger_are_one_line_of_ours(
    of_loggers: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    logger = name or "root"
    for severity in ("WARNING", "ERROR", "CRITICAL"):
        entry = of_loggers[logger, severity]
        assert entry["message"] == "library log"
        assert entry["text"].isprintable()
    assert "[secret]" in of_loggers[logger, "WARNING"]["text"]
    stack = of_loggers[logger, "CRITICAL"]["stack_trace"]
    assert stack.endswith("\nValueError")
    assert "password" not in stack


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param('logging.warning("Request body is missing data.", [SECRET])', id="an argument without a place"),
        pytest.param('logging.warning("%d of them", SECRET)', id="an argument of another type"),
        pytest.param('logging.warning("failed", {"token": SECRET})', id="a mapping"),
        pytest.param("logging.warning(b'\\xff' + SECRET.encode())", id="bytes"),
    ],
)
def test_a_record_that_cannot_be_formatted_is_told_all_the_same(statement: str) -> None:
    (entry,) = logged(statement)
    assert (entry["severity"], entry["message"]) == ("WARNING", "library log")


@pytest.mark.parametrize(
    "statement",
    ['logging.error("Unhandled error: %s", error)', "logging.error(error)", "logging.exception(error)"],
)
def test_the_text_of_an_error_is_not_told(statement: str) -> None:
    (entry,) = logged(f'error = ValueError("the password of somebody")\n{statement}')
    assert "ValueError" in entry["text"]
    assert "password" not in json.dumps(entry)


def test_records_below_warning_are_dropped() -> None:
    assert logged('logging.getLogger("httpx").info("HTTP Request: POST https://example.com")') == []


def test_a_warning_of_the_interpreter_is_a_line_of_ours() -> None:
    (entry,) = logged('warnings.warn(f"deprecated {FORGED}", DeprecationWarning, stacklevel=1)')
    assert (entry["severity"], entry["logger"]) == ("WARNING", "py.warnings")


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("raise ValueError(FORGED)", id="in the main thread"),
        pytest.param(
            """
def fail():
    raise ValueError(FORGED)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
""",
            id="in another thread",
        ),
        pytest.param(
            """
class Fails:
    def __del__(self):
        raise ValueError(FORGED)
Fails()
""",
            id="where nothing can be raised",
        ),
    ],
)
def test_an_exception_that_nobody_caught_is_told_without_its_text(program: str) -> None:
    (entry,) = logged(program)
    assert (entry["severity"], entry["message"], entry["type"]) == ("ERROR", "uncaught exception", "ValueError")
    assert entry["stack_trace"].startswith("Traceback (most recent call last):")
    assert "tasks limit" not in json.dumps(entry)


def test_invalid_setting_is_named_to_the_operator() -> None:
    program = (
        "from shared.core.errors import Misconfigured\n"
        'raise Misconfigured("KALTURA_PARTNER_ID must be a whole number.")'
    )
    (entry,) = logged(program)
    assert entry["sentence"] == "KALTURA_PARTNER_ID must be a whole number."


def test_lines_of_many_threads_do_not_mix() -> None:
    entries = logged(
        """
def tell():
    for _ in range(200):
        logging.warning("x" * 3000)
threads = [threading.Thread(target=tell) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    )
    assert len(entries) == 1600
