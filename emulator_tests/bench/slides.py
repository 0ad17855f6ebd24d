"""Benchmark of slides: a deck to page images, against LibreOffice and pdftoppm started for it, and turning pages.

The peer is what people script: `soffice --convert-to pdf`, then `pdftoppm -png`. Ours is the service as its container
runs it, warm, over HTTP; a page counts as drawn when all its bytes have arrived. Both draw pages of the same size
without loss.

Pages are turned on the whole stack: the time is that from the presenter's request to what a listener of Firestore and a
client in the chat room have.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any, Final

from google.cloud.firestore import Client

from convert.limits import LONGEST_SIDE_PX, MIB
from convert.sandbox import filled_bytes
from emulator_tests.bench.decks import write_deck
from emulator_tests.bench.rounds import show, times, verdict
from emulator_tests.conftest import SETTINGS
from emulator_tests.contract.xmpp_client import WebSocketClient, body_of
from emulator_tests.convert.documents import PdfPage, pdf
from emulator_tests.flow.school import School
from emulator_tests.flow.slides import MEDIAS, Seat, live
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.converter import converter_command
from emulator_tests.testbed.keeper import descendants
from emulator_tests.testbed.network import HOST, ask, free_ports
from emulator_tests.testbed.places import HOME, ROOT
from shared.cloud.converter import ServiceConverter
from shared.core.paths import shared_media_path
from shared.ports import ConvertedPage

ROUNDS: Final = 3
DECK, LONG_DECK = 100, 300
WHOLE_TARGET, FIRST_TARGET, SHARE_TARGET = 12.0, 40.0, 0.1
WARM_AGAIN_S: Final = 60.0
"""The longest that the service may take until its next programs wait."""
TURNS: Final = 51
"""Pages of the document: the first one is shown at the start, and each of the others is turned to."""
TURNS_S: Final = 10.0
HEARD_WITHIN_S: Final = 60.0
CONVERTED_WITHIN_S: Final = 120.0
LOOK_EVERY_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Taken:
    """
    Seconds until the first page, and until all pages were there.
    """

    first_s: float
    whole_s: float


def run() -> None:
    """
    Measure, and print the tables.
    """
    print("slides: a deck to page images")
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as name:
        folder = Path(name)
        for slides in (DECK, LONG_DECK):
            write_deck(folder / f"{slides}.pptx", slides)
        with _service(folder) as service:
            _against_the_peer(folder, service)
            _at_once(service)
    _turn_pages()


@dataclass(slots=True)
class Service:
    """
    The running service, and where its documents are.
    """

    url: str
    documents_url: str
    process_id: int

    def convert(self, slides: int) -> Taken:
        """
        Convert a deck.
        """
        began_at = time.monotonic()
        arrived: list[float] = []

        def take(_page: ConvertedPage) -> None:
            arrived.append(time.monotonic() - began_at)

        source = f"{self.documents_url}/{slides}.pptx"
        pages = ServiceConverter(self.url).convert(source, "pptx", take).pages
        assert pages == len(arrived) == slides
        return Taken(arrived[0], arrived[-1])

    def await_warm(self) -> None:
        """
        Wait until its programs have started again and do nothing.
        """
        deadline = time.monotonic() + WARM_AGAIN_S
        spent, before = _spent_s(self.process_id), -1.0
        while spent - before > 0.02:
            assert time.monotonic() < deadline, "The service does not come to rest."
            time.sleep(1)
            spent, before = _spent_s(self.process_id), spent


@contextmanager
def _service(folder: Path) -> Iterator[Service]:
    """
    Run the service, with a server of the documents beside it.
    """

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            """Keep quiet."""

    port = free_ports("service")["service"]
    documents = ThreadingHTTPServer((HOST, 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=documents.serve_forever, daemon=True).start()
    documents_url = f"http://{HOST}:{documents.server_port}"
    command = converter_command(port, f"most_pages={LONG_DECK}")
    with (folder / "service.log").open("wb") as log:
        environment = {**os.environ, "SOURCE_ORIGIN": documents_url}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        found = Service(f"http://{HOST}:{port}", documents_url, process.pid)
        deadline = time.monotonic() + WARM_AGAIN_S
        while not _answers(found.url):
            assert time.monotonic() < deadline, (folder / "service.log").read_text()
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait()
        documents.shutdown()
        documents.server_close()


def _answers(url: str) -> bool:
    try:
        return ask(url)[0] == 200
    except OSError:
        return False


def _against_the_peer(folder: Path, service: Service) -> None:
    rows = []
    for slides, rounds in ((DECK, ROUNDS), (LONG_DECK, 1)):
        ours, peers = list[Taken](), list[Taken]()
        for turn in range(rounds):
            print(f"\r  {slides} slides, round {turn + 1} of {rounds} …", end="", flush=True)
            peers.append(_peer(folder / f"{slides}.pptx"))
            service.await_warm()
            ours.append(service.convert(slides))
        print()
        first, whole = (median(getattr(one, name) for one in ours) for name in ("first_s", "whole_s"))
        peer_first, peer_whole = (median(getattr(one, name) for one in peers) for name in ("first_s", "whole_s"))
        is_judged = slides == DECK
        for what, peer_s, ours_s, target in (
            ("all pages", peer_whole, whole, WHOLE_TARGET),
            ("first page", peer_first, first, FIRST_TARGET),
        ):
            gain = peer_s / ours_s
            judged = verdict(gain >= target, times(target)) if is_judged else ""
            rows.append((f"{slides} slides, {what}", f"{peer_s:.2f}", f"{ours_s:.2f}", times(gain), judged))
        share = first / whole
        judged = verdict(share < SHARE_TARGET, f"< {SHARE_TARGET:.0%}") if is_judged else ""
        rows.append((f"{slides} slides, first page of all", "", "", f"{share:.1%}", judged))
    header = ("seconds, median", "soffice + pdftoppm", "ours", "gain", "target")
    show(f"{DECK} slides {ROUNDS} times, {LONG_DECK} slides once", header, rows)


def _at_once(service: Service) -> None:
    service.await_warm()
    alone = service.convert(DECK).whole_s
    service.await_warm()
    peak, is_over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_over.wait(0.1):
            peak = max(peak, filled_bytes(service.process_id))

    watching = threading.Thread(target=watch)
    watching.start()
    began_at = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: service.convert(DECK), range(2)))
    both_s = time.monotonic() - began_at
    is_over.set()
    watching.join()
    rows = [
        ("one deck", f"{alone:.2f}", ""),
        ("two decks at once", f"{both_s:.2f}", f"{both_s / alone:.2f} times as long"),
        ("  the later first page of these", f"{max(one.first_s for one in both):.2f}", ""),
        ("memory of all processes at most, MiB", f"{peak / MIB:.0f}", "of 8192 in the container"),
    ]
    show(f"Two decks of {DECK} slides at once", ("seconds", "ours", ""), rows)


def _turn_pages() -> None:
    folder = HOME / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    with (
        Testbed(folder, SETTINGS | {"SLIDES_BUCKET": "slides"}, has_chat=True, say=print) as testbed,
        _firestore(testbed) as firestore,
    ):
        school = School(testbed)
        teacher = school.teacher()
        session_id = live(school, teacher)
        presenter, student = Seat(school, teacher, session_id), Seat(school, school.person(), session_id)
        media_id = presenter.accepted("POST", MEDIAS, {"title": "Optics"})["id"]
        presenter.upload(media_id, pdf([PdfPage()] * TURNS), "optics.pdf", "pdf")
        school.await_document(
            shared_media_path(session_id, media_id),
            lambda view: view is not None and view["uploadState"] == "ready",
            CONVERTED_WITHIN_S,
        )
        presenter.accepted("POST", f"{MEDIAS}{media_id}/start/")
        seen: dict[int, float] = {}
        heard: list[tuple[int, float]] = []

        def see(snapshots: list[Any], _changes: object, _at: object) -> None:
            page = (snapshots[0].to_dict() or {}).get("activeSharedLiveMediaPage")
            if page is not None:
                seen.setdefault(page, time.monotonic())

        watch = firestore.document(f"sessions/{session_id}").on_snapshot(see)
        with student.enter_chat() as chat, ThreadPoolExecutor(1) as threads:
            hearing = threads.submit(_hear, chat, heard)
            sent = dict(_turned(presenter, media_id))
            hearing.result()
        watch.unsubscribe()
        school.close()
    rows = []
    for name, arrived in (("listener of Firestore", list(seen.items())), ("client in the chat room", heard)):
        pages = [page for page, _ in arrived if page in sent]
        late = sorted((at - sent[page]) * 1000 for page, at in arrived if page in sent)
        is_whole = f"{len(pages)} of {len(sent)}"
        order = "in order" if pages == sorted(pages) else "OUT OF ORDER"
        p95 = late[max(0, round(len(late) * 0.95) - 1)]
        rows.append((name, f"{median(late):.0f}", f"{p95:.0f}", f"{late[-1]:.0f}", is_whole, order))
    header = ("ms after the request", "median", "p95", "most", "arrived", "")
    show(f"{len(sent)} page turns in {TURNS_S:.0f} s", header, rows)


def _turned(presenter: Seat, media_id: str) -> Iterator[tuple[int, float]]:
    """
    Turn pages, evenly, and yield when each was asked for.
    """
    began_at = time.monotonic()
    for page in range(2, TURNS + 1):
        time.sleep(max(0.0, began_at + (page - 2) * TURNS_S / (TURNS - 1) - time.monotonic()))
        at = time.monotonic()
        presenter.accepted("POST", f"{MEDIAS}{media_id}/navigate/", {"target_page": page})
        yield page, at


def _hear(chat: WebSocketClient, heard: list[tuple[int, float]]) -> None:
    """
    Note when each page is told in the chat room, until the last one.
    """
    deadline = time.monotonic() + HEARD_WITHIN_S
    while time.monotonic() < deadline:
        for message in chat.messages():
            page = json.loads(body_of(message))["active_shared_live_media_page"]
            heard.append((page, time.monotonic()))
            if page == TURNS:
                return


@contextmanager
def _firestore(testbed: Testbed) -> Iterator[Any]:
    """
    Return Google's client of the stack's Firestore.
    """
    before = os.environ.get("FIRESTORE_EMULATOR_HOST")
    os.environ["FIRESTORE_EMULATOR_HOST"] = testbed.firestore_host
    client = Client(project=testbed.project_id)
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call]  # the library has no types for it
        if before is None:
            del os.environ["FIRESTORE_EMULATOR_HOST"]
        else:
            os.environ["FIRESTORE_EMULATOR_HOST"] = before


def _peer(source: Path) -> Taken:
    """
    Convert a deck with programs that are started for it.
    """
    with tempfile.TemporaryDirectory(prefix="greenroom-peer-") as name:
        folder = Path(name)
        began_at = time.monotonic()
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        soffice = ["soffice", "--headless", profile, "--convert-to", "pdf", "--outdir", name, str(source)]
        subprocess.run(soffice, check=True, capture_output=True)
        pdf = folder / f"{source.stem}.pdf"
        drawing = ["pdftoppm", "-png", "-scale-to", str(LONGEST_SIDE_PX), str(pdf), f"{name}/page"]
        first_s = 0.0
        with subprocess.Popen(drawing) as process:
            # The first page is complete when the second one is begun.
            while process.poll() is None:
                if not first_s and len(list(folder.glob("page-*.png"))) > 1:
                    first_s = time.monotonic() - began_at
                time.sleep(LOOK_EVERY_S)
        assert process.returncode == 0
        whole_s = time.monotonic() - began_at
        return Taken(first_s, whole_s)


def _spent_s(process_id: int) -> float:
    """
    Return the processor time of a process and its descendants.
    """
    ticks = 0
    for one in (process_id, *descendants(process_id)):
        # One that has just ended spends nothing any more.
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
