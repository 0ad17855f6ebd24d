"""An event of which its provider refuses one part for good: B3. It does without that part, says so and is watched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.pure.deployment import HOUR, Deployment, refusal
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.ports import EventSpec, MediaState, Observation, Refusal, Task
from shared.sessions.model import PairingState

pytestmark = pytest.mark.long

T = TypeVar("T")

LONGEST = timedelta(minutes=30)
SHORT = timedelta(minutes=20)
WHY = Refusal("MAX_SCHEDULE_DURATION_REACHED", "The event is longer than the provider allows. End it earlier.")
FAILURE = {"code": WHY.code, "message": WHY.message, "retryable": False}


def too_long(spec: EventSpec) -> Refusal | None:
    assert spec.starts_at is not None
    assert spec.ends_at is not None
    return WHY if spec.ends_at - spec.starts_at > LONGEST else None


def deployed(lasts: timedelta, refuses: Callable[[EventSpec], Refusal | None] = too_long) -> Deployment:
    """
    A deployment with a live session that begins now, at a provider that has its limits.
    """
    deployment = Deployment()
    deployment.events.refuses = refuses
    now = deployment.clock()
    deployment.write_session(format="liveStreaming", startsAt=now, endsAt=now + lasts)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    return deployment


def shown(deployment: Deployment) -> dict[str, Any]:
    return dict(deployment.document(session_path("s1")).fields["kaltura"])


def change(deployment: Deployment, **fields: Any) -> None:
    deployment.write_session(**fields)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))


def asked(deployment: Deployment) -> list[str]:
    """
    Every call of the provider from now on that makes or changes something.
    """
    calls: list[str] = []

    def noting(operation: str, do: Callable[[], T]) -> T:
        if operation in ("create_event", "update_event"):
            calls.append(operation)
        return do()

    deployment.disturb = noting
    return calls


def test_the_event_is_ready_without_the_part_and_says_what_to_change() -> None:
    deployment = deployed(HOUR)
    told = shown(deployment)
    assert (told["state"], told["failure"]) == ("ready", FAILURE)
    assert "entryId" in told
    assert "eventId" not in deployment.pairing().external_ids
    pairing = deployment.document("kalturaSession/s1").fields
    assert (pairing["failure"], pairing["lastError"]) == (FAILURE, None)


def test_its_broadcast_is_watched() -> None:
    deployment = deployed(HOUR)
    (made,) = deployment.events.alive()
    deployment.events.broadcast(made.external_ids, is_live=True)
    deployment.run(60)
    assert shown(deployment)["broadcast"] == "live"
    deployment.run(3600)
    deployment.events.broadcast(made.external_ids, is_live=False)
    deployment.run(2 * 3600)
    assert shown(deployment)["broadcast"] == "ended"
    assert shown(deployment)["failure"] == FAILURE


def test_it_is_not_tried_again_until_the_session_is_changed() -> None:
    deployment = deployed(HOUR)
    calls = asked(deployment)
    for _ in range(20):
        deployment.deliver(Task(RECONCILE_SESSION, "s1"))
        deployment.run(600)
    assert calls == []
    change(deployment, title="Algebra II")
    assert calls == ["update_event"]
    assert shown(deployment)["failure"] == FAILURE


def test_once_the_session_is_as_the_provider_allows_the_part_is_there() -> None:
    deployment = deployed(HOUR)
    change(deployment, endsAt=deployment.clock() + SHORT)
    assert "failure" not in shown(deployment)
    assert "eventId" in deployment.pairing().external_ids
    assert deployment.pairing().refused == {}


def test_an_event_that_is_made_longer_keeps_its_part_as_it_was_and_says_so() -> None:
    deployment = deployed(SHORT)
    before, event_id = shown(deployment), deployment.pairing().external_ids["eventId"]
    change(deployment, endsAt=deployment.clock() + HOUR)
    told = shown(deployment)
    assert (told["state"], deployment.pairing().external_ids["eventId"], told["failure"]) == (
        "ready",
        event_id,
        FAILURE,
    )
    change(deployment, endsAt=deployment.clock() + SHORT)
    assert shown(deployment) == before
    assert deployment.pairing().external_ids["eventId"] == event_id


def test_every_permanent_refusal_is_reported() -> None:
    deployment = deployed(SHORT, lambda _: Refusal("QUOTA_EXCEEDED", "The account has no room for another event."))
    assert shown(deployment)["failure"]["code"] == "QUOTA_EXCEEDED"
    assert shown(deployment)["state"] == "ready"


def test_transient_failure_is_reported_before_a_permanent_one() -> None:
    deployment = deployed(HOUR)

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "update_event":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    change(deployment, title="Algebra II")
    assert shown(deployment)["failure"]["retryable"] is True
    asked(deployment)
    deployment.run(120)
    assert shown(deployment)["failure"] == FAILURE


@pytest.mark.parametrize("how", ["the session is deleted", "the session is unpublished"])
def test_it_is_deleted_like_any_other_and_nothing_is_left_of_the_refusal(how: str) -> None:
    deployment = deployed(HOUR)
    if how == "the session is deleted":
        deployment.delete_session()
    else:
        deployment.write_session(status="draft")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(3600)
    assert deployment.events.alive() == ()
    pairing = deployment.pairing()
    assert (pairing.state, pairing.refused, pairing.failure()) == (PairingState.GONE, {}, None)


def test_its_videos_are_uploaded_and_its_recording_is_taken_over_as_usual() -> None:
    deployment = deployed(HOUR)
    uploaded = deployment.ask_upload("r1").video_id
    deployment.show(
        uploaded, Observation(MediaState.READY, 100, duration_s=5.0, size_bytes=1000, media_type="video/mp4")
    )
    (made,) = deployment.events.alive()
    deployment.events.broadcast(made.external_ids, is_live=True)
    deployment.run(60)
    deployment.events.broadcast(made.external_ids, is_live=False)
    deployment.run(3 * 3600)
    videos = deployment.document(session_path("s1")).fields["videos"]
    assert len(videos) == 2


def test_a_session_within_the_limits_has_no_failure() -> None:
    deployment = deployed(SHORT)
    assert "failure" not in shown(deployment)
