"""The account at Kaltura, and the real code on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emulator_tests.crashes.effects import WatchedClient
from emulator_tests.crashes.settings import SETTINGS
from emulator_tests.crashes.simulator import InProcessSimulator, Things
from emulator_tests.memory import MadeEvent, MadeMedia, ManualClock
from emulator_tests.pure.races.defects import Build
from shared.app import App
from shared.ports import Documents, ProviderAccount, Queue
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.client import Client
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.inventory import KalturaInventory
from shared.providers.kaltura.media import KalturaMedia


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedAccount(KalturaAccount):
    """
    The account of the code under test, with a client that is watched.
    """

    watched: Client

    @property
    def client(self) -> Client:
        """
        The client that is watched.
        """
        return self.watched


class EventsAtKaltura:
    """
    The events at Kaltura, with the method that the invariants call.
    """

    def __init__(self, there: Callable[[], Things]) -> None:
        self._there = there

    def alive(self) -> tuple[MadeEvent, ...]:
        """
        Return every event, oldest first.
        """
        return self._there().events()


class MediaAtKaltura:
    """
    The videos at Kaltura, with the method that the invariants call.
    """

    def __init__(self, there: Callable[[], Things]) -> None:
        self._there = there

    def alive(self) -> tuple[MadeMedia, ...]:
        """
        Return every video, oldest first.
        """
        return self._there().media()


def assemble(build: Build, account: KalturaAccount, documents: Documents, queue: Queue, clock: ManualClock) -> App:
    """
    Assemble the real code on a Kaltura account.

    Args:
        build: The code as it is, or with a defect.
        account: The account at Kaltura.
        documents: The database.
        queue: The queue for tasks.
        clock: Returns the current time.
    """
    provider_account = ProviderAccount(KalturaMedia(account), KalturaInventory(account))
    return build.assemble(documents, queue, clock, KalturaEvents(account), provider_account, SETTINGS)


class Account:
    """
    An account at Kaltura and its one client, used by one run after the other.

    Attributes:
        simulator: The account.
        client: As `shared/providers/kaltura/account.py` makes it, but watched.
    """

    def __init__(self) -> None:
        self.simulator = InProcessSimulator()
        self.client = WatchedClient(self.simulator.url, self.simulator.connect)

    def close(self) -> None:
        """
        Close the connections, and stop the simulator.
        """
        self.client.close()
        self.simulator.stop()
