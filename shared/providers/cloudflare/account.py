"""One Cloudflare account: its keys, its client, how often it may be asked, and what its lists say of everything.

Called by `media.py`, `inventory.py`, `webhooks.py` and `setup.py`. Leaves to `client.py` how a call travels, to
`signing.py` how a token is signed, and to `shared/limits.py` how a budget is shared.
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
"""The parts of a video: its id, and, until its bytes have arrived, the sealed address where they go."""

Item = Mapping[str, Any]
"""A video as the API tells it."""

CALLS_MAX: Final = 1200
"""
Calls in five minutes; whoever makes more gets none for the next five. Everything that its user does counts, in the
dashboard too.

Source: https://developers.cloudflare.com/fundamentals/api/reference/limits/
"""

LIMIT: Final = limit_path(NAME)

UNTOLD_PAUSE_S: Final = 30.0
"""After a refusal that does not say how long it lasts: the API's own always does, that of a full queue does not."""


def budget_of(calls_max: int) -> Budget:
    """
    The budget of an account: within any five minutes fewer calls than that, also where all come at once after a rest
    and what was drawn is spent late. Pure.

    Args:
        calls_max: Calls in five minutes.
    """
    burst = max(1, calls_max // 6)
    return Budget(burst, per_minute=calls_max * 3 / 4 / 5, portion=max(1, min(10, burst // 20)))


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
        limiter: Counts the calls of all instances.
        calls_max: Calls in five minutes.
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
        The client; the SDK behind it is imported when the first call is made.
        """
        if "client" not in self._built:
            from shared.providers.cloudflare.client import Client

            self._built["client"] = Client(self.url, self.api_token)
        client: Client = self._built["client"]
        return client

    def at(self, priority: Priority) -> CloudflareAccount:
        """
        The same account, for calls that are as urgent as that.
        """
        return replace(self, priority=priority)

    def ask(self, operation: str, ask: Ask, kind: type[T]) -> T:
        """
        One call, where the budget has room for it. Raises as `Client.ask`.
        """
        with self._counted(operation):
            return self.client.ask(operation, ask, kind)

    def headers_of(self, operation: str, ask: Ask) -> Mapping[str, str]:
        """
        One call whose answer stands in the headers. Raises as `ask`.
        """
        with self._counted(operation):
            return self.client.headers_of(operation, ask)

    def ours(self, video: Item) -> str | None:
        """
        Our reference of a video; `None` where it is not this deployment's.
        """
        return mapping.ours(self.namespace, video)

    def list_videos(self, **asked: Any) -> list[Item]:
        """
        One page of a list, by the parameters of Cloudflare's; raises as `Client.ask`.
        """
        from shared.providers.cloudflare.client import WIRE

        result = self.ask("stream.list", lambda s: s.with_raw_response.list(account_id=self.account_id, **asked), list)
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
        One video, `None` where there is none; raises as `Client.ask`.
        """
        with unless_gone():
            return self.ask("stream.get", lambda s: s.with_raw_response.get(uid, account_id=self.account_id), dict)
        return None

    def delete(self, uid: str) -> None:
        """
        Delete one video; one that is gone is no error. Raises as `Client.ask`.
        """
        with unless_gone():
            self.ask("stream.delete", lambda s: s.with_raw_response.delete(uid, account_id=self.account_id), object)

    def delete_and_look(self, uid: str) -> ExternalIds:
        """
        Delete one video, and look whether it is gone.

        Returns:
            What of it is still there. Raises as `Client.ask`.
        """
        self.delete(uid)
        return {} if self.get(uid) is None else {UID: uid}

    @contextmanager
    def _counted(self, operation: str) -> Iterator[None]:
        """
        Count a call before it is made. Where Cloudflare refuses it all the same, nobody asks until it says otherwise.

        Raises:
            Transient: There is no room for it (again).
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
                # Where it cannot be written down, the other instances are refused once as well.
                with suppress(Transient, Conflict):
                    self.limiter.pause(LIMIT, budget, error.retry_after_s or UNTOLD_PAUSE_S)
            raise


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
