"""The full check, once a day: does each document still say what follows from the others?

Called by the sweep, in slices that one function call can do. It only enqueues tasks. What is checked is left to the
resources (`Resource.check`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.core.paths import check_part
from shared.reconcile.deployment import Deployment
from shared.reconcile.edited import mapping, text
from shared.reconcile.resource import Check, Mark, Resource, Slice

SLICE_S: Final = 40.0
"""Seconds after which no new page is begun; with the slowest page a slice stays below a minute."""

EVERY_S: Final = 24 * 3600
"""Seconds from the beginning of one check to that of the next."""


def mark_to_fields(mark: Mark) -> dict[str, Any]:
    """
    Return the document form of a mark. Pure.
    """
    return {"phase": mark.phase, "afterId": mark.after_id, "videos": mark.counted}


def mark_from_fields(value: object) -> Mark:
    """
    Parse the document form that `mark_to_fields` wrote. Pure.

    Raises:
        KeyError, TypeError, ValueError: It has another form (never).
    """
    fields = mapping(value)
    phase, after_id, counted = fields["phase"], fields["afterId"], fields["videos"]
    if type(counted) is not int:
        raise ValueError("This is no mark of a full check.")
    if after_id is not None:
        check_part(text(after_id))
    return Mark(text(phase), after_id, counted)


@dataclass(frozen=True, slots=True)
class FullCheck:
    """
    The full check of one deployment.

    Attributes:
        deployment: The deployment.
        resources: All resources.
    """

    deployment: Deployment
    resources: Sequence[Resource]

    @property
    def hosts(self) -> tuple[str, ...]:
        """
        Return the hosts that ready videos are copied to.
        """
        return tuple(sorted(self.deployment.hosts))

    def go_on(self, mark: Mark) -> tuple[Mark | None, int, int]:
        """
        Check one slice.

        Returns:
            The position of the next slice, `None` if this was the last; the number of documents checked; the number of
            tasks enqueued.

        Raises:
            Transient: Documents or queue could not be reached (again, from the same position).
        """
        clock = self.deployment.clock
        ends_at = clock() + timedelta(seconds=SLICE_S)
        built = [one.check(self.deployment) for one in self.resources if one.check is not None]
        checks = [check for check in built if check is not None]
        done, at = Slice(), _known(mark, checks)
        while at is not None and clock() <= ends_at:
            place = next(number for number, check in enumerate(checks) if at.phase in check.phases)
            following = checks[place].go_on(at, done)
            if done.is_full:
                break
            at = following or _beginning(checks[place + 1 :])
        return at, done.looked, done.enqueued


def _beginning(checks: list[Check]) -> Mark | None:
    return Mark(checks[0].phases[0]) if checks else None


def _known(mark: Mark, checks: list[Check]) -> Mark | None:
    """
    Return where to continue: from the beginning if the mark's phase is not known, as that of a resource that is gone.
    """
    return mark if any(mark.phase in check.phases for check in checks) else _beginning(checks)
