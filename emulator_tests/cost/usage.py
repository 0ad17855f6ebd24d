"""The quantities that are counted while a deployment works. Pure.

Filled by `metered.py`, and priced by `prices.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Usage:
    """
    Counts of some work. Each field but the last three is a line of Google's bill.

    Attributes:
        reads: Documents read.
        writes: Documents created or updated.
        deletes: Documents deleted by the code.
        expired: Documents that Firestore deletes by itself after their time.
        calls: Calls of functions.
        vcpu_s: vCPU seconds of their instances: each call's time, rounded up to 0.1 s.
        gib_s: GiB seconds of their instances.
        tasks: Operations of Cloud Tasks: each task is created and delivered.
        stores: Objects written to, or listed in, a bucket.
        loads: Objects read from a bucket.
        converter_vcpu_s: vCPU seconds of the converter of slides, which is billed as long as an instance lives.
        converter_gib_s: GiB seconds of the same.
        starts: Calls that found no instance and started one; their time is part of `vcpu_s`.
        waited_s: Seconds of `vcpu_s` that the calls waited for documents, queue and provider.
        provider_calls: Requests to the provider of videos, and to the chat server.
    """

    reads: float = 0
    writes: float = 0
    deletes: float = 0
    expired: float = 0
    calls: float = 0
    vcpu_s: float = 0
    gib_s: float = 0
    tasks: float = 0
    stores: float = 0
    loads: float = 0
    converter_vcpu_s: float = 0
    converter_gib_s: float = 0
    starts: float = 0
    waited_s: float = 0
    provider_calls: float = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, one) + getattr(other, one) for one in NAMES))

    def __sub__(self, other: Usage) -> Usage:
        return self + other * -1

    def __mul__(self, times: float) -> Usage:
        return Usage(*(getattr(self, one) * times for one in NAMES))

    def to_fields(self) -> dict[str, float]:
        """
        Return the counts that are not 0, rounded to thousandths.
        """
        return {name: round(value, 3) for name, value in asdict(self).items() if round(value, 3)}

    @classmethod
    def from_fields(cls, given: Mapping[str, float]) -> Self:
        """
        Return the counts that `to_fields` returned.
        """
        return cls(**given)


NAMES = tuple(one.name for one in fields(Usage))

Counts = dict[str, Usage]
"""Usage by who caused it: a function's public name, or `browser` for what pages read and write themselves."""


def minus(counts: Counts, others: Counts) -> Counts:
    """
    Return by how much the first counts are more, by who caused it.
    """
    nothing = Usage()
    found = {name: counts.get(name, nothing) - others.get(name, nothing) for name in sorted({*counts, *others})}
    return {name: usage for name, usage in found.items() if usage.to_fields()}


def total(counts: Mapping[str, Usage]) -> Usage:
    """
    Return the sum.
    """
    return sum(counts.values(), Usage())
