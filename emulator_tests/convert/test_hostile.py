"""The hostile suite: what each document of `hostile` comes to, in the real sandbox, and that nothing gets out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

from convert.drawer import Drawer
from convert.refusals import SENTENCES, Reason
from convert.requests import Form, Way
from emulator_tests.convert.documents import pdf, picture
from emulator_tests.convert.hostile import CASES, NAMES, ONE_PAGE, SIZES, Surroundings
from emulator_tests.convert.likeness import has_colour
from emulator_tests.convert.program import Outcome, convert, finish, start

pytestmark = pytest.mark.long

SECRET_COLOUR: Final = (255, 0, 255)


@dataclass(frozen=True)
class Canary:
    """
    A server and files that no document may reach.
    """

    surroundings: Surroundings
    visits: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    folder = tmp_path_factory.mktemp("secret")
    (folder / "secret.png").write_bytes(picture("PNG", (400, 400), "magenta"))
    (folder / "secret.txt").write_text("a secret line\n" * 500)
    visits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # named by http.server
            visits.append(self.path)
            self.send_error(404)

        do_OPTIONS = do_PROPFIND = do_HEAD = do_GET  # noqa: N815  # named by http.server

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield Canary(Surroundings(str(folder / "secret.png"), str(folder / "secret.txt"), address), visits)
    server.shutdown()
    thread.join()
    server.server_close()


def shows_secret(outcome: Outcome) -> bool:
    """Tell whether the secret picture is on a page."""
    return any(has_colour(outcome.image(page["number"]), SECRET_COLOUR) for page in outcome.of("page"))


def test_suite_is_large_enough() -> None:
    assert len(CASES) + len(SIZES) + len(NAMES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_hostile_document_comes_to(name: str, canary: Canary, tmp_path: Path) -> None:
    case = CASES[name]

    outcome = convert(case.content(canary.surroundings), case.kind, tmp_path)

    assert outcome.result == case.outcome, outcome.log
    assert sum(page["isBlank"] for page in outcome.of("page")) == case.blank
    assert canary.visits == []
    if isinstance(case.outcome, int):
        assert not shows_secret(outcome)
    else:
        assert outcome.events[-1]["message"] == SENTENCES[Reason(case.outcome)]


@pytest.mark.parametrize("name", SIZES)
def test_page_of_absurd_size_is_within_bounds(name: str, tmp_path: Path) -> None:
    page, size = SIZES[name]
    (tmp_path / "document").write_bytes(pdf([page]))
    drawer = Drawer()
    try:
        drawer.open(tmp_path / "document", Form.PDF)
        # Not by the program, which has another way when the usual one goes beyond the bounds.
        drawn = drawer.draw(1, Way.USUAL)
    finally:
        drawer.close()

    assert (drawn.width, drawn.height) == size


@pytest.mark.parametrize("name", NAMES)
def test_name_of_the_file_does_nothing(name: str, tmp_path: Path) -> None:
    assert convert(ONE_PAGE, "pdf", tmp_path, name=name).result == 1
    assert not list(Path.cwd().glob("slipped")) + list(tmp_path.rglob("slipped"))


def test_file_beyond_300_mib_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "document"
    source.write_bytes(ONE_PAGE)
    with source.open("r+b") as file:
        file.truncate(300 * 1024 * 1024 + 1)

    assert finish(start(source, "pdf", tmp_path), tmp_path).result == "TOO_LARGE"
