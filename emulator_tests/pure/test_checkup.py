"""What `doctor` makes of the answers that a stranger gets, from a server that answers as the cloud does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.checkup import Answer, Kind, check_functions, complaint
from shared.ports import Health

HTML = "text/html; charset=UTF-8"
JSON = "application/json"
TEXT = "text/plain"

UNAUTHENTICATED = (401, JSON, json.dumps({"error": {"status": "UNAUTHENTICATED", "message": "Sign in first."}}))
PAGE_401 = (401, HTML, "<html>Your client does not have permission</html>")
PAGE_403 = (403, HTML, "<html>Your client does not have permission to get URL from this server.</html>")
PAGE_404 = (404, HTML, "<html>Page not found</html>")
NO_SIGNATURE = (403, TEXT, "This is not signed.")
NO_ACCOUNT = (404, TEXT, "This deployment has no account at this provider.")
DONE = (200, JSON, '{"result": null}')
DENIED = (403, JSON, json.dumps({"error": {"status": "PERMISSION_DENIED", "message": "no"}}))
INVALID = (400, JSON, json.dumps({"error": {"status": "INVALID_ARGUMENT", "message": "no"}}))
BROKEN = (500, TEXT, "Internal Server Error")
MOVED = (302, HTML, "<html>Sign in</html>")

Reply = tuple[int, str, str]


@contextmanager
def cloud(replies: dict[str, Reply]) -> Iterator[tuple[str, dict[str, tuple[str, bytes]]]]:
    """
    The address of a project whose functions answer like this, and what each was asked.
    """
    asked: dict[str, tuple[str, bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.path.rpartition("/")[2]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked[name] = (self.headers.get("Authorization", ""), body)
            status, kind, said = replies.get(name, PAGE_404)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/my-school", asked
        finally:
            server.shutdown()
            thread.join()


def test_checkup_passes_if_unauthenticated_calls_are_refused() -> None:
    functions = {"joinSession": Kind.CALLABLE, "getErasure": Kind.CALLABLE, "reconcileVideo": Kind.WORKER}
    functions["kalturaHook"] = Kind.ENDPOINT
    replies = {"joinSession": UNAUTHENTICATED, "getErasure": UNAUTHENTICATED, "reconcileVideo": PAGE_403}
    with cloud(replies | {"kalturaHook": NO_SIGNATURE}) as (url, asked):
        findings = check_functions(url, functions)
    assert [(one.what, one.health) for one in findings] == [
        ("callables", Health.OK),
        ("workers", Health.OK),
        ("endpoints", Health.OK),
    ]
    assert findings[0].sentence == "All 2 refuse unauthorised calls."
    assert set(asked) == set(functions)
    # Without a token, and with nothing that could make work.
    assert set(asked.values()) == {("", b'{"data": {}}')}


WRONG: dict[str, tuple[Kind, Reply, str]] = {
    "a callable that is not deployed": (Kind.CALLABLE, PAGE_404, "does not exist. Deploy it"),
    "a callable that Cloud Run closes": (Kind.CALLABLE, PAGE_403, "no client can call it"),
    "a callable behind a sign-in of Google's": (Kind.CALLABLE, PAGE_401, "no client can call it"),
    "a callable that answers": (Kind.CALLABLE, DONE, "answers a caller who is not signed in"),
    "a callable that reads before it asks who": (Kind.CALLABLE, INVALID, "answers a caller who is not signed in"),
    "a callable that breaks": (Kind.CALLABLE, BROKEN, "fails with HTTP status 500"),
    "a callable that leads elsewhere": (Kind.CALLABLE, MOVED, "Something else is deployed"),
    "a worker that is open": (Kind.WORKER, DONE, "is open: it answers anybody, with HTTP status 200"),
    "a worker that is open and complains": (Kind.WORKER, INVALID, "is open"),
    "a worker that its code alone closes": (Kind.WORKER, DENIED, "is open"),
    "a worker that is not deployed": (Kind.WORKER, PAGE_404, "FUNCTIONS_REGION"),
    "a webhook that takes anything": (Kind.ENDPOINT, (204, TEXT, ""), "accepts a request without a signature"),
    "a webhook that Cloud Run closes": (Kind.ENDPOINT, PAGE_403, "nobody can call it"),
    "a webhook without an account": (Kind.ENDPOINT, NO_ACCOUNT, "without an account at this provider"),
    "a webhook that is not deployed": (Kind.ENDPOINT, PAGE_404, "does not exist"),
}


@pytest.mark.parametrize(("kind", "reply", "sentence"), WRONG.values(), ids=WRONG)
def test_each_other_answer_is_told_in_words(kind: Kind, reply: Reply, sentence: str) -> None:
    with cloud({"aFunction": reply}) as (url, _):
        (finding,) = check_functions(url, {"aFunction": kind})
    assert (finding.what, finding.health) == (kind.value, Health.MISSING)
    assert finding.sentence.startswith("aFunction: ")
    assert sentence in finding.sentence
    assert finding.sentence.endswith(".")


def test_what_is_wrong_with_several_is_said_once() -> None:
    functions = {"a": Kind.CALLABLE, "b": Kind.CALLABLE, "c": Kind.CALLABLE}
    with cloud({"c": UNAUTHENTICATED}) as (url, _):
        (finding,) = check_functions(url, functions)
    assert finding.sentence.startswith("a, b: does not exist.")


def test_checkup_reports_an_unreachable_address() -> None:
    (finding,) = check_functions("http://127.0.0.1:9/my-school", {"joinSession": Kind.CALLABLE})
    assert (finding.health, "cannot be reached" in finding.sentence) == (Health.MISSING, True)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 411, 413, 415])
def test_a_webhook_may_refuse_in_any_way(status: int) -> None:
    assert complaint(Kind.ENDPOINT, Answer(status)) is None
