"""The use cases of one deployment, built on its documents, its queue and its providers.

Called by `functions/wiring.py`, and by tests that run use cases. The caller chooses the adapters; this file knows none
of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from shared.core.paths import (
    CHECK_HOST,
    POLL_READINESS,
    RECONCILE_ADMISSION,
    RECONCILE_COPY,
    RECONCILE_DELETION,
    RECONCILE_ERASURE,
    RECONCILE_SESSION,
    RECONCILE_TRANSFER,
    RECONCILE_VIDEO,
)
from shared.limits.call_budgets import CallBudgets
from shared.limits.limiter import Limiter
from shared.ports import (
    Audience,
    Clock,
    Documents,
    Events,
    Hosts,
    Places,
    Probe,
    ProviderAccounts,
    Queue,
    Task,
    ViewerKeys,
    places,
)
from shared.reconcile import Mapper, Reconciler
from shared.reconcile.bulk import Pace, pace_of
from shared.reconcile.epoch import DatabaseUid, Epochs, unidentified
from shared.sessions.broadcasting import Window
from shared.sessions.controller import Sessions

if TYPE_CHECKING:
    from shared.admissions.controller import Admissions
    from shared.deletions.controller import Deletions
    from shared.erasure.controller import Erasures
    from shared.hosts.controller import Copies
    from shared.hosts.table import Terms
    from shared.operations.host_checks import Checks
    from shared.operations.orphans import Orphans
    from shared.operations.orphans.adoption import Adoption
    from shared.operations.sweep import Sweep
    from shared.transfers.controller import Transfers
    from shared.videos.controller import Videos
    from shared.videos.playback import Playbacks
    from shared.videos.policy import Policy
    from shared.videos.readiness import ReadinessPoller
    from shared.videos.upload_tokens import UploadTokens


@dataclass(frozen=True, slots=True)
class Settings:
    """
    The settings of a deployment.

    Attributes:
        policy: The limits of uploads.
        provider: The provider for videos of sessions that name none.
        reap_grace_s: Seconds for which an unpublished event is kept.
        late_commit_s: Seconds after which a lost creation certainly does not happen.
        window: When live events may be on the air.
        stray_age_s: Things at a provider that are younger are not taken for orphans, in seconds.
        feed_interval_s: Seconds between polls of the readiness poller.
        feed_overlap_s: Seconds by which a provider's lists may lag.
        feed_ticks_max: Polls of one chain of the readiness poller.
        tasks_per_hour_max: The limit of the kill switch; bulk work uses only a share of it.
    """

    policy: Policy
    provider: str
    reap_grace_s: int
    late_commit_s: int
    window: Window
    stray_age_s: int
    feed_interval_s: float
    feed_overlap_s: float
    feed_ticks_max: int
    tasks_per_hour_max: int


@dataclass(frozen=True, slots=True)
class Hosting:
    """
    The hosts from which videos play in addition to their providers.

    Attributes:
        hosts: The hosts that ready videos are copied to.
        terms: The cost and capacity of each host and provider.
        plays: Tests an address.
    """

    hosts: Hosts
    terms: Mapping[str, Terms]
    plays: Probe


NO_HOSTS: Final = Hosting({}, {}, plays=bool)
"""No hosts: every video plays from its provider, and nothing is copied or tested."""


@dataclass
class App:
    """
    All use cases of a deployment. Each part is created, and imported, when it is first needed: an instance in the cloud
    serves one function, and the rest would only lengthen its cold start.

    Args:
        documents: The store of all documents.
        queue: Gets the tasks.
        clock: Now, in UTC.
        events: The provider of live events.
        provider_accounts: The providers of videos.
        settings: The settings of the deployment.
        hosting: The hosts from which videos play in addition to their providers.
        database_uid: Asks Firestore which database it is.
        audience: The users of the provider of live events; `None` if nobody is admitted.
        sessions_type: The Controller of sessions.
        videos_type: The Controller of videos; `None` is `Videos`.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    events: Events
    provider_accounts: ProviderAccounts
    settings: Settings
    hosting: Hosting = NO_HOSTS
    _: KW_ONLY
    database_uid: DatabaseUid = unidentified
    audience: Audience | None = None
    sessions_type: type[Sessions] = Sessions
    videos_type: type[Videos] | None = None

    @cached_property
    def epochs(self) -> Epochs:
        return Epochs(self.documents, self.clock, self.database_uid)

    @cached_property
    def sessions(self) -> Sessions:
        from shared.videos.recordings import Recordings

        settings = self.settings
        return self.sessions_type(
            self.documents,
            self.events,
            settings.reap_grace_s,
            settings.late_commit_s,
            settings.window,
            Recordings(self.events.name),
            self.epochs.is_held,
            self._call_budgets.watches,
        )

    @cached_property
    def videos(self) -> Videos:
        from shared.videos.controller import Videos

        return (self.videos_type or Videos)(
            self.documents,
            self.provider_accounts,
            self.settings.policy,
            self.settings.late_commit_s,
            tuple(self.hosting.hosts),
            self.epochs.is_held,
        )

    @cached_property
    def pollers(self) -> Mapping[str, ReadinessPoller]:
        from shared.videos.readiness import ReadinessPoller

        settings = self.settings
        return {
            provider: ReadinessPoller(
                provider,
                self.videos,
                self.queue,
                self.clock,
                interval_s=settings.feed_interval_s,
                overlap_s=settings.feed_overlap_s,
                ticks_max=settings.feed_ticks_max,
            )
            for provider in self.provider_accounts
        }

    @cached_property
    def upload_tokens(self) -> UploadTokens:
        from shared.videos.upload_tokens import UploadTokens

        return UploadTokens(self.documents, self.queue, self.clock, self.videos, self.pollers, self.settings.provider)

    @cached_property
    def playbacks(self) -> Playbacks:
        from shared.hosts.table import HostTable
        from shared.videos.playback import Playbacks

        return Playbacks(
            self.documents,
            self.queue,
            self.clock,
            self.provider_accounts,
            self.hosting.hosts,
            HostTable(self.documents, self.clock, self.hosting.terms),
            self._call_budgets,
            self._viewer_keys,
        )

    @cached_property
    def copies(self) -> Copies:
        from shared.hosts.controller import Copies

        late_commit_s = self.settings.late_commit_s
        return Copies(self.documents, self.provider_accounts, self.hosting.hosts, late_commit_s, self.epochs.is_held)

    @cached_property
    def checks(self) -> Checks:
        from shared.operations.host_checks import Checks

        hosting = self.hosting
        return Checks(
            self.documents,
            self.queue,
            self.clock,
            self.provider_accounts,
            hosting.hosts,
            tuple(hosting.terms),
            hosting.plays,
        )

    @cached_property
    def deletions(self) -> Deletions:
        from shared.deletions.controller import Deletions

        return Deletions(self.documents, self._places, self.epochs.is_held)

    @cached_property
    def erasures(self) -> Erasures:
        from shared.erasure.controller import Erasures

        return Erasures(self.documents, self.audience, self.clock, self.settings.late_commit_s, self._pace)

    @cached_property
    def transfers(self) -> Transfers:
        from shared.transfers.controller import Transfers

        return Transfers(self.documents, self.events)

    @cached_property
    def admissions(self) -> Admissions:
        from shared.admissions.controller import Admissions

        return Admissions(self.documents, self._viewer_keys)

    @cached_property
    def orphans(self) -> Orphans:
        from shared.operations.orphans import Orphans

        return Orphans(
            self.documents,
            self.queue,
            self.events,
            self.provider_accounts,
            self.hosting.hosts,
            self._places,
            self.clock,
            self.settings.stray_age_s,
            self.epochs,
            self._pace,
        )

    @cached_property
    def adoption(self) -> Adoption:
        from shared.operations.orphans.adoption import Adoption

        return Adoption(self.documents, self.queue, self.events, self.clock)

    @cached_property
    def sweep(self) -> Sweep:
        from shared.operations.full_check import FullCheck
        from shared.operations.sweep import Sweep

        full_check = FullCheck(self.documents, self.queue, self.sessions, self.videos, self.clock, pace=self._pace)
        return Sweep(self.documents, self.queue, self.pollers, self.orphans, self.checks, full_check, self.clock)

    @cached_property
    def _call_budgets(self) -> CallBudgets:
        return CallBudgets(Limiter(self.documents, self.clock))

    @cached_property
    def _pace(self) -> Pace:
        return pace_of(self.documents, self.clock, self.settings.tasks_per_hour_max)

    @cached_property
    def _places(self) -> Places:
        return places(self.provider_accounts, self.hosting.hosts)

    @cached_property
    def _viewer_keys(self) -> Mapping[str, ViewerKeys]:
        found = {name: provider_account.viewer_keys for name, provider_account in self.provider_accounts.items()}
        return {name: keys for name, keys in found.items() if keys is not None}

    def work(self, task: Task, each: Mapper = map) -> None:
        """
        Run the worker of a task's queue.

        Args:
            task: The task.
            each: Runs the reconciliations of several things of one task.

        Raises:
            Transient, Conflict: It is not finished (again).
            ValueError: There is no such queue (never).
        """
        reconciler = Reconciler(self.documents, self.queue, self.clock)
        match task.queue:
            case name if name == RECONCILE_SESSION:
                reconciler.reconcile(self.sessions, task.key)
            case name if name == RECONCILE_VIDEO:
                from shared.videos.batch import reconcile_videos

                reconcile_videos(self.videos, task.key, reconciler, each)
            case name if name == RECONCILE_COPY:
                reconciler.reconcile(self.copies, task.key)
            case name if name == CHECK_HOST:
                self.checks.check(task.key)
            case name if name == RECONCILE_DELETION:
                reconciler.reconcile(self.deletions, task.key)
            case name if name == RECONCILE_ERASURE:
                reconciler.reconcile(self.erasures, task.key)
            case name if name == RECONCILE_TRANSFER:
                reconciler.reconcile(self.transfers, task.key)
            case name if name == RECONCILE_ADMISSION:
                from shared.admissions.controller import reconcile_admissions

                reconcile_admissions(self.admissions, task.key, reconciler, each)
            case name if name == POLL_READINESS:
                provider, _, number = task.key.rpartition(":")
                # An account that was removed meanwhile has no poller.
                if provider in self.pollers:
                    self.pollers[provider].tick(int(number), each)
            case _:
                raise ValueError(f"There is no worker {task.queue}.")
