"""Live events and their owners: moderators, the ingest address, and recordings."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from emulator_tests.pure.deployment import HOUR, TEACHER, Deployment, live
from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound, Permanent, TooMany, Transient, WrongState
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.ports import ExternalIds, MediaState, Observation, Task
from shared.sessions.moderation import MODERATORS_MAX, rotate_stream_key, set_moderator, stream_ingest
from shared.videos.commands import delete_video
from shared.videos.recordings import recorded_video_id

pytestmark = pytest.mark.long

STUDENT = Caller("student", is_teacher=False)
OTHER = Caller("other", is_teacher=True)


def visited(deployment: Deployment) -> None:
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))


def parts_of(deployment: Deployment) -> ExternalIds:
    (made,) = deployment.events.alive()
    return made.external_ids


def spec(deployment: Deployment, uid: str, *, moderates: bool = True, caller: Caller = TEACHER) -> bool:
    ports = deployment.sessions, deployment.queue, deployment.clock
    return set_moderator(caller, "s1", uid, *ports, is_moderator=moderates)


def moderators(deployment: Deployment) -> tuple[str, ...]:
    (made,) = deployment.events.alive()
    return made.spec.moderators


def test_moderator_can_be_named_and_removed() -> None:
    deployment = live()
    assert moderators(deployment) == ("teacher",)
    assert spec(deployment, "anna")
    assert spec(deployment, "anna"), "again without harm"
    assert moderators(deployment) == ("anna", "teacher")
    assert spec(deployment, "anna", moderates=False)
    assert spec(deployment, "anna", moderates=False)
    assert moderators(deployment) == ("teacher",)


def test_moderator_of_a_session_moderates_all_its_events() -> None:
    deployment = live()
    spec(deployment, "anna")
    deployment.write_session(status="draft")
    visited(deployment)
    deployment.clock.advance(700)
    visited(deployment)
    assert deployment.events.alive() == ()
    deployment.write_session(status="public")
    visited(deployment)
    assert moderators(deployment) == ("anna", "teacher")


def test_a_moderator_of_a_draft_waits_for_its_event() -> None:
    deployment = live(status="draft")
    assert spec(deployment, "anna") is False
    deployment.write_session(status="public")
    visited(deployment)
    assert moderators(deployment) == ("anna", "teacher")


def test_moderator_change_is_kept_while_the_provider_is_unreachable() -> None:
    deployment = live()

    def failing(operation: str, do: Any) -> Any:
        if operation == "update_event":
            raise Transient("Busy.", provider="memory", operation=operation, code="HTTP_503")
        return do()

    deployment.disturb = failing
    assert spec(deployment, "anna") is False
    deployment.disturb = lambda _operation, do: do()
    deployment.clock.advance(60)
    visited(deployment)
    assert moderators(deployment) == ("anna", "teacher")


def test_the_owner_always_moderates() -> None:
    deployment = live()
    assert spec(deployment, "teacher")
    with pytest.raises(WrongState, match="always moderates"):
        spec(deployment, "teacher", moderates=False)


def test_a_session_has_so_many_moderators_and_no_more() -> None:
    deployment = live(moderators={f"m{number}": True for number in range(MODERATORS_MAX)})
    with pytest.raises(TooMany, match="100 moderators"):
        spec(deployment, "anna")
    spec(deployment, "m7", moderates=False)
    assert spec(deployment, "anna")


@pytest.mark.parametrize(("caller", "error"), [(STUDENT, NotAllowed), (OTHER, NotFound)])
def test_only_the_owner_names_moderators_and_reads_the_stream_key(caller: Caller, error: type[Exception]) -> None:
    deployment = live()
    with pytest.raises(error):
        spec(deployment, caller.uid, caller=caller)
    for ask in (stream_ingest, rotate_stream_key):
        with pytest.raises(error):
            ask(caller, "s1", deployment.sessions)
    with pytest.raises(NotFound):
        stream_ingest(TEACHER, "s2", deployment.sessions)


def test_a_new_stream_key_takes_the_place_of_the_old_one() -> None:
    deployment = live()
    told = stream_ingest(TEACHER, "s1", deployment.sessions)
    assert stream_ingest(TEACHER, "s1", deployment.sessions).stream_key == told.stream_key
    new = rotate_stream_key(TEACHER, "s1", deployment.sessions)
    assert new.stream_key != told.stream_key
    assert stream_ingest(TEACHER, "s1", deployment.sessions).stream_key == new.stream_key
    assert told.stream_key not in repr(told)


def test_a_session_without_an_event_has_no_ingest() -> None:
    with pytest.raises(WrongState, match="no live event"):
        stream_ingest(TEACHER, "s1", live(status="draft").sessions)


# --- on the air --------------------------------------------------------------------------------------------------


def broadcast_state(deployment: Deployment) -> str:
    return str(deployment.document(session_path("s1")).fields["kaltura"]["broadcast"])


def test_session_shows_live_and_ended_broadcasts() -> None:
    deployment = live()
    external_ids = parts_of(deployment)
    assert broadcast_state(deployment) == "offline"
    deployment.events.broadcast(external_ids, is_live=True)
    deployment.run(30)
    assert broadcast_state(deployment) == "live"
    deployment.events.broadcast(external_ids, is_live=False)
    deployment.run(30)
    assert broadcast_state(deployment) == "offline"
    deployment.events.broadcast(external_ids, is_live=True)
    deployment.run(3600 + 1800)
    assert broadcast_state(deployment) == "live", "an overrun is normal"
    deployment.events.broadcast(external_ids, is_live=False)
    deployment.run(120)
    assert broadcast_state(deployment) == "ended"


def test_an_event_that_has_ended_can_be_held_again_later() -> None:
    deployment = live()
    deployment.run(3 * 3600)
    assert broadcast_state(deployment) == "ended"
    starts_at = deployment.clock() + HOUR
    deployment.write_session(startsAt=starts_at, endsAt=starts_at + HOUR)
    visited(deployment)
    assert broadcast_state(deployment) == "offline"
    deployment.run(3600)
    deployment.events.broadcast(parts_of(deployment), is_live=True)
    deployment.run(60)
    assert broadcast_state(deployment) == "live"


def test_an_event_whose_time_is_put_into_the_past_has_ended() -> None:
    deployment = live()
    deployment.run(60)
    assert broadcast_state(deployment) == "offline"
    now = deployment.clock()
    deployment.write_session(startsAt=now - 4 * HOUR, endsAt=now - 2 * HOUR)
    visited(deployment)
    deployment.run(5)
    assert broadcast_state(deployment) == "ended"


def test_the_provider_is_asked_in_the_time_of_the_event_and_not_outside() -> None:
    deployment = Deployment()
    starts_at = deployment.clock() + HOUR
    deployment.write_session(format="liveStreaming", startsAt=starts_at, endsAt=starts_at + HOUR)
    asked: list[Any] = []

    def counting(operation: str, do: Any) -> Any:
        if operation == "observe_broadcast":
            asked.append(deployment.clock())
        return do()

    deployment.disturb = counting
    visited(deployment)
    deployment.run(20 * 3600)
    assert asked[0] == starts_at - timedelta(seconds=900)
    assert asked[-1] == starts_at + HOUR + timedelta(seconds=3600)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(asked)]
    assert min(gaps) >= 10
    assert max(gaps) <= 60
    assert broadcast_state(deployment) == "ended"


def record(deployment: Deployment) -> ExternalIds:
    """
    The event is broadcast and ends.

    Returns:
        Its recording.
    """
    external_ids = parts_of(deployment)
    deployment.events.broadcast(external_ids, is_live=True)
    deployment.run(60)
    deployment.events.broadcast(external_ids, is_live=False)
    return {"entryId": f"{external_ids['entryId']}-recorded"}


def test_the_recording_becomes_a_video_of_the_session_that_is_watched_until_it_is_ready() -> None:
    deployment = live()
    recording = record(deployment)
    deployment.run(2 * 3600)
    video_id = recorded_video_id("s1", recording)
    video = deployment.video(video_id)
    assert (video.state.value, video.external_ids, video.upload.title) == ("processing", recording, "Algebra")
    deployment.media.show(recording, Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=10**12))
    deployment.run(60)
    ready = deployment.video(video_id)
    assert ready.playable is not None
    assert ready.playable.external_ids == recording
    assert deployment.document(session_path("s1")).fields["videos"][video_id]["state"] == "ready"


def test_a_recording_is_taken_over_once() -> None:
    deployment = live()
    recording = record(deployment)
    deployment.run(2 * 3600)
    video_id = recorded_video_id("s1", recording)
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.write_session(status="draft")
    visited(deployment)
    deployment.run(3600)
    assert deployment.video(video_id).state.value == "gone"
    assert deployment.media.alive() == ()
    assert deployment.events.alive() == ()


def test_an_event_that_is_unpublished_while_it_is_recorded_leaves_its_recording_as_a_video() -> None:
    deployment = live()
    recording = record(deployment)
    deployment.write_session(status="draft")
    visited(deployment)
    deployment.run(3600)
    assert deployment.events.alive() == ()
    assert deployment.video(recorded_video_id("s1", recording)).external_ids == recording


def test_live_event_of_a_deleted_session_is_deleted_after_its_end() -> None:
    deployment = live()
    external_ids = parts_of(deployment)
    deployment.events.broadcast(external_ids, is_live=True)
    deployment.run(60)
    deployment.delete_session()
    deployment.run(1800)
    assert parts_of(deployment)["entryId"] == external_ids["entryId"]
    deployment.events.broadcast(external_ids, is_live=False)
    deployment.run(1800)
    assert deployment.events.alive() == ()
    assert deployment.media.alive() == ()
    assert deployment.deletions() == []


def test_a_recording_that_is_gone_ends_as_a_failed_video() -> None:
    deployment = live()
    recording = record(deployment)

    def vanished(operation: str, do: Any) -> Any:
        if operation == "adopt_recording":
            raise Permanent("It is gone.", provider="memory", operation=operation, code="ENTRY_ID_NOT_FOUND")
        return do()

    deployment.disturb = vanished
    deployment.run(2 * 3600)
    video = deployment.video(recorded_video_id("s1", recording))
    assert video.state.value == "failed"
