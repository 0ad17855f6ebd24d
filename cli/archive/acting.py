"""The commands that archive originals, put placeholders in their place, and bring them back.

Called by the group `archive`. `planning.py` says what would be done, and `carrying_out.py` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.archive.carrying_out import carry_out
from cli.archive.planning import Plan
from cli.archive.selecting import Filters, chosen_by, require_filter, with_filters
from cli.archive.work import Work, line_of, provider_price_option, work, workers_option
from cli.output import Output, Result
from cli.running import command, require_task_account, stoppable

if TYPE_CHECKING:
    from shared.archive.plan import Act
    from shared.ports import Tier

F = TypeVar("F", bound=Callable[..., Any])


def applying(*names: str) -> Callable[[F], F]:
    """
    Give a command the option `--apply`, and its names in `kaltura_aws.py`. Two other options of that program are
    accepted and ignored: nothing is kept on this machine, and the command always waits.

    Args:
        names: The other names.
    """

    def decorate(function: F) -> F:
        decorated: Any = function
        options = (
            click.option(
                "--apply", *names, "is_applied", is_flag=True, help="Do it. Without it, only say what would be done."
            ),
            click.option("--tmp", hidden=True, expose_value=False, help="Ignored."),
            click.option("--wait_ready", "-w", is_flag=True, hidden=True, expose_value=False, help="Ignored."),
        )
        for option in reversed(options):
            decorated = option(decorated)
        result: F = decorated
        return result

    return decorate


@command(
    "archive",
    examples=["archive archive --unplayed 2", "archive archive --id-file ids.txt --apply", "archive archive --all"],
    needs_secrets=True,
)
@with_filters
@applying("--archive", "--s3copy")
@workers_option
@provider_price_option
def archive(output: Output, filters: Filters, **options: Any) -> Result:
    """
    Copy originals to the cold store, verify and tag them.

    Originals stay at the provider, and play on.
    """
    from shared.archive.plan import Act

    return _act(Act.ARCHIVE, output, filters, **options)


@command(
    "replace-video",
    examples=["archive replace-video --unplayed 2", "archive replace-video --id 0_a1b2c3d4 --apply"],
    needs_secrets=True,
)
@with_filters
@applying("--replace")
@workers_option
@provider_price_option
def replace_video(output: Output, filters: Filters, **options: Any) -> Result:
    """
    Put a placeholder in the place of archived originals.

    The other files at the provider are deleted. It replaces only originals that are in the cold store, verified.
    """
    from shared.archive.plan import Act

    return _act(Act.REPLACE, output, filters, **options)


@command(
    "restore",
    examples=["archive restore", "archive restore --id 0_a1b2c3d4 --any-play --tier standard --apply"],
    needs_secrets=True,
)
@with_filters
@applying("--restore")
@workers_option
@provider_price_option
@click.option("--any-play", is_flag=True, help="Also entries that were not played within the last year.")
@click.option(
    "--tier",
    type=click.Choice(["expedited", "standard", "bulk"]),
    help="How quickly, and at what price. Default: ARCHIVE_RESTORE_TIER.",
)
def restore(output: Output, filters: Filters, any_play: bool, **options: Any) -> Result:
    """
    Bring originals back whose placeholder was played.

    Without a filter of plays it takes what was played within the last year, because a play asks for the original. The
    cold store needs hours; the workers of the deployment continue then, and so does the same command.
    """
    from shared.archive.plan import Act

    chosen = filters if any_play else _recently_played(filters)
    note = "" if chosen == filters else "Only what was played within the last year was looked at. See --any-play."
    return _act(Act.RESTORE, output, chosen, note=note, **options)


def _recently_played(filters: Filters) -> Filters:
    """
    Return filters that take what was played within the last year and is archived, unless they say otherwise.
    """
    from shared.archive.model import ARCHIVED_TAG

    if filters.has_play:
        return filters
    is_tagged = any(not one.startswith("!") for one in filters.tag)
    tags = filters.tag if is_tagged else (*filters.tag, ARCHIVED_TAG)
    return replace(filters, played_within=1.0, tag=tags, is_all=False)


def _act(
    act: Act,
    output: Output,
    filters: Filters,
    is_applied: bool,
    workers: int,
    provider_price: float | None,
    tier: str | None = None,
    note: str = "",
) -> Result:
    from shared.archive.plan import Act

    require_filter(filters)
    job = work()
    chosen = chosen_by(filters, job.app.clock())
    job.require_store()
    if is_applied:
        require_task_account()
        job.require_running()
        if act is not Act.RESTORE:
            job.require_not_held()
    plan = Plan(act, job, chosen, _tier(job, act, tier), provider_price, is_applied, note)
    with stoppable() as is_stopped, output.rows("entries") as rows:
        if is_applied:
            carry_out(plan, output, rows, is_stopped, workers)
        else:
            for one in plan.entries(is_stopped):
                rows.add(plan.line(one), plan.data(one))
        if not is_stopped.is_set():
            plan.find_missing()
        for entry_id in plan.missing:
            sentence = "refused: there is no such video."
            rows.add(
                line_of(entry_id, act.value, sentence, is_applied=is_applied),
                {"entryId": entry_id, "action": act.value, "outcome": "refused", "sentence": sentence},
            )
        return rows.end(plan.result(is_interrupted=is_stopped.is_set()))


def _tier(job: Work, act: Act, word: str | None) -> Tier:
    """
    Return how quickly originals are brought back.

    Raises:
        UsageError: The store's class has no such tier.
    """
    from shared.archive.plan import Act
    from shared.archive.settings import ArchiveSettings
    from shared.ports import Tier

    tier = Tier(word or job.app.settings_of(ArchiveSettings).restore_tier)
    terms = job.store.terms
    if act is Act.RESTORE and terms.waits and tier not in terms.waits:
        every = ", ".join(one.value for one in terms.waits)
        raise click.UsageError(f"{terms.storage_class} has no tier '{tier}'. Use --tier with one of {every}.")
    return tier
