"""Reads the settings and builds what the use cases need, once per instance and only when it is first asked for.

Called by the other files of this folder. The only place that names a concrete adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from functions import config
from shared.cloud.firestore import FirestoreDocuments, connect_firestore
from shared.cloud.tasks import CloudTasksQueue, connect_tasks, own_service_account
from shared.errors import Misconfigured
from shared.ports import Documents, Queue
from shared.providers import PROVIDERS, Account, Provider
from shared.sessions import Sessions
from shared.sweep import Sweep
from shared.videos import Videos
from shared.videos.feed import Feed
from shared.videos.policy import Policy


@dataclass(frozen=True, slots=True)
class App:
    """
    Everything that a function may call.
    """

    documents: Documents
    queue: Queue
    sessions: Sessions
    videos: Videos
    feed: Feed
    sweep: Sweep


def now() -> datetime:
    """
    This instant.
    """
    return datetime.now(UTC)


@cache
def queue() -> Queue:
    """
    The queue alone: all that a trigger needs.
    """
    project, emulator_host = config.project_id(), config.tasks_emulator_host()
    service_account = config.TASKS_SERVICE_ACCOUNT.value
    if emulator_host is None and not service_account:
        service_account = own_service_account()
    return CloudTasksQueue(
        client=connect_tasks(emulator_host),
        project=project,
        location=config.REGION,
        functions_url=config.FUNCTIONS_URL.value or f"https://{config.REGION}-{project}.cloudfunctions.net",
        service_account=service_account or None,
        clock=now,
    )


@cache
def app() -> App:
    """
    The whole application of this deployment.

    Raises:
        Misconfigured: A setting is missing (never, until it is set).
    """
    documents = FirestoreDocuments(connect_firestore(config.project_id()))
    provider = _provider(documents)
    late_commit_s = config.LATE_COMMIT_S.value
    sessions = Sessions(documents, provider.events, config.REAP_GRACE_S.value, late_commit_s)
    policy = Policy(
        max_bytes=config.UPLOAD_BYTES_MAX.value,
        max_duration_s=config.VIDEO_DURATION_MAX_S.value,
        uploads_in_flight_max=config.UPLOADS_IN_FLIGHT_MAX.value,
        upload_deadline_s=config.UPLOAD_DEADLINE_S.value,
        processing_deadline_s=config.PROCESSING_DEADLINE_S.value,
    )
    videos = Videos(documents, provider.media, policy, late_commit_s)
    feed = Feed(
        documents,
        queue(),
        provider.media,
        now,
        interval_s=config.FEED_INTERVAL_S.value,
        overlap_s=config.FEED_OVERLAP_S.value,
        ticks_max=config.FEED_TICKS_MAX.value,
    )
    sweep = Sweep(documents, queue(), sessions, videos, feed, provider.strays, now, config.STRAY_AGE_S.value)
    return App(documents, queue(), sessions, videos, feed, sweep)


def _provider(documents: Documents) -> Provider:
    partner_id, admin_secret = config.KALTURA_PARTNER_ID.value, config.KALTURA_ADMIN_SECRET.value
    if not partner_id or not admin_secret:
        raise Misconfigured("Set KALTURA_PARTNER_ID and KALTURA_ADMIN_SECRET.")
    account = Account(
        url=config.KALTURA_URL.value,
        account_id=str(partner_id),
        secret=admin_secret,
        namespace=config.NAMESPACE.value or config.project_id(),
        upload_role=config.KALTURA_UPLOAD_ROLE.value or None,
    )
    return PROVIDERS["kaltura"](account, documents, now)
