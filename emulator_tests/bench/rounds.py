"""How every area measures and shows: peer and us by turns, so that whatever else the machine does hits both alike.

Called by the areas; leaves to them what a case is and what a figure means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Sample = TypeVar("Sample")


def by_turns(cases: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """
    Run each case once per round, after one round that does not count.

    Args:
        cases: What to measure, by name; each call takes one sample.
        rounds: How many samples of each.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    for case in cases.values():
        case()
    for turn in range(rounds):
        print(f"\r  round {turn + 1} of {rounds} …", end="" if turn + 1 < rounds else "\n", flush=True)
        for name, case in cases.items():
            samples[name].append(case())
    return samples


def least_and_median(values: Sequence[float], scale: float, digits: int) -> tuple[str, str]:
    """
    The least and the median, as cells.
    """
    return f"{min(values) * scale:.{digits}f}", f"{median(values) * scale:.{digits}f}"


def ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    """
    How many times more the peer takes, both at their best: the least is what the machine disturbed least.
    """
    return min(peer) / min(ours)


def times(value: float) -> str:
    """
    A ratio, as a cell.
    """
    return f"{value:.2f}x" if value < 10 else f"{value:.0f}x"


def verdict(met: bool, target: str) -> str:
    """
    A target and whether it is met, as a cell.
    """
    return f"{target}: {'met' if met else 'MISSED'}"


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """
    Print a table: the first column to the left, figures to the right, the last as it comes.
    """
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    print(f"\n{title}")
    for row in (header, *rows):
        first, *figures, last = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join((first.strip().ljust(widths[0]), *figures, last.strip())).rstrip())
    print(flush=True)
