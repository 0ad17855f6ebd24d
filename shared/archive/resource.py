"""Register the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from shared.archive.model import ORIGINAL
from shared.archive.settings import ArchiveSettings
from shared.core import log
from shared.core.errors import Misconfigured, ProviderError
from shared.core.paths import ARCHIVE, ENTRY_ID, RECONCILE_ARCHIVE, operation_path
from shared.ports import Finding, Tier
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Owned
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace

if TYPE_CHECKING:
    from shared.archive.commands import Commands, Restores
    from shared.archive.controller import Archive
    from shared.archive.plays import Plays
    from shared.archive.policy import Policy
    from shared.ports import ColdStore, Document, Originals

RUN_TIMEOUT_S: Final = 1500
"""Seconds for which one run of the worker may copy. Cloud Tasks waits for a task at most 30 minutes."""

PLAYS: Final = operation_path("archivePlays")
"""The document that says when plays of placeholders are looked for next."""


def controller(deployment: Deployment) -> Archive:
    """
    Return the Controller of archiving.

    Raises:
        Misconfigured: This deployment has no cold store (never, until it has).
    """
    from shared.archive.controller import Archive
    from shared.archive.placeholder import placeholder_in
    from shared.archive.storing import Storing

    settings = deployment.settings_of(ArchiveSettings)
    return Archive(
        deployment.documents,
        deployment.provider_accounts,
        Storing(_opener(deployment), deployment.terms_of, deployment.jobs, settings.function_bytes_max),
        partial(placeholder_in, settings.placeholder),
        deployment.common.late_commit_s,
        deployment.epochs.is_held,
    )


def job(deployment: Deployment) -> Archive:
    """
    Return the Controller of the job that copies large originals, and of an operator's machine. Raises as `controller`.
    """
    archive = deployment.get(controller)
    return replace(archive, storing=replace(archive.storing, jobs=None), is_job=True)


def commands(deployment: Deployment) -> Commands:
    """
    Return what is asked for entries.
    """
    from shared.archive.commands import Commands

    return Commands(deployment.documents, deployment.queue, deployment.clock)


def restores(deployment: Deployment) -> Restores:
    """
    Return what brings originals back whose placeholder is played.
    """
    from shared.archive.budget import Amount, DayBudget
    from shared.archive.commands import Restores

    settings = deployment.settings_of(ArchiveSettings)
    most = Amount(settings.restores_per_day, settings.restore_bytes_per_day, settings.restore_cents_per_day)
    return Restores(
        deployment.documents,
        deployment.queue,
        deployment.clock,
        DayBudget(deployment.documents, deployment.clock, most),
        Tier(settings.restore_tier),
        deployment.terms_of,
    )


def full_check(deployment: Deployment) -> Policy | None:
    """
    Return what archives without an operator; `None` if this deployment has no cold store, or no originals.
    """
    from shared.archive.policy import Policy

    watched = deployment.get(plays)
    if deployment.cold_store is None or watched is None:
        return None
    return Policy(
        deployment.documents,
        deployment.clock,
        watched.originals,
        deployment.cold_store(),
        deployment.settings_of(ArchiveSettings),
        deployment.get(commands),
        watched,
        deployment.get(controller),
    )


def plays(deployment: Deployment) -> Plays | None:
    """
    Return the plays of placeholders; `None` as `full_check`. It does not open the cold store.
    """
    from shared.archive.plays import Plays

    account = originals(deployment)
    if deployment.cold_store is None or account is None:
        return None
    return Plays(deployment.documents, deployment.clock, account, deployment.get(restores))


def at_sweep(deployment: Deployment, operations: Sequence[Document]) -> None:
    """
    Bring back what was played while a placeholder stood in for it. A provider that does not answer hinders no other
    part of the sweep; the next one asks again.
    """
    watched = deployment.get(plays) if any(one.path == PLAYS for one in operations) else None
    if watched is not None:
        try:
            watched.look(operations)
        except ProviderError as error:
            log.sweep_hindered(error)


def cold_store(deployment: Deployment) -> ColdStore:
    """
    Return the cold store. Raises as `controller`.
    """
    return _opener(deployment)()


def _opener(deployment: Deployment) -> Callable[[], ColdStore]:
    if deployment.cold_store is None:
        raise Misconfigured(
            "This deployment has no cold store. Set one up as docs/archive.md says, to archive originals."
        )
    return deployment.cold_store


def originals(deployment: Deployment) -> Originals | None:
    """
    Return the entries that can be archived: those of the first provider that gives their originals; `None` if none
    does.
    """
    accounts = deployment.provider_accounts.values()
    return next((one.originals for one in accounts if one.originals is not None), None)


def things() -> Owned:
    """
    Return what the records say about the objects in the cold store.
    """
    from shared.archive.owned import OriginalThings

    return OriginalThings()


def findings(deployment: Deployment) -> Iterable[Finding]:
    """
    Return what the cold store lacks.
    """
    return [] if deployment.cold_store is None else deployment.cold_store().check()


RESOURCE = Resource(
    collection=ARCHIVE,
    worker=Worker(
        RECONCILE_ARCHIVE,
        ENTRY_ID,
        "Archive one original, put a placeholder in its place, or bring it back; the key is its entry's id.",
        at_once=10,
        per_second=5,
        timeout_s=RUN_TIMEOUT_S,
        beats=True,
        archives=True,
        is_bulk=True,
    ),
    open=controller,
    kind=ORIGINAL,
    owned=things,
    traces=(Trace(ARCHIVE, Naming.VALUE, ("ownerUid",), Fate.FOLLOW, "archive"),),
    at_sweep=at_sweep,
    check=full_check,
    settings=(ArchiveSettings,),
    findings=findings,
)
