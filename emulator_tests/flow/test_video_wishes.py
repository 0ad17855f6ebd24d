"""Commands of teachers for their uploads, at each provider: several at once, renew, cancel, delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.rules.firestore import Fields
from shared.deletions.decide import TRIES_MAX


@pytest.fixture
def session_id(teacher: Person, provider: Provider) -> str:
    """
    A draft whose videos are at the provider.
    """
    return teacher.write_session(videoProvider=provider.name)


def test_several_videos_of_one_session_are_uploaded_at_the_same_time(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes, other_video_bytes: bytes
) -> None:
    first = teacher.ask_to_upload(session_id, len(video_bytes), title="One", order=20)
    second = teacher.ask_to_upload(session_id, len(other_video_bytes), title="Two", order=10)
    third = teacher.ask_to_upload(session_id, len(video_bytes), title="Three")
    assert len({provider.address(token) for token in (first, second, third)}) == 3

    for token, content in ((second, other_video_bytes), (third, video_bytes), (first, video_bytes)):
        school.upload(token, content)
    shown = {
        token["videoId"]: school.await_video(session_id, token["videoId"], "ready") for token in (first, second, third)
    }

    by_order = sorted(shown.values(), key=lambda video: video["order"])
    assert [(video["title"], video["order"]) for video in by_order] == [("Two", 10), ("One", 20), ("Three", 21)]
    assert provider.plays(teacher.call("issuePlayback", {"videoId": second["videoId"]}), other_video_bytes)


def test_an_interrupted_upload_goes_on_where_it_is_and_makes_nothing_new(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    sent_bytes = provider.send_first(token, video_bytes)

    renewed = teacher.call("renewUploadToken", {"videoId": token["videoId"]})

    assert provider.address(renewed) == provider.address(token)
    assert renewed["receivedBytes"] == sent_bytes
    school.upload(renewed, video_bytes)
    school.await_video(session_id, token["videoId"], "ready")
    assert len(provider.made_for(token["videoId"])) == 1


def test_upload_complete_hint_is_optional(school: School, teacher: Person, session_id: str, video_bytes: bytes) -> None:
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    # A hint that is not true, many times over.
    for _ in range(5):
        assert teacher.call("uploadFinished", {"videoId": token["videoId"]}) == {"videoId": token["videoId"]}
    assert school.await_video(session_id, token["videoId"], "uploading")["percent"] == 0

    school.upload(token, video_bytes)

    school.await_video(session_id, token["videoId"], "ready")


@pytest.mark.parametrize("sent", ["before a byte", "after a chunk", "while it is processed"])
def test_cancelling_at_any_moment_leaves_nothing(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes, sent: str
) -> None:
    provider.set_readiness("never")
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    if sent == "after a chunk":
        provider.send_first(token, video_bytes)
    if sent == "while it is processed":
        school.upload(token, video_bytes)
        school.await_video(session_id, token["videoId"], "processing")

    teacher.call("cancelUpload", {"videoId": token["videoId"]})
    # Once more does no harm.
    teacher.call("cancelUpload", {"videoId": token["videoId"]})

    school.await_provider("the upload's going", lambda: not provider.has_anything_of(token["videoId"]))
    school.await_document(
        f"sessions/{session_id}", lambda fields: fields is not None and token["videoId"] not in fields["videos"]
    )
    assert not provider.takes_bytes(token)


def test_a_finished_upload_cannot_be_cancelled(teacher: Person, session_id: str, video_bytes: bytes) -> None:
    video_id = teacher.upload_video(session_id, video_bytes)

    with pytest.raises(Refused) as refused:
        teacher.call("cancelUpload", {"videoId": video_id})

    assert refused.value.reason == "UPLOAD_COMPLETE"


def test_an_upload_that_is_never_finished_ends_by_its_deadline_and_leaves_nothing(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    provider.send_first(token, video_bytes)
    school.await_video(session_id, token["videoId"], "uploading")

    # A week goes by.
    over_at = datetime.now(UTC) - timedelta(minutes=15)
    school.write(f"videos/{token['videoId']}", deadlineAt=over_at, dueAt=over_at)
    school.sweep()

    shown = school.await_video(session_id, token["videoId"], "failed")
    assert shown["failure"]["code"] == "UPLOAD_NOT_FINISHED"
    school.await_provider("the upload's going", lambda: not provider.has_anything_of(token["videoId"]))


def test_permanent_failure_is_not_retried(school: School, teacher: Person, session_id: str) -> None:
    junk = b"this is not a film" * 100
    token = teacher.ask_to_upload(session_id, len(junk))
    with pytest.raises(Refused) as too_early:
        teacher.call("retryVideo", {"videoId": token["videoId"]})
    assert too_early.value.reason == "NOTHING_FAILED"
    school.upload(token, junk)
    school.await_video(session_id, token["videoId"], "failed")

    with pytest.raises(Refused) as refused:
        teacher.call("retryVideo", {"videoId": token["videoId"]})

    assert refused.value.reason == "RETRY_USELESS"


def test_a_deleted_video_leaves_nothing_at_its_provider_and_nothing_in_the_session(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    video_id = teacher.upload_video(session_id, video_bytes)
    kept = teacher.upload_video(session_id, video_bytes)
    addresses = provider.addresses(teacher.call("issuePlayback", {"videoId": video_id}))
    assert all(map(provider.gives, addresses))

    teacher.call("deleteVideo", {"videoId": video_id})

    with pytest.raises(Refused) as refused:
        teacher.call("issuePlayback", {"videoId": video_id})
    assert refused.value.code == "NOT_FOUND"
    session = school.await_document(
        f"sessions/{session_id}", lambda fields: fields is not None and video_id not in fields["videos"]
    )
    assert kept in session["videos"]
    school.await_provider("its going", lambda: not provider.has_anything_of(video_id))
    assert not any(map(provider.gives, addresses))
    assert provider.made_for(kept)
    school.await_document(f"videos/{video_id}", lambda fields: fields is not None and fields["state"] == "gone")
    assert not _pending_deletions(school, video_id)


def test_a_deletion_that_its_provider_cannot_do_is_tried_until_it_is_done(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    video_id = teacher.upload_video(session_id, video_bytes)
    provider.refuse_deletions(for_good=False)

    teacher.call("deleteVideo", {"videoId": video_id})

    deletion = _await_deletion(school, video_id, lambda fields: fields["failure"] is not None)
    assert provider.made_for(video_id)
    # For its teacher it is gone all the same.
    assert video_id not in (school.document(f"sessions/{session_id}") or {})["videos"]

    provider.repair()
    school.await_provider("its going", lambda: not provider.has_anything_of(video_id))
    school.await_document(f"pendingDeletions/{deletion}", lambda fields: fields is None)


def test_a_dead_deletion_is_seen_and_requeued_by_an_administrator_alone(
    school: School, teacher: Person, provider: Provider, session_id: str, video_bytes: bytes
) -> None:
    video_id = teacher.upload_video(session_id, video_bytes)
    provider.refuse_deletions(for_good=True)
    teacher.call("deleteVideo", {"videoId": video_id})
    deletion = _await_deletion(school, video_id, lambda fields: fields["failure"] is not None)
    # A week of tries goes by, all but the last.
    long_ago = datetime.now(UTC) - timedelta(minutes=15)
    last_error = (school.document(f"pendingDeletions/{deletion}") or {})["lastError"]
    last_error |= {"tries": TRIES_MAX - 1, "retryAt": long_ago, "since": long_ago - timedelta(days=7)}
    school.write(f"pendingDeletions/{deletion}", lastError=last_error, dueAt=long_ago)
    school.sweep()
    _await_deletion(school, video_id, lambda fields: fields["state"] == "dead")
    assert any(
        '"ALERT"' in line and deletion in line
        for log in school.testbed.logs.glob("firebase*")
        for line in log.read_text(errors="replace").splitlines()
    )

    provider.repair()
    administrator = school.person(admin=True)
    seen = school.firestore.get(administrator.caller, f"pendingDeletions/{deletion}")
    assert seen is not None
    assert (seen["state"], seen["failure"]["retryable"]) == ("dead", False)
    with pytest.raises(Refused) as refused:
        teacher.call("requeueDeletion", {"deletionId": deletion})
    assert refused.value.code == "PERMISSION_DENIED"
    assert administrator.call("requeueDeletion", {"deletionId": deletion}) == {"deletionId": deletion}

    school.await_provider("its going", lambda: not provider.has_anything_of(video_id))
    school.await_document(f"pendingDeletions/{deletion}", lambda fields: fields is None)


def test_a_quota_that_is_used_up_is_refused_before_anything_is_made(
    school: School, teacher: Person, provider: Provider, session_id: str
) -> None:
    first = teacher.ask_to_upload(session_id, 1000)
    before = provider.everything()
    # As if it took all that one session may have.
    school.write(f"videos/{first['videoId']}", bytes=200 * 1024**3)

    with pytest.raises(Refused) as refused:
        teacher.ask_to_upload(session_id, 1000)

    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "QUOTA_USED_UP")
    assert provider.everything() == before
    teacher.call("deleteVideo", {"videoId": first["videoId"]})


def _pending_deletions(school: School, video_id: str) -> dict[str, Fields]:
    """
    A video's pending deletions, by their ids.
    """
    every = school.documents_of("pendingDeletions")
    return {document.id: document.to_dict() or {} for document in every if video_id in document.id}


def _await_deletion(school: School, video_id: str, holds: Callable[[Fields], bool]) -> str:
    """
    Wait until a video has one pending deletion, and it is as it should be.

    Returns:
        Its id.
    """

    def met() -> bool:
        return [holds(fields) for fields in _pending_deletions(school, video_id).values()] == [True]

    school.await_provider("the pending deletion's being as it should", met)
    (deletion,) = _pending_deletions(school, video_id)
    return deletion
