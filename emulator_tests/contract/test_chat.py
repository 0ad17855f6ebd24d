"""The chat port: in memory, and at a Prosody with the modules of deploy/prosody."""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest

from emulator_tests.contract.chat_site import ChatSite, MemoryChatSite, at_prosody, now
from emulator_tests.memory import SentMessage
from shared.core.errors import Permanent
from shared.ports.chat import BODY_BYTES_MAX, EVENTS

BODIES: Final = {
    "object": '{"id": "1", "page": 3}',
    "end of CDATA": '{"title": "a]]>b"}',
    "tags": '{"title": "<script>alert(1)</script></body></message>"}',
    "entities": '{"title": "&lt;&amp;&#0;&unknown; \' \\" > <"}',
    "white space": ' {\n\t"a": 1 \n}\n',
    "escaped null": '{"title": "\\u0000"}',
    "not composed": json.dumps({"title": unicodedata.normalize("NFD", "é가")}, ensure_ascii=False),
    "composed": json.dumps({"title": unicodedata.normalize("NFC", "é가")}, ensure_ascii=False),
    "directions": '{"title": "\u202e\u2066 عربي \u2028"}',
    "beyond the plane": '{"title": "😀👩‍🏫"}',
    "C1 controls": '{"title": "\x7f\x80\x9f"}',
    "empty text": "",
}
"""Each arrives as it is."""

ESCAPED: Final = {
    "null": ('{"a": "\x00"}', '{"a": "\\u0000"}'),
    "controls": ('{"a": "\x01\x0b\x1b\x1f"}', '{"a": "\\u0001\\u000b\\u001b\\u001f"}'),
    "half a pair": ('{"a": "\ud83d"}', '{"a": "\\ud83d"}'),
    "two halves": ('{"a": "\ud83d\ude00"}', '{"a": "\\ud83d\\ude00"}'),
    "not characters": ('{"a": "\ufffe\uffff"}', '{"a": "\\ufffe\\uffff"}'),
}
"""XML cannot carry these characters."""


@pytest.fixture(params=["memory", "prosody", "prosody by WebSocket"])
def site(request: pytest.FixtureRequest) -> Iterator[ChatSite]:
    if request.param == "memory":
        yield MemoryChatSite()
        return
    with at_prosody(request.getfixturevalue("prosody")) as site:
        site.is_browser = request.param != "prosody"
        yield site


@pytest.fixture
def room(site: ChatSite) -> Iterator[str]:
    """
    A room of this test's own.
    """
    name = f"Session-{secrets.token_hex(4)}"
    site.chat.create_room(name)
    yield name
    site.chat.destroy_room(name)


def test_a_room_is_created_twice_and_keeps_who_is_in_it(site: ChatSite, room: str) -> None:
    listener = site.listen(room)
    site.chat.create_room(room)
    site.chat.broadcast(room, "start_sharing", "{}")
    assert listener.heard() == [SentMessage("start_sharing", "{}")]


def test_a_room_stays_while_nobody_is_in_it(site: ChatSite, room: str) -> None:
    site.chat.broadcast(room, "start_sharing", "{}")
    site.listen(room).leave()
    listener = site.listen(room)
    site.chat.broadcast(room, "end_sharing", "{}")
    assert listener.heard() == [SentMessage("end_sharing", "{}")]


def test_a_room_is_destroyed_twice(site: ChatSite, room: str) -> None:
    for _ in range(2):
        site.chat.destroy_room(room)
    with pytest.raises(Permanent) as caught:
        site.chat.broadcast(room, "start_sharing", "{}")
    assert caught.value.code == "NOT_FOUND"


def test_a_room_that_never_existed_is_destroyed(site: ChatSite) -> None:
    site.chat.destroy_room(f"never-{secrets.token_hex(4)}")


def test_a_message_to_a_missing_room_does_not_create_it(site: ChatSite) -> None:
    room = f"never-{secrets.token_hex(4)}"
    for _ in range(2):
        with pytest.raises(Permanent) as caught:
            site.chat.broadcast(room, "start_sharing", "{}")
        assert caught.value.code == "NOT_FOUND"


def test_a_destroyed_room_is_created_again_and_is_empty(site: ChatSite, room: str) -> None:
    site.chat.broadcast(room, "start_sharing", '{"old": true}')
    site.chat.destroy_room(room)
    site.chat.create_room(room)
    listener = site.listen(room)
    site.chat.broadcast(room, "start_sharing", '{"new": true}')
    assert listener.heard() == [SentMessage("start_sharing", '{"new": true}')]


def test_messages_arrive_in_order(site: ChatSite, room: str) -> None:
    listeners = [site.listen(room) for _ in range(2)]
    sent = [SentMessage(EVENTS[number % 3], json.dumps({"revision": number})) for number in range(50)]
    for one in sent:
        site.chat.broadcast(room, one.event, one.body)
    assert [listener.heard() for listener in listeners] == [sent, sent]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_arrives_as_it_is(site: ChatSite, room: str, body: str) -> None:
    listener = site.listen(room)
    site.chat.broadcast(room, "navigate_sharing", body)
    assert listener.heard() == [SentMessage("navigate_sharing", body)]


@pytest.mark.parametrize(("body", "arrives"), ESCAPED.values(), ids=ESCAPED)
def test_a_body_that_xml_cannot_carry_means_the_same_in_json(
    site: ChatSite, room: str, body: str, arrives: str
) -> None:
    listener = site.listen(room)
    site.chat.broadcast(room, "navigate_sharing", body)
    (heard,) = listener.heard()
    assert heard.body == arrives
    assert json.loads(heard.body).keys() == {"a"}


@pytest.mark.parametrize("character", ["a", '"', "&", "<", "é", "😀"])
def test_the_largest_body_arrives(site: ChatSite, room: str, character: str) -> None:
    listener = site.listen(room)
    body = character * (BODY_BYTES_MAX // len(character.encode()))
    site.chat.broadcast(room, "start_sharing", body)
    assert listener.heard() == [SentMessage("start_sharing", body)]


@pytest.mark.parametrize("body", ["a" * (BODY_BYTES_MAX + 1), "a" * 256 * 1024, "é" * BODY_BYTES_MAX, "\0" * 40_000])
def test_a_body_that_is_too_large_is_refused_and_nobody_hears_it(site: ChatSite, room: str, body: str) -> None:
    listener = site.listen(room)
    with pytest.raises(Permanent) as caught:
        site.chat.broadcast(room, "start_sharing", body)
    assert caught.value.code == "TOO_LARGE"
    assert listener.heard() == []


@pytest.mark.parametrize("event", ["", "start", "start_sharing ", "START_SHARING", '"><a', "\0"])
def test_an_unknown_event_is_refused(site: ChatSite, room: str, event: str) -> None:
    listener = site.listen(room)
    with pytest.raises(Permanent) as caught:
        site.chat.broadcast(room, event, "{}")
    assert caught.value.code == "UNKNOWN_EVENT"
    assert listener.heard() == []


TWINS: Final = {
    "capitals": ("session-a", "session-A"),
    "composed": (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
    "kelvin": ("k", "\u212a"),
    "sharp s": ("ss", "ß"),
    "invisible": ("ab", "a\u00adb"),
    "escaped": ("A", "=41"),
    "halves": ("😀", "\ud83d\ude00"),
}
"""Pairs of ids that a server could take for one."""


@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_rooms_with_similar_ids_are_different_rooms(site: ChatSite, twins: tuple[str, str]) -> None:
    for room in twins:
        site.chat.create_room(room)
    listeners = [site.listen(room) for room in twins]
    site.chat.broadcast(twins[0], "start_sharing", "{}")
    assert [len(listener.heard()) for listener in listeners] == [1, 0]
    for room in twins:
        site.chat.destroy_room(room)


@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_people_with_similar_ids_have_different_addresses(site: ChatSite, twins: tuple[str, str]) -> None:
    logins = [site.chat.login("s1", person, is_moderator=False, lifetime_s=60) for person in twins]
    assert logins[0].jid != logins[1].jid


def test_a_login_ends_when_it_should_and_hides_its_password(site: ChatSite) -> None:
    began_at = now()
    login = site.chat.login("s1", "anna", is_moderator=True, lifetime_s=60)
    assert began_at + timedelta(seconds=59) <= login.expires_at <= now() + timedelta(seconds=60)
    assert login.password
    assert login.password not in repr(login)
