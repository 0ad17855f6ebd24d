"""The use cases of one deployment, put together on its documents, its queue and its providers.

Called by `functions/wiring.py`, and by every test that plays them. Leaves to its caller which adapters they are, and
knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.admissions import Admissions, reconcile_admissions
from shared.bulk import pace_of
from shared.call_budgets import CallBudgets
from shared.deletions import Deletions
from shared.epoch import DatabaseUid, Epochs, unidentified
from shared.erasure import Erasures
from shared.full_look import FullLook
from shared.hosts import Copies
from shared.hosts.health import Checks
from shared.hosts.table import HostTable, Terms
from shared.limits import Limiter
from shared.orphans import Orphans
from shared.orphans.adoption import Adoption
from shared.paths import (
    CHECK_HOST,
    RECONCILE_ADMISSION,
    RECONCILE_ERASURE,
    RECONCILE_TRANSFER,
    TICK_FEED,
    VISIT_COPY,
    VISIT_DELETION,
    VISIT_SESSION,
    VISIT_VIDEO,
)
from shared.ports import Audience, Clock, Documents, Events, Holders, Hosts, Note, Plays, Queue, places
from shared.reconcile import Each, visit
from shared.sessions import Sessions
from shared.sessions.airing import Window
from shared.sweep import Sweep
from shared.transfers import Transfers
from shared.videos import Videos
from shared.videos.feed import Feed
from shared.videos.grant import Grants
from shared.videos.policy import Policy
from shared.videos.recordings import Recordings
from shared.videos.together import visit_videos


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What a deployment may set.

    Attributes:
        policy: Of uploads.
        provider: Which holds the videos of sessions that name none.
        reap_grace_s: Seconds for which an unpublished event is kept.
        late_commit_s: Seconds after which a lost creation is certain not to come.
        window: When live events may be on the air.
        stray_age_s: Nothing younger at a provider is taken for an orphan.
        feed_interval_s: Seconds between ticks of the feed.
        feed_overlap_s: Seconds by which a provider's lists may lag.
        feed_ticks_max: Ticks of one chain of the feed.
        tasks_per_hour_max: The limit of the guard, of which bulk work keeps clear.
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
    From where videos play beside their providers.

    Attributes:
        hosts: The hosts that ready videos are copied to.
        terms: What each of them and the providers costs, and can send.
        plays: Tries an address.
    """

    hosts: Hosts
    terms: Mapping[str, Terms]
    plays: Plays


NO_HOSTS: Final = Hosting({}, {}, plays=bool)
"""Every video plays from its provider: nothing is copied, nothing is tried."""


@dataclass(frozen=True, slots=True)
class App:
    """
    Everything that a function may call.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    sessions: Sessions
    videos: Videos
    copies: Copies
    checks: Checks
    deletions: Deletions
    erasures: Erasures
    transfers: Transfers
    admissions: Admissions
    grants: Grants
    feeds: Mapping[str, Feed]
    orphans: Orphans
    adoption: Adoption
    epochs: Epochs
    sweep: Sweep

    def work(self, note: Note, each: Each = map) -> None:
        """
        What the worker of a note's queue does.

        Args:
            note: The note.
            each: How several things of one note are visited.

        Raises:
            Transient, Conflict: It is not finished (again).
            ValueError: There is no such queue (never).
        """
        match note.queue:
            case name if name == VISIT_SESSION:
                visit(self.sessions, note.key, self.documents, self.queue, self.clock)
            case name if name == VISIT_VIDEO:
                visit_videos(self.videos, note.key, self.queue, self.clock, each)
            case name if name == VISIT_COPY:
                visit(self.copies, note.key, self.documents, self.queue, self.clock)
            case name if name == CHECK_HOST:
                self.checks.check(note.key)
            case name if name == VISIT_DELETION:
                visit(self.deletions, note.key, self.documents, self.queue, self.clock)
            case name if name == RECONCILE_ERASURE:
                visit(self.erasures, note.key, self.documents, self.queue, self.clock)
            case name if name == RECONCILE_TRANSFER:
                visit(self.transfers, note.key, self.documents, self.queue, self.clock)
            case name if name == RECONCILE_ADMISSION:
                reconcile_admissions(self.admissions, note.key, self.queue, self.clock, each)
            case name if name == TICK_FEED:
                provider, _, number = note.key.rpartition(":")
                # An account that was given up meanwhile has none.
                if provider in self.feeds:
                    self.feeds[provider].tick(int(number), each)
            case _:
                raise ValueError(f"There is no worker {note.queue}.")


def assemble(
    documents: Documents,
    queue: Queue,
    clock: Clock,
    events: Events,
    holders: Holders,
    settings: Settings,
    hosting: Hosting = NO_HOSTS,
    *,
    database_uid: DatabaseUid = unidentified,
    audience: Audience | None = None,
    sessions_type: type[Sessions] = Sessions,
    videos_type: type[Videos] = Videos,
) -> App:
    """
    Put the use cases together.

    Args:
        documents: Where everything is.
        queue: For notes.
        clock: Now, in UTC.
        events: The provider of live events.
        holders: The providers of videos.
        settings: Of the deployment.
        hosting: From where videos play beside their providers.
        database_uid: Asks which database it is.
        audience: Whom the provider of live events knows; `None` where nobody is let in.
        sessions_type: The Controller of sessions.
        videos_type: The Controller of videos.
    """
    recordings, hosts = Recordings(events.name), hosting.hosts
    epochs = Epochs(documents, clock, database_uid)
    call_budgets = CallBudgets(Limiter(documents, clock))
    sessions = sessions_type(
        documents,
        events,
        settings.reap_grace_s,
        settings.late_commit_s,
        settings.window,
        recordings,
        epochs.is_held,
        call_budgets.watches,
    )
    videos = videos_type(documents, holders, settings.policy, settings.late_commit_s, tuple(hosts), epochs.is_held)
    feeds = {
        provider: Feed(
            provider,
            videos,
            queue,
            clock,
            interval_s=settings.feed_interval_s,
            overlap_s=settings.feed_overlap_s,
            ticks_max=settings.feed_ticks_max,
        )
        for provider in holders
    }
    everywhere = places(holders, hosts)
    pace = pace_of(documents, clock, settings.tasks_per_hour_max)
    orphans = Orphans(documents, queue, events, holders, hosts, everywhere, clock, settings.stray_age_s, epochs, pace)
    checks = Checks(documents, queue, clock, holders, hosts, tuple(hosting.terms), hosting.plays)
    table = HostTable(documents, clock, hosting.terms)
    keys = {name: holder.viewer_keys for name, holder in holders.items() if holder.viewer_keys is not None}
    return App(
        documents=documents,
        queue=queue,
        clock=clock,
        sessions=sessions,
        videos=videos,
        copies=Copies(documents, holders, hosts, settings.late_commit_s, epochs.is_held),
        checks=checks,
        deletions=Deletions(documents, everywhere, epochs.is_held),
        erasures=Erasures(documents, audience, clock, settings.late_commit_s, pace),
        transfers=Transfers(documents, events),
        admissions=Admissions(documents, keys),
        grants=Grants(documents, queue, clock, videos, feeds, settings.provider, hosts, table, call_budgets, keys),
        feeds=feeds,
        orphans=orphans,
        adoption=Adoption(documents, queue, events, clock),
        epochs=epochs,
        sweep=Sweep(
            documents,
            queue,
            feeds,
            orphans,
            checks,
            FullLook(documents, queue, sessions, videos, clock, pace=pace),
            clock,
        ),
    )
