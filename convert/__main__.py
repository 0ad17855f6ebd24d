"""The command: `python -m convert SOURCE OUT_DIR --type pdf`. Events go to standard output, one line of JSON each.

Exit code 0: everything is there. 1: the document cannot be converted, and the last event says why. Any other: the
converter itself failed and may be tried again; 2 says that this machine cannot isolate a tool.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from convert import limits
from convert.conversion import LANES, convert
from convert.events import Lines
from convert.pool import Pool
from convert.refusals import Refused, SandboxUnavailable
from convert.sniffing import Kind

CONVERTED, REFUSED, UNPROTECTED, FAILED = range(4)


def _print(line: bytes) -> None:
    # The reader uses pages as they come.
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def main() -> int:
    """
    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path, metavar="out_dir")
    parser.add_argument("--type", type=Kind, choices=list(Kind), required=True, dest="kind")
    parser.add_argument("--max-pages", type=int, default=limits.PAGES, help="the most pages (%(default)s)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    events = Lines(_print, arguments.folder)
    try:
        with Pool(LANES) as pool:
            events.done(convert(arguments.source, arguments.kind, events, pool, arguments.max_pages))
    except Refused as refused:
        events.refused(refused)
        if refused.__cause__ is not None:
            # For the operator's log: the sentence is for the person who uploaded the document.
            print(f"{refused.reason}: {str(refused.__cause__)!r}", file=sys.stderr)
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
