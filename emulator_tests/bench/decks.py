"""Decks of slides as people make them: a photo, a table or a chart beside text on each slide. Called by `slides`."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageChops
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches, Pt

_TEXT: Final = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore"
)
_WORDS: Final = _TEXT.split()
_TITLE_ONLY: Final = 5
_PHOTO: Final = (1280, 720)


def write_deck(path: Path, slides: int) -> None:
    """
    Write a presentation of so many slides; the same one each time.
    """
    chance = random.Random(slides)
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    for position in range(slides):
        slide = deck.slides.add_slide(deck.slide_layouts[_TITLE_ONLY])
        slide.shapes.title.text = f"Slide {position + 1}: {' '.join(chance.choices(_WORDS, k=4))}"
        text = slide.shapes.add_textbox(Inches(0.6), Inches(1.7), Inches(5.6), Inches(5)).text_frame
        text.word_wrap = True
        for _ in range(6):
            paragraph = text.add_paragraph()
            paragraph.text = "• " + " ".join(chance.choices(_WORDS, k=9))
            paragraph.font.size = Pt(18)
        match position % 5:
            case 4:
                _add_chart(slide, chance)
            case 3:
                _add_table(slide, chance)
            case _:
                slide.shapes.add_picture(_photo(), Inches(6.6), Inches(1.9), Inches(6.2))
    deck.save(str(path))


def _add_chart(slide: Any, chance: random.Random) -> None:
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]  # the library has no types for it
    data.categories = list("ABCDE")
    for name in ("one", "two"):
        data.add_series(name, [chance.random() for _ in range(5)])
    place = (Inches(6.6), Inches(1.7), Inches(6), Inches(5))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data)


def _add_table(slide: Any, chance: random.Random) -> None:
    table = slide.shapes.add_table(8, 4, Inches(6.6), Inches(1.7), Inches(6), Inches(4)).table
    for row in range(8):
        for column in range(4):
            table.cell(row, column).text = chance.choice(_WORDS)


def _photo() -> io.BytesIO:
    """
    Return a picture like a photo, as JPEG: smooth fields with grain.
    """
    channels = []
    for _ in range(3):
        fields = Image.effect_noise((16, 9), 120).resize(_PHOTO, Image.Resampling.BICUBIC)
        channels.append(ImageChops.add(fields, Image.effect_noise(_PHOTO, 12), scale=1, offset=-128))
    file = io.BytesIO()
    Image.merge("RGB", channels).save(file, "JPEG", quality=85)
    file.seek(0)
    return file
