"""Run the named areas, or all of them."""

from __future__ import annotations

import sys
from importlib import import_module

AREAS = (
    "ks",
    "calls",
    "feed",
    "events",
    "join",
    "erasure",
    "idle",
    "crowd",
    "cold",
    "slides",
    "archive",
    "upload",
    "watch",
)


def main(wanted: list[str]) -> int:
    """
    Run areas in the given order.

    Returns:
        The exit status: 2 if an area does not exist.
    """
    unknown = [area for area in wanted if area not in AREAS]
    if unknown:
        print(f"No such area: {', '.join(unknown)}. There are {', '.join(AREAS)}.", file=sys.stderr)
        return 2
    for area in wanted or AREAS:
        import_module(f"emulator_tests.bench.{area}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
