"""Accounts with originals, for the suite of their port: in memory, and Kaltura as its simulator serves it."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol, TypeVar

from KalturaClient.Plugins.Core import (
    KalturaFlavorAsset,
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)

from emulator_tests.contract.accounts import Film, KalturaServer, KalturaTestAccount
from emulator_tests.memory import MemoryOriginals
from emulator_tests.simulators.tests.files import Files
from shared.ports import Entry, Flavor, Originals, Replacing, Selection
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.originals import KalturaOriginals

T = TypeVar("T")

WITHIN_S: Final = 20.0
CATEGORIES: Final = ("Lessons", "Lessons>Physics", "Lessons>Physics>Waves", "Lessons old")
FLAVORS_EACH: Final = 4


class OriginalsTestAccount(Protocol):
    """
    An account, and a back door to it.
    """

    @property
    def originals(self) -> Originals:
        """
        The port under test.
        """
        ...

    def clock(self) -> datetime:
        """
        Return the current time, for us and for the provider.
        """
        ...

    def film(self, number: int) -> bytes:
        """
        Return a video; another number is other content.
        """
        ...

    def add(
        self,
        number: int = 0,
        *,
        tags: str = "",
        category: str = "",
        is_ours: bool = False,
        created_at: datetime | None = None,
        played_at: datetime | None = None,
    ) -> str:
        """
        Add a ready entry, and return its id.
        """
        ...

    def add_many(self, count: int, tags: Callable[[int], str]) -> None:
        """
        Add entries without bytes, with tags by their number.
        """
        ...

    def category_id(self, full_name: str) -> str:
        """
        Return the id of a category.
        """
        ...

    def content(self, entry_id: str) -> bytes:
        """
        Return the bytes of the original.
        """
        ...

    def address_of(self, content: bytes) -> str:
        """
        Return an address from which the provider can fetch this.
        """
        ...

    def finish(self, entry_id: str) -> None:
        """
        Let the replacement that is under way end well.
        """
        ...

    def fail(self, entry_id: str) -> None:
        """
        Let the conversion of the new content fail.
        """
        ...

    def renew(self, entry_id: str, content: bytes) -> None:
        """
        Replace the content as a user in the provider's console does.
        """
        ...

    def label(self, entry_id: str, tags: str) -> None:
        """
        Set all tags of an entry, as a user in the provider's console does.
        """
        ...

    def meanwhile(self, do: Callable[[], None]) -> None:
        """
        Let something happen within the next call of the port, between what it reads and what it writes.
        """
        ...

    def delete(self, entry_id: str) -> None:
        """
        Delete an entry, as a user in the provider's console does.
        """
        ...

    def picture(self, entry_id: str) -> bytes:
        """
        Return the thumbnail that viewers see.
        """
        ...

    def calls(self) -> int:
        """
        Return the number of calls to the provider so far.
        """
        ...


def the_entry(account: OriginalsTestAccount, entry_id: str) -> Entry:
    """
    Read an entry that exists.
    """
    (entry,) = account.originals.read([entry_id])
    assert entry is not None
    return entry


def original_of(entry: Entry) -> Flavor:
    """
    Return the original of an entry that has one.
    """
    assert entry.original is not None
    return entry.original


def await_replacing(account: OriginalsTestAccount, entry_id: str, state: Replacing) -> Entry:
    """
    Read an entry until its replacement has a state.
    """
    ends_at = monotonic() + WITHIN_S
    while (entry := the_entry(account, entry_id)).replacing is not state:
        assert monotonic() < ends_at, entry
        threading.Event().wait(0.02)
    return entry


# --- in memory ----------------------------------------------------------------------------------------------------


class MemoryOriginalsTestAccount:
    """
    The account in memory.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._calls = 0
        self._meanwhile: Callable[[], None] | None = None
        self.originals = MemoryOriginals(clock, self._effect, categories=dict(zip("1234", CATEGORIES, strict=True)))

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        self._calls += 1
        if operation == "change_tags" and self._meanwhile is not None:
            happens, self._meanwhile = self._meanwhile, None
            happens()
        return do()

    def film(self, number: int) -> bytes:
        """
        Return bytes that differ by number.
        """
        return f"video {number} ".encode() * 1000

    def add(
        self,
        number: int = 0,
        *,
        tags: str = "",
        category: str = "",
        is_ours: bool = False,
        created_at: datetime | None = None,
        played_at: datetime | None = None,
    ) -> str:
        """
        See `OriginalsTestAccount`.
        """
        entry = self.originals.add(
            self.film(number),
            reference="video:v1:1" if is_ours else None,
            tags=_split(tags),
            categories=[category] if category else [],
            created_at=created_at,
            last_played_at=played_at,
            plays=0 if played_at is None else 1,
        )
        return entry.id

    def add_many(self, count: int, tags: Callable[[int], str]) -> None:
        """
        See `OriginalsTestAccount`.
        """
        for number in range(count):
            self.add(number, tags=tags(number))

    def category_id(self, full_name: str) -> str:
        """
        Return its number.
        """
        return str(CATEGORIES.index(full_name) + 1)

    def content(self, entry_id: str) -> bytes:
        """
        See `OriginalsTestAccount`.
        """
        return self.originals.content(entry_id) or b""

    def address_of(self, content: bytes) -> str:
        """
        Put it among the files.
        """
        address = f"memory://files/{hashlib.sha256(content).hexdigest()}"
        self.originals.files[address] = content
        return address

    def finish(self, entry_id: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self.originals.finish(entry_id)

    def fail(self, entry_id: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self.originals.fail(entry_id)

    def renew(self, entry_id: str, content: bytes) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self.originals.upload(entry_id, content)

    def label(self, entry_id: str, tags: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        now = next(entry.tags for entry in self.originals.alive() if entry.id == entry_id)
        self.originals.label(entry_id, _split(tags), now)

    def meanwhile(self, do: Callable[[], None]) -> None:
        """
        Let it happen before the call: in memory there is no gap within it.
        """
        self._meanwhile = do

    def delete(self, entry_id: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self.originals.vanish(entry_id)

    def picture(self, entry_id: str) -> bytes:
        """
        Return the picture that was set, or one of the content.
        """
        return self.originals.picture(entry_id) or b"a picture of " + self.content(entry_id)

    def calls(self) -> int:
        """
        See `OriginalsTestAccount`.
        """
        return self._calls


# --- Kaltura ------------------------------------------------------------------------------------------------------


class KalturaOriginalsTestAccount(KalturaTestAccount):
    """
    Kaltura, as its simulator serves it.

    Args:
        server: The simulator.
        files: Serves what the simulator fetches.
    """

    def __init__(self, server: KalturaServer, files: Files) -> None:
        super().__init__(server)
        self.server = server
        self._files = files
        self._readings = 0
        self._meanwhile: Callable[[], None] | None = None
        account = self._account
        self.of_originals = KalturaAccount(
            url=account.url,
            partner_id=account.partner_id,
            admin_secret=account.admin_secret,
            namespace=account.namespace,
            upload_role=None,
            documents=account.documents,
            clock=self._clock,
        )
        self.originals = KalturaOriginals(self.of_originals)
        self._film = server.films[Film.VIDEO].read_bytes()

    def close(self) -> None:
        """
        Close the connections.
        """
        self.of_originals.client.close()
        super().close()

    def _clock(self) -> datetime:
        # Each call of ours reads the clock once, to sign its KS. The second one writes.
        self._readings += 1
        if self._meanwhile is not None and self._readings == 2:
            happens, self._meanwhile = self._meanwhile, None
            happens()
        return self.clock()

    def film(self, number: int, padding_bytes: int = 16) -> bytes:
        """
        Return a video that differs by number in a padding box.
        """
        padding = str(number).encode().ljust(padding_bytes, b".")
        return self._film + (len(padding) + 8).to_bytes(4, "big") + b"free" + padding

    def add(
        self,
        number: int = 0,
        *,
        tags: str = "",
        category: str = "",
        is_ours: bool = False,
        created_at: datetime | None = None,
        played_at: datetime | None = None,
        content: bytes | None = None,
    ) -> str:
        """
        See `OriginalsTestAccount`.
        """
        client = self.administrator()
        entry = KalturaMediaEntry(name="Lesson", mediaType=KalturaMediaType(KalturaMediaType.VIDEO), tags=tags)
        if category:
            entry.categories = category
        if is_ours:
            entry.referenceId, entry.adminTags = self._account.theirs("video:v1:1"), self._account.tag
        entry_id = str(client.media.add(entry).id)
        self._convert("at_once")
        client.media.addContent(entry_id, self._uploaded(self.film(number) if content is None else content))
        self._convert("never")
        times: dict[str, int] = {}
        if created_at is not None:
            times["createdAt"] = int(created_at.timestamp())
        if played_at is not None:
            times |= {"lastPlayedAt": int(played_at.timestamp()), "plays": 1}
        if times:
            self.server.control("POST", "change", {"kind": "entries", "id": entry_id, "fields": times})
        return entry_id

    def add_many(self, count: int, tags: Callable[[int], str]) -> None:
        """
        See `OriginalsTestAccount`. Each has several flavors.
        """
        client = self.administrator()
        for first in range(0, count, 100):
            client.startMultiRequest()
            for number in range(first, min(first + 100, count)):
                entry = KalturaMediaEntry(mediaType=KalturaMediaType(KalturaMediaType.VIDEO), tags=tags(number))
                added = client.media.add(entry)
                for params_id in (0, 487041, 487061, 487081):
                    client.flavorAsset.add(added.id, KalturaFlavorAsset(flavorParamsId=params_id))
            client.doMultiRequest()

    def category_id(self, full_name: str) -> str:
        """
        See `OriginalsTestAccount`.
        """
        (found,) = (one for one in self.administrator().category.list().objects if one.fullName == full_name)
        return str(found.id)

    def content(self, entry_id: str) -> bytes:
        """
        See `OriginalsTestAccount`.
        """
        client = self.administrator()
        (source,) = (one for one in client.flavorAsset.getByEntryId(entry_id) if one.isOriginal)
        return self.server.http.get(client.flavorAsset.getUrl(source.id)).content

    def address_of(self, content: bytes) -> str:
        """
        Put it among the files of the server.
        """
        path = f"/{hashlib.sha256(content).hexdigest()}.mp4"
        self._files.contents[path] = content
        return f"{self._files.url}{path}"

    def finish(self, entry_id: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self._end(entry_id, "at_once")

    def fail(self, entry_id: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self._end(entry_id, "failed")

    def _end(self, entry_id: str, result: str) -> None:
        ends_at = monotonic() + WITHIN_S
        new_id = self.administrator().media.get(entry_id).replacingEntryId
        while str(self.administrator().baseEntry.get(new_id).status.getValue()) in ("0", "7"):
            assert monotonic() < ends_at
            threading.Event().wait(0.02)
        self.server.control("POST", "clock", {"ready": result, "entryId": new_id})

    def renew(self, entry_id: str, content: bytes) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self._convert("at_once")
        self.administrator().media.updateContent(entry_id, self._uploaded(content))
        self._convert("never")

    def label(self, entry_id: str, tags: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self.administrator().media.update(entry_id, KalturaMediaEntry(tags=tags))

    def meanwhile(self, do: Callable[[], None]) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self._readings, self._meanwhile = 0, do

    def delete(self, entry_id: str) -> None:
        """
        See `OriginalsTestAccount`.
        """
        self.vanish("entryId", entry_id)

    def picture(self, entry_id: str) -> bytes:
        """
        See `OriginalsTestAccount`.
        """
        partner = self._account.partner_id
        address = f"{self.server.url}/p/{partner}/thumbnail/entry_id/{entry_id}/width/32"
        return self.server.http.get(address).content

    def _convert(self, result: str) -> None:
        """
        Set what becomes of content from now on.
        """
        self.server.control("POST", "clock", {"ready": result})

    def _uploaded(self, content: bytes) -> Any:
        client = self.administrator()
        token = client.uploadToken.add(KalturaUploadToken())
        client.uploadToken.upload(token.id, ("lesson.mp4", BytesIO(content), "video/mp4"))
        return KalturaUploadedFileTokenResource(token=token.id)


def listed(account: OriginalsTestAccount, selection: Selection) -> list[str]:
    """
    Return the ids of a page of a selection.
    """
    return [entry.id for entry in account.originals.page(selection).entries]


def _split(tags: str) -> list[str]:
    return [tag.strip().lower() for tag in tags.split(",") if tag.strip()]


def picture_in(folder: Path, colour: str) -> bytes:
    """
    Return a JPEG picture of one colour.
    """
    path = folder / f"{colour}.jpg"
    arguments = ["-f", "lavfi", "-i", f"color={colour}:size=64x36", "-frames:v", "1"]
    subprocess.run(["ffmpeg", "-loglevel", "error", *arguments, path], check=True, timeout=60)
    return path.read_bytes()
