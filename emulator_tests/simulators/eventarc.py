"""A simulated Eventarc: one channel that takes events from one service account. Imports nothing of ours.

It takes what the API's discovery document describes: `events` or `textEvents`, no unknown field, and each event with
the attributes that CloudEvents 1.0 demands. A test sets what it answers instead, and reads what was published.

Source: https://eventarcpublishing.googleapis.com/$discovery/rest?version=v1
(`GoogleCloudEventarcPublishingV1PublishEventsRequest`); CloudEvents' protobuf format,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/cloudevents.proto
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import jwt

PATH = re.compile("/v1/(projects/[^/]+/locations/[^/]+/channels/[^/]+):publishEvents")
TYPE = "type.googleapis.com/io.cloudevents.v1.CloudEvent"
FIELDS = {"@type", "id", "source", "specVersion", "type", "attributes"}
DATA = {"binaryData", "textData", "protoData"}
VALUES = {"ceBoolean", "ceInteger", "ceString", "ceBytes", "ceUri", "ceUriRef", "ceTimestamp"}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Eventarc(ThreadingHTTPServer):
    """
    The server.

    Attributes:
        channel: The name of its only channel.
        account: The address of the account.
        public_key: With which the account's tokens are verified, PEM.
        published: The events that were taken.
        answer: The status of the next answers; 0 says what the request deserves.
        may_publish: Whether the account has the role.
        asked: How many requests to publish came.
    """

    daemon_threads = True

    def __init__(self, channel: str, account: str, public_key: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.account = account
        self.public_key = public_key
        self.channel = channel
        self.published: list[dict[str, Any]] = []
        self.answer = 0
        self.may_publish = True
        self.asked = 0
        self.goes_on = threading.Event()
        self.goes_on.set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Eventarc

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.goes_on.wait()
        try:
            status = self._publish(content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._tell(400, {"error": {"code": 400, "message": repr(error), "status": "INVALID_ARGUMENT"}})
            return
        self._tell(status, {} if status == 200 else {"error": {"code": status}})

    def _publish(self, content: bytes) -> int:
        found = PATH.fullmatch(unquote(self.path))
        if found is None:
            return 404
        if not self._is_signed_in():
            return 401
        if not self.server.may_publish:
            return 403
        if self.server.answer:
            return self.server.answer
        if found[1] != self.server.channel:
            return 404
        body = json.loads(content)
        if not body.keys() <= {"events", "textEvents"} or len(body) != 1:
            raise ValueError("events or textEvents")
        self.server.published += [event_of(one) for one in body.get("events", [])]
        return 200

    def _is_signed_in(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, self.server.public_key, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            return False
        return scheme == "Bearer" and claims["iss"] == self.server.account and claims["scope"] == SCOPE

    def _tell(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def event_of(message: dict[str, Any]) -> dict[str, Any]:
    """
    Return an event as CloudEvents' JSON format has it, which is what a subscriber gets.

    Raises:
        ValueError: It is not a valid event.
    """
    if message["@type"] != TYPE or message["specVersion"] != "1.0":
        raise ValueError("not a CloudEvent 1.0")
    if (
        not message.keys() >= FIELDS - {"attributes"}
        or len(message.keys() & DATA) > 1
        or message.keys() - FIELDS - DATA
    ):
        raise ValueError(f"fields {sorted(message)}")
    if not all(isinstance(message[name], str) and message[name] for name in ("id", "source", "type")):
        raise ValueError("an empty attribute")
    told = {"id": message["id"], "source": message["source"], "type": message["type"], "specversion": "1.0"}
    for name, value in message["attributes"].items():
        ((kind, content),) = value.items()
        if kind not in VALUES or re.fullmatch("[a-z0-9]{1,20}", name) is None:
            raise ValueError(f"attribute {name}")
        if kind == "ceTimestamp" and TIMESTAMP.fullmatch(content) is None:
            raise ValueError(f"time {content}")
        told[name] = content
    if told.get("datacontenttype") == "application/json":
        told["data"] = json.loads(message["textData"])
    return told


@contextmanager
def serving(channel: str, account: str, public_key: bytes) -> Iterator[Eventarc]:
    """
    Serve one channel until the end of the block.
    """
    server = Eventarc(channel, account, public_key)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield server
    finally:
        server.goes_on.set()
        server.shutdown()
        server.server_close()
