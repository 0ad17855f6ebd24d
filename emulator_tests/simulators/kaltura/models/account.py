"""The simulated account, and the context of one API call in it.

Created once by `__main__` and passed to every other module.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator_tests.simulators.clock import Clock, Readiness
from emulator_tests.simulators.faults import Faults
from emulator_tests.simulators.kaltura.models.faults import Rule
from emulator_tests.simulators.kaltura.models.keys import Session
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.store import Store
from emulator_tests.simulators.kaltura.models.table import Condition, Table
from emulator_tests.simulators.late_requests import Late

_LOGGED_REQUESTS = 200_000


@dataclass(slots=True)
class Settings:
    """Settings of the account and variations of the service, changed over the control interface.

    Args:
        entry_replacement: FEATURE_ENTRY_REPLACEMENT.
        replacement_approval: Whether a replacement waits for approveReplace.
        moderation: Whether new content waits for approval, Partner::getModerateContent.
        entitlement: FEATURE_ENTITLEMENT, with which category entitlement is enforced for every KS, ADMIN ones included.
        entitlement_by_default: The partner's defaultEntitlementEnforcement: also without a KS that asks for it.
        uncategorized_entitled: Whether everybody is entitled to what is in no category; off is
            FEATURE_DISABLE_NO_CATEGORY_ENTRY_ENTITLEMENT_CHECK, for entries whose profile has rules.
        metadata_access_control: The account's restrictEntryByMetadata, which only Kaltura's staff sets: what an
            entry's profile blocks for the context METADATA does not exist for a KS that is not ADMIN.
        forbidden_services: Services that the account does not have, such as `virtualevent_virtualevent`.
        restricted_extensions: File extensions that uploads are refused for.
        max_session_s: What session.start clamps an expiry to.
        max_single_event_s: How long one scheduled event may last, max_single_schedule_event_duration.
        max_event_s: How long an event may last in all, max_schedule_event_duration.
        pictures_convert: Whether the transcodes of a picture that came as a video succeed. The server's source takes
            such a source in and gives it to ffmpeg; what a given installation's ffmpeg makes of it is not known.
        plays_synced_every_s: Pause between runs of the job that writes plays into entries, see `models.plays`;
            0 writes at once.
        sizes_rounded: Whether `size` of a flavor is what MediaInfo printed, see `flavors.rounded_kb`.
        sizes_in_bytes: Whether a flavor has `sizeInBytes`; older ones have 0, asset::getSizeInBytes.
        url_tokens: Whether what a manifest points to carries an expiring token, as delivery profiles with a URL
            tokenizer do; which ones an account has is not public.
        url_token_s: How long such a token is good for.
        delivery_honours_end: Whether playManifest and thumbnails refuse a KS that was ended. The server's source does
            not: KSecureEntryHelper looks at expiry, address and URI only.
        final_chunk_wait_s: How long a final chunk waits for the others; real seconds.
        notification_attempts: How often a notification is sent before it is given up.
        notification_retry_s: Pause between these; the simulator's seconds.
    """

    entry_replacement: bool = True
    replacement_approval: bool = False
    moderation: bool = False
    entitlement: bool = False
    entitlement_by_default: bool = True
    uncategorized_entitled: bool = True
    metadata_access_control: bool = False
    forbidden_services: tuple[str, ...] = ()
    restricted_extensions: tuple[str, ...] = ()
    max_session_s: int = 86400
    max_single_event_s: int = 86400
    max_event_s: int = 2 * 365 * 86400
    pictures_convert: bool = True
    plays_synced_every_s: int = 86400
    sizes_rounded: bool = False
    sizes_in_bytes: bool = True
    url_tokens: bool = True
    url_token_s: int = 3600
    delivery_honours_end: bool = False
    final_chunk_wait_s: float = 45.0
    notification_attempts: int = 3
    notification_retry_s: float = 60.0


@dataclass(slots=True)
class Account:
    """The simulated account: its secrets, objects, clock and faults."""

    partner_id: int
    admin_secret: str
    user_secret: str
    store: Store
    clock: Clock
    readiness: Readiness
    first_readiness: Readiness
    settings: Settings = field(default_factory=Settings)
    faults: Faults[Rule] = field(default_factory=Faults)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_LOGGED_REQUESTS))
    #: How often each action was called (`media.get`), and each kind of delivery (`playManifest`).
    counts: Counter[str] = field(default_factory=Counter)
    #: When something is due next: instant and entry id, a heap.
    agenda: list[tuple[float, str]] = field(default_factory=list)
    late: Late = field(init=False)
    #: Notification jobs being sent right now.
    delivering: set[int] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    #: Wakes whoever waits for time to pass or for a chunk to arrive.
    stirred: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        """Give late requests the account's clock."""
        self.late = Late(self.clock)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests, until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stir(self) -> None:
        """Wake everything that waits on `stirred`."""
        async with self.stirred:
            self.stirred.notify_all()


@dataclass(slots=True)
class Call:
    """One API call.

    Args:
        account: Where it happens.
        session: The KS it carries, None without one.
        base_url: Scheme and host the caller used, for URLs in answers.
        raw_uri: Path and query exactly as they came, what urirestrict is compared with.
        remote_address: The caller's address.
        lag_s: How far lists lag behind in this call.
    """

    account: Account
    session: Session | None
    base_url: str
    raw_uri: str
    remote_address: str
    lag_s: float = 0.0

    @property
    def store(self) -> Store:
        """The things of the account."""
        return self.account.store

    @property
    def now(self) -> int:
        """Unix seconds on the simulator's clock."""
        return int(self.account.clock.now())

    @property
    def user_id(self) -> str:
        """The session's user; empty for none."""
        return self.session.user_id if self.session else ""

    @property
    def is_admin(self) -> bool:
        """Whether an ADMIN session calls."""
        return self.session is not None and self.session.is_admin

    def grants(self, name: str, object_id: str) -> bool:
        """Whether the session carries a privilege for an object."""
        return self.session is not None and self.session.grants(name, object_id)

    def select(
        self, table: Table, conditions: list[Condition], order_by: str, page: tuple[int, int]
    ) -> tuple[list[Record], int]:
        """A page of a list, as far as the search index knows by now."""
        offset, limit = page
        if not self.lag_s:
            return table.select(conditions, order_by, offset, limit)
        lagging = Table(table.name, table.key_field, sorted_by=())
        then = self.store.as_of(table, self.account.clock.now() - self.lag_s)
        for key, row in {**table.rows, **then}.items():
            if row is not None:
                lagging.rows[key] = row
        return lagging.select(conditions, order_by, offset, limit)


def data_path(account: Account, name: str) -> Path:
    """Return the file of an asset or upload token."""
    return account.store.files / name
