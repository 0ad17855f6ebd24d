"""The client's own follower of slides in a chat room, `XmppSlides`, at a Prosody with the modules of deploy/prosody."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, Final

import pytest

from emulator_tests.contract.chat_site import ProsodySite, at_prosody
from emulator_tests.testbed.places import ROOT
from emulator_tests.testbed.prosody import Prosody

WEB: Final = ROOT / "web"
DEADLINE_S: Final = 30
BODY: Final = {
    "id": "lesson",
    "active_shared_live_media": {"id": "m-1", "title": "كسور", "nb_pages": 12},
    "active_shared_live_media_page": 3,
    "revision": 8,
}


class Follower:
    """
    The client in Node.js, which has the WebSocket of browsers behind a flag.
    """

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            ["node", "--experimental-websocket", "--no-warnings", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[dict[str, Any]] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def give(self, site: ProsodySite, room: str) -> None:
        """
        Give it a place in a room.
        """
        login = site.chat.login(room, "student", is_moderator=False, lifetime_s=600)
        place = {
            "address": login.address,
            "jid": login.jid,
            "roomJid": login.room_jid,
            "password": login.password,
            "expiresAt": login.expires_at.isoformat(),
            "renewAt": login.expires_at.isoformat(),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(place) + "\n")
        self._process.stdin.flush()

    def until(self, line: dict[str, Any]) -> None:
        """
        Wait until it prints a line.
        """
        while self.next() != line:
            pass

    def next(self) -> dict[str, Any]:
        """
        Return the next line that it prints.
        """
        return self._lines.get(timeout=DEADLINE_S)

    def close(self) -> None:
        """
        End it.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(DEADLINE_S) == 0
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    The follower in one file.
    """
    file = tmp_path_factory.mktemp("follower") / "follower.mjs"
    arguments = ["--bundle", "--format=esm", "--platform=browser", "--external:node:*", f"--outfile={file}"]
    esbuild = WEB / "node_modules" / ".bin" / "esbuild"
    subprocess.run([esbuild, "tools/xmpp-follower.ts", "--log-level=error", *arguments], cwd=WEB, check=True)
    return file


@pytest.fixture
def follower(program: Path) -> Iterator[Follower]:
    client = Follower(program)
    yield client
    client.close()


@pytest.fixture
def room(prosody: Prosody) -> Iterator[tuple[ProsodySite, str]]:
    with at_prosody(prosody) as site:
        name = f"lesson-{secrets.token_hex(4)}"
        site.chat.create_room(name)
        yield site, name


def change(revision: int) -> dict[str, Any]:
    media = {"id": "m-1", "title": "كسور", "pageCount": 12}
    return {"message": {"event": "navigate_sharing", "revision": revision, "media": media, "page": 3}}


def test_hears_changes_of_the_service_and_none_of_a_moderator(
    follower: Follower, room: tuple[ProsodySite, str]
) -> None:
    site, name = room
    follower.give(site, name)
    follower.until({"state": "joined"})
    teacher = site.enter(name, "teacher", is_moderator=True)
    forged = json.dumps({**BODY, "revision": 99})
    room_jid = site.chat.login(name, "teacher", is_moderator=True, lifetime_s=600).room_jid
    teacher.send(
        f"<message type='groupchat' to='{room_jid}' event='navigate_sharing'>"
        f"<body>{forged.replace('&', '&amp;')}</body></message>"
    )
    assert teacher.messages()
    site.chat.broadcast(name, "navigate_sharing", json.dumps(BODY, ensure_ascii=False))
    assert follower.next() == change(8)


def test_enters_again_when_the_server_is_back(follower: Follower, room: tuple[ProsodySite, str]) -> None:
    site, name = room
    follower.give(site, name)
    follower.until({"state": "joined"})
    site.server.kill()
    follower.until({"state": "connecting"})
    site.server.start()
    site.chat.create_room(name)
    follower.until({"state": "joined"})
    site.chat.broadcast(name, "navigate_sharing", json.dumps({**BODY, "revision": 9}, ensure_ascii=False))
    assert follower.next() == change(9)


def test_keeps_trying_with_a_password_that_is_refused_until_it_gets_another(
    follower: Follower, room: tuple[ProsodySite, str]
) -> None:
    site, name = room
    follower.give(site, "another-room")
    follower.until({"state": "connecting"})
    follower.give(site, name)
    follower.until({"state": "joined"})
