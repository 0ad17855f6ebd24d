"""The state of an account, for tests that copy the process of a simulator and let each copy go on in its own way.

Called by `emulator_tests/crashes`. A copy has its own rows, but its files are the same files.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from tempfile import mkdtemp

from emulator_tests.simulators.kaltura.models.account import Account


class KeptFiles:
    """The files of an account at one moment, to be used again and again.

    Args:
        account: The account.
    """

    def __init__(self, account: Account) -> None:
        self._folder = account.store.files
        # Not a `TemporaryDirectory`, which would be deleted by the first copy of the process that forgets this object.
        self._kept = Path(mkdtemp(prefix="kaltura-snapshot-"))
        shutil.copytree(self._folder, self._kept, dirs_exist_ok=True)
        self._listing = _listing(self._folder)

    def bring_back(self) -> None:
        """Bring back the files as they were."""
        if _listing(self._folder) != self._listing:
            shutil.rmtree(self._folder)
            # With the times of the files, so that the next listing is the same.
            shutil.copytree(self._kept, self._folder)

    def forget(self) -> None:
        """Delete what was kept."""
        shutil.rmtree(self._kept)


def digest(account: Account) -> str:
    """Return a digest of everything on which later answers depend; two accounts with the same one answer alike."""
    tables = [(name, table.rows, table.buried) for name, table in account.store.tables.items()]
    beside = (account.settings, account.readiness, account.admin_secret, account.agenda, len(account.late.held))
    changed = [(at, table.name, key, row) for at, table, key, row in account.store.history]
    state = (tables, changed, vars(account.clock), account.faults.rules, beside, sorted(_listing(account.store.files)))
    return hashlib.blake2b(repr(state).encode(), digest_size=16).hexdigest()


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and when it was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
