"""Tell Kaltura's refusals apart: the thing is gone, not offered, refused for good, or may be asked for again. Pure.

Called by the other files of this folder that ask for several things at once. Parsing an answer is left to `client`,
and the meaning of Kaltura's codes to `mapping.py`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from shared.core.errors import Doubtful, Permanent, ProviderError, Transient
from shared.ports import ExternalIds, Refusal
from shared.providers.kaltura import mapping
from shared.providers.kaltura.mapping import NAME

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Asked


def incomplete(error: ProviderError) -> Doubtful:
    """
    Return the error to raise if one part exists and another does not (again, look first).
    """
    retry_after_s = error.retry_after_s if isinstance(error, Transient) else None
    doubt = Doubtful(str(error), provider=NAME, operation=error.operation, code=error.code, retry_after_s=retry_after_s)
    doubt.__cause__ = error
    return doubt


def refused_part(error: ProviderError | None) -> Refusal:
    """
    Return the reason why one part of an event is refused for good: what is wrong, and what to change. Pure.
    """
    assert error is not None
    sentence = mapping.REFUSED_PARTS.get(error.code)
    return Refusal(error.code, sentence or f"{error} The event works without this part until the session is changed.")


def is_refused(error: ProviderError | None) -> bool:
    """
    Tell whether an error means that a part will always be refused as it was asked for.
    """
    return isinstance(error, Permanent) and not is_gone(error)


def is_lost(error: ProviderError | None) -> bool:
    """
    Tell whether an error means that a part does not exist any more.
    """
    return error is not None and is_gone(error)


def first_error(answers: Sequence[Asked], settled: Container[str]) -> ProviderError | None:
    """
    Return the first error of calls of which each needs the one before it. The errors after it say nothing.

    Args:
        answers: The answers in the order of the calls.
        settled: The error codes that mean that it is already as wanted.
    """
    errors = (answer.error for answer in answers)
    return next((error for error in errors if error is not None and error.code not in settled), None)


def raise_unless_gone(answer: Asked) -> None:
    """
    Accept the answer of a deletion, also if the thing was already gone.

    Raises:
        Transient, Doubtful, Permanent: The deletion failed for another reason.
    """
    if answer.error is not None and not is_gone(answer.error):
        raise answer.error


def remaining(reads: Mapping[str, Asked], external_ids: ExternalIds) -> ExternalIds:
    """
    Return the parts that still exist, given a read of each.

    Raises:
        Transient, Doubtful, Permanent: One of them could not be read.
    """
    for read in reads.values():
        raise_unless_gone(read)
    return {name: external_ids[name] for name, read in reads.items() if read.error is None}


def is_gone(error: ProviderError) -> bool:
    """
    Tell whether an error under an administrator's KS means that the thing does not exist. Pure.
    """
    return isinstance(error, Permanent) and error.code in mapping.GONE_CODES


def is_not_offered(error: ProviderError) -> bool:
    """
    Tell whether an error means that the account does not have the feature that was asked for. Pure.
    """
    return isinstance(error, Permanent) and error.code in mapping.NOT_OFFERED_CODES
