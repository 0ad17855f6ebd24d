"""Copies at Bunny Stream, which fetches the file of a video by itself and converts it for players.

Called by the reconciler of copies and by the grants, through `ports.Host`. A copy is found again by its title, which
only administrators of the library see.

Source: docs.bunny.net, Stream API: `videos/fetch`, `videos/{videoId}`, `videos`; status numbers of a video there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import Permanent
from shared.ports import (
    MANIFEST_URL,
    THUMBNAIL_URL,
    Clock,
    ExternalIds,
    Grant,
    InventoryItem,
    MediaState,
    Observation,
    Source,
)
from shared.providers.bunny.signing import directory_token
from shared.providers.codes import NOT_FOUND

if TYPE_CHECKING:
    from shared.providers.bunny.client import Client

VIDEO: Final = "guid"
"""The one external id of a copy: Bunny's id of the video."""

Item = Mapping[str, Any]
"""A video as the API returns it."""

STATES: Final = {
    0: MediaState.PROCESSING,  # created
    1: MediaState.PROCESSING,  # uploaded
    2: MediaState.PROCESSING,
    3: MediaState.PROCESSING,  # transcoding
    4: MediaState.READY,  # finished
    5: MediaState.ERROR,
    6: MediaState.ERROR,  # upload failed
    7: MediaState.PROCESSING,  # segmenting, where a library does that just in time
    8: MediaState.READY,  # its playlists were made just in time
}
"""Bunny's status numbers as our states. A video with an unknown number counts as processing."""

LIST_MAX: Final = 100
PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class BunnyLibrary:
    """
    A video library, and the pull zone in front of it.

    Attributes:
        name: Our name of the host.
        url: The address of the Stream API.
        library_id: Bunny's id of the library.
        api_key: The key of the library.
        playback_url: The address that plays its videos, as `https://vz-….b-cdn.net`.
        token_key: The token authentication key of that pull zone.
        namespace: Marks what this deployment creates.
        clock: Now, in UTC.
    """

    name: str
    url: str
    library_id: str
    api_key: str = field(repr=False)
    playback_url: str
    token_key: str = field(repr=False)
    namespace: str
    clock: Clock
    _built: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def client(self) -> Client:
        """
        Return the client. Its imports happen with the first call.
        """
        if "client" not in self._built:
            from shared.providers.bunny.client import Client

            self._built["client"] = Client(self.name, self.url, self.library_id, self.api_key)
        client: Client = self._built["client"]
        return client

    def title_of(self, reference: str) -> str:
        """
        Return the title of our copy at Bunny.
        """
        return f"greenroom:{self.namespace}:{reference}"

    def ours(self, video: Item) -> str | None:
        """
        Return our reference of a video; `None` if it is not this deployment's.
        """
        prefix = self.title_of("")
        title = str(video.get("title"))
        return title.removeprefix(prefix) if title.startswith(prefix) else None


@dataclass(frozen=True, slots=True)
class BunnyHost:
    """
    Fills `ports.Host`.
    """

    library: BunnyLibrary

    @property
    def name(self) -> str:
        """
        See `ports.Host`.
        """
        return self.library.name

    def begin_copy(self, reference: str, source: Source) -> ExternalIds:
        """
        See `ports.Host`. Bunny answers at once, and fetches afterwards.
        """
        client = self.library.client
        body = {"url": source.url, "title": self.library.title_of(reference)}
        told = client.ask("videos.fetch", "POST", "/fetch", dict, body=body)
        if told.get("success") is False:
            raise client.wire.permanent("videos.fetch", "FETCH_REFUSED", "Bunny refuses to fetch the video.")
        guid = told.get("id")
        # Bunny's specification does not promise the id. Without it the next reconcile finds the copy by its title.
        return {VIDEO: guid} if isinstance(guid, str) and guid else client.wire.malformed("videos.fetch")

    def find_copy(self, reference: str) -> ExternalIds:
        """
        See `ports.Host`.
        """
        title = self.library.title_of(reference)
        found = [video for video in self._listed(search=title) if video.get("title") == title]
        oldest = min(found, key=lambda video: str(video.get("dateUploaded")), default=None)
        return {} if oldest is None else {VIDEO: str(oldest["guid"])}

    def observe_copy(self, external_ids: ExternalIds) -> Observation:
        """
        See `ports.Host`.
        """
        video = self._get(external_ids[VIDEO])
        if video is None:
            return Observation(MediaState.GONE)
        state = STATES.get(video.get("status", 0), MediaState.PROCESSING)
        if state is MediaState.ERROR:
            return Observation(state, reason="Bunny could not fetch the video, or could not read it.")
        told = video.get("encodeProgress")
        percent = told if isinstance(told, int) and 0 <= told <= 100 else None
        length = video.get("length")
        duration_s = float(length) if isinstance(length, int | float) and length > 0 else None
        return Observation(state, 100 if state is MediaState.READY else percent, duration_s=duration_s)

    def send_more(self, external_ids: ExternalIds, source: Source) -> Observation:
        """
        See `ports.Host`. Bunny fetches the bytes, so nothing is sent.
        """
        return self.observe_copy(external_ids)

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        See `ports.Host`.
        """
        client, guid = self.library.client, external_ids[VIDEO]
        try:
            client.ask("videos.delete", "DELETE", f"/{guid}", dict)
        except Permanent as error:
            _raise_unless_gone(error)
        return {} if self._get(guid) is None else {VIDEO: guid}

    def playback_grant(self, external_ids: ExternalIds, lifetime_s: int) -> Grant:
        """
        See `ports.Host`. The token stands before the path, so that it also covers everything that a manifest points to.
        """
        library, path = self.library, f"/{external_ids[VIDEO]}/"
        expires_at = (library.clock() + timedelta(seconds=lifetime_s)).replace(microsecond=0)
        token = directory_token(library.token_key, path, expires_at)
        root = f"{library.playback_url}/{token}{path}"
        manifest_url = f"{root}playlist.m3u8"
        return Grant(
            url=manifest_url,
            token=token,
            expires_at=expires_at,
            values={MANIFEST_URL: manifest_url, THUMBNAIL_URL: f"{root}thumbnail.jpg"},
            bare_url=f"{library.playback_url}{path}playlist.m3u8",
        )

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        See `ports.Inventory`. Bunny lists the newest first, so everything since then is read.
        """
        found = []
        for video in self._listed(orderBy="date"):
            made_at = _instant(video.get("dateUploaded"))
            if made_at is not None and made_at < since:
                break
            reference = self.library.ours(video)
            if reference is not None and made_at is not None and made_at < until:
                found.append(
                    InventoryItem(self.name, reference, {VIDEO: str(video["guid"])}, made_at, has_content=True)
                )
        return sorted(found, key=lambda item: item.created_at)[:PAGE]

    def has_content(self, item: InventoryItem) -> bool:
        """
        See `ports.Inventory`. Everything that exists counts, because it may have been fetched.
        """
        return self._get(item.external_ids[VIDEO]) is not None

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        See `ports.Inventory`.
        """
        return self.delete_media(item.external_ids)

    def _get(self, guid: str) -> Item | None:
        try:
            return self.library.client.ask("videos.get", "GET", f"/{guid}", dict)
        except Permanent as error:
            _raise_unless_gone(error)
        return None

    def _listed(self, **asked: str) -> Iterator[Item]:
        """
        Yield the items of a list, page by page.
        """
        client = self.library.client
        page = 1
        while True:
            query = {"page": page, "itemsPerPage": LIST_MAX, **asked}
            items = client.ask("videos.list", "GET", "", dict, query=query).get("items")
            if not isinstance(items, list) or not all(isinstance(one, Mapping) for one in items):
                client.wire.malformed("videos.list")
            yield from items
            if len(items) < LIST_MAX:
                return
            page += 1


def _raise_unless_gone(error: Permanent) -> None:
    if error.code != NOT_FOUND:
        raise error


def _instant(told: object) -> datetime | None:
    """
    Return an instant as Bunny sends it: UTC, without a time zone; `None` if it is not one.
    """
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
