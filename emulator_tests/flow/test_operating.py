"""What an operator does: looks for orphans, by the schedule and by hand, and adopts them; stops all work, and starts it
again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from KalturaClient.Plugins.Core import KalturaMediaEntry, KalturaMediaType

from emulator_tests.flow.provider import NAMESPACE, PROVIDERS, Provider
from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import delete
from shared.operations.kill_switch import SWITCH_READ_S

STRAY_AGE_S = 3.0
"""As the stack of the tests is set up."""


def test_orphans_are_reported_and_cleaned_up_when_told_so_and_others_are_left_alone(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    session_id = teacher.write_session()
    lost = teacher.upload_video(session_id, video_bytes)
    kept = teacher.upload_video(session_id, video_bytes)
    client = school.administrator()
    entry_id = _entry_of(school, lost)
    client.media.delete(entry_id)
    stray_key = uuid.uuid4().hex[:20]
    item = _make(client, f"demo-greenroom:video:{stray_key}:1", "greenroomdemogreenroom")
    foreign = _make(client, f"another:video:{stray_key}:1", "greenroomanother")
    made_at = datetime.now(UTC)

    school.await_provider("the stray's growing old", lambda: _age_s(made_at) > STRAY_AGE_S + 1)
    told = school.testbed.command("find-orphans")

    assert told.returncode == 0, told.stderr
    assert f"orphan video:{stray_key}:1, entryId {item}" in told.stdout
    assert "is empty" in told.stdout
    assert f"videos/{lost} names entryId {entry_id}" in told.stdout
    assert "Nothing was changed. `--clean-up` deletes the orphans without content: " in told.stdout
    assert not {foreign, kept} & set(told.stdout.replace(",", "").split())
    assert "checked so far" in told.stderr
    assert {item, foreign} <= _entries(school)
    listed = json.loads(school.testbed.command("find-orphans", "--json").stdout)
    assert f"video:{stray_key}:1" in [one["reference"] for one in listed["orphans"] if not one["hasContent"]]
    missing = {one["path"]: one["externalIds"]["entryId"] for one in listed["missing"]}
    assert missing[f"videos/{lost}"] == entry_id

    cleaned = school.testbed.command("find-orphans", "--clean-up")

    assert "The clean-up is under way." in cleaned.stdout
    school.await_provider("the stray's going", lambda: item not in _entries(school))
    # What is not there cannot be made anew: its teacher is told.
    shown = school.await_video(session_id, lost, "failed")
    assert shown["failure"]["code"] == "PLAYS_NO_MORE"
    assert foreign in _entries(school)
    assert teacher.call("issuePlayback", {"videoId": kept})["videoId"] == kept


def test_a_video_whose_document_was_lost_is_kept_and_adopted_or_deleted_by_the_operator(
    school: School, provider: Provider, teacher: Person, video_bytes: bytes
) -> None:
    """A3: the sweep deleted it."""
    # A database that was never swept would be taken for a restored one.
    school.sweep()
    school.await_document("operations/epoch", lambda fields: "sweptAt" in (fields or {}))
    session_id = teacher.write_session(videoProvider=provider.name)
    video_id, other_id = teacher.upload_video(session_id, video_bytes), teacher.upload_video(session_id, video_bytes)
    school.firestore.commit(SERVER, delete(f"videos/{video_id}"), delete(f"videos/{other_id}"))
    lost_at, reference, other = datetime.now(UTC), f"video:{video_id}:1", f"video:{other_id}:1"
    school.await_provider("the orphans' growing old", lambda: _age_s(lost_at) > STRAY_AGE_S + 1)
    empty = provider.make_by_hand(NAMESPACE, f"video:{uuid.uuid4().hex[:20]}:1")

    # The sweep has looked as far as that: what is empty goes, what has content does not.
    school.sweep_until("the empty one's going", lambda: empty not in provider.everything())
    kept = school.testbed.command("find-orphans", "--clean-up")

    lines = kept.stdout.splitlines()
    assert [line for line in lines if reference in line and line.endswith("has content")], kept.stdout
    assert "Orphans with content, which are kept: " in kept.stdout

    adopted = school.testbed.command("find-orphans", "--adopt", reference, "video:nobody:1")

    assert adopted.returncode == 1, "one of the two was not given back"
    assert f"{reference}, " in adopted.stdout
    assert f"adopted by videos/{video_id}" in adopted.stdout
    assert "video:nobody:1: there is no orphan with content and this reference" in adopted.stdout
    school.await_video(session_id, video_id, "ready")
    assert teacher.call("issuePlayback", {"videoId": video_id})["videoId"] == video_id

    deleted = school.testbed.command("find-orphans", "--delete-content", other)

    assert deleted.returncode == 0, deleted.stderr
    assert school.testbed.command("find-orphans", "--delete-content", "video:nobody:1").returncode == 1
    assert f"{other}, " in deleted.stdout
    school.await_provider("the other's going", lambda: not provider.made_for(other_id))
    assert provider.made_for(video_id)


def test_where_nothing_was_restored_there_is_nothing_to_acknowledge(school: School) -> None:
    school.sweep()
    school.await_document("operations/epoch", lambda fields: "sweptAt" in (fields or {}))

    resumed = school.testbed.command("resume-after-restore")

    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.strip() == "Deletions are not held. There is nothing to acknowledge."


def test_an_epoch_that_was_edited_is_acknowledged_by_the_operator(school: School) -> None:
    """A3: the command ended with a stack."""
    school.sweep()
    school.await_document("operations/epoch", lambda fields: "sweptAt" in (fields or {}))
    school.write("operations/epoch", sweptAt="yesterday", hold={"reason": "by hand"})

    school.sweep()
    held = school.await_document("operations/epoch", lambda fields: isinstance((fields or {})["sweptAt"], datetime))

    assert held["hold"]["found"] == "sweptAt, hold"
    shown = school.testbed.command("resume-after-restore")
    assert "`resume-after-restore --apply` lets deletions continue." in shown.stdout
    assert (school.document("operations/epoch") or {})["hold"] is not None
    resumed = school.testbed.command("resume-after-restore", "--apply")
    assert resumed.returncode == 0, resumed.stderr
    assert "edited operations/epoch so that these fields cannot be read: sweptAt, hold." in resumed.stdout
    assert (school.document("operations/epoch") or {})["hold"] is None


@pytest.mark.parametrize(
    "options",
    [
        ("--adopt", "video:v:1", "--clean-up"),
        ("--clean-up", "--delete-content", "video:v:1"),
        ("--with-content",),
        ("--session", "s"),
    ],
    ids=" ".join,
)
def test_options_that_contradict_each_other_are_refused_and_nothing_is_touched(
    school: School, options: tuple[str, ...]
) -> None:
    refused = school.testbed.command("find-orphans", *options)

    assert refused.returncode == 1
    assert "Use only one of --clean-up [--with-content], --delete-content and --adopt [--session]." in refused.stderr


def test_the_schedule_reports_and_an_administrator_reads_the_report(school: School) -> None:
    school.find_orphans()

    report = school.firestore.get(school.person(admin=True).caller, "reports/orphans")

    assert report is not None
    assert report["cleanedUp"] is False
    assert _age_s(report["at"]) < 120
    assert report["things"] >= report["strayCount"]


@pytest.fixture
def stoppable(school: School) -> Iterator[School]:
    """
    A school that works again afterwards.
    """
    yield school
    assert school.testbed.command("start").returncode == 0
    # The chains that watch uploads stood still as well: as if they had been overdue for long.
    for poller in (f"operations/feed-{name}" for name in PROVIDERS):
        if school.document(poller) is not None:
            school.write(poller, dueAt=datetime.now(UTC) - timedelta(hours=1))
    school.await_provider("work's going on", lambda: _works(school))


def test_status_says_what_the_sweep_recorded_and_that_work_is_stopped(stoppable: School) -> None:
    stoppable.sweep()
    before = datetime.now(UTC) - timedelta(minutes=5)
    stoppable.await_document("operations/health", lambda fields: (fields or {}).get("sweptAt", before) > before)
    told = json.loads(stoppable.testbed.command("status", "--json").stdout)
    assert datetime.fromisoformat(told["sweep"]["at"]) > before
    assert set(told["counts"]) >= {"kalturaSession", "videos", "pendingDeletions"}
    assert "work" not in [one["what"] for one in told["problems"]]

    assert stoppable.testbed.command("stop", "--why", "the invoice").returncode == 0
    stopped = stoppable.testbed.command("status")
    assert stopped.returncode == 1
    assert "All work is stopped (the invoice)." in stopped.stdout
    assert stoppable.testbed.command("start").returncode == 0


def test_a_stopped_deployment_makes_nothing_and_loses_nothing(stoppable: School, teacher: Person) -> None:
    stopped = stoppable.testbed.command("stop", "--why", "the invoice")
    assert stopped.returncode == 0, stopped.stderr
    session_id = teacher.write_session()
    stopped_at = datetime.now(UTC)
    stoppable.await_provider("every instance's knowing of it", lambda: _age_s(stopped_at) > SWITCH_READ_S + 1)
    assert _refusal(teacher, session_id) == "PAUSED"
    assert (stoppable.document("operations/switch") or {})["why"] == "the invoice"
    before = _entries(stoppable)

    live = teacher.write_live_session(status="public")
    stoppable.await_provider("its note's being left for later", lambda: _left_for_later(stoppable, live))
    stoppable.sweep()
    assert _entries(stoppable) == before
    assert (stoppable.document(f"sessions/{live}") or {}).get("kaltura") is None

    assert stoppable.testbed.command("start").returncode == 0
    stoppable.await_provider("the event of the session", lambda: _has_event(stoppable, live))


def _left_for_later(school: School, key: str) -> bool:
    """
    Whether a worker has logged that it did not do the work for a key.
    """
    logged = "\n".join(log.read_text(errors="replace") for log in school.testbed.logs.glob("firebase*"))
    return any("work is stopped" in line and key in line for line in logged.splitlines())


def _has_event(school: School, session_id: str) -> bool:
    school.sweep()
    return bool(((school.document(f"sessions/{session_id}") or {}).get("kaltura") or {}).get("entryId"))


def _works(school: School) -> bool:
    """
    Tell whether the sweep runs, and workers do the tasks that it enqueues.
    """
    school.sweep()
    teacher = school.teacher()
    return _refusal(teacher, teacher.write_session()) == ""


def _refusal(teacher: Person, session_id: str) -> str:
    try:
        token = teacher.ask_to_upload(session_id, 1000)
    except Refused as refused:
        return refused.reason
    teacher.call("cancelUpload", {"videoId": token["videoId"]})
    return ""


def _make(client: Any, reference_id: str, admin_tags: str) -> str:
    entry = KalturaMediaEntry(
        name="An entry", mediaType=KalturaMediaType(1), referenceId=reference_id, adminTags=admin_tags
    )
    return str(client.media.add(entry).id)


def _entries(school: School) -> set[str]:
    return {str(entry["id"]) for entry in school.things("entries")}


def _entry_of(school: School, video_id: str) -> str:
    video = school.document(f"videos/{video_id}")
    assert video is not None
    entry_id: str = video["playable"]["parts"]["entryId"]
    return entry_id


def _age_s(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()
