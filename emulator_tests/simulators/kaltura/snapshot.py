"""The state of the account at one moment, to which it can be brought back.

Called by `control`, for tests that try many ways to go on from the same moment. There is one snapshot at a time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from emulator_tests.simulators.kaltura.models.account import Account, Snapshot


def take(account: Account) -> Snapshot:
    """Keep the present state."""
    files: TemporaryDirectory[str] = TemporaryDirectory(prefix="kaltura-snapshot-")
    shutil.copytree(account.store.files, files.name, dirs_exist_ok=True)
    return Snapshot(
        store=account.store.contents(),
        files=files,
        listing=_listing(account.store.files),
        clock=dict(vars(account.clock)),
        rules=tuple(dataclasses.replace(rule) for rule in account.faults.rules),
        beside={
            "settings": dataclasses.replace(account.settings),
            "readiness": account.readiness,
            "admin_secret": account.admin_secret,
            "requests": tuple(account.requests),
            "counts": Counter(account.counts),
            "agenda": tuple(account.agenda),
            "held": tuple(account.late.held),
        },
    )


def restore(account: Account, snapshot: Snapshot) -> None:
    """Bring the account back. The snapshot stays as it is, to be used again."""
    kept = snapshot.beside
    account.store.bring_back(snapshot.store)
    vars(account.clock).update(snapshot.clock)
    account.faults.rules = [dataclasses.replace(rule) for rule in snapshot.rules]
    account.settings = dataclasses.replace(kept["settings"])
    account.readiness, account.admin_secret = kept["readiness"], kept["admin_secret"]
    account.requests.clear()
    account.requests.extend(kept["requests"])
    account.counts = Counter(kept["counts"])
    account.agenda[:] = kept["agenda"]
    account.late.held[:] = kept["held"]
    if _listing(account.store.files) != snapshot.listing:
        shutil.rmtree(account.store.files)
        # With the times of the files, so that the next listing is the same.
        shutil.copytree(snapshot.files.name, account.store.files)


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
