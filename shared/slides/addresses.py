"""The signed addresses of objects: signed several at a time, and reused while half of their lifetime is left.

Called by `payload.py`. In the cloud each signature is a call of some 50 ms, and a document has up to 401 addresses. So
they are signed in several threads, and an instance reuses an address while at least half of its lifetime is left. The
name of an object contains the upload and the conversion that it belongs to, so another content has another name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from shared.ports import Clock, Storage

LIFETIME_S: Final = 2 * 3600
"""Seconds for which an address works."""

REUSED_FOR: Final = timedelta(seconds=LIFETIME_S / 2)
"""How long after it was signed an address is reused."""

AT_ONCE: Final = 8
"""Threads that sign addresses for one request. The HTTP client keeps ten connections."""

KEPT_MAX: Final = 5000
"""Addresses that one instance keeps: some 10 MiB."""

Wanted = tuple[str, str | None]
"""The name of an object, and the name under which browsers save it, if they do not show it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """
    Signs addresses, and keeps them for reuse by later requests of this instance.

    Attributes:
        storage: Signs them.
        clock: Now, in UTC.
    """

    storage: Storage
    clock: Clock
    _kept: OrderedDict[Wanted, tuple[datetime, str]] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def of(self, wanted: Sequence[Wanted]) -> list[str]:
        """
        Return an address for each object.

        Raises:
            Transient: They could not be signed (again).
            Misconfigured: This service may not sign (never, until the operator lets it).
        """
        now = self.clock()
        kept = self._reusable(wanted, now)
        missing = [one for one in dict.fromkeys(wanted) if one not in kept]
        signed = dict(zip(missing, self._signed(missing), strict=True))
        self._keep(signed.items(), now)
        return [kept.get(one) or signed[one] for one in wanted]

    def _reusable(self, wanted: Iterable[Wanted], now: datetime) -> dict[Wanted, str]:
        """
        Return the addresses that are kept and have enough time left.
        """
        found = {}
        with self._lock:
            for one in wanted:
                signed_at, url = self._kept.get(one, (None, ""))
                if signed_at is not None and now - signed_at <= REUSED_FOR:
                    self._kept.move_to_end(one)
                    found[one] = url
        return found

    def _keep(self, signed: Iterable[tuple[Wanted, str]], now: datetime) -> None:
        with self._lock:
            for one, url in signed:
                self._kept[one] = (now, url)
                self._kept.move_to_end(one)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)

    def _signed(self, missing: Sequence[Wanted]) -> list[str]:
        if len(missing) < 2:
            return [self._sign(one) for one in missing]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            # After a failure `map` cancels the signatures that have not begun.
            return list(pool.map(self._sign, missing))

    def _sign(self, one: Wanted) -> str:
        name, file_name = one
        return self.storage.read_address(name, LIFETIME_S, file_name)
