"""The retry of optimistic writes: read documents, decide, write on condition that they have not changed since.

Used by everything that must not give up when another writer is first. There is no pause between two tries, because each
of them reads again, and one of the writers that meet always succeeds.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from shared.core.errors import Conflict

TRIES_MAX: Final = 10
"""The number of tries, unless there is a reason for another."""


class RetryOnConflict:
    """
    A bounded retry of one write. Each `with` is one try. It suppresses a `Conflict`, so that the loop around it reads
    and decides again:

        retry = RetryOnConflict("The video was changed at every try. Try again.")
        while True:
            (document,) = documents.read(path)
            change = decide(document)
            with retry:
                documents.commit(Update(path, change, if_version=document.version))
                return

    Raises:
        Conflict: All tries are used up, on entering the next one. Other errors pass.
    """

    def __init__(self, refusal: str, tries: int = TRIES_MAX) -> None:
        """
        Args:
            refusal: The sentence of the error after the last try.
            tries: The number of tries.
        """
        self._refusal = refusal
        self._tries = tries
        self._begun = 0

    @property
    def is_repeated(self) -> bool:
        """
        Tell whether a try before the present one met a conflict.
        """
        return self._begun > 1

    def __enter__(self) -> None:
        if self._begun == self._tries:
            raise Conflict(self._refusal)
        self._begun += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return isinstance(error, Conflict)
