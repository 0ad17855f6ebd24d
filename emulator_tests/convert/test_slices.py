"""Slices of presentations: they look as the whole does, and what is unusual is exported as a whole."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from convert import slices
from emulator_tests.convert.documents import Slide, pptx
from emulator_tests.convert.program import Outcome, convert

SLIDE_NUMBER: Final = (
    '<p:sp><p:nvSpPr><p:cNvPr id="9" name="n"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm>'
    '<a:off x="300000" y="5500000"/><a:ext cx="4000000" cy="900000"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/>'
    '</a:prstGeom></p:spPr><p:txBody><a:bodyPr/><a:p><a:fld id="{00000000-1234-1234-1234-123412341234}"'
    ' type="slidenum"><a:rPr lang="en-US" sz="4000"/><a:t>0</a:t></a:fld></a:p></p:txBody></p:sp>'
)
HIDDEN: Final = {0, 4, 11}
DECK: Final = pptx([Slide(f"The slide at {at}", extra=SLIDE_NUMBER, is_hidden=at in HIDDEN) for at in range(12)])


def rewritten(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return an archive with one part changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return written.getvalue()


def pictures(outcome: Outcome) -> list[bytes]:
    assert outcome.code == 0, outcome.log
    return [outcome.image(number).tobytes() for number in range(1, outcome.events[0]["count"] + 1)]


@pytest.mark.long
def test_slices_look_as_the_whole_does_with_its_numbers_of_slides(tmp_path: Path) -> None:
    # With a second list of slides, whatever that means, it is not sliced.
    whole = rewritten(
        DECK, "ppt/presentation.xml", lambda xml: xml.replace(b"</p:sldIdLst>", b"<!-- sldId --></p:sldIdLst>")
    )
    (tmp_path / "whole.pptx").write_bytes(whole)
    assert slices.visible(tmp_path / "whole.pptx") is None

    sliced = pictures(convert(DECK, "pptx", tmp_path / "sliced"))

    assert len(sliced) == 9
    assert len(set(sliced)) == 9
    assert sliced == pictures(convert(whole, "pptx", tmp_path / "whole"))


@pytest.mark.long
def test_slide_that_is_lost_is_noticed_and_the_rest_is_drawn_from_the_whole(tmp_path: Path) -> None:
    # LibreOffice shows a slide whose attribute says that it is hidden in a way that only it reads.
    odd = rewritten(DECK, "ppt/slides/slide9.xml", lambda xml: xml.replace(b"<p:sld ", b'<p:sld  show="&#48;" ', 1))
    (tmp_path / "odd.pptx").write_bytes(odd)
    visible = slices.visible(tmp_path / "odd.pptx")
    assert visible is not None
    assert len(visible) == 9

    outcome = convert(odd, "pptx", tmp_path / "odd")

    assert outcome.result == 8
    counts = [event["count"] for event in outcome.of("pages")]
    assert counts == [9, 8]
    numbers = [event["number"] for event in outcome.of("page")]
    assert sorted(numbers) == list(range(1, 9))


def test_slides_that_are_shown_are_found(tmp_path: Path) -> None:
    (tmp_path / "deck.pptx").write_bytes(DECK)
    assert slices.visible(tmp_path / "deck.pptx") == [at for at in range(12) if at not in HIDDEN]


def test_slice_has_its_slides_and_empty_ones_before(tmp_path: Path) -> None:
    (tmp_path / "deck.pptx").write_bytes(DECK)

    slices.write(tmp_path / "deck.pptx", tmp_path / "slice.pptx", 2, 5)

    assert slices.visible(tmp_path / "slice.pptx") == [2, 3]
    with zipfile.ZipFile(tmp_path / "slice.pptx") as archive:
        assert archive.testzip() is None
        assert len(re.findall(rb"<p:sldId ", archive.read("ppt/presentation.xml"))) == 5
        shown = [b"The slide at" in archive.read(f"ppt/slides/slide{number}.xml") for number in range(1, 6)]
    assert shown == [False, False, True, True, True]
    assert (tmp_path / "deck.pptx").read_bytes() == DECK


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("ppt/presentation.xml", lambda xml: xml.replace(b"sldIdLst", b"sldIdList")),
        ("ppt/presentation.xml", lambda xml: xml.replace(b'r:id="rId', b'r:id="nobody')),
        ("ppt/presentation.xml", lambda xml: re.sub(rb"(<p:sldId [^>]*/>)", rb"\1\1", xml, count=1)),
        ("ppt/presentation.xml", lambda _: b""),
        ("ppt/_rels/presentation.xml.rels", lambda xml: xml.replace(b"slides/", b"nowhere/")),
        ("ppt/slides/slide3.xml", lambda _: b"no slide"),
    ],
)
def test_unusual_presentation_is_not_sliced(tmp_path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    (tmp_path / "deck.pptx").write_bytes(rewritten(DECK, part, change))
    assert slices.visible(tmp_path / "deck.pptx") is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", DECK[: len(DECK) // 2]])
def test_broken_presentation_is_not_sliced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "deck.pptx").write_bytes(content)
    assert slices.visible(tmp_path / "deck.pptx") is None


def test_large_presentation_is_not_sliced(tmp_path: Path) -> None:
    for size, is_sliced in ((slices.LONGEST_BYTES // 2, True), (slices.LONGEST_BYTES, False)):
        with zipfile.ZipFile(io.BytesIO(DECK)) as old, zipfile.ZipFile(tmp_path / "deck.pptx", "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
            new.writestr("ppt/media/film.mp4", bytes(size))
        assert (slices.visible(tmp_path / "deck.pptx") is not None) is is_sliced
