"""The program `greenroom`: its sections, its help, and the sentences and exit statuses of errors.

A new command is declared in the file of its subject, and a new file has one line in `SECTIONS`.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from typing import Final

import click

from cli import archive, doctor, hosts, migrate, notifications, orphans, roles, status, switch
from cli.running import ROOT, Options, Section, Status, Surroundings, common_options
from shared.core.errors import BackendError

NAME: Final = "greenroom"
LINE_LONGEST: Final = 100

SECTIONS: Final[Sequence[Section]] = (
    doctor.SECTION,
    status.SECTION,
    roles.SECTION,
    notifications.SECTION,
    hosts.SECTION,
    archive.SECTION,
    orphans.SECTION,
    migrate.SECTION,
    switch.SECTION,
)

HELP: Final = f"""
Operate a deployment of Greenroom.

The settings are read from `.env.<project id>`, as `firebase deploy` reads them. Secrets are read from Secret Manager
if the environment does not have them.
Results are printed to standard output, progress and log lines to standard error.

Exit status: {Status.DONE} done; {Status.FAILED} failed, done in part, or something needed is missing;
{Status.NOT_UNDERSTOOD} the command was not understood; {Status.INTERRUPTED} interrupted with Ctrl-C.
"""

EPILOG: Final = """\b
Examples:
  greenroom --project my-school doctor
  greenroom --project my-school find-orphans --json
  eval "$(_GREENROOM_COMPLETE=bash_source greenroom)"   # completion; or zsh_source
"""


class _Program(click.Group):
    """
    The commands, listed by section.
    """

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.commands)
        for section in SECTIONS:
            with formatter.section(section.title):
                formatter.write_dl(
                    [(f"{one.name:<{width}}", one.get_short_help_str(LINE_LONGEST)) for one in section.commands]
                )


def _print_version(context: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        click.echo(f"{NAME} {project['version']}")
        context.exit()


app: Final = _Program(
    NAME,
    params=[
        *common_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        ),
    ],
    help=HELP,
    epilog=EPILOG,
    context_settings={"max_content_width": LINE_LONGEST, "help_option_names": ["-h", "--help"]},
    commands={one.name: one for section in SECTIONS for one in section.commands if one.name is not None},
)


def main(arguments: Sequence[str] | None = None, surroundings: Surroundings | None = None) -> int:
    """
    Run one command.

    Args:
        arguments: What the operator typed; `None` takes it from the process.
        surroundings: What the command works on; `None` opens the deployment of the settings.

    Returns:
        The exit status, see `Status`.
    """
    try:
        options = Options(surroundings=surroundings)
        status: int = app.main(arguments, prog_name=NAME, standalone_mode=False, obj=options)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        print("Interrupted. What was done stays done; run the command again for the rest.", file=sys.stderr)
        return Status.INTERRUPTED
    except BackendError as error:
        print(error, file=sys.stderr)
        return Status.FAILED
    return status
