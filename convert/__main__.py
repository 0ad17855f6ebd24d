"""The command: `python -m convert SOURCE OUT_DIR --type pdf`. Events go to standard output, one line of JSON each.

Exit code 0: everything is there. 1: the document cannot be converted, and the last event says why. Any other: the
converter itself failed and may be tried again; 2 says that this machine cannot isolate a tool.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

from convert import fonts, office, sandbox, sniffing
from convert.events import Events
from convert.pages import Pages
from convert.refusals import Refused, SandboxUnavailable
from convert.sniffing import Kind

CONVERTED, REFUSED, UNPROTECTED, FAILED = range(4)

_DRAWN_AS_THEY_ARE = (Kind.PDF, Kind.PNG, Kind.JPEG)


def convert(source: Path, folder: Path, kind: Kind, events: Events) -> None:
    """
    Make the page images of a document.

    Raises:
        Refused: The document cannot be converted (never).
        SandboxUnavailable: No tool can be isolated here (never on this machine).
    """
    sniffing.check(source, kind)
    sandbox.check()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as scratch:
        document = source
        if kind not in _DRAWN_AS_THEY_ARE:
            document = Path(scratch) / "document.pdf"
            office.to_pdf(source, kind, document)
        pages = Pages(document, kind, folder, events)
        count = pages.draw()
    asked = fonts.of_pdf(pages.fonts) if kind is Kind.PDF else fonts.asked_for(source, kind)
    for name, instead in fonts.substituted(asked):
        events.warning("FONT_SUBSTITUTED", f'The font "{name}" is not available; "{instead}" takes its place.')
    events.done(count)


def main() -> int:
    """
    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path, metavar="out_dir")
    parser.add_argument("--type", type=Kind, choices=list(Kind), required=True, dest="kind")
    arguments = parser.parse_args()
    events = Events()
    try:
        convert(arguments.source, arguments.folder, arguments.kind, events)
    except Refused as refused:
        events.refused(refused)
        if refused.__cause__ is not None:
            # For the operator's log: the sentence is for the person who uploaded the document.
            print(f"{refused.reason}: {refused.__cause__}", file=sys.stderr)
        return REFUSED
    except SandboxUnavailable as unavailable:
        print(unavailable, file=sys.stderr)
        return UNPROTECTED
    except Exception:
        # Python's own exit code would be 1, which says that the document is to blame.
        traceback.print_exc()
        return FAILED
    return CONVERTED


if __name__ == "__main__":
    sys.exit(main())
