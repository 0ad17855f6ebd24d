"""The story of replacing a video, at each provider: what played before plays until the new one is ready."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.rules.firestore import Fields


@dataclass(frozen=True, slots=True)
class Playing:
    """
    A ready video, and what is recorded of it.
    """

    school: School
    teacher: Person
    provider: Provider
    session_id: str
    video_id: str
    number: str

    def plays(self, video_bytes: bytes) -> bool:
        """
        Whether a viewer gets this video at this moment.
        """
        return self.provider.plays(self.teacher.call("issuePlayback", {"videoId": self.video_id}), video_bytes)

    def shown(self) -> Fields:
        """
        What the session's document says of it.
        """
        session = self.school.document(f"sessions/{self.session_id}")
        assert session is not None
        ref: Fields = session["videos"][self.video_id]
        return ref

    def await_only_one(self, besides: str | None = None) -> str:
        """
        Wait until the provider has one video for it, another than the one named.
        """

        def made() -> list[str]:
            return self.provider.made_for(self.video_id)

        self.school.await_provider("one video alone", lambda: len(made()) == 1 and made() != [besides or ""])
        return made()[0]


@pytest.fixture
def playing(school: School, teacher: Person, provider: Provider, video_bytes: bytes) -> Playing:
    """
    A video that is ready, in a draft of its teacher's.
    """
    session_id = teacher.write_session(videoProvider=provider.name)
    video_id = teacher.upload_video(session_id, video_bytes, title="The first")
    (number,) = provider.made_for(video_id)
    return Playing(school, teacher, provider, session_id, video_id, number)


def test_replacement_plays_once_it_is_ready(
    school: School, playing: Playing, video_bytes: bytes, other_video_bytes: bytes
) -> None:
    playing.provider.set_readiness("never")
    token = playing.teacher.ask_to_replace(playing.video_id, len(other_video_bytes), title="The second")
    school.upload(token, other_video_bytes)
    between = school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: (
            fields is not None
            and fields["videos"][playing.video_id].get("replacement", {}).get("state") == "processing"
        ),
    )["videos"][playing.video_id]
    assert (between["state"], between["title"]) == ("ready", "The first")
    assert playing.plays(video_bytes)

    (new,) = set(playing.provider.made_for(playing.video_id)) - {playing.number}
    playing.provider.set_readiness("at_once", of=new)
    school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: fields is not None and fields["videos"][playing.video_id]["title"] == "The second",
    )

    assert playing.plays(other_video_bytes)
    assert "replacement" not in playing.shown()
    assert playing.await_only_one() == new
    assert token["videoId"] == playing.video_id


def test_replacing_twice_leaves_only_the_last_video(
    school: School, playing: Playing, video_bytes: bytes, other_video_bytes: bytes
) -> None:
    playing.provider.set_readiness("never")
    first = playing.teacher.ask_to_replace(playing.video_id, len(video_bytes))
    school.upload(first, video_bytes)
    playing.provider.set_readiness("after_s:1")

    second = playing.teacher.ask_to_replace(playing.video_id, len(other_video_bytes), title="The last")
    assert playing.provider.address(second) != playing.provider.address(first)
    school.upload(second, other_video_bytes)
    school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: fields is not None and fields["videos"][playing.video_id]["title"] == "The last",
    )

    assert playing.plays(other_video_bytes)
    playing.await_only_one(besides=playing.number)


def test_failed_replacement_is_reported_and_the_old_video_plays(
    school: School, playing: Playing, video_bytes: bytes
) -> None:
    junk = b"this is not a video" * 100
    school.upload(playing.teacher.ask_to_replace(playing.video_id, len(junk)), junk)

    shown = school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: (
            fields is not None and fields["videos"][playing.video_id].get("replacement", {}).get("state") == "failed"
        ),
    )["videos"][playing.video_id]

    assert shown["state"] == "ready"
    assert shown["replacement"]["failure"]["code"] == "REFUSED_BY_PROVIDER"
    assert shown["replacement"]["failure"]["message"] == playing.provider.not_a_video
    assert playing.plays(video_bytes)
    assert playing.await_only_one() == playing.number


def test_cancelled_replacement_leaves_the_old_video(school: School, playing: Playing, video_bytes: bytes) -> None:
    token = playing.teacher.ask_to_replace(playing.video_id, len(video_bytes))

    playing.teacher.call("cancelUpload", {"videoId": playing.video_id})

    school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: fields is not None and "replacement" not in fields["videos"][playing.video_id],
    )
    assert playing.await_only_one() == playing.number
    assert playing.plays(video_bytes)
    assert not playing.provider.takes_bytes(token)


@pytest.mark.parametrize("deleted", ["video", "session"])
def test_deleting_during_a_replacement_leaves_neither(
    school: School, playing: Playing, video_bytes: bytes, deleted: str
) -> None:
    playing.provider.set_readiness("never")
    school.upload(playing.teacher.ask_to_replace(playing.video_id, len(video_bytes)), video_bytes)

    if deleted == "video":
        playing.teacher.call("deleteVideo", {"videoId": playing.video_id})
    else:
        playing.teacher.delete_session(playing.session_id)

    school.await_provider("the deletion of both videos", lambda: not playing.provider.has_anything_of(playing.video_id))
    video = school.await_document(
        f"videos/{playing.video_id}", lambda fields: fields is not None and fields["state"] == "gone"
    )
    assert video["playable"] is None


def test_a_title_is_kept_where_a_replacement_names_none(
    school: School, playing: Playing, other_video_bytes: bytes
) -> None:
    school.upload(playing.teacher.ask_to_replace(playing.video_id, len(other_video_bytes)), other_video_bytes)
    playing.await_only_one(besides=playing.number)

    assert playing.shown()["title"] == "The first"


def test_other_people_cannot_replace_it(school: School, playing: Playing) -> None:
    for person, code in [(school.teacher(), "NOT_FOUND"), (school.person(), "PERMISSION_DENIED")]:
        with pytest.raises(Refused) as refused:
            person.ask_to_replace(playing.video_id, 1000)
        assert refused.value.code == code
    assert playing.provider.made_for(playing.video_id) == [playing.number]
