"""Events for the school's own app: which changes are told of, once each, by ids only, and what never waits for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar

import pytest

from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.deployment import POLICY, TEACHER, WINDOW, Deployment
from emulator_tests.pure.video_records import ENDING, NOW, READY, SESSION, recorded_as
from functions import config
from functions.edge import tasks
from shared.core.errors import BackendError, Doubtful, Misconfigured, Permanent, Transient
from shared.core.paths import PUBLISH_EVENT, RECONCILE_SESSION
from shared.operations.kill_switch import SWITCH, KillSwitch
from shared.ports import Create, EventSpec, Observation, Task
from shared.publishing.model import EVENT_KEY, EventType, Happening, tasks_of
from shared.publishing.settings import EventSettings, event_types
from shared.registry import BULK_QUEUES, WORKERS
from shared.sessions.broadcasting import looked
from shared.sessions.happenings import happened as happened_to_session
from shared.sessions.model import Airing, Pairing
from shared.videos import transitions
from shared.videos.commands import delete_video
from shared.videos.happenings import happened as happened_to_video
from shared.videos.model import Video, VideoState

T = TypeVar("T")

CHANNEL: Final = "projects/my-school/locations/europe-west1/channels/firebase"
VIDEO_ID: Final = "0123456789abcdef0123"
ALL: Final = EventSettings(CHANNEL, ())
HAPPENING: Final = Happening(EventType.VIDEO_READY, "s1", VIDEO_ID, BEGIN_AT)

PLAYS: Final = recorded_as(VideoState.READY)
REPLACED: Final = replace(recorded_as(VideoState.PROCESSING), playable=PLAYS.playable)
FAILED: Final = recorded_as(VideoState.FAILED)


def types_of(happenings: Sequence[Happening]) -> list[str]:
    return [one.type.rpartition(".")[2] for one in happenings]


@pytest.mark.parametrize(
    ("before", "record", "told"),
    [
        pytest.param(recorded_as(VideoState.PROCESSING), PLAYS, ["ready"], id="ready"),
        pytest.param(recorded_as(VideoState.UPLOADING), recorded_as(VideoState.PROCESSING), [], id="processing"),
        pytest.param(PLAYS, replace(PLAYS, looks=7), [], id="ready and looked at"),
        pytest.param(PLAYS, REPLACED, [], id="a replacement is processed"),
        pytest.param(REPLACED, transitions.ready(REPLACED, READY, NOW), ["ready"], id="a replacement is ready"),
        pytest.param(REPLACED, transitions.withdrawn(REPLACED, NOW), [], id="a replacement is cancelled"),
        pytest.param(
            REPLACED, transitions.failed(REPLACED, ENDING, NOW, POLICY), ["failed"], id="a replacement failed"
        ),
        pytest.param(recorded_as(VideoState.PROCESSING), FAILED, ["failed"], id="failed"),
        pytest.param(FAILED, transitions.discarded(FAILED), [], id="failed, its bytes are gone"),
        pytest.param(FAILED, recorded_as(VideoState.RETRYING), [], id="retried"),
        pytest.param(
            recorded_as(VideoState.RETRYING),
            transitions.failed(recorded_as(VideoState.RETRYING), ENDING, NOW, POLICY),
            ["failed"],
            id="failed again",
        ),
        pytest.param(PLAYS, transitions.closed(PLAYS, NOW), ["deleted"], id="deleted"),
        pytest.param(transitions.closed(PLAYS, NOW), transitions.closed(PLAYS, NOW), [], id="deleted before"),
    ],
)
def test_videos_changes_that_are_told_of(before: Video, record: Video, told: list[str]) -> None:
    happenings = happened_to_video(VIDEO_ID, before, record)
    assert types_of(happenings) == told
    assert {(one.session_id, one.video_id) for one in happenings} <= {("s1", VIDEO_ID)}


STARTS_AT: Final = BEGIN_AT
EVENT: Final = EventSpec("Algebra", STARTS_AT, STARTS_AT + timedelta(hours=1))


def test_interrupted_broadcast_is_live_once_and_ends_once() -> None:
    seen = [(1, True), (2, True), (3, False), (4, True), (70, False), (72, False), (80, False)]
    airing, told = Airing(), list[Happening]()
    for minutes, is_live in seen:
        before, now = Pairing(SESSION, airing=airing), STARTS_AT + timedelta(minutes=minutes)
        airing = looked(airing, EVENT, now, WINDOW, is_live=is_live)
        told += happened_to_session("s1", before, replace(before, airing=airing))
    assert [(one.type.rpartition(".")[2], one.at - STARTS_AT) for one in told] == [
        ("live", timedelta(minutes=1)),
        ("ended", timedelta(minutes=72)),
    ]


@pytest.mark.parametrize(
    "happening",
    [
        HAPPENING,
        replace(HAPPENING, at=BEGIN_AT + timedelta(microseconds=1)),
        Happening(EventType.SESSION_LIVE, "a" * 64, "", BEGIN_AT),
    ],
    ids=lambda one: one.key[:40],
)
def test_key_names_the_whole_event(happening: Happening) -> None:
    assert EVENT_KEY.fullmatch(happening.key)
    assert Happening.of_key(happening.key) == happening
    assert happening.event.id == happening.key


def test_event_has_ids_only() -> None:
    event = HAPPENING.event
    assert event.data == {"sessionId": "s1", "videoId": VIDEO_ID}
    assert (event.type, event.subject, event.time) == ("greenroom.video.v1.ready", f"videos/{VIDEO_ID}", BEGIN_AT)


def test_instants_of_two_changes_are_two_events() -> None:
    later = replace(HAPPENING, at=BEGIN_AT + timedelta(microseconds=1))
    assert HAPPENING.key != later.key


# --- the settings ----------------------------------------------------------------------------------------------------


def test_no_channel_publishes_no_types() -> None:
    assert EventSettings("", (EventType.VIDEO_READY,)).types == ()
    assert tasks_of([HAPPENING], EventSettings("", ()).types) == ()


def test_empty_filter_publishes_all_types() -> None:
    assert set(ALL.types) == set(EventType)


def test_filter_publishes_its_types_alone() -> None:
    types = EventSettings(CHANNEL, event_types("greenroom.video.v1.failed, greenroom.video.v1.failed")).types
    assert types == (EventType.VIDEO_FAILED,)
    assert tasks_of([HAPPENING], types) == ()


@pytest.mark.parametrize("text", ["greenroom.video.v1.gone", "ready", "*", "greenroom.video.v1.ready greenroom.x"])
def test_unknown_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be some of greenroom"):
        event_types(text)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("firebase", id="the last part alone"),
        pytest.param("locations/europe-west1/channels/firebase", id="no project"),
        pytest.param(f"{CHANNEL}/", id="a slash at its end"),
        pytest.param(f"https://eventarcpublishing.googleapis.com/v1/{CHANNEL}", id="an address"),
        pytest.param(f"{CHANNEL}:publishEvents", id="the method"),
        pytest.param(f"{CHANNEL}?key=x", id="a question mark"),
        pytest.param(CHANNEL.replace("my-school", "../my-school"), id="a path that climbs"),
        pytest.param(CHANNEL.replace("channels", "triggers"), id="another kind"),
        pytest.param(CHANNEL.replace("europe-west1", "europe"), id="no region"),
        pytest.param(f"{CHANNEL}\n{CHANNEL}", id="two lines"),
    ],
)
def test_name_that_is_no_channel_fails_the_deployment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("EVENTARC_CHANNEL", name)
    with pytest.raises(Misconfigured, match="EVENTARC_CHANNEL must be the full name of a channel"):
        config.read(EventSettings)


# --- a life ----------------------------------------------------------------------------------------------------------


def upload(deployment: Deployment, observation: Observation = READY) -> str:
    """
    Upload a video of the session s1, and have its provider finish it.
    """
    video_id = deployment.ask_upload(size_bytes=500).video_id
    deployment.show(video_id, observation)
    deployment.run(60)
    return video_id


def published(deployment: Deployment) -> list[tuple[str, str]]:
    return [(one.type, one.subject) for one in deployment.channel.published]


def test_video_is_told_of_when_it_is_ready_and_when_it_is_deleted() -> None:
    deployment = Deployment(events=ALL)
    deployment.write_session()
    video_id = upload(deployment)
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(600)
    assert published(deployment) == [
        ("greenroom.video.v1.ready", f"videos/{video_id}"),
        ("greenroom.video.v1.deleted", f"videos/{video_id}"),
    ]


def test_broadcast_is_told_of_when_it_is_live_and_when_it_has_ended() -> None:
    deployment = Deployment(events=ALL)
    now = deployment.clock()
    deployment.write_session(format="liveStreaming", startsAt=now, endsAt=now + timedelta(hours=1))
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    external_ids = deployment.pairing().external_ids
    for is_live in (True, False, True, False):
        deployment.events.broadcast(external_ids, is_live=is_live)
        deployment.run(120)
    deployment.run(7200)
    told = [one for one in published(deployment) if "session" in one[0]]
    assert told == [
        ("greenroom.session.v1.live", "sessions/s1"),
        ("greenroom.session.v1.ended", "sessions/s1"),
    ]


def test_nothing_is_enqueued_without_a_channel() -> None:
    deployment = Deployment()
    enqueued: set[str] = set()

    def note(operation: str, do: Any) -> Any:
        done = do()
        if operation == "put":
            enqueued.update(task.queue for task in deployment.queue.waiting())
        return done

    deployment.disturb = note
    deployment.write_session()
    upload(deployment)
    assert enqueued
    assert PUBLISH_EVENT not in enqueued
    assert deployment.channel.published == []


def test_channel_that_fails_delays_no_video() -> None:
    deployment = Deployment(events=ALL)

    def fail(operation: str, do: Any) -> Any:
        if operation == "publish":
            raise Transient("Busy.", provider="eventarc", operation="publish", code="HTTP_503")
        return do()

    deployment.disturb = fail
    deployment.write_session()
    video_id = upload(deployment)
    deployment.run(3600)
    assert deployment.video(video_id).state is VideoState.READY
    assert deployment.channel.published == []
    # The queue gave up.
    assert [task.queue for task in deployment.queue.dropped] == [PUBLISH_EVENT]
    assert PUBLISH_EVENT not in [task.queue for task in deployment.queue.waiting()]


def test_channel_that_recovers_gets_the_event() -> None:
    deployment = Deployment(events=ALL)
    failures = iter([Doubtful("Lost.", provider="eventarc", operation="publish", code="CONNECTION_LOST")])

    def fail_once(operation: str, do: Any) -> Any:
        if operation == "publish" and (error := next(failures, None)) is not None:
            do()
            raise error
        return do()

    deployment.disturb = fail_once
    deployment.write_session()
    upload(deployment)
    # The answer of the first was lost: the subscriber sees by its id that both are one.
    assert len(deployment.channel.published) == 2
    assert len({one.id for one in deployment.channel.published}) == 1


@pytest.mark.parametrize(
    "error",
    [
        Misconfigured("Grant the role roles/eventarc.publisher."),
        Permanent("Refused.", provider="eventarc", operation="publish", code="HTTP_400"),
    ],
    ids=["no permission", "refused"],
)
def test_event_that_is_refused_is_logged_once_and_dropped(
    error: BackendError, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment, tried = Deployment(events=ALL), []

    def refuse(operation: str, do: Any) -> Any:
        if operation == "publish":
            tried.append(operation)
            raise error
        return do()

    deployment.disturb = refuse
    status = tasks.respond(
        PUBLISH_EVENT,
        {"key": HAPPENING.key},
        EVENT_KEY,
        lambda _: True,
        lambda key: deployment.app.work(PUBLISH_EVENT, key),
    ).status_code
    assert (status, len(tried)) == (200, 1)
    logged = capsys.readouterr()
    (line,) = (logged.out + logged.err).splitlines()
    told = json.loads(line)
    assert (told["message"], told["key"], told["sentence"]) == ("event dropped", HAPPENING.key, str(error))


def test_type_that_is_not_published_any_more_is_dropped() -> None:
    for settings in (EventSettings(CHANNEL, (EventType.VIDEO_FAILED,)), None):
        deployment = Deployment(events=settings)
        deployment.deliver(Task(PUBLISH_EVENT, HAPPENING.key))
        assert deployment.channel.published == []


def test_kill_switch_holds_events_back_and_loses_none() -> None:
    deployment = Deployment(events=ALL)
    switch = KillSwitch(deployment.documents, deployment.queue, deployment.clock, 100_000, BULK_QUEUES)

    def deliver(task: Task) -> None:
        if switch.admits(task):
            deployment.deliver(task)

    deployment.documents.commit(Create(SWITCH, {"stopped": True}))
    deployment.queue.put(Task(PUBLISH_EVENT, HAPPENING.key))
    deployment.queue.deliver_due(deliver)
    assert deployment.channel.published == []
    assert deployment.enqueued(PUBLISH_EVENT) == [HAPPENING.key]


def test_one_change_that_is_enqueued_often_is_one_task() -> None:
    deployment = Deployment(events=ALL)
    for _ in range(1000):
        for task in tasks_of([HAPPENING], ALL.types):
            deployment.queue.put(task)
    assert deployment.enqueued(PUBLISH_EVENT) == [HAPPENING.key]


def test_events_are_bulk_work() -> None:
    assert PUBLISH_EVENT in BULK_QUEUES
    assert WORKERS[PUBLISH_EVENT].at_once <= 10


def test_erased_content_is_told_of_by_ids() -> None:
    deployment = Deployment(events=ALL)
    deployment.write_session(title="Secret")
    video_id = upload(deployment)
    deployment.delete_session()
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(3600)
    (told,) = (one for one in deployment.channel.published if one.type == EventType.VIDEO_DELETED)
    assert told.data == {"sessionId": "s1", "videoId": video_id}
    everything = repr(deployment.channel.published)
    assert not [word for word in ("Secret", "Algebra", "algebra.mp4", "teacher", "http") if word in everything]
