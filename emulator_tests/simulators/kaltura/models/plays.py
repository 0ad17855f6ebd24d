"""The counters of plays: what players reported, and the job that writes it into the entries.

Called by `playback` for each manifest, and by `processing` as time passes. A real player reports `playerImpression` and
`play` to Kaltura's analytics; here the manifest it asks for stands for both. The job does not move `updatedAt` and no
notification leaves, because it writes past the entry's own class.
Source: kaltura/server, alpha/scripts/kava/updateEntryPlaysViews.php; configurations/cron/kava.template runs it at 10:00
every day. How often kaltura.com runs it is not public.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.schema import Record

#: The time of day of the job, in seconds.
_RUNS_AT_S = 10 * 3600


def report(account: Account, entry_id: str) -> None:
    """Note that an entry is played; its counters change when the job runs next."""
    store, now = account.store, account.clock.now()
    row = store.unsynced_plays.get(entry_id) or {"id": entry_id, "plays": 0, "firstAt": now}
    store.put(store.unsynced_plays, {**row, "plays": row["plays"] + 1, "lastPlayedAt": int(now)})
    sync_due(account)
    store.flush()


def sync_due(account: Account) -> None:
    """Write every play into its entry for which the job has run by now."""
    store, now = account.store, account.clock.now()
    # The rows are in the order of their first plays, so the first one is due first.
    while (row := next(iter(store.unsynced_plays), None)) is not None and _due_at(account, row) <= now:
        store.remove(store.unsynced_plays, row["id"])
        entry = store.entries.get(row["id"])
        if entry is not None:
            counted = {
                "plays": (entry.get("plays") or 0) + row["plays"],
                "views": (entry.get("views") or 0) + row["plays"],
            }
            store.change(store.entries, row["id"], lastPlayedAt=row["lastPlayedAt"], **counted)


def _due_at(account: Account, row: Record) -> float:
    every_s = account.settings.plays_synced_every_s
    first_at = float(row["firstAt"])
    if not every_s:
        return first_at
    runs_at_s = _RUNS_AT_S % every_s
    return float(((first_at - runs_at_s) // every_s + 1) * every_s + runs_at_s)
