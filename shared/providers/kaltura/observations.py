"""Read the state of videos at Kaltura: entries, their flavors, and the upload tokens of those that wait for bytes.

Called by `media.py`, which sends the request. The meaning of Kaltura's statuses is left to `mapping.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from shared.ports import ExternalIds, MediaState, Observation, Stage
from shared.providers.kaltura import mapping

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked, Multi

ENTRY: Final = "entryId"
TOKEN: Final = "uploadTokenId"
UPLOADER: Final = "uploaderId"

_OF_ENTRIES: Final = (
    "id",
    "status",
    "moderationStatus",
    "mediaType",
    "msDuration",
    "duration",
    "width",
    "sourceType",
    "createdAt",
)
_OF_FLAVORS: Final = ("id", "entryId", "status", "size", "sizeInBytes", "containerFormat")
_OF_TOKENS: Final = ("id", "fileSize", "uploadedFileSize")
OF_CHANGES: Final = (*_OF_ENTRIES, "referenceId", "updatedAt")
"""The fields of entries that a list of changes needs."""


@dataclass(frozen=True, slots=True)
class Flavors:
    """
    The flavors of one entry.

    Attributes:
        source: The uploaded one, `None` if there is none.
        every: All of them; `None` if they are not known.
    """

    source: Any
    every: Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class FlavorsAnswer:
    """
    The calls of a multirequest that ask for the flavors of several entries.
    """

    sources: Asked
    every: Asked

    def answer(self) -> Callable[[str], Flavors]:
        """
        Return a function that returns the flavors of an entry, by its id.

        Raises:
            Transient, Doubtful, Permanent: As `Asked.answer`.
        """
        source_of = {str(flavor.entryId): flavor for flavor in self.sources.answer().objects}
        page = self.every.answer().objects
        flavors_of: dict[str, list[Any]] = {}
        for flavor in page:
            flavors_of.setdefault(str(flavor.entryId), []).append(flavor)
        # An entry has up to ten flavors. For many entries one page has only some of them, and does not show which are
        # missing.
        whole = len(page) < mapping.PAGE
        return lambda entry_id: Flavors(source_of.get(entry_id), flavors_of.get(entry_id, []) if whole else None)


def ask_observations(multi: Multi, external_ids: Sequence[ExternalIds]) -> Callable[[], Sequence[Observation]]:
    """
    Ask for the state of up to a page of videos.

    Returns:
        A function that returns the observations, in the order asked, once the request is answered; raises as
        `Asked.answer`.
    """
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaUploadTokenFilter

    ids = ",".join(sorted({one[ENTRY] for one in external_ids}))
    token_ids = ",".join(sorted({one[TOKEN] for one in external_ids if TOKEN in one}))
    page = KalturaFilterPager(pageSize=mapping.PAGE)
    entries = multi.ask(lambda c: c.baseEntry.getByIds(ids), fields=_OF_ENTRIES, many=True)
    flavors = ask_flavors(multi, ids)
    tokens = multi.ask(lambda c: c.uploadToken.list(KalturaUploadTokenFilter(idIn=token_ids), page), fields=_OF_TOKENS)

    def observe() -> Sequence[Observation]:
        by_id = {str(entry.id): entry for entry in entries.answer()}
        flavors_of = flavors.answer()
        token_by_id = {} if tokens.error else {str(token.id): token for token in tokens.answer().objects}
        return [
            observation_of(by_id.get(one[ENTRY]), flavors_of(one[ENTRY]), token_by_id.get(one.get(TOKEN, "")))
            for one in external_ids
        ]

    return observe


def ask_flavors(multi: Multi, entry_ids: str) -> FlavorsAnswer:
    """
    Ask for the flavors of up to a page of entries: the uploaded one of each, and all of them, which give the percent.
    """
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaFlavorAssetFilter

    page = KalturaFilterPager(pageSize=mapping.PAGE)
    sources = KalturaFlavorAssetFilter(entryIdIn=entry_ids, flavorParamsIdEqual=mapping.SOURCE_FLAVOR)
    every = KalturaFlavorAssetFilter(entryIdIn=entry_ids)
    return FlavorsAnswer(
        multi.ask(lambda c: c.flavorAsset.list(sources, page), fields=_OF_FLAVORS),
        multi.ask(lambda c: c.flavorAsset.list(every, page), fields=_OF_FLAVORS),
    )


def observation_of(entry: Any, flavors: Flavors, token: Any) -> Observation:
    """
    Return the state of a video.

    Args:
        entry: Its entry; `None` if it is gone.
        flavors: The flavors of the entry.
        token: The token of the upload, `None` if there is none.
    """
    if entry is None:
        return Observation(MediaState.GONE)
    status = mapping.status_of(entry)
    state = mapping.media_state(status)
    source = flavors.source
    media_type = None if source is None else mapping.media_type(source.containerFormat)
    size_bytes = None if source is None else _bytes_of(source)
    if mapping.is_rejected(entry) and state not in (MediaState.ERROR, MediaState.GONE):
        return Observation(MediaState.REJECTED)
    match state:
        case MediaState.AWAITING_UPLOAD:
            received_bytes = 0 if token is None else int(_number(token.uploadedFileSize))
            return Observation(
                state,
                percent=0 if token is None else _upload_percent(token),
                stage=Stage.RECEIVING if received_bytes else Stage.AWAITING_BYTES,
                received_bytes=received_bytes,
            )
        case MediaState.PROCESSING:
            percent = None if flavors.every is None else _flavor_percent(flavors.every)
            return Observation(state, percent=percent, stage=mapping.STAGES.get(status), size_bytes=size_bytes)
        case MediaState.READY:
            return Observation(
                state,
                percent=100,
                duration_s=_number(entry.msDuration) / 1000 or _number(entry.duration),
                size_bytes=size_bytes,
                media_type=media_type,
                is_video=_number(entry.width) > 0 and not mapping.is_picture(entry),
                began_at=_began_at(entry) if mapping.is_recording(entry) else None,
            )
        case _:
            # Kaltura recognised the file as a video and could not convert it. Another attempt may succeed.
            retryable = status == mapping.CONVERSION_FAILED and media_type is not None
            reason = mapping.NOT_CONVERTED if retryable else mapping.REASONS.get(status)
            return Observation(state, media_type=media_type, reason=reason, retryable=retryable)


def _began_at(entry: Any) -> datetime | None:
    """
    Return the instant of the first picture of a recording. Kaltura creates its entry when the broadcast begins, and
    counts whole seconds; the middle of the second is at most half a second off. What an encoder sends later is appended
    to the same entry. Source: KalturaLiveEntryService::createRecordedEntry, called by registerMediaServer.
    """
    created_at = _number(entry.createdAt)
    return datetime.fromtimestamp(created_at + 0.5, UTC) if created_at else None


def _upload_percent(token: Any) -> int:
    """
    Return how many percent of the declared size have arrived.
    """
    declared = _number(token.fileSize)
    return min(100, int(100 * _number(token.uploadedFileSize) / declared)) if declared else 0


def _flavor_percent(flavors: Sequence[Any]) -> int:
    """
    Return how many percent of the planned renditions exist.
    """
    statuses = [mapping.status_of(flavor) for flavor in flavors]
    counted = [status for status in statuses if status not in mapping.FLAVOR_NOT_COUNTED]
    if not counted:
        return 0
    return int(100 * sum(status == mapping.FLAVOR_READY for status in counted) / len(counted))


def _bytes_of(flavor: Any) -> int | None:
    """
    Return the size of a flavor's file: the exact one, or the one in KB, which Kaltura rounds.
    """
    exact = _number(getattr(flavor, "sizeInBytes", None))
    return int(exact or _number(flavor.size) * 1024) or None


def _number(value: Any) -> float:
    """
    Return a number of the library's objects, 0 if the answer had none.
    """
    return float(value) if isinstance(value, int | float) else 0.0
