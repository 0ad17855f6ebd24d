"""Sound documents become the pages that they should: number, size, order, likeness and warnings."""

from __future__ import annotations

import io
import json
import subprocess
import time
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from PIL import Image, ImageDraw

from convert.encoding import encode, png
from convert.fonts import asked_for, substituted
from convert.sniffing import Kind, check
from emulator_tests.convert.documents import (
    PdfPage,
    Slide,
    cell,
    compound,
    docx,
    open_document,
    open_page,
    paragraph,
    pdf,
    picture,
    pptx,
    with_late_directory,
    word_6,
    xlsx,
)
from emulator_tests.convert.likeness import has_colour, likeness
from emulator_tests.convert.program import convert, convert_without_sandbox, finish, start

pytestmark = pytest.mark.long

LIKENESS: Final = 0.98
SHAPE: Final = (
    '<p:sp><p:nvSpPr><p:cNvPr id="5" name="s"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm>'
    '<a:off x="3000000" y="3000000"/><a:ext cx="4000000" cy="2500000"/></a:xfrm><a:prstGeom prst="star5"><a:avLst/>'
    '</a:prstGeom><a:solidFill><a:srgbClr val="3366CC"/></a:solidFill></p:spPr></p:sp>'
)
SLIDES: Final = [Slide("The first slide"), Slide("The second slide has a drawing", extra=SHAPE), Slide("")]

SOUND: Final = {
    "pdf": (pdf([PdfPage(), PdfPage(b"")]), "pdf", [(1920, 1080)] * 2),
    "pdf of many sizes": (
        pdf(
            [
                PdfPage(),
                PdfPage(width=595, height=842),
                PdfPage(entries="/Rotate 90"),
                PdfPage(width=300, height=300, entries="/CropBox[0 0 300 150]"),
                PdfPage(width=36, height=18),
                PdfPage(width=2384, height=3370),
            ]
        ),
        "pdf",
        [(1920, 1080), (1357, 1920), (1080, 1920), (1920, 960), (1920, 960), (1359, 1920)],
    ),
    "pptx with an empty slide": (pptx(SLIDES), "pptx", [(1920, 1080)] * 3),
    "pptx 4:3": (pptx(SLIDES[:1], width_emu=9144000), "pptx", [(1920, 1440)]),
    "pptx with a hidden slide": (
        pptx([Slide("a"), Slide("b", is_hidden=True), Slide("c")]),
        "pptx",
        [(1920, 1080)] * 2,
    ),
    "docx": (docx(paragraph("one") + paragraph("two", breaks_page=True)), "docx", [(1484, 1920)] * 2),
    "xlsx": (xlsx(cell("one")), "xlsx", [(1358, 1920)]),
    "odt": (open_document("text", "<text:p>one</text:p>"), "odt", [(1358, 1920)]),
    "odp": (open_document("presentation", open_page("one") + open_page("two")), "odp", [(1920, 1080)] * 2),
    "ods": (
        open_document(
            "spreadsheet",
            '<table:table table:name="S"><table:table-row><table:table-cell office:value-type="string">'
            "<text:p>one</text:p></table:table-cell></table:table-row></table:table>",
        ),
        "ods",
        [(1358, 1920)],
    ),
    "rtf": (rb"{\rtf1\ansi one\page two}", "rtf", [(1484, 1920)] * 2),
    "txt": ("Grüße, 你好, مرحبا\n".encode() * 3, "txt", [(1358, 1920)]),
    "txt of another encoding": ("Grüße\n".encode("cp1252"), "txt", [(1358, 1920)]),
    "txt of UTF-16": ("Grüße\n".encode("utf-16"), "txt", [(1358, 1920)]),
    "png": (picture("PNG", (64, 48)), "png", [(64, 48)]),
    "jpeg": (picture("JPEG", (3000, 2000)), "jpeg", [(1920, 1280)]),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_document_becomes_pages(name: str, tmp_path: Path) -> None:
    content, kind, sizes = SOUND[name]

    outcome = convert(content, kind, tmp_path)

    assert outcome.result == len(sizes), outcome.log
    assert outcome.sizes() == sizes
    for page in outcome.of("page"):
        with Image.open(outcome.folder / page["file"]) as image:
            assert image.size == (page["width"], page["height"])
        with Image.open(outcome.folder / page["thumbnail"]) as small:
            assert max(small.size) == min(320, max(image.size))
        assert page["isBlank"] is False
    # Nothing but what the events name stays.
    assert {file.name for file in outcome.folder.iterdir()} == {
        name for page in outcome.of("page") for name in (page["file"], page["thumbnail"])
    }


def test_pages_are_told_in_order(tmp_path: Path) -> None:
    outcome = convert(pdf([PdfPage()] * 9), "pdf", tmp_path)

    assert outcome.events[0] == {"event": "pages", "count": 9}
    assert outcome.events[1]["number"] == 1
    assert sorted(event["number"] for event in outcome.events[1:-1]) == list(range(1, 10))
    assert outcome.events[-1] == {"event": "done", "pages": 9}


def test_slow_first_page_is_told_before_quick_ones(tmp_path: Path) -> None:
    # The first page takes longer than a further process needs to start and to draw all others.
    lines = b"".join(b"%d 0 m %d 405 l S " % (at % 720, (at * 7) % 720) for at in range(3000))
    form = b"<</Subtype/Form/BBox[0 0 720 405]/Length %d>>stream\n%s\nendstream" % (len(lines), lines)
    slow = PdfPage(b"/X Do " * 4, entries="/Resources<</XObject<</X 4 0 R>>>>")
    source = tmp_path / "document"
    source.write_bytes(pdf([slow, PdfPage(), PdfPage()], extra=[form]))
    process = start(source, "pdf", tmp_path / "pages")
    assert process.stdout is not None

    process.stdout.readline()
    page = json.loads(process.stdout.readline())

    assert page["number"] == 1
    assert {file.name for file in (tmp_path / "pages").glob("[!.]*")} >= {page["file"], page["thumbnail"]}
    assert finish(process, tmp_path / "pages").code == 0


@pytest.mark.parametrize("kind", ["pptx", "docx"])
def test_pages_look_as_a_reference_draws_them(kind: str, tmp_path: Path) -> None:
    lines = "".join(paragraph(f"Line {number} of a page of text, which is compared.") for number in range(30))
    content = {"pptx": pptx(SLIDES[:2]), "docx": docx(lines)}[kind]
    outcome = convert(content, kind, tmp_path, name=f"document.{kind}")
    reference = convert_without_sandbox(tmp_path / f"document.{kind}")
    scale = ["-scale-to", "1920"]
    subprocess.run(["pdftoppm", "-png", *scale, str(reference), str(tmp_path / "page")], check=True)
    references = sorted(tmp_path.glob("page-*.png"))

    assert outcome.result == len(references)
    for number, reference in enumerate(references, 1):
        with Image.open(reference) as drawn:
            assert likeness(outcome.image(number), drawn.resize(outcome.image(number).size)) >= LIKENESS


def test_likeness_tells_pictures_apart() -> None:
    one = Image.new("L", (800, 600), "white")
    ImageDraw.Draw(one).text((40, 40), "The first slide\n" * 20, font_size=20)
    other = Image.new("L", (800, 600), "white")
    ImageDraw.Draw(other).text((40, 43), "The first slide\n" * 20, font_size=20)

    assert likeness(one, one) == pytest.approx(1)
    assert likeness(one, other) < 0.95


@pytest.mark.parametrize("colour", ["grey", "colour", "photo"])
def test_encoding_loses_nothing(colour: str) -> None:
    images = {
        "grey": Image.linear_gradient("L").convert("RGB"),
        "colour": Image.merge(
            "RGB", [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.new("L", (256,) * 2)]
        ),
        "photo": Image.merge("RGB", [Image.effect_noise((256, 256), deviation) for deviation in (40, 60, 80)]),
    }
    image = images[colour]

    pixels = np.asarray(image)
    extension, file = encode(pixels)

    assert extension == ("webp" if colour == "photo" else "png")
    for encoded in (file, png(pixels)):
        with Image.open(io.BytesIO(encoded)) as decoded:
            assert decoded.convert("RGB").tobytes() == image.tobytes()


def test_jpeg_is_turned_upright(tmp_path: Path) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(file, "JPEG", exif=exif)

    assert convert(file.getvalue(), "jpeg", tmp_path).sizes() == [(20, 40)]


def test_transparent_png_is_drawn_on_white(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(file, "PNG")

    assert convert(file.getvalue(), "png", tmp_path).image().getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(("font", "is_told"), [("Carlito", False), ("Calibri", False), ("Calligraphy of Nobody", True)])
def test_substituted_font_is_told(font: str, is_told: bool, tmp_path: Path) -> None:
    outcome = convert(pptx([Slide("one", font=font)]), "pptx", tmp_path)

    assert [(one["code"], font in one["message"]) for one in outcome.of("warning")] == (
        [("FONT_SUBSTITUTED", True)] if is_told else []
    )


def test_names_of_fonts_are_searched_for_in_bounded_time(tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(docx("<w:rFonts " * 200_000))
    began_at = time.process_time()

    assert asked_for(tmp_path / "document", Kind.DOCX) == set()
    assert time.process_time() - began_at < 5


def test_no_more_names_of_fonts_are_kept_than_anybody_reads(tmp_path: Path) -> None:
    fonts = "".join(f'<w:rFonts w:ascii="Font {number}"/>' for number in range(50_000))
    (tmp_path / "document").write_bytes(docx(fonts))
    began_at = time.process_time()

    assert len(asked_for(tmp_path / "document", Kind.DOCX)) < 1100
    assert len(list(substituted(asked_for(tmp_path / "document", Kind.DOCX)))) == 20
    assert time.process_time() - began_at < 5


def test_font_that_a_pdf_does_not_carry_is_told(tmp_path: Path) -> None:
    fonts = "/Resources<</Font<</F<</Type/Font/Subtype/TrueType/BaseFont/NobodysHand-Bold>>>>>>"

    (warning,) = convert(pdf([PdfPage(entries=fonts)]), "pdf", tmp_path).of("warning")

    assert "Nobodys Hand" in warning["message"]


def test_parallel_conversions_succeed(tmp_path: Path) -> None:
    contents = [pptx([Slide(f"deck {number}")] * 2) for number in range(2)]
    folders = [tmp_path / str(number) for number in range(2)]
    processes = []
    for content, folder in zip(contents, folders, strict=True):
        folder.mkdir()
        (folder / "source").write_bytes(content)
        processes.append(start(folder / "source", "pptx", folder / "pages"))

    outcomes = [finish(process, folder / "pages") for process, folder in zip(processes, folders, strict=True)]

    assert [outcome.result for outcome in outcomes] == [2, 2]
    assert outcomes[0].image().tobytes() != outcomes[1].image().tobytes()


@pytest.mark.parametrize("kind", ["doc", "ppt", "xls"])
def test_formats_of_before_2007(kind: str, tmp_path: Path) -> None:
    modern = {"doc": docx(paragraph("one")), "ppt": pptx([Slide("one")]), "xls": xlsx(cell("one"))}[kind]
    (tmp_path / f"document.{kind}x").write_bytes(modern)
    subprocess.run(
        [
            "soffice",
            "--headless",
            f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
            "--convert-to",
            kind,
            "--outdir",
            str(tmp_path),
            str(tmp_path / f"document.{kind}x"),
        ],
        check=True,
        capture_output=True,
    )

    assert convert((tmp_path / f"document.{kind}").read_bytes(), kind, tmp_path).result == 1


def test_document_of_word_6(tmp_path: Path) -> None:
    outcome = convert(word_6("The first page"), "doc", tmp_path)

    assert outcome.result == 1
    assert has_colour(outcome.image(), (0, 0, 0)), "there is no text"


def test_directory_that_begins_late_is_read_to_its_end(tmp_path: Path) -> None:
    streams = {**dict.fromkeys(("Pictures", "Current User", "SummaryInformation"), b"x"), "PowerPoint Document": b"x"}
    (tmp_path / "document").write_bytes(with_late_directory(compound(streams)))

    check(tmp_path / "document", Kind.PPT)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (compound({"Workbook": b"x"}, embedded={"WordDocument": b"x", "PowerPoint Document": b"x"}), Kind.XLS),
        (compound({"WORKBOOK": b"x"}), Kind.XLS),
        (compound({"WORDDOCUMENT": b"x"}), Kind.DOC),
    ],
    ids=["others in it", "capitals", "word in capitals"],
)
def test_kind_of_an_ole_file(content: bytes, kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(content)

    check(tmp_path / "document", kind)
