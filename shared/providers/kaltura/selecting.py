"""Select entries at Kaltura: the filter of a list, the place where the next page begins, and a check of what came.

Called by `originals.py`. Kaltura lists from an index, which may lag, finds tags by a part of them, and answers only the
first 10,000 matches of a filter. So each page begins at the creation time of the last entry instead of at a number, and
every entry is checked again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from shared.core.errors import BadRequest, Transient
from shared.ports import Entry, MediaState, Selection
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount

_BEFORE_KALTURA: Final = 946_684_800
"""The year 2000: nothing at Kaltura is older. Small numbers would count from now."""

_CATEGORY_GONE: Final = frozenset({"CATEGORY_NOT_FOUND", "INVALID_OBJECT_ID"})


@dataclass(frozen=True, slots=True)
class Position:
    """
    The place in a selection where a page begins.

    Attributes:
        created_at: The creation time of the last entry before it, in seconds; 0 at the beginning.
        skipped: The entries of this second that were on the pages before.
        category: The id of the selected category; empty if there is none.
        index: How many of the selected ids were on the pages before.
    """

    created_at: int = 0
    skipped: tuple[str, ...] = ()
    category: str = ""
    index: int = 0

    def text(self) -> str:
        """
        Return the place as text, for `EntryPage.after`.
        """
        return json.dumps([self.created_at, self.skipped, self.category, self.index], separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Position:
        """
        Return the place that was written as text.
        """
        created_at, skipped, category, index = json.loads(text)
        return cls(created_at, tuple(skipped), category, index)

    def moved(self, listed: Sequence[Any]) -> Position:
        """
        Return the place behind entries that were listed here.

        Raises:
            Transient: They are not behind it: a server that ignores the filter would be listed for ever (again).
        """
        created_at = int(listed[-1].createdAt)
        if created_at < self.created_at or all(str(entry.id) in self.skipped for entry in listed):
            raise Transient(
                "Kaltura's list repeats its entries. Try again in a minute.",
                provider=mapping.NAME,
                operation="media.list",
                code="LIST_REPEATS",
            )
        before = self.skipped if created_at == self.created_at else ()
        same = tuple(str(entry.id) for entry in listed if int(entry.createdAt) == created_at)
        return Position(created_at, (*before, *same), self.category)


def normalised(selection: Selection) -> Selection:
    """
    Return a selection with its tags and ids as Kaltura keeps them. Pure.

    Raises:
        BadRequest: A tag cannot be one (never).
    """
    ids = selection.ids
    return replace(
        selection,
        ids=None if ids is None else tuple(dict.fromkeys(filter(None, (one.strip() for one in ids)))),
        tag=None if selection.tag is None else mapping.tag_as_kept(selection.tag),
        without_tag=None if selection.without_tag is None else mapping.tag_as_kept(selection.without_tag),
    )


def find_category(account: KalturaAccount, asked: str) -> str:
    """
    Return the id of a category, given that or its full name. One call.

    Raises:
        BadRequest: There is none (never).
    """
    from KalturaClient.Plugins.Core import KalturaCategoryFilter

    multi = account.client.multi(account.admin_ks())
    named = multi.ask(lambda c: c.category.list(KalturaCategoryFilter(fullNameEqual=asked)), fields=("id", "fullName"))
    by_id = None
    if asked.isascii() and asked.isdigit() and int(asked) < 2**31:
        by_id = multi.ask(lambda c: c.category.get(int(asked)), fields=("id",))
    multi.send()
    if by_id is not None and by_id.error is None:
        return str(by_id.answer().id)
    if by_id is not None and by_id.error is not None and by_id.error.code not in _CATEGORY_GONE:
        raise by_id.error
    found = named.answer().objects
    if not asked.strip() or not found:
        raise BadRequest(
            f"There is no category '{asked}' at Kaltura. Name it by its id, or by its full name, such as "
            "Lessons>Physics.",
            reason="OPTION_INVALID",
        )
    return str(found[0].id)


def filter_of(account: KalturaAccount, selection: Selection, place: Position, ids: Sequence[str] = ()) -> Any:
    """
    Return the filter of a list that has at least the selected entries behind a place. An entry without a tag is not
    asked for: Kaltura would also leave out one that has a longer tag.

    Args:
        account: The account.
        selection: The selection, normalised.
        place: The place.
        ids: Some of the selected ids; empty for any.
    """
    from KalturaClient.Plugins.Core import KalturaEntryType, KalturaMediaEntryFilter, KalturaMediaType

    created_since = max(_since(selection.created_since), place.created_at)
    befores = [_before(at) for at in (selection.created_before, selection.unplayed_since) if at is not None]
    played_since = _since(selection.played_since)
    if selection.is_unplayed is False:
        played_since = max(played_since, _BEFORE_KALTURA)
    unplayed = [_before(selection.unplayed_since)] if selection.unplayed_since is not None else []
    if selection.is_unplayed:
        unplayed.append(_BEFORE_KALTURA)
    demands = {
        "idIn": ",".join(ids),
        "idNotIn": ",".join(place.skipped),
        "categoryAncestorIdIn": place.category,
        "tagsMultiLikeAnd": selection.tag,
        "createdAtGreaterThanOrEqual": created_since,
        "createdAtLessThanOrEqual": min(befores, default=0),
        "lastPlayedAtGreaterThanOrEqual": played_since,
        "lastPlayedAtLessThanOrEqualOrNull": min(unplayed, default=0),
        "adminTagsLike": account.tag if selection.is_ours else "",
    }
    return KalturaMediaEntryFilter(
        typeEqual=KalturaEntryType(KalturaEntryType.MEDIA_CLIP),
        mediaTypeEqual=KalturaMediaType(int(mapping.MOVING_PICTURE)),
        statusIn=mapping.READY if selection.ready else mapping.ALIVE,
        moderationStatusIn=mapping.MODERATED,
        orderBy="+createdAt",
        **{name: value for name, value in demands.items() if value},
    )


def is_selected(entry: Entry, selection: Selection) -> bool:
    """
    Tell whether an entry is selected, as far as the entry itself shows: all but its category. Pure.
    """
    played_at, created_at = entry.last_played_at, entry.created_at
    return all(
        (
            selection.ids is None or entry.id in selection.ids,
            selection.tag is None or selection.tag in entry.tags,
            selection.without_tag is None or selection.without_tag not in entry.tags,
            selection.unplayed_since is None or (played_at or created_at) < selection.unplayed_since,
            selection.is_unplayed is None or selection.is_unplayed == (played_at is None),
            selection.played_since is None or (played_at is not None and played_at >= selection.played_since),
            selection.created_since is None or created_at >= selection.created_since,
            selection.created_before is None or created_at < selection.created_before,
            selection.ready is None or selection.ready == (entry.state is MediaState.READY),
            not selection.is_ours or entry.reference is not None,
        )
    )


def is_sifted(selection: Selection) -> bool:
    """
    Tell whether many entries that Kaltura lists may not be selected. Pure.
    """
    return any((selection.tag, selection.without_tag, selection.ready is not None, selection.is_ours))


def _since(at: datetime | None) -> int:
    """
    Return the first whole second at or after an instant.
    """
    return 0 if at is None else max(math.ceil(at.timestamp()), _BEFORE_KALTURA)


def _before(at: datetime) -> int:
    """
    Return the last whole second before an instant.
    """
    return max(math.ceil(at.timestamp()) - 1, _BEFORE_KALTURA)
