"""Messages about shared live media in a session's chat room."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import refusal
from emulator_tests.pure.test_slides import ANNA, Room
from shared.core.errors import Refused
from shared.core.identity import SessionIdentity
from shared.core.paths import BROADCAST_SLIDES, RECONCILE_SESSION
from shared.ports import Task
from shared.slides.broadcast import KEY, Announcement, room_of
from shared.slides.resource import announcing
from shared.slides.showing import end, navigate, start

T = TypeVar("T")


@pytest.fixture
def room() -> Room:
    return Room()


def told(room: Room) -> list[tuple[str, Any]]:
    """The events and bodies in the session's room."""
    (messages,) = room.deployment.chat.rooms.values()
    return [(message.event, json.loads(message.body)) for message in messages]


def show(room: Room, media_id: str, *pages: int) -> None:
    """Start, turn to each page, and end."""
    documents, _, clock = room.showing
    showing = documents, room.deployment.app.get(announcing), clock
    start(room.teacher, media_id, *showing)
    for page in pages:
        navigate(room.teacher, media_id, page, *showing)
    end(room.teacher, media_id, *showing)


def test_each_change_is_told_with_its_page_and_a_growing_revision(room: Room) -> None:
    media_id = room.ready(pages=3)
    show(room, media_id, 2, 3)
    room.deployment.run()
    events = told(room)
    shown = {"id": media_id, "title": "Optics", "nb_pages": 3}
    told_of = [
        (event, body["active_shared_live_media"], body["active_shared_live_media_page"]) for event, body in events
    ]
    assert told_of == [
        ("start_sharing", shown, 1),
        ("navigate_sharing", shown, 2),
        ("navigate_sharing", shown, 3),
        ("end_sharing", None, None),
    ]
    revisions = [body["revision"] for _, body in events]
    assert revisions == list(range(revisions[0], revisions[0] + 4))


def test_message_has_no_address_and_no_token(room: Room) -> None:
    show(room, room.ready())
    room.deployment.run()
    assert "memory://" not in json.dumps(told(room))


def test_dead_chat_server_delays_nobody_and_is_told_later(room: Room) -> None:
    media_id = room.ready()

    def dead(operation: str, do: Callable[[], T]) -> T:
        if operation in ("broadcast", "create_room"):
            raise refusal(operation)
        return do()

    room.deployment.disturb = dead
    show(room, media_id)
    assert room.shown()[:2] == (None, None)
    room.deployment.run(1)
    room.deployment.disturb = undisturbed
    room.deployment.run(60)
    assert [event for event, _ in told(room)] == ["start_sharing", "end_sharing"]


def test_room_that_is_missing_is_created_again(room: Room) -> None:
    media_id = room.ready()
    room.deployment.chat.rooms.clear()
    show(room, media_id)
    room.deployment.run()
    assert [event for event, _ in told(room)] == ["start_sharing", "end_sharing"]


def test_room_exists_while_the_session_has_media(room: Room) -> None:
    first, second = room.create(), room.create()
    room.deployment.run()
    assert list(room.deployment.chat.rooms) == [room_of(_identity(room))]
    room.commands.delete(room.teacher, first)
    room.deployment.run(60)
    assert room.deployment.chat.rooms
    room.commands.delete(room.teacher, second)
    room.deployment.run(60)
    assert room.deployment.chat.rooms == {}


def test_room_goes_with_the_session(room: Room) -> None:
    room.ready()
    room.ready()
    room.deployment.delete_session()
    room.deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    room.deployment.run(60)
    assert room.deployment.chat.rooms == {}


def test_late_task_of_a_deleted_session_creates_no_room(room: Room) -> None:
    media_id = room.create()
    room.deployment.run()
    room.deployment.chat.rooms.clear()
    room.deployment.delete_session()
    for announcement in (Announcement("s1", "open"), Announcement("s1", "start_sharing", 1, media_id, 1)):
        room.deployment.deliver(announcement.task)
    assert room.deployment.chat.rooms == {}


def test_refused_change_is_not_told(room: Room) -> None:
    media_id, announced = room.ready(), list[Announcement]()
    acts: list[Callable[[], None]] = [
        lambda: navigate(room.teacher, media_id, 1, room.deployment.documents, announced.append, room.deployment.clock),
        lambda: end(room.teacher, media_id, room.deployment.documents, announced.append, room.deployment.clock),
        lambda: start(room.context(ANNA), media_id, room.deployment.documents, announced.append, room.deployment.clock),
    ]
    for act in acts:
        with pytest.raises(Refused):
            act()
    assert announced == []


def test_another_session_of_the_same_id_has_another_room(room: Room) -> None:
    first = room_of(_identity(room))
    room.deployment.delete_session()
    room.deployment.clock.advance(1)
    room.deployment.write_session()
    assert room_of(_identity(room)) != first


@pytest.mark.parametrize(
    "key", ["", "s1", "s1:open:0:x:0", "s1:else:0::0", "s1:open:-1::0", "s1:open:0::0:0", "a/b:open:0::0"]
)
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        Announcement.of_key(key)


def test_key_round_trips(room: Room) -> None:
    announcement = Announcement("s1", "navigate_sharing", 12, room.create(), 200)
    task = announcement.task
    assert task.queue == BROADCAST_SLIDES
    assert KEY.fullmatch(task.key)
    assert Announcement.of_key(task.key) == announcement


def _identity(room: Room) -> SessionIdentity:
    return SessionIdentity("s1", "teacher", room.context(ANNA).created_at)
