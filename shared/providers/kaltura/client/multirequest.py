"""Multirequests: several service calls in one round trip, each with an answer or an error of its own.

Called by the adapters of `shared/providers/kaltura/`, through `Client.multi`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from shared.core.errors import ProviderError
from shared.providers.kaltura.client.library import Ask, Library
from shared.providers.kaltura.client.service_call import Reference, ServiceCall

_STEP: Final = re.compile(r"[A-Za-z0-9_]+")


class Multi:
    """
    Several service calls in one request; created by `Client.multi`, sent once.

    Kaltura runs them one by one, in order, and continues after one that fails. If a later call refers to the result of
    a failed one, it gets an empty text. Text that users typed may look like such a reference. An invisible word joiner
    after its brace prevents that, and Kaltura stores it with the text.
    """

    def __init__(self, lent: Callable[[], AbstractContextManager[Library]], ks: str | None) -> None:
        self._lent = lent
        self._ks = ks
        self._calls: list[ServiceCall] = []
        self._asked: list[Asked] = []

    def ask(self, ask: Ask, *, ks: str | None = None, fields: Sequence[str] = (), many: bool = False) -> Asked:
        """
        Add a call, to be sent with the others.

        Args:
            ask: As for `Client.call`.
            ks: The KS of this call, if it is another than that of the others.
            fields: As for `Client.call`.
            many: Whether the action returns a bare list of objects, which cannot be seen from the answer.

        Returns:
            A placeholder for its answer: later calls may refer to it at once, and `send` fills it.
        """
        with self._lent() as library:
            self._calls.append(library.build(ks or self._ks, ask, fields, many=many))
        self._asked.append(Asked(len(self._asked) + 1))
        return self._asked[-1]

    def send(self) -> None:
        """
        Send all calls. Afterwards each result of `ask` has its answer.

        Raises:
            Transient: None of it was done (again).
            Doubtful: There is no valid answer for all of them (again, look first).
        """
        with self._lent() as library:
            answers = library.multirequest(self._calls)
        for asked, answer in zip(self._asked, answers, strict=True):
            asked._settle(answer)


class Asked:
    """
    One call of a `Multi`: a promise of its answer, then the answer.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self._settled = False
        self._answer: Any = None

    def result(self, *path: str) -> Reference:
        """
        Return a reference to a piece of the answer. Kaltura fills it in if a later call of the same `Multi` uses it.

        Args:
            path: `"id"`, or for lists `"objects", "0", "id"`; nothing for a scalar.
        """
        if not all(_STEP.fullmatch(step) for step in path):
            raise ValueError("a reference is a path of names and numbers")
        return Reference("{" + ":".join((str(self._position), "result", *path)) + "}")

    @property
    def error(self) -> ProviderError | None:
        """
        Return the error of this call, or `None` if it has an answer.
        """
        if not self._settled:
            raise RuntimeError("the multirequest has not been answered")
        return self._answer if isinstance(self._answer, ProviderError) else None

    def answer(self) -> Any:
        """
        Return the object, or list, that this call returned; the text of a scalar; nothing if the action returns
        nothing.

        Raises:
            Transient, Doubtful, Permanent: As `Client.call` would for this call alone.
        """
        if self.error is not None:
            raise self.error
        return self._answer

    def _settle(self, answer: Any) -> None:
        self._settled, self._answer = True, answer
