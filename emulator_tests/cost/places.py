"""Where a metered deployment runs: the real adapters of Kaltura and Cloudflare against their simulators, or in memory.

The settings are the defaults of a deployment. Simulators are processes of their own, so that their work is not counted
as ours.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from time import monotonic
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from emulator_tests.contract.accounts import CloudflareServer, running_cloudflare
from emulator_tests.cost.metered import next_day
from emulator_tests.cost.usage import Usage
from emulator_tests.crashes.browser import send_chunk
from emulator_tests.memory import (
    MemoryAudience,
    MemoryChat,
    MemoryColdStore,
    MemoryConverter,
    MemoryEvents,
    MemoryInventory,
    MemoryMedia,
    MemoryOriginals,
    MemoryStorage,
    MemoryViewerKeys,
)
from emulator_tests.pure.deployment import Files
from emulator_tests.simulators.running import Running
from emulator_tests.simulators.tests.tus import chunk_headers
from emulator_tests.testbed.places import TEST_PICTURE
from shared.app import App
from shared.core.settings import settings_of
from shared.hosts.settings import HostTerms
from shared.ports import Audience, Clock, Documents, ProviderAccount, Queue, UploadGrant
from shared.providers.cloudflare.settings import Settings as CloudflareSettings
from shared.providers.kaltura.settings import Settings as KalturaSettings
from shared.providers.registry import cold_stores
from shared.providers.settings import Context, Provider, ProviderSettings
from shared.providers.unavailable import NoAudience, NoEvents
from shared.registry import SETTINGS
from shared.videos.settings import DefaultProvider, Policy

T = TypeVar("T")

FILM: Final = TEST_PICTURE.read_bytes()
NAMESPACE: Final = "cost"
DAY_S: Final = 24 * 3600
PROCESSED_IN_S: Final = 600
"""Seconds for which the simulators process a video."""

EXAMINED_S: Final = 30
"""Real seconds within which Cloudflare's simulator has looked into a file that has arrived."""


def default_settings(provider: str) -> tuple[object, ...]:
    """
    Return the settings of a deployment that sets none.
    """
    kinds = (kind(**{name: one.default for name, one in settings_of(kind).items()}) for kind in SETTINGS)
    return (*kinds, DefaultProvider(provider), HostTerms())


def context(documents: Documents, clock: Clock) -> Context:
    """
    Return what a provider is opened with.
    """
    policy = Policy(**{name: one.default for name, one in settings_of(Policy).items()})
    return Context(
        namespace=NAMESPACE,
        documents=documents,
        clock=clock,
        upload_deadline_s=policy.upload_deadline_s,
        max_duration_s=policy.max_duration_s,
        records_events=True,
        chat_lifetime_s=DAY_S,
    )


class Simulated:
    """
    An account at a simulator.

    Args:
        name: The provider.
        url: The simulator's address.
        settings: The settings of the account.
    """

    def __init__(self, name: str, url: str, settings: ProviderSettings) -> None:
        self._name, self._url, self._settings = name, url, settings
        self._stood_at: datetime | None = None
        self._opened: list[Provider] = []
        self.begins_at = next_day()
        self.control("POST", "reset", {})
        self.control("POST", "clock", {"stand_at": self.begins_at.timestamp(), "ready": f"after_s:{PROCESSED_IN_S}"})

    def move_to(self, at: datetime) -> None:
        """See `Place`."""
        if at != self._stood_at:
            self._stood_at = at
            self.control("POST", "clock", {"stand_at": at.timestamp()})

    def used(self) -> Usage:
        """See `Place`."""
        requests = len(self.control("GET", "requests"))
        if requests:
            self.control("DELETE", "requests")
        return Usage(provider_calls=requests)

    def open(self, documents: Documents, queue: Queue, clock: Clock) -> tuple[App, Audience]:
        """See `Place`."""
        provider = self._settings.open(context(documents, clock))
        self._opened.append(provider)
        events, audience = provider.events or NoEvents(), provider.audience or NoAudience()
        accounts = {self._name: provider.provider_account}
        app = App(documents, queue, clock, events, accounts, default_settings(self._name), audience=audience)
        return app, audience

    def close(self) -> None:
        """
        Close the connections of all instances.
        """
        for provider in self._opened:
            media: Any = provider.provider_account.media
            media.account.client.close()

    def control(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Call one of the simulator's own controls.
        """
        address = urlsplit(self._url)
        sent = None if body is None else json.dumps(body).encode()
        with closing(HTTPConnection(address.hostname or "", address.port, timeout=60)) as connection:
            connection.request(method, f"/_simulator/{name}", sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = answer.read()
        assert answer.status == 200, told
        return json.loads(told)


class KalturaPlace(Simulated):
    """
    A deployment with an account at Kaltura.
    """

    def send(self, grant: UploadGrant) -> None:
        """
        Send the bytes of a video, as a browser does.
        """
        address = urlsplit(grant.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        refusal = send_chunk(grant, FILM, 0, last=True, connection=connection)
        assert refusal is None, refusal

    def broadcast(self, entry_id: str, *, is_live: bool) -> None:
        """
        Let an encoder begin to send to an event, or stop; then there is a recording.
        """
        recording = {} if is_live else {"recording": str(TEST_PICTURE)}
        self.control("POST", "broadcast", {"entryId": entry_id, "live": is_live, **recording})


class CloudflarePlace(Simulated):
    """
    A deployment with an account at Cloudflare.
    """

    def __init__(self, server: CloudflareServer, settings: CloudflareSettings) -> None:
        super().__init__("cloudflare", server.url, settings)
        self._server = server

    def send(self, grant: UploadGrant) -> None:
        """
        Send the bytes of a video, as a browser does.
        """
        answer = self._server.http.patch(grant.url, content=FILM, headers=chunk_headers(0))
        assert answer.status_code == 204, answer.text
        ends_at = monotonic() + EXAMINED_S
        while any(video["status"]["state"] == "queued" for video in self.control("GET", "things")["videos"]):
            assert monotonic() < ends_at, "It is never looked into."


@contextmanager
def kaltura() -> Iterator[Callable[[], KalturaPlace]]:
    """
    Run the simulator. Yields a function that returns an empty account.
    """
    partner_id, secret = 4_711, secrets.token_hex(16)
    options = ("--partner-id", str(partner_id), "--admin-secret", secret, "--user-secret", secrets.token_hex(16))
    with Running("kaltura", *options) as simulator, ExitStack() as stack:
        settings = KalturaSettings(url=simulator.url, partner_id=partner_id, admin_secret=secret)
        yield lambda: stack.enter_context(closing(KalturaPlace("kaltura", simulator.url, settings)))


@contextmanager
def cloudflare() -> Iterator[Callable[[], CloudflarePlace]]:
    """
    Run the simulator. Yields a function that returns an empty account.
    """
    with running_cloudflare({}) as server, ExitStack() as stack:
        settings = CloudflareSettings(
            account_id=server.account_id,
            api_token=server.api_token,
            signing_key=server.signing_key.to_secret(),
            playback_url=server.url,
            url=f"{server.url}/client/v4",
        )
        yield lambda: stack.enter_context(closing(CloudflarePlace(server, settings)))


STORES: Final = frozenset({"write", "list_objects"})
LOADS: Final = frozenset({"find", "read"})
"""Requests to the bucket. Addresses are signed without one, and deletions are free."""


@dataclass
class MemoryPlace:
    """
    A deployment in memory, with slides and an archive.

    Attributes:
        begins_at: The time at which the clock begins.
    """

    begins_at: datetime = field(default_factory=next_day)
    _made: Counter[str] = field(default_factory=Counter)
    _stored: Counter[str] = field(default_factory=Counter)

    def move_to(self, at: datetime) -> None:
        """See `Place`."""

    def used(self) -> Usage:
        """See `Place`."""
        stores, loads = (sum(self._stored[name] for name in names) for names in (STORES, LOADS))
        asked = self._made.total()
        self._made.clear()
        self._stored.clear()
        return Usage(stores=stores, loads=loads, provider_calls=asked)

    def open(self, documents: Documents, queue: Queue, clock: Clock) -> tuple[App, Audience]:
        """See `Place`."""
        if not hasattr(self, "media"):
            self._build(clock)
        inventory = MemoryInventory(self.events, self.media, self._effect)
        keys = MemoryViewerKeys(clock, self._effect)
        app = App(
            documents,
            queue,
            clock,
            self.events,
            {self.media.name: ProviderAccount(self.media, inventory, keys, self.originals)},
            default_settings(self.media.name),
            audience=self.audience,
            storage=self.storage,
            converter=self.converter,
            chat=lambda: self.chat,
            cold_store=lambda: self.cold_store,
            storage_classes={name: terms for kind in cold_stores().values() for name, terms in kind.classes.items()},
        )
        return app, self.audience

    def _build(self, clock: Any) -> None:
        self.media = MemoryMedia(clock, self._effect)
        self.events = MemoryEvents(clock, self._effect)
        self.audience = MemoryAudience(clock, self._effect)
        self.storage = MemoryStorage(clock, self._bucket)
        self.converter = MemoryConverter(self.storage.open)
        self.chat = MemoryChat(clock, self._effect)
        files = Files(lambda url: self.cold_store.open(url))
        self.originals = MemoryOriginals(clock, self._effect, name=self.media.name, files=files)
        self.cold_store = MemoryColdStore(clock, files.get, self._effect)

    def _bucket(self, operation: str, do: Callable[[], T]) -> T:
        self._stored[operation] += 1
        return do()

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        self._made[operation] += 1
        return do()


def memory() -> Iterator[Callable[[], MemoryPlace]]:
    """
    Yield a function that returns an empty deployment.
    """
    yield MemoryPlace


PLACES: Final[Mapping[str, Any]] = {"kaltura": kaltura, "cloudflare": cloudflare, "memory": contextmanager(memory)}
"""Opens the simulator of a place, by name."""
