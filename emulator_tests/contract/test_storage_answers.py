"""The meaning of Cloud Storage's answers. A server gives the answer that a test chooses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emulator_tests.contract.storages import connect_to, let_go
from shared.cloud.storage import CloudStorage
from shared.cloud.storage_arguments import UPLOAD_HEADERS
from shared.core.errors import BackendError, Doubtful, Misconfigured, Permanent, Transient
from shared.ports import StoredObject

# Google's library leaves the connections of refused transfers to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

NAME = "medias/m1/source"
NO_BUCKET = "The specified bucket does not exist."
NO_OBJECT = f"No such object: my-slides/{NAME}"


@dataclass
class Answers:
    """
    A server that gives every request the same answer.

    Attributes:
        status: The status of the answers.
        body: Their body.
        cut_bytes: How many bytes of it are missing.
        requests: Method and path of each request.
    """

    status: int = 200
    body: bytes = b"{}"
    cut_bytes: int = 0
    requests: list[str] = field(default_factory=list)

    def error(self, status: int, message: str = "", reason: str = "") -> None:
        """Answer with an error, in the form of Cloud Storage."""
        errors = [{"message": message, "domain": "global", "reason": reason}]
        self.status = status
        self.body = json.dumps({"error": {"code": status, "message": message, "errors": errors}}).encode()


@pytest.fixture
def answers() -> Answers:
    """The answers of this test."""
    return Answers()


@pytest.fixture
def storage(answers: Answers) -> Iterator[CloudStorage]:
    """The storage that this server is."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answers.requests.append(f"{self.command} {self.path}")
            self.send_response(answers.status)
            self.send_header("content-length", str(len(answers.body) + answers.cut_bytes))
            self.end_headers()
            self.wfile.write(answers.body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = connect_to(f"http://127.0.0.1:{server.server_port}")
        yield CloudStorage(lambda: connection, "my-slides", lambda: datetime.now(UTC), timeout_s=0.3)
        let_go(connection)
        server.shutdown()
        thread.join()


LOOKS: dict[str, Callable[[CloudStorage], object]] = {
    "find": lambda storage: storage.find(NAME),
    "list": lambda storage: storage.list_objects("", 10),
    "read": lambda storage: storage.read(NAME, 7, 0, 10),
}
CHANGES: dict[str, Callable[[CloudStorage], object]] = {
    "write": lambda storage: storage.write(NAME, b"content", "text/plain"),
    "delete": lambda storage: storage.delete(NAME),
}


def _error(use: Callable[[CloudStorage], object], storage: CloudStorage) -> BackendError:
    with pytest.raises(BackendError) as raised:
        use(storage)
    return raised.value


@pytest.mark.parametrize("use", [*LOOKS.values(), *CHANGES.values()], ids=[*LOOKS, *CHANGES])
@pytest.mark.parametrize(
    ("status", "message", "reason", "kind"),
    [
        pytest.param(403, "The account does not have storage.objects.get", "forbidden", Misconfigured, id="forbidden"),
        pytest.param(404, NO_BUCKET, "notFound", Misconfigured, id="no bucket"),
        pytest.param(403, "Too many requests", "rateLimitExceeded", Transient, id="too many, as forbidden"),
        pytest.param(429, "Too many requests", "rateLimitExceeded", Transient, id="too many"),
        pytest.param(408, "Too slow", "", Transient, id="too slow"),
        pytest.param(400, "Invalid argument", "invalid", Permanent, id="invalid"),
    ],
)
def test_an_error_means_the_same_everywhere(
    answers: Answers,
    storage: CloudStorage,
    use: Callable[[CloudStorage], object],
    status: int,
    message: str,
    reason: str,
    kind: type[BackendError],
) -> None:
    answers.error(status, message, reason)

    error = _error(use, storage)

    assert type(error) is kind
    assert message not in str(error)
    assert kind is not Misconfigured or "my-slides" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_a_server_error_a_change_is_doubtful(answers: Answers, storage: CloudStorage, status: int) -> None:
    answers.error(status)

    for use in LOOKS.values():
        error = _error(use, storage)
        assert type(error) is Transient
        assert error.code == f"HTTP_{status}"
    for use in CHANGES.values():
        assert type(_error(use, storage)) is Doubtful
    assert len(answers.requests) > len(LOOKS) + len(CHANGES), "It was not repeated."


@pytest.mark.parametrize("message", [NO_OBJECT, ""])
def test_a_missing_object_is_no_error_where_it_may_be_missing(
    answers: Answers, storage: CloudStorage, message: str
) -> None:
    answers.error(404, message, "notFound")

    assert storage.find(NAME) is None
    storage.delete(NAME)
    assert [one.split(" ")[0] for one in answers.requests] == ["GET", "DELETE"]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"size": "1"}', b'{"generation": "1"}'])
def test_an_answer_that_says_nothing_is_asked_for_again(answers: Answers, storage: CloudStorage, body: bytes) -> None:
    answers.body = body

    with pytest.raises(Transient):
        storage.find(NAME)


def test_an_object_of_others_may_have_no_type(answers: Answers, storage: CloudStorage) -> None:
    created_at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    told = {"name": NAME, "size": "0", "generation": "7", "timeCreated": "2026-01-05T09:00:00.000Z"}
    expected = StoredObject(NAME, 0, "application/octet-stream", 7, created_at)

    answers.body = json.dumps(told).encode()
    assert storage.find(NAME) == expected
    answers.body = json.dumps({"items": [told]}).encode()
    assert storage.list_objects("", 10) == [expected]


def test_more_bytes_than_asked_for_are_not_given_on(answers: Answers, storage: CloudStorage) -> None:
    answers.body = b"12345678901"

    with pytest.raises(Transient):
        storage.read(NAME, 7, 0, 10)


def test_an_object_that_breaks_off_is_not_there(answers: Answers, storage: CloudStorage) -> None:
    answers.body, answers.cut_bytes = b"12345", 5

    assert type(_error(LOOKS["read"], storage)) is Transient


def test_nothing_else_is_asked_for(answers: Answers, storage: CloudStorage) -> None:
    """Google's library would ask for the bucket, too."""
    answers.error(404, NO_OBJECT)
    for use in LOOKS.values():
        with pytest.raises(BackendError) if use is not LOOKS["find"] else pytest.MonkeyPatch.context():
            use(storage)

    storage.upload_address(NAME, "text/plain", 1, 60)
    storage.read_address(NAME, 60)

    paths = [one.split("?")[0] for one in answers.requests]
    objects = "/storage/v1/b/my-slides/o"
    named = f"{objects}/{NAME.replace('/', '%2F')}"
    assert paths == [f"GET {named}", f"GET {objects}", f"GET /download{named}"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, ""),
        ({"method": ["GET", "PUT"]}, "The CORS of the bucket does not allow POST."),
        ({"responseHeader": list(UPLOAD_HEADERS[1:])}, "The CORS of the bucket does not allow content-type."),
        ({"origin": []}, "The CORS of the bucket allows uploads from no origin."),
    ],
    ids=["all", "a method", "a header", "no origin"],
)
def test_the_rules_of_a_bucket_are_read(
    storage: CloudStorage, answers: Answers, changes: dict[str, list[str]], sentence: str
) -> None:
    rule = {"origin": ["https://app.example"], "method": ["POST", "PUT"], "responseHeader": list(UPLOAD_HEADERS)}
    answers.body = json.dumps({"name": "my-slides", "cors": [{"method": ["GET"]}, {**rule, **changes}]}).encode()
    assert storage.cors_problem().startswith(sentence)
    assert bool(storage.cors_problem()) is bool(sentence)


@pytest.mark.parametrize("status", [401, 403])
def test_a_bucket_whose_description_is_not_readable_is_for_the_operator(
    storage: CloudStorage, answers: Answers, status: int
) -> None:
    answers.error(status)
    with pytest.raises(Misconfigured, match=r"roles/storage\.admin"):
        storage.cors_problem()
