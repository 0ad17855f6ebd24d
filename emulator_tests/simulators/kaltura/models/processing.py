"""The processing of entries: flavors become ready one by one, then the entry.

Called by `content` when bytes have arrived, by `responses` at every request and by a background task. The `Readiness`
rule of the entry, or of the account, sets the pace; lists and gets count as reads (`looks` in the stored state).
"""

from __future__ import annotations

import asyncio
import heapq

from emulator_tests.simulators.clock import Mode, Readiness
from emulator_tests.simulators.kaltura.models import notifications, plays, replacement
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import (
    AssetStatus,
    EntryStatus,
    change_entry,
    flavors_of,
    ready_params,
)
from emulator_tests.simulators.kaltura.models.schema import Record

_PACE_S = 0.05


def begin(account: Account, entry_id: str, meanwhile: EntryStatus = EntryStatus.PRECONVERT) -> None:
    """Start converting an entry; its source flavor is ready and its other flavors wait.

    Args:
        account: The simulated account.
        entry_id: The entry.
        meanwhile: Its status until then; one that is ready stays so when a flavor is added to it.
    """
    waiting = _waiting(account, entry_id)
    under_way = {
        "startedAt": account.clock.now(),
        "looks": 0,
        "done": 0,
        "steps": max(len(waiting), 1),
        "meanwhile": meanwhile,
    }
    change_entry(
        account,
        entry_id,
        status=meanwhile,
        flavorParamsIds=ready_params(account, entry_id),
        _processing=under_way,
    )
    _schedule(account, account.store.entries.rows[entry_id])
    tick(account)


def begin_anew(account: Account, entry_id: str) -> None:
    """Convert an entry once more from its source; one that is ready stays so meanwhile."""
    store = account.store
    entry = store.entries.rows[entry_id]
    if entry["status"] == EntryStatus.READY:
        return
    for each in flavors_of(account, entry_id):
        if not each["isOriginal"]:
            store.change(store.flavor_assets, each["id"], status=AssetStatus.CONVERTING)
    begin(account, entry_id)


def look(account: Account, entry: Record) -> Record:
    """Count a look at an entry; returns the entry as the looker sees it."""
    under_way = entry.get("_processing")
    if not under_way:
        return entry
    store = account.store
    looked = store.change(store.entries, entry["id"], _processing={**under_way, "looks": under_way["looks"] + 1})
    if _rule(account, looked).mode is Mode.AFTER_LOOKS:
        _advance(account, looked)
    return store.entries.rows[entry["id"]]


def tick(account: Account) -> None:
    """Let everything happen that is due by now."""
    plays.sync_due(account)
    while account.agenda and account.agenda[0][0] <= account.clock.now():
        _, entry_id = heapq.heappop(account.agenda)
        entry = account.store.entries.rows.get(entry_id)
        if entry is not None and entry.get("_processing"):
            _advance(account, entry)


def reschedule(account: Account) -> None:
    """Compute all due times again, after a restart or a change of the clock."""
    account.agenda.clear()
    for entry in list(account.store.entries):
        if entry.get("_processing"):
            _schedule(account, entry)
    tick(account)


async def keep_moving(account: Account) -> None:
    """Let time pass while nobody asks, so that notifications leave by themselves; never returns."""
    while True:
        tick(account)
        account.store.flush()
        notifications.deliver_due(account)
        await asyncio.sleep(_PACE_S)


def _rule(account: Account, entry: Record) -> Readiness:
    own = entry.get("_readiness")
    return Readiness.parse(own) if own else account.readiness


def _waiting(account: Account, entry_id: str) -> list[Record]:
    return [each for each in flavors_of(account, entry_id) if each["status"] == AssetStatus.CONVERTING]


def _schedule(account: Account, entry: Record) -> None:
    rule, under_way = _rule(account, entry), entry["_processing"]
    due_at = under_way["startedAt"]
    if rule.mode in (Mode.NEVER, Mode.AFTER_LOOKS):
        return
    if rule.mode is Mode.AFTER_S:
        due_at += rule.amount * (under_way["done"] + 1) / under_way["steps"]
    heapq.heappush(account.agenda, (due_at, entry["id"]))


def _advance(account: Account, entry: Record) -> None:
    """Take every step of an entry that is due."""
    rule = _rule(account, entry)
    if rule.mode is Mode.FAILED:
        fail(account, entry["id"])
        return
    while under_way := entry.get("_processing"):
        step = under_way["done"] + 1
        waited_s = account.clock.now() - under_way["startedAt"]
        if not rule.is_due(step, under_way["steps"], waited_s, under_way["looks"]):
            _schedule(account, entry)
            return
        waiting = _waiting(account, entry["id"])
        if waiting:
            now = int(account.clock.now())
            flavors = account.store.flavor_assets
            account.store.change(flavors, waiting[0]["id"], status=AssetStatus.READY, updatedAt=now)
        is_last = len(waiting) <= 1
        entry = change_entry(
            account,
            entry["id"],
            flavorParamsIds=ready_params(account, entry["id"]),
            status=EntryStatus.READY if is_last else under_way["meanwhile"],
            _processing=None if is_last else {**under_way, "done": step},
        )
    replacement.settle(account, entry)


def fail(account: Account, entry_id: str) -> None:
    """End an entry's conversion in ERROR_CONVERTING; one that was ready before stays so."""
    store = account.store
    for each in _waiting(account, entry_id):
        store.change(store.flavor_assets, each["id"], status=AssetStatus.ERROR)
    was_ready = store.entries.rows[entry_id]["status"] == EntryStatus.READY
    status = EntryStatus.READY if was_ready else EntryStatus.ERROR_CONVERTING
    entry = change_entry(account, entry_id, status=status, _processing=None)
    replacement.settle(account, entry)
