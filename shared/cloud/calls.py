"""Repeat calls to Google's services, and turn their errors into ours.

Called by the other files of this folder, which know which calls may be repeated at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from shared.core.errors import Conflict, Transient

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


def _unreachable(provider: str, operation: str, code: str) -> Transient:
    return Transient(
        f"{provider} does not answer at the moment. Try again.", provider=provider, operation=operation, code=code
    )
