"""The converter port over HTTP: with the real service, and every way in which an answer may fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from emulator_tests.convert.documents import PdfPage, Slide, pdf, pptx
from emulator_tests.testbed.converter import converter_command
from emulator_tests.testbed.keeper import descendants
from emulator_tests.testbed.network import HOST, free_ports
from emulator_tests.testbed.places import ROOT
from shared.cloud.converter import ServiceConverter
from shared.core.errors import Doubtful, Misconfigured, Permanent, Transient
from shared.ports import CONVERSION, NO_SUCH_OBJECT, Conversion, ConvertedPage

SOON_S: Final = 60.0
PAGE: Final = {
    "event": "page",
    "number": 1,
    "extension": "webp",
    "width": 1920,
    "height": 1080,
    "isBlank": False,
    "fileBytes": 4,
    "thumbnailBytes": 5,
}
FILES: Final = b"pagesmall"
DONE: Final = {"event": "done", "pages": 1}


@dataclass
class Server:
    """A server of documents, or one that stands for the service."""

    url: str
    answers: dict[str, tuple[int, list[bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server that answers each path with pieces."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # named by http.server
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found.asked.append((self.path, dict(self.headers), body))
            status, pieces = found.answers.get(self.path, (404, []))
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("location", pieces[0].decode())
                pieces = []
            if pieces[:1] == [LENGTH]:
                self._answer_with_a_length(pieces[1:])
                return
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            # The client may disconnect before the end.
            with suppress(ConnectionError):
                for piece in pieces:
                    if piece == BREAK:
                        self.close_connection = True
                        return
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

        def _answer_with_a_length(self, pieces: list[bytes]) -> None:
            """Announce one byte more than comes, if the last piece breaks off."""
            is_broken = pieces[-1] == BREAK
            body = b"".join(pieces[:-1] if is_broken else pieces)
            self.send_header("content-length", str(len(body) + is_broken))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815  # named by http.server

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    running = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    found = Server(f"http://{HOST}:{running.server_port}")
    try:
        yield found
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


BREAK: Final = b"break"
"""A piece that ends the connection."""
LENGTH: Final = b"length"
"""The first piece of an answer that says its length."""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def converted(server: Server, *pieces: bytes, status: int = 200) -> tuple[Conversion, list[ConvertedPage]]:
    """Convert with a service that answers these pieces."""
    server.answers["/convert"] = status, list(pieces)
    pages: list[ConvertedPage] = []
    return ServiceConverter(server.url).convert("http://source", "pdf", pages.append), pages


def test_pages_are_published_as_the_service_tells_of_them(server: Server) -> None:
    warning = {"event": "warning", "code": "FONT_SUBSTITUTED", "message": "The font Marker was replaced."}
    whole = line({"event": "pages", "count": 1}) + line(PAGE) + FILES + line({"event": "alive"}) + line(warning)
    # However the bytes are divided on their way.
    for size in (1, 7, len(whole)):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        conversion, pages = converted(server, *pieces, line(DONE))
        assert conversion == Conversion(1, ("The font Marker was replaced.",))
        assert pages == [ConvertedPage(1, 1920, 1080, "webp", b"page", b"small")]
    assert json.loads(server.asked[0][2]) == {"source": "http://source", "type": "pdf"}


def test_service_in_the_cloud_is_called_with_a_token(server: Server) -> None:
    server.answers["/convert"] = 200, [line(DONE)]
    audiences: list[str] = []

    def token(url: str) -> str:
        audiences.append(url)
        return "secret-token"

    ServiceConverter(server.url, token).convert("http://source", "pdf", lambda _: None)
    converted(server, line(DONE))

    assert audiences == [server.url]
    assert [headers.get("Authorization") for _, headers, _ in server.asked] == ["Bearer secret-token", None]


def test_document_that_cannot_be_shown_is_refused_with_its_reason(server: Server) -> None:
    told = {"event": "error", "reason": "ENCRYPTED", "message": "Remove the password, and upload it again."}
    with pytest.raises(Permanent) as caught:
        converted(server, line(told))
    error = caught.value
    assert (error.operation, error.code) == (CONVERSION, "ENCRYPTED")
    assert str(error) == "Remove the password, and upload it again."


def test_document_that_is_gone_is_told(server: Server) -> None:
    with pytest.raises(Permanent) as caught:
        converted(server, line({"event": "failed", "code": "SOURCE_HTTP_404"}))
    assert (caught.value.operation, caught.value.code) == ("read", NO_SUCH_OBJECT)


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([], "UNFINISHED"),
        ([line(PAGE), FILES], "UNFINISHED"),
        ([line(PAGE), FILES[:3]], "UNFINISHED"),
        ([line(PAGE), FILES, BREAK], "CONNECTION_LOST"),
        ([b"no json\n"], "MALFORMED"),
        ([b"7\n"], "MALFORMED"),
        ([b"x" * 20_000], "MALFORMED"),
        ([line({**PAGE, "extension": "svg"}), FILES], "MALFORMED"),
        ([line({**PAGE, "fileBytes": 2**40}), FILES], "MALFORMED"),
        ([line({**PAGE, "fileBytes": -1}), FILES], "MALFORMED"),
        ([line({**PAGE, "number": 0}), FILES], "MALFORMED"),
        ([line({**PAGE, "width": True}), FILES], "MALFORMED"),
        ([line({"event": "done"})], "MALFORMED"),
        ([line({"event": "failed", "code": "ConverterError"})], "ConverterError"),
    ],
)
def test_service_that_fails_is_tried_again(server: Server, pieces: list[bytes], code: str) -> None:
    with pytest.raises(Doubtful) as caught:
        converted(server, *pieces)
    assert caught.value.code == code


def test_document_that_cannot_be_read_now_is_no_failure_of_the_conversion(server: Server) -> None:
    with pytest.raises(Transient) as caught:
        converted(server, line({"event": "failed", "code": "SOURCE_HTTP_503"}))
    assert not isinstance(caught.value, Doubtful)


def test_service_that_cannot_isolate_programs_is_a_setting(server: Server) -> None:
    with pytest.raises(Misconfigured, match="second generation"):
        converted(server, line({"event": "failed", "code": "SandboxUnavailable"}))


@pytest.mark.parametrize("status", [429, 500, 503, 302])
def test_busy_service_is_tried_again(server: Server, status: int) -> None:
    with pytest.raises(Transient) as caught:
        converted(server, b"/elsewhere", status=status)
    assert caught.value.code == f"HTTP_{status}"
    assert not isinstance(caught.value, Doubtful)
    assert len(server.asked) == 1, "It is not led elsewhere."


def test_service_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(Transient) as caught:
        ServiceConverter(f"http://{HOST}:{free_ports('nobody')['nobody']}").convert("http://x", "pdf", lambda _: None)
    assert caught.value.code == "CONNECTION_LOST"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_service_that_does_not_let_us_call_it_is_a_setting(server: Server, status: int) -> None:
    with pytest.raises(Misconfigured, match=r"roles/run\.invoker"):
        converted(server, status=status)


def test_request_ends_if_a_page_cannot_be_published(server: Server) -> None:
    server.answers["/convert"] = 200, [line(PAGE), FILES, line(DONE)]

    def refuse(_page: ConvertedPage) -> None:
        raise Transient("Try again.", provider="memory", operation="write", code="HTTP_503")

    with pytest.raises(Transient, match=r"Try again\."):
        ServiceConverter(server.url).convert("http://source", "pdf", refuse)


@dataclass
class Service:
    """The service, running, with a server of documents beside it."""

    url: str
    documents: Server
    process: subprocess.Popen[bytes]
    log: Path

    def convert(self, path: str, kind: str, publish: Callable[[ConvertedPage], None]) -> Conversion:
        return ServiceConverter(self.url).convert(self.documents.url + path, kind, publish)

    def programs(self) -> set[int]:
        """Return the processes of bubblewrap that it has."""
        return {one for one in descendants(self.process.pid) if b"bwrap" in _command(one).partition(b"\0")[0]}


def _command(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as its container runs it, for one conversion at once."""
    port = free_ports("service")["service"]
    log = tmp_path_factory.mktemp("service") / "log"
    with serving() as documents, log.open("wb") as out:
        process = subprocess.Popen(
            converter_command(port),
            cwd=ROOT,
            env={**os.environ, "SOURCE_ORIGIN": documents.url, "CONVERSIONS_AT_ONCE": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        found = Service(f"http://{HOST}:{port}", documents, process, log)
        until(lambda: answers(found.url))
        yield found
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=SOON_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(is_met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not is_met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_service_converts_from_warm_programs_and_uses_none_twice(service: Service) -> None:
    service.documents.answers["/deck.pptx"] = 200, [pptx([Slide(f"slide {number}") for number in range(6)])]
    used: list[set[int]] = []
    for _ in range(2):
        # Two of each kind for each processor that it uses.
        until(lambda: len(service.programs()) >= 2)
        before = service.programs()
        pages: list[ConvertedPage] = []
        assert service.convert("/deck.pptx", "pptx", pages.append).pages == 6
        assert pages[0].number == 1
        assert sorted(page.number for page in pages) == [1, 2, 3, 4, 5, 6]
        until(lambda before=before: not before <= service.programs())  # type: ignore[misc]  # mypy cannot infer it
        used.append(before - service.programs())
    assert used[0]
    assert used[1]
    assert not used[0] & used[1]


def test_service_is_found_running(service: Service) -> None:
    ServiceConverter(service.url).check()


@pytest.mark.parametrize(("status", "error"), [(403, Misconfigured), (503, Transient)])
def test_service_that_does_not_run_is_found_so(server: Server, status: int, error: type[Exception]) -> None:
    server.answers["/"] = status, []
    with pytest.raises(error):
        ServiceConverter(server.url).check()


def test_document_that_breaks_off_is_not_converted(service: Service) -> None:
    """A PDF would be repaired, and a text would lack its end."""
    service.documents.answers["/whole.txt"] = 200, [LENGTH, b"one line\n" * 2000]
    service.documents.answers["/part.txt"] = 200, [LENGTH, b"one line\n" * 2000, BREAK]
    assert service.convert("/whole.txt", "txt", lambda _: None).pages > 1
    with pytest.raises(Transient) as caught:
        service.convert("/part.txt", "txt", lambda _: None)
    assert caught.value.code == "SOURCE_CONNECTION_LOST"
    assert not isinstance(caught.value, Doubtful)


def test_service_refuses_a_document_with_its_reason(service: Service) -> None:
    service.documents.answers["/a.pdf"] = 200, [b"no PDF"]
    with pytest.raises(Permanent) as caught:
        service.convert("/a.pdf", "pdf", lambda _: None)
    assert caught.value.code == "TYPE_MISMATCH"


def test_service_tells_that_the_document_is_gone(service: Service) -> None:
    with pytest.raises(Permanent) as caught:
        service.convert("/missing.pdf?X-Goog-Signature=secret", "pdf", lambda _: None)
    assert caught.value.code == NO_SUCH_OBJECT
    assert "secret" not in service.log.read_text()


@pytest.mark.parametrize("where", ["/deck.pdf", "http://169.254.169.254/computeMetadata/v1/", "file:///etc/passwd"])
def test_service_follows_no_redirect(service: Service, where: str) -> None:
    service.documents.answers["/deck.pdf"] = 200, [pdf([PdfPage()])]
    service.documents.answers["/redirect.pdf"] = 302, [where.encode()]
    with pytest.raises(Transient) as caught:
        service.convert("/redirect.pdf", "pdf", lambda _: None)
    assert caught.value.code == "SOURCE_HTTP_302"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        line({"type": "pdf"}),
        line({"source": 7, "type": "pdf"}),
        line({"source": "http://169.254.169.254/", "type": "pdf"}),
        line({"source": "file:///etc/passwd", "type": "pdf"}),
        line({"source": "{origin}@elsewhere.example/", "type": "pdf"}),
        line({"source": "{origin}/a", "type": "exe"}),
        line({"source": "{origin}/a", "type": ["pdf"]}),
        line({"source": "{origin}/" + "a" * 20_000, "type": "pdf"}),
    ],
)
def test_service_takes_no_other_request(service: Service, body: bytes) -> None:
    body = body.replace(b"{origin}", service.documents.url.encode())
    request = urllib.request.Request(f"{service.url}/convert", body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=SOON_S)
    with caught.value as refused:
        assert refused.code == 400


def test_busy_service_says_so_and_a_reader_that_leaves_ends_its_conversion(service: Service) -> None:
    lines = b"".join(b"%d 0 m %d 405 l S " % (at % 720, (at * 7) % 720) for at in range(3000))
    service.documents.answers["/slow.pdf"] = 200, [pdf([PdfPage()] + [PdfPage(lines * 4)] * 150)]
    service.documents.answers["/deck.pdf"] = 200, [pdf([PdfPage()])]
    seen: list[str] = []

    def leave(_page: ConvertedPage) -> None:
        with pytest.raises(Transient) as caught:
            service.convert("/deck.pdf", "pdf", lambda _: None)
        seen.append(caught.value.code)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        service.convert("/slow.pdf", "pdf", leave)

    assert seen == ["HTTP_429"]
    began_at = time.monotonic()
    until(lambda: is_converted(service))
    assert time.monotonic() - began_at < SOON_S


def is_converted(service: Service) -> bool:
    try:
        return service.convert("/deck.pdf", "pdf", lambda _: None).pages == 1
    except Transient:
        return False


def test_service_goes_on_after_its_programs_died(service: Service) -> None:
    service.documents.answers["/deck.pdf"] = 200, [pdf([PdfPage()])]
    for program in service.programs():
        os.kill(program, signal.SIGKILL)
    assert service.convert("/deck.pdf", "pdf", lambda _: None).pages == 1
