"""A project at Google as several checks read it: what they share is asked for once.

Called by the checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from cli.cloud.api import Apis, Fields
from cli.cloud.plan import Plan
from shared.ports import Finding, Health

CODEBASE: Final = "firebase-functions-codebase"
"""The label with the codebase of a function. Source: firebase-tools 15.34.2, lib/functions/constants.js."""

NAMED_MAX: Final = 6
"""The most names in one sentence."""


@dataclass(frozen=True)
class Cloud:
    """
    One project.

    Attributes:
        apis: Google's APIs.
        plan: What should be there.
    """

    apis: Apis
    plan: Plan

    @cached_property
    def functions(self) -> Mapping[str, Fields]:
        """
        The deployed functions of our region, of every codebase, by their ids.
        """
        found = self.apis.every("cloudfunctions", f"v2/{self.plan.place}/functions", "functions", pageSize=1000)
        return {short(one["name"]): one for one in found}

    @cached_property
    def own_functions(self) -> Mapping[str, Fields]:
        """
        Those of the deployed functions that this checkout declares, by the names in `main.py`.
        """
        ids = {name: self.plan.id_of(name) for name in self.plan.functions}
        return {name: self.functions[one] for name, one in ids.items() if one in self.functions}

    @cached_property
    def policy(self) -> Fields:
        """
        The IAM policy of the project.
        """
        return self.apis.policy("cloudresourcemanager", f"v3/projects/{self.plan.project}", posted=True)

    @cached_property
    def account(self) -> str:
        """
        The account that the functions run as.
        """
        if self.plan.account is not None:
            return self.plan.account
        number = short(self.apis.get("cloudresourcemanager", f"v3/projects/{self.plan.project}")["name"])
        return f"{number}-compute@developer.gserviceaccount.com"

    @cached_property
    def database(self) -> Fields:
        """
        The Firestore database. Raises `Absent` if there is none.
        """
        return self.apis.get("firestore", f"v1/{self.plan.database_name}")


def short(name: str) -> str:
    """
    Return the last part of a full name. Pure.
    """
    return name.rpartition("/")[2]


def roles_of(policy: Fields, member: str) -> Mapping[str, Sequence[str]]:
    """
    Return the roles of a member, each with the expressions of its conditions; an empty expression has no condition.
    Pure.
    """
    found: dict[str, list[str]] = {}
    for binding in policy.get("bindings", []):
        if member in binding.get("members", []):
            found.setdefault(binding["role"], []).append(binding.get("condition", {}).get("expression", ""))
    return found


def instant(text: str) -> datetime:
    """
    Return an instant of Google's JSON, which may have nanoseconds. Pure.

    Raises:
        ValueError: It is none (never).
    """
    at = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text).replace("Z", "+00:00"))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def named(names: Iterable[str]) -> str:
    """
    Return names for a sentence, the first few of many. Pure.
    """
    found = sorted(names)
    more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    return ", ".join(found[:NAMED_MAX]) + more


def each(names: Iterable[str], command: Callable[[str], str]) -> str:
    """
    Return the command for each name; for many names, that of the first. Pure.

    Args:
        names: The names of what is wrong.
        command: Returns the command that mends one.
    """
    found = sorted(names)
    if len(found) > NAMED_MAX:
        return f"For each of them, such as the first, run `{command(found[0])}`."
    return "Run " + ", ".join(f"`{command(one)}`" for one in found) + "."


def missing(what: str, sentence: str) -> Finding:
    """
    Return the finding that something needed is missing or wrong. Pure.
    """
    return Finding(what, Health.MISSING, sentence)


def advised(what: str, sentence: str) -> Finding:
    """
    Return the finding that something is missing without which the deployment works. Pure.
    """
    return Finding(what, Health.ABSENT, sentence)


def strings(value: Any) -> Sequence[str]:
    """
    Return a list of strings.

    Raises:
        TypeError: It is none (never).
    """
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("This is not a list of strings.")
    return value
