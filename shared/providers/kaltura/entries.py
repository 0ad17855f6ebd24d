"""Read entries at Kaltura with their files, several of both in one request.

Called by `originals.py`. The meaning of Kaltura's statuses is left to `mapping.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.ports import Entry, Flavor, MediaState, Replacing
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

OF_ENTRIES: Final = (
    "id",
    "name",
    "referenceId",
    "status",
    "moderationStatus",
    "mediaType",
    "displayInSearch",
    "tags",
    "adminTags",
    "createdAt",
    "lastPlayedAt",
    "plays",
    "msDuration",
    "duration",
    "replacementStatus",
    "replacingEntryId",
)
"""The fields of entries that are read."""

OF_FLAVORS: Final = ("id", "entryId", "status", "version", "size", "sizeInBytes", "isOriginal", "fileExt")
"""The fields of flavors that are read."""

_FLAVORS_EACH: Final = 10
"""Flavors that an entry has, as a rule at most. An entry with more costs another request."""

_ASKED_AT_ONCE: Final = mapping.PAGE // _FLAVORS_EACH

Files = dict[str, list[Any]]
"""The flavors of entries, by the ids of the entries."""


def ask_files_of_list(multi: Multi, entries: Asked, listed_max: int) -> list[Asked]:
    """
    Ask for the flavors of the entries that an earlier call of the same request lists, up to `listed_max` of them.
    """
    ids = entries.result("objects", "_all", "id")
    pages = -(-listed_max * _FLAVORS_EACH // mapping.PAGE)
    return [multi.ask(partial(_list_flavors, ids, page), fields=OF_FLAVORS) for page in range(1, pages + 1)]


def ask_files(multi: Multi, entry_ids: Sequence[str]) -> list[Asked]:
    """
    Ask for the flavors of entries.
    """
    parts = [entry_ids[at : at + _ASKED_AT_ONCE] for at in range(0, len(entry_ids), _ASKED_AT_ONCE)]
    return [multi.ask(partial(_list_flavors, ",".join(part), 1), fields=OF_FLAVORS) for part in parts]


def files_of_list(account: KalturaAccount, entry_ids: Sequence[str], pages: Sequence[Asked]) -> Files:
    """
    Return what `ask_files_of_list` has asked for. Entries of one second have no certain order at Kaltura, so its pages
    may repeat a flavor and leave out another one. Then all are read in parts that have one page each.

    Raises:
        Transient, Doubtful, Permanent: They could not be read.
    """
    flavors = {str(flavor.id): flavor for page in pages for flavor in page.answer().objects}
    if len(flavors) >= int(pages[0].answer().totalCount):
        return _by_entry(flavors.values())
    multi = account.client.multi(account.admin_ks())
    parts = ask_files(multi, entry_ids)
    multi.send()
    return files_of(account, entry_ids, parts)


def files_of(account: KalturaAccount, entry_ids: Sequence[str], parts: Sequence[Asked]) -> Files:
    """
    Return what `ask_files` has asked for. Entries with unusually many flavors cost more requests.

    Raises:
        Transient, Doubtful, Permanent: They could not be read.
    """
    flavors: dict[str, Any] = {}
    for number, part in enumerate(parts):
        answer = part.answer()
        flavors |= {str(flavor.id): flavor for flavor in answer.objects}
        if int(answer.totalCount) > len(answer.objects):
            for entry_id in entry_ids[number * _ASKED_AT_ONCE : (number + 1) * _ASKED_AT_ONCE]:
                alone = partial(_list_flavors, entry_id, 1)
                whole = account.client.call(account.admin_ks(), alone, fields=OF_FLAVORS)
                flavors |= {str(flavor.id): flavor for flavor in whole.objects}
    return _by_entry(flavors.values())


def entries_of(account: KalturaAccount, listed: Sequence[Any], files: Files) -> list[Entry]:
    """
    Return entries of the library, with their files, as ours.

    Raises:
        Transient, Doubtful, Permanent: The state of a replacement could not be read.
    """
    replaced = [entry for entry in listed if mapping.replacing(entry) is Replacing.UNDER_WAY]
    failed = _failed(account, replaced) if replaced else set()
    return [entry_of(account, entry, files.get(str(entry.id), ()), failed) for entry in listed]


def _failed(account: KalturaAccount, replaced: Sequence[Any]) -> Collection[str]:
    """
    Return the ids of the entries whose new content could not be fetched: Kaltura notes that in the entry of the new
    content alone. Source: kaltura/server, kFlowManager::objectChanged, which looks for READY and ERROR_CONVERTING.
    """
    new = ",".join(str(entry.replacingEntryId) for entry in replaced)
    multi = account.client.multi(account.admin_ks())
    asked = multi.ask(lambda c: c.baseEntry.getByIds(new), fields=("id", "status"), many=True)
    multi.send()
    states = {str(entry.id): mapping.media_state(mapping.status_of(entry)) for entry in asked.answer()}
    # The entry of new content that is gone may have just become the content: that is not a failure.
    return {str(entry.id) for entry in replaced if states.get(str(entry.replacingEntryId)) is MediaState.ERROR}


def entry_of(account: KalturaAccount, entry: Any, flavors: Sequence[Any] = (), failed: Collection[str] = ()) -> Entry:
    """
    Return an entry of the library as ours.

    Args:
        account: The account.
        entry: The entry.
        flavors: Its files.
        failed: The ids of entries whose replacement has failed.
    """
    state = mapping.media_state(mapping.status_of(entry))
    if mapping.is_rejected(entry) and state is not MediaState.ERROR:
        state = MediaState.REJECTED
    entry_id = str(entry.id)
    files = [(flavor.isOriginal is True, _flavor(flavor)) for flavor in flavors]
    played_at = _number(entry.lastPlayedAt)
    reference = account.ours(entry.referenceId)
    return Entry(
        id=entry_id,
        name=mapping.as_typed(entry.name) if isinstance(entry.name, str) else "",
        reference=reference,
        state=state,
        tags=frozenset(filter(None, mapping.tags_of(entry))),
        created_at=datetime.fromtimestamp(entry.createdAt, UTC),
        last_played_at=datetime.fromtimestamp(played_at, UTC) if played_at else None,
        plays=int(_number(entry.plays)),
        duration_s=_number(entry.msDuration) / 1000 or _number(entry.duration) or None,
        original=next((file for is_original, file in reversed(files) if is_original), None),
        flavors=tuple(file for is_original, file in files if not is_original),
        replacing=Replacing.FAILED if entry_id in failed else mapping.replacing(entry),
        is_stray=reference is None and mapping.is_tagged(entry),
    )


def _flavor(flavor: Any) -> Flavor:
    return Flavor(
        id=str(flavor.id),
        version=str(flavor.version),
        size_bytes=int(_number(flavor.sizeInBytes)) or None,
        size_kb=int(_number(flavor.size)),
        is_ready=mapping.status_of(flavor) == mapping.FLAVOR_READY,
        extension=flavor.fileExt if isinstance(flavor.fileExt, str) else "",
    )


def _by_entry(flavors: Collection[Any]) -> Files:
    files: Files = {}
    for flavor in flavors:
        if mapping.status_of(flavor) not in mapping.FLAVOR_NOT_COUNTED:
            files.setdefault(str(flavor.entryId), []).append(flavor)
    return files


def _list_flavors(entry_ids: str, page: int, library: Any) -> Any:
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaFlavorAssetFilter

    asked = KalturaFlavorAssetFilter(entryIdIn=entry_ids, orderBy="+createdAt")
    return library.flavorAsset.list(asked, KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=page))


def _number(value: Any) -> float:
    """
    Return a number of the library's objects, 0 if the answer had none.
    """
    return float(value) if isinstance(value, int | float) else 0.0
