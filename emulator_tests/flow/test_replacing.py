"""The story of replacing a video: what played before plays until the new one is ready, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.rules.firestore import Fields

NEVER = {"ready": "never"}


@dataclass(frozen=True, slots=True)
class Playing:
    """
    A ready film, and what is recorded of it.
    """

    school: School
    teacher: Person
    session_id: str
    video_id: str
    entry_id: str

    def bytes_now(self) -> bytes:
        """
        What a viewer gets at this moment.
        """
        grant = self.teacher.call("issuePlayback", {"videoId": self.video_id})
        return self.school.http.get(grant["progressiveUrl"], timeout=10).content

    def shown(self) -> Fields:
        """
        What the session's document says of it.
        """
        session = self.school.document(f"sessions/{self.session_id}")
        assert session is not None
        ref: Fields = session["videos"][self.video_id]
        return ref

    def entries(self) -> list[str]:
        """
        The entries at Kaltura that were made for it.
        """
        return [number for kind, number in self.school.made_for(self.video_id) if kind == "entries"]

    def await_only_entry(self, besides: str | None = None) -> str:
        """
        Wait until Kaltura has one entry for it, another than the one named.
        """
        self.school.await_provider(
            "one entry alone", lambda: len(self.entries()) == 1 and self.entries() != [besides or ""]
        )
        return self.entries()[0]


@pytest.fixture
def playing(school: School, teacher: Person, film: bytes) -> Playing:
    """
    A film that is ready, in a draft of its teacher's.
    """
    session_id = teacher.write_session()
    video_id = teacher.upload_film(session_id, film, title="The first")
    video = school.document(f"videos/{video_id}")
    assert video is not None
    return Playing(school, teacher, session_id, video_id, video["playable"]["parts"]["entryId"])


def test_the_old_film_plays_until_the_new_one_is_ready_and_then_the_new_one_alone(
    school: School, playing: Playing, film: bytes, other_film: bytes
) -> None:
    school.simulator("POST", "clock", NEVER)
    token = playing.teacher.ask_to_replace(playing.video_id, len(other_film), title="The second")
    school.upload(token, other_film)
    between = school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: (
            fields is not None
            and fields["videos"][playing.video_id].get("replacement", {}).get("state") == "processing"
        ),
    )["videos"][playing.video_id]
    assert (between["state"], between["title"]) == ("ready", "The first")
    assert playing.bytes_now() == film

    (new_entry,) = set(playing.entries()) - {playing.entry_id}
    school.simulator("POST", "clock", {"ready": "at_once", "entryId": new_entry})
    school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: fields is not None and fields["videos"][playing.video_id]["title"] == "The second",
    )

    assert playing.bytes_now() == other_film
    assert "replacement" not in playing.shown()
    assert playing.await_only_entry() == new_entry
    assert token["videoId"] == playing.video_id


def test_replacing_twice_leaves_the_last_film_alone(
    school: School, playing: Playing, film: bytes, other_film: bytes
) -> None:
    school.simulator("POST", "clock", NEVER)
    first = playing.teacher.ask_to_replace(playing.video_id, len(film))
    school.upload(first, film)
    school.simulator("POST", "clock", {"ready": "after_s:1"})

    second = playing.teacher.ask_to_replace(playing.video_id, len(other_film), title="The last")
    assert second["uploadTokenId"] != first["uploadTokenId"]
    school.upload(second, other_film)
    school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: fields is not None and fields["videos"][playing.video_id]["title"] == "The last",
    )

    assert playing.bytes_now() == other_film
    playing.await_only_entry(besides=playing.entry_id)


def test_a_replacement_that_fails_is_told_and_the_old_film_plays_on(
    school: School, playing: Playing, film: bytes
) -> None:
    junk = b"this is not a film" * 100
    school.upload(playing.teacher.ask_to_replace(playing.video_id, len(junk)), junk)

    shown = school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: (
            fields is not None and fields["videos"][playing.video_id].get("replacement", {}).get("state") == "failed"
        ),
    )["videos"][playing.video_id]

    assert shown["state"] == "ready"
    assert shown["replacement"]["failure"]["code"] == "REFUSED_BY_PROVIDER"
    assert playing.bytes_now() == film
    assert playing.await_only_entry() == playing.entry_id


def test_cancelling_a_replacement_leaves_the_old_film(school: School, playing: Playing, film: bytes) -> None:
    token = playing.teacher.ask_to_replace(playing.video_id, len(film))

    playing.teacher.call("cancelUpload", {"videoId": playing.video_id})

    school.await_document(
        f"sessions/{playing.session_id}",
        lambda fields: fields is not None and "replacement" not in fields["videos"][playing.video_id],
    )
    assert playing.await_only_entry() == playing.entry_id
    assert playing.bytes_now() == film
    with pytest.raises(Exception, match="Invalid KS"):
        school.kaltura(token["ks"]).uploadToken.get(token["uploadTokenId"])


@pytest.mark.parametrize("deleted", ["video", "session"])
def test_deleting_during_a_replacement_leaves_neither(
    school: School, playing: Playing, film: bytes, deleted: str
) -> None:
    school.simulator("POST", "clock", NEVER)
    school.upload(playing.teacher.ask_to_replace(playing.video_id, len(film)), film)

    if deleted == "video":
        playing.teacher.call("deleteVideo", {"videoId": playing.video_id})
    else:
        playing.teacher.delete_session(playing.session_id)

    school.await_provider("both entries' going", lambda: not school.made_for(playing.video_id))
    video = school.await_document(
        f"videos/{playing.video_id}", lambda fields: fields is not None and fields["state"] == "gone"
    )
    assert video["playable"] is None


def test_a_title_is_kept_where_a_replacement_names_none(school: School, playing: Playing, other_film: bytes) -> None:
    school.upload(playing.teacher.ask_to_replace(playing.video_id, len(other_film)), other_film)
    playing.await_only_entry(besides=playing.entry_id)

    assert playing.shown()["title"] == "The first"


def test_other_people_cannot_replace_it(school: School, playing: Playing) -> None:
    for person, code in [(school.teacher(), "PERMISSION_DENIED"), (school.person(), "PERMISSION_DENIED")]:
        with pytest.raises(Refused) as refused:
            person.ask_to_replace(playing.video_id, 1000)
        assert refused.value.code == code
    assert playing.entries() == [playing.entry_id]
