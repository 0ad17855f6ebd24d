"""The program that draws pages, inside the sandbox: it alone opens the document.

    python -m convert.drawing

It answers each request on its standard input with a line of JSON on its standard output: `{"open": name, "form":
"pdf"}` with the number of pages, or why there are none; `{"page": 3, "way": "usual", "fonts": true}` with the size of a
page of what is open and the lengths of its two files, which follow. It may be killed at any time.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps, UnidentifiedImageError

from convert import limits
from convert.encoding import Pixels, encode, thumbnail
from convert.refusals import Reason, Refused
from convert.requests import FOLDER, Form, Way

_OBJECTS_LOOKED_AT: Final = 2000
_FONT_NAME_BYTES: Final = 256
_RGB: Final = pdfium.FPDFBitmap_BGR
# A hair less, so that rounding up does not exceed it.
_LONGEST_SIDE_PX: Final = limits.LONGEST_SIDE_PX * (1 - 1e-9)


class Document(Protocol):
    """
    An open document.
    """

    @property
    def count(self) -> int: ...

    def draw(self, number: int, way: Way) -> Pixels:
        """
        Return a page; numbers begin with 1.
        """

    def missing_fonts(self, number: int) -> Iterator[str]:
        """
        Yield the fonts that a page uses and that are not in the document.
        """


class Pdf:
    """
    Raises:
        Refused: It cannot be opened (never).
    """

    def __init__(self, path: Path) -> None:
        try:
            self._pdf: Any = pypdfium2.PdfDocument(path)
            self.count = len(self._pdf)
        except pypdfium2.PdfiumError as error:
            # A document that opens without an error and is refused all the same has no pages.
            reasons = {pdfium.FPDF_ERR_PASSWORD: Reason.ENCRYPTED, pdfium.FPDF_ERR_SUCCESS: Reason.EMPTY}
            raise Refused(reasons.get(pdfium.FPDF_GetLastError(), Reason.BROKEN)) from error
        self._path = path
        # Fields of forms are drawn only if the document has an environment for them.
        self._pdf.init_forms()

    def draw(self, number: int, way: Way) -> Pixels:
        """
        Draw a page, its longest side bounded.
        """
        if way is Way.OTHER:
            return self._draw_otherwise(number)
        return self._draw(number, _LONGEST_SIDE_PX)

    def _draw(self, number: int, longest_side_px: float) -> Pixels:
        page = self._pdf[number - 1]
        try:
            longest = max(page.get_size())
            if not 0 < longest < float("inf"):
                raise ValueError("the page has no size")
            bitmap = page.render(
                scale=longest_side_px / longest, rev_byteorder=True, maybe_alpha=False, force_bitmap_format=_RGB
            )
            # A row may end in bytes that are no pixels.
            return np.ascontiguousarray(bitmap.to_numpy())
        finally:
            page.close()

    def _draw_otherwise(self, number: int) -> Pixels:
        with tempfile.TemporaryDirectory() as folder:
            page = ("-f", str(number), "-l", str(number), "-singlefile", "-scale-to", str(limits.LONGEST_SIDE_PX))
            try:
                subprocess.run(["pdftoppm", *page, str(self._path), f"{folder}/page"], check=True, capture_output=True)
                with Image.open(f"{folder}/page.ppm") as drawn:
                    return np.asarray(drawn.convert("RGB"))
            except (OSError, subprocess.CalledProcessError):
                return self._draw(number, limits.LONGEST_SIDE_PX / 2)

    def missing_fonts(self, number: int) -> Iterator[str]:
        """
        Yield the base names of fonts of which the document carries no file.
        """
        page = self._pdf[number - 1]
        seen = set()
        for text, _ in zip(
            page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_TEXT,)), range(_OBJECTS_LOOKED_AT), strict=False
        ):
            font = pdfium.FPDFTextObj_GetFont(text.raw)
            if not font or pdfium.FPDFFont_GetIsEmbedded(font):
                continue
            name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
            pdfium.FPDFFont_GetBaseFontName(font, name, _FONT_NAME_BYTES)
            if name.value not in seen:
                seen.add(name.value)
                yield name.value.decode("utf-8", "replace")
        page.close()


class Picture:
    """
    An uploaded picture, which is one page.

    Raises:
        Refused: It cannot be read, or has too many pixels (never).
    """

    count = 1

    def __init__(self, path: Path) -> None:
        # Our own limit is looked at below, before anything is decoded.
        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                if _pixels(picture) > limits.PICTURE_PIXELS:
                    raise Refused(Reason.TOO_LARGE)
                picture.draft("RGB", (limits.LONGEST_SIDE_PX, limits.LONGEST_SIDE_PX))
                if _pixels(picture) > limits.DECODED_PIXELS:
                    raise Refused(Reason.TOO_LARGE)
                drawn = _coloured(picture)
                drawn.thumbnail((limits.LONGEST_SIDE_PX, limits.LONGEST_SIDE_PX), Image.Resampling.BICUBIC)
                self._drawn = np.asarray(_on_white(ImageOps.exif_transpose(drawn)))
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise Refused(Reason.BROKEN) from error

    def draw(self, number: int, way: Way) -> Pixels:
        """
        Return the picture, turned upright.
        """
        return self._drawn

    def missing_fonts(self, number: int) -> Iterator[str]:
        """
        Yield nothing.
        """
        return iter(())


def _pixels(picture: Image.Image) -> int:
    return picture.width * picture.height


def _coloured(picture: Image.Image) -> Image.Image:
    """
    Return a picture in a mode that Pillow reduces smoothly.
    """
    if picture.mode == "I;16":
        # Pillow would cut off what is above 255.
        return picture.point([value / 256 for value in range(65536)], "L")
    if picture.mode in ("RGB", "RGBA", "L", "LA"):
        return picture
    return picture.convert("RGBA" if "transparency" in picture.info else "RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    if "A" not in picture.mode and "transparency" not in picture.info:
        return picture.convert("RGB")
    coloured = picture.convert("RGBA")
    page = Image.new("RGBA", coloured.size, "white")
    page.alpha_composite(coloured)
    return page.convert("RGB")


def _say(answer: dict[str, object], *files: bytes) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + b"".join(files))
    sys.stdout.buffer.flush()


def main() -> int:
    """
    Returns:
        The exit code.
    """
    document: Document | None = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "open" in request:
            try:
                opened = Pdf if request["form"] == Form.PDF else Picture
                document = opened(FOLDER / request["open"])
                _say({"pages": document.count})
            except Refused as refused:
                _say({"refused": refused.reason.value})
            continue
        assert document is not None
        number = int(request["page"])
        pixels = document.draw(number, Way(request["way"]))
        extension, file = encode(pixels)
        small = thumbnail(pixels, limits.THUMBNAIL_SIDE_PX)
        size = {"width": pixels.shape[1], "height": pixels.shape[0]}
        lengths = {"fileBytes": len(file), "thumbnailBytes": len(small)}
        fonts = list(document.missing_fonts(number)) if request["fonts"] else []
        _say({"extension": extension, **size, **lengths, "fonts": fonts}, file, small)
    return 0


if __name__ == "__main__":
    sys.exit(main())
