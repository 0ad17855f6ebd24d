"""The original files of videos at Kaltura: listed, read, tagged and replaced.

Called by the archive, through `ports.Originals`. Kaltura's writes have no condition, so each is followed by a look at
what became of it, here (tags) or by the caller (replacements). No write is repeated here after an answer was lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx

from shared.core.errors import Doubtful, Misconfigured, Permanent, ProviderError, Transient
from shared.ports import LISTED_MAX, Digest, Entry, EntryPage, Flavor, Selection, Source
from shared.providers.addresses import may_follow, read_whole
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.entries import OF_ENTRIES, ask_files, entries_of, files_of
from shared.providers.kaltura.listing import count_of, page_of
from shared.providers.kaltura.mapping import NAME
from shared.providers.kaltura.refusals import raise_unless_gone
from shared.providers.kaltura.sending import send_file
from shared.providers.kaltura.signing import Privilege, Word
from shared.providers.kaltura.tagging import change_tags

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

ADDRESS_PATH: Final = "/api_v3/service/flavorasset/action/getUrl"
"""As the library spells it, because the restriction of a KS compares letter by letter."""

DIGEST_LIFETIME_S: Final = 3600

SLOWEST_BYTES_S: Final = 512 * 1024
"""A file that comes more slowly is given up."""

ROUNDED_MOST: Final = 1.04
"""The most that a file can be larger than Kaltura's rounded size, with a margin."""

LEAST_DIGEST_S: Final = 60.0

UPLOAD: Final = "uploadtoken.upload"
SET_THUMBNAIL: Final = "media.updateThumbnailJpeg"

_VERSION: Final = re.compile(r"/v/([0-9]+)/")

_SENTENCES: Final = {
    "FEATURE_FORBIDDEN": "This Kaltura account cannot replace the content of an entry. Ask Kaltura to add the feature "
    "FEATURE_ENTRY_REPLACEMENT to it.",
    "ENTRY_REPLACEMENT_ALREADY_EXISTS": "The content of this entry is being replaced already. Wait until that is over, "
    "or cancel it first.",
}
"""What operators can do about a refusal, by Kaltura's code."""


@dataclass(frozen=True, slots=True)
class KalturaOriginals:
    """
    Fills `ports.Originals`.

    Attributes:
        account: The account.
        delivery_domains: Further domains from which its files may come.
    """

    account: KalturaAccount
    delivery_domains: tuple[str, ...] = ()
    name: str = NAME

    # --- read ---------------------------------------------------------------------------------------------------------

    def page(self, selection: Selection, after: str = "", limit: int = LISTED_MAX) -> EntryPage:
        """
        See `ports.Originals`. Another call finds a category, and another one the state of replacements that are under
        way. Of more than a page of ids, only those of one page are in the order of their age.
        """
        return page_of(self.account, selection, after, limit)

    def count(self, selection: Selection) -> int:
        """
        See `ports.Originals`. Another call finds a category.
        """
        return count_of(self.account, selection)

    def read(self, entry_ids: Sequence[str]) -> Sequence[Entry | None]:
        """
        See `ports.Originals`. What is not a video counts as not existing. Another call finds the state of replacements
        that are under way.
        """
        ids = list(dict.fromkeys(entry_id for entry_id in entry_ids if mapping.can_be_entry(entry_id)))
        if not ids:
            return [None for _ in entry_ids]
        multi = self.account.client.multi(self.account.admin_ks())
        entries = multi.ask(lambda c: c.baseEntry.getByIds(",".join(ids)), fields=OF_ENTRIES, many=True)
        parts = ask_files(multi, ids)
        multi.send()
        videos = [entry for entry in entries.answer() if mapping.is_video(entry)]
        found = {entry.id: entry for entry in entries_of(self.account, videos, files_of(self.account, ids, parts))}
        return [found.get(entry_id) for entry_id in entry_ids]

    def source(self, entry_id: str, flavor: Flavor, lifetime_s: int) -> Source:
        """
        See `ports.Originals`. Kaltura makes the address, and the account determines how long it lasts. The KS that asks
        for it can do nothing else.
        """
        confined = Privilege(Word.URI_RESTRICT, ADDRESS_PATH)
        ks = self.account.admin_ks(confined)
        try:
            url = str(self.account.client.call(ks, lambda c: c.flavorAsset.getUrl(flavor.id)))
        except Permanent as error:
            if error.code == "FLAVOR_ASSET_IS_NOT_READY":
                raise _transient("The file is being made. Try again later.", error.operation, error.code) from None
            raise
        return Source(self._checked(url, flavor))

    def digest(self, entry_id: str, flavor: Flavor) -> Digest:
        """
        See `ports.Originals`.
        """
        source = self.source(entry_id, flavor, DIGEST_LIFETIME_S)
        sha256, received = hashlib.sha256(), 0
        most = flavor.size_bytes or int(flavor.size_kb * 1024 * ROUNDED_MOST) + 1024
        with closing(read_whole(source, max(LEAST_DIGEST_S, most / SLOWEST_BYTES_S), self.delivery_domains)) as parts:
            for part in parts:
                sha256.update(part)
                received += len(part)
                if received > most:
                    break
        if received > most or received != (flavor.size_bytes or received):
            sentence = "The file has another size than Kaltura says. Read the entry again."
            raise _transient(sentence, "source", "OTHER_SIZE")
        return Digest(sha256.hexdigest(), received)

    # --- write --------------------------------------------------------------------------------------------------------

    def change_tags(self, entry_id: str, add: Collection[str] = (), remove: Collection[str] = ()) -> frozenset[str]:
        """
        See `ports.Originals`. A tag that somebody else writes within the same milliseconds can be lost.
        """
        return change_tags(self.account, entry_id, add, remove)

    def replace(self, entry_id: str, content: bytes, file_name: str) -> None:
        """
        See `ports.Originals`. Deletes the token once its file was taken or refused, because Kaltura keeps used ones.
        """
        from KalturaClient.Plugins.Core import KalturaUploadedFileTokenResource, KalturaUploadToken

        ks, client, name = self.account.admin_ks(), self.account.client, mapping.file_name_of(file_name)
        new = KalturaUploadToken(fileName=name, fileSize=len(content))
        token_id = str(client.call(ks, lambda c: c.uploadToken.add(new)).id)
        try:
            send_file(self.account, UPLOAD, {"uploadTokenId": token_id}, name, content, "application/octet-stream")
            self._replace(entry_id, KalturaUploadedFileTokenResource(token=token_id))
        except Doubtful:
            # Kaltura may be reading the file.
            raise
        except ProviderError:
            self._discard(token_id)
            raise
        self._discard(token_id)

    def replace_from(self, entry_id: str, source: str) -> None:
        """
        See `ports.Originals`.
        """
        from KalturaClient.Plugins.Core import KalturaUrlResource

        self._replace(entry_id, KalturaUrlResource(url=source))

    def cancel_replacement(self, entry_id: str) -> None:
        """
        See `ports.Originals`.
        """
        self.account.client.call(self.account.admin_ks(), lambda c: c.media.cancelReplace(entry_id))

    def set_thumbnail(self, entry_id: str, picture: bytes) -> None:
        """
        See `ports.Originals`.
        """
        send_file(self.account, SET_THUMBNAIL, {"entryId": entry_id}, "thumbnail.jpg", picture, "image/jpeg")

    def delete_flavors(self, entry_id: str, flavors: Sequence[Flavor]) -> None:
        """
        See `ports.Originals`. Kaltura deletes without a condition, so the versions are read directly before.
        """
        if not flavors:
            return
        (asked,) = self._ask(lambda multi: ask_files(multi, [entry_id]))
        there = {str(flavor.id): str(flavor.version) for flavor in asked.answer().objects}
        doomed = [flavor.id for flavor in flavors if there.get(flavor.id) == flavor.version]
        if doomed:
            for answer in self._ask(lambda multi: [multi.ask(partial(_delete_flavor, one)) for one in doomed]):
                raise_unless_gone(answer)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _ask(self, ask: Callable[[Multi], list[Asked]]) -> list[Asked]:
        """
        Send several calls in one request.
        """
        multi = self.account.client.multi(self.account.admin_ks())
        answers = ask(multi)
        multi.send()
        return answers

    def _replace(self, entry_id: str, resource: Any) -> None:
        ks = self.account.admin_ks()
        try:
            self.account.client.call(ks, lambda c: c.media.updateContent(entry_id, resource), fields=("id",))
        except Permanent as error:
            sentence = _SENTENCES.get(error.code)
            if sentence is None:
                raise
            raise Permanent(sentence, provider=NAME, operation=error.operation, code=error.code) from None

    def _discard(self, token_id: str) -> None:
        """
        Delete an upload token. One that stays does no harm: its file was moved to the entry, or never used.
        """
        with suppress(ProviderError):
            self.account.client.call(self.account.admin_ks(), lambda c: c.uploadToken.delete(token_id))

    def _checked(self, address: str, flavor: Flavor) -> str:
        """
        Return the address of a flavor.

        Raises:
            Misconfigured: It is at a server that was not named (a setting is missing).
            Transient: It is the address of another version (again, once the entry was read).
        """
        own, url = httpx.URL(self.account.url), httpx.URL(address)
        if own.scheme == "https" and url.scheme == "http" and url.port is None:
            url = url.copy_with(scheme="https")
        if not may_follow(own, own, url, self.delivery_domains):
            raise Misconfigured(
                f"Kaltura serves this file from {url.host}. Add that to DELIVERY_DOMAINS if it is right."
            )
        version = _VERSION.search(url.path)
        if version is not None and version[1] != flavor.version:
            raise _transient("The file was replaced. Read the entry again.", "flavorAsset.getUrl", "OTHER_VERSION")
        return str(url)


def _transient(sentence: str, operation: str, code: str) -> Transient:
    return Transient(sentence, provider=NAME, operation=operation, code=code)


def _delete_flavor(flavor_id: str, library: Any) -> Any:
    return library.flavorAsset.delete(flavor_id)
