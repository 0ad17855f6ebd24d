"""Slides: documents that are shared in a live session, and the pages that are turned there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from flask import Response

from emulator_tests.cost.metered import BROWSER, TEACHER, Instance, Metered
from emulator_tests.cost.places import DAY_S, MemoryPlace
from emulator_tests.cost.scenario import EVERY_S, REGISTRY
from emulator_tests.cost.usage import Usage
from emulator_tests.memory import document
from functions.edge.http import HttpRequest
from functions.slides import answer
from shared.core.callers import Caller
from shared.core.paths import RECONCILE_SLIDES, session_path
from shared.limits.call_budgets import Work
from shared.ports import UploadAddress
from shared.reconcile.slots import enqueue
from shared.sessions.session import Session
from shared.slides.context import Context
from shared.slides.types import TYPES

MEDIAS: Final = "/api/sharedlivemedias/"
DOCUMENTS: Final = 25
PAGES: Final = 20
TURNS: Final = 100
TURN_EVERY_S: Final = 30
VIEWERS: Final = 30
PDF: Final = TYPES["pdf"]

CONVERTER_VCPUS: Final = 2
CONVERTER_GIB: Final = 8
CONVERTED_S: Final = 0.064
"""Seconds for each slide: 6.4 s for 100 (docs/performance.md#slides)."""

CONVERTER_START_S: Final = 10
"""See docs/slides.md."""

CONVERTER_KEPT_S: Final = 900
"""An instance without work is kept at most this long. It is billed, because it has its CPU all the time
(`--no-cpu-throttling` in docs/slides.md)."""


class Lesson:
    """
    A live session in which documents are shared.

    Args:
        metered: Counts.
    """

    def __init__(self, metered: Metered) -> None:
        self._metered = metered
        now = metered.clock()
        times = {"startsAt": now + timedelta(minutes=5), "endsAt": now + timedelta(hours=12)}
        metered.write_session("s1", format="liveStreaming", status="public", **times)
        metered.run(60)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Call the REST API as the teacher, and return the body of the answer.
        """
        (found,) = self._metered.kept.read(session_path("s1"))
        assert found is not None
        created_at = Session.from_document(found).created_at
        assert created_at is not None
        content = json.dumps(body or {}).encode()
        caller = Context(TEACHER, "s1", created_at)
        request = HttpRequest(method, path, {}, content, "application/json", caller)

        def do(instance: Instance) -> Response:
            def admit(person: Caller, work: Work) -> None:
                instance.budgets.take(person, work)
                if work is not Work.LOOK:
                    instance.kill_switch.require_open()

            return answer(request, instance.app, admit)

        response = self._metered.call("api", do)
        assert response.status_code < 300, response.get_data()
        told = response.get_data()
        return json.loads(told) if told else None

    def share(self) -> str:
        """
        Share a document, and wait until all its pages are there.

        Returns:
            The path of the media.
        """
        metered, place = self._metered, cast(MemoryPlace, self._metered.place)
        media_id = self.ask("POST", MEDIAS, {"title": "Optics"})["id"]
        path, content = f"{MEDIAS}{media_id}/", document(PAGES)
        sent = {"filename": "optics.pdf", "mimetype": PDF, "size": len(content)}
        begun = self.ask("POST", f"{path}initiate-upload/", sent)
        address = UploadAddress(begun["url"], begun["method"], begun["headers"], metered.clock())
        place.storage.upload(address, content, PDF)
        metered.count(BROWSER, Usage(stores=1))
        metered.call("onSlidesUploaded", lambda one: enqueue(one.app.queue, RECONCILE_SLIDES, media_id, metered.clock))
        billed_s = CONVERTER_START_S + PAGES * CONVERTED_S + CONVERTER_KEPT_S
        usage = Usage(converter_vcpu_s=billed_s * CONVERTER_VCPUS, converter_gib_s=billed_s * CONVERTER_GIB)
        metered.count("converter", usage)
        metered.run(120)
        assert self.ask("GET", path)["upload_state"] == "ready"
        return path


def only_session(metered: Metered) -> None:
    """Write the session without a document."""
    metered.listeners = 1
    Lesson(metered)


@REGISTRY.add(
    "documents",
    f"documents of {PAGES} slides: shared, deleted",
    place="memory",
    units=DOCUMENTS,
    lasts_s=2 * DAY_S,
    without=only_session,
)
def documents(metered: Metered) -> None:
    """Play it. Each finds no instance of the converter."""
    metered.listeners = 1
    lesson = Lesson(metered)
    for _ in range(DOCUMENTS):
        path = lesson.share()
        metered.run(EVERY_S)
        lesson.ask("DELETE", path)


def turned(metered: Metered, turns: int) -> None:
    """
    Turn pages of a document that viewers look at.
    """
    lesson = Lesson(metered)
    path = lesson.share()
    metered.listeners = VIEWERS
    lesson.ask("POST", f"{path}start/")
    for turn in range(turns):
        metered.run(TURN_EVERY_S)
        lesson.ask("POST", f"{path}navigate/", {"target_page": turn % PAGES + 2 if turn % PAGES + 2 <= PAGES else 1})
        # Each viewer loads the page's picture.
        metered.count(BROWSER, Usage(loads=VIEWERS))
    metered.run((TURNS - turns) * TURN_EVERY_S)


@REGISTRY.add(
    "turns",
    f"page turns that {VIEWERS} people see",
    place="memory",
    units=TURNS,
    lasts_s=DAY_S,
    without=lambda metered: turned(metered, 0),
)
def turns(metered: Metered) -> None:
    """Play it."""
    turned(metered, TURNS)
