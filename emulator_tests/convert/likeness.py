"""Compares two pictures as people see them."""

from __future__ import annotations

from typing import Any, Final

from PIL import Image, ImageMath

WINDOW_PX: Final = 8
NEAR: Final = 8
# The usual constants for 255 levels, which keep even windows from dividing by zero.
C1: Final = (0.01 * 255) ** 2
C2: Final = (0.03 * 255) ** 2


def likeness(one: Image.Image, other: Image.Image) -> float:
    """
    Return the mean structural similarity (SSIM) of two pictures of one size, in windows of 8 x 8 pixels.
    """
    assert one.size == other.size
    x, y = (image.convert("L").convert("F") for image in (one, other))

    def mean(left: Image.Image, right: Image.Image | None = None) -> Image.Image:
        product = left if right is None else _eval(lambda of: of["a"] * of["b"], a=left, b=right)
        return product.reduce(WINDOW_PX)

    means = {"x": mean(x), "y": mean(y), "xx": mean(x, x), "yy": mean(y, y), "xy": mean(x, y)}

    def similarity(of: dict[str, Any]) -> Any:
        product = of["x"] * of["y"]
        squares = of["x"] * of["x"] + of["y"] * of["y"]
        return ((product * 2 + C1) * ((of["xy"] - product) * 2 + C2)) / (
            (squares + C1) * (of["xx"] + of["yy"] - squares + C2)
        )

    whole = _eval(similarity, **means).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(whole, float)
    return whole


def has_colour(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    """
    Tell whether a picture has a colour, or one that JPEG makes of it.
    """
    found = image.convert("RGB").getcolors(image.width * image.height) or []
    return any(_is_near(one, colour) for _, one in found)


def _is_near(one: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(level - wanted) <= NEAR for level, wanted in zip(one, colour, strict=True))


def _eval(expression: Any, **images: Image.Image) -> Image.Image:
    result: Image.Image = ImageMath.lambda_eval(expression, **images)
    return result
