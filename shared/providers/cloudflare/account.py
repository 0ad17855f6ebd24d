"""One Cloudflare account: its keys, its client, and what its lists say of everything.

Called by `media.py`, `strays.py`, `hook.py` and `setup.py`. Leaves to `client.py` how a call travels and to `keys.py`
how a token is signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.errors import Permanent
from shared.ports import Clock, Parts
from shared.providers.cloudflare import words
from shared.providers.cloudflare.keys import SigningKey
from shared.providers.codes import NOT_FOUND

if TYPE_CHECKING:
    from shared.providers.cloudflare.client import Client

NAME: Final = "cloudflare"

UID: Final = "uid"
UPLOAD: Final = "upload"
"""The parts of a video: its id, and, until its bytes have arrived, the sealed address where they go."""

Item = Mapping[str, Any]
"""A video as the API tells it."""


@dataclass(frozen=True, slots=True)
class CloudflareAccount:
    """
    One account; safe to share between threads.

    Attributes:
        url: Of the API, e.g. `https://api.cloudflare.com/client/v4`.
        account_id: Cloudflare's id of the account.
        api_token: With the permission to edit Stream.
        namespace: Marks what this deployment makes.
        signing_key: Signs playback tokens, and seals upload addresses.
        playback_url: Where the account's videos play, `https://customer-<code>.cloudflarestream.com`.
        upload_lifetime_s: For so long an upload address takes bytes, and minutes are reserved for it.
        max_duration_s: Of one video; as many seconds are reserved.
        clock: Now, in UTC.
    """

    url: str
    account_id: str
    api_token: str = field(repr=False)
    namespace: str
    signing_key: SigningKey = field(repr=False)
    playback_url: str
    upload_lifetime_s: int
    max_duration_s: int
    clock: Clock
    _built: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def client(self) -> Client:
        """
        The client; the SDK behind it is imported when the first call is made.
        """
        if "client" not in self._built:
            from shared.providers.cloudflare.client import Client

            self._built["client"] = Client(self.url, self.api_token)
        client: Client = self._built["client"]
        return client

    def ours(self, video: Item) -> str | None:
        """
        Our reference of a video; `None` where it is not this deployment's.
        """
        return words.ours(self.namespace, video)

    def list_videos(self, **asked: Any) -> list[Item]:
        """
        One page of a list, by the parameters of Cloudflare's; raises as `Client.ask`.
        """
        from shared.providers.cloudflare.client import WIRE

        result = self.client.ask(
            "stream.list", lambda s: s.with_raw_response.list(account_id=self.account_id, **asked), list
        )
        if not all(isinstance(one, Mapping) for one in result):
            WIRE.malformed("stream.list")
        return result

    def made_in(self, since: datetime, until: datetime) -> Iterator[Item]:
        """
        Everything in the account that was made in [since, until), the oldest first, whoever made it; raises as
        `Client.ask`.
        """
        told: set[str] = set()
        # Whether Cloudflare takes the bounds for part of the span is not documented.
        start = since - timedelta(seconds=1)
        while True:
            page = self.list_videos(
                asc=True,
                start=words.told_instant(start),
                end=words.told_instant(until + timedelta(seconds=1)),
                limit=words.LIST_MAX,
            )
            for video in page:
                made_at = words.instant(video.get("created"))
                uid = str(video.get("uid"))
                if made_at is None or uid in told:
                    continue
                told.add(uid)
                if since <= made_at < until:
                    yield video
            last_at = words.instant(page[-1].get("created")) if page else None
            if len(page) < words.LIST_MAX or last_at is None or last_at <= start:
                return
            start = last_at - timedelta(milliseconds=1)

    def get(self, uid: str) -> Item | None:
        """
        One video, `None` where there is none; raises as `Client.ask`.
        """
        with unless_gone():
            return self.client.ask(
                "stream.get", lambda s: s.with_raw_response.get(uid, account_id=self.account_id), dict
            )
        return None

    def delete(self, uid: str) -> None:
        """
        Delete one video; one that is gone is no error. Raises as `Client.ask`.
        """
        with unless_gone():
            self.client.ask(
                "stream.delete", lambda s: s.with_raw_response.delete(uid, account_id=self.account_id), object
            )

    def delete_and_look(self, uid: str) -> Parts:
        """
        Delete one video, and look whether it is gone.

        Returns:
            What of it is still there. Raises as `Client.ask`.
        """
        self.delete(uid)
        return {} if self.get(uid) is None else {UID: uid}


@contextmanager
def unless_gone() -> Iterator[None]:
    """
    What Cloudflare does not have is no error.
    """
    try:
        yield
    except Permanent as error:
        if error.code != NOT_FOUND:
            raise
