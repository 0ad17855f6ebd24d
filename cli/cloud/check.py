"""Declare checks, find them, and run them, each independent of the others.

Called by `cli/doctor.py`. What is checked is in `checks/`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from google.auth.exceptions import GoogleAuthError

from cli.cloud import CREDENTIALS_REFUSED
from cli.cloud.api import Absent, Denied, Unknown, grant
from cli.cloud.cloud import Cloud
from shared.ports import Finding, Health

AT_ONCE: Final = 8

Run = Callable[[Cloud], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """
    One check.

    Attributes:
        what: The thing's name, as an operator knows it.
        role: The role with which an operator may read it.
        run: Returns what is wrong; nothing if all is well.
    """

    what: str
    role: str
    run: Run


def check(what: str, role: str) -> Callable[[Run], Check]:
    """
    Declare a function as a check. See `Check`.
    """
    return lambda run: Check(what, role, run)


def checks() -> Sequence[Check]:
    """
    Return all checks: those of each file of `checks/`, in the order of the files' names.
    """
    folder = import_module("cli.cloud.checks")
    names = sorted(one.name for one in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."))
    return [one for name in names for one in vars(import_module(name)).values() if isinstance(one, Check)]


def check_cloud(cloud: Cloud, all_of_them: Sequence[Check]) -> list[Finding]:
    """
    Run checks at the same time.

    Returns:
        The findings of each check in its turn; one that says that all is well if it finds nothing.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [finding for found in pool.map(lambda one: _run(one, cloud), all_of_them) for finding in found]


def _run(one: Check, cloud: Cloud) -> Sequence[Finding]:
    try:
        return list(one.run(cloud)) or [Finding(one.what, Health.OK)]
    except Denied as denied:
        needed = f" (permission {denied.permission})" if denied.permission else ""
        sentence = f"Your account lacks the role {one.role}{needed}. {grant(cloud.plan.project, one.role)}"
    except Unknown as unknown:
        sentence = str(unknown)
    except Absent:
        sentence = f"The project {cloud.plan.project} does not exist, or has none of this. Correct --project."
    except GoogleAuthError:
        sentence = CREDENTIALS_REFUSED
    except (AttributeError, KeyError, TypeError, ValueError):
        sentence = "Google's answer has another form than its documentation says. Check it in the console."
    return [Finding(one.what, Health.UNKNOWN, f"This could not be checked. {sentence}")]
