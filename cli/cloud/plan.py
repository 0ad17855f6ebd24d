"""Collect what a deployment needs at Google, from its settings and this checkout.

Called by `cli/doctor.py`. Read by the checks, which compare it with what is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cli.checkup import Kind, kind_of

DATABASE: Final = "(default)"
"""The database that a project has if nobody names another."""

RULES: Final = "firestore.rules"
INDEXES: Final = "firestore.indexes.json"
POLICIES: Final = "deploy/monitoring/policies"


@dataclass(frozen=True, slots=True)
class Declared:
    """
    A function as this checkout declares it.

    Attributes:
        kind: Its kind if it can be reached from outside.
        schedule: When it runs, such as `every 5 minutes`; empty if nothing but calls and events start it.
        is_triggered: Whether Eventarc calls it.
    """

    kind: Kind | None
    schedule: str = ""
    is_triggered: bool = False

    @classmethod
    def of(cls, function: Any) -> Declared:
        """
        Read the declaration of a function. Pure.
        """
        endpoint = function.__firebase_endpoint__
        schedule = "" if endpoint.scheduleTrigger is None else endpoint.scheduleTrigger["schedule"]
        return cls(kind_of(function), schedule, endpoint.eventTrigger is not None)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits of a queue.

    Attributes:
        at_once: The most tasks that run at the same time.
        per_second: The most tasks that begin in one second.
    """

    at_once: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What should be there.

    Attributes:
        project: The project's id.
        region: Where functions, queues and schedules are.
        database: The name of the Firestore database.
        prefix: What stands before the names of functions.
        codebase: The label of all functions.
        account: The account that the functions run as; `None` is the default compute account.
        signs: Whether the functions sign addresses as their account.
        publishes: Whether they publish events for the school's own app.
        functions: The functions, by the names of `main.py`.
        queues: The limits of each queue, by the name of its worker.
        secrets: The names of the secrets that the functions need.
        rules: The text of the rules.
        indexes: The content of `firestore.indexes.json`.
        policies: The display names of the alert policies.
        now: Now, in UTC.
    """

    project: str
    region: str
    database: str
    prefix: str
    codebase: str
    account: str | None
    signs: bool
    publishes: bool
    functions: Mapping[str, Declared]
    queues: Mapping[str, Limits]
    secrets: Sequence[str]
    rules: str
    indexes: Mapping[str, Any]
    policies: Sequence[str]
    now: datetime

    @property
    def deploy_functions(self) -> str:
        """
        The command that deploys the functions.
        """
        return f"`firebase deploy --only functions:{self.codebase} --project {self.project}`"

    @property
    def deploy_firestore(self) -> str:
        """
        The command that deploys rules, indexes and TTL policies.
        """
        only = "firestore" if self.database == DATABASE else f"firestore:{self.database}"
        return f"`firebase deploy --only {only} --project {self.project}`"

    @property
    def database_name(self) -> str:
        """
        The full name of the database.
        """
        return f"projects/{self.project}/databases/{self.database}"

    @property
    def place(self) -> str:
        """
        The full name of the region.
        """
        return f"projects/{self.project}/locations/{self.region}"

    def id_of(self, name: str) -> str:
        """
        Return the name under which a function, or its queue, is deployed.
        """
        return f"{self.prefix}{name}"


def plan_of(root: Path) -> Plan:
    """
    Return the plan of the settings and of a checkout.

    Args:
        root: The folder with the checkout's `firebase.json`.
    """
    import main
    from functions import config, environment, wiring
    from shared.publishing.settings import EventSettings
    from shared.registry import WORKERS

    functions, *_ = json.loads((root / "firebase.json").read_text())["functions"]
    prefix = config.functions_prefix()
    return Plan(
        project=environment.project_id(),
        region=config.FUNCTIONS_REGION.value,
        database=config.FIRESTORE_DATABASE.value,
        prefix=prefix,
        codebase=functions["codebase"],
        account=config.SERVICE_ACCOUNT.value or None,
        signs=bool(config.SLIDES_BUCKET.value) or config.archive() == "gcs",
        publishes=bool(config.read(EventSettings).channel),
        functions={name: Declared.of(getattr(main, name)) for name in dir(main)},
        queues={name: Limits(worker.at_once, worker.per_second) for name, worker in WORKERS.items()},
        secrets=config.demanded_secrets(),
        rules=(root / RULES).read_text(),
        indexes=json.loads((root / INDEXES).read_text()),
        policies=tuple(
            json.loads(one.read_text())["displayName"].replace("${prefix}", prefix)
            for one in sorted((root / POLICIES).glob("*.json"))
        ),
        now=wiring.now(),
    )
