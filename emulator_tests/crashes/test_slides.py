"""Shared live media, with every effect broken once, and then only the sweep: nothing is lost or left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emulator_tests.crashes.memory import Way, break_each_effect
from emulator_tests.memory import document
from emulator_tests.pure.deployment import Deployment
from emulator_tests.pure.test_slides import PDF, Room
from shared.core.paths import RECONCILE_SESSION, SLIDES, session_path, shared_media_path, slide_timeline_path
from shared.ports import Query, Task
from shared.slides.decide import UPLOAD_ENDS_S
from shared.slides.model import SharedMedia, Wish, page_name, source_name, thumbnail_name
from shared.slides.showing import ACTIVE, ACTIVE_PAGE, end, navigate, start
from shared.slides.timeline import Tail, entries_in
from shared.slides.view import shown

SWEEPS: Final = 8
PAUSE_S: Final = 300

ROOMS: Final[dict[Deployment, Room]] = {}
"""The room of each deployment."""

UPLOADED: Final[dict[Deployment, int]] = {}
"""The number of pages of the last document that arrived."""


def _room() -> Deployment:
    room = Room()
    ROOMS[room.deployment] = room
    return room.deployment


def _ready() -> Deployment:
    deployment = _room()
    room = ROOMS[deployment]
    media_id = room.ready(pages=3)
    UPLOADED[deployment] = 3
    start(room.teacher, media_id, *room.showing)
    return deployment


def _media_id(deployment: Deployment) -> str:
    (record,) = deployment.documents.select(Query(SLIDES))
    return record.id


def _upload(deployment: Deployment, media_id: str, pages: int) -> None:
    content = document(pages)
    deployment.storage.upload(ROOMS[deployment].begin(media_id, content), content, PDF)
    UPLOADED[deployment] = pages
    deployment.run(120)


def _convert(deployment: Deployment) -> None:
    """Create a media, upload its document, and wait until it is converted."""
    _upload(deployment, ROOMS[deployment].create(), 3)


def _uploaded() -> Deployment:
    deployment = _room()
    ROOMS[deployment].ready(pages=3)
    UPLOADED[deployment] = 3
    return deployment


def _start(deployment: Deployment) -> None:
    """Show the media, and turn its pages."""
    room, media_id = ROOMS[deployment], _media_id(deployment)
    start(room.teacher, media_id, *room.showing)
    for page in (3, 2):
        navigate(room.teacher, media_id, page, *room.showing)


def _replace(deployment: Deployment) -> None:
    """Replace the document that is shown by a shorter one."""
    _upload(deployment, _media_id(deployment), 2)


def _delete(deployment: Deployment) -> None:
    """End the sharing, and delete the media."""
    media_id = _media_id(deployment)
    room = ROOMS[deployment]
    end(room.teacher, media_id, *room.showing)
    room.commands.delete(room.teacher, media_id)
    deployment.run(120)


def _delete_session(deployment: Deployment) -> None:
    """Delete the session while the media is shown."""
    deployment.delete_session()
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    deployment.run(120)


def _require_settled(number: int, deployment: Deployment) -> None:
    """Run only sweeps; then every record is settled, every object is named, and every view tells of its record."""
    for _ in range(SWEEPS):
        deployment.sweep.run()
        deployment.run(PAUSE_S)
    if any(one.fields["gone"] for one in deployment.documents.select(Query(SLIDES))):
        deployment.run(UPLOAD_ENDS_S)
        deployment.sweep.run()
        deployment.run(PAUSE_S)
    named = list[str]()
    for one in deployment.documents.select(Query(SLIDES)):
        record, wish = SharedMedia.from_document(one), Wish.from_document(one)
        assert record.progress.claim is None, number
        named += _named(one.id, record)
        view = deployment.document(shared_media_path("s1", one.id)).fields
        assert view == shown(record, wish), number
        if wish.upload is None or source_name(one.id, wish.upload) in deployment.storage.alive():
            assert (record.state == "ready", _pages(record)) == (deployment in UPLOADED, UPLOADED.get(deployment)), (
                number
            )
        else:
            # The client never got the address of this upload.
            assert record.state == "pending", number
        active = deployment.document(session_path("s1")).fields
        if active.get("activeSharedLiveMedia") is not None:
            assert 1 <= active["activeSharedLiveMediaPage"] <= (_pages(record) or 0), number
        _require_recorded(number, deployment)
    assert deployment.storage.alive() == sorted(named), number


def _require_recorded(number: int, deployment: Deployment) -> None:
    """The last entry of the timeline is what the session shows."""
    session = deployment.document(session_path("s1"))
    showing = (session.fields.get(ACTIVE), session.fields.get(ACTIVE_PAGE))
    tail = Tail.in_session(session)
    if tail is None:
        assert showing == (None, None), number
        return
    entries = entries_in([deployment.document(slide_timeline_path("s1", tail.chunk)).fields])
    assert len(entries) == tail.entries, number
    assert (entries[-1].media_id, entries[-1].page) == showing, number


def _pages(record: SharedMedia) -> int | None:
    return None if record.deck is None else len(record.deck.pages)


def _named(media_id: str, record: SharedMedia) -> list[str]:
    deck = record.deck
    if deck is None:
        return []
    of_deck = (media_id, deck.upload.stamp, deck.attempt)
    pages = [(number, page.extension) for number, page in enumerate(deck.pages, 1) if page is not None]
    return [
        source_name(media_id, deck.upload),
        *(page_name(*of_deck, *page) for page in pages),
        *(thumbnail_name(*of_deck, number) for number, _ in pages),
    ]


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize(
    ("make", "story"),
    [(_room, _convert), (_uploaded, _start), (_ready, _replace), (_ready, _delete), (_ready, _delete_session)],
    ids=["convert", "start", "replace", "delete", "delete the session"],
)
def test_sweep_alone_settles_a_media_wherever_it_goes_wrong(
    make: Callable[[], Deployment], story: Callable[[Deployment], None], way: Way
) -> None:
    assert break_each_effect(make, story, way, _require_settled) > 5


def _require_without_sweep(number: int, deployment: Deployment) -> None:
    """Leave out the sweep, which is a defect."""
    named = [
        name
        for one in deployment.documents.select(Query(SLIDES))
        for name in _named(one.id, SharedMedia.from_document(one))
    ]
    assert deployment.storage.alive() == sorted(named), number


def test_missing_sweep_is_noticed() -> None:
    with pytest.raises(AssertionError):
        break_each_effect(_room, _convert, Way.KILLED, _require_without_sweep)
