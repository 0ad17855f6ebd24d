"""Giving orphans back to their sessions (A3): the ordinary reconciles make them ready; nobody gets what is not
theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import (
    HOUR,
    LATE_COMMIT_S,
    STRAY_AGE_S,
    TEACHER,
    Deployment,
    Killed,
    live,
    refusal,
)
from shared.core.callers import Caller
from shared.core.errors import Transient
from shared.core.paths import RECONCILE_SESSION, pairing_path, session_path, video_path
from shared.deletions.model import Reason
from shared.hosts.table import Terms
from shared.operations.orphans.adoption import Adopted
from shared.ports import REMOVE, Delete, EventSpec, InventoryItem, MediaState, Observation, Task, Update, UploadSpec
from shared.sessions.model import BroadcastState, PairingState
from shared.sessions.pairing import retrieve_or_create
from shared.sessions.session import Session
from shared.videos.commands import delete_video
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")

READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
LIVE: dict[str, Any] = {"format": "liveStreaming"}


def upload(deployment: Deployment, request_id: str = "r1", *, title: str = "Algebra") -> str:
    """
    A video that is ready.
    """
    video_id = deployment.ask_upload(request_id, title=title).video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY
    return video_id


def restored(*titles: str) -> tuple[Deployment, list[str]]:
    """
    A deployment whose database is one of before its videos were uploaded.

    Returns:
        With the ids of the videos that were.
    """
    deployment = Deployment()
    deployment.write_session()
    deployment.sweep.run()
    backup = deployment.back_up()
    videos = [upload(deployment, f"r{number}", title=title) for number, title in enumerate(titles)]
    deployment.restore(backup)
    deployment.lose_tasks()
    return deployment, videos


def settle(deployment: Deployment, seconds: float = 1200) -> None:
    """
    Let tasks and sweeps do what they do.
    """
    for _ in range(int(seconds // 300)):
        deployment.sweep.run()
        deployment.run(300)


def shown(deployment: Deployment, session_id: str = "s1") -> dict[str, Any]:
    videos: dict[str, Any] = dict(deployment.document(session_path(session_id)).fields.get("videos") or {})
    return videos


def refused(adopted: list[Adopted]) -> str:
    """
    Why the one orphan was not given back.
    """
    (one,) = adopted
    assert one.path is None
    return one.sentence


# --- videos --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [True, False], ids=["deletions are held", "deletions are not held"])
def test_lost_videos_are_given_back_to_their_session_and_play_again(held: bool) -> None:
    """A3."""
    deployment, videos = restored("Rings", "Fields", "Groups")
    if held:
        deployment.database_uid = "first"
        deployment.sweep.run()
        deployment.database_uid = "second"
        deployment.sweep.run()

    adopted = deployment.adopt()
    settle(deployment)

    assert [one.path for one in adopted] == [video_path(video_id) for video_id in videos]
    told = shown(deployment)
    assert {video_id: (one["title"], one["state"], one["order"]) for video_id, one in told.items()} == {
        videos[0]: ("Rings", "ready", 1),
        videos[1]: ("Fields", "ready", 2),
        videos[2]: ("Groups", "ready", 3),
    }
    for video_id in videos:
        assert deployment.playbacks.issue_playback(TEACHER, video_id).host == "memory"
    assert deployment.video(videos[0]).session == deployment.pairing().identity
    assert deployment.orphans.all(young=True) == []


def test_only_those_that_are_named_are_given_back() -> None:
    deployment, videos = restored("Rings", "Fields")
    (adopted,) = deployment.adopt(f"video:{videos[1]}:1", "video:unknown:1", "nonsense")
    settle(deployment)
    assert adopted.path == video_path(videos[1])
    assert shown(deployment).keys() == {videos[1]}
    assert len(deployment.media.alive()) == 2


def test_what_was_given_back_goes_with_its_video() -> None:
    deployment, (video_id,) = restored("Rings")
    deployment.adopt()
    settle(deployment)
    deployment.delete_session()
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    settle(deployment)
    assert deployment.media.alive() == ()
    assert deployment.video(video_id).state is VideoState.GONE


def test_what_was_given_back_is_copied_to_hosts_as_any_other() -> None:
    deployment = Deployment(terms={"fetching": Terms(price_per_gb=0.0)})
    deployment.write_session()
    deployment.sweep.run()
    backup = deployment.back_up()
    upload(deployment)
    (copy,) = deployment.fetching.alive()
    deployment.fetching.show(copy.external_ids, READY)
    deployment.run(60)
    deployment.restore(backup)

    adopted = {one.item.provider: one for one in deployment.adopt()}
    assert adopted["memory"].path is not None
    assert "another copy is made" in adopted["fetching"].sentence
    settle(deployment)
    for made in deployment.fetching.alive():
        deployment.fetching.show(made.external_ids, READY)
    settle(deployment, 2 * STRAY_AGE_S)

    assert len(deployment.fetching.alive()) == 1
    assert deployment.orphans.all(young=True) == []


@pytest.mark.parametrize("state", ["ready", "uploading"])
def test_adoption_restores_what_plays_if_the_orphan_is_a_later_upload(state: str) -> None:
    """A3: the backup knows an earlier video, or an upload that was under way."""
    deployment = Deployment()
    deployment.write_session()
    deployment.sweep.run()
    video_id = upload(deployment) if state == "ready" else deployment.ask_upload().video_id
    backup = deployment.back_up()
    deployment.ask_replacement(video_id, title="Later")
    deployment.show(video_id, READY)
    settle(deployment)
    (later,) = deployment.media.alive()
    assert later.reference == f"video:{video_id}:2"
    deployment.restore(backup)
    deployment.lose_tasks()
    settle(deployment, 300)

    (adopted,) = deployment.adopt()
    settle(deployment)

    assert adopted.path == video_path(video_id)
    video = deployment.video(video_id)
    assert video.state is VideoState.READY
    assert video.playable is not None
    assert (video.playable.reference, video.playable.title) == (later.reference, "Later")
    assert shown(deployment)[video_id]["title"] == "Later"
    assert [made.external_ids for made in deployment.media.alive()] == [later.external_ids]
    assert deployment.deletions() == []
    # A later one gets a reference of its own.
    deployment.ask_replacement(video_id, "once more")
    assert deployment.video(video_id).reference == f"video:{video_id}:3"


def test_adopted_older_video_does_not_replace_what_plays() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    deployment.ask_replacement(video_id)
    deployment.show(video_id, READY)
    settle(deployment)
    old = deployment.media.prepare_upload(f"video:{video_id}:1", UploadSpec("Old", "a.mp4", 1))
    deployment.media.show(old, READY)
    assert "plays a newer file" in refused(deployment.adopt())
    assert deployment.video(video_id).state is VideoState.READY


def test_a_video_that_was_deleted_does_not_come_back() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    settle(deployment)
    old = deployment.media.prepare_upload(f"video:{video_id}:1", UploadSpec("Old", "a.mp4", 1))
    deployment.media.show(old, READY)
    assert "was deleted" in refused(deployment.adopt())


def test_incomplete_upload_is_not_adopted_as_ready() -> None:
    deployment = Deployment()
    deployment.write_session()
    deployment.sweep.run()
    backup = deployment.back_up()
    video_id = deployment.ask_upload().video_id
    deployment.restore(backup)
    assert deployment.adopt() == []
    assert video_path(video_id) not in deployment.documents.paths()


# --- whose it is (A1) ----------------------------------------------------------------------------------------------


def test_another_session_of_the_same_id_gets_nothing() -> None:
    """A3, A1: the id alone proves nothing."""
    deployment, (video_id,) = restored("Rings")
    deployment.delete_session()
    deployment.clock.advance(1)
    deployment.write_session(ownerUid="another")
    told = refused(deployment.adopt())
    assert "not the one that this was made for" in told
    settle(deployment)
    assert shown(deployment) == {}
    assert video_path(video_id) not in deployment.documents.paths()

    # The operator may say otherwise.
    (adopted,) = deployment.adopt(session_id="s1")
    settle(deployment)
    assert adopted.path == video_path(video_id)
    assert deployment.video(video_id).session.owner_uid == "another"


def forget(deployment: Deployment, video_id: str) -> None:
    """
    Lose what documents say of a video, as a restore does.
    """
    forgotten: dict[tuple[str, ...], Any] = {("videos", video_id): REMOVE}
    deployment.documents.commit(Delete(video_path(video_id)), Update(session_path("s1"), forgotten))
    deployment.clock.advance(2 * STRAY_AGE_S)


@pytest.mark.parametrize("owners", [["other"], ["other", "bert"], ["other", "teacher"]], ids=" then ".join)
def test_an_orphan_of_a_transferred_session_is_adopted_without_naming_it(owners: list[str]) -> None:
    """A3, A13: what a session had before it was transferred is given back to it as well."""
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    caller = TEACHER
    for uid in owners:
        deployment.transfer(uid, caller=caller)
        settle(deployment, 1800)
        caller = Caller(uid, is_teacher=True)
    assert "formerOwnerUids" not in deployment.document(session_path("s1")).fields
    forget(deployment, video_id)

    (adopted,) = deployment.adopt(f"video:{video_id}:1")
    settle(deployment)

    assert adopted.path == video_path(video_id), adopted.sentence
    assert deployment.video(video_id).session == deployment.pairing().identity
    assert deployment.video(video_id).session.owner_uid == owners[-1]
    assert shown(deployment)[video_id]["state"] == "ready"
    assert deployment.playbacks.issue_playback(caller, video_id).host == "memory"


def test_an_orphan_is_adopted_while_its_session_is_being_transferred() -> None:
    """A3, A13."""
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    forget(deployment, video_id)
    deployment.transfer("other")
    (adopted,) = deployment.adopt()
    settle(deployment, 1800)
    assert adopted.path == video_path(video_id), adopted.sentence
    assert deployment.video(video_id).session.owner_uid == "other"
    assert deployment.video(video_id).state is VideoState.READY


def test_an_event_of_a_transferred_session_is_adopted_without_naming_it() -> None:
    """A3, A13."""
    deployment = live()
    entry_id = deployment.pairing().external_ids["entryId"]
    deployment.events.broadcast(deployment.pairing().external_ids, is_live=True)
    deployment.transfer("other")
    settle(deployment)
    deployment.documents.commit(Delete(pairing_path("s1")))

    (adopted,) = deployment.adopt()
    settle(deployment)

    assert adopted.path == pairing_path("s1"), adopted.sentence
    assert deployment.pairing().external_ids["entryId"] == entry_id
    assert deployment.pairing().identity.owner_uid == "other"


@pytest.mark.parametrize("session_id", [None, "s1"], ids=["by its stamp", "by the operator"])
@pytest.mark.parametrize("is_lost", [True, False], ids=["its document is lost", "a later film is the orphan"])
def test_where_the_owner_was_changed_without_a_transfer_nothing_is_given_to_the_new_one(
    is_lost: bool, session_id: str | None
) -> None:
    """A3, A13: it waits as everything else of the session does, and the sentence says for what."""
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    if is_lost:
        forget(deployment, video_id)
    else:
        later = deployment.media.prepare_upload(f"video:{video_id}:2", UploadSpec("Later", "a.mp4", 1))
        deployment.media.show(later, READY)
    deployment.documents.commit(Update(session_path("s1"), {"ownerUid": "other"}))
    told = refused(deployment.adopt(session_id=session_id))
    assert "was changed without a transfer" in told
    assert "transferSession" in told

    deployment.transfer("other", caller=Caller("admin", is_teacher=False, is_admin=True))
    settle(deployment, 1800)
    (adopted,) = deployment.adopt(session_id=session_id)
    settle(deployment)
    assert adopted.path == video_path(video_id), adopted.sentence
    assert deployment.video(video_id).session.owner_uid == "other"


def test_an_event_waits_where_the_owner_was_changed_without_a_transfer() -> None:
    """A3, A13."""
    deployment, _ = aired()
    deployment.write_session(status="public")
    retrieve_or_create(deployment.documents, Session.from_document(deployment.document(session_path("s1"))))
    deployment.documents.commit(Update(session_path("s1"), {"ownerUid": "other"}))
    assert "was changed without a transfer" in refused(deployment.adopt())


def test_a_video_of_which_another_session_has_the_id_is_not_given_to_it() -> None:
    """A1, A3: its document is there, and its session is not."""
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    later = deployment.media.prepare_upload(f"video:{video_id}:2", UploadSpec("Later", "a.mp4", 1))
    deployment.media.show(later, READY)
    deployment.delete_session()
    assert refused(deployment.adopt()) == "The session of this video is gone."
    deployment.write_session()
    assert refused(deployment.adopt()) == "The session of this video is gone, and another one has its id."


@pytest.mark.parametrize("thing", ["a video", "an event"])
def test_what_is_adopted_while_a_back_end_has_taken_the_mark_away_stays(thing: str) -> None:
    """A1, A3: a session without its mark is known by that of its pairing; Firestore's own time has more digits."""
    deployment = Deployment()
    deployment.write_session(**LIVE, startsAt=deployment.clock(), endsAt=deployment.clock() + 3 * HOUR)
    created_at = deployment.document(session_path("s1")).created_at - timedelta(microseconds=400)
    deployment.documents.commit(Update(session_path("s1"), {"createdAt": created_at}))
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    video_id = upload(deployment)
    if thing == "a video":
        forget(deployment, video_id)
    else:
        deployment.events.broadcast(deployment.pairing().external_ids, is_live=True)
        record: dict[str, Any] = {"state": "none", "parts": {}, "reference": None, "applied": None, "dueAt": None}
        deployment.documents.commit(Update(pairing_path("s1"), record))
    deployment.documents.commit(Update(session_path("s1"), {"createdAt": REMOVE, "kalturaSession": REMOVE}))

    (adopted,) = deployment.adopt()
    settle(deployment)

    assert adopted.path is not None, adopted.sentence
    assert deployment.document(session_path("s1")).fields["createdAt"] == created_at
    assert deployment.pairing().identity.created_at == created_at
    assert deployment.video(video_id).state is VideoState.READY
    assert deployment.video(video_id).session.created_at == created_at


def test_a_session_that_is_not_there_is_named() -> None:
    deployment, _ = restored("Rings")
    deployment.delete_session()
    assert refused(deployment.adopt()).startswith("There is no session s1.")
    assert refused(deployment.adopt(session_id="s9")).startswith("There is no session s9.")


def test_what_an_earlier_release_made_needs_an_operator_who_names_the_session() -> None:
    deployment = Deployment()
    deployment.write_session()
    external_ids = deployment.media.prepare_upload("video:old:1", UploadSpec("", "a.mp4", 1))
    deployment.media.show(external_ids, READY)
    assert "--session ID" in refused(deployment.adopt())

    (adopted,) = deployment.adopt(session_id="s1")
    settle(deployment)

    assert adopted.path == video_path("old")
    assert shown(deployment)["old"]["title"] == "Algebra"
    # It is stamped now: the next restore needs nobody.
    (item,) = stray_list(deployment)
    assert item.reference == "video:old:1"


def stray_list(deployment: Deployment) -> list[InventoryItem]:
    places = deployment.app.places
    return list(places["memory"].inventory.list_items(deployment.clock() - 24 * HOUR, deployment.clock() + HOUR))


def test_a_video_of_one_session_is_not_given_to_another() -> None:
    deployment = Deployment()
    deployment.write_session()
    deployment.write_session("s2")
    video_id = upload(deployment)
    later = deployment.media.prepare_upload(f"video:{video_id}:2", UploadSpec("Later", "a.mp4", 1))
    deployment.media.show(later, READY)
    assert "belongs to the session s1" in refused(deployment.adopt(session_id="s2"))


# --- events --------------------------------------------------------------------------------------------------------


def aired() -> tuple[Deployment, str]:
    """
    A deployment whose database is one of before its live session was published and went on the air.

    Returns:
        With the id of the event's entry.
    """
    deployment = Deployment()
    now = deployment.clock()
    deployment.write_session(**LIVE, startsAt=now, endsAt=now + 3 * HOUR, status="draft")
    deployment.sweep.run()
    backup = deployment.back_up()
    deployment.write_session(status="public")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    external_ids = deployment.pairing().external_ids
    deployment.events.broadcast(external_ids, is_live=True)
    deployment.restore(backup)
    deployment.lose_tasks()
    return deployment, external_ids["entryId"]


def test_adopted_event_keeps_its_broadcast() -> None:
    """A3."""
    deployment, entry_id = aired()
    deployment.write_session(status="public")

    (adopted,) = deployment.adopt()
    settle(deployment)

    assert adopted.path == pairing_path("s1")
    pairing = deployment.pairing()
    assert (pairing.state, pairing.external_ids["entryId"]) == (PairingState.READY, entry_id)
    assert pairing.airing.state is BroadcastState.LIVE
    assert [event.external_ids["entryId"] for event in deployment.events.alive()] == [entry_id]
    assert deployment.document(session_path("s1")).fields["kaltura"]["entryId"] == entry_id
    assert deployment.orphans.all(young=True) == []
    # Ended, its recording is a video.
    deployment.events.broadcast(pairing.external_ids, is_live=False)
    deployment.clock.advance(5 * 3600)
    settle(deployment)
    assert len(shown(deployment)) == 1


def test_an_event_is_not_given_to_a_session_that_asks_for_none() -> None:
    deployment, _ = aired()
    assert "not a public live session" in refused(deployment.adopt())


def test_an_event_is_not_given_to_a_session_that_has_one() -> None:
    deployment, entry_id = aired()
    deployment.write_session(status="public")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    other = deployment.pairing().external_ids["entryId"]
    assert other != entry_id
    assert "has an event already" in refused(deployment.adopt())
    assert deployment.pairing().external_ids["entryId"] == other


def test_an_event_takes_the_place_of_one_that_is_not_there_any_more() -> None:
    """A3: the backup names an event that was deleted since, and another one was made."""
    deployment = live()
    deployment.sweep.run()
    backup = deployment.back_up()
    first = deployment.pairing().external_ids
    deployment.write_session(status="draft")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(1200)
    deployment.write_session(status="public")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    second = deployment.pairing().external_ids
    deployment.events.broadcast(second, is_live=True)
    deployment.restore(backup)
    deployment.lose_tasks()
    assert deployment.pairing().external_ids == first

    (adopted,) = deployment.adopt()
    settle(deployment)

    assert adopted.path == pairing_path("s1")
    assert deployment.pairing().external_ids == second
    assert deployment.pairing().reference == "session:s1:2"


def test_an_event_of_another_session_of_the_same_id_is_not_given_back() -> None:
    """A3, A1: nor is the stream key of another teacher."""
    deployment, entry_id = aired()
    deployment.delete_session()
    deployment.clock.advance(1)
    now = deployment.clock()
    deployment.write_session(**LIVE, startsAt=now, endsAt=now + HOUR, ownerUid="another")
    assert "not the one that this was made for" in refused(deployment.adopt())
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    settle(deployment)
    assert deployment.pairing().external_ids["entryId"] != entry_id
    assert deployment.pairing().identity.owner_uid == "another"


def test_an_event_is_only_given_to_the_session_of_its_reference() -> None:
    deployment, _ = aired()
    deployment.write_session("s2", **LIVE)
    assert "was made for the session s1" in refused(deployment.adopt(session_id="s2"))


# --- what goes wrong on the way ------------------------------------------------------------------------------------


def orphans_of_each_kind() -> tuple[Deployment, str]:
    """
    A lost video and a lost event of the same session.
    """
    deployment = Deployment()
    now = deployment.clock()
    deployment.write_session(**LIVE, startsAt=now, endsAt=now + 3 * HOUR, status="draft")
    deployment.sweep.run()
    backup = deployment.back_up()
    deployment.write_session(status="public")
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    video_id = upload(deployment)
    deployment.events.broadcast(deployment.pairing().external_ids, is_live=True)
    deployment.restore(backup)
    deployment.lose_tasks()
    deployment.write_session(status="public")
    return deployment, video_id


def effects_of_adoption() -> int:
    deployment, _ = orphans_of_each_kind()
    met: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        met.append(operation)
        return do()

    deployment.disturb = counting
    deployment.adopt()
    return len(met)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("how", ["killed", "refused"])
def test_repeated_adoption_completes_after_any_failure(how: str, after: bool) -> None:
    """A3: killed, or not answered, at each effect of the adoption."""
    for number in range(1, effects_of_adoption() + 1):
        deployment, video_id = orphans_of_each_kind()
        met: list[str] = []

        def struck(operation: str, do: Callable[[], T], number: int = number, met: list[str] = met) -> T:
            met.append(operation)
            if len(met) != number:
                return do()
            if after:
                do()
            raise Killed if how == "killed" else refusal(operation)

        deployment.disturb = struck
        with pytest.raises(Killed if how == "killed" else Transient):
            deployment.adopt()
        deployment.disturb = undisturbed
        deployment.lose_tasks()

        deployment.adopt()
        settle(deployment, 2 * LATE_COMMIT_S)

        assert shown(deployment)[video_id]["state"] == "ready", number
        assert deployment.pairing().state is PairingState.READY, number
        assert len(deployment.media.alive()) == len(deployment.events.alive()) == 1, number
        assert deployment.orphans.all(young=True) == [], number


def test_concurrent_adoptions_adopt_once() -> None:
    deployment, video_id = orphans_of_each_kind()

    def twice(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            deployment.disturb = undisturbed
            deployment.adopt()
        return do()

    deployment.disturb = twice
    deployment.adopt()
    settle(deployment)
    assert shown(deployment)[video_id]["state"] == "ready"
    assert deployment.pairing().state is PairingState.READY
    assert deployment.adopt() == []
    assert len(deployment.media.alive()) == len(deployment.events.alive()) == 1


@pytest.mark.parametrize("number", range(1, 12))
def test_a_session_that_is_deleted_meanwhile_takes_all_with_it(number: int) -> None:
    """A3: as the deletion of a session takes everything that it ever had."""
    deployment, _ = orphans_of_each_kind()
    met: list[str] = []

    def deleting(operation: str, do: Callable[[], T]) -> T:
        met.append(operation)
        if len(met) == number:
            deployment.disturb = undisturbed
            deployment.delete_session()
        return do()

    deployment.disturb = deleting
    adopted = deployment.adopt()
    deployment.disturb = undisturbed
    for event in deployment.events.alive():
        deployment.events.broadcast(event.external_ids, is_live=False, records=False)
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    settle(deployment, 3600)

    given_back = [one for one in adopted if one.path is not None]
    left = {one.reference for one in deployment.media.alive()} | {one.reference for one in deployment.events.alive()}
    assert left.isdisjoint(one.item.reference for one in given_back)
    assert left == {one.item.reference for one in adopted if one.path is None}
    assert session_path("s1") not in deployment.documents.paths()


def test_what_somebody_is_at_work_on_is_given_back_once_they_are_done() -> None:
    deployment = Deployment()
    deployment.write_session()

    def dying(operation: str, do: Callable[[], T]) -> T:
        if operation == "prepare_upload":
            raise Killed
        return do()

    deployment.disturb = dying
    with pytest.raises(Killed):
        deployment.ask_upload()
    deployment.disturb = undisturbed
    (path,) = (one for one in deployment.documents.paths() if one.startswith("videos/"))
    video_id = path.removeprefix("videos/")
    later = deployment.media.prepare_upload(f"video:{video_id}:5", UploadSpec("Later", "a.mp4", 1))
    deployment.media.show(later, READY)
    assert "A task is working on" in refused(deployment.adopt())
    settle(deployment, 2 * LATE_COMMIT_S)

    (adopted,) = deployment.adopt()
    settle(deployment)

    assert adopted.path == path
    assert shown(deployment)[video_id]["state"] == "ready"


def test_what_is_being_deleted_is_not_given_back() -> None:
    deployment, _ = restored("Rings")
    deployment.clock.advance(STRAY_AGE_S + 1)
    (item,) = deployment.orphans.all()
    deployment.orphans.delete([item.item.reference])
    (pending,) = deployment.deletions()
    assert pending.reason is Reason.STRAY
    assert deployment.adopt() == []


def test_adoption_to_a_non_teacher_is_refused() -> None:
    """A1: the owner is the session's, whoever uploaded."""
    deployment, (video_id,) = restored("Rings")
    deployment.adopt()
    settle(deployment)
    assert deployment.video(video_id).session.owner_uid == TEACHER.uid
    stranger = Caller("stranger", is_teacher=True)
    with pytest.raises(Exception, match="no such video"):
        deployment.ask_replacement(video_id, caller=stranger)


def test_an_event_wish_is_the_same_whoever_it_is_of() -> None:
    """The stamp is no part of what an event looks like: a new release does not bring every event into form anew."""
    assert EventSpec("a", None, None, stamp="x") == EventSpec("a", None, None, stamp="y")
    assert repr(EventSpec("a", None, None, stamp="x")) == repr(EventSpec("a", None, None))
