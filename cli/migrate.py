"""The command about the form of records: `migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.output import Output, Result, table
from cli.running import Options, Section, command

if TYPE_CHECKING:
    from shared.app import App
    from shared.operations.migration import Migrated


@command("migrate", examples=["migrate --dry-run", "migrate"])
@click.option("--dry-run", is_flag=True, help="Count what would be written, and write nothing.")
def migrate(output: Output, dry_run: bool) -> Result:
    """
    Write records of earlier releases in the present form.

    Run it after an upgrade, at any time: work goes on meanwhile, and it can be interrupted and repeated.
    """
    from shared.operations.migration import Migration

    app = _app()
    migration = Migration(app, app.resources, is_dry=dry_run)
    with output.progress("Migrating", migration.total()) as progress:
        migrated = migration.run(lambda _: progress.advance())
    return _result(migrated, is_dry=dry_run)


def _app() -> App:
    """
    Return what has the records. Nothing changes at a provider, so that no secret is needed.
    """
    given = click.get_current_context().ensure_object(Options).surroundings
    if given is not None:
        return given.app
    from functions import wiring

    return wiring.records()


def _result(migrated: Migrated, *, is_dry: bool) -> Result:
    """
    Return the result. Pure.
    """
    from shared.operations.migration import Outcome

    heads = {
        Outcome.WRITTEN: "to write" if is_dry else "written",
        Outcome.CURRENT: "in the present form",
        Outcome.BUSY: "busy",
        Outcome.NEWER: "of a newer release",
    }
    rows = [["", *heads.values()]]
    rows += [[name, *(str(counts[one]) for one in heads)] for name, counts in sorted(migrated.counts.items())]
    lines = [table(rows)]
    if busy := migrated.total(Outcome.BUSY):
        lines.append(f"Workers were at {busy} records. Run it again later.")
    if newer := migrated.total(Outcome.NEWER):
        lines.append(f"A newer release has written {newer} records. They were left alone: run its `migrate`.")
    data = {"isDryRun": is_dry, "collections": {name: dict(counts) for name, counts in migrated.counts.items()}}
    return Result("\n".join(lines), data, not busy and not newer)


SECTION: Final = Section("Upgrade", (migrate,))
