"""Register shared live media."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.core.errors import Misconfigured, Transient
from shared.core.paths import BROADCAST_SLIDES, DOCUMENT_ID, MEDIA_ID, RECONCILE_SLIDES, SLIDES
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Owned
from shared.reconcile.reconciler import Mapper
from shared.reconcile.resource import Resource, Worker
from shared.reconcile.traces import Fate, Naming, Trace
from shared.slides.decide import CONVERSION_TIMEOUT_S
from shared.slides.model import MEDIA
from shared.slides.settings import SlidesSettings

if TYPE_CHECKING:
    from shared.ports import Finding, Storage
    from shared.slides.broadcast import Announcement
    from shared.slides.commands import Commands
    from shared.slides.controller import SharedMedias
    from shared.slides.full_check import MediaViews
    from shared.slides.reading import Reading
    from shared.slides.showing import Announce


def controller(deployment: Deployment) -> SharedMedias:
    """
    Return the Controller of shared live media.

    Raises:
        Misconfigured: This deployment has no storage (never, until it is set up).
    """
    from shared.slides.controller import SharedMedias

    return SharedMedias(
        deployment.documents,
        _storage(deployment),
        deployment.converter,
        deployment.clock,
        deployment.chat is not None,
        deployment.epochs.is_held,
    )


def commands(deployment: Deployment) -> Commands:
    """
    Return the commands of instructors. Raises as `controller`.
    """
    from shared.slides.commands import Commands

    return Commands(
        deployment.documents,
        deployment.queue,
        deployment.clock,
        _storage(deployment),
        deployment.settings_of(SlidesSettings),
        deployment.get(announcing),
    )


def reading(deployment: Deployment) -> Reading:
    """
    Return what reads the media of sessions. Raises as `controller`.
    """
    from shared.slides.addresses import Addresses
    from shared.slides.reading import Reading

    return Reading(deployment.documents, Addresses(_storage(deployment), deployment.clock))


def things() -> Owned:
    """
    Return what the records say about the objects in the bucket.
    """
    from shared.slides.owned import MediaThings

    return MediaThings()


def full_check(deployment: Deployment) -> MediaViews | None:
    """
    Return the full check of shared live media; `None` if this deployment has no storage.
    """
    from shared.slides.full_check import MediaViews

    return None if deployment.storage is None else MediaViews(deployment, deployment.get(controller))


def findings(deployment: Deployment) -> Iterable[Finding]:
    """
    Check the bucket, the converter and the chat server; see `findings.py`.
    """
    from shared.slides.findings import findings

    return findings(deployment)


def announcing(deployment: Deployment) -> Announce:
    """
    Return what enqueues the message of a change to the chat room; see `showing.Announce`.
    """
    from shared.slides.showing import tell_nobody

    if deployment.chat is None:
        return tell_nobody

    def announce(announcement: Announcement) -> None:
        # The change is written, and listeners of Firestore see it: a lost message is no reason to refuse it.
        with suppress(Transient):
            deployment.queue.put(announcement.task)

    return announce


def tell(deployment: Deployment, key: str, each: Mapper) -> None:
    """
    Send the message of one change to the chat room; see `broadcast`.
    """
    from shared.slides.broadcast import broadcast

    broadcast(deployment, key, each)


def _storage(deployment: Deployment) -> Storage:
    if deployment.storage is None:
        raise Misconfigured("Set SLIDES_BUCKET to share documents in sessions.")
    return deployment.storage


RESOURCE = Resource(
    collection=SLIDES,
    worker=Worker(
        RECONCILE_SLIDES,
        MEDIA_ID,
        "Convert one shared live media, or delete it; the key is its id.",
        at_once=100,
        per_second=20,
        timeout_s=CONVERSION_TIMEOUT_S,
        beats=True,
    ),
    open=controller,
    workers=(
        # One at a time, so that messages follow each other as the changes did.
        Worker(
            BROADCAST_SLIDES,
            DOCUMENT_ID,
            "Tell the people in a session's chat room what is shown; the key is that of an `Announcement`.",
            at_once=1,
            per_second=100,
            work=tell,
        ),
    ),
    kind=MEDIA,
    owned=things,
    is_of_session=True,
    traces=(Trace(SLIDES, Naming.VALUE, ("ownerUid",), Fate.MARK, "slides", RECONCILE_SLIDES),),
    check=full_check,
    settings=(SlidesSettings,),
    findings=findings,
)
