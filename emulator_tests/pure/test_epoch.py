"""Which database this is (A3): a restored, cloned or imported one stops every cleaner; a pause, a new deployment and
clocks that differ do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import pytest

from emulator_tests.memory import BEGIN_AT, ManualClock, MemoryDocuments, undisturbed
from emulator_tests.pure.deployment import STRAY_AGE_S, TEACHER, Backup, Deployment, refusal
from shared.core.errors import Conflict
from shared.core.paths import (
    EPOCH,
    RECONCILE_COPY,
    RECONCILE_DELETION,
    RECONCILE_SESSION,
    RECONCILE_VIDEO,
    copy_key,
    session_path,
)
from shared.hosts.table import Terms
from shared.ports import (
    Create,
    Delete,
    Document,
    EventSpec,
    InventoryItem,
    MediaState,
    Observation,
    Task,
    Update,
    UploadSpec,
)
from shared.reconcile.epoch import (
    ALARM_EVERY_S,
    GAP_S,
    HELD_LOOK_S,
    READ_EVERY_S,
    Epoch,
    Epochs,
    Hold,
    Standing,
    Suspicion,
    nothing_is_held,
)
from shared.sessions.model import PairingState
from shared.videos.commands import delete_video
from shared.videos.model import VideoState

pytestmark = pytest.mark.long

T = TypeVar("T")

DAY_S = 24 * 3600
INSTANT = timedelta(microseconds=1)
SWEEP_S = 1800
"""Less often than in the cloud: what holds then holds all the more with more sweeps."""
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
EVENT = EventSpec("Algebra", None, None)
WISH = UploadSpec("A stray", "a.mp4", 1)


def sweep_for(deployment: Deployment, seconds: float) -> None:
    """
    Let so much time pass with the sweep every half hour, and its tasks at their time.
    """
    for _ in range(int(seconds // SWEEP_S)):
        deployment.run(SWEEP_S)
        deployment.sweep.run()
    deployment.run(seconds % SWEEP_S)


def upload(deployment: Deployment, request_id: str = "r1", session_id: str = "s1") -> str:
    """
    A video that is ready.
    """
    video_id = deployment.ask_upload(request_id, session_id=session_id).video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY
    return video_id


def school() -> tuple[Deployment, Backup]:
    """
    A deployment that has been swept for a while, and its backup; after that, a video was uploaded.
    """
    deployment = Deployment()
    deployment.write_session()
    sweep_for(deployment, 2 * STRAY_AGE_S)
    backup = deployment.back_up()
    deployment.run(SWEEP_S)
    upload(deployment)
    return deployment, backup


def epoch(deployment: Deployment) -> Epoch:
    return Epoch.from_document(deployment.document(EPOCH), deployment.clock())


def alarms(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """
    The alarms so far, since they were last asked for.
    """
    lines = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    return [line for line in lines if line["severity"] == "ALERT"]


def restored(*, uid: bool) -> Deployment:
    """
    A deployment whose database was restored, a day later.
    """
    deployment, backup = school()
    deployment.database_uid = "first" if uid else None
    if uid:
        backup = {**backup, EPOCH: {**backup[EPOCH], "databaseUid": "first"}}
    sweep_for(deployment, DAY_S)
    deployment.restore(backup)
    deployment.database_uid = "second" if uid else None
    deployment.lose_tasks()
    return deployment


# --- what is noticed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [True, False], ids=["another uid", "no uid is told"])
def test_first_sweep_detects_a_restore_and_holds_deletions(uid: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A3."""
    deployment = restored(uid=uid)
    capsys.readouterr()

    deployment.sweep.run()

    (alarm,) = alarms(capsys)
    hold = epoch(deployment).hold
    assert hold is not None
    assert alarm["message"] == "database restored"
    assert "resume-after-restore" in alarm["sentence"]
    assert hold.reason is (Suspicion.OTHER_DATABASE if uid else Suspicion.UNKNOWN_CONTENT)
    assert hold.found == ("second" if uid else deployment.media.alive()[0].reference)
    sweep_for(deployment, 3 * DAY_S)
    assert len(alarms(capsys)) == 3
    assert len(deployment.media.alive()) == 1
    assert epoch(deployment).hold is not None


def test_an_alarm_is_raised_once_a_day() -> None:
    assert ALARM_EVERY_S == DAY_S


def test_an_import_of_older_documents_is_noticed_though_the_database_is_the_same() -> None:
    """A3: what is not in the import stays; `operations/epoch` is in it."""
    deployment, backup = school()
    deployment.database_uid = "same"
    sweep_for(deployment, DAY_S)
    (video,) = (one for one in deployment.documents.paths() if one.startswith("videos/"))
    deployment.documents.commit(Delete(video))
    deployment.restore(backup, keeps=True)
    deployment.sweep.run()
    hold = epoch(deployment).hold
    assert hold is not None
    assert hold.reason is Suspicion.UNKNOWN_CONTENT


def test_a_database_that_was_lost_with_everything_in_it_is_noticed() -> None:
    deployment, _ = school()
    deployment.restore({})
    deployment.sweep.run()
    assert epoch(deployment).hold is not None


def test_upload_of_the_last_minutes_reveals_a_restore() -> None:
    deployment, backup = school()
    deployment.restore(backup)
    deployment.clock.advance(GAP_S)
    upload_at_provider(deployment, "video:fresh:1")
    deployment.sweep.run()
    assert epoch(deployment).hold is not None


def upload_at_provider(deployment: Deployment, reference: str) -> None:
    """
    Somebody uploaded a video; what was recorded of it is lost.
    """
    deployment.media.show(deployment.media.prepare_upload(reference, WISH), READY)


# --- what is no restore --------------------------------------------------------------------------------------------


def assert_clear(deployment: Deployment) -> None:
    """
    Nothing is held, and the next empty orphan goes.
    """
    deployment.sweep.run()
    assert epoch(deployment).hold is None
    deployment.media.prepare_upload("video:empty:1", WISH)
    sweep_for(deployment, STRAY_AGE_S + 2 * SWEEP_S)
    assert "video:empty:1" not in {one.reference for one in deployment.media.alive()}
    assert epoch(deployment).hold is None


def test_a_new_deployment_is_no_restore() -> None:
    assert_clear(Deployment())


@pytest.mark.parametrize("uid", ["first", None])
@pytest.mark.parametrize("days", [1, 40])
def test_a_pause_is_no_restore(days: int, uid: str | None) -> None:
    """The schedule stood still for days, by an operator's `stop` or otherwise, while some of the work went on."""
    deployment, _ = school()
    deployment.database_uid = uid
    deployment.sweep.run()
    deployment.run(days * DAY_S)
    upload(deployment, "later")
    assert_clear(deployment)


def test_an_idle_deployment_is_no_restore() -> None:
    deployment, _ = school()
    sweep_for(deployment, 3 * DAY_S)
    assert_clear(deployment)


def test_a_pause_after_orphans_were_reported_is_no_restore() -> None:
    deployment, _ = school()
    upload_at_provider(deployment, "video:byhand:1")
    sweep_for(deployment, 2 * STRAY_AGE_S)
    assert epoch(deployment).hold is None
    deployment.run(3 * DAY_S)
    assert_clear(deployment)


def test_an_upload_that_waits_through_a_pause_is_no_restore() -> None:
    deployment, _ = school()
    deployment.ask_upload("waits")
    deployment.run(DAY_S)
    assert_clear(deployment)


def test_a_clock_that_was_far_ahead_is_no_restore() -> None:
    deployment, _ = school()
    ahead = deployment.clock() + timedelta(days=3)
    deployment.documents.commit(Update(EPOCH, {"sweptAt": ahead}))
    assert_clear(deployment)


@pytest.mark.parametrize("is_restored", [False, True], ids=["pause", "restore"])
@pytest.mark.parametrize("minutes", [-10, 10], ids=["behind", "ahead"])
def test_a_provider_whose_clock_is_wrong_is_no_restore_and_hides_none(minutes: int, is_restored: bool) -> None:
    deployment, backup = school()
    skew = timedelta(minutes=minutes)

    def skewed(operation: str, do: Callable[[], T]) -> T:
        done = do()
        if operation == "strays":
            assert isinstance(done, list)
            return cast(T, [replace(one, created_at=one.created_at + skew) for one in done])
        return done

    deployment.disturb = skewed
    deployment.run(2 * GAP_S)
    if is_restored:
        deployment.restore(backup)
    deployment.sweep.run()
    assert (epoch(deployment).hold is not None) == is_restored


def test_firestore_that_stops_telling_its_uid_is_no_restore() -> None:
    deployment, _ = school()
    deployment.database_uid = "first"
    deployment.sweep.run()
    deployment.database_uid = None
    assert_clear(deployment)
    assert epoch(deployment).database_uid == "first"
    deployment.database_uid = "first"
    assert_clear(deployment)


def test_a_uid_that_is_told_for_the_first_time_is_no_restore() -> None:
    deployment, _ = school()
    deployment.database_uid = "first"
    assert_clear(deployment)
    assert epoch(deployment).database_uid == "first"


def test_a_provider_that_cannot_be_asked_after_a_gap_leaves_it_open_and_nothing_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deployment, backup = school()
    deployment.media.prepare_upload("video:empty:1", WISH)
    deployment.run(2 * GAP_S)
    deployment.restore(backup)

    def down(operation: str, do: Callable[[], T]) -> T:
        if operation == "strays":
            raise refusal(operation)
        return do()

    deployment.disturb = down
    for _ in range(3):
        deployment.clock.advance(SWEEP_S)
        deployment.sweep.run()
    assert epoch(deployment) == Epoch.from_document(deployment.document(EPOCH), deployment.clock())
    assert epoch(deployment).hold is None
    assert deployment.deletions() == []
    assert alarms(capsys) == []
    deployment.disturb = undisturbed
    deployment.sweep.run()
    assert epoch(deployment).hold is not None


# --- what is held --------------------------------------------------------------------------------------------------


def test_while_deletions_are_held_nothing_is_deleted_because_a_document_is_missing() -> None:
    deployment = Deployment(terms={"fetching": Terms(price_per_gb=0.0)})
    deployment.write_session()
    deployment.write_session("s2", format="liveStreaming")
    deployment.deliver(Task(RECONCILE_SESSION, "s2"))
    video_id = upload(deployment)
    (copy,) = deployment.fetching.alive()
    deployment.fetching.show(copy.external_ids, READY)
    sweep_for(deployment, 1200)
    deployment.media.prepare_upload("video:empty:1", WISH)
    deployment.events.create_event("session:empty:1", EVENT)
    before = (deployment.media.alive(), deployment.events.alive(), deployment.fetching.alive())
    hold_deletions(deployment)

    # As where the records of some collections have been imported already, and others have not.
    for path in (session_path("s1"), session_path("s2")):
        deployment.documents.commit(Delete(path))
    for task in (Task(RECONCILE_SESSION, "s1"), Task(RECONCILE_SESSION, "s2"), Task(RECONCILE_VIDEO, video_id)):
        deployment.deliver(task)
    deployment.orphans.find(clean_up=True)
    deployment.orphans.find(clean_up=True, with_content=True)
    sweep_for(deployment, 2 * STRAY_AGE_S)

    assert (deployment.media.alive(), deployment.events.alive(), deployment.fetching.alive()) == before
    assert deployment.video(video_id).state is VideoState.READY
    assert deployment.pairing("s2").state is PairingState.READY
    assert deployment.deletions() == []

    deployment.app.epochs.acknowledge(deployment.app.places)
    sweep_for(deployment, STRAY_AGE_S)
    assert deployment.video(video_id).state is VideoState.GONE
    assert (deployment.media.alive(), deployment.events.alive(), deployment.fetching.alive()) == ((), (), ())


def hold_deletions(deployment: Deployment) -> None:
    """
    Have a restore noticed.
    """
    deployment.database_uid = "first"
    deployment.sweep.run()
    deployment.database_uid = "second"
    deployment.sweep.run()
    assert epoch(deployment).hold is not None


def test_a_copy_whose_video_is_missing_waits_while_deletions_are_held() -> None:
    deployment = Deployment(terms={"fetching": Terms(price_per_gb=0.0)})
    deployment.write_session()
    video_id = upload(deployment)
    deployment.run(60)
    hold_deletions(deployment)
    (kept,) = deployment.documents.read(f"videos/{video_id}")
    deployment.documents.commit(Delete(f"videos/{video_id}"))
    deployment.deliver(Task(RECONCILE_COPY, copy_key(video_id, "fetching")))
    assert kept is not None
    assert len(deployment.fetching.alive()) == 1
    assert f"copies/{copy_key(video_id, 'fetching')}" in deployment.documents.paths()


def test_a_deletion_that_a_document_has_asked_for_waits_and_is_done_within_minutes_of_the_acknowledgement() -> None:
    deployment = Deployment()
    deployment.write_session()
    video_id = upload(deployment)
    hold_deletions(deployment)
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(3 * HELD_LOOK_S)
    assert deployment.video(video_id).state is VideoState.GONE
    assert len(deployment.media.alive()) == 1
    (pending,) = deployment.deletions()
    assert pending.progress.failure is None

    deployment.app.epochs.acknowledge(deployment.app.places)
    deployment.run(HELD_LOOK_S + READ_EVERY_S)

    assert deployment.media.alive() == ()
    assert deployment.deletions() == []


def test_commands_of_teachers_work_while_deletions_are_held() -> None:
    deployment = Deployment()
    deployment.write_session()
    hold_deletions(deployment)
    upload(deployment)
    deployment.write_session("s2", format="liveStreaming")
    sweep_for(deployment, SWEEP_S)
    assert deployment.pairing("s2").state is PairingState.READY


def test_hold_reaches_other_instances_within_seconds() -> None:
    deployment = Deployment()
    assert not deployment.app.epochs.is_held()
    hold = {"reason": "otherDatabase", "found": "x", "since": deployment.clock(), "sweptAt": None}
    deployment.sweep.run()
    deployment.documents.commit(Update(EPOCH, {"hold": {**hold, "alarmedAt": deployment.clock()}}))
    deployment.clock.advance(READ_EVERY_S)
    assert deployment.app.epochs.is_held()


# --- going on ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [True, False], ids=["another uid", "no uid is told"])
def test_acknowledgement_resumes_deletions_and_keeps_content(uid: bool) -> None:
    deployment = restored(uid=uid)
    deployment.sweep.run()
    deployment.media.prepare_upload("video:empty:1", WISH)

    deployment.app.epochs.acknowledge(deployment.app.places)

    sweep_for(deployment, DAY_S)
    (kept,) = deployment.media.alive()
    assert kept.observation.state is MediaState.READY
    assert epoch(deployment).hold is None
    # Neither is it noticed again after a pause.
    deployment.run(3 * DAY_S)
    assert_clear(deployment)


def test_concurrent_sweeps_can_detect_the_same_restore() -> None:
    deployment = restored(uid=True)

    def sweeping(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            deployment.disturb = undisturbed
            deployment.sweep.run()
        return do()

    deployment.disturb = sweeping
    deployment.sweep.run()
    assert epoch(deployment).hold is not None
    assert len(deployment.media.alive()) == 1


def test_an_empty_deletion_queue_asks_nobody_whether_deletions_are_held() -> None:
    deployment = Deployment()
    reads: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        reads.append(operation)
        return do()

    deployment.write_session()
    deployment.disturb = counting
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.deliver(Task(RECONCILE_DELETION, "video:v1:1:0123456789ab"))
    assert reads.count("read") == 2


# --- the check, value by value -------------------------------------------------------------------------------------

NOW = BEGIN_AT
SWEPT_AT = NOW - timedelta(seconds=GAP_S)
LONG_AGO = SWEPT_AT - INSTANT
SEEN = {"memory": NOW - timedelta(hours=5)}
HOLD = Hold(Suspicion.OTHER_DATABASE, "second", NOW - timedelta(days=3), SWEPT_AT, NOW - timedelta(hours=1))
FOUND = InventoryItem("memory", "video:lost:1", {"entryId": "0_lost"}, NOW, has_content=True)


def nothing_unknown(_: Mapping[str, datetime]) -> InventoryItem | None:
    return None


def no_search(_: Mapping[str, datetime]) -> InventoryItem | None:
    raise AssertionError("There is no reason to search.")


def unknown_item(_: Mapping[str, datetime]) -> InventoryItem | None:
    return FOUND


def marks(**changes: Any) -> dict[str, Any]:
    return {"databaseUid": "first", "sweptAt": SWEPT_AT, "seenUntil": SEEN, "hold": None, **changes}


RECORDED = Epoch("first", SWEPT_AT, SEEN)


class Watched:
    """
    An `operations/epoch` and its watch.
    """

    def __init__(self, fields: dict[str, Any] | None, uid: str | None = "first") -> None:
        self.clock = ManualClock()
        self.disturb: Callable[[str], None] = lambda _: None
        self.documents = MemoryDocuments(self._effect)
        self.epochs = Epochs(self.documents, self.clock, lambda: uid)
        if fields is not None:
            self.documents.commit(Create(EPOCH, fields))

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        self.disturb(operation)
        return do()

    @property
    def document(self) -> Document | None:
        (document,) = self.documents.read(EPOCH)
        return document

    @property
    def fields(self) -> dict[str, Any] | None:
        return None if self.document is None else dict(self.document.fields)


@pytest.mark.parametrize("swept_at", [SWEPT_AT, None], ids=["swept", "never swept"])
def test_a_hold_is_read_back_as_it_was_written(swept_at: datetime | None) -> None:
    hold = replace(HOLD, swept_at=swept_at)
    fields = {
        "reason": "otherDatabase",
        "found": "second",
        "since": HOLD.since,
        "sweptAt": swept_at,
        "alarmedAt": HOLD.alarmed_at,
    }
    assert hold.to_fields() == fields
    assert Hold.from_fields(fields, NOW) == hold


def test_instants_of_a_hold_that_are_ahead_count_as_now_apart_from_the_alarm() -> None:
    ahead = NOW + timedelta(hours=1)
    fields = replace(HOLD, since=ahead, swept_at=ahead, alarmed_at=ahead).to_fields()
    assert Hold.from_fields(fields, NOW) == replace(HOLD, since=NOW, swept_at=NOW, alarmed_at=ahead)


def test_a_document_without_marks_was_never_swept() -> None:
    assert Epoch.from_document(None, NOW) == Epoch(None, None, {}, None, ())
    assert not Epoch.from_document(None, NOW).is_held


def test_each_field_that_cannot_be_read_is_named() -> None:
    fields = {"databaseUid": 1, "sweptAt": "now", "seenUntil": [], "hold": {"reason": "?"}}
    document = Document(EPOCH, fields, 1, NOW)
    names = ("databaseUid", "sweptAt", "seenUntil", "hold")
    assert Epoch.from_document(document, NOW) == Epoch(None, None, {}, None, names)


def test_marks_that_are_ahead_count_as_now() -> None:
    ahead = NOW + timedelta(hours=1)
    document = Document(EPOCH, marks(sweptAt=ahead, seenUntil={"memory": ahead}), 1, NOW)
    assert Epoch.from_document(document, NOW) == Epoch("first", NOW, {"memory": NOW})


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (
            Standing(RECORDED, "first", is_clear=True),
            {"databaseUid": "first", "sweptAt": NOW, "seenUntil": {**SEEN, "host": NOW}},
        ),
        (
            Standing(replace(RECORDED, hold=HOLD), "first", is_clear=False),
            {"databaseUid": "first", "sweptAt": NOW, "seenUntil": {**SEEN, "host": NOW}},
        ),
        (Standing(RECORDED, "first", is_clear=False), {}),
    ],
    ids=["clear", "held", "not checked"],
)
def test_a_run_marks_what_it_has_checked(standing: Standing, expected: dict[str, Any]) -> None:
    assert standing.swept(NOW, {"host": NOW}) == expected


CHECKS: dict[str, tuple[dict[str, Any] | None, str | None, Any, Epoch, str | None, bool]] = {
    # the document; Firestore's uid; the search; the epoch, the uid and whether the run may delete
    "swept two hours ago": (marks(), "first", no_search, RECORDED, "first", True),
    "no uid is told": (marks(), None, no_search, RECORDED, "first", True),
    "no uid is recorded": (
        marks(databaseUid=None),
        "second",
        no_search,
        replace(RECORDED, database_uid=None),
        "second",
        True,
    ),
    "swept longer ago, nothing unknown": (
        marks(sweptAt=LONG_AGO),
        "first",
        nothing_unknown,
        replace(RECORDED, swept_at=LONG_AGO),
        "first",
        True,
    ),
    "never swept, nothing unknown": (None, "first", nothing_unknown, Epoch(), "first", True),
    "swept longer ago, something unknown": (
        marks(sweptAt=LONG_AGO),
        "first",
        unknown_item,
        replace(
            RECORDED,
            swept_at=LONG_AGO,
            hold=Hold(Suspicion.UNKNOWN_CONTENT, "video:lost:1", NOW, LONG_AGO, NOW),
        ),
        "first",
        False,
    ),
    "never swept, something unknown": (
        None,
        "first",
        unknown_item,
        Epoch(hold=Hold(Suspicion.UNKNOWN_CONTENT, "video:lost:1", NOW, None, NOW)),
        None,
        False,
    ),
    "another uid": (
        marks(),
        "second",
        no_search,
        replace(RECORDED, hold=Hold(Suspicion.OTHER_DATABASE, "second", NOW, SWEPT_AT, NOW)),
        "first",
        False,
    ),
    "a field that cannot be read": (
        marks(databaseUid=7),
        "second",
        no_search,
        Epoch(
            None,
            SWEPT_AT,
            SEEN,
            Hold(Suspicion.UNREADABLE, "databaseUid", NOW, SWEPT_AT, NOW),
            unreadable=("databaseUid",),
        ),
        None,
        False,
    ),
    "held, alarmed an hour ago": (
        marks(hold=HOLD.to_fields()),
        "first",
        no_search,
        replace(RECORDED, hold=HOLD),
        "first",
        False,
    ),
    "held, and a field cannot be read": (
        marks(hold=HOLD.to_fields(), databaseUid=7),
        "first",
        no_search,
        Epoch(None, SWEPT_AT, SEEN, HOLD, ("databaseUid",)),
        None,
        False,
    ),
    "held, alarmed a day ago": (
        marks(hold=replace(HOLD, alarmed_at=NOW - timedelta(seconds=ALARM_EVERY_S)).to_fields()),
        "first",
        no_search,
        replace(RECORDED, hold=replace(HOLD, alarmed_at=NOW)),
        "first",
        False,
    ),
    "held, alarmed nearly a day ago": (
        marks(hold=replace(HOLD, alarmed_at=NOW - timedelta(seconds=ALARM_EVERY_S - 1)).to_fields()),
        "first",
        no_search,
        replace(RECORDED, hold=replace(HOLD, alarmed_at=NOW - timedelta(seconds=ALARM_EVERY_S - 1))),
        "first",
        False,
    ),
    "held, an alarm far ahead": (
        marks(hold=replace(HOLD, alarmed_at=NOW + timedelta(days=9)).to_fields()),
        "first",
        no_search,
        replace(RECORDED, hold=replace(HOLD, alarmed_at=NOW)),
        "first",
        False,
    ),
}


@pytest.mark.parametrize(("fields", "uid", "unknown", "epoch_", "uid_after", "is_clear"), CHECKS.values(), ids=CHECKS)
def test_a_check_tells_whether_this_is_still_the_database(
    fields: dict[str, Any] | None,
    uid: str | None,
    unknown: Any,
    epoch_: Epoch,
    uid_after: str | None,
    is_clear: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    watched = Watched(fields, uid)
    assert watched.epochs.check(watched.document, unknown) == Standing(epoch_, uid_after, is_clear)

    before = Epoch.from_document(None if fields is None else Document(EPOCH, fields, 1, NOW), NOW)
    is_alarmed = epoch_.hold is not None and epoch_.hold != before.hold
    hold = None if epoch_.hold is None else epoch_.hold.to_fields()
    assert watched.fields == ({**(fields or {}), "hold": hold} if is_alarmed else fields)
    told = alarms(capsys)
    assert len(told) == is_alarmed
    if is_alarmed and epoch_.hold is not None:
        assert told[0]["since"] == epoch_.hold.since.isoformat()
        assert epoch_.hold.found in (told[0].get("found"), told[0].get("fields"))
        assert told[0].get("reason", "unreadable") == epoch_.hold.reason
        assert told[0].get("document", EPOCH) == EPOCH
    if not is_clear:
        watched.disturb = lambda operation: pytest.fail(f"{operation} again")
        assert watched.epochs.is_held()


def test_what_the_sweep_cannot_read_holds_deletions_too() -> None:
    watched = Watched(marks(seenUntil=7))
    standing = watched.epochs.check(watched.document, no_search, ["cursor", "countedAt"])
    assert standing.epoch.hold == Hold(Suspicion.UNREADABLE, "seenUntil, cursor, countedAt", NOW, SWEPT_AT, NOW)


def test_a_search_begins_where_the_last_one_ended() -> None:
    watched = Watched(marks(sweptAt=LONG_AGO))
    begun: list[Mapping[str, datetime]] = []

    def search(seen_until: Mapping[str, datetime]) -> None:
        begun.append(seen_until)

    watched.epochs.check(watched.document, search)
    assert begun == [SEEN]


@pytest.mark.parametrize(("uid", "expected"), [("first", "first"), (None, "first")], ids=["told", "not told"])
def test_a_provider_that_cannot_be_asked_lets_nothing_be_deleted(
    uid: str | None, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = Watched(marks(sweptAt=LONG_AGO), uid)

    def unreachable(_: Mapping[str, datetime]) -> InventoryItem | None:
        raise refusal("list")

    standing = watched.epochs.check(watched.document, unreachable)
    assert standing == Standing(replace(RECORDED, swept_at=LONG_AGO), expected, is_clear=False)
    assert watched.fields == marks(sweptAt=LONG_AGO)
    captured = capsys.readouterr()
    (line,) = [json.loads(line) for line in (captured.out + captured.err).splitlines()]
    assert (line["provider"], line["operation"]) == ("memory", "list")


def test_a_hold_that_another_run_writes_first_is_written_by_the_next() -> None:
    watched = Watched(None, "first")

    def overtaken(operation: str) -> None:
        if operation == "commit":
            raise Conflict("Someone wrote first.")

    watched.disturb = overtaken
    assert watched.epochs.check(None, unknown_item).epoch.hold is not None


def test_whether_deletions_are_held_is_read_again_in_so_many_seconds() -> None:
    watched = Watched(marks())
    assert not watched.epochs.is_held()
    watched.documents.commit(Update(EPOCH, {"hold": HOLD.to_fields()}))
    watched.clock.advance(READ_EVERY_S - 0.001)
    assert not watched.epochs.is_held()
    watched.clock.advance(0.001)
    assert watched.epochs.is_held()
    watched.documents.commit(Update(EPOCH, {"hold": None}))
    watched.clock.advance(READ_EVERY_S - 0.001)
    assert watched.epochs.is_held()


@pytest.mark.parametrize(
    ("fields", "uid", "recorded"),
    [
        (None, "second", "second"),
        (marks(hold=HOLD.to_fields()), "second", "second"),
        (marks(hold=HOLD.to_fields()), None, "first"),
    ],
    ids=["no document", "another uid", "no uid is told"],
)
def test_an_operator_accepts_the_database_with_everything_that_its_providers_have(
    fields: dict[str, Any] | None, uid: str | None, recorded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = Watched(fields, uid)
    assert watched.epochs.is_held() is (fields is not None)
    watched.epochs.acknowledge(["memory", "host"])
    assert watched.fields == {
        "databaseUid": recorded,
        "sweptAt": NOW,
        "seenUntil": {"memory": NOW, "host": NOW},
        "hold": None,
    }
    assert not watched.epochs.is_held(), "it is read again at once"
    captured = capsys.readouterr()
    assert "deletions resumed" in captured.out + captured.err


def test_concurrent_acknowledgement_is_reported() -> None:
    watched = Watched(marks(hold=HOLD.to_fields()))

    def overtaken(operation: str) -> None:
        if operation == "commit":
            watched.disturb = lambda _: None
            watched.documents.commit(Update(EPOCH, {"cursor": 1}))

    watched.disturb = overtaken
    with pytest.raises(Conflict):
        watched.epochs.acknowledge(["memory"])


def test_a_deployment_that_never_holds_deletions_holds_none() -> None:
    assert nothing_is_held() is False
