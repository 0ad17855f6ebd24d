"""Change the tags of an entry at Kaltura, while others may change them too.

Called by `originals.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

from shared.core.errors import Transient
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.mapping import NAME

TAG_CHANGES_MAX: Final = 6

_OF_TAGS: Final = ("id", "tags")


def change_tags(
    account: KalturaAccount, entry_id: str, add: Collection[str], remove: Collection[str]
) -> frozenset[str]:
    """
    Add tags and remove tags, as `Originals.change_tags`. Kaltura replaces all tags at once and without a condition. So
    they are read directly before and after the change, in the same request, and what somebody else has changed since
    they were known is put back with another change. Only what somebody else writes between two calls of that request,
    within milliseconds, can be lost.

    Raises:
        Transient: Somebody else changes them again and again (again).
        BadRequest: It cannot be one tag (never).
    """
    added = [mapping.tag_as_kept(tag) for tag in add]
    removed = {mapping.tag_as_kept(tag) for tag in remove} - set(added)
    client = account.client
    entry = client.call(account.admin_ks(), partial(_get_entry, entry_id), fields=_OF_TAGS)
    theirs = stored = _tags_in(entry)
    for _ in range(TAG_CHANGES_MAX):
        wanted = [tag for tag in dict.fromkeys((*theirs, *added)) if tag not in removed]
        if set(wanted) == set(stored):
            return frozenset(stored)
        multi = client.multi(account.admin_ks())
        before = multi.ask(partial(_get_entry, entry_id), fields=_OF_TAGS)
        changed = multi.ask(partial(_set_tags, entry_id, wanted), fields=("id",))
        after = multi.ask(partial(_get_entry, entry_id), fields=_OF_TAGS)
        multi.send()
        changed.answer()
        theirs = _merged(theirs, stored, _tags_in(before.answer()))
        stored = _tags_in(after.answer())
        theirs = _merged(theirs, wanted, stored)
    raise Transient(
        "Somebody else keeps changing the tags of this entry. Try again later.",
        provider=NAME,
        operation="media.update",
        code="TAGS_CHANGING",
    )


def _merged(tags: Sequence[str], before: Sequence[str], now: Sequence[str]) -> list[str]:
    """
    Return tags with the changes that somebody else has made between two looks at them. Pure.
    """
    kept = [tag for tag in tags if tag in now or tag not in before]
    return list(dict.fromkeys((*kept, *(tag for tag in now if tag not in before))))


def _tags_in(entry: Any) -> list[str]:
    return [tag for tag in mapping.tags_of(entry) if tag]


def _get_entry(entry_id: str, library: Any) -> Any:
    return library.baseEntry.get(entry_id)


def _set_tags(entry_id: str, tags: Sequence[str], library: Any) -> Any:
    from KalturaClient.Plugins.Core import KalturaMediaEntry

    return library.media.update(entry_id, KalturaMediaEntry(tags=", ".join(tags)))
