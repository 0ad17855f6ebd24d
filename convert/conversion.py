"""Converts one document: what it is, its pages, and the fonts that it asks for."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from convert import fonts, limits, sandbox, sniffing
from convert.events import Events
from convert.pages import Pages
from convert.pool import Pool
from convert.sniffing import Kind

LANES = min(limits.LANES, os.cpu_count() or 1)
"""How many programs of a kind one conversion uses side by side."""

_check_sandbox = cache(sandbox.check)
"""Find out, once, whether tools can be isolated here."""


def convert(source: Path, kind: Kind, events: Events, pool: Pool, most_pages: int = limits.PAGES) -> int:
    """
    Make the page images of a document.

    Args:
        source: The document.
        kind: What it is said to be.
        events: Receives what happens, but for the end.
        pool: Where programs come from.
        most_pages: The most pages.

    Returns:
        How many pages there are.

    Raises:
        Refused: The document cannot be converted (never).
        ConverterError: The converter itself failed (again); for `SandboxUnavailable`, not on this machine.
    """
    sniffing.check(source, kind)
    _check_sandbox()
    with tempfile.TemporaryDirectory(prefix="greenroom-") as scratch:
        pages = Pages(source, kind, Path(scratch), events, pool, LANES, most_pages)
        count = pages.draw()
    asked = fonts.of_pdf(pages.fonts) if kind is Kind.PDF else fonts.asked_for(source, kind)
    for name, instead in fonts.substituted(asked):
        events.warning("FONT_SUBSTITUTED", f'The font "{name}" is not available; "{instead}" takes its place.')
    return count
