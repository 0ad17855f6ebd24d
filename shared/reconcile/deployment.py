"""A deployment: its adapters and settings, and the parts that are built on them.

Called by `shared/app.py`, which knows all resources, and by the `resource.py` of each, which builds its Controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from shared.core.errors import Misconfigured
from shared.core.reading import DAY_S, whole
from shared.core.settings import setting
from shared.limits.call_budgets import CallBudgets
from shared.limits.limiter import Limiter
from shared.ports import (
    Audience,
    Channel,
    Chat,
    Clock,
    ColdStore,
    Converter,
    Documents,
    Events,
    Hosts,
    Jobs,
    Places,
    Probe,
    ProviderAccounts,
    Queue,
    Storage,
    Terms,
    ViewerKeys,
    places,
)
from shared.reconcile.bulk import Pace, pace_of
from shared.reconcile.epoch import DatabaseUid, Epochs, unidentified
from shared.reconcile.reconciler import WORKER_TIMEOUT_S, Reconciler
from shared.reconcile.traces import Trace

S = TypeVar("S")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class CommonSettings:
    """
    The settings that concern every resource.

    Attributes:
        late_commit_s: Seconds after which a lost creation certainly does not happen.
        stray_age_s: Things at a provider that are younger are not taken for orphans, in seconds.
        tasks_per_hour_max: The limit of the kill switch; bulk work uses only a share of it.
    """

    late_commit_s: int = setting(
        "LATE_COMMIT_S",
        whole(1, DAY_S),
        "Seconds after which a creation whose answer was lost can no longer appear.",
        600,
    )
    stray_age_s: int = setting(
        "STRAY_AGE_S", whole(1, 30 * DAY_S), "Age in seconds at which an orphan may be deleted.", 3600
    )
    tasks_per_hour_max: int = setting(
        "TASKS_PER_HOUR_MAX",
        whole(1, 10_000_000),
        "Tasks in one hour; above it bulk work waits until the hour is over, above twice as many every task.",
        100_000,
    )


def _no_recorder(_deployment: Any) -> Any:
    raise Misconfigured("Nothing takes over the recordings of live events.")


@dataclass
class Deployment:
    """
    One deployment. Each part is built, and imported, when it is first needed: an instance in the cloud serves one
    function, and the rest would only lengthen its cold start.

    Args:
        documents: The store of all documents.
        queue: Gets the tasks.
        clock: Now, in UTC.
        events: The provider of live events.
        provider_accounts: The providers of videos.
        settings: The settings: `CommonSettings`, and those of each resource.
        hosts: The hosts that ready videos are copied to, in addition to their providers.
        plays: Tests an address.
        traces: The fields and ids that may name a person, in the order in which an erasure marks them.
        belongings: The collections of things that belong to sessions, each with the queue that reconciles them.
        recorder: Builds what takes over the recordings of live events.
        database_uid: Asks Firestore which database it is.
        storage: The bucket of shared live media; `None` if this deployment has none.
        chat: Returns the chat server; `None` if this deployment has none.
        converter: Draws the pages of documents; `None` if this deployment has none.
        audience: The users of the provider of live events; `None` if nobody is admitted.
        jobs: Starts what runs for longer than a function; `None` if this deployment has no such job.
        channel: Takes events for the school's own app; `None` if nobody subscribes to any.
        cold_store: Returns where originals are archived; `None` if this deployment archives none.
        storage_classes: The terms and prices of all classes of cold stores, by the stores' names of them. They are
            known without opening a store: an earlier one may have been of another kind.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    events: Events
    provider_accounts: ProviderAccounts
    settings: Sequence[object]
    hosts: Hosts = field(default_factory=dict)
    plays: Probe = bool
    _: KW_ONLY
    traces: Sequence[Trace] = ()
    belongings: Sequence[tuple[str, str]] = ()
    recorder: Callable[[Any], Any] = _no_recorder
    database_uid: DatabaseUid = unidentified
    audience: Audience | None = None
    storage: Storage | None = None
    converter: Converter | None = None
    chat: Callable[[], Chat] | None = None
    cold_store: Callable[[], ColdStore] | None = None
    storage_classes: Mapping[str, Terms] = field(default_factory=dict)
    jobs: Jobs | None = None
    channel: Channel | None = None
    _parts: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, build: Callable[[Any], P]) -> P:
        """
        Return a part of this deployment, built when it is first asked for.

        Args:
            build: Builds it from the deployment.
        """
        if build not in self._parts:
            self._parts[build] = build(self)
        part: P = self._parts[build]
        return part

    def terms_of(self, storage_class: str) -> Terms:
        """
        Return the terms and prices of a class of a cold store. Those of one that no store here knows are readable at
        once, and free.

        Args:
            storage_class: The store's name of the class, as an object has it.
        """
        return self.storage_classes.get(storage_class) or Terms(storage_class)

    def settings_of(self, kind: type[S]) -> S:
        """
        Return the settings of one kind.

        Raises:
            Misconfigured: This deployment has none (never).
        """
        for one in self.settings:
            if isinstance(one, kind):
                return one
        raise Misconfigured(f"This deployment has no {kind.__name__}.")

    def reconciler(self, timeout_s: int = WORKER_TIMEOUT_S) -> Reconciler:
        """
        Return the reconciler.

        Args:
            timeout_s: Seconds after which the function that runs it is stopped.
        """
        return Reconciler(self.documents, self.queue, self.clock, timeout_s)

    @cached_property
    def common(self) -> CommonSettings:
        """
        The settings that concern every resource.
        """
        return self.settings_of(CommonSettings)

    @cached_property
    def epochs(self) -> Epochs:
        """
        Tells whether this is the database that was swept last.
        """
        return Epochs(self.documents, self.clock, self.database_uid)

    @cached_property
    def call_budgets(self) -> CallBudgets:
        """
        The budgets of all callers.
        """
        return CallBudgets(Limiter(self.documents, self.clock))

    @cached_property
    def pace(self) -> Pace:
        """
        Tells until when bulk work waits.
        """
        return pace_of(self.documents, self.clock, self.common.tasks_per_hour_max)

    @cached_property
    def places(self) -> Places:
        """
        All providers and hosts, with their inventories.
        """
        return places(self.provider_accounts, self.hosts)

    @cached_property
    def viewer_keys(self) -> Mapping[str, ViewerKeys]:
        """
        The providers at which viewers' keys can be ended, by our names of the providers.
        """
        found = {name: provider_account.viewer_keys for name, provider_account in self.provider_accounts.items()}
        return {name: keys for name, keys in found.items() if keys is not None}
