"""What a caller gets for a video: the token to upload one, the token to play one, and every reason to get neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.memory import Effect, undisturbed
from emulator_tests.pure.deployment import LATE_COMMIT_S, POLICY, TEACHER, Deployment, Killed, refusal
from shared.core.callers import Caller
from shared.core.errors import (
    BackendError,
    BadRequest,
    Conflict,
    Doubtful,
    NotAllowed,
    NotFound,
    Permanent,
    TooMany,
    Transient,
    WrongState,
)
from shared.core.paths import POLL_READINESS, RECONCILE_VIDEO, enrolment_path, pairing_path, video_path
from shared.ports import Delete, MediaState, Observation, Stage, Task
from shared.reconcile import LEASE_S
from shared.videos.commands import delete_video
from shared.videos.model import VideoState
from shared.videos.playback import Playback, playback_lifetime_s
from shared.videos.upload_tokens import TURNS_MAX, UploadToken

T = TypeVar("T")

OTHER_TEACHER = Caller("other", is_teacher=True)
STUDENT = Caller("student", is_teacher=False)
READY = Observation(MediaState.READY, percent=100, duration_s=100.0, size_bytes=1000, media_type="video/mp4")


def failing(operation_that_fails: str, error: BackendError, *, done: bool = False) -> Effect:
    """
    One operation fails, having been `done` all the same or not.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation != operation_that_fails:
            return do()
        if done:
            do()
        raise error

    return effect


def once_before_the_video_is_written(deployment: Deployment, act: Callable[[], object]) -> Effect:
    """
    Someone else acts when a request has found that its video is not there yet.
    """

    def effect(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit" and pairing_path("s1") in deployment.documents.paths():
            deployment.disturb = undisturbed
            act()
        return do()

    return effect


def with_session(**fields: Any) -> Deployment:
    deployment = Deployment()
    deployment.write_session(**fields)
    return deployment


def with_ready_video(**fields: Any) -> tuple[Deployment, str]:
    deployment = with_session(**fields)
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    return deployment, video_id


def play(deployment: Deployment, caller: Caller, video_id: str) -> Playback:
    return deployment.playbacks.issue_playback(caller, video_id)


def assert_nothing_was_made(deployment: Deployment) -> None:
    assert deployment.documents.paths() in ((), ("sessions/s1",))
    assert deployment.media.alive() == ()
    assert deployment.queue.waiting() == ()


# --- upload ------------------------------------------------------------------------------------------------------


def test_teacher_gets_a_token_for_one_new_video() -> None:
    deployment = with_session()
    token = deployment.ask_upload(title=" Algebra I ")
    (made,) = deployment.media.alive()
    assert token.grant.values["uploadTokenId"] == made.external_ids["uploadTokenId"]
    assert token.grant.expires_at == deployment.clock() + timedelta(hours=2)
    assert (made.spec.title, made.spec.file_name, made.spec.size_bytes) == ("Algebra I", "algebra.mp4", 1000)
    assert deployment.video(token.video_id).state is VideoState.UPLOADING
    assert deployment.document("sessions/s1").fields["videos"][token.video_id]["state"] == "uploading"
    assert deployment.enqueued(POLL_READINESS) == ["memory:1"]


def test_a_video_without_a_title_is_called_by_its_file() -> None:
    deployment = with_session()
    deployment.ask_upload(title=None)
    assert deployment.media.alive()[0].spec.title == "algebra.mp4"


def test_the_session_has_a_pairing_before_it_owns_a_video() -> None:
    deployment = with_session()
    deployment.disturb = failing("prepare_upload", refusal("prepare_upload"))
    with pytest.raises(Transient):
        deployment.ask_upload()
    assert pairing_path("s1") in deployment.documents.paths()


def test_no_document_and_no_log_has_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    deployment, video_id = with_ready_video()
    tokens = [deployment.ask_upload("r2").grant.token, play(deployment, TEACHER, video_id).url]
    deployment.run(60)
    kept = repr([deployment.document(path) for path in deployment.documents.paths()])
    logged = capsys.readouterr()
    assert not [token for token in tokens if token in kept + logged.out + logged.err]
    assert tokens[0] not in repr(deployment.ask_upload("r2")), "an accident with repr() must not log it either"


def test_the_same_request_gets_the_same_video_and_a_fresh_token() -> None:
    deployment = with_session()
    first = deployment.ask_upload()
    deployment.clock.advance(3600)
    again = deployment.ask_upload()
    assert (again.video_id, again.grant) == (first.video_id, first.grant), "it is good for another hour"
    deployment.clock.advance(1900)
    later = deployment.ask_upload()
    assert later.grant.values == first.grant.values
    assert later.grant.token != first.grant.token
    assert later.grant.expires_at == deployment.clock() + timedelta(hours=2)
    assert len(deployment.media.alive()) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("size_bytes", 1001), ("file_name", "geometry.mp4"), ("title", "Geometry")]
)
def test_the_same_request_id_for_another_file_is_refused(field: str, value: Any) -> None:
    deployment = with_session()
    deployment.ask_upload()
    before = deployment.document("sessions/s1")
    with pytest.raises(WrongState, match="used for another file"):
        deployment.ask_upload(**{field: value})
    assert deployment.document("sessions/s1") == before
    assert len(deployment.media.alive()) == 1


def test_the_same_request_id_in_another_session_or_of_another_teacher_is_another_video() -> None:
    deployment = with_session()
    deployment.write_session("s2")
    tokens = [deployment.ask_upload(), deployment.ask_upload(session_id="s2")]
    deployment.write_session(ownerUid="other")
    tokens.append(deployment.ask_upload(caller=OTHER_TEACHER))
    assert len({token.video_id for token in tokens}) == len(deployment.media.alive()) == 3


@pytest.mark.long
def test_a_hundred_requests_at_once_make_one_video() -> None:
    deployment = with_session()

    def ask(_number: int) -> UploadToken | BackendError:
        try:
            return deployment.ask_upload()
        except (Transient, Conflict, TooMany) as error:
            # Someone else is making it, or was faster, or there were too many; whoever asks again gets the same.
            return error

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    told = [answer.video_id for answer in answers if isinstance(answer, UploadToken)]
    deployment.clock.advance(60)
    again = deployment.ask_upload()
    assert set(told) == {again.video_id}
    assert len(deployment.media.alive()) == 1
    assert len(deployment.enqueued(POLL_READINESS)) == 1


def test_concurrent_equal_requests_get_the_same_video() -> None:
    deployment = with_session()
    between: list[UploadToken] = []
    deployment.disturb = once_before_the_video_is_written(deployment, lambda: between.append(deployment.ask_upload()))
    assert deployment.ask_upload().video_id == between[0].video_id
    assert len(deployment.media.alive()) == 1


def test_a_request_for_another_file_that_was_overtaken_is_refused() -> None:
    deployment = with_session()
    deployment.disturb = once_before_the_video_is_written(deployment, lambda: deployment.ask_upload(size_bytes=1001))
    with pytest.raises(WrongState, match="used for another file"):
        deployment.ask_upload()
    assert [made.spec.size_bytes for made in deployment.media.alive()] == [1001]


@pytest.mark.parametrize(
    ("caller", "session_id", "error"),
    [
        pytest.param(OTHER_TEACHER, "s1", NotFound, id="other teacher"),
        pytest.param(STUDENT, "s1", NotAllowed, id="student"),
        pytest.param(Caller("teacher", is_teacher=False), "s1", NotAllowed, id="no teacher any more"),
        pytest.param(TEACHER, "s2", NotFound, id="no session"),
        pytest.param(STUDENT, "s2", NotAllowed, id="student, no session"),
    ],
)
def test_unauthorised_upload_creates_nothing(caller: Caller, session_id: str, error: type[Exception]) -> None:
    deployment = with_session()
    with pytest.raises(error):
        deployment.ask_upload(caller=caller, session_id=session_id)
    assert_nothing_was_made(deployment)


@pytest.mark.parametrize(
    "request_",
    [
        {"file_name": "page.html"},
        {"file_name": "../x.mp4"},
        {"size_bytes": 0},
        {"size_bytes": POLICY.max_bytes + 1},
        {"title": "a\nb"},
        {"title": " "},
    ],
    ids=str,
)
def test_invalid_file_creates_nothing(request_: dict[str, Any]) -> None:
    deployment = with_session()
    with pytest.raises(BadRequest):
        deployment.ask_upload(**request_)
    assert_nothing_was_made(deployment)


def test_a_teacher_has_so_many_uploads_open_and_no_more() -> None:
    deployment = with_session()
    deployment.write_session("s2", ownerUid="other")
    tokens = [deployment.ask_upload(f"r{number}") for number in range(POLICY.uploads_in_flight_max)]
    with pytest.raises(TooMany, match="You have 3 uploads open"):
        deployment.ask_upload("one more")
    assert len(deployment.media.alive()) == 3
    deployment.ask_upload("r0")
    deployment.ask_upload(session_id="s2", caller=OTHER_TEACHER)
    deployment.show(tokens[0].video_id, READY)
    deployment.run(60)
    deployment.ask_upload("one more")


def with_room(**limits: int) -> Deployment:
    """
    A deployment with a session, and limits of its own.
    """
    usual = {"uploads_in_flight_max": 50, "session_videos_max": 50, "teacher_videos_max": 50}
    deployment = Deployment(policy=replace(POLICY, **{**usual, **limits}))
    deployment.write_session()
    return deployment


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        pytest.param({"session_videos_max": 2}, "This session has 2 videos", id="videos of a session"),
        pytest.param({"session_bytes_max": 2999}, "This session may hold 2999 bytes", id="bytes of a session"),
        pytest.param({"teacher_videos_max": 2}, "Your account has 2 videos", id="videos of a teacher"),
        pytest.param({"teacher_bytes_max": 2999}, "Your account may hold 2999 bytes", id="bytes of a teacher"),
    ],
)
def test_upload_over_quota_is_refused_until_there_is_room(limits: dict[str, int], sentence: str) -> None:
    deployment = with_room(**limits)
    tokens = [deployment.ask_upload(f"r{number}") for number in range(2)]
    made = deployment.media.alive()
    with pytest.raises(TooMany, match=sentence):
        deployment.ask_upload("one more")
    assert deployment.media.alive() == made
    assert len([path for path in deployment.documents.paths() if path.startswith("videos/")]) == 2

    delete_video(TEACHER, tokens[0].video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    deployment.ask_upload("one more")


def test_room_is_counted_by_session_and_by_teacher() -> None:
    deployment = with_room(session_videos_max=1, teacher_videos_max=2)
    deployment.write_session("s2")
    deployment.write_session("s3")
    deployment.write_session("s4", ownerUid="other")
    deployment.ask_upload("r1")
    deployment.ask_upload("r2", session_id="s2")
    with pytest.raises(TooMany, match="Your account"):
        deployment.ask_upload("r3", session_id="s3")
    deployment.ask_upload("r4", session_id="s4", caller=OTHER_TEACHER)


def test_quota_counts_received_bytes() -> None:
    deployment = with_room(session_bytes_max=2500)
    first = deployment.ask_upload()
    deployment.show(first.video_id, replace(READY, size_bytes=990))
    deployment.run(60)
    assert deployment.document(video_path(first.video_id)).fields["bytes"] == 990
    deployment.ask_upload("r2", size_bytes=1505)


def test_a_failed_upload_takes_no_bytes_but_its_place_until_it_is_deleted() -> None:
    deployment = with_room(session_videos_max=1, session_bytes_max=1000)
    first = deployment.ask_upload()
    deployment.show(first.video_id, Observation(MediaState.ERROR))
    deployment.run(60)
    with pytest.raises(TooMany, match="1 videos"):
        deployment.ask_upload("r2")
    delete_video(TEACHER, first.video_id, deployment.documents, deployment.queue, deployment.clock)
    deployment.run()
    deployment.ask_upload("r2")


def test_a_replacement_needs_room_for_itself_alone() -> None:
    deployment = with_room(session_videos_max=1, session_bytes_max=1500)
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, READY)
    deployment.run(60)
    deployment.ask_replacement(video_id, size_bytes=1500)
    with pytest.raises(TooMany):
        deployment.ask_replacement(video_id, "too large", size_bytes=1501)


def test_requests_at_once_do_not_get_past_a_quota_together() -> None:
    deployment = with_room(session_videos_max=3, tokens_per_minute_max=1000)

    def ask(number: int) -> bool:
        for _ in range(50):
            try:
                deployment.ask_upload(f"r{number}")
            except TooMany:
                return False
            except (Transient, Conflict):
                continue
            return True
        raise AssertionError("never answered")

    with ThreadPoolExecutor(20) as pool:
        admitted = sum(pool.map(ask, range(20)))
    assert admitted == len(deployment.media.alive()) == 3


def test_a_request_that_always_loses_its_turn_says_so_and_makes_nothing() -> None:
    deployment = with_session()
    turns = []

    def lost(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            turns.append(operation)
            raise Conflict("Someone wrote first.")
        return do()

    deployment.write_session("s2")
    deployment.ask_upload(session_id="s2")
    deployment.disturb = lost
    with pytest.raises(Conflict):
        deployment.ask_upload(session_id="s2")
    assert len(turns) == TURNS_MAX
    assert len(deployment.media.alive()) == 1


def test_a_teacher_is_given_so_many_tokens_in_a_minute() -> None:
    deployment = with_room(tokens_per_minute_max=3)
    video_id = deployment.ask_upload().video_id
    deployment.ask_upload()
    deployment.upload_tokens.renew_upload_token(TEACHER, video_id)
    asks: tuple[Callable[[], object], ...] = (
        deployment.ask_upload,
        lambda: deployment.upload_tokens.renew_upload_token(TEACHER, video_id),
        lambda: deployment.ask_replacement(video_id),
    )
    for ask in asks:
        with pytest.raises(TooMany, match="3 upload tokens within a minute") as raised:
            ask()
        # C5: when the next minute begins.
        assert raised.value.retry_after_s == 60 - int(deployment.clock().timestamp()) % 60
    deployment.clock.advance(60)
    deployment.ask_upload()


def test_videos_come_in_the_order_that_was_asked_for_or_else_last() -> None:
    deployment = with_room()
    orders = [deployment.ask_upload(f"r{number}", order=order) for number, order in enumerate((None, 7, None, 0))]
    shown = deployment.document("sessions/s1").fields["videos"]
    assert [shown[token.video_id]["order"] for token in orders] == [1, 7, 8, 0]


@pytest.mark.parametrize("order", [-1, 1_000_001])
def test_an_impossible_order_makes_nothing(order: int) -> None:
    deployment = with_session()
    with pytest.raises(BadRequest, match="order of a video"):
        deployment.ask_upload(order=order)
    assert_nothing_was_made(deployment)


# --- renewing ------------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_for_the_same_upload_and_tells_how_far_it_has_come() -> None:
    deployment = with_session()
    first = deployment.ask_upload()
    deployment.show(first.video_id, Observation(MediaState.AWAITING_UPLOAD, 60, Stage.RECEIVING, received_bytes=600))
    deployment.clock.advance(7000)
    again = deployment.upload_tokens.renew_upload_token(TEACHER, first.video_id)
    assert again.grant.values["uploadTokenId"] == first.grant.values["uploadTokenId"]
    assert again.grant.token != first.grant.token
    assert again.grant.expires_at == first.grant.expires_at + timedelta(seconds=7000)
    assert (first.received_bytes, again.received_bytes) == (0, 600)
    assert len(deployment.media.alive()) == 1


def test_a_renewed_token_tells_how_far_the_upload_is_now_or_none_is_given() -> None:
    deployment = with_session()
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, Observation(MediaState.AWAITING_UPLOAD, stage=Stage.RECEIVING, received_bytes=600))
    out_of_order = Transient("Kaltura is out of order.", provider="kaltura", operation="media.get", code="HTTP_503")

    deployment.disturb = failing("observe", out_of_order)
    with pytest.raises(Transient):
        deployment.upload_tokens.renew_upload_token(TEACHER, video_id)
    deployment.disturb = undisturbed

    # The reconciliation still keeps its pause. A client that resumes before the last byte received would lose bytes.
    assert deployment.upload_tokens.renew_upload_token(TEACHER, video_id).received_bytes == 600


def test_no_token_outlasts_its_upload() -> None:
    deployment = with_session()
    video_id = deployment.ask_upload().video_id
    deployment.clock.advance(POLICY.upload_deadline_s - 100)
    token = deployment.upload_tokens.renew_upload_token(TEACHER, video_id)
    assert token.grant.expires_at == deployment.clock() + timedelta(seconds=100)
    deployment.clock.advance(100)
    with pytest.raises(WrongState, match="was not finished in time"):
        deployment.upload_tokens.renew_upload_token(TEACHER, video_id)


@pytest.mark.parametrize(
    ("caller", "error"),
    [(OTHER_TEACHER, NotFound), (STUDENT, NotAllowed), (Caller("teacher", is_teacher=False), NotAllowed)],
    ids=["other teacher", "student", "no teacher any more"],
)
def test_users_get_no_token_for_videos_of_others(caller: Caller, error: type[Exception]) -> None:
    deployment = with_session()
    video_id = deployment.ask_upload().video_id
    before = deployment.document(video_path(video_id))
    asks: tuple[Callable[[], object], ...] = (
        lambda: deployment.upload_tokens.renew_upload_token(caller, video_id),
        lambda: deployment.ask_replacement(video_id, caller=caller),
    )
    for ask in asks:
        with pytest.raises(error):
            ask()
    assert deployment.document(video_path(video_id)) == before


@pytest.mark.parametrize("video_id", ["0" * 20, "f" * 20])
def test_an_unknown_video_gets_no_token(video_id: str) -> None:
    deployment = with_session()
    with pytest.raises(NotFound, match="There is no such video"):
        deployment.upload_tokens.renew_upload_token(TEACHER, video_id)
    with pytest.raises(NotFound, match="There is no such video"):
        deployment.ask_replacement(video_id)
    assert_nothing_was_made(deployment)


# --- trouble -------------------------------------------------------------------------------------------------------


def test_while_the_provider_is_down_the_same_request_is_worth_repeating() -> None:
    deployment = with_session()
    deployment.disturb = failing("prepare_upload", refusal("prepare_upload"))
    with pytest.raises(Transient, match="not ready for this upload yet") as raised:
        deployment.ask_upload()
    assert raised.value.code == "HTTP_503"
    # C5: when the next reconciliation is due.
    assert raised.value.reason == "UPLOAD_NOT_READY"
    assert 0 < (raised.value.retry_after_s or 0) <= 60
    (path,) = (path for path in deployment.documents.paths() if path.startswith("videos/"))
    shown = deployment.document("sessions/s1").fields["videos"][path.removeprefix("videos/")]
    assert shown["failure"] == {"code": "HTTP_503", "message": "Try again later.", "retryable": True}
    deployment.disturb = undisturbed
    deployment.run(60)
    assert video_path(deployment.ask_upload().video_id) == path
    assert len(deployment.media.alive()) == 1


LOST = Doubtful("No answer.", provider="memory", operation="prepare_upload", code="TIMEOUT")


def test_a_video_that_was_made_although_the_answer_was_lost_is_adopted_at_once() -> None:
    deployment = with_session()
    deployment.disturb = failing("prepare_upload", LOST, done=True)
    token = deployment.ask_upload()
    (made,) = deployment.media.alive()
    assert token.grant.values["uploadTokenId"] == made.external_ids["uploadTokenId"]


def test_after_a_lost_answer_a_video_is_made_again_once_it_is_certain_that_there_is_none() -> None:
    deployment = with_session()
    deployment.disturb = failing("prepare_upload", LOST)
    with pytest.raises(Transient, match="not ready for this upload yet"):
        deployment.ask_upload()
    deployment.disturb = undisturbed
    deployment.run(LATE_COMMIT_S - 1)
    with pytest.raises(Transient):
        deployment.ask_upload()
    assert deployment.media.alive() == ()
    deployment.run(1)
    deployment.ask_upload()
    assert len(deployment.media.alive()) == 1


def test_permanent_refusal_of_the_provider_is_reported() -> None:
    deployment = with_session()
    refused = Permanent("The title is not allowed.", provider="memory", operation="media.add", code="INVALID_TITLE")
    deployment.disturb = failing("prepare_upload", refused)
    sentence = r"This upload has failed: The title is not allowed\. Start a new one\."
    with pytest.raises(WrongState, match=sentence) as failed:
        deployment.ask_upload()
    deployment.disturb = undisturbed
    with pytest.raises(WrongState, match=sentence):
        deployment.ask_upload()
    assert deployment.media.alive() == ()
    # Nobody was answered with the id before: with it, the same video gets another file.
    assert failed.value.video_id is not None
    assert deployment.ask_replacement(failed.value.video_id).video_id == failed.value.video_id
    deployment.ask_upload("r2")
    assert len(deployment.document("sessions/s1").fields["videos"]) == 2


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        pytest.param(
            Observation(MediaState.PROCESSING),
            "This upload is complete. There is nothing left to send.",
            id="processing",
        ),
        pytest.param(READY, "This upload is complete. There is nothing left to send.", id="ready"),
        pytest.param(Observation(MediaState.ERROR, reason="It is damaged."), "It is damaged.", id="failed"),
    ],
)
def test_an_upload_that_has_ended_gets_no_token(seen: Observation, sentence: str) -> None:
    deployment = with_session()
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, seen)
    deployment.run(60)
    with pytest.raises(WrongState, match=sentence):
        deployment.ask_upload()


@pytest.mark.parametrize(
    ("seen", "wait_s"),
    [
        pytest.param(Observation(MediaState.ERROR, reason="It is damaged."), 0, id="failed"),
        pytest.param(None, POLICY.upload_deadline_s, id="expired"),
    ],
)
def test_an_upload_that_is_over_is_begun_anew_in_the_same_video_with_its_title_and_place(
    seen: Observation | None, wait_s: int
) -> None:
    deployment = with_session()
    video_id = deployment.ask_upload(title="Algebra").video_id
    deployment.ask_upload("r2")
    if seen is not None:
        deployment.show(video_id, seen)
        deployment.run(60)
    deployment.clock.advance(wait_s)
    with pytest.raises(WrongState):
        deployment.ask_upload(title="Algebra")
    before = deployment.document("sessions/s1").fields["videos"][video_id]
    assert before["state"] == "failed"
    token = deployment.ask_replacement(video_id)
    assert (token.video_id, token.received_bytes) == (video_id, 0)
    assert deployment.ask_replacement(video_id).video_id == video_id
    shown = deployment.document("sessions/s1").fields["videos"]
    assert len(shown) == 2
    assert shown[video_id]["state"] == "uploading"
    assert (shown[video_id]["title"], shown[video_id]["order"]) == (before["title"], before["order"]) == ("Algebra", 1)
    deployment.show(video_id, READY)
    deployment.run(60)
    assert deployment.video(video_id).state is VideoState.READY


def test_a_request_id_of_a_deleted_session_makes_another_video_when_the_session_is_made_again() -> None:
    deployment = with_session()
    deleted = deployment.ask_upload().video_id
    deployment.delete_session()
    deployment.sweep.run()
    deployment.run()
    deployment.write_session()
    assert deployment.ask_upload().video_id != deleted
    assert deployment.video(deleted).state is VideoState.GONE
    assert len(deployment.media.alive()) == 1


def test_crashed_request_is_resumed() -> None:
    deployment = with_session()

    def killed(operation: str, do: Callable[[], T]) -> T:
        result = do()
        if operation == "commit" and any(path.startswith("videos/") for path in deployment.documents.paths()):
            raise Killed
        return result

    deployment.disturb = killed
    with pytest.raises(Killed):
        deployment.ask_upload()
    deployment.disturb = undisturbed
    (path,) = (path for path in deployment.documents.paths() if path.startswith("videos/"))
    due_at = deployment.video(path.removeprefix("videos/")).progress.due_at
    assert due_at == deployment.clock() + timedelta(seconds=LEASE_S)
    assert deployment.media.alive() == ()
    deployment.clock.advance(LEASE_S)
    deployment.sweep.run()
    deployment.run()
    assert len(deployment.media.alive()) == 1


def test_a_session_deleted_while_its_upload_is_made_leaves_nothing() -> None:
    deployment = with_session()

    def deleting(operation: str, do: Callable[[], T]) -> T:
        if operation == "prepare_upload":
            deployment.delete_session()
        return do()

    deployment.disturb = deleting
    with pytest.raises(NotFound, match="There is no such session"):
        deployment.ask_upload()
    deployment.disturb = undisturbed
    deployment.run()
    assert deployment.media.alive() == ()
    (path,) = (path for path in deployment.documents.paths() if path.startswith("videos/"))
    assert deployment.video(path.removeprefix("videos/")).state is VideoState.GONE
    assert "sessions/s1" not in deployment.documents.paths(), "no write brings a deleted session back"


def test_a_session_deleted_before_its_video_is_written_costs_no_call_of_the_provider() -> None:
    deployment = with_session()
    asked: Counter[str] = Counter()

    def deleting(operation: str, do: Callable[[], T]) -> T:
        asked[operation] += 1
        if asked["select"] == 1 and operation == "select":
            deployment.delete_session()
        return do()

    deployment.disturb = deleting
    with pytest.raises(NotFound):
        deployment.ask_upload()
    assert asked["prepare_upload"] == 0


# --- playback ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "caller", "enrolled"),
    [
        pytest.param({"status": "draft"}, TEACHER, False, id="owner, of a draft"),
        pytest.param({"visibility": "open"}, STUDENT, False, id="anyone, where it is open"),
        pytest.param({"visibility": "enrolled"}, STUDENT, True, id="enrolled"),
    ],
)
def test_viewer_gets_a_playback_token_for_one_video(fields: dict[str, Any], caller: Caller, enrolled: bool) -> None:
    deployment, video_id = with_ready_video(**fields)
    if enrolled:
        deployment.enrol("student")
    grant = play(deployment, caller, video_id)
    playable = deployment.video(video_id).playable
    assert playable is not None
    assert grant.values["entryId"] == playable.external_ids["entryId"]
    assert grant.expires_at == deployment.clock() + timedelta(seconds=100 + 30 * 60)


@pytest.mark.parametrize(
    ("fields", "caller"),
    [
        pytest.param({"visibility": "enrolled"}, STUDENT, id="stranger"),
        pytest.param({"visibility": "enrolled"}, OTHER_TEACHER, id="other teacher"),
        pytest.param({"status": "draft"}, STUDENT, id="student, of a draft"),
        pytest.param({"status": "draft"}, OTHER_TEACHER, id="other teacher, of a draft"),
        pytest.param({"status": "draft"}, Caller("teacher", is_teacher=False), id="no teacher any more, of a draft"),
    ],
)
def test_hidden_video_is_refused_like_a_missing_one(fields: dict[str, Any], caller: Caller) -> None:
    deployment, video_id = with_ready_video(**fields)
    deployment.enrol(caller.uid, "s2")
    with pytest.raises(NotFound) as hidden:
        play(deployment, caller, video_id)
    with pytest.raises(NotFound) as absent:
        play(deployment, caller, "0" * 20)
    assert str(hidden.value) == str(absent.value)


def test_unpublishing_closes_playback_and_publishing_opens_it_again() -> None:
    deployment, video_id = with_ready_video()
    deployment.write_session(status="draft")
    with pytest.raises(NotFound):
        play(deployment, STUDENT, video_id)
    deployment.write_session(status="public")
    assert play(deployment, STUDENT, video_id).url
    assert len(deployment.media.alive()) == 1


def test_a_video_of_a_deleted_session_is_not_played() -> None:
    deployment, video_id = with_ready_video()
    deployment.delete_session()
    with pytest.raises(NotFound):
        play(deployment, TEACHER, video_id)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (Observation(MediaState.AWAITING_UPLOAD), "VIDEO_NOT_READY"),
        (Observation(MediaState.PROCESSING, percent=99), "VIDEO_NOT_READY"),
        (Observation(MediaState.ERROR), "VIDEO_FAILED"),
        (Observation(MediaState.READY, is_video=False), "VIDEO_FAILED"),
    ],
    ids=["uploading", "processing", "failed", "no video"],
)
def test_a_video_that_is_not_ready_is_not_played_even_by_its_owner(seen: Observation, code: str) -> None:
    deployment = with_session()
    video_id = deployment.ask_upload().video_id
    deployment.show(video_id, seen)
    deployment.run(60)
    with pytest.raises(WrongState) as refused:
        play(deployment, TEACHER, video_id)
    assert refused.value.reason == code


@pytest.mark.parametrize("seen", [MediaState.GONE, MediaState.ERROR])
def test_a_video_that_plays_no_more_is_not_granted_until_it_plays_again(seen: MediaState) -> None:
    deployment, video_id = with_ready_video()
    plays = deployment.media.alive()[0].external_ids
    deployment.media.show(plays, Observation(seen))
    deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
    deployment.run()
    with pytest.raises(WrongState, match="cannot be played at the moment"):
        play(deployment, TEACHER, video_id)
    deployment.media.show(plays, READY)
    deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
    deployment.run()
    assert play(deployment, TEACHER, video_id).values["entryId"] == plays["entryId"]


def test_deleted_video_is_refused_from_the_command_on() -> None:
    deployment, video_id = with_ready_video()
    delete_video(TEACHER, video_id, deployment.documents, deployment.queue, deployment.clock)
    with pytest.raises(NotFound):
        play(deployment, TEACHER, video_id)


def test_unenrolling_ends_new_grants_at_once() -> None:
    deployment, video_id = with_ready_video(visibility="enrolled")
    deployment.enrol("student")
    play(deployment, STUDENT, video_id)
    deployment.documents.commit(Delete(enrolment_path("s1", "student")))
    with pytest.raises(NotFound):
        play(deployment, STUDENT, video_id)


@pytest.mark.parametrize(
    ("duration_s", "pauses_s", "lifetime_s"),
    [
        pytest.param(0.0, 1800, 1800, id="unknown length: the pauses"),
        pytest.param(600.0, 1800, 600 + 1800, id="short: half an hour for pauses"),
        pytest.param(3600.0, 1800, 3600 + 1800, id="one hour: either comes to the same"),
        pytest.param(6 * 3600.0, 1800, 9 * 3600, id="long: half its length for pauses"),
        pytest.param(10.9, 1800, 10 + 1800, id="whole seconds"),
        pytest.param(40.0, 10, 60, id="short pauses: half its length"),
    ],
)
def test_a_grant_to_play_lasts_as_long_as_watching_takes(duration_s: float, pauses_s: int, lifetime_s: int) -> None:
    assert playback_lifetime_s(duration_s, pauses_s) == lifetime_s
