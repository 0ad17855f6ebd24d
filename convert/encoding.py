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

from isal import isal_zlib
from PIL import (
    Image,
    ImageChops,
    WebPImagePlugin,  # noqa: F401  # known from the start; Pillow would load all its formats to find it, for 150 ms
)

PHOTO_FROM_BYTES_PER_PIXEL: Final = 0.8

_SUB: Final = b"\x01"
_NONE: Final = b"\x00"
_GREY: Final = 0
_COLOUR: Final = 2


def encode(image: Image.Image) -> tuple[str, bytes]:
    """
    Args:
        image: In mode RGB.

    Returns:
        The format's extension and the file, from which the same pixels come back.
    """
    as_png = png(image)
    if len(as_png) < PHOTO_FROM_BYTES_PER_PIXEL * image.width * image.height:
        return "png", as_png
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=0, method=0)
    return "webp", file.getvalue()


def thumbnail(image: Image.Image, side_px: int) -> bytes:
    """
    Return a small WebP of a picture.
    """
    small = image.copy()
    small.thumbnail((side_px, side_px), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=80, method=0)
    return file.getvalue()


def png(image: Image.Image) -> bytes:
    """
    Return a PNG: grey if the picture is, colour with each row as differences to the pixel on the left.
    """
    red, green, blue = image.split()
    if ImageChops.difference(red, green).getbbox() is None and ImageChops.difference(red, blue).getbbox() is None:
        return _png(red, _NONE, _GREY)
    shifted = Image.new("RGB", image.size)
    shifted.paste(image, (1, 0))
    return _png(ImageChops.subtract_modulo(image, shifted), _SUB, _COLOUR)


def _png(filtered: Image.Image, filter_kind: bytes, colours: int) -> bytes:
    pixels = memoryview(filtered.tobytes())
    row_bytes = len(pixels) // filtered.height
    rows = b"".join(
        piece for at in range(0, len(pixels), row_bytes) for piece in (filter_kind, pixels[at : at + row_bytes])
    )
    header = struct.pack(">IIBBBBB", filtered.width, filtered.height, 8, colours, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", isal_zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
