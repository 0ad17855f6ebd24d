"""List the entries of a selection at Kaltura, page by page, and count them.

Called by `originals.py`. The filter and the place of a page are left to `selecting.py`, and the files to `entries.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any, Final

from shared.core.errors import Transient
from shared.ports import EntryPage, Selection
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.entries import OF_ENTRIES, ask_files_of_list, entries_of, entry_of, files_of_list
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.selecting import Position, filter_of, find_category, is_selected, is_sifted, normalised

MATCHES_MAX: Final = 10_000
"""The matches of one filter that Kaltura answers."""


def page_of(account: KalturaAccount, selection: Selection, after: str, limit: int) -> EntryPage:
    """
    Return the next selected entries, as `Originals.page`.
    """
    selection = normalised(selection)
    place = Position.read(after) if after else _beginning(account, selection)
    ids = () if selection.ids is None else selection.ids[place.index : place.index + limit]
    if selection.ids is not None and not ids:
        return EntryPage((), None)
    asked_max = mapping.PAGE if is_sifted(selection) or ids else limit
    multi = account.client.multi(account.admin_ks())
    asked = filter_of(account, selection, place, ids)
    entries = multi.ask(partial(_list_entries, asked, asked_max, 1), fields=OF_ENTRIES)
    flavors = ask_files_of_list(multi, entries, asked_max)
    multi.send()
    listed = entries.answer().objects
    selected = _selected(account, selection, listed)
    taken, is_rest = _first(listed, selected, limit)
    # Kaltura refuses to list the flavors of no entries.
    files = files_of_list(account, [str(entry.id) for entry in listed], flavors) if listed else {}
    found = tuple(entries_of(account, [entry for entry in taken if str(entry.id) in selected], files))
    if selection.ids is not None:
        following = Position(category=place.category, index=place.index + len(ids))
        return EntryPage(found, following.text() if following.index < len(selection.ids) else None)
    if not is_rest and int(entries.answer().totalCount) <= len(listed):
        return EntryPage(found, None)
    if not listed:
        raise Transient(
            "Kaltura's list has entries that do not exist any more. Try again in a minute.",
            provider=NAME,
            operation="media.list",
            code="LIST_BEHIND",
        )
    return EntryPage(found, place.moved(taken).text())


def count_of(account: KalturaAccount, selection: Selection) -> int:
    """
    Return how many entries are selected. Where Kaltura would count too many, they are listed without their files,
    10,000 in each call.
    """
    selection = normalised(selection)
    if selection.ids is not None and not selection.ids:
        return 0
    place = _beginning(account, selection)
    if selection.ids is None and not is_sifted(selection):
        asked = filter_of(account, selection, place)
        return int(account.client.call(account.admin_ks(), lambda c: c.media.count(asked)))
    found: set[str] = set()
    while True:
        multi = account.client.multi(account.admin_ks())
        pages = [multi.ask(list_page, fields=OF_ENTRIES) for list_page in _all_pages(account, selection, place)]
        multi.send()
        listed = [entry for page in pages for entry in page.answer().objects]
        found |= _selected(account, selection, listed)
        if selection.ids is not None or not listed or int(pages[0].answer().totalCount) <= len(listed):
            return len(found)
        place = place.moved(listed)


def _beginning(account: KalturaAccount, selection: Selection) -> Position:
    return Position(category="" if selection.category is None else find_category(account, selection.category))


def _selected(account: KalturaAccount, selection: Selection, listed: Sequence[Any]) -> set[str]:
    """
    Return the ids of those listed entries that are selected.
    """
    videos = (entry_of(account, entry) for entry in listed if mapping.is_video(entry))
    return {entry.id for entry in videos if is_selected(entry, selection)}


def _first(listed: Sequence[Any], selected: Collection[str], limit: int) -> tuple[Sequence[Any], bool]:
    """
    Return the listed entries up to the last selected one that is wanted, and whether others follow. Pure.
    """
    places = [at for at, entry in enumerate(listed) if str(entry.id) in selected]
    if len(places) <= limit:
        return listed, False
    return listed[: places[limit - 1] + 1], True


def _all_pages(account: KalturaAccount, selection: Selection, place: Position) -> Iterator[partial[Any]]:
    """
    Yield the calls that list a selection, as far as one request can.
    """
    if selection.ids is not None:
        for at in range(0, len(selection.ids), mapping.PAGE):
            asked = filter_of(account, selection, place, selection.ids[at : at + mapping.PAGE])
            yield partial(_list_entries, asked, mapping.PAGE, 1)
        return
    asked = filter_of(account, selection, place)
    for number in range(1, MATCHES_MAX // mapping.PAGE + 1):
        yield partial(_list_entries, asked, mapping.PAGE, number)


def _list_entries(asked: Any, size: int, number: int, library: Any) -> Any:
    from KalturaClient.Plugins.Core import KalturaFilterPager

    return library.media.list(asked, KalturaFilterPager(pageSize=size, pageIndex=number))
