"""The record of an entry's archiving, with its document form in `archive/{entryId}`.

Called by the other files of this folder. Only the server writes the document, in two halves that never mix: the
operator, the policy or a viewer ask for something under `wish`, and reconciliations write all other fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.history import History, history_fields, history_from
from shared.core.identity import SessionIdentity
from shared.core.paths import ARCHIVE, ENTRY_ID
from shared.core.references import Kind
from shared.ports import ColdObject, Digest, Document, Fields, Flavor, Tier
from shared.reconcile import Progress

ORIGINAL: Final = Kind("original", ARCHIVE, ENTRY_ID)
"""The kind of an object in the cold store."""

ARCHIVED_TAG: Final = "archived_to_s3"
FLAVORS_DELETED_TAG: Final = "flavors_deleted"
"""The tags of an entry at its provider: its original is in the cold store; and a placeholder plays instead of it."""

SIZE_TOLERANCE: Final = 0.03
"""The greatest error, as a fraction, of a size that the provider reports in units of 1,024 bytes."""


class ArchiveState(StrEnum):
    """
    The `state` of an entry. It rests in `INITIAL`, `ARCHIVED` and `PLACE_HOLDER`; `LOST` is one whose entry does not
    exist any more, and `GONE` one whose record is deleted. The others are on the way between them.
    """

    INITIAL = "initial"
    STORING = "storing"
    STORED = "stored"
    ARCHIVED = "archived"
    REPLACING = "replacing"
    REPLACED = "replaced"
    SHOWN = "shown"
    PRUNED = "pruned"
    PLACE_HOLDER = "place_holder"
    WAITING = "waiting"
    AVAILABLE = "available"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    GONE = "gone"


HELD: Final = frozenset({ArchiveState.REPLACED, ArchiveState.SHOWN, ArchiveState.PRUNED, ArchiveState.PLACE_HOLDER})
"""The states in which the placeholder plays, and the original is not on its way back."""

COMING_BACK: Final = frozenset(
    {ArchiveState.WAITING, ArchiveState.AVAILABLE, ArchiveState.RETURNING, ArchiveState.RETURNED}
)
"""The states in which the original is on its way back."""


class Target(StrEnum):
    """
    The wanted state of an entry: nothing, its original in the cold store as well, or there only.
    """

    NONE = "none"
    ARCHIVED = "archived"
    PLACE_HOLDER = "place_holder"


class By(StrEnum):
    """
    The author of a wish.
    """

    OPERATOR = "operator"
    POLICY = "policy"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Wish:
    """
    The last request for an entry, under `wish`.

    Attributes:
        target: What is wanted.
        by: Who asked.
        asked_at: When.
        number: The number of the request, so that the same request is seen again.
        not_before: Nothing is done before this instant; the owner is told until then. `None` for at once.
        unplayed_since: Give up if the entry was played at or after this instant; `None` for never.
        tier: How quickly an original is brought back, and at what price.
        takes_key: Whether its original is stored even if the cold store has another object of that name, which must
            keep its version.
    """

    target: Target
    by: By
    asked_at: datetime
    number: int = 1
    not_before: datetime | None = None
    unplayed_since: datetime | None = None
    tier: Tier = Tier.BULK
    takes_key: bool = False

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "target": self.target.value,
            "by": self.by.value,
            "askedAt": self.asked_at,
            "number": self.number,
            "notBefore": self.not_before,
            "unplayedSince": self.unplayed_since,
            "tier": self.tier.value,
            "takesKey": self.takes_key,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        return cls(
            Target(fields["target"]),
            By(fields["by"]),
            fields["askedAt"],
            fields["number"],
            fields["notBefore"],
            fields["unplayedSince"],
            Tier(fields["tier"]),
            fields["takesKey"],
        )


@dataclass(frozen=True, slots=True)
class Original:
    """
    The proof that an original is in the cold store.

    Attributes:
        sha256: Of its bytes, in lower-case hexadecimal; empty for one that another program has archived.
        size_bytes: How many there are.
        flavor_id: The provider's id of the file.
        flavor_version: The version of that file at the provider which has these bytes.
        extension: The ending of the file's name.
        store: Our name of the store.
        key: Its key there.
        version: The store's id of the version.
        storage_class: The store's name of its class.
        checksum: The store's checksum of it.
        stored_at: When it was stored.
    """

    sha256: str
    size_bytes: int
    flavor_id: str
    flavor_version: str
    extension: str
    store: str
    key: str
    version: str
    storage_class: str
    checksum: str
    stored_at: datetime

    @classmethod
    def of(cls, flavor: Flavor, store: str, found: ColdObject, digest: Digest) -> Self:
        """
        Return the proof of what was just stored. Pure.
        """
        return cls(
            digest.sha256,
            digest.size_bytes,
            flavor.id,
            flavor.version,
            flavor.extension,
            store,
            found.key,
            found.version,
            found.storage_class,
            found.checksum,
            found.stored_at,
        )

    def is_of(self, flavor: Flavor | None) -> bool:
        """
        Tell whether a file at the provider is still the one that was stored: by version and size. Pure.
        """
        if flavor is None or (flavor.id, flavor.version) != (self.flavor_id, self.flavor_version):
            return False
        return is_size(flavor, self.size_bytes)

    def is_as(self, digest: Digest) -> bool:
        """
        Tell whether a file has these bytes, as far as they are known. Pure.
        """
        return digest.size_bytes == self.size_bytes and self.sha256 in ("", digest.sha256)

    def is_at(self, found: ColdObject | None) -> bool:
        """
        Tell whether an object in the store is still what was stored. An object that was stored before the bucket kept
        versions gets one when it begins to. Pure.
        """
        if found is None or self.version not in ("", found.version) or found.size_bytes != self.size_bytes:
            return False
        return not self.checksum or found.checksum == self.checksum

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "sha256": self.sha256,
            "bytes": self.size_bytes,
            "flavorId": self.flavor_id,
            "flavorVersion": self.flavor_version,
            "extension": self.extension,
            "store": self.store,
            "key": self.key,
            "version": self.version,
            "storageClass": self.storage_class,
            "checksum": self.checksum,
            "storedAt": self.stored_at,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        return cls(
            fields["sha256"],
            fields["bytes"],
            fields["flavorId"],
            fields["flavorVersion"],
            fields["extension"],
            fields["store"],
            fields["key"],
            fields["version"],
            fields["storageClass"],
            fields["checksum"],
            fields["storedAt"],
        )


def mark_of(flavor: Flavor) -> str:
    """
    Return what tells the present content of a file at the provider from any other: another file may count the same
    versions. Pure.
    """
    return f"{flavor.id} {flavor.version}"


def is_size(flavor: Flavor, size_bytes: int) -> bool:
    """
    Tell whether a file at the provider can have this size, which it may report rounded. Pure.
    """
    if flavor.size_bytes is not None:
        return flavor.size_bytes == size_bytes
    reported, truth = flavor.size_kb * 1024, size_bytes
    return abs(reported - truth) <= max(1024, SIZE_TOLERANCE * max(reported, truth))


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """
    The record of one entry.

    Attributes:
        provider: Our name of the provider that has it.
        video_id: The video that it is; empty if it is none of this deployment's.
        session: The session of that video; `None` if it is none.
        state: How far it is.
        original: The proof that its present original is in the cold store; `None` if it is not.
        earlier: Originals in the cold store that were replaced at the provider meanwhile. They stay there.
        flavors: The versions of its files when the placeholder was given to it, by their ids.
        placeholder: The placeholder at the provider, as `mark_of`; `None` if none plays.
        served: The number of the last wish that was carried out, or given up.
        tried_at: When the storing, or the replacement, was begun.
        polls: How often the replacement was polled.
        polled_at: When it was last polled.
        waits_until: When the next try is due, or when the original can be read.
        is_begun: Whether the provider is known to have begun the replacement.
        is_refused: Whether the replacement that is under way must be given up.
        handed_until: When a job that was started to copy the original should have begun; `None` if none was.
        failures: How often in a row a replacement has failed.
        history: Its states so far.
        progress: The reconciler's part.
    """

    provider: str
    video_id: str = ""
    session: SessionIdentity | None = None
    state: ArchiveState = ArchiveState.INITIAL
    original: Original | None = None
    earlier: tuple[Original, ...] = ()
    flavors: Mapping[str, str] = field(default_factory=dict)
    placeholder: str | None = None
    served: int = 0
    tried_at: datetime | None = None
    polls: int = 0
    polled_at: datetime | None = None
    waits_until: datetime | None = None
    is_begun: bool = False
    is_refused: bool = False
    handed_until: datetime | None = None
    failures: int = 0
    history: History = ()
    progress: Progress = field(default_factory=Progress)

    @property
    def stored(self) -> tuple[Original, ...]:
        """
        Return everything of it that is in the cold store.
        """
        return self.earlier if self.original is None else (*self.earlier, self.original)

    @property
    def due_at(self) -> datetime | None:
        """
        Return when its original can be read in the cold store, if that is waited for; else `None`.
        """
        return self.waits_until if self.state is ArchiveState.WAITING else None

    def is_placeholder(self, flavor: Flavor | None) -> bool:
        """
        Tell whether a file at the provider is the placeholder. Pure.
        """
        return flavor is not None and mark_of(flavor) == self.placeholder

    def to_fields(self) -> dict[str, Any]:
        """
        Return the recorded half of the document. Pure.
        """
        session = SessionIdentity("", "") if self.session is None else self.session
        return {
            "provider": self.provider,
            "videoId": self.video_id,
            **session.to_fields(),
            "state": self.state.value,
            "gone": self.state is ArchiveState.GONE,
            "original": None if self.original is None else self.original.to_fields(),
            "earlier": [one.to_fields() for one in self.earlier],
            "flavors": dict(self.flavors),
            "placeholder": self.placeholder,
            "served": self.served,
            "triedAt": self.tried_at,
            "polls": self.polls,
            "polledAt": self.polled_at,
            "waitsUntil": self.waits_until,
            "begun": self.is_begun,
            "refused": self.is_refused,
            "handedUntil": self.handed_until,
            "failures": self.failures,
            "history": history_fields(self.history),
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        fields = document.fields
        original = fields["original"]
        return cls(
            provider=fields["provider"],
            video_id=fields["videoId"],
            session=SessionIdentity.from_fields(fields["sessionId"], fields) if fields["sessionId"] else None,
            state=ArchiveState(fields["state"]),
            original=None if original is None else Original.from_fields(original),
            earlier=tuple(map(Original.from_fields, fields["earlier"])),
            flavors=dict(fields["flavors"]),
            placeholder=fields["placeholder"],
            served=fields["served"],
            tried_at=fields["triedAt"],
            polls=fields["polls"],
            polled_at=fields["polledAt"],
            waits_until=fields["waitsUntil"],
            is_begun=fields["begun"],
            is_refused=fields["refused"],
            handed_until=fields["handedUntil"],
            failures=fields["failures"],
            history=history_from(fields["history"]),
            progress=Progress.from_fields(fields),
        )
