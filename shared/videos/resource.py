"""Register videos, the readiness pollers and the checks of hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from shared.core.paths import (
    CHECK_HOST,
    HOST_NAME,
    KEYS_SEPARATOR,
    OPERATIONS,
    POLL_READINESS,
    RECONCILE_VIDEO,
    UPLOADERS,
    VIDEO_ID,
    VIDEOS,
)
from shared.core.references import VIDEO
from shared.ports import OBSERVED_MAX, Document, Finding, Task
from shared.publishing.settings import EventSettings
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Owned
from shared.reconcile.reconciler import Mapper
from shared.reconcile.resource import Check, Resource, Worker, due
from shared.reconcile.traces import Fate, Naming, Trace
from shared.videos.settings import DefaultProvider, PlaybackSettings, Policy, PollerSettings

if TYPE_CHECKING:
    from shared.sessions.controller import Recorder
    from shared.videos.controller import Videos
    from shared.videos.host_checks import Checks
    from shared.videos.playback import Playbacks
    from shared.videos.readiness import ReadinessPoller
    from shared.videos.upload_tokens import UploadTokens


VIDEOS_MAX: Final = 950
"""The most videos that one task names."""


def controller(deployment: Deployment) -> Videos:
    """
    Return the Controller of videos.
    """
    from shared.videos.controller import Videos

    return Videos(
        deployment.documents,
        deployment.provider_accounts,
        deployment.settings_of(Policy),
        deployment.common.late_commit_s,
        tuple(deployment.hosts),
        deployment.epochs.is_held,
        types=deployment.settings_of(EventSettings).types,
    )


def pollers(deployment: Deployment) -> Mapping[str, ReadinessPoller]:
    """
    Return the readiness pollers, by provider.
    """
    from shared.videos.readiness import ReadinessPoller

    settings = deployment.settings_of(PollerSettings)
    return {
        provider: ReadinessPoller(
            provider,
            deployment.get(controller),
            deployment.queue,
            deployment.clock,
            interval_s=settings.interval_s,
            overlap_s=settings.overlap_s,
            ticks_max=settings.ticks_max,
        )
        for provider in deployment.provider_accounts
    }


def upload_tokens(deployment: Deployment) -> UploadTokens:
    """
    Return what gives and renews upload tokens.
    """
    from shared.videos.upload_tokens import UploadTokens

    return UploadTokens(
        deployment.documents,
        deployment.queue,
        deployment.clock,
        deployment.get(controller),
        deployment.get(pollers),
        deployment.settings_of(DefaultProvider).name,
    )


def playbacks(deployment: Deployment) -> Playbacks:
    """
    Return what gives the grants that play videos.
    """
    from shared.archive.resource import restores
    from shared.hosts.resource import host_table
    from shared.videos.playback import Playbacks

    return Playbacks(
        deployment.documents,
        deployment.queue,
        deployment.clock,
        deployment.provider_accounts,
        deployment.hosts,
        deployment.get(host_table),
        deployment.call_budgets.believes,
        # Most instances never meet a placeholder.
        lambda document: deployment.get(restores).played(document),
        deployment.settings_of(PlaybackSettings).pauses_s,
        deployment.viewer_keys,
    )


def host_checks(deployment: Deployment) -> Checks:
    """
    Return the checks of hosts and providers.
    """
    from shared.hosts.settings import HostTerms
    from shared.videos.host_checks import Checks

    return Checks(
        deployment.documents,
        deployment.queue,
        deployment.clock,
        deployment.provider_accounts,
        deployment.hosts,
        tuple(deployment.settings_of(HostTerms).terms),
        deployment.plays,
    )


def findings(deployment: Deployment) -> Iterable[Finding]:
    """
    Return which providers and hosts play to a stranger.
    """
    return deployment.get(host_checks).findings()


def recorder(deployment: Deployment) -> Recorder:
    """
    Return what makes videos of the recordings of live events.
    """
    from shared.videos.recordings import Recordings

    return Recordings(deployment.events.name)


def reconcile(deployment: Deployment, key: str, each: Mapper) -> None:
    """
    Reconcile one video, or many.
    """
    from shared.videos.batch import reconcile_videos

    reconcile_videos(deployment.get(controller), key, deployment.reconciler(), each)


def poll(deployment: Deployment, key: str, each: Mapper) -> None:
    """
    Run one poll of a readiness poller. An account that was removed meanwhile has none.
    """
    provider, _, number = key.rpartition(":")
    poller = deployment.get(pollers).get(provider)
    if poller is not None:
        poller.tick(int(number), each)


def check_host(deployment: Deployment, key: str, _each: Mapper) -> None:
    """
    Check one host.
    """
    deployment.get(host_checks).check(key)


def enqueue_due(deployment: Deployment, now: datetime) -> Sequence[Document]:
    """
    Enqueue the videos that are due. Those that a provider works on share tasks, because one call observes all of them.
    A video past its deadline gets its own task, because it ends whether its provider answers or not.

    Returns:
        The videos.
    """
    together: dict[str, list[str]] = {}
    found = due(deployment.documents, VIDEOS, now)
    for document in found:
        deadline_at = document.fields["deadlineAt"]
        if document.fields["pending"] and (deadline_at is None or deadline_at > now):
            together.setdefault(document.fields["provider"], []).append(document.id)
        else:
            deployment.queue.put(Task(RECONCILE_VIDEO, document.id))
    for provider, video_ids in together.items():
        poller = deployment.get(pollers).get(provider)
        if poller is not None:
            # They would not be due if the poller had reported them.
            poller.wake()
        for first in range(0, len(video_ids), OBSERVED_MAX):
            keys = KEYS_SEPARATOR.join(video_ids[first : first + OBSERVED_MAX])
            deployment.queue.put(Task(RECONCILE_VIDEO, keys))
    return found


def at_sweep(deployment: Deployment, operations: Sequence[Document]) -> None:
    """
    Restart the chains of pollers whose next poll is overdue, and have all hosts checked.
    """
    for document in operations:
        for poller in deployment.get(pollers).values():
            if poller.path == f"{OPERATIONS}/{document.id}":
                poller.revive()
    for name in deployment.get(host_checks).names:
        deployment.queue.put(Task(CHECK_HOST, name))


def things() -> Owned:
    """
    Return what the documents say about the content of videos at their providers.
    """
    from shared.videos.owned import VideoThings

    return VideoThings()


def full_check(deployment: Deployment) -> Check:
    """
    Return the full check of sessions and their videos.
    """
    from shared.sessions.resource import controller as sessions
    from shared.videos.full_check import SessionsAndVideos

    return SessionsAndVideos(deployment, deployment.get(sessions), deployment.get(controller))


RESOURCE = Resource(
    collection=VIDEOS,
    worker=Worker(
        RECONCILE_VIDEO,
        re.compile(f"(?:{VIDEO_ID.pattern},){{0,{VIDEOS_MAX - 1}}}{VIDEO_ID.pattern}"),
        "Reconcile one video, or many; the key is `{videoId}[,{videoId}…]`.",
        work=reconcile,
    ),
    open=controller,
    workers=(
        Worker(
            POLL_READINESS,
            re.compile(f"{HOST_NAME.pattern}:[0-9]{{1,15}}"),
            "Run one tick of the readiness poller, and the reconciles that it finds to be due; the key is "
            "`{provider}:{tick}`.",
            at_once=2,
            per_second=5,
            work=poll,
        ),
        Worker(
            CHECK_HOST,
            HOST_NAME,
            "Check whether playback works from one host or provider; the key is its name.",
            at_once=2,
            per_second=5,
            work=check_host,
        ),
    ),
    enqueue_due=enqueue_due,
    at_sweep=at_sweep,
    is_of_session=True,
    kind=VIDEO,
    owned=things,
    traces=(
        Trace(VIDEOS, Naming.VALUE, ("ownerUid",), Fate.VIDEO, "videos"),
        Trace(UPLOADERS, Naming.ID, (), Fate.DELETE, "uploads"),
    ),
    has_webhooks=True,
    check=full_check,
    recorder=recorder,
    counted=("uploading", "processing", "failed"),
    settings=(Policy, PlaybackSettings, PollerSettings),
    findings=findings,
)
