"""Measuring and printing for every area. Peer and project run alternately, so that other load on the machine affects
both.

The areas call it. They define the cases, and interpret the figures.
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
        rounds: Number of samples of each.
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
    Return the minimum and the median, as cells.
    """
    return f"{min(values) * scale:.{digits}f}", f"{median(values) * scale:.{digits}f}"


def ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    """
    Return how many times more the peer takes. The minimum of each is compared, because the machine disturbs it least.
    """
    return min(peer) / min(ours)


def times(value: float) -> str:
    """
    Return a ratio, as a cell.
    """
    return f"{value:.2f}x" if value < 10 else f"{value:.0f}x"


def verdict(met: bool, target: str) -> str:
    """
    Return a target and whether it is met, as a cell.
    """
    return f"{target}: {'met' if met else 'MISSED'}"


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """
    Print a table: the first column left-aligned, figures right-aligned, the last column as it is.
    """
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    print(f"\n{title}")
    for row in (header, *rows):
        first, *figures, last = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join((first.strip().ljust(widths[0]), *figures, last.strip())).rstrip())
    print(flush=True)
