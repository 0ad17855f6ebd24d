"""A deployment without an account for live events: who wants one is told so, and videos do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from emulator_tests.pure.deployment import TEACHER, Deployment
from shared.core.errors import Permanent, WrongState
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.ports import Attendee, EventSpec, Task
from shared.providers.unavailable import NoAudience, NoEvents
from shared.reconcile import Reconciler
from shared.sessions.admissions.joining import Joining
from shared.sessions.controller import Sessions

EVENT = EventSpec("Algebra", None, None)
ADA = Attendee("ada", "Ada", is_moderator=False)


def school() -> tuple[Deployment, Sessions]:
    """A deployment with a live session, and the Controller of its sessions."""
    deployment = Deployment()
    now = deployment.clock()
    deployment.write_session(format="liveStreaming", startsAt=now, endsAt=now + timedelta(hours=1))
    return deployment, replace(deployment.sessions, events=NoEvents())


def test_a_live_session_is_told_that_there_are_none_and_is_not_tried_again_by_itself() -> None:
    deployment, sessions = school()

    Reconciler(deployment.documents, deployment.queue, deployment.clock).reconcile(sessions, "s1")

    shown = deployment.document(session_path("s1")).fields["kaltura"]
    assert shown["state"] == "failed"
    assert shown["failure"] == {
        "code": "NO_LIVE_EVENTS",
        "message": "This project has no account for live events.",
        "retryable": False,
    }
    assert deployment.enqueued(RECONCILE_SESSION) == []
    joining = Joining(sessions, NoAudience(), deployment.accounts, deployment.queue, deployment.clock, 60)
    with pytest.raises(WrongState):
        joining.join(TEACHER, "s1")


def test_its_videos_are_uploaded_all_the_same_and_its_deletion_leaves_nothing() -> None:
    deployment, sessions = school()
    Reconciler(deployment.documents, deployment.queue, deployment.clock).reconcile(sessions, "s1")
    token = deployment.ask_upload()
    assert token.provider == "memory"

    deployment.delete_session()
    Reconciler(deployment.documents, deployment.queue, deployment.clock).reconcile(sessions, "s1")
    deployment.queue.put(Task("reconcileVideo", token.video_id))
    deployment.run(60)

    assert deployment.media.alive() == ()


REFUSED: dict[str, Callable[[NoEvents], object]] = {
    "create_event": lambda events: events.create_event("session:s1:1", EVENT),
    "update_event": lambda events: events.update_event("session:s1:1", {"entryId": "0_x"}, EVENT),
    "observe_broadcast": lambda events: events.observe_broadcast({"entryId": "0_x"}),
    "delete_event": lambda events: events.delete_event({"entryId": "0_x"}),
    "ingest": lambda events: events.ingest({"entryId": "0_x"}),
    "rotate_stream_key": lambda events: events.rotate_stream_key({"entryId": "0_x"}),
    "playback_grant": lambda events: events.playback_grant({"entryId": "0_x"}, "ada", 60),
    "admit": lambda _: NoAudience().admit({"entryId": "0_x"}, ADA, 60),
}


@pytest.mark.parametrize("ask", REFUSED.values(), ids=REFUSED)
def test_other_calls_are_refused_permanently(ask: Callable[[NoEvents], object]) -> None:
    with pytest.raises(Permanent, match="no account for live events"):
        ask(NoEvents())


def test_find_returns_nothing_before_creation() -> None:
    assert NoEvents().find_event("session:s1:1") == {}
