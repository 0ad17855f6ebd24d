"""The table of error codes: it has every code that is raised, and none that is not."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from functions.edge.answers import INTERNAL, error_codes
from shared.core import errors
from shared.core.errors import BackendError, Conflict, Misconfigured, Permanent, Refused, Transient

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = ROOT / "schema" / "errors.json"

STATUSES: Final = {
    "NotSignedIn": "UNAUTHENTICATED",
    "NotAllowed": "PERMISSION_DENIED",
    "NotFound": "NOT_FOUND",
    "BadRequest": "INVALID_ARGUMENT",
    "WrongState": "FAILED_PRECONDITION",
    "TooMany": "RESOURCE_EXHAUSTED",
    "Transient": "UNAVAILABLE",
    "Doubtful": "UNAVAILABLE",
    "SecretRejected": "UNAVAILABLE",
    "Permanent": "FAILED_PRECONDITION",
    "Conflict": "ABORTED",
    "Misconfigured": "INTERNAL",
}
"""Firebase's status of each error of the tree."""


@dataclass(frozen=True, slots=True)
class Raised:
    """
    One place in the code that makes an error of ours.

    Attributes:
        where: File and line.
        kind: The error's class.
        reason: The code that it names itself, if any; "?" where it is no constant.
        waits: Whether it says when to try again.
    """

    where: str
    kind: str
    reason: str | None
    waits: bool


def raised() -> Iterator[Raised]:
    """
    Every place in the deployed code, and in the operator's command, that makes an error of ours.
    """
    for path in sorted(path for folder in ("cli", "functions", "shared") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in STATUSES:
                continue
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            reason = given.get("reason")
            named = reason.value if isinstance(reason, ast.Constant) else None if reason is None else "?"
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            yield Raised(where, node.func.id, None if named is None else str(named), "retry_after_s" in given)


RAISED: Final = tuple(raised())
CODES: Final[dict[str, Any]] = json.loads(TABLE.read_text())["codes"]


def reason_of(one: Raised) -> str:
    kind: type[BackendError] = getattr(errors, one.kind)
    return one.reason or kind.usual_reason


def test_every_error_of_the_tree_has_a_status() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, BackendError)}
    # The reconciler records a NotFoundYet, and no caller is answered with it.
    assert set(STATUSES) == kinds - {"BackendError", "Refused", "ProviderError", "NotFoundYet"}


def test_all_error_classes_are_found() -> None:
    assert len(RAISED) > 100
    assert {one.kind for one in RAISED} == set(STATUSES)


@pytest.mark.parametrize("one", RAISED, ids=lambda one: f"C5 {one.where} {one.kind}")
def test_raised_errors_have_the_code_and_status_of_the_table(one: Raised) -> None:
    if issubclass(getattr(errors, one.kind), Refused):
        assert one.reason is not None, "a refusal names its own"
    assert reason_of(one) in CODES
    assert CODES[reason_of(one)]["status"] == STATUSES[one.kind]


def test_every_code_of_the_table_is_raised_somewhere() -> None:
    usual = {kind.usual_reason for kind in (Transient, Permanent, Conflict, Misconfigured)}
    assert {reason_of(one) for one in RAISED} | usual | {INTERNAL} == set(CODES)


@pytest.mark.parametrize("code", CODES, ids="C5 {}".format)
def test_a_code_says_what_a_client_needs(code: str) -> None:
    row = CODES[code]
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)
    assert set(row) - {"httpStatus"} == {"status", "retryable", "sentence"}
    assert row["status"] in set(STATUSES.values())
    assert isinstance(row["retryable"], bool)
    assert re.fullmatch(r"[A-Z].*[.]", row["sentence"])
    # A client of Firebase's that does not read the body goes by this: whatever is not 5xx is not tried again.
    assert 400 <= error_codes()[code].http_status < 500 or row["status"] in ("UNAVAILABLE", "INTERNAL")


def test_errors_with_retry_after_are_retryable() -> None:
    assert [one.where for one in RAISED if one.waits and not CODES[reason_of(one)]["retryable"]] == []


def test_the_table_is_in_order_and_read_as_it_stands() -> None:
    assert list(CODES) == sorted(CODES)
    assert {code: row.status for code, row in error_codes().items()} == {
        code: row["status"] for code, row in CODES.items()
    }
