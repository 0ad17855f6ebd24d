"""B12: until when an upload takes bytes and how fast a line must be, and the client that warns of one that is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from emulator_tests.flow.long_upload import Errand, LongFilm, send_film, too_slow
from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.deployment import POLICY, TEACHER, Deployment
from emulator_tests.testbed.places import TEST_PICTURE
from shared.core.errors import WrongState
from shared.ports import MediaState, Observation, Stage
from shared.videos.pace import KBPS_MAX, MARGIN, Pace, pace_of

GIB: Final = 1024**3
HOUR: Final = timedelta(hours=1)
CHUNK_BYTES: Final = 100_000
FILM_BYTES: Final = 1_000_000
UNTIL: Final = "2026-01-05T15:00:00Z"


def test_10_gib_within_six_hours_need_five_mbit() -> None:
    pace = pace_of(10 * GIB, BEGIN_AT, BEGIN_AT + 6 * HOUR)

    assert pace == Pace(BEGIN_AT + 6 * HOUR, 4972)
    # As fast as that, all bytes are there before the end, with a margin for what is sent besides.
    assert 10 * GIB * 8 / 1000 / pace.min_kbps < 6 * 3600 / MARGIN + 1


@pytest.mark.parametrize(
    ("left_bytes", "left_s", "min_kbps"),
    [(0, 10, 0), (0, 0, 0), (0, -5, 0), (1, 7 * 24 * 3600, 1), (1_000_000, 10, 1000), (10**11, 1000, 1_000_000)],
)
def test_required_speed_follows_from_rest_and_time(left_bytes: int, left_s: int, min_kbps: int) -> None:
    assert pace_of(left_bytes, BEGIN_AT, BEGIN_AT + timedelta(seconds=left_s)).min_kbps == min_kbps
    assert min_kbps <= KBPS_MAX


@pytest.mark.parametrize(("left_bytes", "left_s"), [(10 * GIB, 60), (1, 0), (1, -5), (10**11 + 1, 1000)])
def test_impossible_upload_speed_is_refused(left_bytes: int, left_s: int) -> None:
    with pytest.raises(WrongState, match="no connection is that fast"):
        pace_of(left_bytes, BEGIN_AT, BEGIN_AT + timedelta(seconds=left_s))


# --- what a token says --------------------------------------------------------------------------------------------


def test_a_token_says_until_when_and_how_fast_and_a_renewed_one_of_the_rest() -> None:
    deployment = Deployment()
    deployment.write_session()
    began_at = deployment.clock()
    token = deployment.ask_upload()
    assert token.pace == Pace(began_at + timedelta(seconds=POLICY.upload_deadline_s), 1)

    deployment.show(token.video_id, Observation(MediaState.AWAITING_UPLOAD, 60, Stage.RECEIVING, received_bytes=600))
    deployment.clock.advance(POLICY.upload_deadline_s - 1)
    renewed = deployment.upload_tokens.renew_upload_token(TEACHER, token.video_id)

    assert (renewed.received_bytes, renewed.pace) == (600, Pace(token.pace.until, 4))


def test_an_upload_of_which_a_little_more_has_arrived_than_was_declared_needs_no_speed() -> None:
    deployment = Deployment()
    deployment.write_session()
    token = deployment.ask_upload()
    more = Observation(MediaState.AWAITING_UPLOAD, 100, Stage.RECEIVING, received_bytes=2000)
    deployment.show(token.video_id, more)
    deployment.clock.advance(POLICY.upload_deadline_s - 1)

    assert deployment.upload_tokens.renew_upload_token(TEACHER, token.video_id).pace == Pace(token.pace.until, 0)


# --- the client ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kbps", "is_too_slow"), [(4999, True), (5000, False), (5001, False), (0, True)])
def test_a_client_warns_of_a_line_that_is_too_slow(kbps: int, is_too_slow: bool) -> None:
    warning = too_slow({"minKbps": 5000, "uploadUntil": UNTIL}, kbps * 125 * 10, 10.0)

    assert (warning is not None) is is_too_slow
    if warning is not None:
        assert "5000" in warning
        assert UNTIL in warning


@pytest.mark.parametrize(("min_kbps", "warns"), [(0, False), (10**9, True)])
def test_a_client_warns_while_it_sends_and_goes_on(min_kbps: int, warns: bool) -> None:
    film = LongFilm(str(TEST_PICTURE), FILM_BYTES, seed=1)
    with kaltura() as (host, port, received):
        url = f"http://{host}:{port}/upload"
        upload = {"protocol": "kaltura", "url": url, "ks": "ks", "uploadTokenId": "t", "chunkSizeBytes": CHUNK_BYTES}
        token = {"videoId": "v", "receivedBytes": 0, "uploadUntil": UNTIL, "minKbps": min_kbps, "upload": upload}
        report = send_film(Errand(film, token, f"http://{host}:{port}", "token", (host, port)))

    assert sum(received) == FILM_BYTES
    assert (report.warning is not None) is warns


@contextmanager
def kaltura() -> Iterator[tuple[str, int, list[int]]]:
    """A server that takes the chunks of one file as Kaltura does, and how large each was."""
    received: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            file = body.partition(b'name="fileData"')[2].partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
            # The closing boundary follows the file.
            received.append(len(file))
            answer = json.dumps({"uploadedFileSize": sum(received)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield "127.0.0.1", server.server_port, received
        finally:
            server.shutdown()
            thread.join()
