"""Remember the few things that are created once in a Kaltura account: the access-control profile and the roles.

Called by `account.py`. Each is remembered by the instance for a minute, by a document `kalturaCache/{key}` that all
instances share, and by the account itself under its system name. What is found or created is left to
`account_objects.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.core import log
from shared.core.errors import Conflict, Permanent, ProviderError, Transient
from shared.core.paths import cache_path
from shared.ports import Clock, Create, Document, Documents, Fields, Update
from shared.providers.kaltura import account_objects
from shared.providers.kaltura.mapping import NAME

SETTING_UP_S: Final = 90
"""The lease of an instance that creates something in the account; longer than the instance can run."""

DOUBT_PAUSE_S: Final = 60
"""A thing that was learned less than this many seconds ago is not asked for again, whatever was refused."""

INSTANCE_KNOWN_S: Final = 60
"""
How long an instance uses its own copy of a document that all instances share. If one instance finds something new, the
others use it no later than this.
"""

_DOUBTS: Final = {"ACCESS_CONTROL_ID_NOT_FOUND": account_objects.ACCESS_CONTROL}
"""Error codes of Kaltura's that mean that a remembered thing does not exist, with the key of that thing."""


@dataclass(frozen=True, slots=True)
class AccountCache:
    """
    One instance's memory of an account, and the documents that all instances share.

    Attributes:
        documents: The documents that all instances share.
        clock: Now, in UTC.
        known_s: How long a thing is assumed to exist before it is searched for again.
    """

    documents: Documents
    clock: Clock
    known_s: int
    _values: dict[str, tuple[str, datetime]] = field(default_factory=dict, repr=False, compare=False)

    def once(self, key: str, find_or_create: Callable[[], str]) -> str:
        """
        Return something that is created once. It is remembered by the instance for `INSTANCE_KNOWN_S`, by
        `kalturaCache/{key}`, and by the account itself under its name. After `known_s` it is searched for again.

        Args:
            key: Its key, `account_objects.SYSTEM_NAMES`.
            find_or_create: Returns its value from Kaltura, and creates it there if it is missing.

        Raises:
            Transient: Another instance creates it at the moment (again).
            Transient, Doubtful, Permanent: As `find_or_create`.
        """
        path, now = cache_path(key), self.clock()
        remembered = self._values.get(key)
        if remembered is not None and now < remembered[1]:
            return str(remembered[0])
        (document,) = self.documents.read(path)
        known = None if document is None else document.fields
        if known is not None and known["value"] is not None:
            # If it is expired, one instance searches for it. Meanwhile the others use the old value, which most
            # probably still exists.
            if now < known["expiresAt"] or known["claimedUntil"] > now:
                return self._remember(key, known)
        elif known is not None and known["claimedUntil"] > now:
            raise _busy(key)
        claim = {"claimedUntil": now + timedelta(seconds=SETTING_UP_S)}
        try:
            write = (
                Create(path, {"value": None, "expiresAt": now, **claim})
                if document is None
                else Update(path, claim, if_version=document.version)
            )
            (version,) = self.documents.commit(write)
        except Conflict:
            raise _busy(key) from None
        try:
            value = find_or_create()
        except (Transient, Permanent):
            self.documents.commit(Update(path, {"claimedUntil": now}, if_version=version))
            raise
        found = {
            "value": value,
            "expiresAt": now + timedelta(seconds=self.known_s),
            "learnedAt": now,
            "claimedUntil": now,
        }
        self.documents.commit(Update(path, found, if_version=version))
        return self._remember(key, found)

    def use_for_now(self, key: str, value: str) -> str:
        """
        Use a value in this instance until `INSTANCE_KNOWN_S` have passed, because the right one cannot be had now.
        """
        self._values[key] = (value, self.clock() + timedelta(seconds=INSTANCE_KNOWN_S))
        return value

    def doubted(self, error: ProviderError) -> ProviderError:
        """
        Return the error to raise for an error of Kaltura's. If Kaltura says that a remembered thing does not exist, it
        is forgotten, and the call may be repeated: then the thing is searched for, and created if it is missing. A
        thing that was learned a moment ago is not forgotten, so that there is no endless loop.
        """
        key = _DOUBTS.get(error.code)
        if key is None:
            return error
        (document,) = self.documents.read(cache_path(key))
        remembered = self._values.get(key)
        is_current = document is not None and remembered is not None and document.fields["value"] == remembered[0]
        if is_current and document and refreshable_at(learned_at(document), self.clock()) is not None:
            return error
        log.cache_was_wrong(NAME, key, error)
        self._forget(key, document)
        sentence = "The account is being set up again. Try again."
        return Transient(sentence, provider=NAME, operation=error.operation, code=error.code)

    def forget_all(self) -> None:
        """
        Forget what was created in the account once, so that the next use checks the account itself.
        """
        documents = self.documents.read(*map(cache_path, account_objects.SYSTEM_NAMES))
        for key, document in zip(account_objects.SYSTEM_NAMES, documents, strict=True):
            self._forget(key, document)

    def check_again(self, find_all: Callable[[], Mapping[str, str]]) -> datetime | None:
        """
        Check whether the things that were created in the account once still exist. What is missing is forgotten, and
        created at its next use.

        Args:
            find_all: Returns the ids of the things that exist at Kaltura, by their keys. Not called if all things were
                confirmed a moment ago.

        Returns:
            When they can be checked again, if they were not checked now; `None` if they were.

        Raises:
            Transient, Doubtful, Permanent: As `find_all`.
        """
        now = self.clock()
        read = self.documents.read(*map(cache_path, account_objects.SYSTEM_NAMES))
        known = {
            key: document
            for key, document in zip(account_objects.SYSTEM_NAMES, read, strict=True)
            if document is not None and document.fields["value"]
        }
        if not known:
            return None
        waits = [refreshable_at(learned_at(document), now) for document in known.values()]
        if None not in waits:
            return min(at for at in waits if at is not None)
        until = now + timedelta(seconds=self.known_s)
        there = find_all()
        for key, document in known.items():
            if document.fields["value"] not in (there.get(key), account_objects.stand_in(key)):
                log.cache_was_wrong(NAME, key, _vanished())
                self._forget(key, document)
                continue
            with suppress(Conflict):
                self.documents.commit(
                    Update(document.path, {"expiresAt": until, "learnedAt": now}, if_version=document.version)
                )
        return None

    def _forget(self, key: str, document: Document | None) -> None:
        self._values.pop(key, None)
        if document is not None and document.fields["value"] is not None:
            with suppress(Conflict):
                self.documents.commit(Update(document.path, {"value": None}, if_version=document.version))

    def _remember(self, key: str, known: Fields) -> str:
        until = self.clock() + timedelta(seconds=INSTANCE_KNOWN_S)
        self._values[key] = (known["value"], min(until, max(known["expiresAt"], known["claimedUntil"])))
        return str(known["value"])


def learned_at(document: Document) -> datetime | None:
    """
    Return when Kaltura last confirmed what a document of `kalturaCache` remembers; `None` if an earlier release wrote
    it. Pure.
    """
    at: datetime | None = document.fields.get("learnedAt")
    return at


def refreshable_at(learned_at: datetime | None, now: datetime) -> datetime | None:
    """
    Return when Kaltura may be asked again for something learned at an instant; `None` if it may be now. Pure.
    """
    at = None if learned_at is None else learned_at + timedelta(seconds=DOUBT_PAUSE_S)
    return None if at is None or at <= now else at


def _vanished() -> Permanent:
    return Permanent("The object does not exist at Kaltura any more.", provider=NAME, operation="list", code="GONE")


def _busy(key: str) -> Transient:
    return Transient(
        "The account is being set up. Try again.", provider=NAME, operation=key, code="BUSY", retry_after_s=2
    )
