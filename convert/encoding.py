"""Writes a page's picture without loss, as quickly as it can be done.

zlib is what makes PNG slow. On one core, for 1920 x 1080 pixels (ms, KiB):

                     text, grey    slide with a photo    photo
    Pillow PNG 6     48, 81        212, 703              899, 3183
    PNG by ISA-L     3, 116        23, 824               65, 3236
    WebP, method 0   85, 162       63, 659               162, 2070

So a page is a PNG by ISA-L; one that this leaves large is mostly photo and becomes WebP, a third smaller.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import (
    Image,
    WebPImagePlugin,  # noqa: F401  # known from the start; Pillow would load all its formats to find it, for 150 ms
)

Pixels = NDArray[np.uint8]
"""A picture: rows of columns of red, green and blue."""

PHOTO_FROM_BYTES_PER_PIXEL: Final = 0.8

_SUB: Final = 1
_NONE: Final = 0
_GREY: Final = 0
_COLOUR: Final = 2
_SAMPLED: Final = 8
"""Most pictures in colour show it in one of so many rows and columns."""


def encode(pixels: Pixels) -> tuple[str, bytes]:
    """
    Return the format's extension and the file, from which the same pixels come back.
    """
    as_png = png(pixels)
    height, width, _ = pixels.shape
    if len(as_png) < PHOTO_FROM_BYTES_PER_PIXEL * width * height:
        return "png", as_png
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=0, method=0)
    return "webp", file.getvalue()


def thumbnail(pixels: Pixels, side_px: int) -> bytes:
    """
    Return a small WebP of a picture.
    """
    # Rows that are left out cost least, and enough stay to be averaged.
    small = Image.fromarray(pixels[:: max(1, max(pixels.shape[:2]) // (2 * side_px))])
    scale = min(1, side_px / max(pixels.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0]))
    file = io.BytesIO()
    small.resize((size[0], size[1]), Image.Resampling.BILINEAR).save(file, "WEBP", quality=80, method=0)
    return file.getvalue()


def png(pixels: Pixels) -> bytes:
    """
    Return a PNG: grey if the picture is, colour with each row as differences to the pixel on the left.
    """
    height, width, _ = pixels.shape
    if _is_grey(pixels[::_SAMPLED, ::_SAMPLED]) and _is_grey(pixels):
        rows = np.empty((height, 1 + width), np.uint8)
        rows[:, 0] = _NONE
        rows[:, 1:] = pixels[..., 0]
        return _png(rows, width, height, _GREY)
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = _SUB
    flat = pixels.reshape(height, 3 * width)
    rows[:, 1:4] = flat[:, :3]
    np.subtract(flat[:, 3:], flat[:, :-3], out=rows[:, 4:])
    return _png(rows, width, height, _COLOUR)


def _is_grey(pixels: Pixels) -> bool:
    red = pixels[..., 0]
    return np.array_equal(red, pixels[..., 1]) and np.array_equal(red, pixels[..., 2])


def _png(rows: Pixels, width: int, height: int, colours: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", isal_zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
