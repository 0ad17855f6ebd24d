"""Draw a chart of bars as SVG, readable on light and dark ground."""

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

STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#222}.title{font-size:16px;font-weight:600}.bar{fill:#2a6fb0}"
    ".ground{fill:#fff}.axis{stroke:#888}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e6e6}.bar{fill:#6cb0ee}.ground{fill:#161b22}}"
)


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
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{width}" height="{ground + 40}"/>',
        f'<text class="title" x="{LEFT}" y="30">{escape(title)}</text>',
        f'<line class="axis" x1="{LEFT}" y1="{ground}" x2="{width - LEFT}" y2="{ground}"/>',
    ]
    for number, (name, value) in enumerate(values):
        x, height = LEFT + number * (BAR + GAP), HEIGHT * value / highest
        middle = x + BAR / 2
        parts += [
            f'<rect class="bar" x="{x}" y="{ground - height:.1f}" width="{BAR}" height="{height:.1f}" rx="2"/>',
            f'<text x="{middle:g}" y="{ground - height - 6:.1f}" text-anchor="middle">{value:.3g}</text>',
            f'<text x="{middle:g}" y="{ground + 20}" text-anchor="middle">{escape(name)}</text>',
        ]
    if not values:
        parts.append(f'<text x="{LEFT}" y="{ground - 10}">Nothing is archived.</text>')
    return "\n".join([*parts, "</svg>", ""])
