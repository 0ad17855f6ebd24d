"""Choose the error to raise for a code of Kaltura's, or for a failure of the wire: may the call be repeated, and was it
done? Pure.

Called by the other files of this folder. What a refusal means to an adapter, for example that a thing is gone, is left
to `refusals.py` outside it.
"""

from __future__ import annotations

from typing import Final

from shared.core.errors import Doubtful, Permanent, ProviderError, Transient
from shared.providers.codes import MALFORMED
from shared.providers.kaltura.mapping import NAME

# Kaltura's codes that are not simply final (APIErrors.class.php, KalturaErrors.php).
INVALID_KS: Final = "INVALID_KS"
ACTION_BLOCKED: Final = "ACTION_BLOCKED"
LOCK_TIMED_OUT: Final = "LOCK_TIMED_OUT"
FILE_PENDING: Final = "FILE_PENDING"
CHUNK_NOT_THERE_YET: Final = "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE"
INTERNAL_SERVER_ERROR: Final = "INTERNAL_SERVER_ERROR"
INTERNAL_DATABASE_ERROR: Final = "INTERNAL_DATABASE_ERROR"
SEARCH_ENGINE_QUERY_FAILED: Final = "SEARCH_ENGINE_QUERY_FAILED"

# Entries that are being broadcast or recorded cannot be deleted until that is over (myEntryUtils::deleteEntry).
_IN_USE: Final = frozenset(
    {
        "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING",
        "RECORDED_NOT_READY",
        "RECORDING_FLOW_NOT_COMPLETE",
        "RECORDING_CONTENT_NOT_YET_SET",
    }
)
# Kaltura throws these before it writes anything, so the same call may be repeated. The rate limit is checked before the
# arguments (KalturaDispatcher), and things that are added under a lock are added wholly inside it. An expired KS may
# have been made while a clock was just set; the next call makes a new one.
_NOT_DONE: Final = _IN_USE | {ACTION_BLOCKED, LOCK_TIMED_OUT, FILE_PENDING, CHUNK_NOT_THERE_YET, INVALID_KS}
# Kaltura throws these if an action broke somewhere in the middle (KalturaFrontController::getExceptionObject).
_HALF_DONE: Final = frozenset({INTERNAL_SERVER_ERROR, INTERNAL_DATABASE_ERROR, SEARCH_ENGINE_QUERY_FAILED})


def error_of_code(operation: str, code: str, blamed: str) -> ProviderError:
    """
    Return the error for a refusal of Kaltura's.

    Args:
        operation: `service.action`.
        code: Kaltura's code.
        blamed: What the sentence adds to the code, if anything.
    """
    if code in _IN_USE:
        return transient(operation, code, "It is being broadcast or recorded, and is deleted once that is over.")
    if code in _NOT_DONE:
        return transient(operation, code, f"Kaltura cannot do this right now: {code}.")
    if code in _HALF_DONE:
        return doubtful(operation, code, f"Kaltura failed while doing this: {code}.")
    return Permanent(
        f"Kaltura refused {operation}: {code}{blamed}.",
        provider=NAME,
        operation=operation,
        code=code,
    )


def transient(operation: str, code: str, sentence: str) -> Transient:
    return Transient(sentence, provider=NAME, operation=operation, code=code)


def doubtful(operation: str, code: str, sentence: str) -> Doubtful:
    return Doubtful(sentence, provider=NAME, operation=operation, code=code)


def malformed(operation: str) -> Doubtful:
    # Raised without a cause: a parser's error would repeat what the server said.
    return doubtful(operation, MALFORMED, "Kaltura's answer was cut off or could not be read.")
