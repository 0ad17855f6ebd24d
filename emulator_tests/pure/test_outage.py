"""
Both providers are down for longer than every deadline: each thing ends in a state that says so, and what can still come
of it is seen within one tick of the provider's return. B17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from emulator_tests.memory import MemoryMedia, undisturbed
from emulator_tests.pure.deployment import HOUR, INTERVAL_S, ROOMY, TEACHER, Deployment, refusal
from shared.core.errors import Transient
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.ports import MediaState, Observation, Task
from shared.sessions.decide import PAUSE_MAX_S
from shared.videos.commands import Correction, delete_video, update_video
from shared.videos.controller import watched

pytestmark = pytest.mark.long

READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
PROCESSING = Observation(MediaState.PROCESSING, 10)
HALF = Observation(MediaState.AWAITING_UPLOAD, 50, received_bytes=500)
POLICY = replace(ROOMY, upload_deadline_s=3000, processing_deadline_s=2400, retry_keep_s=3600)
SWEEP_S = 300
PROVIDERS = ("memory", "second")
OURS = ("read", "select", "total", "count", "commit", "put")


def down(operation: str, do: Any) -> Any:
    """
    Documents and queue answer, and no provider does.
    """
    if operation not in OURS:
        raise refusal(operation)
    return do()


@dataclass(frozen=True, slots=True)
class Story:
    """
    A deployment with videos at both providers, and the ids of these by what they do when the providers go down.
    """

    deployment: Deployment
    videos: Mapping[str, Mapping[str, str]]

    def media(self, provider: str) -> MemoryMedia:
        """
        The videos of one provider.
        """
        return self.deployment.media if provider == "memory" else self.deployment.second

    def show(self, provider: str, what: str, seen: Observation) -> None:
        """
        A video gets on at its provider.
        """
        self.media(provider).show(watched(self.deployment.video(self.videos[provider][what])) or {}, seen)

    def shown(self, provider: str, what: str) -> dict[str, Any]:
        """
        What clients read of a video.
        """
        told = self.deployment.document(session_path(provider)).fields["videos"]
        return dict(told[self.videos[provider][what]])

    def pass_time(self, seconds: float) -> None:
        """
        Time passes, with a sweep every five minutes.
        """
        for _ in range(int(seconds // SWEEP_S)):
            self.deployment.run(SWEEP_S)
            self.deployment.sweep.run()
        self.deployment.run()


@pytest.fixture
def story() -> Story:
    """
    Everything is on its way at both providers, and then these answer no more.
    """
    deployment = Deployment(policy=POLICY, ticks_max=1_000_000)
    story = Story(deployment, {provider: {} for provider in PROVIDERS})
    begun: dict[str, dict[str, str]] = {}
    for provider in PROVIDERS:
        deployment.write_session(provider, videoProvider=provider)
        begun[provider] = {
            what: deployment.ask_upload(what, session_id=provider).video_id
            for what in ("uploading", "processing", "replaced", "renamed", "deleted")
        }
    story = Story(deployment, begun)
    for provider in PROVIDERS:
        for what in ("replaced", "renamed", "deleted"):
            story.show(provider, what, READY)
        story.show(provider, "processing", PROCESSING)
        story.show(provider, "uploading", HALF)
    deployment.run(2 * INTERVAL_S)
    for provider in PROVIDERS:
        deployment.ask_replacement(begun[provider]["replaced"], title="Geometry")
        story.show(provider, "replaced", PROCESSING)
    deployment.run(2 * INTERVAL_S)
    deployment.disturb = down
    for provider in PROVIDERS:
        with pytest.raises(Transient):
            deployment.ask_upload("asked", session_id=provider)
        renamed, deleted = begun[provider]["renamed"], begun[provider]["deleted"]
        correction = Correction("Algebra II")
        update_video(TEACHER, renamed, correction, deployment.documents, deployment.queue, deployment.clock)
        delete_video(TEACHER, deleted, deployment.documents, deployment.queue, deployment.clock)
        told = deployment.document(session_path(provider)).fields["videos"]
        (asked,) = told.keys() - begun[provider].values()
        begun[provider]["asked"] = asked
    return story


def told_to_clients(told: Mapping[str, Any]) -> tuple[str, str | None, bool | None]:
    failure = told.get("failure") or {}
    return told["state"], failure.get("code"), failure.get("retryable")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_video_ends_in_a_state_that_says_so(story: Story, provider: str) -> None:
    """
    B17.
    """
    story.pass_time(4200)
    told = {what: told_to_clients(story.shown(provider, what)) for what in story.videos[provider] if what != "deleted"}
    assert told == {
        "asked": ("failed", "UPLOAD_NOT_FINISHED", False),
        "uploading": ("failed", "UPLOAD_NOT_FINISHED", False),
        "processing": ("failed", "PROCESSING_TOO_LONG", True),
        "replaced": ("ready", None, None),
        "renamed": ("ready", None, None),
    }
    assert story.shown(provider, "renamed")["title"] == "Algebra II"
    replacement = story.shown(provider, "replaced")["replacement"]
    assert told_to_clients(replacement) == ("failed", "PROCESSING_TOO_LONG", True)
    assert story.videos[provider]["deleted"] not in story.deployment.document(session_path(provider)).fields["videos"]
    assert [one.provider for one in story.deployment.deletions()].count(provider) >= 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_pending_videos_continue_within_one_tick_after_an_outage(story: Story, provider: str) -> None:
    """
    B17: the pauses between tries have become minutes.
    """
    story.pass_time(1800)
    story.show(provider, "processing", READY)
    story.show(provider, "replaced", READY)
    story.show(provider, "uploading", replace(HALF, percent=80, received_bytes=800))
    story.deployment.disturb = undisturbed
    story.deployment.run(INTERVAL_S)
    assert told_to_clients(story.shown(provider, "processing")) == ("ready", None, None)
    assert (story.shown(provider, "replaced")["title"], "replacement" in story.shown(provider, "replaced")) == (
        "Geometry",
        False,
    )
    uploading = story.shown(provider, "uploading")
    assert (told_to_clients(uploading), uploading["percent"]) == (("uploading", None, None), 80)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_late_finished_video_plays_within_one_tick_after_an_outage(story: Story, provider: str) -> None:
    """
    B17.
    """
    story.pass_time(4200)
    for what in ("processing", "replaced", "uploading"):
        story.show(provider, what, READY)
    story.deployment.disturb = undisturbed
    story.deployment.run(INTERVAL_S)
    for what in ("processing", "replaced", "uploading"):
        assert told_to_clients(story.shown(provider, what)) == ("ready", None, None), what
        assert "replacement" not in story.shown(provider, what)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_expired_content_is_deleted_and_the_rest_meets_its_spec(story: Story, provider: str) -> None:
    """
    B17: also the bytes that are kept have a deadline; they go once their provider says that nothing plays.
    """
    story.pass_time(3 * 3600)
    for what in ("processing", "uploading"):
        state, _, _ = told_to_clients(story.shown(provider, what))
        assert state == "failed", what
    story.deployment.disturb = undisturbed
    story.pass_time(2 * 3600)
    for what in ("processing", "uploading"):
        state, _, retryable = told_to_clients(story.shown(provider, what))
        assert (state, retryable) == ("failed", False), what
    assert [one for one in story.deployment.deletions() if one.provider == provider] == []
    assert sorted(made.spec.title for made in story.media(provider).alive()) == ["Algebra", "Algebra II"]


def test_live_sessions_say_so_and_come_back() -> None:
    """
    B17: an event that is to be made, one that is changed, one that is on the air, one that goes.
    """
    deployment = Deployment()
    now = deployment.clock()
    times = {"format": "liveStreaming", "startsAt": now, "endsAt": now + 8 * HOUR}
    for session_id in ("changed", "gone", "aired"):
        deployment.write_session(session_id, **times)
        deployment.deliver(Task(RECONCILE_SESSION, session_id))
    deployment.run(60)
    deployment.disturb = down
    deployment.write_session("made", **times)
    deployment.write_session("changed", title="Algebra II")
    deployment.delete_session("gone")
    for session_id in ("made", "changed", "gone"):
        deployment.deliver(Task(RECONCILE_SESSION, session_id))
    for _ in range(2 * 3600 // SWEEP_S):
        deployment.run(SWEEP_S)
        deployment.sweep.run()

    told = {one: deployment.document(session_path(one)).fields["kaltura"] for one in ("made", "changed", "aired")}
    assert told["made"]["state"] == "creating"
    for session_id in ("made", "changed"):
        assert told[session_id]["failure"]["retryable"] is True, session_id
    assert told["aired"]["state"] == "ready"

    deployment.disturb = undisturbed
    (aired,) = (one for one in deployment.events.alive() if one.external_ids["entryId"] == told["aired"]["entryId"])
    deployment.events.broadcast(aired.external_ids, is_live=True)
    # The longest pause between two tries, with its spread.
    deployment.run(PAUSE_MAX_S * 1.5)

    told = {one: deployment.document(session_path(one)).fields["kaltura"] for one in ("made", "changed", "aired")}
    assert {one: (fields["state"], fields.get("failure")) for one, fields in told.items()} == dict.fromkeys(
        told, ("ready", None)
    )
    assert told["aired"]["broadcast"] == "live"
    assert len(deployment.events.alive()) == 3
