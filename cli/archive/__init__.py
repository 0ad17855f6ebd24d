"""The commands about the archive: `greenroom archive …`.

`selecting.py` has the options that choose entries, and `work.py` the deployment that the commands work on. Each other
file has the commands of one subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from cli.archive import acting, download, listing, report, status
from cli.running import Section, common_options

ALIASES: Final[Mapping[str, str]] = {
    "replace_video": "replace-video",
    "s3copy": "archive",
    "restore_from_s3": "restore",
    "health": "status",
}
"""The names that commands have in `kaltura_aws.py`, where they differ."""

HELP: Final = """
Archive originals in cold storage, and bring them back.

Commands that change entries do so only with --apply; without it they print what they would do. The options of
kaltura_aws.py work too, see docs/archive.md.
"""

EPILOG: Final = """\b
Examples:
  greenroom archive list --unplayed 2
  greenroom archive archive --unplayed 2 --apply
  greenroom archive status --json
"""


class _Archive(click.Group):
    """
    The commands, also by their names in `kaltura_aws.py`.
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))


COMMANDS: Final = (
    listing.list_entries,
    listing.count,
    acting.archive,
    acting.replace_video,
    acting.restore,
    status.status,
    status.repair,
    download.download,
    report.report,
)

archive: Final = _Archive(
    "archive",
    params=common_options(),
    help=HELP,
    epilog=EPILOG,
    commands={str(one.name): one for one in COMMANDS},
)

SECTION: Final = Section("Archive", (archive,))
