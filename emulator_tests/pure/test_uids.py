"""User ids of every kind that Firebase Auth allows, wherever one goes."""

from __future__ import annotations

import pytest

from emulator_tests.pure.deployment import HOUR, TEACHER, Deployment
from emulator_tests.texts import NOT_FIELDS, NOT_UIDS, UIDS
from functions.edge import fields
from shared.core.callers import Caller, ClaimNames
from shared.core.errors import BadRequest, NotAllowed
from shared.core.paths import (
    RECONCILE_ERASURE,
    RECONCILE_SESSION,
    can_be_id,
    enrolment_path,
    known_user_path,
    session_path,
    uploader_path,
)
from shared.erasure.commands import ask_erasure, erasure_of
from shared.erasure.export import export_content
from shared.erasure.model import ErasureState
from shared.ports import MediaState, Observation, Task
from shared.providers.kaltura.mapping import viewer_of
from shared.providers.kaltura.signing import KeyMint
from shared.registry import TRACES
from shared.sessions.kaltura_session import get_kaltura_session
from shared.sessions.moderation import set_moderator
from shared.videos.commands import delete_video

pytestmark = pytest.mark.long


@fields.message
class OfPerson:
    uid: fields.Uid


ALL = pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)


@ALL
def test_an_account_with_any_uid_is_taken(uid: str) -> None:
    """B5"""
    assert Caller.from_claims(uid, {"teacher": True}, ClaimNames()) == Caller(uid, is_teacher=True)
    assert fields.read({"uid": uid}, OfPerson).uid == uid


@pytest.mark.parametrize("uid", NOT_UIDS.values(), ids=NOT_UIDS)
def test_an_account_whose_uid_can_be_in_no_document_id_is_refused(uid: str) -> None:
    """B5"""
    with pytest.raises(NotAllowed, match=r"cannot be part of a document's id\. Sign in with another account\."):
        Caller.from_claims(uid, {}, ClaimNames())
    with pytest.raises(BadRequest):
        fields.read({"uid": uid}, OfPerson)


def live(teacher: Caller) -> Deployment:
    deployment = Deployment()
    deployment.accounts.write(teacher.uid, teacher=True)
    now = deployment.clock()
    deployment.write_session(
        ownerUid=teacher.uid, format="liveStreaming", visibility="enrolled", startsAt=now, endsAt=now + HOUR
    )
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    return deployment


@ALL
def test_a_teacher_with_any_uid_does_all_that_teachers_do(uid: str) -> None:
    """B5"""
    teacher = Caller(uid, is_teacher=True)
    deployment = live(teacher)
    video_id = deployment.ask_upload(caller=teacher).video_id
    deployment.ask_upload("r2", caller=teacher)
    assert deployment.document(uploader_path(uid)).fields["issued"] == 2
    deployment.show(
        video_id, Observation(MediaState.READY, 100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")
    )
    deployment.run(60)
    assert deployment.playbacks.issue_playback(teacher, video_id).url
    assert deployment.upload_tokens.renew_upload_token(
        teacher, deployment.ask_upload("r2", caller=teacher).video_id
    ).grant.url
    assert deployment.ask_replacement(video_id, caller=teacher).video_id == video_id
    assert get_kaltura_session(
        teacher, "s1", deployment.sessions, deployment.documents, deployment.queue, deployment.clock
    )
    assert deployment.joining.join(teacher, "s1").is_moderator
    assert deployment.joining.issue_playback(teacher, "s1").grant.token
    assert set_moderator(teacher, "s1", uid, deployment.sessions, deployment.queue, deployment.clock, is_moderator=True)
    delete_video(teacher, video_id, deployment.documents, deployment.queue, deployment.clock)
    key, _ = ask_erasure(teacher, "r1", uid, deployment.documents, deployment.queue, deployment.clock)
    deployment.deliver(Task(RECONCILE_ERASURE, key))
    assert erasure_of(teacher, key, deployment.documents).sessions == 1


@ALL
def test_a_student_with_any_uid_enters_and_moderates(uid: str) -> None:
    """B5"""
    teacher, student = Caller("owner", is_teacher=True), Caller(uid, is_teacher=False)
    deployment = live(teacher)
    deployment.accounts.write(uid)
    deployment.enrol(uid, owner_uid=teacher.uid)
    assert deployment.document(enrolment_path("s1", uid)).fields["uid"] == uid
    assert deployment.joining.issue_playback(student, "s1").grant.token
    assert not deployment.joining.join(student, "s1").is_moderator
    ports = deployment.sessions, deployment.queue, deployment.clock
    if uid in NOT_FIELDS:
        with pytest.raises(BadRequest, match="cannot be a moderator"):
            set_moderator(teacher, "s1", uid, *ports, is_moderator=True)
    else:
        assert set_moderator(teacher, "s1", uid, *ports, is_moderator=True)
        assert deployment.joining.join(student, "s1").is_moderator
    assert set_moderator(teacher, "s1", uid, *ports, is_moderator=False)
    assert not deployment.joining.join(student, "s1").is_moderator


@ALL
def test_no_document_names_an_erased_user_of_any_uid(uid: str) -> None:
    """A12, B5: also where a hash stands for the uid, and where a field has it as its name."""
    person = Caller(uid, is_teacher=True)
    deployment = live(person)
    deployment.ask_upload(caller=person)
    deployment.write_session("s2")
    if uid not in NOT_FIELDS:
        set_moderator(TEACHER, "s2", uid, deployment.sessions, deployment.queue, deployment.clock, is_moderator=True)
        assert deployment.document(session_path("s2")).fields["moderators"] == {uid: True}
    assert deployment.documents.read(uploader_path(uid)) != (None,)
    exported = export_content(person, uid, None, deployment.documents, TRACES).things
    assert {"sessions", "videos", "uploads", "liveEvents"} <= {one["section"] for one in exported}
    key, _ = ask_erasure(person, "r1", uid, deployment.documents, deployment.queue, deployment.clock)
    deployment.run(3600)
    assert erasure_of(person, key, deployment.documents).state is ErasureState.DONE
    assert deployment.documents.read(uploader_path(uid)) == (None,)
    assert uid not in deployment.document(session_path("s2")).fields.get("moderators", {})
    assert export_content(person, uid, None, deployment.documents, TRACES).things == ()


def test_each_uid_has_documents_and_a_kaltura_user_of_its_own() -> None:
    """B5"""
    for path_of in (uploader_path, lambda uid: known_user_path(viewer_of(uid))):
        assert len({path_of(uid) for uid in UIDS.values()}) == len(UIDS)


@ALL
def test_the_kaltura_user_of_any_uid_can_have_a_document(uid: str) -> None:
    """B5"""
    assert can_be_id(viewer_of(uid))


@ALL
def test_a_ks_is_signed_for_any_uid(uid: str) -> None:
    """B5"""
    assert KeyMint(1, "secret").mint(viewer_of(uid), lifetime_s=60, now=Deployment().clock())
