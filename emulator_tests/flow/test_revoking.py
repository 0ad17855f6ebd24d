"""A8: what people hold at Kaltura ends there when they may not keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import KalturaBaseEntryFilter

from emulator_tests.flow.school import Person, School
from emulator_tests.flow.test_joining import join, live_now
from emulator_tests.simulators.kaltura.models.keys import Session
from emulator_tests.simulators.kaltura.models.keys import decode as decode_ks


@dataclass(frozen=True, slots=True)
class Held:
    """
    What somebody was given in a live session.

    Attributes:
        player_ks: For Kaltura's own player.
        room_ks: Of the room.
    """

    school: School
    entry_id: str
    player_ks: str
    room_ks: str

    def loads(self) -> bool:
        """
        Whether Kaltura's player still loads the entry with it.
        """
        client = self.school.kaltura(self.player_ks)
        client.startMultiRequest()
        client.baseEntry.list(KalturaBaseEntryFilter(idEqual=self.entry_id))
        (answer,) = client.doMultiRequest()
        if isinstance(answer, KalturaException):
            assert answer.code == "INVALID_KS"
            return False
        return [one.id for one in answer.objects] == [self.entry_id]

    @property
    def ids(self) -> set[str]:
        """
        The ids under which all of it is ended.
        """
        return {one for ks in (self.player_ks, self.room_ks) for one in _read(self.school, ks).values("sessionid")}


def _read(school: School, ks: str) -> Session:
    session = decode_ks(ks, school.testbed.kaltura_partner_id, [school.testbed.kaltura_admin_secret])
    assert session is not None
    return session


def hold(school: School, person: Person, session_id: str) -> Held:
    joined = join(person, session_id, playerKs=True)
    player, room = joined["player"], joined["room"]
    return Held(school, joined["entryId"], player["ks"], room["url"].rpartition("ks=")[2])


def unenrol(teacher: Person, session_id: str, person: Person) -> None:
    teacher.unenrol(session_id, person)


def demote(teacher: Person, session_id: str, person: Person) -> None:
    teacher.call("setModerator", {"sessionId": session_id, "uid": person.uid, "isModerator": False})


def delete(teacher: Person, session_id: str, _person: Person) -> None:
    teacher.delete_session(session_id)


def unpublish(teacher: Person, session_id: str, _person: Person) -> None:
    teacher.change_session(session_id, status="draft")


@pytest.mark.parametrize(
    ("act", "others_keep"),
    [(unenrol, True), (demote, True), (delete, False), (unpublish, False)],
    ids=["A8 unenrolment", "A8 demotion", "A8 deletion", "A8 unpublishing"],
)
def test_issued_tokens_are_revoked_at_kaltura(
    school: School, teacher: Person, act: Callable[[Person, str, Person], Any], others_keep: bool
) -> None:
    session_id, _ = live_now(school, teacher, visibility="enrolled")
    ada, grace = school.person(), school.person()
    for student in (ada, grace):
        teacher.enrol(session_id, student)
    if act is demote:
        teacher.call("setModerator", {"sessionId": session_id, "uid": ada.uid, "isModerator": True})
    held, others = hold(school, ada, session_id), hold(school, grace, session_id)
    assert held.loads()
    assert others.loads()
    assert len(held.ids) == 1
    assert held.ids != others.ids

    act(teacher, session_id, ada)

    school.await_provider("the end of what they hold", lambda: not held.loads())
    if others_keep:
        assert others.loads()
    else:
        school.await_provider("the end of what the others hold", lambda: not others.loads())


def test_a_moderator_who_is_none_any_more_enters_again_as_a_viewer(school: School, teacher: Person) -> None:
    """A8."""
    session_id, _ = live_now(school, teacher)
    anna = school.person()
    teacher.call("setModerator", {"sessionId": session_id, "uid": anna.uid, "isModerator": True})
    before = hold(school, anna, session_id)
    assert _read(school, before.room_ks).values("role") == ["adminRole"]

    demote(teacher, session_id, anna)
    after = hold(school, anna, session_id)

    assert _read(school, after.room_ks).values("role") == ["viewerRole"]
    school.await_provider("the end of what they held", lambda: not before.loads())
    assert after.loads()
