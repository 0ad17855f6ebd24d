"""The people of a session with slides, as the flows and the benchmark act for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from emulator_tests.contract.xmpp_client import WebSocketClient
from emulator_tests.flow.school import Person, School
from shared.slides.types import TYPES

MEDIAS: Final = "/api/sharedlivemedias/"


class SlidesApi:
    """
    The API of slides, with one person's token.
    """

    def __init__(self, school: School, token: str) -> None:
        self.school, self.token = school, token

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """
        Call it.

        Returns:
            The status and the body.
        """
        answer = self.school.http.request(
            method,
            f"{self.school.testbed.functions_url}/api{path}",
            json={} if body is None and method != "GET" else body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        return answer.status_code, answer.json() if answer.content else None

    def accepted(self, method: str, path: str, body: object = None) -> Any:
        """
        Call it, and return the body of an answer that is no error.
        """
        status, answer = self.ask(method, path, body)
        assert status < 300, answer
        return answer

    def upload(self, media_id: str, content: bytes, name: str, kind: str) -> None:
        """
        Upload a document as a browser does: in one piece, to the address that the API gave.
        """
        body = {"filename": name, "mimetype": TYPES[kind], "size": len(content)}
        begun = self.accepted("POST", f"{MEDIAS}{media_id}/initiate-upload/", body)
        http = self.school.http
        pieces = http.request(begun["method"], begun["url"], headers=begun["headers"], timeout=60).headers["location"]
        sent = http.put(pieces, content, headers={"content-type": TYPES[kind]}, timeout=60)
        assert sent.status_code in (200, 201), sent.text


class Seat(SlidesApi):
    """
    A person in a live session, with what `joinSession` gave them.
    """

    def __init__(self, school: School, person: Person, session_id: str) -> None:
        joined = person.call("joinSession", {"sessionId": session_id})["slides"]
        super().__init__(school, joined["token"])
        self.chat: dict[str, str] = joined["chat"]

    def enter_chat(self) -> WebSocketClient:
        """
        Enter the session's chat room, as a browser does.
        """
        name, _, domain = self.chat["jid"].partition("@")
        client = WebSocketClient(self.chat["address"], domain)
        client.login(name, self.chat["password"])
        client.join(self.chat["roomJid"], "somebody")
        return client


def live(school: School, teacher: Person) -> str:
    """
    Return a live session that is on now, and ready.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startsAt": now, "endsAt": now + timedelta(hours=1)}
    session_id = teacher.write_live_session(status="public", visibility="open", **times)
    school.await_event(session_id)
    return session_id
