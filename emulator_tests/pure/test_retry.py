"""The retry of optimistic writes: when it ends, and with which error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.core.errors import BackendError, Conflict, WrongState
from shared.core.retry import TRIES_MAX, RetryOnConflict

REFUSAL = "The lamp was changed at every try. Try again."


def conflict() -> Conflict:
    return Conflict("Someone wrote first.")


def write(outcomes: Iterator[BackendError | None], retry: RetryOnConflict) -> int:
    """Write until it succeeds, and return the number of tries. Each outcome is the error of one try."""
    tries = 0
    while True:
        with retry:
            tries += 1
            error = next(outcomes)
            if error is not None:
                raise error
            return tries


@pytest.mark.parametrize("conflicts", [0, 1, TRIES_MAX - 1], ids=["at once", "after a conflict", "at the last try"])
def test_a_write_is_tried_until_it_succeeds(conflicts: int) -> None:
    outcomes = iter([*(conflict() for _ in range(conflicts)), None])
    assert write(outcomes, RetryOnConflict(REFUSAL)) == conflicts + 1


@pytest.mark.parametrize("tries", [1, 3])
def test_after_the_last_try_the_error_has_the_given_sentence(tries: int) -> None:
    outcomes = iter([*(conflict() for _ in range(tries)), None])
    with pytest.raises(Conflict) as refused:
        write(outcomes, RetryOnConflict(REFUSAL, tries))
    assert (str(refused.value), refused.value.reason) == (REFUSAL, "CONFLICT")
    assert list(outcomes) == [None]


def test_other_errors_are_not_retried() -> None:
    broken = WrongState("The lamp is broken.", reason="LAMP_BROKEN")
    outcomes = iter([conflict(), broken, None])
    with pytest.raises(WrongState) as refused:
        write(outcomes, RetryOnConflict(REFUSAL))
    assert refused.value is broken
    assert list(outcomes) == [None]


def test_writes_that_succeed_are_tries_too() -> None:
    """The loop of an admission reads again after each write. It ends even if no write is ever enough."""
    retry, written = RetryOnConflict(REFUSAL, 3), list[None]()
    for _ in range(3):
        with retry:
            written.append(None)
    with pytest.raises(Conflict, match=REFUSAL), retry:
        written.append(None)
    assert len(written) == 3
