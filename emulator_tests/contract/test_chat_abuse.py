"""Prosody with the modules of deploy/prosody refuses people what they may not do, whatever they send."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import pytest

from emulator_tests.contract.chat_site import ProsodySite, at_prosody
from emulator_tests.contract.xmpp_client import (
    CLIENT,
    MUC,
    Refused,
    XmppClient,
    body_of,
    condition_of,
)
from emulator_tests.testbed.prosody import CONFERENCE, DOMAIN, Prosody
from shared.core.errors import Permanent
from shared.ports.chat import EVENTS

MESSAGE_BYTES_MAX: Final = 64 * 1024
STANZA_BYTES_MAX: Final = 256 * 1024
ROOMS: Final = "urn:greenroom:rooms"
WITHIN_S: Final = 10.0


@pytest.fixture(params=[False, True], ids=["socket", "WebSocket"])
def site(prosody: Prosody, request: pytest.FixtureRequest) -> Iterator[ProsodySite]:
    with at_prosody(prosody) as site:
        site.is_browser = request.param
        yield site


@pytest.fixture
def room(site: ProsodySite) -> Iterator[str]:
    """
    A room of this test's own.
    """
    name = f"session-{secrets.token_hex(4)}"
    site.chat.create_room(name)
    yield name
    site.chat.destroy_room(name)


@dataclass(frozen=True, slots=True)
class Class:
    """
    A room with a moderator and two others.
    """

    site: ProsodySite
    room: str
    room_jid: str
    teacher: XmppClient
    student: XmppClient
    witness: XmppClient

    def heard(self) -> list[str]:
        """
        Return the bodies that arrived at anybody but the student, each once.
        """
        # What the student sent before this has been dealt with.
        self.student.messages()
        return sorted({body_of(one) for client in (self.teacher, self.witness) for one in client.messages()})


@pytest.fixture
def lesson(site: ProsodySite, room: str) -> Class:
    """
    A room with people in it.
    """
    teacher = site.enter(room, "teacher", is_moderator=True)
    found = Class(site, room, f"{room}@{CONFERENCE}", teacher, site.enter(room, "student"), site.enter(room, "witness"))
    found.heard()
    return found


# --- passwords -----------------------------------------------------------------------------------------------------


def in_a_minute() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def token(prosody: Prosody, secret: str | None = None, algorithm: str = "HS256", **claims: Any) -> str:
    """
    Sign a token; a claim that is `None` is left out.
    """
    usual = {"sub": "user-anna", "exp": in_a_minute(), "room": "s1", "moderates": False}
    told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(told, prosody.jwt_secret if secret is None else secret, algorithm)


def test_a_right_token_is_accepted(prosody: Prosody) -> None:
    with XmppClient((prosody.host, prosody.port), DOMAIN) as client:
        client.login("user-anna", token(prosody))
        assert client.jid.startswith(f"user-anna@{DOMAIN}/")


REFUSED: Final[Mapping[str, Callable[[Prosody], str]]] = {
    "expired": lambda prosody: token(prosody, exp=datetime.now(UTC) - timedelta(seconds=1)),
    "another person's": lambda prosody: token(prosody, sub="user-berta"),
    "nobody's": lambda prosody: token(prosody, sub=None),
    "without an end": lambda prosody: token(prosody, exp=None),
    "without a room": lambda prosody: token(prosody, room=None),
    "a room that is no text": lambda prosody: token(prosody, room=7),
    "signed by somebody else": lambda prosody: token(prosody, secret="0" * 64),
    "not signed": lambda prosody: token(prosody, secret="", algorithm="none"),
    "another algorithm": lambda prosody: token(prosody, secret=prosody.jwt_secret * 2, algorithm="HS512"),
    "cut off": lambda prosody: token(prosody)[:-1],
    "another token's signature": lambda prosody: (
        token(prosody).rpartition(".")[0] + "." + token(prosody, room="x").rpartition(".")[2]
    ),
    "none": lambda _: "",
    "a word": lambda _: "password",
    "empty parts": lambda _: "..",
    "three letters": lambda _: "a.b.c",
    "no JSON": lambda _: "bnVsbA.bnVsbA.bnVsbA",
    "the service's password": lambda prosody: prosody.password,
    "the secret itself": lambda prosody: prosody.jwt_secret,
}


@pytest.mark.parametrize("password", REFUSED.values(), ids=REFUSED)
def test_a_wrong_password_is_refused(prosody: Prosody, password: Callable[[Prosody], str]) -> None:
    with XmppClient((prosody.host, prosody.port), DOMAIN) as client:
        with pytest.raises(Refused, match=r"not-authorized|malformed-request"):
            client.login("user-anna", password(prosody))
        assert "Traceback" not in prosody.log


def test_nobody_logs_in_as_the_service_with_a_token(prosody: Prosody) -> None:
    with XmppClient((prosody.host, prosody.port), DOMAIN) as client, pytest.raises(Refused, match="not-authorized"):
        client.login("service", token(prosody, sub="service", moderates=True))


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "EXTERNAL", "SCRAM-SHA-1", "DIGEST-MD5"])
def test_there_is_no_other_way_to_log_in(prosody: Prosody, mechanism: str) -> None:
    with XmppClient((prosody.host, prosody.port), DOMAIN) as client:
        assert client.features == ["PLAIN"]
        with pytest.raises(Refused, match="invalid-mechanism"):
            client.login("user-anna", token(prosody), mechanism)


def test_nobody_registers_an_account(prosody: Prosody) -> None:
    with XmppClient((prosody.host, prosody.port), DOMAIN) as client:
        inside = '<query xmlns="jabber:iq:register"><username>eve</username><password>eve</password></query>'
        with pytest.raises(Refused):
            client.ask("set", DOMAIN, inside)


def test_nothing_is_sent_without_a_login(lesson: Class) -> None:
    with XmppClient((lesson.site.server.host, lesson.site.server.port), DOMAIN) as client:
        client.message(lesson.room_jid, "from outside")
        assert condition_of(client.next_element()) == "service-unavailable"
    assert lesson.heard() == []


# --- rooms ---------------------------------------------------------------------------------------------------------


def test_a_token_opens_no_other_room(site: ProsodySite, lesson: Class) -> None:
    other = f"other-{secrets.token_hex(4)}"
    site.chat.create_room(other)
    with pytest.raises(Refused, match="forbidden"):
        lesson.student.join(f"{other}@{CONFERENCE}", "student")
    site.chat.destroy_room(other)


def test_a_client_does_not_create_a_room(site: ProsodySite) -> None:
    name = f"missing-{secrets.token_hex(4)}"
    login = site.chat.login(name, "anna", is_moderator=True, lifetime_s=60)
    client = site.connect(login)
    for _ in range(2):
        with pytest.raises(Refused, match="item-not-found"):
            client.join(login.room_jid, "anna")
    with pytest.raises(Permanent, match="does not exist"):
        site.chat.broadcast(name, "start_sharing", "{}")


def test_nobody_owns_a_room(lesson: Class) -> None:
    for client in (lesson.teacher, lesson.student):
        for query in (f'<destroy jid="{lesson.room_jid}"/>', '<x xmlns="jabber:x:data" type="submit"/>'):
            with pytest.raises(Refused, match="forbidden"):
                client.ask("set", lesson.room_jid, f'<query xmlns="{MUC}#owner">{query}</query>')
    lesson.site.chat.broadcast(lesson.room, "start_sharing", "{}")
    assert lesson.heard() == ["{}"]


@pytest.mark.parametrize("request_name", ["create", "destroy", "broadcast"])
def test_only_the_service_makes_its_requests(lesson: Class, request_name: str) -> None:
    inside = f'<{request_name} xmlns="{ROOMS}" event="start_sharing">forged</{request_name}>'
    for client in (lesson.teacher, lesson.student):
        with pytest.raises(Refused, match="forbidden"):
            client.ask("set", lesson.room_jid, inside)
    lesson.site.chat.broadcast(lesson.room, "end_sharing", "real")
    assert lesson.heard() == ["real"]


def test_a_participant_removes_nobody_and_promotes_nobody(lesson: Class) -> None:
    for item in (
        'nick="witness" role="none"',
        'nick="student" role="moderator"',
        f'jid="x@{DOMAIN}" affiliation="owner"',
    ):
        with pytest.raises(Refused):
            lesson.student.ask("set", lesson.room_jid, f'<query xmlns="{MUC}#admin"><item {item}/></query>')


def test_only_true_makes_a_moderator(prosody: Prosody, room: str) -> None:
    wrong: tuple[object, ...] = ("true", 1, "false", {})
    for moderates in wrong:
        with XmppClient((prosody.host, prosody.port), DOMAIN) as client:
            client.login("user-anna", token(prosody, room=room, moderates=moderates))
            assert client.join(f"{room}@{CONFERENCE}", "anna") == "participant"


# --- messages ------------------------------------------------------------------------------------------------------


def test_people_talk(lesson: Class) -> None:
    lesson.student.message(lesson.room_jid, "hello")
    assert lesson.heard() == ["hello"]


@pytest.mark.parametrize("event", [*EVENTS, "anything", ""])
def test_a_moderator_sends_events(lesson: Class, event: str) -> None:
    lesson.teacher.message(lesson.room_jid, "mine", f'type="groupchat" event="{event}"')
    lesson.teacher.messages()
    (heard,) = lesson.witness.messages()
    assert (heard.get("event"), heard.get("from")) == (event, f"{lesson.room_jid}/teacher")


@pytest.mark.parametrize("where", ["", "/witness"])
@pytest.mark.parametrize("kind", ["groupchat", "chat", "normal", "headline"])
def test_a_participant_sends_no_event(lesson: Class, where: str, kind: str) -> None:
    for event in (*EVENTS, "anything", ""):
        number = lesson.student.message(lesson.room_jid + where, "forged", f'type="{kind}" event="{event}"')
        answer = lesson.student.next_element()
        assert (answer.get("id"), answer.get("type"), condition_of(answer)) == (number, "error", "forbidden")
    assert lesson.heard() == []


def test_an_event_as_an_error_reaches_nobody(lesson: Class) -> None:
    lesson.student.message(f"{lesson.room_jid}/witness", "forged", 'type="error" event="start_sharing"')
    assert lesson.heard() == []


def test_a_moderator_of_another_room_sends_nothing_here(lesson: Class) -> None:
    other = f"other-{secrets.token_hex(4)}"
    lesson.site.chat.create_room(other)
    stranger = lesson.site.enter(other, "stranger", is_moderator=True)
    stranger.messages()
    for attributes in ('type="groupchat" event="start_sharing"', 'type="groupchat"', 'type="chat"'):
        for where in ("", "/witness"):
            stranger.message(lesson.room_jid + where, "forged", attributes)
            assert condition_of(stranger.next_element()) == "forbidden"
    assert lesson.heard() == []
    lesson.site.chat.destroy_room(other)


def test_a_moderator_who_has_not_entered_sends_nothing(lesson: Class) -> None:
    login = lesson.site.chat.login(lesson.room, "late", is_moderator=True, lifetime_s=60)
    client = lesson.site.connect(login)
    client.message(lesson.room_jid, "forged", 'type="groupchat" event="start_sharing"')
    assert condition_of(client.next_element()) == "not-acceptable"
    assert lesson.heard() == []


def test_a_moderator_sends_no_event_after_the_end_of_the_token(site: ProsodySite, room: str) -> None:
    login = site.chat.login(room, "teacher", is_moderator=True, lifetime_s=2)
    client = site.connect(login)
    assert client.join(login.room_jid, "teacher") == "moderator"
    client.messages()
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        client.message(login.room_jid, "late", 'type="groupchat" event="start_sharing"')
        answer = client.next_element()
        if answer.get("type") == "error":
            break
    assert condition_of(answer) == "forbidden"
    assert datetime.now(UTC) >= login.expires_at


@pytest.mark.parametrize(
    "sender",
    [f"service@{DOMAIN}", f"user-teacher@{DOMAIN}/x", "{room}", "{room}/teacher", CONFERENCE, "eve@other.test"],
)
def test_a_forged_sender_is_replaced(lesson: Class, sender: str) -> None:
    forged = sender.format(room=lesson.room_jid)
    lesson.student.message(lesson.room_jid, "forged", f'type="groupchat" event="start_sharing" from="{forged}"')
    lesson.student.message(lesson.room_jid, "mine", f'type="groupchat" from="{forged}"')
    lesson.student.messages()
    assert [(one.get("from"), body_of(one)) for one in lesson.witness.messages()] == [
        (f"{lesson.room_jid}/student", "mine")
    ]


def test_a_forged_sender_makes_no_request_of_the_service(lesson: Class) -> None:
    lesson.student.send(
        f'<iq type="set" id="1" from="service@{DOMAIN}/x" to="{lesson.room_jid}">'
        f'<broadcast xmlns="{ROOMS}" event="start_sharing">forged</broadcast></iq>'
    )
    assert condition_of(lesson.student.next_element()) == "forbidden"
    assert lesson.heard() == []


def test_people_reach_no_other_person(lesson: Class) -> None:
    for other in (f"user-witness@{DOMAIN}", lesson.witness.jid, f"service@{DOMAIN}"):
        lesson.student.message(other, "psst", 'type="chat"')
        assert condition_of(lesson.student.next_element()) == "forbidden"
        lesson.student.send(f'<presence to="{other}" type="subscribe"/>')
        assert condition_of(lesson.student.next_element()) == "forbidden"
        with pytest.raises(Refused, match="forbidden"):
            lesson.student.ask("get", other, '<query xmlns="jabber:iq:version"/>')
    assert lesson.heard() == []


def test_people_reach_no_other_server(lesson: Class) -> None:
    for other in ("eve@elsewhere.test", "elsewhere.test", f"{lesson.room}@elsewhere.test"):
        lesson.student.message(other, "psst", 'type="chat"')
        assert condition_of(lesson.student.next_element()) == "forbidden"


def test_a_message_that_is_too_large_is_refused(lesson: Class) -> None:
    for client in (lesson.student, lesson.teacher):
        client.message(lesson.room_jid, "a" * MESSAGE_BYTES_MAX)
        assert condition_of(client.next_element()) == "policy-violation"
    assert lesson.heard() == []
    lesson.student.message(lesson.room_jid, "a" * (MESSAGE_BYTES_MAX - 1000))
    assert [len(body) for body in lesson.heard()] == [MESSAGE_BYTES_MAX - 1000]


def test_a_stanza_that_is_too_large_ends_the_connection_and_nobody_hears_it(lesson: Class) -> None:
    client = lesson.site.enter(lesson.room, "loud")
    client.messages()
    with pytest.raises((Refused, ConnectionError), match=r"policy-violation|reset|Broken"):
        _ = client.message(lesson.room_jid, "a" * 2 * STANZA_BYTES_MAX), client.next_element()
    assert lesson.heard() == []
    lesson.student.message(lesson.room_jid, "hello")
    assert lesson.heard() == ["hello"]


@pytest.mark.parametrize("text", ["<message", "</stream:stream>", "\x00", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<a:b/>"])
def test_a_stream_that_is_not_xmpp_ends_alone(lesson: Class, text: str) -> None:
    client = lesson.site.enter(lesson.room, "broken")
    client.send(
        f"{text}<message to='{lesson.room_jid}' type='groupchat' event='start_sharing'><body>x</body></message>"
    )
    client.close()
    assert lesson.heard() == []
    lesson.site.chat.broadcast(lesson.room, "end_sharing", "{}")
    assert lesson.heard() == ["{}"]


def test_events_of_the_service_are_from_the_room_and_not_kept(lesson: Class) -> None:
    lesson.site.chat.broadcast(lesson.room, "start_sharing", "{}")
    (heard,) = lesson.witness.messages()
    assert (heard.tag, heard.get("from"), heard.get("type")) == (f"{CLIENT}message", lesson.room_jid, "groupchat")
    assert lesson.site.enter(lesson.room, "late").messages() == []
