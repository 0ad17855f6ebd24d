"""The program of the Cloud Run job that copies large originals: `python -m functions.archive_job ENTRY_ID`.

Started by `shared/cloud/jobs.py` for an original that a function could not copy in its time. It reconciles one entry,
without a limit, until nothing is left to do at once; claims keep workers and other jobs off meanwhile. Settings and
secrets are those of the functions. An operator may run it on any machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from functions import wiring
from shared.archive.resource import job
from shared.core import log_format
from shared.core.errors import BackendError
from shared.core.paths import ENTRY_ID

FAILED = 1
NOT_UNDERSTOOD = 2


def main(arguments: Sequence[str]) -> int:
    """
    Reconcile one entry.

    Returns:
        The exit status: 0 once nothing is left to do at once; 1 if all work is stopped, or documents or queue could not
        be reached; 2 if the arguments are wrong.
    """
    if len(arguments) != 1 or not ENTRY_ID.fullmatch(arguments[0]):
        print("Name one entry: python -m functions.archive_job ENTRY_ID", file=sys.stderr)
        return NOT_UNDERSTOOD
    if wiring.kill_switch().is_stopped():
        print("All work is stopped. Start it again: greenroom start.", file=sys.stderr)
        return FAILED
    app = wiring.app()
    try:
        app.reconciler().reconcile(app.get(job), arguments[0])
    except BackendError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    # There is no request that a line could belong to.
    log_format.set_up(lambda: None)
    sys.exit(main(sys.argv[1:]))
