"""The wrapper around every call of an in-memory port, with which a test disturbs the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Effect(Protocol):
    """
    Wraps every call of an in-memory part.
    """

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        """
        Make the call, or disturb it.

        Args:
            operation: The port's name of the method, e.g. `commit`.
            do: The call itself, all or nothing. It may be kept and made later.
        """
        ...


def undisturbed(operation: str, do: Callable[[], T]) -> T:  # noqa: ARG001  # the shape of every Effect
    """
    Make the call, undisturbed.
    """
    return do()
