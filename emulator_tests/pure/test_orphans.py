"""The search for orphans: what is at the provider against what documents name, both ways; what it reports, and what it
clears up where it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, cast

import pytest

from cli.main import main
from cli.running import Surroundings
from emulator_tests.memory import BEGIN_AT, undisturbed
from emulator_tests.pure.deployment import REAP_GRACE_S, STRAY_AGE_S, TEACHER, Deployment, refusal
from shared.core.errors import Transient
from shared.core.paths import EPOCH, ORPHANS_REPORT, RECONCILE_SESSION, RECONCILE_VIDEO, pairing_path
from shared.core.references import shown
from shared.deletions.model import Reason, given_up
from shared.operations.orphans.report import REPORTED_MAX, Report
from shared.operations.orphans.scan import PAGE
from shared.ports import Create, EventSpec, InventoryItem, MediaState, Observation, Task, Update, UploadSpec
from shared.sessions.model import PairingState
from shared.videos.commands import delete_video
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")

EVENT = EventSpec("Algebra", None, None)
WISH = UploadSpec("A stray", "a.mp4", 1)
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
    deployment.deliver(Task(RECONCILE_SESSION, "s2"))
    deployment.lose_tasks()
    deployment.clock.advance(STRAY_AGE_S + 1)
    return deployment, ready, waiting


def find(deployment: Deployment, *, clean_up: bool = False) -> Report:
    report = deployment.orphans.find(clean_up=clean_up)
    kept = deployment.document(ORPHANS_REPORT).fields
    assert (kept["strayCount"], kept["missingCount"]) == (len(report.orphans), len(report.missing))
    assert (kept["cleanedUp"], kept["at"]) == (clean_up, deployment.clock())
    return report


def entry_of(deployment: Deployment, video_id: str) -> str:
    video = deployment.video(video_id)
    return (video.playable.external_ids if video.playable else video.external_ids)["entryId"]


def test_search_reports_nothing_if_everything_is_recorded() -> None:
    deployment, _, _ = school()
    before = (deployment.media.alive(), deployment.events.alive())
    report = find(deployment, clean_up=True)
    assert (report.orphans, report.missing) == ((), ())
    assert (report.things, report.documents) == (3, 2 + 2)
    assert (deployment.media.alive(), deployment.events.alive()) == before
    assert deployment.queue.waiting() == ()


@pytest.mark.parametrize("reference", ["video:ghost:1", "session:ghost:1"])
def test_orphans_are_reported_and_released_only_on_request(reference: str) -> None:
    deployment, ready, _ = school()
    if reference.startswith("video"):
        deployment.media.prepare_upload(reference, WISH)
    else:
        deployment.events.create_event(reference, EVENT)
    deployment.clock.advance(STRAY_AGE_S + 1)

    (item,) = find(deployment).orphans
    assert item.reference == reference
    assert deployment.deletions() == []
    (reported,) = deployment.document(ORPHANS_REPORT).fields["strays"]
    assert reported == {
        "provider": "memory",
        "reference": reference,
        "parts": dict(item.external_ids),
        "createdAt": item.created_at,
        "hasContent": False,
    }

    find(deployment, clean_up=True)
    (pending,) = deployment.deletions()
    assert (pending.reason, pending.reference) == (Reason.STRAY, reference)
    deployment.run()
    assert find(deployment).orphans == ()
    assert entry_of(deployment, ready) in {made.external_ids["entryId"] for made in deployment.media.alive()}


# --- content (A3) --------------------------------------------------------------------------------------------------

ARRIVED = [
    pytest.param(READY, id="ready"),
    pytest.param(Observation(MediaState.PROCESSING), id="processed"),
    pytest.param(Observation(MediaState.ERROR, reason="Damaged."), id="refused"),
    pytest.param(Observation(MediaState.AWAITING_UPLOAD, received_bytes=1), id="some of it received"),
]


def lost(deployment: Deployment, seen: Observation = READY, reference: str = "video:ghost:1") -> str:
    """
    A video whose document is lost; gives its entry.
    """
    external_ids = deployment.media.prepare_upload(reference, WISH)
    deployment.media.show(external_ids, seen)
    return external_ids["entryId"]


def entries(deployment: Deployment) -> set[str]:
    return {made.external_ids["entryId"] for made in deployment.media.alive()}


@pytest.mark.parametrize("seen", ARRIVED)
def test_orphan_with_content_is_kept_and_reported_once(seen: Observation, capsys: pytest.CaptureFixture[str]) -> None:
    """A3: the five-minute sweep deleted it after an hour."""
    deployment, _, _ = school()
    deployment.sweep.run()
    ghost = lost(deployment, seen)
    empty = deployment.media.prepare_upload("video:empty:1", WISH)["entryId"]

    for _ in range(3 * 12):
        deployment.run(300)
        deployment.sweep.run()
    for _ in range(3):
        find(deployment)
        find(deployment, clean_up=True)
        deployment.run()

    assert ghost in entries(deployment)
    assert empty not in entries(deployment)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    reported = [line["reference"] for line in lines if line["message"] == "orphan reported"]
    assert reported == ["video:ghost:1"]
    kept = deployment.document(ORPHANS_REPORT).fields
    assert (kept["strayCount"], kept["withContentCount"]) == (1, 1)
    assert kept["strays"][0]["hasContent"] is True


def test_orphaned_event_with_a_broadcast_is_kept() -> None:
    """A3."""
    deployment, _, _ = school()
    deployment.sweep.run()
    aired = deployment.events.create_event("session:ghost:1", EVENT).external_ids
    deployment.events.create_event("session:ghost:2", EVENT)
    deployment.events.broadcast(aired, is_live=True)
    deployment.events.broadcast(aired, is_live=False)
    deployment.clock.advance(STRAY_AGE_S + 1)
    deployment.sweep.run()
    deployment.run()
    assert [made.reference for made in deployment.events.alive()] == ["session:s2:1", "session:ghost:1"]


def test_bytes_that_arrive_between_the_search_and_the_deletion_keep_the_orphan(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A3: what was empty when it was found need not be when its deletion comes."""
    deployment, _, _ = school()
    external_ids = deployment.media.prepare_upload("video:ghost:1", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)
    find(deployment, clean_up=True)
    (pending,) = deployment.deletions()
    assert pending.spares_content

    deployment.media.show(external_ids, READY)
    deployment.run()

    assert external_ids["entryId"] in entries(deployment)
    assert deployment.deletions() == []
    assert "orphan kept" in capsys.readouterr().out
    assert [one.reference for one in find(deployment).with_content] == ["video:ghost:1"]


def test_a_deletion_of_an_earlier_release_spares_what_has_content() -> None:
    """A3: it was written before anybody asked what an orphan has."""
    deployment, _, _ = school()
    ghost = lost(deployment)
    (item,) = [one.item for one in deployment.orphans.all(young=True)]
    earlier = given_up("memory", item.reference, item.external_ids, Reason.STRAY, deployment.clock())
    fields = {name: value for name, value in earlier.fields.items() if name != "sparesContent"}
    deployment.documents.commit(Create(earlier.path, fields))
    deployment.sweep.run()
    deployment.run()
    assert ghost in entries(deployment)
    assert deployment.deletions() == []


def test_an_operator_deletes_what_has_content_one_by_one_or_all() -> None:
    deployment, ready, _ = school()
    deployment.sweep.run()
    ghosts = [lost(deployment, reference=f"video:ghost{number}:1") for number in range(3)]
    deployment.clock.advance(STRAY_AGE_S + 1)

    deleted = deployment.orphans.delete(["video:ghost1:1", "video:unknown:1", f"video:{ready}:1", "nonsense"])
    deployment.run()
    assert [one.reference for one in deleted] == ["video:ghost1:1"]
    assert entries(deployment) >= {ghosts[0], ghosts[2], entry_of(deployment, ready)}
    assert ghosts[1] not in entries(deployment)

    deployment.orphans.find(clean_up=True, with_content=True)
    deployment.run()
    assert entries(deployment).isdisjoint(ghosts)
    assert entry_of(deployment, ready) in entries(deployment)


def test_orphans_with_content_come_first_in_a_report() -> None:
    deployment, _, _ = school()
    for number in range(REPORTED_MAX):
        deployment.media.prepare_upload(f"video:empty{number}:1", WISH)
    lost(deployment)
    deployment.clock.advance(STRAY_AGE_S + 1)
    find(deployment)
    kept = deployment.document(ORPHANS_REPORT).fields
    assert kept["strays"][0]["reference"] == "video:ghost:1"
    assert (kept["strayCount"], kept["withContentCount"]) == (REPORTED_MAX + 1, 1)


# --- references by hand (A14) --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["video", "video:", "", "video:a:b:c", "video:\ud800:1", "x" * 10_000, "session:/:1"])
def test_a_reference_that_somebody_wrote_by_hand_stops_nothing(text: str) -> None:
    """A14: an entry so tagged stopped the sweep before it wrote its marks."""
    deployment, _, _ = school()
    deployment.media.prepare_upload(text, WISH)
    deployment.media.prepare_upload("video:empty:1", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)
    deployment.sweep.run()
    deployment.run()
    report = find(deployment, clean_up=True)
    deployment.run()
    assert report.unreadable == (shown(text),)
    assert report.orphans == ()
    assert [made.reference for made in deployment.media.alive() if made.spec == WISH] == [text]


# --- references stay taken -----------------------------------------------------------------------------------------


def test_what_is_made_later_is_not_made_under_the_reference_of_an_orphan_that_is_kept() -> None:
    """A3: a restored database counts on from an older generation than its provider has seen."""
    deployment, ready, _ = school()
    deployment.sweep.run()
    lost(deployment, reference=f"video:{ready}:4")
    aired = deployment.events.create_event("session:s2:7", EVENT).external_ids
    deployment.events.broadcast(aired, is_live=True)
    deployment.clock.advance(STRAY_AGE_S + 1)
    deployment.sweep.run()

    deployment.ask_replacement(ready)
    deployment.write_session("s2", status="draft")
    deployment.deliver(Task(RECONCILE_SESSION, "s2"))
    deployment.run(REAP_GRACE_S)
    deployment.write_session("s2", status="public")
    deployment.deliver(Task(RECONCILE_SESSION, "s2"))

    assert deployment.video(ready).reference == f"video:{ready}:5"
    assert deployment.pairing("s2").reference == "session:s2:8"


def test_a_session_of_the_id_of_an_orphan_that_is_kept_gets_nothing_of_it() -> None:
    """A3, A1: whoever creates the session anew counts on from there."""
    deployment, _, _ = school()
    deployment.sweep.run()
    aired = deployment.events.create_event("session:s9:3", EVENT).external_ids
    deployment.events.broadcast(aired, is_live=True)
    deployment.clock.advance(STRAY_AGE_S + 1)
    deployment.sweep.run()
    find(deployment)

    deployment.write_session("s9", format="liveStreaming", ownerUid="another")
    deployment.deliver(Task(RECONCILE_SESSION, "s9"))

    pairing = deployment.pairing("s9")
    assert (pairing.state, pairing.reference) == (PairingState.READY, "session:s9:4")
    assert pairing.identity.owner_uid == "another"
    assert pairing.external_ids != aired


def test_recent_objects_are_not_reported() -> None:
    deployment, _, _ = school()
    deployment.media.prepare_upload("video:ghost:1", WISH)
    deployment.clock.advance(STRAY_AGE_S)
    assert find(deployment, clean_up=True).orphans == ()
    deployment.clock.advance(1)
    assert len(find(deployment).orphans) == 1


def test_object_being_deleted_is_no_orphan() -> None:
    deployment, ready, _ = school()

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "delete_media":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    delete_video(TEACHER, ready, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    assert len(deployment.deletions()) == 1
    assert find(deployment).orphans == ()


def test_a_thing_of_an_earlier_generation_is_an_orphan_though_its_document_is_there() -> None:
    deployment, ready, _ = school()
    deployment.media.prepare_upload(f"video:{ready}:7", WISH)
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert [one.reference for one in find(deployment).orphans] == [f"video:{ready}:7"]


def test_both_of_a_video_that_is_being_replaced_are_named() -> None:
    deployment, ready, _ = school()
    deployment.ask_replacement(ready)
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert find(deployment).orphans == ()


def test_missing_video_is_reported_and_reconciled_only_on_request() -> None:
    deployment, ready, waiting = school()
    for video_id in (ready, waiting):
        deployment.media.vanish(entry_of(deployment, video_id))
    missing = find(deployment).missing
    assert {one.path for one in missing} == {f"videos/{ready}", f"videos/{waiting}"}
    assert deployment.queue.waiting() == ()

    find(deployment, clean_up=True)
    assert sorted(deployment.enqueued_now(RECONCILE_VIDEO)) == sorted([ready, waiting])
    deployment.run()
    shown = deployment.document("sessions/s1").fields["videos"]
    assert (shown[ready]["state"], shown[ready]["failure"]["code"]) == ("failed", "PLAYS_NO_MORE")
    assert (shown[waiting]["state"], shown[waiting]["failure"]["code"]) == ("failed", "VANISHED")


def test_a_session_whose_event_is_gone_has_another_where_that_is_told() -> None:
    deployment, _, _ = school()
    (event,) = deployment.events.alive()
    for part_id in event.external_ids.values():
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


def test_new_object_is_not_missing() -> None:
    deployment, _, _ = school()
    token = deployment.ask_upload("r9")
    deployment.media.vanish(entry_of(deployment, token.video_id))
    assert find(deployment).missing == ()
    deployment.clock.advance(STRAY_AGE_S + 1)
    assert [one.path for one in find(deployment).missing] == [f"videos/{token.video_id}"]


def test_claimed_event_is_left_to_its_worker() -> None:
    deployment, _, _ = school()
    (event,) = deployment.events.alive()
    for part_id in event.external_ids.values():
        deployment.events.vanish(part_id)
    claimed = {"claim": {"step": "update", "until": deployment.clock() + timedelta(seconds=90)}}
    deployment.documents.commit(Update(pairing_path("s2"), claimed))
    find(deployment, clean_up=True)
    assert deployment.document(pairing_path("s2")).fields["verifyAt"] is None
    assert deployment.queue.waiting() == ()


def test_search_reads_many_pages_and_counts_them() -> None:
    deployment, _, _ = school()
    for number in range(PAGE + 10):
        deployment.media.prepare_upload(f"video:ghost{number}:1", WISH)
        if number % 50 == 0:
            deployment.clock.advance(1)
    deployment.clock.advance(STRAY_AGE_S + 1)
    told: list[tuple[int, int]] = []
    report = deployment.orphans.find(clean_up=False, tell=lambda things, documents: told.append((things, documents)))
    assert len(report.orphans) == PAGE + 10
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
    assert len(find(deployment, clean_up=True).orphans) == 1
    deployment.run()
    assert find(deployment).orphans == ()
    assert deployment.document(ORPHANS_REPORT).fields["strays"] == []


def test_cleaning_up_does_no_harm_to_a_video_that_a_teacher_still_uploads() -> None:
    deployment, _, waiting = school()
    find(deployment, clean_up=True)
    deployment.run()
    assert deployment.video(waiting).state is VideoState.UPLOADING


# --- what the commands say ----------------------------------------------------------------------------------------


class Operator:
    """
    Somebody who looks for orphans of a restored database.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.deployment, _, _ = school()
        lost(self.deployment, reference="video:old:1")
        self.deployment.media.prepare_upload("video:empty:1", WISH)
        self.deployment.clock.advance(STRAY_AGE_S + 1)
        lost(self.deployment, reference="video:young:1")
        at = self.deployment.clock()
        hold = {"reason": "otherDatabase", "found": "u-2", "since": at, "sweptAt": at, "alarmedAt": at}
        self.deployment.documents.commit(Create(EPOCH, {"hold": hold}))

    @property
    def is_held(self) -> bool:
        return self.deployment.document(EPOCH).fields["hold"] is not None

    def run(self, *words: str) -> str:
        """
        Return what a command prints.
        """

        def read(*_: Any) -> Any:
            raise AssertionError

        self.capsys.readouterr()
        main(words, Surroundings(self.deployment.app, read))
        return self.capsys.readouterr().out

    def told(self, *words: str) -> Any:
        """
        Return what a command tells programs.
        """
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(capsys)


def references_of(items: list[dict[str, Any]]) -> list[str]:
    return [one["reference"] for one in items]


def test_content_too_young_to_be_sure_is_listed_apart(operator: Operator) -> None:
    """It is what a backup misses: the report of a restored database said that there were no orphans."""
    text, told = operator.run("find-orphans"), operator.told("find-orphans")
    assert "of which 2 are orphans." in text
    assert "With content that no document names, but too young to be sure: 1." in text
    assert "  too young video:young:1, " in text
    assert "Orphans with content, which are kept: 2, of which too young to be sure: 1." in text
    assert references_of(told["orphans"]) == ["video:old:1", "video:empty:1"]
    assert references_of(told["young"]) == ["video:young:1"]


def test_young_content_is_neither_cleaned_up_nor_deleted(operator: Operator) -> None:
    operator.run("resume-after-restore", "--apply")
    before = entries(operator.deployment)
    assert "`--clean-up` deletes the orphans without content: 1." in operator.run("find-orphans")
    operator.run("find-orphans", "--clean-up", "--with-content")
    assert operator.told("find-orphans", "--delete-content", "video:young:1")["unknown"] == ["video:young:1"]
    operator.deployment.run(60)
    assert len(before - entries(operator.deployment)) == 2
    assert references_of(operator.told("find-orphans")["young"]) == ["video:young:1"]


def test_every_command_counts_the_same_orphans_with_content(operator: Operator) -> None:
    found, adopted = operator.told("find-orphans"), operator.told("find-orphans", "--adopt")
    left = operator.told("resume-after-restore")
    with_content = [one for one in found["orphans"] if one["hasContent"]] + found["young"]
    assert references_of(with_content) == references_of(adopted["orphans"]) == references_of(left["orphans"])
    assert "Orphans with content, which are kept: 2, of which too young to be sure: 1." in operator.run(
        "resume-after-restore"
    )


def test_parts_are_not_counted_beside_what_they_belong_to() -> None:
    """`--adopt` gives both back together."""
    whole = InventoryItem("memory", "session:s1:1", {"entryId": "0_a"}, BEGIN_AT, has_content=True)
    part = replace(whole, external_ids={"linkId": "1"}, is_part=True)
    assert Report(BEGIN_AT, 2, 0, (whole, part), ()).with_content == (whole,)


def test_deletions_are_resumed_only_if_told_so(operator: Operator) -> None:
    text = operator.run("resume-after-restore")
    assert "Firestore reports another database than before: u-2." in text
    assert "Nothing was changed." in text
    assert operator.told("resume-after-restore")["isAcknowledged"] is False
    assert operator.is_held
    assert "Acknowledged." in operator.run("resume-after-restore", "--apply")
    assert not operator.is_held
    assert operator.told("resume-after-restore", "--apply") == {"hold": None, "orphans": [], "isAcknowledged": False}
