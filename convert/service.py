"""The service: `gunicorn "convert.service:service()"`. It converts one document for each request, from a warm pool.

    POST /convert  {"source": "https://…", "type": "pptx"}

The source is an address that can be read for a while; only those of one origin are read. The answer is a stream of
events as `python -m convert` prints them, but the two files of a page follow its line, `fileBytes` and
`thumbnailBytes` long. An event `alive` is sent while there is nothing else. The last event is `done`, `error` if the
document is to blame, or `failed`: the converter itself failed, or the source cannot be read. `GET /` says that it runs.

It converts for every caller, so let only the functions' account invoke it. It holds no secrets and needs no rights.
"""

from __future__ import annotations

import atexit
import http.client
import json
import logging
import os
import queue
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Final

from convert import limits
from convert.conversion import LANES, convert
from convert.events import Lines
from convert.pool import Pool
from convert.refusals import ConverterError, Reason, Refused
from convert.sniffing import Kind

REQUEST_BYTES: Final = 16 * 1024
ALIVE_EVERY_S: Final = 10.0
_READ_WITHIN_S: Final = 30.0
_CHUNK_BYTES: Final = 1024 * 1024
_LINES_WAITING: Final = 8
"""Lines, each with its files, that a slow reader leaves in memory."""
_LOOK_EVERY_S: Final = 1.0
_ANSWER_WITHIN_S: Final = 1500.0
"""How long one answer may take, with a slow reader."""

_log = logging.getLogger("convert")

Respond = Callable[[str, list[tuple[str, str]]], object]


class SourceUnreadable(Exception):
    """
    The source cannot be read; `code` says why.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Abandoned(ConverterError):
    """
    Nobody reads the events any more.
    """


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """
    Lets no answer lead to another origin.
    """

    def redirect_request(self, *_arguments: Any) -> None:
        return None


class Service:
    """
    A WSGI application.

    Args:
        pool: Where programs come from.
        origin: What every source begins with: scheme, host, and a slash.
        at_once: The most conversions at once; more are refused with 429.
        most_pages: The most pages of a document.
    """

    def __init__(self, pool: Pool, origin: str, at_once: int, most_pages: int) -> None:
        self._pool = pool
        self._origin = origin
        self._most_pages = most_pages
        self._slots = threading.BoundedSemaphore(at_once)
        self._open = urllib.request.build_opener(_NoRedirects).open
        pool.refill()

    def __call__(self, environ: Mapping[str, Any], respond: Respond) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if (method, path) == ("GET", "/"):
            return _answer(respond, HTTPStatus.OK, "running")
        if (method, path) != ("POST", "/convert"):
            return _answer(respond, HTTPStatus.NOT_FOUND, "POST to /convert.")
        try:
            source, kind = self._asked(environ)
        except ValueError as error:
            return _answer(respond, HTTPStatus.BAD_REQUEST, str(error))
        conversion = _Conversion()
        if not self._begin(conversion, source, kind):
            return _answer(respond, HTTPStatus.TOO_MANY_REQUESTS, "Too many conversions at once. Try again.")
        respond("200 OK", [("Content-Type", "application/octet-stream"), ("Cache-Control", "no-store")])
        return conversion.read()

    def _asked(self, environ: Mapping[str, Any]) -> tuple[str, Kind]:
        """
        Return the source and its type.

        Raises:
            ValueError: The request is not as described.
        """
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isdecimal() or int(length) > REQUEST_BYTES:
            raise ValueError(f"Send at most {REQUEST_BYTES} bytes, with their length.")
        try:
            asked = json.loads(environ["wsgi.input"].read(int(length)))
        except (ValueError, RecursionError):
            raise ValueError("Send a JSON object.") from None
        source = asked.get("source") if isinstance(asked, dict) else None
        if not isinstance(source, str) or not source.startswith(self._origin):
            raise ValueError(f"The source has to begin with {self._origin}.")
        if asked.get("type") not in list(Kind):
            raise ValueError(f"The type has to be one of {', '.join(Kind)}.")
        return source, Kind(asked["type"])

    def _begin(self, conversion: _Conversion, address: str, kind: Kind) -> bool:
        """
        Begin to convert, unless there are too many conversions already.

        Returns:
            Whether it has begun.
        """
        if not self._slots.acquire(blocking=False):
            return False
        try:
            threading.Thread(target=self._run, args=(conversion, address, kind), daemon=True).start()
        except RuntimeError:
            # There are too many threads.
            self._slots.release()
            return False
        return True

    def _run(self, conversion: _Conversion, address: str, kind: Kind) -> None:
        """
        Convert, in a thread of its own: the answer may be read slowly, or by nobody.
        """
        try:
            try:
                tell_end = self._convert(conversion, address, kind)
            finally:
                # Before the end is told: who has read it may ask again at once.
                self._slots.release()
                self._pool.refill()
            tell_end()
            conversion.end()
        except Abandoned:
            _log.warning("abandoned")

    def _convert(self, conversion: _Conversion, address: str, kind: Kind) -> Callable[[], None]:
        """
        Convert.

        Returns:
            What tells the last event.

        Raises:
            Abandoned: Nobody reads any more.
        """
        events = Lines(conversion.write)
        try:
            with tempfile.TemporaryDirectory(prefix="greenroom-") as folder:
                source = Path(folder) / f"source.{kind}"
                self._fetch(address, source)
                pages = convert(source, kind, events, self._pool, self._most_pages)
            return partial(events.done, pages)
        except Refused as refused:
            # The sentence is for the person who uploaded the document; the cause is for the operator.
            _log.warning("refused: %s: %r", refused.reason, str(refused.__cause__))
            return partial(events.refused, refused)
        except SourceUnreadable as unreadable:
            _log.warning("source unreadable: %s", unreadable.code)
            return partial(conversion.fail, unreadable.code)
        except Abandoned:
            raise
        except Exception as error:
            _log.exception("failed")
            return partial(conversion.fail, type(error).__name__)

    def _fetch(self, address: str, target: Path) -> None:
        """
        Write the source to a file.

        Raises:
            SourceUnreadable: It does not exist, or it could not be read.
            Refused: It is too large (never).
        """
        try:
            with self._open(address, timeout=_READ_WITHIN_S) as answer, target.open("wb") as file:
                _copy(answer, file)
                if answer.length:
                    # Less arrived than was announced.
                    raise SourceUnreadable("SOURCE_CONNECTION_LOST")
        except urllib.error.HTTPError as error:
            raise SourceUnreadable(f"SOURCE_HTTP_{error.code}") from None
        except (OSError, http.client.HTTPException):
            # The error's text quotes the address, which is a secret.
            raise SourceUnreadable("SOURCE_CONNECTION_LOST") from None


class _Conversion:
    """
    The events of one conversion, on their way from its thread to the answer.
    """

    def __init__(self) -> None:
        self._lines = queue.Queue[bytes | None](_LINES_WAITING)
        self._ends_at = time.monotonic() + _ANSWER_WITHIN_S
        self._is_abandoned = threading.Event()

    def write(self, line: bytes) -> None:
        """
        Hand a line over, with its files.

        Raises:
            Abandoned: Nobody reads any more.
        """
        self._put(line)

    def fail(self, code: str) -> None:
        """
        Say that the converter failed, or that the source cannot be read. Raises as `write`.
        """
        self._put(json.dumps({"event": "failed", "code": code}).encode() + b"\n")

    def end(self) -> None:
        """
        Say that nothing comes any more. Raises as `write`.
        """
        self._put(None)

    def read(self) -> Iterator[bytes]:
        """
        Yield the lines until the end.
        """
        try:
            while True:
                try:
                    line = self._lines.get(timeout=ALIVE_EVERY_S)
                except queue.Empty:
                    yield b'{"event":"alive"}\n'
                    continue
                if line is None:
                    return
                yield line
        finally:
            self._is_abandoned.set()

    def _put(self, line: bytes | None) -> None:
        while not self._is_abandoned.is_set() and time.monotonic() < self._ends_at:
            try:
                self._lines.put(line, timeout=_LOOK_EVERY_S)
            except queue.Full:
                continue
            return
        raise Abandoned


def _copy(answer: IO[bytes], file: IO[bytes]) -> None:
    left = limits.SOURCE_BYTES
    while chunk := answer.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise Refused(Reason.TOO_LARGE)
        file.write(chunk)


def _answer(respond: Respond, status: HTTPStatus, sentence: str) -> Iterable[bytes]:
    body = sentence.encode() + b"\n"
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    respond(f"{status.value} {status.phrase}", headers)
    return [body]


def service(most_pages: int = limits.PAGES) -> Service:
    """
    Return the application, set up by the environment: `SOURCE_ORIGIN`, `CONVERSIONS_AT_ONCE`.

    Args:
        most_pages: The most pages of a document.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    at_once = max(1, int(os.environ.get("CONVERSIONS_AT_ONCE", "2")))
    origin = os.environ.get("SOURCE_ORIGIN", "https://storage.googleapis.com").rstrip("/") + "/"
    _take_folder()
    pool = Pool(LANES * at_once, is_warm=True)
    atexit.register(pool.close)
    return Service(pool, origin, at_once, most_pages)


def _take_folder() -> None:
    """
    Keep everything in a new folder, and delete that of a process that served before under the same master and died.
    """
    of_master = f"greenroom-service-{os.getppid()}-"
    for left in Path(tempfile.gettempdir()).glob(f"{of_master}*"):
        shutil.rmtree(left, ignore_errors=True)
    tempfile.tempdir = tempfile.mkdtemp(prefix=of_master)
    atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)
