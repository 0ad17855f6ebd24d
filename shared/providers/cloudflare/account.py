"""A Cloudflare account: its keys, its client, its budget of calls, and the lists of everything in it.

Called by `media.py`, `inventory.py`, `webhooks.py` and `setup.py`. HTTP is left to `client.py`, signing tokens to
`signing.py`, and sharing a budget to `shared/limits/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.core.errors import Conflict, Permanent, Transient
from shared.core.paths import limit_path
from shared.limits.buckets import Budget, Priority
from shared.limits.limiter import Limiter
from shared.ports import Clock, ExternalIds
from shared.providers.cloudflare import mapping
from shared.providers.cloudflare.signing import SigningKey
from shared.providers.codes import NOT_FOUND, RATE_LIMITED

if TYPE_CHECKING:
    from shared.providers.cloudflare.client import Ask, Client

T = TypeVar("T")

NAME: Final = "cloudflare"

UID: Final = "uid"
UPLOAD: Final = "upload"
"""The external ids of a video: its id, and, until its bytes have arrived, the sealed address that they are sent to."""

Item = Mapping[str, Any]
"""A video as the API returns it."""

CALLS_MAX: Final = 1200
"""
Calls in five minutes. Above this limit every call is refused for the next five minutes. All calls of the token's user
count, including those of the dashboard.

Source: https://developers.cloudflare.com/fundamentals/api/reference/limits/
"""

LIMIT: Final = limit_path(NAME)

UNTOLD_PAUSE_S: Final = 30.0
"""
The pause after a refusal that does not say how long it lasts. The API's own refusals always say so, that of a full
queue does not.
"""


def budget_of(calls_max: int) -> Budget:
    """
    Return the budget of an account. Within any five minutes it allows fewer calls than `calls_max`, even if all come at
    once after a pause and some that were drawn are made late. Pure.

    Args:
        calls_max: Calls in five minutes.
    """
    burst = max(1, calls_max // 6)
    return Budget(burst, per_minute=calls_max * 3 / 4 / 5, portion=max(1, min(10, burst // 20)))


@dataclass(frozen=True, slots=True)
class CloudflareAccount:
    """
    An account at Cloudflare; safe to share between threads.

    Attributes:
        url: The address of the API, e.g. `https://api.cloudflare.com/client/v4`.
        account_id: Cloudflare's id of the account.
        api_token: A token with the permission to edit Stream.
        namespace: Marks what this deployment creates.
        signing_key: Signs playback tokens, and seals upload addresses.
        playback_url: The address that plays its videos, `https://customer-<code>.cloudflarestream.com`.
        upload_lifetime_s: How long an upload address accepts bytes, and minutes are reserved for it.
        max_duration_s: The maximum duration of one video; as many seconds are reserved.
        clock: Now, in UTC.
        limiter: Counts the calls of all instances.
        calls_max: The maximum calls in five minutes.
        priority: How urgent the calls are.
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
    limiter: Limiter = field(repr=False)
    calls_max: int = CALLS_MAX
    priority: Priority = Priority.INTERACTIVE
    _built: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def client(self) -> Client:
        """
        Return the client. The SDK behind it is imported with the first call.
        """
        if "client" not in self._built:
            from shared.providers.cloudflare.client import Client

            self._built["client"] = Client(self.url, self.api_token)
        client: Client = self._built["client"]
        return client

    def at(self, priority: Priority) -> CloudflareAccount:
        """
        Return the same account for calls of another priority.
        """
        return replace(self, priority=priority)

    def ask(self, operation: str, ask: Ask, kind: type[T]) -> T:
        """
        Make one call, if the budget has room for it. Raises as `Client.ask`.
        """
        with self._counted(operation):
            return self.client.ask(operation, ask, kind)

    def headers_of(self, operation: str, ask: Ask) -> Mapping[str, str]:
        """
        Make one call and return the headers of its answer. Raises as `ask`.
        """
        with self._counted(operation):
            return self.client.headers_of(operation, ask)

    def ours(self, video: Item) -> str | None:
        """
        Return our reference of a video; `None` if it is not this deployment's.
        """
        return mapping.ours(self.namespace, video)

    def list_videos(self, **asked: Any) -> list[Item]:
        """
        Return one page of a list, by Cloudflare's parameters; raises as `Client.ask`.
        """
        from shared.providers.cloudflare.client import WIRE

        result = self.ask("stream.list", lambda s: s.with_raw_response.list(account_id=self.account_id, **asked), list)
        if not all(isinstance(one, Mapping) for one in result):
            WIRE.malformed("stream.list")
        return result

    def made_in(self, since: datetime, until: datetime) -> Iterator[Item]:
        """
        Yield everything in the account that was created in [since, until), by others too, the oldest first; raises
        as `Client.ask`.
        """
        told: set[str] = set()
        # The documentation does not say whether the bounds are part of the span.
        start = since - timedelta(seconds=1)
        while True:
            page = self.list_videos(
                asc=True,
                start=mapping.told_instant(start),
                end=mapping.told_instant(until + timedelta(seconds=1)),
                limit=mapping.LIST_MAX,
            )
            for video in page:
                made_at = mapping.instant(video.get("created"))
                uid = str(video.get("uid"))
                if made_at is None or uid in told:
                    continue
                told.add(uid)
                if since <= made_at < until:
                    yield video
            last_at = mapping.instant(page[-1].get("created")) if page else None
            if len(page) < mapping.LIST_MAX or last_at is None or last_at <= start:
                return
            start = last_at - timedelta(milliseconds=1)

    def get(self, uid: str) -> Item | None:
        """
        Return one video, `None` if there is none; raises as `Client.ask`.
        """
        with unless_gone():
            return self.ask("stream.get", lambda s: s.with_raw_response.get(uid, account_id=self.account_id), dict)
        return None

    def delete(self, uid: str) -> None:
        """
        Delete one video, or nothing if it is gone. Raises as `Client.ask`.
        """
        with unless_gone():
            self.ask("stream.delete", lambda s: s.with_raw_response.delete(uid, account_id=self.account_id), object)

    def delete_and_look(self, uid: str) -> ExternalIds:
        """
        Delete one video, and check whether it is gone.

        Returns:
            The external ids that still exist. Raises as `Client.ask`.
        """
        self.delete(uid)
        return {} if self.get(uid) is None else {UID: uid}

    @contextmanager
    def _counted(self, operation: str) -> Iterator[None]:
        """
        Count a call before it is made. If Cloudflare still refuses it for the rate, all instances pause for as long as
        it says.

        Raises:
            Transient: The budget has no room for it (again).
        """
        budget = budget_of(self.calls_max)
        wait_s = self.limiter.take(LIMIT, budget, self.priority)
        if wait_s:
            raise Transient(
                "The limit of calls to Cloudflare is used up. Try again later.",
                provider=NAME,
                operation=operation,
                code=RATE_LIMITED,
                retry_after_s=wait_s,
            )
        try:
            yield
        except Transient as error:
            if error.code == RATE_LIMITED:
                # If the pause cannot be recorded, the other instances are also refused once.
                with suppress(Transient, Conflict):
                    self.limiter.pause(LIMIT, budget, error.retry_after_s or UNTOLD_PAUSE_S)
            raise


@contextmanager
def unless_gone() -> Iterator[None]:
    """
    Ignore that a video does not exist at Cloudflare.
    """
    try:
        yield
    except Permanent as error:
        if error.code != NOT_FOUND:
            raise
