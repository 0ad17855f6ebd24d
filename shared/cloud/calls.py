"""Repeat calls to Google's services, and turn their errors into ours.

Called by the other files of this folder, which know which calls may be repeated at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from shared.core.errors import Conflict, Doubtful, Misconfigured, Permanent, ProviderError, Transient

if TYPE_CHECKING:
    from google.api_core.retry import Retry

TIMEOUT_S: Final = 10.0
"""The time for one call, with its repetitions."""

# The same request may succeed a little later after one of these.
# Source: https://cloud.google.com/apis/design/errors#handling_errors
_AGAIN: Final = frozenset(
    {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "RESOURCE_EXHAUSTED", "CANCELLED", "UNKNOWN"}
)


def repeated(timeout_s: float) -> Retry:
    """
    Return a retry that lets the library repeat an idempotent call, until `timeout_s` seconds have passed.
    """
    from google.api_core.exceptions import InternalServerError, ServiceUnavailable
    from google.api_core.retry import Retry, if_exception_type

    again = if_exception_type(ServiceUnavailable, InternalServerError)
    return Retry(predicate=again, initial=0.1, maximum=2.0, timeout=timeout_s)


@contextmanager
def asking(provider: str, operation: str, *, conflicts: frozenset[str] = frozenset()) -> Iterator[None]:
    """
    Turn the library's errors into ours. Errors that the request itself caused are raised as they are.

    Args:
        provider: Our name of the service.
        operation: The service's name of the call.
        conflicts: The gRPC codes by which the service says that another writer was first.

    Raises:
        Transient: The service could not be reached, or could not do it now (again).
        Conflict: Another writer was first (again, after a new read).
    """
    from google.api_core.exceptions import GoogleAPICallError, RetryError

    try:
        yield
    except RetryError as error:
        raise _unreachable(provider, operation, "UNAVAILABLE") from error
    except GoogleAPICallError as error:
        code = "UNKNOWN" if error.grpc_status_code is None else error.grpc_status_code.name
        if code in _AGAIN:
            raise _unreachable(provider, operation, code) from error
        if code in conflicts:
            raise Conflict("Somebody else changed the same document first. Try again.") from error
        raise


@contextmanager
def requesting(provider: str, operation: str, mistake: str, *, changes: bool = False) -> Iterator[None]:
    """
    Turn the errors of a library that speaks HTTP into ours. The library's texts quote requests, so no error has them.

    Args:
        provider: Our name of the service.
        operation: The service's name of the call.
        mistake: A sentence for the operator, if the service does not let us call it at all.
        changes: Whether the call changes something, so that it may have been done although no answer came.

    Raises:
        Transient: It was not done (again).
        Doubtful: It may have been done (again).
        Permanent: The service refused; `code` says why, `NOT_FOUND` if the thing does not exist (never).
        Misconfigured: The service does not let us call it at all (never, until the operator changes it).
    """
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    lost = Doubtful if changes else Transient
    try:
        yield
    except (GoogleAPICallError, RetryError, InvalidResponse) as error:
        # An error that stays after all repetitions is the cause of another one.
        known: Exception = error.cause if isinstance(error, RetryError) else error
        if isinstance(known, GoogleAPICallError):
            reasons = [str(one.get("reason")) for one in known.errors if isinstance(one, dict)]
            raise _refused(provider, operation, mistake, known.code or 0, [known.message, *reasons], lost) from None
        if isinstance(known, InvalidResponse):
            answer = known.response
            raise _refused(provider, operation, mistake, answer.status_code, [answer.text], lost) from None
        raise _unreachable(provider, operation, "TIMEOUT", lost) from None
    except DefaultCredentialsError:
        raise Misconfigured(mistake) from None
    except GoogleAuthError:
        raise _unreachable(provider, operation, "UNAUTHENTICATED", Transient) from None
    except (RequestException, HTTPError, ConnectionError, DataCorruption):
        raise _unreachable(provider, operation, "CONNECTION_LOST", lost) from None


def _refused(
    provider: str, operation: str, mistake: str, status: int, said: Sequence[str], lost: type[Transient]
) -> ProviderError | Misconfigured:
    """
    Return our error for an answer that is one.

    Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
    """
    if status in (408, 429) or any("ateLimitExceeded" in text for text in said):
        return _unreachable(provider, operation, f"HTTP_{status}", Transient)
    if status >= 500:
        return _unreachable(provider, operation, f"HTTP_{status}", lost)
    # The service tells a missing bucket from a missing object by its words alone.
    if status in (401, 403) or (status == 404 and any("bucket does not exist" in text for text in said)):
        return Misconfigured(mistake)
    code = "NOT_FOUND" if status == 404 else f"HTTP_{status}"
    return Permanent(f"{provider} refuses this request.", provider=provider, operation=operation, code=code)


def _unreachable(provider: str, operation: str, code: str, kind: type[Transient] = Transient) -> Transient:
    return kind(
        f"{provider} does not answer at the moment. Try again.", provider=provider, operation=operation, code=code
    )
