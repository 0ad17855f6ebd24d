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

from emulator_tests.simulators.kaltura.models.account import Snapshot, World


def take(world: World) -> Snapshot:
    """Keep the present state."""
    files: TemporaryDirectory[str] = TemporaryDirectory(prefix="kaltura-snapshot-")
    shutil.copytree(world.store.files, files.name, dirs_exist_ok=True)
    return Snapshot(
        store=world.store.contents(),
        files=files,
        listing=_listing(world.store.files),
        clock=dict(vars(world.clock)),
        rules=tuple(dataclasses.replace(rule) for rule in world.faults.rules),
        beside={
            "settings": dataclasses.replace(world.settings),
            "readiness": world.readiness,
            "admin_secret": world.admin_secret,
            "requests": tuple(world.requests),
            "counts": Counter(world.counts),
            "agenda": tuple(world.agenda),
            "held": tuple(world.late.held),
        },
    )


def restore(world: World, snapshot: Snapshot) -> None:
    """Bring the account back. The snapshot stays as it is, to be used again."""
    kept = snapshot.beside
    world.store.bring_back(snapshot.store)
    vars(world.clock).update(snapshot.clock)
    world.faults.rules = [dataclasses.replace(rule) for rule in snapshot.rules]
    world.settings = dataclasses.replace(kept["settings"])
    world.readiness, world.admin_secret = kept["readiness"], kept["admin_secret"]
    world.requests.clear()
    world.requests.extend(kept["requests"])
    world.counts = Counter(kept["counts"])
    world.agenda[:] = kept["agenda"]
    world.late.held[:] = kept["held"]
    if _listing(world.store.files) != snapshot.listing:
        shutil.rmtree(world.store.files)
        # With the times of the files, so that the next listing is the same.
        shutil.copytree(snapshot.files.name, world.store.files)


def digest(world: World) -> str:
    """Return a digest of everything on which later answers depend; two accounts with the same one answer alike."""
    tables = [(name, table.rows, table.buried) for name, table in world.store.tables.items()]
    beside = (world.settings, world.readiness, world.admin_secret, world.agenda, len(world.late.held))
    changed = [(at, table.name, key, row) for at, table, key, row in world.store.history]
    state = (tables, changed, vars(world.clock), world.faults.rules, beside, sorted(_listing(world.store.files)))
    return hashlib.blake2b(repr(state).encode(), digest_size=16).hexdigest()


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and when it was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
