"""Watch whether a provider or host accepts our secret, and alert the operator if it does not.

Used by the client of every adapter, one for each account. Only the operator can correct a rejected secret, so no work
fails for it: the work waits, is tried again after long pauses, and continues by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from shared.core import log
from shared.core.errors import SecretRejected

REJECTED_PAUSE_S: Final = 300.0
"""Work whose secret is rejected is not tried again before this many seconds have passed."""

REMIND_S: Final = 3600.0
"""How often each instance repeats its alert while the secret is rejected."""


@dataclass(slots=True)
class SecretWatch:
    """
    The state of one client's secret; safe to share between threads.

    Attributes:
        provider: Our name of the provider or host.
        called: Its name for people.
        setting: The setting that has the secret, for the operator.
        now_s: A clock that only goes forward, in seconds.
    """

    provider: str
    called: str
    setting: str
    now_s: Callable[[], float] = monotonic
    _alerted_at_s: float | None = None

    def rejected(self, operation: str, code: str) -> SecretRejected:
        """
        Alert, unless that was done a short while ago.

        Returns:
            The error to raise: the call was not done (again, after a long pause).
        """
        now_s = self.now_s()
        if self._alerted_at_s is None or now_s - self._alerted_at_s >= REMIND_S:
            self._alerted_at_s = now_s
            log.secret_rejected(self.provider, self.setting, operation, code)
        return SecretRejected(
            f"{self.called} rejects the secret of this service. Its operator has to set the right one; it is tried "
            "again by itself.",
            provider=self.provider,
            operation=operation,
            code=code,
            retry_after_s=REJECTED_PAUSE_S,
        )

    def accepted(self) -> None:
        """
        Record that an answer shows that the secret is right.
        """
        if self._alerted_at_s is not None:
            self._alerted_at_s = None
            log.secret_accepted(self.provider, self.setting)
