"""An XMPP client in a session's chat room: it prints each message of the room as a line of JSON.

Started by `story.mjs`, because Node has no XMPP client. It reads the log-in that `joinSession` returned, one line of
JSON, and leaves when its input ends.
"""

from __future__ import annotations

import json
import select
import sys
from typing import Final

from emulator_tests.contract.xmpp_client import WebSocketClient, body_of

BETWEEN_LOOKS_S: Final = 0.02


def main() -> None:
    """
    Enter the room, print the role there, and then the messages.
    """
    login = json.loads(sys.stdin.readline())
    name, _, domain = login["jid"].partition("@")
    with WebSocketClient(login["address"], domain) as client:
        client.login(name, login["password"])
        _print({"role": client.join(login["roomJid"], "demo")})
        while not select.select([sys.stdin], [], [], BETWEEN_LOOKS_S)[0]:
            for message in client.messages():
                _print({"event": message.get("event"), "body": json.loads(body_of(message))})


def _print(content: object) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
