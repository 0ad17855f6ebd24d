"""The originals port in memory."""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from emulator_tests.memory.effect import Effect, undisturbed
from shared.core.errors import BadRequest, Permanent, Transient
from shared.ports import (
    LISTED_MAX,
    Clock,
    Digest,
    Entry,
    EntryPage,
    Flavor,
    MediaState,
    Replacing,
    Selection,
    Source,
)

RENDITIONS: Final = ("small", "large")
"""The renditions that the in-memory provider makes of content, by default."""


@dataclass(slots=True)
class _Kept:
    """
    An entry with its bytes.

    Attributes:
        entry: The entry.
        contents: The bytes of each flavor, by its id.
        renditions: The id of the flavor that has each rendition.
        categories: The full names of its categories.
        picture: The thumbnail that was set.
        new: Returns the new content of a replacement, `None` if it cannot be fetched; itself `None` if there is none.
    """

    entry: Entry
    contents: dict[str, bytes]
    renditions: dict[str, str]
    categories: frozenset[str]
    picture: bytes | None = None
    new: Callable[[], bytes | None] | None = field(default=None)


class MemoryOriginals:
    """
    The originals port in memory. As at Kaltura, a replaced original keeps its flavor id and gets another version, and
    so does a rendition that the new content has too. A replacement that has failed stays until it is cancelled.

    Args:
        clock: Now.
        effect: Wraps every call of the port.
        name: The provider's name.
        files: What can be downloaded, by its address. The addresses that `source` returns are added, and what
            `replace_from` fetches is taken from here when the replacement completes.
        categories: The full name of each category, such as `Lessons>Physics`, by its id.
        completes_at_once: Whether a replacement completes with the call that begins it. Otherwise a test completes it
            (`finish`, `fail`).
        sizes_are_exact: Whether the exact size of files is reported.
        renditions: The renditions that are made of new content.
    """

    def __init__(
        self,
        clock: Clock,
        effect: Effect = undisturbed,
        *,
        name: str = "memory",
        files: MutableMapping[str, bytes] | None = None,
        categories: Mapping[str, str] | None = None,
        completes_at_once: bool = False,
        sizes_are_exact: bool = True,
        renditions: Sequence[str] = RENDITIONS,
    ) -> None:
        self.name = name
        self.files: MutableMapping[str, bytes] = {} if files is None else files
        self._clock = clock
        self._effect = effect
        self._categories = dict(categories or {})
        self._completes_at_once = completes_at_once
        self._sizes_are_exact = sizes_are_exact
        self._renditions = tuple(renditions)
        self._lock = threading.RLock()
        self._kept: dict[str, _Kept] = {}
        self._numbers = itertools.count(1)

    # --- what a test does and sees ------------------------------------------------------------------------------------

    def add(
        self,
        content: bytes,
        *,
        entry_id: str | None = None,
        title: str = "Lesson",
        reference: str | None = None,
        state: MediaState = MediaState.READY,
        tags: Iterable[str] = (),
        categories: Iterable[str] = (),
        created_at: datetime | None = None,
        last_played_at: datetime | None = None,
        plays: int = 0,
        duration_s: float | None = 60.0,
    ) -> Entry:
        """
        Add an entry with an original and its renditions, and return it.
        """
        with self._lock:
            entry = Entry(
                id=entry_id or f"0_original{next(self._numbers)}",
                name=title,
                reference=reference,
                state=state,
                tags=frozenset(tags),
                created_at=created_at or self._clock(),
                last_played_at=last_played_at,
                plays=plays,
                duration_s=duration_s,
                original=None,
            )
            kept = _Kept(entry, {}, {}, frozenset(categories))
            self._kept[entry.id] = kept
            self._take(kept, content)
            return kept.entry

    def alive(self) -> tuple[Entry, ...]:
        """
        Return every entry, in the order in which they were added.
        """
        with self._lock:
            return tuple(kept.entry for kept in self._kept.values())

    def content(self, entry_id: str, flavor_id: str | None = None) -> bytes | None:
        """
        Return the bytes of a flavor, of the original by default; `None` if there is no such file.
        """
        with self._lock:
            kept = self._kept.get(entry_id)
            if kept is None:
                return None
            original = kept.entry.original
            return kept.contents.get(flavor_id or (original.id if original else ""))

    def picture(self, entry_id: str) -> bytes | None:
        """
        Return the thumbnail that was set for the content of an entry.
        """
        with self._lock:
            return self._kept[entry_id].picture

    def play(self, entry_id: str) -> None:
        """
        Play an entry now.
        """
        with self._lock:
            entry = self._kept[entry_id].entry
            self._kept[entry_id].entry = replace(entry, plays=entry.plays + 1, last_played_at=self._clock())

    def upload(self, entry_id: str, content: bytes) -> None:
        """
        Replace the content of an entry, as a user of the provider's console does, and complete it at once.

        Raises:
            Permanent: The entry is being replaced (never).
        """
        with self._lock:
            self._begin(entry_id, "upload", lambda: content)
            self.finish(entry_id)

    def vanish(self, part_id: str) -> None:
        """
        Delete an entry, as if from outside this project.
        """
        with self._lock:
            kept = self._kept.pop(part_id, None)
            if kept is not None:
                for flavor_id in list(kept.contents):
                    self._drop(kept, flavor_id)

    def label(self, entry_id: str, add: Collection[str] = (), remove: Collection[str] = ()) -> None:
        """
        Change the tags of an entry, as if from outside this project.
        """
        with self._lock:
            kept = self._kept[entry_id]
            kept.entry = replace(kept.entry, tags=(kept.entry.tags - frozenset(remove)) | frozenset(add))

    def show(self, entry_id: str, state: MediaState) -> None:
        """
        Set the state of an entry.
        """
        with self._lock:
            self._kept[entry_id].entry = replace(self._kept[entry_id].entry, state=state)

    def finish(self, entry_id: str) -> None:
        """
        Complete the replacement that is under way; it fails if its content cannot be fetched. Does nothing if there is
        none.
        """
        with self._lock:
            kept = self._kept.get(entry_id)
            if kept is None or kept.new is None or kept.entry.replacing is not Replacing.UNDER_WAY:
                return
            content = kept.new()
            if content is None:
                self.fail(entry_id)
                return
            kept.new = None
            self._take(kept, content)
            kept.entry = replace(kept.entry, state=MediaState.READY, replacing=Replacing.NO)

    def fail(self, entry_id: str) -> None:
        """
        Let the replacement that is under way fail. Does nothing if there is none.
        """
        with self._lock:
            kept = self._kept.get(entry_id)
            if kept is not None and kept.entry.replacing is Replacing.UNDER_WAY:
                kept.entry = replace(kept.entry, replacing=Replacing.FAILED)

    # --- the port -----------------------------------------------------------------------------------------------------

    def page(self, selection: Selection, after: str = "", limit: int = LISTED_MAX) -> EntryPage:
        def do() -> EntryPage:
            found = [entry for entry in self._selected(selection) if _place(entry) > after]
            page = tuple(found[:limit])
            return EntryPage(page, _place(page[-1]) if len(found) > len(page) else None)

        return self._effect("page", do)

    def count(self, selection: Selection) -> int:
        return self._effect("count", lambda: len(self._selected(selection)))

    def read(self, entry_ids: Sequence[str]) -> Sequence[Entry | None]:
        def do() -> Sequence[Entry | None]:
            with self._lock:
                found = (self._kept.get(entry_id) for entry_id in entry_ids)
                return [None if kept is None else kept.entry for kept in found]

        return self._effect("read", do)

    def source(self, entry_id: str, flavor: Flavor, lifetime_s: int) -> Source:
        def do() -> Source:
            with self._lock:
                kept, url = self._found(entry_id, "source"), self._url(entry_id, flavor.id)
                self.files[url] = self._readable(kept, flavor, "source")
                return Source(url)

        return self._effect("source", do)

    def digest(self, entry_id: str, flavor: Flavor) -> Digest:
        def do() -> Digest:
            with self._lock:
                content = self._readable(self._found(entry_id, "digest"), flavor, "digest")
                return Digest(hashlib.sha256(content).hexdigest(), len(content))

        return self._effect("digest", do)

    def change_tags(self, entry_id: str, add: Collection[str] = (), remove: Collection[str] = ()) -> frozenset[str]:
        def do() -> frozenset[str]:
            added, removed = {_tag(tag) for tag in add}, {_tag(tag) for tag in remove}
            with self._lock:
                self._found(entry_id, "change_tags")
                self.label(entry_id, added, removed - added)
                return self._kept[entry_id].entry.tags

        return self._effect("change_tags", do)

    def replace(self, entry_id: str, content: bytes, file_name: str) -> None:
        def do() -> None:
            self._begin(entry_id, "replace", lambda: content)

        self._effect("replace", do)

    def replace_from(self, entry_id: str, source: str) -> None:
        def do() -> None:
            self._begin(entry_id, "replace_from", lambda: self.files.get(source))

        self._effect("replace_from", do)

    def cancel_replacement(self, entry_id: str) -> None:
        def do() -> None:
            with self._lock:
                kept = self._found(entry_id, "cancel_replacement")
                kept.new = None
                kept.entry = replace(kept.entry, replacing=Replacing.NO)

        self._effect("cancel_replacement", do)

    def set_thumbnail(self, entry_id: str, picture: bytes) -> None:
        def do() -> None:
            with self._lock:
                self._found(entry_id, "set_thumbnail").picture = picture

        self._effect("set_thumbnail", do)

    def delete_flavors(self, entry_id: str, flavors: Sequence[Flavor]) -> None:
        def do() -> None:
            with self._lock:
                kept = self._kept.get(entry_id)
                if kept is None:
                    return
                versions = {flavor.id: flavor.version for flavor in flavors}
                for flavor in _files_of(kept.entry):
                    if versions.get(flavor.id) == flavor.version:
                        self._drop(kept, flavor.id)

        self._effect("delete_flavors", do)

    # --- entries ------------------------------------------------------------------------------------------------------

    def _begin(self, entry_id: str, operation: str, new: Callable[[], bytes | None]) -> None:
        with self._lock:
            kept = self._found(entry_id, operation)
            if kept.entry.replacing is not Replacing.NO:
                raise self._refused(
                    "The content of this entry is being replaced already. Wait, or cancel that first.",
                    operation,
                    "ENTRY_REPLACEMENT_ALREADY_EXISTS",
                )
            kept.new = new
            kept.entry = replace(kept.entry, replacing=Replacing.UNDER_WAY)
            if self._completes_at_once:
                self.finish(entry_id)

    def _take(self, kept: _Kept, content: bytes) -> None:
        """
        Give an entry content, and the flavors that are made of it.
        """
        before = {flavor.id: flavor for flavor in _files_of(kept.entry)}
        gone = set(before)
        original = self._flavor(kept, kept.entry.original, content)
        made = []
        renditions: dict[str, str] = {}
        for rendition in self._renditions:
            same = before.get(kept.renditions.get(rendition, ""))
            flavor = self._flavor(kept, same, f"{rendition} of {hashlib.sha256(content).hexdigest()}".encode())
            renditions[rendition] = flavor.id
            made.append(flavor)
        for flavor_id in gone - {original.id, *renditions.values()}:
            self._drop(kept, flavor_id)
        kept.renditions, kept.picture = renditions, None
        kept.entry = replace(kept.entry, original=original, flavors=tuple(made))

    def _flavor(self, kept: _Kept, before: Flavor | None, content: bytes) -> Flavor:
        """
        Return a flavor with new content. One that exists keeps its id and grows in version.
        """
        size_bytes = len(content) if self._sizes_are_exact else None
        size_kb = math.ceil(len(content) / 1024)
        if before is None:
            flavor = Flavor(f"0_flavor{next(self._numbers)}", "1", size_bytes, size_kb, is_ready=True, extension="mp4")
        else:
            flavor = replace(before, version=str(int(before.version) + 1), size_bytes=size_bytes, size_kb=size_kb)
        kept.contents[flavor.id] = content
        url = self._url(kept.entry.id, flavor.id)
        if url in self.files:
            self.files[url] = content
        return flavor

    def _drop(self, kept: _Kept, flavor_id: str) -> None:
        del kept.contents[flavor_id]
        self.files.pop(self._url(kept.entry.id, flavor_id), None)
        original = kept.entry.original
        kept.entry = replace(
            kept.entry,
            original=None if original is not None and original.id == flavor_id else original,
            flavors=tuple(flavor for flavor in kept.entry.flavors if flavor.id != flavor_id),
        )

    def _found(self, entry_id: str, operation: str) -> _Kept:
        kept = self._kept.get(entry_id)
        if kept is None:
            raise self._refused("There is no such entry.", operation, "ENTRY_ID_NOT_FOUND")
        return kept

    def _readable(self, kept: _Kept, flavor: Flavor, operation: str) -> bytes:
        now = next((one for one in _files_of(kept.entry) if one.id == flavor.id), None)
        if now is None:
            raise self._refused("There is no such file.", operation, "FLAVOR_ASSET_ID_NOT_FOUND")
        if now.version != flavor.version:
            raise Transient(
                "The file was replaced. Read the entry again.",
                provider=self.name,
                operation=operation,
                code="OTHER_VERSION",
            )
        if not now.is_ready:
            raise Transient(
                "The file is being made.", provider=self.name, operation=operation, code="FLAVOR_ASSET_IS_NOT_READY"
            )
        return kept.contents[flavor.id]

    def _refused(self, sentence: str, operation: str, code: str) -> Permanent:
        return Permanent(sentence, provider=self.name, operation=operation, code=code)

    def _url(self, entry_id: str, flavor_id: str) -> str:
        return f"memory://originals/{self.name}/{entry_id}/{flavor_id}"

    # --- select -------------------------------------------------------------------------------------------------------

    def _selected(self, selection: Selection) -> list[Entry]:
        selection = replace(
            selection,
            tag=None if selection.tag is None else _tag(selection.tag),
            without_tag=None if selection.without_tag is None else _tag(selection.without_tag),
        )
        category = None if selection.category is None else self._category(selection.category)
        with self._lock:
            found = [
                kept.entry
                for kept in self._kept.values()
                if (category is None or any(_is_in(one, category) for one in kept.categories))
                and _is_selected(kept.entry, selection)
            ]
        return sorted(found, key=_place)

    def _category(self, asked: str) -> str:
        if asked in self._categories:
            return self._categories[asked]
        if asked in self._categories.values():
            return asked
        raise BadRequest(f"There is no category {asked}. Name it by its id or its full name.", reason="OPTION_INVALID")


def _place(entry: Entry) -> str:
    """
    Return the place of an entry in lists: the oldest is first.
    """
    return f"{entry.created_at.timestamp():020.6f} {entry.id}"


def _files_of(entry: Entry) -> tuple[Flavor, ...]:
    return entry.flavors if entry.original is None else (entry.original, *entry.flavors)


def _is_in(category: str, ancestor: str) -> bool:
    return category == ancestor or category.startswith(f"{ancestor}>")


def _tag(text: str) -> str:
    """
    Return a tag as it is kept.

    Raises:
        BadRequest: It cannot be one tag (never).
    """
    tag = text.strip().lower()
    if "," in tag or not 2 <= len(tag.encode()) <= 100:
        raise BadRequest("A tag must have 2 to 100 bytes and no comma.", reason="OPTION_INVALID")
    return tag


def _is_selected(entry: Entry, selection: Selection) -> bool:
    played_at, created_at = entry.last_played_at, entry.created_at
    return (
        (selection.ids is None or entry.id in selection.ids)
        and (selection.tag is None or selection.tag in entry.tags)
        and (selection.without_tag is None or selection.without_tag not in entry.tags)
        and (selection.unplayed_since is None or (played_at or created_at) < selection.unplayed_since)
        and (selection.is_unplayed is None or selection.is_unplayed == (played_at is None))
        and (selection.played_since is None or (played_at is not None and played_at >= selection.played_since))
        and (selection.created_since is None or created_at >= selection.created_since)
        and (selection.created_before is None or created_at < selection.created_before)
        and (selection.ready is None or selection.ready == (entry.state is MediaState.READY))
        and (not selection.is_ours or entry.reference is not None)
    )
