"""The worker that publishes events. Sessions register it, because a worker belongs to a resource."""

from __future__ import annotations

from typing import Final

from shared.core import log
from shared.core.errors import Misconfigured, Permanent
from shared.core.paths import PUBLISH_EVENT
from shared.publishing.model import EVENT_KEY, Happening
from shared.publishing.settings import EventSettings
from shared.reconcile.deployment import Deployment
from shared.reconcile.reconciler import Mapper
from shared.reconcile.resource import Worker


def publish(deployment: Deployment, key: str, _each: Mapper) -> None:
    """
    Publish one event, if this deployment still publishes its type. An event that the channel refuses is dropped: the
    next one tells the operator again, and the documents have what it would have told.

    Raises:
        Transient: The channel did not take it (again; the queue drops it after a few tries).
    """
    happening = Happening.of_key(key)
    if deployment.channel is None or happening.type not in deployment.settings_of(EventSettings).types:
        return
    try:
        deployment.channel.publish(happening.event)
    except (Misconfigured, Permanent) as error:
        log.event_dropped(key, error)


PUBLISHER: Final = Worker(
    PUBLISH_EVENT,
    EVENT_KEY,
    "Publish one event for the school's own app; the key is that of a `Happening`.",
    at_once=10,
    per_second=50,
    is_bulk=True,
    work=publish,
)
