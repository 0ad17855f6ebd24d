"""The search for orphans: what is at the provider against what documents name, both ways; what it reports, and what it
clears up where it is told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import pytest

from emulator_tests.fakes import undisturbed
from emulator_tests.pure.deployment import STRAY_AGE_S, TEACHER, Deployment, refusal
from shared.deletions.model import Reason
from shared.errors import Transient
from shared.orphans import PAGE, REPORTED_MAX, Report
from shared.paths import ORPHANS_REPORT, VISIT_SESSION, VISIT_VIDEO, pairing_path
from shared.ports import EventWish, MediaState, Note, Observation, Update, UploadWish
from shared.sessions.model import PairingState
from shared.videos.model import VideoState
from shared.videos.wishes import delete_video

T = TypeVar("T")

EVENT = EventWish("Algebra", None, None)
WISH = UploadWish("A stray", "a.mp4", 1)
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")


def school() -> tuple[Deployment, str, str]:
    """
    A deployment with a ready video, an open upload and a live event, all of them old.

    Returns:
        With the ids of the two videos.
    """
    deployment = Deployment()
    deployment.write_session()
    ready, waiting = (deployment.ask_upload(f"r{number}").video_id for number in range(2))
    deployment.show(ready, READY)
    deployment.run(60)
    deployment.write_session("s2", format="liveStreaming")
    deployment.deliver(Note(VISIT_SESSION, "s2"))
    deployment.lose_notes()
    deployment.clock.advance(STRAY_AGE_S + 1)
    return deployment, ready, waiting


def find(deployment: Deployment, *, clean_up: bool = False) -> Report:
    report = deployment.orphans.find(clean_up=clean_up)
    kept = deployment.document(ORPHANS_REPORT).fields
    assert (kept["strayCount"], kept["missingCount"]) == (len(report.strays), len(report.missing))
    assert (kept["cleanedUp"], kept["at"]) == (clean_up, deployment.clock())
    return report


def entry_of(deployment: Deployment, video_id: str) -> str:
    video = deployment.video(video_id)
    return (video.playable.parts if video.playable else video.parts)["entryId"]


def test_where_everything_is_named_and_there_nothing_is_reported_or_touched() -> None:
    deployment, _, _ = school()
    before = (deployment.media.alive(), deployment.events.alive())
    report = find(deployment, clean_up=True)
    assert (report.strays, report.missing) == ((), ())
    assert (report.things, report.documents) == (3, 2 + 2)
    assert (deployment.media.alive(), deployment.events.alive()) == before
    assert deployment.queue.waiting() == ()


@pytest.mark.parametrize("reference", ["video:ghost:1", "session:ghost:1"])
def test_what_nobody_names_is_reported_and_given_up_only_where_that_is_told(reference: str) -> None:
    deployment, ready, _ = school()
    if reference.startswith("video"):
        deployment.media.prepare_upload(reference, WISH)
    else:
        deployment.events.create_event(reference, EVENT)
    deployment.clock.advance(STRAY_AGE_S + 1)

    (stray,) = find(deployment).strays
    assert stray.reference == reference
    assert deployment.deletions() == []
    (reported,) = deployment.document(ORPHANS_REPORT).fields["strays"]
    assert reported == {
        "provider": "memory",
        "reference": reference,
        "parts": dict(stray.parts),
        "createdAt": stray.created_at,
    }

    find(deployment, clean_up=True)
    (pending,) = deployment.deletions()
    assert (pending.reason, pending.reference) == (Reason.STRAY, reference)
    deployment.run()
    assert find(deployment).strays == ()
    assert entry_of(deployment, ready) in {made.parts["entryId"] for made in deployment.media.alive()}


def test_nothing_young_is_reported() -> None:
    deployment, _, _ = school()
    deployment.media.prepare_upload("video:ghost:1", WISH)
    deployment.clock.advance(STRAY_AGE_S)
    assert find(deployment, clean_up=True).strays == ()
    deployment.clock.advance(1)
    assert len(find(deployment).strays) == 1


def test_what_is_given_up_already_is_not_an_orphan() -> None:
    deployment, ready, _ = school()

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete_media":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    delete_video(TEACHER, ready, deployment.documents, deployment.queue)
    deployment.run()
    assert len(deployment.deletions()) == 1
    assert find(deployment).strays == ()


def test_a_thing_of_an_earlier_generation_is_an_orphan_though_its_document_is_there() -> None:
    deployment, ready, _ = school()
    deployment.media.prepare_upload(f"video:{ready}:7", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert [one.reference for one in find(deployment).strays] == [f"video:{ready}:7"]


def test_both_of_a_video_that_is_being_replaced_are_named() -> None:
    deployment, ready, _ = school()
    deployment.ask_replacement(ready)
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert find(deployment).strays == ()


def test_a_video_whose_thing_is_gone_is_reported_and_looked_at_only_where_that_is_told() -> None:
    deployment, ready, waiting = school()
    for video_id in (ready, waiting):
        deployment.media.vanish(entry_of(deployment, video_id))
    missing = find(deployment).missing
    assert {one.path for one in missing} == {f"videos/{ready}", f"videos/{waiting}"}
    assert deployment.queue.waiting() == ()

    find(deployment, clean_up=True)
    assert sorted(deployment.noted_now(VISIT_VIDEO)) == sorted([ready, waiting])
    deployment.run()
    shown = deployment.document("sessions/s1").fields["videos"]
    assert (shown[ready]["state"], shown[ready]["failure"]["code"]) == ("failed", "PLAYS_NO_MORE")
    assert (shown[waiting]["state"], shown[waiting]["failure"]["code"]) == ("failed", "VANISHED")


def test_a_session_whose_event_is_gone_has_another_where_that_is_told() -> None:
    deployment, _, _ = school()
    (event,) = deployment.events.alive()
    for part_id in event.parts.values():
        deployment.events.vanish(part_id)
    (missing,) = find(deployment).missing
    assert missing.path == pairing_path("s2")
    deployment.run(60)
    assert deployment.events.alive() == ()

    find(deployment, clean_up=True)
    deployment.run(60)
    (anew,) = deployment.events.alive()
    assert anew.reference == "session:s2:2"
    assert deployment.pairing("s2").state is PairingState.READY
    assert deployment.pairing("s2").verify_at is None


def test_a_thing_that_a_list_leaves_out_is_not_missing_where_the_provider_has_it() -> None:
    deployment, _, _ = school()

    def forgetful(operation: str, do: Callable[[], T]) -> T:
        return cast(T, []) if operation == "strays" else do()

    deployment.disturb = forgetful
    assert find(deployment, clean_up=True).missing == ()


def test_what_has_just_come_to_be_is_not_missing() -> None:
    deployment, _, _ = school()
    token = deployment.ask_upload("r9")
    deployment.media.vanish(entry_of(deployment, token.video_id))
    assert find(deployment).missing == ()
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert [one.path for one in find(deployment).missing] == [f"videos/{token.video_id}"]


def test_an_event_that_somebody_is_at_work_on_is_left_to_him() -> None:
    deployment, _, _ = school()
    (event,) = deployment.events.alive()
    for part_id in event.parts.values():
        deployment.events.vanish(part_id)
    claimed = {"claim": {"step": "update", "until": deployment.clock() + timedelta(seconds=90)}}
    deployment.documents.commit(Update(pairing_path("s2"), claimed))
    find(deployment, clean_up=True)
    assert deployment.document(pairing_path("s2")).fields["verifyAt"] is None
    assert deployment.queue.waiting() == ()


def test_many_pages_are_looked_at_and_counted_as_they_come() -> None:
    deployment, _, _ = school()
    for number in range(PAGE + 10):
        deployment.media.prepare_upload(f"video:ghost{number}:1", WISH)
        if number % 50 == 0:
            deployment.clock.advance(1)
    deployment.clock.advance(STRAY_AGE_S + 1)
    told: list[tuple[int, int]] = []
    report = deployment.orphans.find(clean_up=False, tell=lambda things, documents: told.append((things, documents)))
    assert len(report.strays) == PAGE + 10
    assert report.things == PAGE + 10 + 3
    assert told == sorted(told)
    assert told[-1] == (report.things, report.documents)
    kept = deployment.document(ORPHANS_REPORT).fields
    assert (kept["strayCount"], len(kept["strays"])) == (PAGE + 10, REPORTED_MAX)


@pytest.mark.parametrize("refused", ["strays", "select", "read"])
def test_a_search_that_is_hindered_says_so_and_reports_nothing(refused: str) -> None:
    deployment, _, _ = school()
    deployment.media.prepare_upload("video:ghost:1", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == refused:
            raise refusal(operation)
        return do()

    deployment.disturb = down
    with pytest.raises(Transient):
        deployment.orphans.find(clean_up=True)
    deployment.disturb = undisturbed
    assert deployment.deletions() == []
    assert ORPHANS_REPORT not in deployment.documents.paths()


def test_a_later_report_takes_the_place_of_the_earlier_one() -> None:
    deployment, _, _ = school()
    deployment.media.prepare_upload("video:ghost:1", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert len(find(deployment, clean_up=True).strays) == 1
    deployment.run()
    assert find(deployment).strays == ()
    assert deployment.document(ORPHANS_REPORT).fields["strays"] == []


def test_cleaning_up_does_no_harm_to_a_video_that_a_teacher_still_uploads() -> None:
    deployment, _, waiting = school()
    find(deployment, clean_up=True)
    deployment.run()
    assert deployment.video(waiting).state is VideoState.UPLOADING
