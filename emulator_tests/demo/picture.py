"""The picture of the README: a recorded run of the demo as a scrolling terminal, in SVG.

Called by `make docs`. The same recording gives the same picture. It needs neither a script nor a font, so it plays
wherever an SVG is shown as an image. Viewers who prefer reduced motion see its first page.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

COLUMNS: Final = 104
ROWS: Final = 26
LINE_PX: Final = 18
CHARACTER_PX: Final = 7.83
PADDING_PX: Final = 16
BAR_PX: Final = 30

SECONDS_PER_LINE: Final = 0.8
SECONDS_AT_EACH_END: Final = 4.0

_TIMED: Final = re.compile(r"( *[0-9.]+ s  \(\+[0-9.]+\)  )(.*)")
_PROGRESS: Final = re.compile(r" *\[[#.]+\]")

STYLE: Final = """\
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d5d9e0; }
.time { fill: #7d8799; } .title { fill: #ffffff; font-weight: bold; } .bar { fill: #8fd19e; }
@media (prefers-reduced-motion: reduce) { #lines { animation: none; } }
"""


def draw(recording: str) -> str:
    """
    Return the picture of a recording. Pure.

    Args:
        recording: What the demo printed, one line after the other.
    """
    lines = list(_folded(_without_setup(recording.rstrip("\n").splitlines())))
    width, height = round(COLUMNS * CHARACTER_PX + 2 * PADDING_PX), ROWS * LINE_PX + BAR_PX + 2 * PADDING_PX
    top = BAR_PX + PADDING_PX
    before = ["", *lines]
    texts = "\n".join(_text(line, row, is_title=not before[row]) for row, line in enumerate(lines) if line)
    dots = "".join(
        f'<circle cx="{20 + 18 * number}" cy="15" r="5.5" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="A run of make demo">
<style>
{STYLE}{_scrolling(len(lines))}</style>
<rect width="{width}" height="{height}" rx="9" fill="#1b1e25"/>
{dots}
<svg x="{PADDING_PX}" y="{top}" width="{width - 2 * PADDING_PX}" height="{ROWS * LINE_PX}">
<g id="lines" xml:space="preserve">
{texts}
</g>
</svg>
</svg>
"""


def _without_setup(lines: Sequence[str]) -> list[str]:
    """
    Return the command and the demo's lines, without the start of the stack, which ends at the first empty line.
    """
    first = lines.index("") if "" in lines else len(lines)
    return [*lines[:1], "  …", *lines[first:]] if first > 1 else list(lines)


def _folded(lines: Sequence[str]) -> Iterator[str]:
    """
    Yield lines no longer than the window is wide. A continuation is indented to the text of its line.
    """
    for line in lines:
        timed = _TIMED.fullmatch(line)
        indent = " " * (len(timed[1]) if timed else len(line) - len(line.lstrip()) + 2)
        body, first = (timed[2], timed[1]) if timed else (line.lstrip(), line[: len(line) - len(line.lstrip())])
        yield from textwrap.wrap(
            body, COLUMNS, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
        ) or [""]


def _text(line: str, row: int, *, is_title: bool) -> str:
    y = row * LINE_PX + 13
    timed = _TIMED.fullmatch(line)
    if timed:
        return f'<text y="{y}"><tspan class="time">{escape(timed[1])}</tspan>{escape(timed[2])}</text>'
    kind = ' class="title"' if is_title else ' class="bar"' if _PROGRESS.match(line) else ""
    return f'<text y="{y}"{kind}>{escape(line)}</text>'


def _scrolling(count: int) -> str:
    """
    Return the animation: the window waits, scrolls line by line, and waits again at the end.
    """
    steps = max(0, count - ROWS)
    if not steps:
        return ""
    whole_s = 2 * SECONDS_AT_EACH_END + steps * SECONDS_PER_LINE
    frames = [(0.0, 0), *((SECONDS_AT_EACH_END + step * SECONDS_PER_LINE, step + 1) for step in range(steps))]
    rules = " ".join(
        f"{100 * at / whole_s:.2f}% {{ transform: translateY({-step * LINE_PX}px); }}" for at, step in frames
    )
    return f"#lines {{ animation: scroll {whole_s:.1f}s step-end infinite; }}\n@keyframes scroll {{ {rules} }}\n"
