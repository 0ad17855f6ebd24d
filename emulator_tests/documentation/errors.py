"""The list of error codes in docs/api.md, from `schema/errors.json`.

Called by `pages.py`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

from functions.edge.answers import ErrorCode
from functions.edge.answers import error_codes as table

WIDTH: Final = 118

STATUSES: Final = (
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "UNAVAILABLE",
    "INTERNAL",
)
"""In the order of the page: who calls, what they ask for, and what went wrong."""


def error_codes() -> str:
    """
    Return a list for each of Firebase's codes.

    Raises:
        ValueError: A code has a status that is not in the list of statuses (never).
    """
    rows = table()
    unknown = sorted({row.status for row in rows.values()} - set(STATUSES))
    if unknown:
        raise ValueError(f"Add {', '.join(unknown)} to the statuses of the page.")
    return "\n".join(_section(status, rows) for status in STATUSES)


def _section(status: str, rows: Mapping[str, ErrorCode]) -> str:
    codes = {code: row for code, row in rows.items() if row.status == status}
    usual = min(row.http_status for row in codes.values())
    heading = f"#### {status.lower().replace('_', '-')}\n\nHTTP {usual}.\n"
    return "\n".join([heading, *(_item(code, row, usual) for code, row in codes.items()), ""])


def _item(code: str, row: ErrorCode, usual_http_status: int) -> str:
    notes = ["retryable"] if row.is_retryable else []
    notes += [f"HTTP {row.http_status}"] if row.http_status != usual_http_status else []
    note = f" ({', '.join(notes)})" if notes else ""
    return textwrap.fill(f"- `{code}`{note}: {row.sentence}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
