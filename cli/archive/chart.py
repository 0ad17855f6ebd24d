"""Draw a chart of bars as SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

BAR: Final = 44
GAP: Final = 14
HEIGHT: Final = 200
TOP: Final = 64
LEFT: Final = 24
LEAST_WIDTH: Final = 520

INK: Final = "#222"
BLUE: Final = "#2a6fb0"
"""The colours on a white ground, which is drawn too: readers of SVG differ in what they know of dark pages."""

LARGE: Final = 100
"""From here on values have no fraction."""


def bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    """
    Return a chart with one bar for each value. Pure.

    Args:
        title: What the values are.
        values: The name and the value of each bar, from left to right.
    """
    width = max(LEAST_WIDTH, 2 * LEFT + len(values) * (BAR + GAP))
    highest = max((value for _, value in values), default=0.0) or 1.0
    ground = TOP + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {ground + 40}" role="img"'
        f' aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f'<rect width="{width}" height="{ground + 40}" rx="6" fill="#fff"/>',
        f'<g font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f'<text x="{LEFT}" y="30" font-size="16" font-weight="600">{escape(title)}</text>',
        f'<line x1="{LEFT}" y1="{ground}" x2="{width - LEFT}" y2="{ground}" stroke="#888"/>',
    ]
    for number, (name, value) in enumerate(values):
        x, height = LEFT + number * (BAR + GAP), HEIGHT * value / highest
        middle = x + BAR / 2
        parts += [
            f'<rect class="bar" x="{x}" y="{ground - height:.1f}" width="{BAR}" height="{height:.1f}" fill="{BLUE}"/>',
            f'<text x="{middle:g}" y="{ground - height - 6:.1f}" text-anchor="middle">{_short(value)}</text>',
            f'<text x="{middle:g}" y="{ground + 20}" text-anchor="middle">{escape(name)}</text>',
        ]
    if not values:
        parts.append(f'<text x="{LEFT}" y="{ground - 10}">Nothing is archived.</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= LARGE else f"{value:.3g}"
