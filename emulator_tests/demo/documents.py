"""The documents that the demo shows: a presentation with text, drawings and a table, and a PDF of exercises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emulator_tests.convert.documents import PdfPage, Slide, pdf, pptx

BLUE: Final = "2F6DB5"
PALE: Final = "DCE6F2"
ORANGE: Final = "E08A2E"
DARK: Final = "1F2937"

FULL_TURN: Final = 21_600_000
"""A turn in the units of angles of DrawingML, clockwise from the right."""

TOP: Final = 16_200_000

TABLE: Final = (
    ("Fraction", "Decimal", "Percent"),
    ("1/2", "0.5", "50 %"),
    ("1/4", "0.25", "25 %"),
    ("1/8", "0.125", "12.5 %"),
    ("3/4", "0.75", "75 %"),
)


def presentation() -> bytes:
    """
    Return a presentation of ten slides.
    """
    return pptx(
        [
            Slide("Fractions: halves, quarters and eighths", extra=_pie(0.375)),
            Slide("A fraction counts equal parts of a whole", extra=_bar(3, 4)),
            Slide("One half", extra=_pie(1 / 2)),
            Slide("One quarter", extra=_pie(1 / 4)),
            Slide("One eighth", extra=_pie(1 / 8)),
            Slide("Three quarters", extra=_pie(3 / 4)),
            Slide("The same number in three ways", extra=_table(TABLE)),
            Slide("A quarter and a quarter make a half", extra=_bar(1, 4, 2_300_000) + _bar(2, 4, 4_000_000)),
            Slide("Which is larger: three eighths or a half?", extra=_bar(3, 8, 2_300_000) + _bar(1, 2, 4_000_000)),
            Slide("Questions?"),
        ]
    )


def exercises() -> bytes:
    """
    Return a PDF of three pages.
    """
    return pdf(
        [_exercise(number, text) for number, text in enumerate(("1/4 + 1/4 =", "1/2 - 1/8 =", "3/4 + 1/8 ="), 1)]
    )


def _exercise(number: int, text: str) -> PdfPage:
    lines = "".join(f"60 {y} m 660 {y} l S " for y in (200, 150, 100))
    return PdfPage(f"BT /F 24 Tf 60 340 Td (Exercise {number}) Tj 0 -70 Td /F 40 Tf ({text}) Tj ET {lines}".encode())


def _pie(part: float) -> str:
    """
    Return a disc, and a part of it in another colour.
    """
    end = round(TOP + part * FULL_TURN) % FULL_TURN
    angles = f'<a:gd name="adj1" fmla="val {TOP}"/><a:gd name="adj2" fmla="val {end}"/>'
    square = (4_300_000, 2_500_000, 3_600_000, 3_600_000)
    return _shape("ellipse", square, PALE, 20) + _shape("pie", square, BLUE, 21, angles)


def _bar(part: int, parts: int, top: int = 3_000_000) -> str:
    """
    Return a row of equal parts, the first ones in another colour.
    """
    width = 9_600_000 // parts
    return "".join(
        _shape(
            "rect",
            (1_200_000 + at * width, top, width - 60_000, 1_200_000),
            ORANGE if at < part else PALE,
            top // 100_000 + at,
        )
        for at in range(parts)
    )


def _shape(form: str, box: tuple[int, int, int, int], colour: str, number: int, angles: str = "") -> str:
    left, top, width, height = box
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="shape {number}"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr>'
        f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm><a:prstGeom prst="{form}">'
        f'<a:avLst>{angles}</a:avLst></a:prstGeom><a:solidFill><a:srgbClr val="{colour}"/></a:solidFill></p:spPr>'
        "</p:sp>"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    width, height = 3_200_000, 750_000
    columns = f'<a:gridCol w="{width}"/>' * len(rows[0])
    filled = "".join(
        f'<a:tr h="{height}">{"".join(_cell(text, is_title=number == 0) for text in row)}</a:tr>'
        for number, row in enumerate(rows)
    )
    return (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="30" name="table"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><p:xfrm><a:off x="1200000" y="2300000"/>'
        f'<a:ext cx="{width * len(rows[0])}" cy="{height * len(rows)}"/></p:xfrm><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/table"><a:tbl><a:tblPr firstRow="1"/>'
        f"<a:tblGrid>{columns}</a:tblGrid>{filled}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def _cell(text: str, *, is_title: bool) -> str:
    ink, paper = ("FFFFFF", BLUE) if is_title else (DARK, PALE)
    return (
        f'<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:rPr lang="en-US" sz="2400"><a:solidFill><a:srgbClr val="{ink}"/>'
        f'</a:solidFill><a:latin typeface="Carlito"/></a:rPr><a:t>{text}</a:t></a:r></a:p></a:txBody><a:tcPr>'
        f'<a:solidFill><a:srgbClr val="{paper}"/></a:solidFill></a:tcPr></a:tc>'
    )
